//! One HTTP exchange, and the connections that are kept for the next one. The only code that knows ureq, sockets
//! and TLS: `exchange` speaks HTTP, `stream` is TCP and TLS.

mod exchange;
mod lookup;
mod message;
mod proxy;
mod stream;
mod tls;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use self::exchange::{AgentConfig, Lane};
use self::lookup::Lookup;
pub(crate) use self::message::{HeaderText, Reply, Request};
use self::proxy::Proxy;
use crate::error::{Error, Status};
use crate::secret::Secret;
use crate::url::{Url, default_port};
use crate::watch::Watch;

/// An idle connection older than this has likely been closed by the other side.
const MAX_IDLE: Duration = Duration::from_secs(60);
/// More idle connections than this are a burst that is over.
const MAX_LANES: usize = 64;
/// A reply is a kilobyte; more than this is not one.
pub(crate) const MAX_BODY: usize = 1024 * 1024;
const MAX_HEAD: usize = 64 * 1024;

#[derive(Clone)]
pub(crate) struct Place {
    /// Lower-cased; an IPv6 literal has its brackets.
    pub host: String,
    pub port: u16,
}

/// Where a client connects to, fixed when it is made.
pub(crate) struct Route {
    target: Place,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    proxy: Option<Proxy>,
    connect_timeout: Duration,
    agent_config: AgentConfig,
}

/// The connections of one client.
pub(crate) struct Http {
    route: Arc<Route>,
    first: Generation,
}

/// What one process keeps. A fork may find a lock held by a thread that does not exist in the child, so the child
/// never touches what its parent had: it starts a generation of its own, found without waiting for anybody.
struct Generation {
    process: u32,
    idle: Mutex<Vec<(Instant, Lane)>>,
    lookup: Arc<Lookup>,
    /// The process that makes `next`; 0: nobody yet.
    heir: AtomicU32,
    next: OnceLock<Box<Generation>>,
}

impl Http {
    pub fn new(
        base_url: &Url<'_>,
        proxy_url: Option<&str>,
        ca_file: Option<&str>,
        connect_timeout: Duration,
    ) -> Result<Self, Error> {
        let host = base_url.host.clone();
        let proxy = Proxy::choose(proxy_url, &host)?;
        let is_secure = base_url.scheme == "https";
        // Without TLS the roots are not needed, but a wrong file is still told at once.
        let config = if is_secure || ca_file.is_some() { Some(tls::config(ca_file)?) } else { None };
        let tls = match config.filter(|_| is_secure) {
            Some(config) => {
                let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(bare)
                    .map_err(|_| Error::argument("base_url", "the host is not a name that a certificate can have"))?;
                Some((config, name))
            }
            None => None,
        };
        let port = base_url.port.unwrap_or(default_port(&base_url.scheme));
        let route = Arc::new(Route {
            target: Place { host, port },
            tls,
            proxy,
            connect_timeout,
            agent_config: exchange::agent_config(),
        });
        Ok(Http { route, first: Generation::new() })
    }

    pub fn proxy_password(&self) -> Option<&Secret> {
        self.route.proxy.as_ref()?.password.as_ref()
    }

    /// Sends a request and reads its reply, on a kept connection if there is one. A kept connection that turns out to
    /// be dead before the reply begins is replaced once, and nobody hears of it.
    pub fn exchange(&self, request: &Request<'_>, watch: &mut Watch) -> Result<Reply, Error> {
        let generation = self.first.current();
        let lane = generation.and_then(Generation::take).unwrap_or_else(|| {
            let lookup = generation.map_or_else(Arc::default, |generation| Arc::clone(&generation.lookup));
            Lane::new(Arc::clone(&self.route), lookup)
        });
        let mut result = lane.exchange(request, watch);
        if let Err(error) = &result
            && error.status() == Status::Connection
            && lane.was_stale()
        {
            result = lane.exchange(request, watch);
        }
        if let Some(generation) = generation
            && lane.is_connected()
        {
            generation.keep(lane);
        }
        result
    }
}

impl Generation {
    fn new() -> Self {
        Generation {
            process: std::process::id(),
            idle: Mutex::default(),
            lookup: Arc::default(),
            heir: AtomicU32::new(0),
            next: OnceLock::new(),
        }
    }

    /// This process's: the last of the chain, if it is not an ancestor's. `None` in the one case where it cannot be had
    /// without waiting for a thread that a fork left behind, in the middle of making it; calls then keep no connection.
    fn current(&self) -> Option<&Self> {
        let process = std::process::id();
        let mut last = self;
        loop {
            if let Some(next) = last.next.get() {
                last = next;
            } else if last.process == process {
                return Some(last);
            } else {
                match last.heir.compare_exchange(0, process, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => drop(last.next.set(Box::new(Generation::new()))),
                    // Another thread of this process is about to set it.
                    Err(heir) if heir == process => std::thread::yield_now(),
                    Err(_) => return None,
                }
            }
        }
    }

    /// The lane used last: it is the most likely to be still connected.
    fn take(&self) -> Option<Lane> {
        locked(&self.idle).pop().map(|(_, lane)| lane)
    }

    fn keep(&self, lane: Lane) {
        let now = Instant::now();
        let mut dropped = Vec::new();
        let mut idle = locked(&self.idle);
        idle.push((now, lane));
        while idle.len() > MAX_LANES || idle.first().is_some_and(|(since, _)| now.duration_since(*since) > MAX_IDLE) {
            dropped.push(idle.remove(0));
        }
        // Closing sockets takes its time; nobody should wait for it.
        drop(idle);
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        // A fork that caught a thread with the lock left the child a list that may be half changed.
        if self.idle.try_lock().is_err() {
            std::mem::forget(std::mem::take(self.idle.get_mut().unwrap_or_else(PoisonError::into_inner)));
        }
    }
}

/// A lock that a panic elsewhere does not spoil: what it guards is whole between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
