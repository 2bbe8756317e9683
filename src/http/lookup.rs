//! Name lookup that a call can give up waiting for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::error::{Error, Status};
use crate::process::lock;
use crate::sys;
use crate::url;
use crate::watch::Watch;

/// Where to connect to.
#[derive(Clone)]
pub struct HostPort {
    /// Lower-cased; an IPv6 literal has its brackets.
    pub host: String,
    pub port: u16,
}

/// The addresses, where they are known without asking anybody.
pub fn known_addresses(place: &HostPort) -> Option<Vec<SocketAddr>> {
    let addresses: Vec<IpAddr> = if place.host == "localhost" {
        vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else {
        vec![url::literal(&place.host)?]
    };
    Some(addresses.into_iter().map(|address| SocketAddr::new(address, place.port)).collect())
}

/// The last lookup, if there was any. `getaddrinfo` cannot be interrupted, so it runs in a thread of its own; a call
/// that gives up leaves that thread behind, and later calls wait for the same one. All of them ask for the same host.
#[derive(Default)]
pub struct Lookup(Option<Arc<Running>>);

#[derive(Default)]
pub struct Running {
    /// `None` until it has ended.
    outcome: Mutex<Option<Result<Vec<SocketAddr>, String>>>,
    ended: Condvar,
}

impl Lookup {
    /// The lookup that is running, or a new one.
    pub fn join(&mut self, place: &HostPort) -> Result<Arc<Running>, Error> {
        if let Some(running) = self.0.as_ref().filter(|last| lock(&last.outcome).is_none()) {
            return Ok(Arc::clone(running));
        }
        let running = Arc::new(Running::default());
        let result = Arc::clone(&running);
        let (host, port) = (place.host.clone(), place.port);
        let look_up = move || {
            let addresses = (host.as_str(), port).to_socket_addrs();
            *lock(&result.outcome) = Some(
                addresses.map(Iterator::collect).map_err(|error| format!("name lookup of {host} failed: {error}")),
            );
            result.ended.notify_all();
        };
        sys::spawn_without_signals("r2creds-lookup", look_up)
            .map_err(|error| Error::new(Status::Internal, format!("no thread for the name lookup: {error}")))?;
        self.0 = Some(Arc::clone(&running));
        Ok(running)
    }
}

impl Running {
    pub fn wait(&self, watch: &mut Watch<'_>) -> Result<Vec<SocketAddr>, Error> {
        let mut outcome = None;
        // The lock is held only within a slice of the wait, never while the caller's poll runs.
        watch.wait("looking up the host name", |slice| {
            let wait = self.ended.wait_timeout_while(lock(&self.outcome), slice, |outcome| outcome.is_none());
            outcome.clone_from(&wait.unwrap_or_else(PoisonError::into_inner).0);
            Ok(outcome.is_some())
        })?;
        outcome
            .unwrap_or_else(|| Err("the name lookup did not end".to_owned()))
            .map_err(|problem| Error::new(Status::Connection, problem))
    }
}
