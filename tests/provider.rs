//! The provider: what `get` gives in each state, who renews, who waits and for how long, and what a child inherits.
//!
//! The clocks are ours: `clock_gettime` adds what a test has shifted them by. They belong to the whole process, so every
//! test that shifts one runs in a process of its own.

use std::ffi::{CStr, c_int};
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use r2creds::ffi::*;
use support::calls::{Client, FromC, Options, Outcome, Params, RequestOptions, call};
use support::process::{alone, is_emulated};
use support::server::{Server, reply};
use support::timing::timed;

/// Seconds by which the wall clock is wrong, and by which the machine has been suspended.
static WALL: AtomicI64 = AtomicI64::new(0);
static SUSPENDED: AtomicI64 = AtomicI64::new(0);

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, now: *mut libc::timespec) -> c_int {
    let status = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, now) };
    let suspended = SUSPENDED.load(Ordering::SeqCst);
    let shift = match clock {
        libc::CLOCK_REALTIME => WALL.load(Ordering::SeqCst) + suspended,
        libc::CLOCK_BOOTTIME => suspended,
        _ => 0,
    };
    unsafe { (*now).tv_sec += shift };
    c_int::try_from(status).unwrap()
}

/// Time passes: all clocks but the one that stands still in suspend, which only deadlines use.
fn pass(seconds: i64) {
    SUSPENDED.fetch_add(seconds, Ordering::SeqCst);
}

fn set_wall_by(seconds: i64) {
    WALL.fetch_add(seconds, Ordering::SeqCst);
}

/// The wall clock, as the library sees it.
fn wall() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// Freed when dropped.
struct Provider(*mut r2creds_provider);

// SAFETY: the header promises it.
unsafe impl Send for Provider {}
// SAFETY: the header promises it.
unsafe impl Sync for Provider {}

impl Drop for Provider {
    fn drop(&mut self) {
        unsafe { r2creds_provider_free(self.0) }
    }
}

impl FromC for Provider {
    type Raw = r2creds_provider;
    unsafe fn from_c(raw: *mut r2creds_provider) -> Self {
        Provider(raw)
    }
}

/// A credential of a provider, freed when dropped.
#[derive(Debug)]
struct Lent(*mut r2creds_credentials);

// SAFETY: the header promises it.
unsafe impl Send for Lent {}

impl Drop for Lent {
    fn drop(&mut self) {
        unsafe { r2creds_credentials_free(self.0) }
    }
}

impl FromC for Lent {
    type Raw = r2creds_credentials;
    unsafe fn from_c(raw: *mut r2creds_credentials) -> Self {
        Lent(raw)
    }
}

impl Lent {
    fn secret(&self) -> &str {
        unsafe { CStr::from_ptr((*self.0).secret_access_key) }.to_str().unwrap()
    }

    fn times(&self) -> (i64, i64, i64, i64) {
        unsafe { ((*self.0).issued_at, (*self.0).renew_at, (*self.0).renew_by, (*self.0).expires_at) }
    }
}

impl Provider {
    fn new(client: Option<&Client>, params: &Params, options: Option<&RequestOptions>) -> Outcome<Self> {
        let client = client.map_or(ptr::null_mut(), |client| client.0);
        let options = options.map_or(ptr::null(), |options| &raw const options.raw);
        call(|out, err| unsafe { r2creds_provider_new(client, &raw const params.raw, options, out, err) })
    }

    fn signing() -> Self {
        Self::new(None, &Params::valid(), None).unwrap()
    }

    fn get(&self) -> Outcome<Lent> {
        call(|out, err| unsafe { r2creds_provider_get(self.0, ptr::null(), out, err) })
    }

    fn get_with(&self, options: &RequestOptions) -> Outcome<Lent> {
        call(|out, err| unsafe { r2creds_provider_get(self.0, &raw const options.raw, out, err) })
    }

    fn get_within(&self, milliseconds: u32) -> Outcome<Lent> {
        let mut options = RequestOptions::empty();
        options.raw.timeout_ms = milliseconds;
        self.get_with(&options)
    }

    fn reject(&self, credentials: &Lent) {
        unsafe { r2creds_provider_reject(self.0, credentials.0) }
    }

    /// The status of the last error, or 0.
    fn last_status(&self) -> i32 {
        let error = unsafe { r2creds_provider_last_error(self.0) };
        let status = unsafe { error.as_ref() }.map_or(0, |error| error.status);
        unsafe { r2creds_error_free(error) };
        status
    }
}

/// What the API does with a request.
#[derive(Clone)]
enum Mode {
    Grant,
    /// A credential that ends so many seconds from now.
    GrantFor(i64),
    Refuse(&'static str, &'static str),
    /// Nothing, until the mode changes; then that.
    Hang,
}

/// Stands in for Cloudflare's API. The secrets are numbered.
struct Api {
    server: Server,
    mode: Arc<(Mutex<Mode>, Condvar)>,
    in_flight: Arc<(AtomicUsize, AtomicUsize)>,
}

impl Api {
    fn start() -> Self {
        let mode = Arc::new((Mutex::new(Mode::Grant), Condvar::new()));
        let in_flight = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let (of_server, flying, count) = (Arc::clone(&mode), Arc::clone(&in_flight), AtomicUsize::new(0));
        let server = Server::start(move |connection| {
            while connection.request().is_some() {
                let (now, most) = &*flying;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let (mode, changed) = &*of_server;
                let hangs = |mode: &mut Mode| matches!(mode, Mode::Hang);
                let mode = changed.wait_while(mode.lock().unwrap(), hangs).unwrap().clone();
                now.fetch_sub(1, Ordering::SeqCst);
                let number = count.fetch_add(1, Ordering::SeqCst);
                connection.send(&match mode {
                    Mode::Refuse(status, headers) => reply(status, headers, "{}"),
                    Mode::GrantFor(seconds) => granted(number, Some(seconds)),
                    _ => granted(number, None),
                });
            }
        });
        Api { server, mode, in_flight }
    }

    fn set(&self, mode: Mode) {
        *self.mode.0.lock().unwrap() = mode;
        self.mode.1.notify_all();
    }

    fn requests(&self) -> usize {
        self.server.seen().requests.len()
    }

    fn wait_for(&self, requests: usize) {
        self.server.wait_for(|seen| seen.requests.len() >= requests);
    }

    fn client(&self) -> Client {
        let mut options = Options::to(&self.server.url());
        options.raw.max_retries = -1;
        options.client().unwrap()
    }

    fn provider(&self) -> Provider {
        Provider::new(Some(&self.client()), &Params::valid(), None).unwrap()
    }
}

fn granted(number: usize, seconds: Option<i64>) -> Vec<u8> {
    let token = match seconds {
        None => "token".to_owned(),
        Some(seconds) => {
            let claims = format!("{{\"exp\":{}}}", wall() + seconds);
            let claims = base64_simd::URL_SAFE_NO_PAD.encode_to_string(claims);
            base64_simd::STANDARD.encode_to_string(format!("jwt/a.{claims}.b"))
        }
    };
    let result = format!(r#"{{"accessKeyId":"id","secretAccessKey":"secret-{number}","sessionToken":"{token}"}}"#);
    let body = format!(r#"{{"success":true,"errors":[],"messages":[],"result":{result}}}"#);
    reply("200 OK", "", &body)
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// How many threads there are while none renews: one that has ended stays for a moment.
fn threads_at_rest() -> usize {
    let counts = (0..20).map(|_| {
        thread::sleep(Duration::from_millis(5));
        threads()
    });
    counts.min().unwrap()
}

/// Until there are so many threads: as many as at rest, and no renewal runs; one more, and one does. By their names they
/// could not be told, for a new one has its creator's.
fn until_threads_are(count: usize) {
    for _ in 0..3000 {
        if threads() == count {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("{} threads, and not {count}", threads());
}

/// Until the renewal that runs beside has ended well.
fn until_renewed(provider: &Provider, from: &str) {
    for _ in 0..3000 {
        if provider.get().unwrap().secret() != from {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("not renewed");
}

/// A credential that is issued by this call. The real clock may go on meanwhile.
#[track_caller]
fn issued_now(provider: &Provider) -> Lent {
    let before = wall();
    let credentials = provider.get().unwrap();
    let (issued_at, after) = (credentials.times().0, wall());
    assert!((before..=after).contains(&issued_at), "{issued_at}, and not from {before} to {after}");
    credentials
}

const SHORT: Duration = Duration::from_millis(1000);

#[test]
fn a_signed_credential_is_kept_while_fresh_and_renewed_at_once_when_due() {
    alone(&[], || {
        let provider = Provider::signing();
        let first = provider.get().unwrap();
        let (issued_at, renew_at, renew_by, expires_at) = first.times();
        assert_eq!((renew_at - issued_at, expires_at - renew_at, expires_at - renew_by), (675, 225, 112));
        pass(600);
        assert_eq!(provider.get().unwrap().times(), first.times());
        // At the latest a fifth of the way from renew_at to renew_by later.
        pass(75 + 23);
        let second = issued_now(&provider);
        assert_ne!(second.secret(), first.secret());
        assert_eq!(provider.last_status(), 0);
    });
}

#[test]
fn no_clock_lengthens_a_life() {
    alone(&[], || {
        let provider = Provider::signing();
        let first = provider.get().unwrap();
        // A wall clock that is set back: what has passed on the other clock counts.
        set_wall_by(-600);
        assert_eq!(provider.get().unwrap().secret(), first.secret());
        pass(700);
        let second = provider.get().unwrap();
        assert_ne!(second.secret(), first.secret());
        // One that is set forth ends a credential, as far as anybody can tell.
        set_wall_by(86_400);
        let third = issued_now(&provider);
        assert_ne!(third.secret(), second.secret());
        // A machine that slept through the end.
        pass(100_000);
        issued_now(&provider);
    });
}

#[test]
fn renewals_are_scattered() {
    alone(&[], || {
        // 50 that begin together: what each has drawn shows in when it renews.
        let params = || {
            let mut params = Params::valid();
            params.raw.ttl_seconds = 3600;
            params
        };
        let providers: Vec<_> = (0..50).map(|_| Provider::new(None, &params(), None).unwrap()).collect();
        let begin: Vec<_> = providers.iter().map(|provider| provider.get().unwrap().times().0).collect();
        pass(2700 - 1);
        let mut renewed = vec![None; 50];
        for second in 0..=92 {
            for (at, provider) in providers.iter().enumerate() {
                if renewed[at].is_none() && provider.get().unwrap().times().0 != begin[at] {
                    renewed[at] = Some(second);
                }
            }
            pass(1);
        }
        let mut seconds: Vec<i32> = renewed.into_iter().map(|second| second.expect("not renewed in time")).collect();
        seconds.sort_unstable();
        let (first, last) = (seconds[0], seconds[49]);
        assert!(last - first > 45, "{seconds:?}");
        let most = seconds.chunk_by(|one, other| one == other).map(<[_]>::len).max();
        assert!(most < Some(8), "{seconds:?}");
    });
}

#[test]
fn a_due_credential_is_renewed_beside_its_users_by_one_call() {
    alone(&[], || {
        let api = Api::start();
        let provider = api.provider();
        assert_eq!(api.requests(), 0);
        assert_eq!(provider.get().unwrap().secret(), "secret-0");
        api.set(Mode::Hang);
        pass(700);
        let barrier = Barrier::new(16);
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..100 {
                        let (got, took) = timed(|| provider.get().unwrap());
                        assert_eq!(got.secret(), "secret-0");
                        assert!(took < SHORT, "{took:?}");
                    }
                });
            }
        });
        api.wait_for(2);
        assert_eq!(api.requests(), 2);
        api.set(Mode::Grant);
        until_renewed(&provider, "secret-0");
        assert_eq!((api.requests(), api.in_flight.1.load(Ordering::SeqCst)), (2, 1));
    });
}

#[test]
fn nobody_waits_for_longer_than_two_seconds_with_a_good_credential() {
    alone(&[], || {
        let api = Api::start();
        let provider = api.provider();
        provider.get().unwrap();
        api.set(Mode::Hang);
        pass(800);
        // The first waits for the renewal until it has run for two seconds, and others no longer than that.
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    let (got, took) = timed(|| provider.get().unwrap());
                    assert_eq!(got.secret(), "secret-0");
                    assert!(took > Duration::from_millis(1500) && took < Duration::from_millis(3500), "{took:?}");
                });
            }
        });
        let (_, took) = timed(|| provider.get().unwrap());
        assert!(took < SHORT, "{took:?}");
        assert_eq!(api.requests(), 2);
        // Who has less time gets it sooner.
        api.set(Mode::Grant);
        until_renewed(&provider, "secret-0");
        api.set(Mode::Hang);
        pass(800);
        let (got, took) = timed(|| provider.get_within(100).unwrap());
        assert!(took >= Duration::from_millis(100) && took < Duration::from_millis(1500), "{took:?}");
        assert_eq!(got.secret(), "secret-1");
        // Past its end it is not handed out, whatever that means for the caller.
        pass(100);
        let failure = provider.get_within(100).unwrap_err();
        assert_eq!((failure.status, failure.retryable), (R2CREDS_STATUS_TIMEOUT, true));
        assert!(failure.message.contains("waiting for the renewal"), "{}", failure.message);
        api.set(Mode::Grant);
        assert_eq!(provider.get().unwrap().secret(), "secret-2");
        assert_eq!((api.requests(), api.in_flight.1.load(Ordering::SeqCst)), (3, 1));
    });
}

#[test]
fn the_first_renewal_is_one_for_all_and_who_gives_up_ends_nobody_elses() {
    alone(&[], || {
        let api = Api::start();
        api.set(Mode::Hang);
        let provider = api.provider();
        let cancel: *mut r2creds_cancel = {
            let mut cancel = ptr::null_mut();
            assert_eq!(unsafe { r2creds_cancel_new(&raw mut cancel) }, R2CREDS_STATUS_OK);
            cancel
        };
        let address = cancel as usize;
        thread::scope(|scope| {
            let waiting: Vec<_> =
                (0..16).map(|_| scope.spawn(|| provider.get().unwrap().secret().to_owned())).collect();
            let leader = scope.spawn(|| provider.get_within(200).unwrap_err().status);
            let cancelled = scope.spawn(|| {
                let mut options = RequestOptions::empty();
                options.raw.cancel = address as *mut r2creds_cancel;
                provider.get_with(&options).unwrap_err().status
            });
            api.wait_for(1);
            assert_eq!(leader.join().unwrap(), R2CREDS_STATUS_TIMEOUT);
            unsafe { r2creds_cancel_trigger(cancel) };
            assert_eq!(cancelled.join().unwrap(), R2CREDS_STATUS_CANCELLED);
            api.set(Mode::Grant);
            for each in waiting {
                assert_eq!(each.join().unwrap(), "secret-0");
            }
        });
        assert_eq!(api.requests(), 1);
        unsafe { r2creds_cancel_free(cancel) };
    });
}

#[test]
fn a_failure_is_told_again_until_its_pause_is_over() {
    alone(&[], || {
        let api = Api::start();
        api.set(Mode::Refuse("429 Too Many Requests", "retry-after: 300\r\n"));
        let provider = api.provider();
        let failure = provider.get().unwrap_err();
        assert_eq!((failure.status, failure.http_status), (R2CREDS_STATUS_RATE_LIMITED, 429));
        assert!((299_000..=300_000).contains(&failure.retry_after_ms), "{failure:?}");
        assert_eq!(provider.last_status(), R2CREDS_STATUS_RATE_LIMITED);
        api.set(Mode::Grant);
        for _ in 0..100 {
            assert_eq!(provider.get().unwrap_err().status, R2CREDS_STATUS_RATE_LIMITED);
        }
        pass(200);
        let failure = provider.get().unwrap_err();
        assert!((98_000..=100_000).contains(&failure.retry_after_ms), "{failure:?}");
        assert_eq!(api.requests(), 1);
        pass(101);
        assert_eq!(provider.get().unwrap().secret(), "secret-1");
        assert_eq!((provider.last_status(), api.requests()), (0, 2));
    });
}

#[test]
fn pauses_grow_and_a_good_credential_serves_meanwhile() {
    alone(&[], || {
        let api = Api::start();
        let at_rest = threads_at_rest();
        let provider = api.provider();
        provider.get().unwrap();
        // Closed, so that no connection's thread is there at rest, to end while a renewal runs.
        api.set(Mode::Refuse("500 Internal Server Error", "Connection: close\r\n"));
        pass(700);
        let mut requests = 1;
        // In 150 s of failures: at least a second between two, and no more than a minute.
        let mut last = -1;
        for second in 0..150 {
            assert_eq!(provider.get().unwrap().secret(), "secret-0");
            until_threads_are(at_rest);
            assert_eq!(provider.last_status(), R2CREDS_STATUS_SERVER_ERROR);
            if api.requests() > requests {
                requests = api.requests();
                assert!((1..=62).contains(&(second - last)), "{second} {last}");
                last = second;
            }
            pass(1);
        }
        assert!((6..=60).contains(&requests), "{requests}");
        // The pause ends with the credential.
        pass(50);
        api.set(Mode::Grant);
        assert!(provider.get().unwrap().secret() != "secret-0");
        assert_eq!(provider.last_status(), 0);
    });
}

#[test]
fn a_worse_credential_is_not_taken() {
    alone(&[], || {
        let api = Api::start();
        let provider = api.provider();
        provider.get().unwrap();
        pass(700);
        api.set(Mode::GrantFor(100));
        provider.get().unwrap();
        while provider.last_status() == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(provider.last_status(), R2CREDS_STATUS_INVALID_RESPONSE);
        assert_eq!(provider.get().unwrap().secret(), "secret-0");

        // One that is over says by how much this machine's clock is wrong.
        let ahead = api.provider();
        set_wall_by(7200);
        api.set(Mode::GrantFor(900 - 7200));
        let failure = ahead.get().unwrap_err();
        assert_eq!(failure.status, R2CREDS_STATUS_INVALID_RESPONSE);
        assert!(failure.message.starts_with("the credential was over when it came: this machine's clock is 72"));
        assert!(failure.message.ends_with(" s ahead"), "{}", failure.message);
    });
}

#[test]
fn one_that_always_begins_at_the_same_time_ends_once() {
    let mut params = Params::valid();
    params.raw.issued_at = 1_700_000_000;
    let failure = Provider::new(None, &params, None).unwrap().get().unwrap_err();
    assert_eq!((failure.status, failure.field.as_deref()), (R2CREDS_STATUS_INVALID_ARGUMENT, Some("issued_at")));
    assert!(failure.message.contains("the credential has expired"), "{}", failure.message);
}

#[test]
fn only_the_current_credential_can_be_rejected_and_seldom() {
    alone(&[], || {
        let api = Api::start();
        let provider = api.provider();
        let first = provider.get().unwrap();
        let again = provider.get().unwrap();
        // It is known by identity: what another provider made with the same strings is not it.
        provider.reject(&Api::start().provider().get().unwrap());
        assert_eq!(provider.get().unwrap().secret(), "secret-0");
        provider.reject(&again);
        let second = provider.get().unwrap();
        assert_eq!(second.secret(), "secret-1");
        // It is not the current one any more; and the new one is too young to be refused.
        provider.reject(&first);
        provider.reject(&second);
        assert_eq!(provider.get().unwrap().secret(), "secret-1");
        pass(11);
        provider.reject(&first);
        assert_eq!(provider.get().unwrap().secret(), "secret-1");
        provider.reject(&second);
        assert_eq!(provider.get().unwrap().secret(), "secret-2");
        assert_eq!(first.secret(), "secret-0");
        unsafe {
            r2creds_provider_reject(provider.0, ptr::null());
            r2creds_provider_reject(ptr::null_mut(), first.0);
            r2creds_provider_reject(ptr::null_mut(), ptr::null());
        }
        // One that create has made belongs to no provider.
        let params = Params::valid();
        let client = api.client();
        let own: Lent =
            call(|out, err| unsafe { r2creds_create(client.0, &raw const params.raw, ptr::null(), out, err) }).unwrap();
        provider.reject(&own);
        assert_eq!(provider.get().unwrap().secret(), "secret-2");
    });
}

#[test]
fn the_client_may_be_freed_first_and_credentials_last() {
    let api = Api::start();
    let client = api.client();
    let provider = Provider::new(Some(&client), &Params::valid(), None).unwrap();
    drop(client);
    let credentials = provider.get().unwrap();
    drop(provider);
    assert_eq!(credentials.secret(), "secret-0");
    unsafe { r2creds_provider_free(ptr::null_mut()) };
    assert!(unsafe { r2creds_provider_last_error(ptr::null()) }.is_null());
}

#[test]
fn free_cancels_the_renewal_that_runs() {
    alone(&[], || {
        let api = Api::start();
        let provider = api.provider();
        provider.get().unwrap();
        let at_rest = threads_at_rest();
        api.set(Mode::Hang);
        pass(700);
        provider.get().unwrap();
        api.wait_for(2);
        // The server's thread for the first connection, which is too old for the second request, may take a while to end.
        until_threads_are(at_rest + 1);
        let ((), took) = timed(|| drop(provider));
        assert!(took < SHORT, "{took:?}");
        until_threads_are(at_rest);
        api.set(Mode::Grant);
    });
}

#[test]
fn a_child_keeps_the_credential_and_not_the_renewal() {
    if is_emulated() {
        return;
    }
    alone(&[], || {
        let api = Api::start();
        let provider = api.provider();
        provider.get().unwrap();
        api.set(Mode::Hang);
        pass(700);
        provider.get().unwrap();
        api.wait_for(2);
        // The renewal is in flight here. The child has no thread for it, and no server that answers.
        let in_child = |test: &dyn Fn()| {
            let child = unsafe { libc::fork() };
            if child == 0 {
                unsafe { libc::alarm(30) };
                test();
                unsafe { libc::_exit(0) };
            }
            let mut status = 0;
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0);
        };
        in_child(&|| {
            assert_eq!(provider.get().unwrap().secret(), "secret-0");
            pass(250);
            // Its own renewal, which nobody answers.
            assert_eq!(provider.get_within(200).unwrap_err().status, R2CREDS_STATUS_TIMEOUT);
            unsafe { r2creds_provider_free(provider.0) };
        });
        api.wait_for(3);
        api.set(Mode::Grant);
        until_renewed(&provider, "secret-0");
        in_child(&|| {
            assert_ne!(provider.get().unwrap().secret(), "secret-0");
            pass(1000);
            provider.get().unwrap();
        });
    });
}

#[test]
fn what_can_be_checked_is_checked_when_a_provider_is_made() {
    let api = Api::start();
    let client = api.client();
    let refused = |client: Option<&Client>, change: &dyn Fn(&mut Params, &mut RequestOptions)| {
        let (mut params, mut options) = (Params::valid(), RequestOptions::empty());
        change(&mut params, &mut options);
        let failure = Provider::new(client, &params, Some(&options)).err().expect("taken");
        assert_eq!(failure.status, R2CREDS_STATUS_INVALID_ARGUMENT, "{failure:?}");
        failure.field.unwrap()
    };
    unsafe extern "C" fn poll(_: *mut std::ffi::c_void) -> i32 {
        0
    }
    let mut cancel = ptr::null_mut();
    assert_eq!(unsafe { r2creds_cancel_new(&raw mut cancel) }, R2CREDS_STATUS_OK);
    for client in [None, Some(&client)] {
        assert_eq!(refused(client, &|params, _| params.raw.bucket = params.memory.text("No")), "bucket");
        assert_eq!(refused(client, &|params, _| params.raw.ttl_seconds = 604_801), "ttl_seconds");
        assert_eq!(refused(client, &|params, _| params.raw.prefixes = ptr::dangling()), "prefixes");
        assert_eq!(refused(client, &|_, options| options.raw.cancel = cancel), "cancel");
        assert_eq!(refused(client, &|_, options| options.raw.poll = Some(poll)), "poll");
    }
    unsafe { r2creds_cancel_free(cancel) };
    let client = Some(&client);
    assert_eq!(refused(client, &|params, _| params.raw.issued_at = 1), "issued_at");
    assert_eq!(
        refused(client, &|_, options| {
            options.headers(&["Host: x"]);
        }),
        "headers"
    );
    assert_eq!(refused(client, &|_, options| options.raw.extra_body = options.memory.text("[")), "extra_body");
    assert_eq!(
        refused(None, &|params, _| params.raw.parent_secret_access_key = ptr::null()),
        "parent_secret_access_key"
    );
    assert_eq!(
        refused(None, &|_, options| {
            options.headers(&["X: x"]);
        }),
        "headers"
    );
    assert_eq!(refused(None, &|_, options| options.raw.extra_body = options.memory.text("{}")), "extra_body");
    assert_eq!(refused(None, &|_, options| options.raw.timeout_ms = 1), "timeout_ms");
    assert_eq!(refused(None, &|_, options| options.raw.max_retries = 1), "max_retries");
    assert_eq!(api.requests(), 0);

    // And for a get, what belongs to the renewals.
    let provider = api.provider();
    provider.get().unwrap();
    let refused = |change: &dyn Fn(&mut RequestOptions)| {
        let mut options = RequestOptions::empty();
        change(&mut options);
        let failure = provider.get_with(&options).unwrap_err();
        assert_eq!(failure.status, R2CREDS_STATUS_INVALID_ARGUMENT);
        failure.field.unwrap()
    };
    assert_eq!(
        refused(&|options| {
            options.headers(&["X: x"]);
        }),
        "headers"
    );
    assert_eq!(refused(&|options| options.raw.extra_body = options.memory.text("{}")), "extra_body");
    assert_eq!(refused(&|options| options.raw.max_retries = -1), "max_retries");
    let null: Outcome<Lent> = call(|out, err| unsafe { r2creds_provider_get(ptr::null_mut(), ptr::null(), out, err) });
    assert_eq!(null.unwrap_err().field.as_deref(), Some("provider"));
}

#[test]
fn renewals_have_the_providers_options_and_what_it_was_given_may_go() {
    let api = Api::start();
    let provider = {
        let (mut params, mut options) = (Params::valid(), RequestOptions::empty());
        params.prefixes(&["one/", "two/"]);
        params.raw.ttl_seconds = 60;
        options.headers(&["X-Own: value"]);
        options.raw.extra_body = options.memory.text(r#"{"more":1}"#);
        Provider::new(Some(&api.client()), &params, Some(&options)).unwrap()
    };
    let (issued_at, renew_at, renew_by, expires_at) = provider.get().unwrap().times();
    assert_eq!((expires_at - issued_at, expires_at - renew_at, expires_at - renew_by), (60, 15, 10));
    let request = &api.server.seen().requests[0];
    assert_eq!(request.header("x-own"), ["value"]);
    let body = String::from_utf8(request.body.clone()).unwrap();
    assert!(body.contains(r#""ttlSeconds":60,"prefixes":["one/","two/"],"more":1}"#), "{body}");
}

#[test]
fn poll_runs_in_a_wait_and_ends_it() {
    alone(&[], || {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        unsafe extern "C" fn poll(_: *mut std::ffi::c_void) -> i32 {
            i32::from(CALLS.fetch_add(1, Ordering::SeqCst) >= 2)
        }
        let api = Api::start();
        api.set(Mode::Hang);
        let provider = api.provider();
        let mut options = RequestOptions::empty();
        options.raw.poll = Some(poll);
        assert_eq!(provider.get_with(&options).unwrap_err().status, R2CREDS_STATUS_CANCELLED);
        assert_eq!(CALLS.load(Ordering::SeqCst), 3);
        api.set(Mode::Grant);
        provider.get().unwrap();
        assert_eq!(api.requests(), 1);
    });
}

#[test]
fn without_a_thread_the_caller_renews_and_does_not_wait_longer() {
    alone(&[], || {
        let api = Api::start();
        let provider = api.provider();
        provider.get().unwrap();
        // The server's threads are there already; no other can be had from here on.
        let limit = libc::rlimit { rlim_cur: 0, rlim_max: libc::RLIM_INFINITY };
        if unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit) } != 0 || unsafe { libc::getuid() } == 0 {
            // Root is not limited by it, but by another user's rights.
            let limited = unsafe { libc::setresuid(65534, 65534, 65534) };
            assert_eq!(limited, 0);
        }
        if thread::Builder::new().spawn(|| {}).is_ok() {
            eprintln!("skipped: this system does not limit threads");
            return;
        }
        pass(700);
        assert_eq!(provider.get().unwrap().secret(), "secret-1");
        api.set(Mode::Hang);
        pass(700);
        let (got, took) = timed(|| provider.get().unwrap());
        assert_eq!(got.secret(), "secret-1");
        assert!(took > Duration::from_millis(1500) && took < Duration::from_millis(3500), "{took:?}");
        // That was a failure, after which there is a pause.
        let (_, took) = timed(|| provider.get().unwrap());
        assert!(took < SHORT, "{took:?}");
        assert_eq!(provider.last_status(), R2CREDS_STATUS_TIMEOUT);
        api.set(Mode::Grant);
    });
}
