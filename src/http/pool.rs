//! The connections of a client: how they are opened, and which are kept for the next request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::exchange::Connection;
use super::lookup::{self, HostPort, Lookup};
use super::message::{Reply, Request};
use super::proxy::Proxy;
use super::stream::Stream;
use super::tls;
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
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
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
    since: Instant,
    connection: Connection,
}

impl Http {
    pub fn new(
        base_url: &Url<'_>,
        proxy_url: Option<&str>,
        ca_file: Option<&str>,
        connect_timeout: Duration,
        environment: Environment,
    ) -> Result<Self, Error> {
        let host = base_url.host.clone();
        let proxy = Proxy::choose(proxy_url, &host, environment)?;
        let is_secure = base_url.scheme == "https";
        // Without TLS the roots are not needed, but a wrong file is an error at once all the same.
        let config = if is_secure || ca_file.is_some() { Some(tls::config(ca_file, environment)?) } else { None };
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
        Ok(Http { target: HostPort { host, port }, tls, proxy, connect_timeout, shared: PerProcess::default() })
    }

    pub fn proxy_password(&self) -> Option<&Secret> {
        self.proxy.as_ref()?.password.as_ref()
    }

    /// Sends a request and reads its reply, on a kept connection if there is one. The server may close a kept
    /// connection at any time, also just before the request arrives: if it breaks before the reply begins, the request
    /// is sent once more, on a new connection, within the same attempt.
    pub fn exchange(&self, request: &Request<'_>, watch: &mut Watch<'_>) -> Result<Reply, Error> {
        if let Some(mut kept) = self.take_idle() {
            let result = kept.exchange(request, watch);
            match &result {
                Err(error) if error.status() == Status::Connection && !kept.has_reply => {}
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
        let wider = watch.narrow("connect_timeout_ms", self.connect_timeout);
        let first = self.proxy.as_ref().map_or(&self.target, |proxy| &proxy.place);
        let mut stream = Stream::connect(first, &self.addresses(first, watch)?, watch)?;
        if let Some(proxy) = &self.proxy {
            proxy.open_tunnel(&mut stream, &self.target, watch)?;
        }
        if let Some((config, name)) = &self.tls {
            stream.start_tls(config, name, watch)?;
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
    fn take_idle(&self) -> Option<Connection> {
        loop {
            let Idle { since, connection } = self.shared.lock().idle.pop()?;
            if since.elapsed() < MAX_IDLE_TIME && connection.stream.is_idle() {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: Connection) {
        if !connection.may_be_kept {
            return;
        }
        let mut closed = Vec::new();
        let mut shared = self.shared.lock();
        shared.idle.push(Idle { since: Instant::now(), connection });
        while shared.idle.len() > MAX_IDLE || shared.idle.first().is_some_and(|i| i.since.elapsed() > MAX_IDLE_TIME) {
            closed.push(shared.idle.remove(0));
        }
        // Before `closed`: closing sockets takes its time, and other calls should not wait for it.
        drop(shared);
    }
}
