//! Name lookup that a call can walk away from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex};

use super::{Place, locked};
use crate::error::{Error, Status};
use crate::sys;
use crate::url;
use crate::watch::Watch;

/// The one lookup of a client: it only ever connects to one place. `getaddrinfo` cannot be interrupted, so it runs in
/// a thread of its own; a call that gives up leaves that thread behind, and later calls join it.
#[derive(Default)]
pub struct Lookup(Mutex<Arc<Running>>);

#[derive(Default)]
struct Running {
    outcome: Mutex<Outcome>,
    changed: Condvar,
}

#[derive(Default)]
enum Outcome {
    /// Nothing asked yet.
    #[default]
    Idle,
    Pending,
    Found(Vec<SocketAddr>),
    Failed(String),
}

impl Lookup {
    pub fn resolve(&self, place: &Place, watch: &mut Watch) -> Result<Vec<SocketAddr>, Error> {
        let port = place.port;
        if place.host == "localhost" {
            let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(loopback.map(|address| SocketAddr::new(address, port)).into());
        }
        if let Some(address) = url::literal(&place.host) {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let running = self.join(place)?;
        let mut outcome = locked(&running.outcome);
        loop {
            match &*outcome {
                Outcome::Found(addresses) => return Ok(addresses.clone()),
                Outcome::Failed(problem) => return Err(Error::new(Status::Connection, problem.clone())),
                Outcome::Idle | Outcome::Pending => {}
            }
            // The guard is handed back and forth, so that the caller's poll never runs under the lock.
            drop(outcome);
            watch.wait("looking up the host name", |slice| {
                let guard = locked(&running.outcome);
                let wait = running.changed.wait_timeout_while(guard, slice, |now| matches!(now, Outcome::Pending));
                Ok(!wait.map_or_else(|poisoned| poisoned.into_inner().1.timed_out(), |(_, wait)| wait.timed_out()))
            })?;
            outcome = locked(&running.outcome);
        }
    }

    /// The lookup that is running, or a new one.
    fn join(&self, place: &Place) -> Result<Arc<Running>, Error> {
        let mut current = locked(&self.0);
        if matches!(&*locked(&current.outcome), Outcome::Pending) {
            return Ok(Arc::clone(&current));
        }
        let running = Arc::new(Running { outcome: Mutex::new(Outcome::Pending), changed: Condvar::new() });
        let (host, port) = (place.host.clone(), place.port);
        let told = Arc::clone(&running);
        let look_up = move || {
            let outcome = match (host.as_str(), port).to_socket_addrs() {
                Ok(addresses) => Outcome::Found(addresses.collect()),
                Err(error) => Outcome::Failed(format!("name lookup of {host} failed: {error}")),
            };
            *locked(&told.outcome) = outcome;
            told.changed.notify_all();
        };
        sys::spawn_without_signals("r2creds-lookup", look_up)
            .map_err(|error| Error::new(Status::Internal, format!("no thread for the name lookup: {error}")))?;
        *current = Arc::clone(&running);
        Ok(running)
    }
}
