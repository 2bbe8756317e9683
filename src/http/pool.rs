//! The connections of a client: how they are opened, and which are kept for the next request.

use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::ServerName;

use super::exchange::Connection;
use super::lookup::{self, HostPort, Lookup};
use super::message::{Reply, Request};
use super::proxy::Proxy;
use super::stream::Stream;
use super::tls::{self, Tls};
use crate::clock;
use crate::env::Environment;
use crate::error::{Error, Status};
use crate::process::PerProcess;
use crate::secret::Secret;
use crate::url::{Url, default_port};
use crate::watch::Watch;

/// An idle connection older than this has likely been closed by the other side.
const MAX_IDLE_TIME: Duration = Duration::from_secs(60);
/// More idle connections than this are left over from a burst of calls.
const MAX_IDLE: usize = 64;

/// Everything a client does over the network. It only ever connects to one server.
pub(crate) struct Http {
    target: HostPort,
    tls: Option<Tls>,
    proxy: Option<Proxy>,
    connect_timeout: Duration,
    /// A socket that two processes write to would mix their requests, so each process has its own.
    shared: PerProcess<Shared>,
}

/// What the calls of one process share.
#[derive(Default)]
struct Shared {
    /// The one used last is at the end.
    idle: Vec<Idle>,
    lookup: Lookup,
}

struct Idle {
    /// On the clock that runs on through suspend: the network forgets connections of a machine that sleeps, too.
    since: Duration,
    connection: Connection,
}

impl Idle {
    fn is_alive(&self) -> bool {
        clock::since_boot().saturating_sub(self.since) < MAX_IDLE_TIME && self.connection.stream.is_idle()
    }
}

impl Http {
    pub fn new(
        base_url: &Url<'_>,
        proxy_url: Option<&str>,
        ca_file: Option<&str>,
        connect_timeout: Duration,
        environment: Environment<'_>,
        user_agent: &str,
    ) -> Result<Self, Error> {
        let host = base_url.host.clone();
        let proxy = Proxy::choose(proxy_url, &host, environment, user_agent)?;
        let is_secure = base_url.scheme == "https";
        // Without TLS the roots are not needed, but a wrong file is an error at once all the same.
        let config = if is_secure || ca_file.is_some() { Some(tls::config(ca_file, environment)?) } else { None };
        let tls = match config.filter(|_| is_secure) {
            Some((config, ca_certificates)) => {
                let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(bare)
                    .map_err(|_| Error::argument("base_url", "the host is not a name that a certificate can have"))?;
                Some(Tls { config, name, ca_certificates })
            }
            None => None,
        };
        let port = base_url.port.unwrap_or(default_port(&base_url.scheme));
        Ok(Http { target: HostPort { host, port }, tls, proxy, connect_timeout, shared: PerProcess::default() })
    }

    pub fn proxy_password(&self) -> Option<&Secret> {
        self.proxy.as_ref()?.password.as_ref()
    }

    /// Sends a request and reads its reply, on a kept connection if there is one and `may_reuse`. The server may close
    /// a kept connection at any time, also just before the request arrives: if it breaks before the reply begins, the
    /// request is sent once more, on a new connection, within the same attempt.
    ///
    /// When a kept connection turns out to be dead, those that have been idle for as long are dead, too: the network has
    /// forgotten them all, or the server is tired of them all. They are closed, and `may_reuse` is cleared, so that the
    /// rest of the call makes new ones.
    pub fn exchange(&self, request: &Request<'_>, watch: &mut Watch<'_>, may_reuse: &mut bool) -> Result<Reply, Error> {
        let kept = if *may_reuse { self.take_idle() } else { None };
        if let Some(Idle { since, connection: mut kept }) = kept {
            let result = kept.exchange(request, watch);
            let is_dead = match &result {
                Ok(reply) => reply.http_status == 408,
                Err(error) => matches!(error.status(), Status::Connection | Status::Timeout),
            };
            if is_dead {
                *may_reuse = false;
                self.close_idle_since(since);
            }
            match &result {
                Err(error) if error.status() == Status::Connection && !kept.has_reply => {}
                _ if is_dead => return result,
                _ => {
                    self.keep(kept);
                    return result;
                }
            }
        }
        let mut new = Connection::new(self.connect(watch)?);
        let result = new.exchange(request, watch);
        self.keep(new);
        result
    }

    fn connect(&self, watch: &mut Watch<'_>) -> Result<Stream, Error> {
        let first = self.proxy.as_ref().map_or(&self.target, |proxy| &proxy.place);
        // Before the connection's clock, because a resolver may need longer: with its first server silent, 5 s.
        let addresses = self.addresses(first, watch)?;
        let wider = watch.narrow("connect_timeout_ms", self.connect_timeout);
        let mut stream = Stream::connect(first, &addresses, watch)?;
        if let Some(proxy) = &self.proxy {
            proxy.open_tunnel(&mut stream, &self.target, watch)?;
        }
        if let Some(tls) = &self.tls {
            stream.start_tls(tls, watch)?;
        }
        watch.restore(wider);
        Ok(stream)
    }

    fn addresses(&self, place: &HostPort, watch: &mut Watch<'_>) -> Result<Vec<SocketAddr>, Error> {
        if let Some(addresses) = lookup::known_addresses(place) {
            return Ok(addresses);
        }
        let running = self.shared.lock().lookup.join(place)?;
        running.wait(watch)
    }

    /// The connection used last, because it is the most likely to be still open.
    fn take_idle(&self) -> Option<Idle> {
        loop {
            let idle = self.shared.lock().idle.pop()?;
            if idle.is_alive() {
                return Some(idle);
            }
        }
    }

    /// Closes the connections that have been idle since then, or longer.
    fn close_idle_since(&self, then: Duration) {
        let mut shared = self.shared.lock();
        let (closed, kept): (Vec<Idle>, _) = shared.idle.drain(..).partition(|idle| idle.since <= then);
        shared.idle = kept;
        // Before `closed`: closing sockets takes its time, and other calls should not wait for it.
        drop(shared);
        drop(closed);
    }

    fn keep(&self, connection: Connection) {
        if !connection.may_be_kept {
            return;
        }
        let mut closed = Vec::new();
        let mut shared = self.shared.lock();
        shared.idle.push(Idle { since: clock::since_boot(), connection });
        // The oldest at least, whose server has closed it first: a socket of which only this side is open is a leak.
        while shared.idle.len() > MAX_IDLE || shared.idle.first().is_some_and(|oldest| !oldest.is_alive()) {
            closed.push(shared.idle.remove(0));
        }
        // Before `closed`: closing sockets takes its time, and other calls should not wait for it.
        drop(shared);
    }
}
