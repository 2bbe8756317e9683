//! Every wait of a call goes through here: clocks, cancellation and the caller's `poll`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Status};
use crate::sys::{self, AsSocket, Descriptor, POLLIN, POLLOUT, descriptor};

/// How often a waiting call looks whether it was cancelled; 100 ms are promised. It is a flag that is looked at, and
/// not a pipe that wakes the wait, because a flag needs no descriptor, survives `fork`, and can be set in a signal
/// handler.
const TICK: Duration = Duration::from_millis(25);
/// How often the caller's `poll` is called.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Ends calls from another thread or a signal handler. Once triggered, it stays so. One may serve many calls; its
/// clones share one state.
///
/// ```
/// let cancel = r2creds::Cancel::default();
/// let other_thread = cancel.clone();
/// std::thread::spawn(move || other_thread.trigger()).join().unwrap();
/// assert!(cancel.is_triggered());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Ends every call that uses this, now and later. Any thread, any number of times, also from a signal handler.
    pub fn trigger(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was triggered.
    pub fn is_triggered(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A point in time, and the option it comes from.
#[derive(Clone, Copy)]
pub struct Clock {
    at: Instant,
    name: &'static str,
    length: Duration,
}

/// What ends a call, and the only way to wait in one.
pub struct Watch<'a> {
    cancel: Option<Cancel>,
    /// Called on the calling thread; `true` ends the call.
    poll: Option<&'a dyn Fn() -> bool>,
    next_poll: Instant,
    /// The whole call's.
    call: Clock,
    /// The narrowest that runs now.
    clock: Clock,
}

impl<'a> Watch<'a> {
    pub fn new(cancel: Option<Cancel>, poll: Option<&'a dyn Fn() -> bool>, timeout: Duration) -> Self {
        let now = Instant::now();
        let call = Clock { at: now + timeout, name: "timeout_ms", length: timeout };
        Watch { cancel, poll, next_poll: now + POLL_INTERVAL, call, clock: call }
    }

    /// Starts the clock of one attempt.
    pub fn begin_attempt(&mut self, timeout: Duration) {
        self.clock = self.call;
        self.narrow("attempt_timeout_ms", timeout);
    }

    /// Adds a narrower clock and returns the one to [`restore`](Self::restore). A wider one caps it.
    pub fn narrow(&mut self, name: &'static str, length: Duration) -> Clock {
        let wider = self.clock;
        let at = Instant::now() + length;
        if at < wider.at {
            self.clock = Clock { at, name, length };
        }
        wider
    }

    pub fn restore(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// Whether a wait this long would end before the call's time is up.
    pub fn has_time_for(&self, wait: Duration) -> bool {
        Instant::now() + wait < self.call.at
    }

    /// An error if the call was cancelled or its clock ran out.
    pub fn check(&mut self, doing: &str) -> Result<(), Error> {
        self.check_at(Instant::now(), doing)
    }

    fn check_at(&mut self, now: Instant, doing: &str) -> Result<(), Error> {
        if self.cancel.as_ref().is_some_and(Cancel::is_triggered) {
            return Err(Error::cancelled());
        }
        if now >= self.clock.at {
            let Clock { name, length, .. } = self.clock;
            let milliseconds = length.as_millis();
            return Err(Error::new(Status::Timeout, format!("timed out {doing}: {name} ({milliseconds} ms) ran out")));
        }
        if now >= self.next_poll
            && let Some(poll) = self.poll
        {
            self.next_poll = now + POLL_INTERVAL;
            if poll() {
                return Err(Error::cancelled());
            }
        }
        Ok(())
    }

    /// How long to sleep at most before the next [`check`](Self::check).
    fn slice(&self, now: Instant, until: Instant) -> Duration {
        let rest = until.min(self.clock.at).saturating_duration_since(now);
        if self.cancel.is_some() || self.poll.is_some() { rest.min(TICK) } else { rest }
    }

    /// Calls `wait` with slices of time until it says `true`, or `until` comes (`false`), or the call has to end.
    pub fn wait_until(
        &mut self,
        until: Instant,
        doing: &str,
        mut wait: impl FnMut(Duration) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        loop {
            let now = Instant::now();
            self.check_at(now, doing)?;
            if wait(self.slice(now, until))? {
                return Ok(true);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
        }
    }

    /// [`wait_until`](Self::wait_until) the narrowest clock runs out, which is an error.
    pub fn wait(&mut self, doing: &str, wait: impl FnMut(Duration) -> Result<bool, Error>) -> Result<(), Error> {
        let until = self.clock.at + Duration::from_secs(1);
        self.wait_until(until, doing, wait).map(drop)
    }

    pub fn wait_readable(&mut self, socket: &impl AsSocket, doing: &str) -> Result<(), Error> {
        self.wait(doing, |slice| wait_for(&mut [descriptor(socket, POLLIN)], slice))
    }

    pub fn wait_writable(&mut self, socket: &impl AsSocket, doing: &str) -> Result<(), Error> {
        self.wait(doing, |slice| wait_for(&mut [descriptor(socket, POLLOUT)], slice))
    }

    /// The pause between two attempts, on the whole call's clock.
    pub fn sleep(&mut self, duration: Duration) -> Result<(), Error> {
        self.clock = self.call;
        let until = Instant::now() + duration;
        self.wait_until(until, "between attempts", |slice| wait_for(&mut [], slice)).map(drop)
    }
}

/// Whether one of the descriptors became ready. A signal ends the wait early: its handler may have cancelled.
pub fn wait_for(descriptors: &mut [Descriptor], timeout: Duration) -> Result<bool, Error> {
    match sys::poll(descriptors, timeout) {
        Ok(ready) => Ok(ready > 0),
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(false),
        Err(error) => Err(Error::new(Status::Internal, format!("poll failed: {error}"))),
    }
}
