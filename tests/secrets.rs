//! No secret is left behind: every block of memory is searched when it is freed, on every thread of the library, and
//! every text that the library shows is searched as well.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::fmt;
use std::net::TcpListener;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use r2creds::ffi::*;
use rustls::ServerConfig;
use support::calls::init;
use support::certificates::Authority;
use support::files::TempFile;
use support::process;
use support::server::Server;

const API_TOKEN: &CStr = c"Api.Token.That.Nobody.May.See.0123456789";
const API_KEY: &CStr = c"Api.Key.That.Nobody.May.See.abcdef0123";
const PROXY_URL: &CStr = c"http://proxy-user:Proxy%2fPassword%3aThat.Nobody.May.See@";
const PROXY_PASSWORD: &str = "Proxy/Password:That.Nobody.May.See";
const PROXY_PASSWORD_AS_GIVEN: &str = "Proxy%2fPassword%3aThat.Nobody.May.See";
/// base64 of `proxy-user:` and the password.
const PROXY_CREDENTIALS: &str = "cHJveHktdXNlcjpQcm94eS9QYXNzd29yZDpUaGF0Lk5vYm9keS5NYXkuU2Vl";
const PARENT_SECRET: &CStr = c"5ec4e75ec4e75ec4e75ec4e7f00dfeed8badf00d0d15ea5e0ddba11c0ffee123";
const SECRET_ACCESS_KEY: &str = "cafe0123f00d4567beef89abfeedcdef0fedcba987654321abad1dea00c0ffee";
/// base64 of a JWT in R2's form, with an `exp`.
const SESSION_TOKEN: &str = concat!(
    "and0L2V5SmhiR2NpT2lKSVV6STFOaUlzSW5SNWNDSTZJa3BYVkNKOS5leUppZFdOclpYUWlPaUppSWl3aVpYaHdJam80TVRBd01E",
    "QXdNREF3TENKcFlYUWlPakV5TXpSOS5VMmxuYm1GMGRYSmxMbFJvWVhRdVRtOWliMlI1TGsxaGVTNVRaV1U"
);

/// What is searched for: every aligned piece of each secret, so that a part of one is found as well.
static PIECES: [AtomicUsize; 128] = [const { AtomicUsize::new(0) }; 128];
static PIECE_COUNT: AtomicUsize = AtomicUsize::new(0);
const PIECE: usize = 16;

fn pieces() -> impl Iterator<Item = &'static [u8; PIECE]> {
    PIECES.iter().take(PIECE_COUNT.load(Ordering::Acquire)).map(|piece| {
        // SAFETY: only `watch_for` stores here: the address of a piece of leaked or static memory.
        unsafe { &*(piece.load(Ordering::Relaxed) as *const [u8; PIECE]) }
    })
}

/// From now on, no freed block may contain 16 aligned bytes of this.
fn watch_for(secret: &'static [u8]) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(secret.len() >= PIECE);
    for piece in secret.chunks_exact(PIECE) {
        if !pieces().any(|known| known == piece) {
            let at = PIECE_COUNT.load(Ordering::Relaxed);
            PIECES[at].store(piece.as_ptr() as usize, Ordering::Relaxed);
            PIECE_COUNT.store(at + 1, Ordering::Release);
        }
    }
}

struct Searching;

#[global_allocator]
static ALLOCATOR: Searching = Searching;
static IS_SEARCHING: AtomicBool = AtomicBool::new(false);
static FINDINGS: Mutex<Vec<Finding>> = Mutex::new(Vec::new());

struct Finding {
    piece: &'static [u8; PIECE],
    size: usize,
    freed_by: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in a freed block of {} bytes\n{}", named(self.piece), self.size, self.freed_by)
    }
}

thread_local! {
    /// What this thread frees is the test's own: it is wiped instead of searched.
    static IS_OURS: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: everything is left to `System`; blocks are only read or zeroed while they are still whole.
unsafe impl GlobalAlloc for Searching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe {
            search(block, layout.size());
            System.dealloc(block, layout);
        }
    }

    /// Always a move, as it may be any day.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        unsafe {
            let new = System.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(block, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

/// Half of a piece: a failure that is printed must not become a finding itself.
fn named(piece: &[u8; PIECE]) -> String {
    format!("{:?}...", String::from_utf8_lossy(&piece[..PIECE / 2]))
}

/// # Safety
/// `size` readable bytes; parts of them may never have been written, which is why it is C that looks.
unsafe fn piece_in(block: *const u8, size: usize) -> Option<&'static [u8; PIECE]> {
    pieces().find(|piece| !unsafe { libc::memmem(block.cast(), size, piece.as_ptr().cast(), PIECE) }.is_null())
}

/// # Safety
/// A live block that nobody reads any more.
unsafe fn search(block: *mut u8, size: usize) {
    // A thread that is past its thread-locals, or fails its test, is not in the library.
    let is_ours = IS_OURS.try_with(Cell::get).unwrap_or(true) || std::thread::panicking();
    let is_searched = !is_ours && IS_SEARCHING.load(Ordering::Relaxed);
    // SAFETY: the block is live.
    let found = if is_searched { unsafe { piece_in(block, size) } } else { None };
    // Else a later owner, who need not write all of the block, would seem to free it once more.
    unsafe { block.write_bytes(0, size) };
    if let Some(piece) = found {
        ours(|| {
            let finding = Finding { piece, size, freed_by: Backtrace::force_capture().to_string() };
            FINDINGS.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
        });
    }
}

/// Runs what handles the test's own copies of secrets.
fn ours<T>(run: impl FnOnce() -> T) -> T {
    let before = IS_OURS.replace(true);
    let result = run();
    IS_OURS.set(before);
    result
}

/// One test at a time, and what it does before and after its search is its own.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    IS_OURS.set(true);
    let guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    for secret in [API_TOKEN, API_KEY, PARENT_SECRET] {
        watch_for(secret.to_bytes());
    }
    for secret in [PROXY_PASSWORD, PROXY_PASSWORD_AS_GIVEN, PROXY_CREDENTIALS, SECRET_ACCESS_KEY, SESSION_TOKEN] {
        watch_for(secret.as_bytes());
    }
    guard
}

/// Searches while it lives.
struct Search;

impl Search {
    fn begin() -> Self {
        FINDINGS.lock().unwrap_or_else(PoisonError::into_inner).clear();
        IS_SEARCHING.store(true, Ordering::SeqCst);
        IS_OURS.set(false);
        Search
    }

    fn end(self) -> Vec<Finding> {
        drop(self);
        std::mem::take(&mut FINDINGS.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn assert_nothing_found(self) {
        let findings = self.end();
        assert!(findings.is_empty(), "{} findings, the first:\n{}", findings.len(), findings[0]);
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        IS_OURS.set(true);
        IS_SEARCHING.store(false, Ordering::SeqCst);
    }
}

#[test]
fn the_search_finds_what_is_freed_or_moved_unwiped() {
    let _alone = alone();
    let search = Search::begin();
    drop(API_TOKEN.to_bytes().to_vec());
    assert_eq!(search.end().len(), 1);

    let search = Search::begin();
    let mut grows = PARENT_SECRET.to_bytes().to_vec();
    grows.reserve_exact(4096);
    grows.fill(0);
    drop(grows);
    assert_eq!(search.end().len(), 1);

    let search = Search::begin();
    std::thread::spawn(|| drop(format!("part of a longer text: {}", &SESSION_TOKEN[7..60]))).join().unwrap();
    assert_eq!(search.end().len(), 1);

    let search = Search::begin();
    let mut wiped = API_KEY.to_bytes().to_vec();
    wiped.fill(0);
    drop(std::hint::black_box(wiped));
    ours(|| drop(API_KEY.to_bytes().to_vec()));
    search.assert_nothing_found();
}

#[derive(Clone)]
struct Reply {
    /// Sent one after the other, each by itself.
    parts: Vec<Vec<u8>>,
    closes: bool,
}

impl Reply {
    fn new(status: u16, headers: &str, body: &str) -> Self {
        let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        Reply { parts: vec![head.into_bytes(), body.as_bytes().to_vec()], closes: false }
    }

    /// A head without a length, and the body until the connection ends.
    fn endless(body: &str) -> Self {
        Reply { parts: vec![b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), body.as_bytes().to_vec()], closes: true }
    }

    fn chunked(body: &str, chunk: usize) -> Self {
        let mut parts = vec![b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()];
        for piece in body.as_bytes().chunks(chunk) {
            let mut part = format!("{:x}\r\n", piece.len()).into_bytes();
            part.extend_from_slice(piece);
            part.extend_from_slice(b"\r\n");
            parts.push(part);
        }
        parts.push(b"0\r\n\r\n".to_vec());
        Reply { parts, closes: false }
    }

    /// Only so many bytes of the body, then the end.
    fn truncated(mut self, length: usize) -> Self {
        self.parts[1].truncate(length);
        self.closes = true;
        self
    }
}

/// Answers each request with the next of its replies, and the last of them for ever. Its URL.
fn serve(replies: Vec<Reply>) -> &'static CStr {
    serve_with(replies, None)
}

fn serve_with(replies: Vec<Reply>, config: Option<Arc<ServerConfig>>) -> &'static CStr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    ours(|| {
        let server = Server::start_on(listener, config, move |connection| {
            // All of this thread, even after this handler.
            IS_OURS.set(true);
            while connection.request().is_some() {
                let reply = &replies[(connection.requests_so_far() - 1).min(replies.len() - 1)];
                for part in &reply.parts {
                    if !connection.send(part) {
                        return;
                    }
                }
                if reply.closes {
                    return connection.say_goodbye();
                }
            }
        });
        let url = leaked(server.url());
        // What it holds is freed by whichever of its threads is the last, and that one may not be ours.
        std::mem::forget(server);
        url
    })
}

/// Text for C that is never freed, and so never searched.
fn leaked(text: impl Into<Vec<u8>>) -> &'static CStr {
    ours(|| &*Box::leak(std::ffi::CString::new(text).unwrap().into_boxed_c_str()))
}

fn list(entries: &[&'static CStr]) -> (*const *const c_char, usize) {
    let pointers: Vec<*const c_char> = entries.iter().map(|entry| entry.as_ptr()).collect();
    (pointers.leak().as_ptr(), entries.len())
}

fn params() -> r2creds_params {
    let mut params: r2creds_params = init();
    params.account_id = c"023e105f4ecef8ad9ca31a8372d0c353".as_ptr();
    params.bucket = c"example-bucket".as_ptr();
    params.parent_access_key_id = c"0123456789abcdef0123456789abcdef".as_ptr();
    params.parent_secret_access_key = PARENT_SECRET.as_ptr();
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_WRITE;
    params
}

/// Nothing from the environment.
fn with_token(base_url: &CStr) -> r2creds_client_options {
    let mut options: r2creds_client_options = init();
    options.base_url = base_url.as_ptr();
    options.api_token = API_TOKEN.as_ptr();
    options.proxy_url = c"".as_ptr();
    options.max_retries = -1;
    options.timeout_ms = 10_000;
    options
}

fn with_key(base_url: &CStr) -> r2creds_client_options {
    let mut options = with_token(base_url);
    options.api_token = ptr::null();
    options.api_email = c"somebody@example.com".as_ptr();
    options.api_key = API_KEY.as_ptr();
    options
}

/// Nobody sees a secret in this text.
unsafe fn assert_clean(text: *const c_char) {
    if !text.is_null() {
        let text = unsafe { CStr::from_ptr(text) }.to_bytes();
        // SAFETY: a whole string.
        let piece = unsafe { piece_in(text.as_ptr(), text.len()) };
        assert!(piece.is_none(), "{} in a text of {} bytes", named(piece.unwrap()), text.len());
    }
}

/// Searches every text of an error, frees it, and returns its status.
unsafe fn searched(status: r2creds_status, err: *mut r2creds_error) -> r2creds_status {
    unsafe {
        assert_eq!(status == R2CREDS_STATUS_OK, err.is_null());
        if let Some(error) = err.as_ref() {
            for text in [error.message, error.hint, error.request_id, error.field] {
                assert_clean(text);
            }
            for at in 0..error.errors_len {
                let entry = &**error.errors.add(at);
                for text in [entry.message, entry.documentation_url, entry.pointer] {
                    assert_clean(text);
                }
            }
            for at in 0..error.messages_len {
                assert_clean(*error.messages.add(at));
            }
        }
        r2creds_error_free(err);
    }
    status
}

fn new_client(options: &r2creds_client_options) -> Result<*mut r2creds_client, r2creds_status> {
    let (mut client, mut err) = (ptr::null_mut(), ptr::null_mut());
    unsafe {
        let status = r2creds_client_new(options, &raw mut client, &raw mut err);
        if searched(status, err) == R2CREDS_STATUS_OK { Ok(client) } else { Err(status) }
    }
}

/// Creates once; what comes out has to be the two secrets that the server gave.
fn create(client: *mut r2creds_client, params: &r2creds_params, options: &r2creds_request_options) -> r2creds_status {
    let (mut out, mut err) = (ptr::null_mut(), ptr::null_mut());
    unsafe {
        let status = r2creds_create(client, params, options, &raw mut out, &raw mut err);
        if let Some(made) = out.as_ref() {
            assert_eq!(CStr::from_ptr(made.secret_access_key).to_bytes(), SECRET_ACCESS_KEY.as_bytes());
            assert_eq!(CStr::from_ptr(made.session_token).to_bytes(), SESSION_TOKEN.as_bytes());
            assert_clean(made.access_key_id);
            assert_clean(made.endpoint);
            assert_clean(made.request_id);
            r2creds_credentials_free(out);
        }
        searched(status, err)
    }
}

fn create_once(options: &r2creds_client_options, request: &r2creds_request_options) -> r2creds_status {
    let client = new_client(options).unwrap();
    let status = create(client, &params(), request);
    unsafe { r2creds_client_free(client) };
    status
}

/// Every second character as an escape, and slashes with their backslash.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for (at, character) in text.chars().enumerate() {
        match character {
            '/' => escaped.push_str("\\/"),
            _ if at % 2 == 1 => escaped.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => escaped.push(character),
        }
    }
    escaped
}

fn granted(secret_access_key: &str, session_token: &str) -> String {
    format!(
        r#"{{"success":true,"errors":[],"messages":[],"result":{{"accessKeyId":"minted-id",
            "secretAccessKey":"{secret_access_key}","sessionToken":"{session_token}"}}}}"#
    )
}

#[test]
fn sign_leaves_nothing_behind() {
    let _alone = alone();
    /// Signs and hands the two secrets to `look`.
    fn sign(params: &r2creds_params, look: impl FnOnce(&CStr, &CStr)) {
        let (mut out, mut err) = (ptr::null_mut(), ptr::null_mut());
        unsafe {
            let status = r2creds_sign(params, &raw mut out, &raw mut err);
            assert_eq!(searched(status, err), R2CREDS_STATUS_OK);
            look(CStr::from_ptr((*out).secret_access_key), CStr::from_ptr((*out).session_token));
            r2creds_credentials_free(out);
        }
    }

    let mut whole_bucket = params();
    whole_bucket.issued_at = 1_700_000_000;
    let mut actions = whole_bucket;
    actions.permission = R2CREDS_PERMISSION_UNSET;
    (actions.actions, actions.actions_len) = list(&[c"GetObject", c"PutObject"]);
    let mut paths = whole_bucket;
    (paths.prefixes, paths.prefixes_len) = list(&[c"a/"; 3]);
    (paths.objects, paths.objects_len) = list(&[c"quote\"", c"b"]);
    paths.endpoint = c"https://Example.com:8443/".as_ptr();
    let all = [whole_bucket, actions, paths];
    for params in &all {
        sign(params, |secret_access_key, session_token| {
            let token = leaked(session_token.to_bytes()).to_bytes();
            // What the token is made of is as good as the token. The first 48 bytes are the same for everybody.
            let inside = ours(|| &*base64_simd::STANDARD.decode_to_vec(token).unwrap().leak());
            let signature = inside.rsplit(|byte| *byte == b'.').next().unwrap();
            let raw = ours(|| &*base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap().leak());
            assert_eq!(raw.len(), 32);
            watch_for(leaked(secret_access_key.to_bytes()).to_bytes());
            watch_for(&token[token.len() - 64..]);
            watch_for(signature);
            watch_for(raw);
        });
    }

    let search = Search::begin();
    for params in &all {
        sign(params, |_, _| {});
    }
    search.assert_nothing_found();
}

#[test]
fn a_secret_in_the_wrong_place_is_neither_told_nor_left_behind() {
    let _alone = alone();
    let almost_secret = leaked([PARENT_SECRET.to_bytes(), b"\n"].concat());
    let upper = leaked(PARENT_SECRET.to_str().unwrap().to_uppercase());
    watch_for(upper.to_bytes());
    let url = leaked([b"https://", API_TOKEN.to_bytes(), b"@example.com"].concat());
    let (several, _) = list(&[c"a", API_TOKEN]);
    let changes: [&dyn Fn(&mut r2creds_params); 9] = [
        &|p| p.parent_secret_access_key = almost_secret.as_ptr(),
        &|p| p.parent_secret_access_key = upper.as_ptr(),
        &|p| p.parent_secret_access_key = API_TOKEN.as_ptr(),
        &|p| p.parent_access_key_id = PARENT_SECRET.as_ptr(),
        &|p| p.account_id = PARENT_SECRET.as_ptr(),
        &|p| p.bucket = PARENT_SECRET.as_ptr(),
        &|p| p.endpoint = url.as_ptr(),
        &|p| p.endpoint = API_TOKEN.as_ptr(),
        &|p| (p.permission, p.actions, p.actions_len) = (0, several, 2),
    ];
    let search = Search::begin();
    for change in changes {
        let mut params = params();
        change(&mut params);
        let (mut out, mut err) = (ptr::null_mut(), ptr::null_mut());
        unsafe {
            let status = r2creds_sign(&raw const params, &raw mut out, &raw mut err);
            assert_eq!(searched(status, err), R2CREDS_STATUS_INVALID_ARGUMENT);
        }
    }
    search.assert_nothing_found();
}

#[test]
fn client_new_leaves_nothing_behind() {
    let _alone = alone();
    let split_token = leaked([API_TOKEN.to_bytes(), b"\r\nX: y"].concat());
    let proxy = leaked([PROXY_URL.to_bytes(), b"127.0.0.1:3128"].concat());
    let bad_port = leaked([PROXY_URL.to_bytes(), b"127.0.0.1:0"].concat());
    let socks = leaked([b"socks5", &PROXY_URL.to_bytes()[4..], b"127.0.0.1:1"].concat());
    let url = leaked([b"https://user:", API_TOKEN.to_bytes(), b"@example.com"].concat());
    let agent = leaked([API_TOKEN.to_bytes(), b"\n"].concat());
    let query = leaked([b"https://example.com/?", API_TOKEN.to_bytes()].concat());
    type Change<'a> = &'a dyn Fn(&mut r2creds_client_options);
    let changes: [(r2creds_status, Change); 12] = [
        (R2CREDS_STATUS_OK, &|_| {}),
        (R2CREDS_STATUS_OK, &|o| *o = with_key(c"http://127.0.0.1:1")),
        (R2CREDS_STATUS_OK, &|o| o.proxy_url = proxy.as_ptr()),
        (R2CREDS_STATUS_INVALID_ARGUMENT, &|o| o.api_token = split_token.as_ptr()),
        (R2CREDS_STATUS_INVALID_ARGUMENT, &|o| o.api_key = API_KEY.as_ptr()),
        (R2CREDS_STATUS_INVALID_ARGUMENT, &|o| o.proxy_url = bad_port.as_ptr()),
        (R2CREDS_STATUS_UNSUPPORTED, &|o| o.proxy_url = socks.as_ptr()),
        (R2CREDS_STATUS_INVALID_ARGUMENT, &|o| o.base_url = url.as_ptr()),
        (R2CREDS_STATUS_INVALID_ARGUMENT, &|o| o.base_url = query.as_ptr()),
        (R2CREDS_STATUS_INVALID_ARGUMENT, &|o| o.ca_file = c"/no/such/file".as_ptr()),
        (R2CREDS_STATUS_INVALID_ARGUMENT, &|o| o.user_agent = agent.as_ptr()),
        (R2CREDS_STATUS_INVALID_ARGUMENT, &|o| o.max_retries = -2),
    ];
    let search = Search::begin();
    for (at, (expected, change)) in changes.into_iter().enumerate() {
        let mut options = with_token(c"https://127.0.0.1:1");
        change(&mut options);
        match new_client(&options) {
            Ok(client) => {
                assert_eq!(expected, R2CREDS_STATUS_OK, "{at}");
                unsafe { r2creds_client_free(client) };
            }
            Err(status) => assert_eq!(status, expected, "{at}"),
        }
    }
    search.assert_nothing_found();
}

#[test]
fn secrets_from_the_environment_leave_nothing_behind() {
    let _alone = alone();
    let proxy = format!(" {}127.0.0.1:1 ", PROXY_URL.to_str().unwrap());
    let variables = [
        ("CLOUDFLARE_API_KEY", API_KEY.to_str().unwrap()),
        ("CLOUDFLARE_EMAIL", "somebody@example.com"),
        ("HTTPS_PROXY", &proxy),
    ];
    process::alone(&variables, || {
        let new_and_free = || new_client(&init()).map(|client| unsafe { r2creds_client_free(client) });
        let set = |name: &str, pieces: &[&str]| {
            // SAFETY: this is the only thread of the process that looks at the environment.
            ours(|| unsafe { std::env::set_var(name, pieces.concat()) });
        };
        let token = API_TOKEN.to_str().unwrap();
        let search = Search::begin();
        new_and_free().unwrap();
        set("CLOUDFLARE_API_TOKEN", &["  ", token, "\n"]);
        new_and_free().unwrap();
        set("CLOUDFLARE_API_TOKEN", &[token, "\nX: y"]);
        assert_eq!(new_and_free(), Err(R2CREDS_STATUS_INVALID_ARGUMENT));
        set("CLOUDFLARE_API_TOKEN", &[token]);
        set("HTTPS_PROXY", &["socks5", &PROXY_URL.to_str().unwrap()[4..], "127.0.0.1:1"]);
        assert_eq!(new_and_free(), Err(R2CREDS_STATUS_UNSUPPORTED));
        set("HTTPS_PROXY", &[PROXY_URL.to_str().unwrap(), "127.0.0.1:1"]);
        let client = new_client(&init()).unwrap();
        assert_eq!(create(client, &params(), &init()), R2CREDS_STATUS_CONNECTION);
        unsafe { r2creds_client_free(client) };
        search.assert_nothing_found();
    });
}

#[test]
fn create_leaves_nothing_behind() {
    let _alone = alone();
    let plain = granted(SECRET_ACCESS_KEY, SESSION_TOKEN);
    let with_escapes = granted(&escaped(SECRET_ACCESS_KEY), &escaped(SESSION_TOKEN));
    let dripping = Reply {
        parts: Reply::new(200, "", &plain).parts.concat().chunks(7).map(<[u8]>::to_vec).collect(),
        closes: true,
    };
    let large = format!("{}{plain}", " ".repeat(100_000));
    let url = serve(vec![
        Reply::new(200, "CF-Ray: 8a1b2c3d\r\n", &plain),
        Reply::new(201, "", &with_escapes),
        Reply::chunked(&plain, 40),
        Reply::chunked(&with_escapes, 5000),
        dripping,
        Reply::new(200, "", &format!("\u{feff}{plain}")),
        Reply::new(200, "", &large),
        Reply::endless(&plain),
        Reply::new(200, "", &plain),
    ]);
    let search = Search::begin();
    for options in [with_token(url), with_key(url)] {
        let client = new_client(&options).unwrap();
        for at in 0..9 {
            assert_eq!(create(client, &params(), &init()), R2CREDS_STATUS_OK, "{at}");
        }
        unsafe { r2creds_client_free(client) };
    }
    search.assert_nothing_found();
}

#[test]
fn a_failed_create_leaves_nothing_behind() {
    let _alone = alone();
    let parent_secret = PARENT_SECRET.to_str().unwrap();
    let result = format!(r#""result":{{"secretAccessKey":"{SECRET_ACCESS_KEY}","sessionToken":"{SESSION_TOKEN}"}}"#);
    let echo = |text: &str| {
        format!(
            r#"{{"success":false,"errors":[{{"code":10000,"message":"a {text}","documentation_url":"https://x/{text}",
                "source":{{"pointer":"/{text}"}},"error_chain":[{{"code":1,"message":"{text}"}}]}}],
                "messages":["{text}",{{"code":1,"message":"{text}"}}],{result}}}"#
        )
    };
    // Each client's own secret, and those of the call and of the reply itself.
    let [all_of_token, all_of_key] = [API_TOKEN, API_KEY]
        .map(|own| format!("{} {parent_secret} {SECRET_ACCESS_KEY} {SESSION_TOKEN}", own.to_str().unwrap()));
    let mut replies = Vec::new();
    for status in [200, 400, 401, 403, 404, 409, 422, 429, 500, 302] {
        for all in [&all_of_token, &all_of_key] {
            replies.push(Reply::new(status, "", &echo(all)));
        }
        for all in [&all_of_token, &all_of_key] {
            replies.push(Reply::new(status, "", &echo(&escaped(all))));
        }
    }
    let usual = granted(SECRET_ACCESS_KEY, SESSION_TOKEN);
    let without = |name: &str| usual.replacen(name, "other", 1);
    replies.extend([
        Reply::new(200, "", &without("accessKeyId")),
        Reply::new(200, "", &without("success")),
        Reply::new(200, "", &usual.replacen("minted-id", "", 1)),
        Reply::new(200, "", &usual.replacen("minted-id", "\\u0000", 1)),
        Reply::new(200, "", &format!("{usual} and more")),
        Reply::new(200, "", &usual[..usual.len() - 1]),
        Reply::new(200, "Content-Encoding: gzip\r\n", &usual),
        Reply::new(200, "", &format!("[{usual}]")),
        Reply::new(502, "", &format!("<html>{all_of_token}</html>")),
        Reply::new(200, "", &usual).truncated(usual.len() - 10),
        Reply::new(200, "", &format!("{usual}{}", " ".repeat(1 << 20))),
        Reply::chunked(&format!("{usual}{}", " ".repeat(1 << 20)), 1 << 19),
    ]);
    let url = serve(replies.clone());
    let search = Search::begin();
    let clients = [with_token(url), with_key(url)].map(|options| new_client(&options).unwrap());
    for at in 0..replies.len() {
        assert_ne!(create(clients[at % 2], &params(), &init()), R2CREDS_STATUS_OK, "{at}");
    }
    for client in clients {
        unsafe { r2creds_client_free(client) };
    }
    search.assert_nothing_found();
}

#[test]
fn a_secret_as_an_escaped_key_leaves_nothing_behind() {
    let _alone = alone();
    let url = serve(vec![Reply::new(200, "", &format!("{{\"{}\":1}}", escaped(SESSION_TOKEN)))]);
    let search = Search::begin();
    assert_eq!(create_once(&with_token(url), &init()), R2CREDS_STATUS_INVALID_RESPONSE);
    search.assert_nothing_found();
}

#[test]
fn secrets_in_the_headers_of_a_reply_are_not_told() {
    let _alone = alone();
    let token = API_TOKEN.to_str().unwrap();
    let echo = format!("CF-Ray: ray-{token}\r\nRetry-After: {token}\r\nX-Should-Retry: {token}\r\n");
    let usual = granted(SECRET_ACCESS_KEY, SESSION_TOKEN);
    let url = serve(vec![
        Reply::new(400, &echo, "{}"),
        Reply::new(200, &echo, "{}"),
        Reply::new(302, &format!("Location: https://example.com/{token}\r\n"), ""),
        Reply::new(200, &format!("Content-Encoding: {token}\r\n"), &usual),
        Reply::new(200, &echo, &usual),
    ]);
    let client = new_client(&with_token(url)).unwrap();
    for expected in [
        R2CREDS_STATUS_BAD_REQUEST,
        R2CREDS_STATUS_INVALID_RESPONSE,
        R2CREDS_STATUS_API_ERROR,
        R2CREDS_STATUS_INVALID_RESPONSE,
        R2CREDS_STATUS_OK,
    ] {
        assert_eq!(create(client, &params(), &init()), expected);
    }
    unsafe { r2creds_client_free(client) };
}

#[test]
fn a_call_that_ends_early_leaves_nothing_behind() {
    /// The caller changes its mind at the first opportunity.
    unsafe extern "C" fn give_up(_: *mut std::ffi::c_void) -> i32 {
        1
    }
    let _alone = alone();
    let usual = granted(SECRET_ACCESS_KEY, SESSION_TOKEN);
    let mut stalled = Reply::new(200, "", &usual);
    // All but the last byte, and then nothing.
    stalled.parts[1].pop();
    let transient = Reply::new(500, "Retry-After-Ms: 1\r\n", &usual);
    let done = Reply::new(200, "", &usual);
    // Of its own, for it may notice a request after the call that sent it has ended.
    let silent = serve(vec![stalled]);
    let url = serve(vec![transient, done.clone().truncated(100), Reply { closes: true, ..done.clone() }, done]);
    let search = Search::begin();
    let mut options = with_token(silent);
    let mut request: r2creds_request_options = init();
    request.max_retries = -1;
    request.timeout_ms = 100;
    assert_eq!(create_once(&options, &request), R2CREDS_STATUS_TIMEOUT);
    request.timeout_ms = 10_000;
    request.poll = Some(give_up);
    assert_eq!(create_once(&options, &request), R2CREDS_STATUS_CANCELLED);
    options = with_token(url);
    options.max_retries = 2;
    let client = new_client(&options).unwrap();
    // After two failed attempts, and on a connection that the server closed in between.
    for _ in 0..2 {
        assert_eq!(create(client, &params(), &init()), R2CREDS_STATUS_OK);
    }
    unsafe { r2creds_client_free(client) };
    search.assert_nothing_found();
}

#[test]
fn a_proxy_leaves_nothing_behind() {
    let _alone = alone();
    let echo = format!("{PROXY_PASSWORD} {PROXY_PASSWORD_AS_GIVEN} {PROXY_CREDENTIALS}");
    let headers = format!("X-Echo: {echo}\r\n");
    let url = serve(vec![
        Reply::new(407, &headers, &echo),
        Reply::new(403, &headers, &echo),
        Reply::new(502, &headers, &echo),
        Reply { parts: vec![echo.clone().into_bytes()], closes: true },
        Reply { parts: vec![format!("HTTP/1.1 200 OK\r\n\r\n{echo}").into_bytes()], closes: true },
        Reply { parts: vec![b"HTTP/1.1 200 OK\r\n\r\n".to_vec()], closes: true },
    ]);
    let place = &url.to_bytes()["http://".len()..];
    let proxy = leaked([PROXY_URL.to_bytes(), place].concat());
    // Never connected to: TEST-NET.
    let mut options = with_token(c"https://192.0.2.1");
    options.proxy_url = proxy.as_ptr();
    let search = Search::begin();
    for _ in 0..6 {
        assert_eq!(create_once(&options, &init()), R2CREDS_STATUS_CONNECTION);
    }
    search.assert_nothing_found();
}

#[test]
fn create_over_tls_leaves_only_the_reply_in_the_buffers_of_rustls() {
    let _alone = alone();
    let authority = Authority::generate();
    let ca_file = TempFile::new(authority.pem());
    let ca_path = leaked(ca_file.path());
    let usual = granted(SECRET_ACCESS_KEY, SESSION_TOKEN);
    let url = serve_with(
        vec![Reply::new(200, "", &usual), Reply::chunked(&usual, 40), Reply::new(400, "", &usual)],
        Some(authority.server("127.0.0.1")),
    );
    let mut options = with_token(url);
    options.ca_file = ca_path.as_ptr();
    let search = Search::begin();
    let client = new_client(&options).unwrap();
    for expected in [R2CREDS_STATUS_OK, R2CREDS_STATUS_OK, R2CREDS_STATUS_BAD_REQUEST] {
        assert_eq!(create(client, &params(), &init()), expected);
    }
    unsafe { r2creds_client_free(client) };
    // Decrypted replies pass through two buffers of rustls that are out of our reach; SECURITY.md says so.
    for finding in search.end() {
        let is_of_the_reply = [SECRET_ACCESS_KEY, SESSION_TOKEN]
            .iter()
            .any(|secret| secret.as_bytes().chunks_exact(PIECE).any(|piece| piece == finding.piece));
        let is_known = ["ChunkVecBuffer", "DeframerVecBuffer"].iter().any(|name| finding.freed_by.contains(name));
        assert!(is_of_the_reply && is_known, "{finding}");
    }
}

/// Makes a provider, which keeps what it was given, and uses it in each way.
fn provide(client: *mut r2creds_client, options: &r2creds_request_options, expected: r2creds_status) {
    let (mut provider, mut err) = (ptr::null_mut(), ptr::null_mut());
    unsafe {
        let status = r2creds_provider_new(client, &params(), options, &raw mut provider, &raw mut err);
        assert_eq!(searched(status, err), R2CREDS_STATUS_OK);
        r2creds_client_free(client);
        for _ in 0..3 {
            let mut out = ptr::null_mut();
            let status = r2creds_provider_get(provider, ptr::null(), &raw mut out, &raw mut err);
            assert_eq!(searched(status, err), expected);
            r2creds_provider_reject(provider, out);
            r2creds_credentials_free(out);
        }
        let last = r2creds_provider_last_error(provider);
        assert_eq!(last.is_null(), expected == R2CREDS_STATUS_OK);
        searched(if last.is_null() { R2CREDS_STATUS_OK } else { (*last).status }, last);
        r2creds_provider_free(provider);
    }
}

#[test]
fn a_provider_leaves_nothing_behind() {
    let _alone = alone();
    let plain = granted(SECRET_ACCESS_KEY, SESSION_TOKEN);
    let good = serve(vec![Reply::new(200, "", &plain)]);
    let refusal = format!("{{\"errors\":[{{\"code\":1,\"message\":{:?}}}]}}", API_KEY.to_str().unwrap());
    let bad = serve(vec![Reply::new(403, "", &refusal)]);
    let header = leaked(format!("X-Key: {}", API_KEY.to_str().unwrap()));
    let mut request: r2creds_request_options = init();
    (request.headers, request.headers_len) = list(&[header]);
    request.extra_body = leaked(format!("{{\"more\":\"{}\"}}", API_TOKEN.to_str().unwrap())).as_ptr();
    let search = Search::begin();
    provide(ptr::null_mut(), &init(), R2CREDS_STATUS_OK);
    provide(new_client(&with_token(good)).unwrap(), &request, R2CREDS_STATUS_OK);
    provide(new_client(&with_key(bad)).unwrap(), &request, R2CREDS_STATUS_PERMISSION_DENIED);
    search.assert_nothing_found();
}

#[test]
fn inspect_leaves_nothing_behind() {
    let _alone = alone();
    let mut out = ptr::null_mut();
    assert_eq!(unsafe { r2creds_sign(&params(), &raw mut out, ptr::null_mut()) }, R2CREDS_STATUS_OK);
    let made = unsafe { &*out };
    let [token, secret] =
        [made.session_token, made.secret_access_key].map(|text| leaked(unsafe { CStr::from_ptr(text) }.to_bytes()));
    unsafe { r2creds_credentials_free(out) };
    // Whoever has a part of these can sign, or knows the rest. The claims are no secret: an inspection shows them.
    watch_for(secret.to_bytes());
    watch_for(&token.to_bytes()[token.to_bytes().len() - 64..]);
    let inside = ours(|| &*base64_simd::STANDARD.decode_to_vec(token.to_bytes()).unwrap().leak());
    watch_for(inside.rsplit(|byte| *byte == b'.').next().unwrap());
    let spoilt = leaked([token.to_bytes(), b"!"].concat());
    let inspect = |session_token: &CStr, secret_access_key: &CStr, parent: &CStr, endpoint: *const c_char| {
        let mut params: r2creds_inspect_params = init();
        params.session_token = session_token.as_ptr();
        params.access_key_id = API_TOKEN.as_ptr();
        params.secret_access_key = secret_access_key.as_ptr();
        params.parent_secret_access_key = parent.as_ptr();
        params.endpoint = endpoint;
        let (mut out, mut err) = (ptr::null_mut(), ptr::null_mut());
        unsafe {
            let status = searched(r2creds_inspect(&params, &raw mut out, &raw mut err), err);
            if let Some(inspection) = out.as_ref() {
                assert!(inspection.findings_len > 0);
                for at in 0..inspection.findings_len {
                    let finding = &**inspection.findings.add(at);
                    assert_clean(finding.message);
                    assert_clean(finding.hint);
                }
            }
            r2creds_inspection_free(out);
            status
        }
    };
    let search = Search::begin();
    assert_eq!(inspect(token, secret, PARENT_SECRET, ptr::null()), R2CREDS_STATUS_OK);
    assert_eq!(inspect(token, PARENT_SECRET, API_TOKEN, ptr::null()), R2CREDS_STATUS_OK);
    assert_eq!(inspect(spoilt, API_KEY, secret, ptr::null()), R2CREDS_STATUS_OK);
    assert_eq!(inspect(API_TOKEN, token, token, ptr::null()), R2CREDS_STATUS_OK);
    assert_eq!(inspect(token, secret, PARENT_SECRET, API_TOKEN.as_ptr()), R2CREDS_STATUS_INVALID_ARGUMENT);
    search.assert_nothing_found();
}

#[test]
fn parent_of_token_leaves_nothing_behind() {
    let _alone = alone();
    let verified =
        r#"{"success":true,"result":{"id":"0123456789abcdef0123456789abcdef","status":"active"},"messages":[]}"#;
    let secret = ours(|| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, API_TOKEN.to_bytes()));
    let secret = leaked(ours(|| secret.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()));
    watch_for(secret.to_bytes());
    let told = format!("{{\"errors\":[{{\"code\":1,\"message\":{:?}}}]}}", secret.to_str().unwrap());
    let url = serve(vec![Reply::new(200, "", verified), Reply::new(404, "", &told), Reply::new(200, "", &told)]);
    let search = Search::begin();
    let client = new_client(&with_token(url)).unwrap();
    for expected in [R2CREDS_STATUS_OK, R2CREDS_STATUS_NOT_FOUND, R2CREDS_STATUS_INVALID_RESPONSE] {
        let (mut out, mut err) = (ptr::null_mut(), ptr::null_mut());
        unsafe {
            let status = r2creds_parent_of_token(client, c"account".as_ptr(), ptr::null(), &raw mut out, &raw mut err);
            assert_eq!(searched(status, err), expected);
            assert!(out.is_null() || CStr::from_ptr((*out).secret_access_key) == secret);
            r2creds_parent_free(out);
        }
    }
    unsafe { r2creds_client_free(client) };
    search.assert_nothing_found();
}

#[test]
fn no_debug_output_shows_a_secret() {
    let _alone = alone();
    let text = |secret: &'static CStr| secret.to_str().unwrap();
    let proxy = format!("{}127.0.0.1:3128", text(PROXY_URL));
    let mut params = r2creds::Params {
        account_id: "account",
        bucket: "example-bucket",
        parent_access_key_id: "0123456789abcdef0123456789abcdef",
        parent_secret_access_key: Some(text(PARENT_SECRET)),
        permission: Some(r2creds::Permission::ObjectReadOnly),
        ..r2creds::Params::default()
    };
    let options = r2creds::ClientOptions {
        api_token: Some(text(API_TOKEN)),
        api_email: Some("somebody@example.com"),
        api_key: Some(text(API_KEY)),
        base_url: Some("https://127.0.0.1:1"),
        proxy_url: Some(&proxy),
        ..r2creds::ClientOptions::default()
    };
    let with_key = r2creds::ClientOptions { api_token: None, ..options };
    let header = format!("X-Token: {}", text(API_TOKEN));
    let extra_body = format!("{{\"a\":\"{}\"}}", text(API_KEY));
    let request = r2creds::RequestOptions {
        headers: &[&header],
        extra_body: Some(&extra_body),
        poll: Some(&|| false),
        ..r2creds::RequestOptions::default()
    };
    let credentials = r2creds::sign(&params).unwrap();
    // Whole, because what a signing makes is not known in advance.
    let made = [credentials.secret_access_key().to_owned(), credentials.session_token().to_owned()];
    let mut shown = vec![
        format!("{params:?} {params:#?}"),
        format!("{options:?} {options:#?}"),
        format!("{request:?} {request:#?}"),
        format!("{credentials:?} {credentials:#?}"),
        format!("{:?}", r2creds::Client::new(&options).unwrap()),
        format!("{:#?}", r2creds::Client::new(&with_key).unwrap()),
        {
            let provider = r2creds::Provider::new(None, &params, &r2creds::RequestOptions::default()).unwrap();
            let got = provider.get(&r2creds::RequestOptions::default()).unwrap();
            format!("{provider:?} {provider:#?} {got:?}")
        },
    ];
    let held = r2creds::InspectParams {
        session_token: &made[1],
        secret_access_key: Some(&made[0]),
        parent_secret_access_key: Some(text(PARENT_SECRET)),
        ..r2creds::InspectParams::default()
    };
    shown.push(format!("{held:?} {held:#?} {:?}", r2creds::inspect(&held).unwrap()));
    assert!(shown.iter().take(4).all(|text| text.contains("[redacted]") || text.contains("extra_body: true")));
    params.bucket = text(PARENT_SECRET);
    params.parent_secret_access_key = Some(text(API_TOKEN));
    let error = r2creds::sign(&params).unwrap_err();
    shown.push(format!("{error} {error:?} {error:#?}"));
    for text in shown {
        for secret in &made {
            assert!(!text.contains(secret.as_str()));
        }
        let text = leaked(text);
        unsafe { assert_clean(text.as_ptr()) };
    }
}
