//! One credential for many callers, kept fresh. `renewal.rs` says when it is renewed; here is who does it, who waits for
//! it, and what is handed out meanwhile. docs/renewal.md has the rules and their reasons.

use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use crate::api::{Client, RequestOptions, check_timeout};
use crate::clock::{since_boot, unix_now_ms};
use crate::credentials::Credentials;
use crate::error::{Error, Status};
use crate::params::{KeptParams, Params, SignGrant};
use crate::process::PerProcess;
use crate::renewal::{self, Leads, State};
use crate::secret::Secret;
use crate::sign::sign;
use crate::sys;
use crate::watch::{Cancel, Watch};

/// Nobody who could use a good credential waits for longer, whatever the API does.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// A server that refuses everything must not make every request of a program a renewal.
const REJECTION_INTERVAL: Duration = Duration::from_secs(10);

/// Gives one credential to many callers, and renews it in time. Any number of threads may use one, and parent and child
/// after `fork`. `Debug` shows no secret.
///
/// ```
/// use r2creds::{Params, Permission, Provider, RequestOptions};
///
/// let params = Params {
///     account_id: "023e105f4ecef8ad9ca31a8372d0c353",
///     bucket: "recordings",
///     parent_access_key_id: "0123456789abcdef0123456789abcdef",
///     parent_secret_access_key: Some("0000000000000000000000000000000000000000000000000000000000000001"),
///     permission: Some(Permission::ObjectReadOnly),
///     ..Params::default()
/// };
/// let provider = Provider::new(None, &params, &RequestOptions::default())?; // signs; with a client, it asks the API
/// let credentials = provider.get(&RequestOptions::default())?; // before every request
/// assert!(credentials.expires_at() > 0);
/// # Ok::<(), r2creds::Error>(())
/// ```
pub struct Provider(Arc<Shared>);

/// What a renewal that runs on a thread of its own shares with the callers.
struct Shared {
    source: Source,
    /// Changed under the lock of `work` alone, and read without it.
    current: ArcSwapOption<Held>,
    work: PerProcess<Work>,
}

/// How a credential is made.
struct Source {
    params: KeptParams,
    /// `None`: it is signed here.
    remote: Option<Remote>,
}

struct Remote {
    client: Arc<Client>,
    headers: Vec<Secret>,
    extra_body: Option<Secret>,
    timeout: Option<Duration>,
    max_retries: Option<u32>,
}

/// A credential in hand.
struct Held {
    credentials: Arc<Credentials>,
    /// For C: each thread takes its own of these, so that threads do not fight for one counter. With two threads on two
    /// cores a `get` takes half as long for it.
    shares: [Arc<Share>; 8],
    leads: Leads,
    jitter: Duration,
    /// When it ends, on both clocks; what comes first counts. A wall clock that is set back does not lengthen it.
    end: Now,
}

/// One of a credential's counters of owners, in a cache line of its own.
#[repr(align(64))]
pub(crate) struct Share(Arc<Credentials>);

impl Deref for Share {
    type Target = Arc<Credentials>;

    fn deref(&self) -> &Arc<Credentials> {
        &self.0
    }
}

/// The wall clock and the one that runs on through suspend, in milliseconds.
#[derive(Clone, Copy)]
struct Now {
    wall: i64,
    boot: i64,
}

/// What is under way. A child of `fork` begins with nothing under way.
#[derive(Default)]
struct Work {
    running: Option<Running>,
    /// The last renewal's, which has ended unless `running` says otherwise.
    thread: Option<Thread>,
    /// How many renewals have ended.
    ended: u64,
    changed: Arc<Condvar>,
    /// Failures in a row.
    failures: u32,
    last_error: Option<Error>,
    pause: Option<Pause>,
    /// When the last credential was rejected, on the clock that runs on through suspend.
    rejected_at: Option<i64>,
}

struct Running {
    cancel: Cancel,
    began: Instant,
}

/// What a caller finds who has not found a fresh credential.
struct Look<'a> {
    work: MutexGuard<'a, Work>,
    state: State,
    /// The credential, unless it is over.
    good: Option<Arc<Share>>,
}

/// After a failure, the server is left alone for a while.
struct Pause {
    /// On the clock that runs on through suspend.
    until: i64,
    /// It is over as soon as there is no good credential any more: then it is worth another try.
    ends_with_credential: bool,
}

/// A thread that ends before what it works for.
struct Thread {
    process: u32,
    /// Always there, until it is dropped.
    handle: Option<JoinHandle<()>>,
}

impl Provider {
    /// One that asks Cloudflare's API through `client`, or signs locally without one. Checks everything that can be
    /// checked, and sends nothing.
    ///
    /// `options` are those of every renewal. `cancel` and `poll` must be `None`, because a renewal serves many callers;
    /// for a provider that signs, all must be. With `issued_at`, every credential begins at that time, and none can be
    /// had once it is over: for tests.
    pub fn new(client: Option<&Arc<Client>>, params: &Params<'_>, options: &RequestOptions<'_>) -> Result<Self, Error> {
        const PER_GET: &str = "set, expected none: a renewal serves many callers; give it to each get";
        const NOTHING_SENT: &str = "set, expected none: a provider without a client signs, and sends nothing";
        if options.cancel.is_some() {
            return Err(Error::argument("cancel", PER_GET));
        }
        if options.poll.is_some() {
            return Err(Error::argument("poll", PER_GET));
        }
        if let Some(client) = client {
            client.check_create(params, options)?;
        } else {
            options.check_nothing_sent(NOTHING_SENT)?;
            if options.timeout.is_some() {
                return Err(Error::argument("timeout_ms", NOTHING_SENT));
            }
            SignGrant::parse(params)?;
        }
        let remote = client.map(|client| Remote {
            client: Arc::clone(client),
            headers: options.headers.iter().map(|&line| Secret::from(line)).collect(),
            extra_body: options.extra_body.map(Secret::from),
            timeout: options.timeout,
            max_retries: options.max_retries,
        });
        let source = Source { params: params.into(), remote };
        Ok(Provider(Arc::new(Shared { source, current: ArcSwapOption::empty(), work: PerProcess::default() })))
    }

    /// A credential that is good now. Keep it for one request and ask again before the next; while it is fresh, that
    /// takes some nanoseconds.
    ///
    /// Waits only where there is no good credential, as at the first call, or for up to two seconds near the end of one.
    /// `cancel`, `poll` and `timeout` end this wait and not the renewal; all else must be unset.
    pub fn get(&self, options: &RequestOptions<'_>) -> Result<Arc<Credentials>, Error> {
        self.share(options).map(|share| Arc::clone(&share.0))
    }

    pub(crate) fn share(&self, options: &RequestOptions<'_>) -> Result<Arc<Share>, Error> {
        options.check_nothing_sent("set, expected none: a get sends nothing of its own; give it to the provider")?;
        check_timeout("timeout_ms", options.timeout)?;
        match self.fresh()? {
            Some(share) => Ok(share),
            None => self.0.get_renewed(options),
        }
    }

    /// The credential, while it is fresh.
    pub(crate) fn fresh(&self) -> Result<Option<Arc<Share>>, Error> {
        let now = Now::read()?;
        Ok(self.0.current.load().as_ref().filter(|held| held.state(now) == State::Fresh).map(|held| held.share()))
    }

    /// Tells that R2 refused this credential: with 403 `SignatureDoesNotMatch`, with 400 `InvalidArgument` about
    /// `X-Amz-Security-Token`, or with 401; never on `AccessDenied`, which is about the grant. The next
    /// [`get`](Self::get) makes another one. Does nothing where it is not the current one any more, nor within ten
    /// seconds of another rejection.
    pub fn reject(&self, credentials: &Arc<Credentials>) {
        self.0.reject(credentials);
    }

    /// Why the last renewal failed; `None` when it succeeded, or none was tried. For alarms before the end comes.
    pub fn last_error(&self) -> Option<Error> {
        self.0.work.lock().last_error.clone()
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("credentials", &self.0.current.load().as_ref().map(|held| &held.credentials))
            .finish()
    }
}

impl Drop for Provider {
    /// Cancels the renewal that runs, and waits for its thread, for at most 100 ms.
    fn drop(&mut self) {
        let mut work = self.0.work.lock();
        if let Some(running) = &work.running {
            running.cancel.trigger();
        }
        let thread = work.thread.take();
        drop(work);
        drop(thread);
    }
}

impl Shared {
    /// What is in hand, what is to be done about it, and what is under way.
    fn look(&self) -> Result<Look<'_>, Error> {
        let work = self.work.lock();
        let now = Now::read()?;
        let held = self.current.load();
        let state = held.as_ref().map_or(State::Over, |held| held.state(now));
        let good = held.as_ref().filter(|_| state != State::Over).map(|held| held.share());
        Ok(Look { work, state, good })
    }

    /// [`Provider::get`] where the credential is not fresh.
    fn get_renewed(self: &Arc<Self>, options: &RequestOptions<'_>) -> Result<Arc<Share>, Error> {
        let mut watch = options.watch_wait();
        loop {
            let Look { work, state, good } = self.look()?;
            if state == State::Fresh || work.is_paused(state) {
                match (&good, &work.last_error) {
                    (Some(good), _) => return Ok(Arc::clone(good)),
                    (None, Some(error)) => return Err(work.told_again(error)),
                    (None, None) => {}
                }
            }
            let ended = work.ended;
            let began = work.running.as_ref().map_or_else(Instant::now, |running| running.began);
            if work.running.is_none() {
                self.begin(work, options, &mut watch, good.is_some());
            } else {
                drop(work);
            }
            let waited = match (state, good) {
                (State::Due, _) => Ok(()),
                (_, good) => self.wait(&mut watch, ended, good.map(|_| began + LONGEST_WAIT)),
            };
            // What has come meanwhile, or what still serves.
            let Look { work, good, .. } = self.look()?;
            match (good, waited) {
                (_, Err(error)) if error.status() != Status::Timeout => return Err(error),
                (Some(good), _) => return Ok(good),
                (None, Err(error)) => return Err(error),
                (None, Ok(())) => {
                    if let Some(error) = work.last_error.as_ref().filter(|_| work.ended != ended) {
                        return Err(work.told_again(error));
                    }
                    // The renewal was given up by another caller, or the credential has ended while it still runs.
                }
            }
        }
    }

    /// Waits until another renewal than the first `ended` ones has ended, or it is time to go on without.
    fn wait(&self, watch: &mut Watch<'_>, ended: u64, until: Option<Instant>) -> Result<(), Error> {
        let forever = Instant::now() + Duration::from_secs(u64::from(u32::MAX));
        // The lock is held only within a slice of the wait, never while the caller's poll runs.
        let waited = watch.wait_until(until.unwrap_or(forever), "waiting for the renewal", |slice| {
            let work = self.work.lock();
            let changed = Arc::clone(&work.changed);
            let runs = |work: &mut Work| work.ended == ended && work.running.is_some();
            let work = changed.wait_timeout_while(work, slice, runs).unwrap_or_else(PoisonError::into_inner).0;
            Ok(work.ended != ended || work.running.is_none())
        });
        waited.map(drop).map_err(|mut error| {
            error.data_mut().retryable = error.status() == Status::Timeout;
            error
        })
    }

    /// Renews: at once where it is signed, else on a thread of its own. Where none can be had, it is the caller's, with
    /// the caller's clocks.
    fn begin(
        self: &Arc<Self>,
        mut work: MutexGuard<'_, Work>,
        options: &RequestOptions<'_>,
        watch: &mut Watch<'_>,
        has_good: bool,
    ) {
        let Some(remote) = &self.source.remote else {
            let made = self.source.params.lend(sign);
            return self.end(&mut work, made);
        };
        let cancel = Cancel::default();
        work.running = Some(Running { cancel: cancel.clone(), began: Instant::now() });
        let shared = Arc::clone(self);
        let run = move || {
            let made = catch_unwind(AssertUnwindSafe(|| {
                let remote = shared.source.remote.as_ref().ok_or_else(Error::panicked)?;
                remote.create(&shared.source.params, Some(cancel), None, remote.timeout)
            }));
            shared.end(&mut shared.work.lock(), made.unwrap_or_else(|_| Err(Error::panicked())));
        };
        if let Ok(handle) = sys::spawn_without_signals("r2creds-renewal", run) {
            work.thread = Some(Thread::new(handle));
            return;
        }
        drop(work);
        let limits = [options.timeout, remote.timeout, has_good.then_some(LONGEST_WAIT)];
        let timeout = limits.into_iter().flatten().min();
        let made = remote.create(&self.source.params, options.cancel.clone(), options.poll, timeout);
        let mut work = self.work.lock();
        if made.is_err() && watch.check("waiting for the renewal").is_err() {
            // The caller has given up, not the server: others try for themselves.
            work.running = None;
            work.changed.notify_all();
        } else {
            self.end(&mut work, made);
        }
    }

    /// A renewal has ended, with a credential or without.
    fn end(&self, work: &mut Work, made: Result<Credentials, Error>) {
        work.running = None;
        work.ended += 1;
        work.changed.notify_all();
        let good = self.current.load().as_ref().and_then(|held| Some(held.left(Now::read().ok()?)));
        let good = good.filter(|left| *left > 0);
        match made.and_then(|made| Held::new(made, &self.source, good)) {
            Ok(held) => {
                self.current.store(Some(Arc::new(held)));
                work.failures = 0;
                (work.last_error, work.pause) = (None, None);
            }
            Err(error) => {
                work.failures = work.failures.saturating_add(1);
                let asked = error.retry_after().filter(|asked| !asked.is_zero());
                let pause = renewal::pause(work.failures, asked, sys::random());
                work.pause = Some(Pause {
                    until: boot_ms().saturating_add(milliseconds(pause)),
                    ends_with_credential: good.is_some() && asked.is_none(),
                });
                work.last_error = Some(error);
            }
        }
    }

    fn reject(&self, credentials: &Arc<Credentials>) {
        let mut work = self.work.lock();
        let now = boot_ms();
        let is_too_soon = work.rejected_at.is_some_and(|at| now < at + milliseconds(REJECTION_INTERVAL));
        let is_current = self.current.load().as_ref().is_some_and(|held| Arc::ptr_eq(&held.credentials, credentials));
        if is_current && !is_too_soon {
            self.current.store(None);
            work.rejected_at = Some(now);
        }
    }
}

impl Remote {
    fn create(
        &self,
        params: &KeptParams,
        cancel: Option<Cancel>,
        poll: Option<&dyn Fn() -> bool>,
        timeout: Option<Duration>,
    ) -> Result<Credentials, Error> {
        let headers: Vec<&str> = self.headers.iter().map(Secret::as_str).collect();
        let options = RequestOptions {
            cancel,
            poll,
            headers: &headers,
            extra_body: self.extra_body.as_ref().map(Secret::as_str),
            timeout,
            max_retries: self.max_retries,
        };
        params.lend(|params| self.client.create(params, &options))
    }
}

impl Work {
    fn is_paused(&self, state: State) -> bool {
        self.pause
            .as_ref()
            .is_some_and(|pause| boot_ms() < pause.until && !(pause.ends_with_credential && state == State::Over))
    }

    /// The last error, with how long it stands.
    fn told_again(&self, error: &Error) -> Error {
        let mut error = error.clone();
        let left = self.pause.as_ref().map(|pause| pause.until.saturating_sub(boot_ms()));
        error.data_mut().retry_after = left.and_then(|left| u64::try_from(left).ok()).map(Duration::from_millis);
        error
    }
}

impl Now {
    fn read() -> Result<Self, Error> {
        Ok(Now { wall: unix_now_ms()?, boot: boot_ms() })
    }
}

impl Held {
    /// Takes a credential that was just made. `good`: for how long the one in hand can still be used, in milliseconds.
    fn new(credentials: Credentials, source: &Source, good: Option<i64>) -> Result<Self, Error> {
        let now = Now::read()?;
        let ttl = i64::from(source.params.ttl_seconds());
        let left = credentials.expires_at().saturating_mul(1000).saturating_sub(now.wall).min(ttl * 1000);
        let worse = |problem: String| Err(Error::new(Status::InvalidResponse, problem));
        if left <= 0 && source.remote.is_none() {
            return Err(Error::argument("issued_at", "the credential has expired; leave it out, which is now"));
        }
        if left <= 0 {
            let ahead = now.wall / 1000 - credentials.expires_at().saturating_sub(ttl);
            return worse(format!("the credential was over when it came: this machine's clock is {ahead} s ahead"));
        }
        if good.is_some_and(|good| left < good) {
            return worse("the new credential ends before the one in hand".to_owned());
        }
        let leads = credentials.leads();
        let end = Now { wall: now.wall.saturating_add(left), boot: now.boot.saturating_add(left) };
        let credentials = Arc::new(credentials);
        let shares = std::array::from_fn(|_| Arc::new(Share(Arc::clone(&credentials))));
        Ok(Held { credentials, shares, leads, jitter: leads.jitter(sys::random()), end })
    }

    /// This thread's.
    fn share(&self) -> Arc<Share> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static NUMBER: Cell<Option<usize>> = const { Cell::new(None) });
        let number = NUMBER.get().unwrap_or_else(|| {
            let number = THREADS.fetch_add(1, Ordering::Relaxed);
            NUMBER.set(Some(number));
            number
        });
        let [first, ..] = &self.shares;
        Arc::clone(self.shares.get(number % self.shares.len()).unwrap_or(first))
    }

    fn left(&self, now: Now) -> i64 {
        (self.end.wall.saturating_sub(now.wall)).min(self.end.boot.saturating_sub(now.boot))
    }

    fn state(&self, now: Now) -> State {
        self.leads.state(self.left(now), self.jitter)
    }
}

impl Thread {
    fn new(handle: JoinHandle<()>) -> Self {
        Thread { process: std::process::id(), handle: Some(handle) }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        match self.handle.take() {
            Some(handle) if self.process == std::process::id() => drop(handle.join()),
            // In a child of `fork` the thread is not there, and its handle must not be touched.
            other => std::mem::forget(other),
        }
    }
}

fn boot_ms() -> i64 {
    milliseconds(since_boot())
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
