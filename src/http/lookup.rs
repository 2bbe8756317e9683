//! Name lookup that a call can give up waiting for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::clock;
use crate::error::{Error, Status};
use crate::process::lock;
use crate::sys;
use crate::url;
use crate::watch::Watch;

/// How long an answer that nobody waited for may be used: about as long as names are valid at the least.
const MAX_AGE: Duration = Duration::from_secs(60);

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
    outcome: Mutex<Option<Outcome>>,
    ended: Condvar,
}

struct Outcome {
    addresses: Result<Vec<SocketAddr>, String>,
    /// On the clock that runs on through suspend.
    ended_at: Duration,
    is_used: bool,
}

impl Outcome {
    /// Whether it is for the next one who asks: it came when nobody waited any more. A resolver whose first server is
    /// silent takes longer than an impatient call, and each call would wait for it in vain.
    fn is_left_over(&self) -> bool {
        let age = clock::since_boot().saturating_sub(self.ended_at);
        self.addresses.is_ok() && !self.is_used && age < MAX_AGE
    }
}

impl Lookup {
    /// The lookup that is running, or whose answer was left over, or a new one.
    pub fn join(&mut self, place: &HostPort) -> Result<Arc<Running>, Error> {
        let is_of_use = |last: &&Arc<Running>| lock(&last.outcome).as_ref().is_none_or(Outcome::is_left_over);
        if let Some(running) = self.0.as_ref().filter(is_of_use) {
            return Ok(Arc::clone(running));
        }
        let running = Arc::new(Running::default());
        let result = Arc::clone(&running);
        let (host, port) = (place.host.clone(), place.port);
        let look_up = move || {
            let addresses = (host.as_str(), port).to_socket_addrs();
            let addresses =
                addresses.map(Iterator::collect).map_err(|error| format!("name lookup of {host} failed: {error}"));
            let outcome = Outcome { addresses, ended_at: clock::since_boot(), is_used: false };
            *lock(&result.outcome) = Some(outcome);
            result.ended.notify_all();
        };
        sys::spawn_without_signals("r2creds-lookup", look_up).map(drop).map_err(|error| {
            Error::new(Status::Connection, format!("no thread for the name lookup: {error}")).hinted(
                "The system refuses this process another thread: its limit of processes or of memory is reached, or a \
                 sandbox forbids it.",
            )
        })?;
        self.0 = Some(Arc::clone(&running));
        Ok(running)
    }
}

impl Running {
    pub fn wait(&self, watch: &mut Watch<'_>) -> Result<Vec<SocketAddr>, Error> {
        let mut addresses = None;
        // The lock is held only within a slice of the wait, never while the caller's poll runs.
        watch.wait("looking up the host name", |slice| {
            let wait = self.ended.wait_timeout_while(lock(&self.outcome), slice, |outcome| outcome.is_none());
            if let Some(outcome) = wait.unwrap_or_else(PoisonError::into_inner).0.as_mut() {
                outcome.is_used = true;
                addresses = Some(outcome.addresses.clone());
            }
            Ok(addresses.is_some())
        })?;
        addresses
            .unwrap_or_else(|| Err("the name lookup did not end".to_owned()))
            .map_err(|problem| Error::new(Status::Connection, problem))
    }
}
