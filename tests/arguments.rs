//! Bad input, through the C functions: each mistake has its own message, which names the field and what was expected
//! and does not repeat the value, and nothing is sent. And what stands just inside each border is accepted.

use std::ffi::c_char;
use std::mem::offset_of;
use std::net::TcpListener;
use std::path::PathBuf;
use std::ptr;

use r2creds::ffi::*;
use support::calls::{
    Client, Credentials, Failure, Memory, Options, Outcome, PARENT_ID, PARENT_SECRET, Params, RequestOptions, call,
    init,
};
use support::process::{alone, set_environment};
use support::server::DeadPort;

/// Stands in bad values wherever there is room for it, and must never come back.
const MARK: &str = "nobody-may-read-this";

/// One mistake in an otherwise valid struct.
struct Mistake<T> {
    name: String,
    spoil: Box<dyn Fn(&mut T)>,
    status: r2creds_status,
    field: &'static str,
    /// Parts of the message: what was wrong, what was expected.
    says: &'static [&'static str],
    /// What no text of the error may contain, besides [`MARK`]; empty where the value is too short to be told.
    hides: String,
}

/// A name, and what it does to a valid struct.
type Change<T> = (&'static str, fn(&mut T));

impl<T> Mistake<T> {
    fn check(&self, function: &str, failure: &Failure) {
        let name = format!("{} ({function})", self.name);
        assert_refused(&name, failure, self.status, self.field, self.says);
        let texts = failure.texts();
        assert!(!texts.contains(MARK), "{name}: {texts}");
        assert!(self.hides.is_empty() || !texts.contains(&self.hides), "{name}: {texts}");
        // A value without the mark, such as a long hexadecimal one, could come back in part.
        for part in self.hides.as_bytes().chunks_exact(12).filter(|_| !self.hides.contains(MARK)) {
            assert!(!texts.as_bytes().windows(12).any(|shown| shown == part), "{name}: {texts}");
        }
    }
}

/// A struct whose texts are found by their names.
trait Texts {
    fn place(&mut self, field: &str) -> &mut *const c_char;
    fn memory(&mut self) -> &mut Memory;
}

macro_rules! texts {
    ($type:ident: $($field:ident)*) => {
        impl Texts for $type {
            fn place(&mut self, field: &str) -> &mut *const c_char {
                match field {
                    $(stringify!($field) => &mut self.raw.$field,)*
                    other => panic!("{other}"),
                }
            }

            fn memory(&mut self) -> &mut Memory {
                &mut self.memory
            }
        }
    };
}

texts!(Params: account_id bucket parent_access_key_id parent_secret_access_key endpoint);
texts!(Options: api_token base_url proxy_url ca_file user_agent);
texts!(RequestOptions: extra_body);

/// A refusal before anything was sent, with everything its error has to say.
fn assert_refused(name: &str, failure: &Failure, status: r2creds_status, field: &str, says: &[&str]) {
    assert_eq!(failure.status, status, "{name}: {failure:?}");
    assert_eq!(failure.field.as_deref(), Some(field), "{name}: {failure:?}");
    assert!(failure.message.starts_with(&format!("{field}: ")), "{name}: {failure:?}");
    for part in says {
        assert!(failure.message.contains(part), "{name}: no {part:?} in {failure:?}");
    }
    assert!(!failure.message.chars().any(char::is_control), "{name}: {failure:?}");
    assert_eq!((failure.attempts, failure.http_status, failure.retry_after_ms), (0, 0, -1), "{name}: {failure:?}");
    assert!(!failure.retryable, "{name}: {failure:?}");
    assert!(failure.request_id.is_none() && failure.errors.is_empty() && failure.messages.is_empty(), "{name}");
}

fn wrong<T: 'static>(
    name: &str,
    field: &'static str,
    says: &'static [&'static str],
    hides: &str,
    spoil: fn(&mut T),
) -> Mistake<T> {
    let (name, hides) = (name.to_owned(), hides.to_owned());
    Mistake { name, spoil: Box::new(spoil), status: R2CREDS_STATUS_INVALID_ARGUMENT, field, says, hides }
}

/// A bad text, which must not be repeated.
fn text<T: Texts + 'static>(field: &'static str, value: impl AsRef<[u8]>, says: &'static [&'static str]) -> Mistake<T> {
    bad(field, value.as_ref().to_vec(), says, |into: &mut T, value| *into.place(field) = into.memory().text(value))
}

/// A bad header, which must not be repeated.
fn header(line: impl AsRef<[u8]>, says: &'static [&'static str]) -> Mistake<RequestOptions> {
    bad("headers", line.as_ref().to_vec(), says, |options: &mut RequestOptions, line| {
        options.headers(&[line]);
    })
}

fn bad<T: 'static>(
    field: &'static str,
    value: Vec<u8>,
    says: &'static [&'static str],
    put: impl Fn(&mut T, &[u8]) + 'static,
) -> Mistake<T> {
    // As it would be seen in a printed error, unless a message may say as much by itself.
    let shown = String::from_utf8_lossy(&value).escape_debug().to_string();
    let name = format!("{field} \"{shown}\"");
    let hides = if shown.len() < 2 || shown.ends_with("//") { String::new() } else { shown };
    let spoil = Box::new(move |into: &mut T| put(into, &value));
    Mistake { name, spoil, status: R2CREDS_STATUS_INVALID_ARGUMENT, field, says, hides }
}

fn unsupported<T>(mistake: Mistake<T>) -> Mistake<T> {
    Mistake { status: R2CREDS_STATUS_UNSUPPORTED, ..mistake }
}

/// A place that must not hear from anybody.
struct Silence(TcpListener);

impl Silence {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Silence(listener)
    }

    fn options(&self) -> Options {
        Options::to(&format!("http://{}", self.0.local_addr().unwrap()))
    }

    fn was_kept(&self) -> bool {
        matches!(self.0.accept(), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }
}

/// A client whose calls end with a refused connection once every argument was accepted.
fn refused_client() -> (Client, DeadPort) {
    let nobody = DeadPort::bind();
    let mut options = Options::to(&nobody.url());
    options.raw.max_retries = -1;
    (options.client().unwrap(), nobody)
}

/// Nothing was wrong with the arguments: an attempt was made.
fn assert_attempted(name: &str, result: Outcome<Credentials>) {
    let failure = result.unwrap_err();
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_CONNECTION, 1), "{name}: {failure:?}");
}

fn hex(digits: usize) -> String {
    "0123456789abcdef".repeat(5)[..digits].to_owned()
}

/// What `create` and `sign` both refuse.
fn mistakes_in_params() -> Vec<Mistake<Params>> {
    const ACCOUNT: &str = "expected 1 to 32 of A-Z a-z 0-9 _ -";
    const BUCKET: &str = "expected lower-case letters, digits and hyphens";
    const LENGTH: &str = "expected 3 to 63";
    const ENDPOINT: &str = "expected scheme and host";
    vec![
        wrong("no account", "account_id", &["NULL", "expected"], "", |p| p.raw.account_id = ptr::null()),
        text("account_id", "", &["0 bytes", ACCOUNT]),
        text("account_id", "nobody-may-read-this-000000000033", &["33 bytes", ACCOUNT]),
        text("account_id", ".", &[ACCOUNT]),
        text("account_id", "..", &[ACCOUNT]),
        text("account_id", "a/b?c#d", &[ACCOUNT]),
        text("account_id", "nobody-may-read-this%2e", &[ACCOUNT]),
        text("account_id", "nobody-may-read-this\r\n", &[ACCOUNT]),
        text("account_id", "nobody-may-read-this-é", &[ACCOUNT]),
        text("account_id", b"nobody-may-read-this\xff", &["not UTF-8"]),
        wrong("no bucket", "bucket", &["NULL", "expected"], "", |p| p.raw.bucket = ptr::null()),
        text("bucket", "", &["0 characters", LENGTH]),
        text("bucket", "qz", &["2 characters", LENGTH]),
        text("bucket", format!("{MARK}-{}", "0".repeat(43)), &["64 characters", LENGTH]),
        text("bucket", "Nobody-may-read-this", &["upper-case", BUCKET]),
        text("bucket", "-nobody-may-read-this", &["hyphen", "expected a letter or digit"]),
        text("bucket", "nobody-may-read-this-", &["hyphen", "expected a letter or digit"]),
        text("bucket", "nobody-may-read-this_", &["another character", BUCKET]),
        text("bucket", "nobody-may-read-this.a", &["another character", BUCKET]),
        text("bucket", "nobody-may-read-this\n", &["another character", BUCKET]),
        text("bucket", "nobody-may-read-this\",\"scope\":\"admin-read-write", &["another character", BUCKET]),
        text("bucket", "nobody-may-read-this-ü", &["another character", BUCKET]),
        text("bucket", b"nobody-may-read-this\x80", &["not UTF-8"]),
        wrong("no parent id", "parent_access_key_id", &["NULL", "expected"], "", |p| {
            p.raw.parent_access_key_id = ptr::null();
        }),
        text("parent_access_key_id", "", &["empty", "expected"]),
        text("parent_access_key_id", b"nobody-may-read-this\xc3", &["not UTF-8"]),
        wrong("no prefixes in a list of them", "prefixes", &["empty list", "expected"], "", |p| {
            p.prefixes::<&str>(&[]);
        }),
        wrong("no objects in a list of them", "objects", &["empty list", "expected"], "", |p| {
            p.prefixes(&["a"]).objects::<&str>(&[]);
        }),
        wrong("no directories in a list of them", "directories", &["empty list", "expected"], "", |p| {
            p.prefixes(&["a"]).directories::<&str>(&[]);
        }),
        wrong("directories NULL with a length", "directories", &["NULL", "directories_len"], "", |p| {
            p.raw.directories_len = 1;
        }),
        wrong("a directory that is NULL", "directories", &["entry 1", "NULL", "expected"], "", |p| {
            p.directories(&[MARK, "b"]);
            set_null(p.raw.directories, 1);
        }),
        wrong("an empty directory", "directories", &["entry 1", "0 bytes", "expected 1 to 1023"], "", |p| {
            p.directories(&[MARK, ""]);
        }),
        wrong(
            "a directory of 1024 bytes",
            "directories",
            &["entry 0", "1024 bytes", "expected 1 to 1023"],
            "zzzz",
            |p| {
                p.directories(&["z".repeat(1024)]);
            },
        ),
        wrong(
            "a directory with a slash at its end",
            "directories",
            &["entry 1", "slash", "expected none"],
            MARK,
            |p| {
                p.directories(&["a".to_owned(), format!("{MARK}/")]);
            },
        ),
        wrong("the bucket's root as a directory", "directories", &["entry 0", "slash"], "", |p| {
            p.directories(&["/"]);
        }),
        wrong("a directory not UTF-8", "directories", &["entry 0", "not UTF-8"], "", |p| {
            p.directories(&[b"nobody-may-read-this\xf0\x9f"]);
        }),
        wrong("prefixes whose length was forgotten", "prefixes", &["empty list"], "", |p| {
            p.prefixes(&["a"]);
            p.raw.prefixes_len = 0;
        }),
        wrong("prefixes NULL with a length", "prefixes", &["NULL", "prefixes_len"], "", |p| p.raw.prefixes_len = 1),
        wrong("objects NULL with a length", "objects", &["NULL", "objects_len"], "", |p| p.raw.objects_len = 1),
        wrong("more prefixes than memory", "prefixes", &["prefixes_len", "memory"], "", |p| {
            p.prefixes(&["a"]);
            p.raw.prefixes_len = usize::MAX;
        }),
        wrong("more objects than memory", "objects", &["objects_len", "memory"], "", |p| {
            p.objects(&["a"]);
            p.raw.objects_len = usize::MAX / 8;
        }),
        wrong("a prefix that is NULL", "prefixes", &["entry 1", "NULL", "expected"], "", |p| {
            p.prefixes(&[MARK, "b"]);
            set_null(p.raw.prefixes, 1);
        }),
        wrong("an object that is NULL", "objects", &["entry 0", "NULL", "expected"], "", |p| {
            p.objects(&["a", MARK]);
            set_null(p.raw.objects, 0);
        }),
        wrong("an empty prefix", "prefixes", &["entry 1", "0 bytes", "expected 1 to 1024"], "", |p| {
            p.prefixes(&[MARK, ""]);
        }),
        wrong("an empty object", "objects", &["entry 0", "0 bytes", "expected 1 to 1024"], "", |p| {
            p.objects(&["", MARK]);
        }),
        wrong("a prefix of 1025 bytes", "prefixes", &["entry 0", "1025 bytes", "expected 1 to 1024"], "zzzz", |p| {
            p.prefixes(&["z".repeat(1025)]);
        }),
        wrong("an object of 1025 bytes", "objects", &["entry 2", "1025 bytes", "expected 1 to 1024"], "zzzz", |p| {
            p.objects(&["a", "b", &"z".repeat(1025)]);
        }),
        wrong("an object of 1025 bytes in 513 characters", "objects", &["1025 bytes"], "öö", |p| {
            p.objects(&[format!("z{}", "ö".repeat(512))]);
        }),
        wrong("a prefix not UTF-8", "prefixes", &["entry 0", "not UTF-8"], "", |p| {
            p.prefixes(&[b"nobody-may-read-this\xf0\x9f"]);
        }),
        wrong("an object not UTF-8", "objects", &["entry 1", "not UTF-8"], "", |p| {
            p.objects(&[&b"a"[..], b"nobody-may-read-this\xed\xa0\x80"]);
        }),
        wrong("actions NULL with a length", "actions", &["NULL", "actions_len"], "", |p| p.raw.actions_len = 2),
        wrong("an action that is NULL", "actions", &["entry 1", "NULL", "expected"], "", |p| {
            p.raw.permission = R2CREDS_PERMISSION_UNSET;
            p.actions(&["GetObject", MARK]);
            set_null(p.raw.actions, 1);
        }),
        wrong("an action not UTF-8", "actions", &["entry 0", "not UTF-8"], "", |p| {
            p.raw.permission = R2CREDS_PERMISSION_UNSET;
            p.actions(&[b"nobody-may-read-this\xff"]);
        }),
        wrong("permission with actions", "actions", &["permission"], "", |p| {
            p.actions(&["GetObject"]);
        }),
        wrong("no permission", "permission", &["not set", "object-read-only", "admin-read-write"], "", |p| {
            p.raw.permission = R2CREDS_PERMISSION_UNSET;
        }),
        wrong("permission 5", "permission", &["expected", "1 to 4"], "", |p| p.raw.permission = 5),
        wrong("permission -1", "permission", &["expected", "1 to 4"], "", |p| p.raw.permission = -1),
        wrong("smallest permission", "permission", &["expected", "1 to 4"], "2147483648", |p| {
            p.raw.permission = i32::MIN;
        }),
        wrong("permission 5 with actions", "permission", &["expected", "1 to 4"], "", |p| {
            p.raw.permission = 5;
            p.actions(&["GetObject"]);
        }),
        wrong("ttl 604801", "ttl_seconds", &["expected 1 to 604800"], "604801", |p| p.raw.ttl_seconds = 604_801),
        wrong("largest ttl", "ttl_seconds", &["expected 1 to 604800"], "4294967295", |p| {
            p.raw.ttl_seconds = u32::MAX;
        }),
        wrong("jurisdiction 4", "jurisdiction", &["expected", "0 to 3"], "", |p| p.raw.jurisdiction = 4),
        wrong("jurisdiction -1", "jurisdiction", &["expected", "0 to 3"], "", |p| p.raw.jurisdiction = -1),
        wrong("jurisdiction with endpoint", "jurisdiction", &["endpoint", "expected one of them"], "", |p| {
            p.raw.jurisdiction = R2CREDS_JURISDICTION_EU;
            p.raw.endpoint = p.memory.text("https://nobody-may-read-this");
        }),
        unsupported(wrong("reserved 1", "reserved", &["not 0"], "", |p| p.raw.reserved = 1)),
        unsupported(wrong("reserved -1", "reserved", &["not 0"], "", |p| p.raw.reserved = -1)),
        text("endpoint", "", &["empty", ENDPOINT]),
        text("endpoint", b"https://nobody-may-read-this\xff", &["not UTF-8"]),
        text("endpoint", "nobody-may-read-this.example.com", &["has no scheme", ENDPOINT]),
        text("endpoint", "nobody-may-read-this:443", &["has no scheme", ENDPOINT]),
        text("endpoint", "https://example.com/nobody-may-read-this", &["has a path", ENDPOINT]),
        text("endpoint", "https://nobody-may-read-this//", &["has a path", ENDPOINT]),
        text("endpoint", "https://example.com?nobody-may-read-this", &["query", ENDPOINT]),
        text("endpoint", "https://nobody-may-read-this/?", &["query", ENDPOINT]),
        text("endpoint", "https://nobody-may-read-this#", &["fragment", ENDPOINT]),
        text("endpoint", "https://user:nobody-may-read-this@example.com", &["user name", ENDPOINT]),
        text("endpoint", "https://@nobody-may-read-this", &["user name", ENDPOINT]),
        text("endpoint", "ftp://nobody-may-read-this", &["scheme", ENDPOINT]),
        text("endpoint", "https://", &["host", ENDPOINT]),
        text("endpoint", "https://:443", &["host", ENDPOINT]),
        text("endpoint", "https://nobody-may-read-this ", &["space", ENDPOINT]),
        text("endpoint", "https://nobody-may-read-this\r\nHost: x", &["control character", ENDPOINT]),
        text("endpoint", "https://nobody-may-read-this-ö", &["non-ASCII", ENDPOINT]),
        text("endpoint", "https://example.com\\nobody-may-read-this", &["host", ENDPOINT]),
        text("endpoint", "https://nobody-may-read-this%2e", &["host", ENDPOINT]),
        text("endpoint", "https://nobody-may-read-this\",\"sub\":\"", &["host", ENDPOINT]),
        text("endpoint", "https://nobody-may-read-this:0", &["1 and 65535", ENDPOINT]),
        text("endpoint", "https://nobody-may-read-this:65536", &["1 and 65535", ENDPOINT]),
        text("endpoint", "https://nobody-may-read-this:", &["port", ENDPOINT]),
        text("endpoint", "https://example.com:nobody-may-read-this", &["not a number", ENDPOINT]),
        text("endpoint", "https://nobody-may-read-this:+443", &["not a number", ENDPOINT]),
        text("endpoint", "https://[2001:db8::1", &["host", ENDPOINT]),
        text("endpoint", "https://[nobody-may-read-this]", &["host", ENDPOINT]),
        text("endpoint", "http://nobody-may-read-this", &["loopback", ENDPOINT]),
        text("endpoint", "http://localhost.example.com", &["loopback", ENDPOINT]),
        text("endpoint", "http://example.localhost", &["loopback", ENDPOINT]),
        text("endpoint", "http://localhost.", &["loopback", ENDPOINT]),
        text("endpoint", "http://128.0.0.1", &["loopback", ENDPOINT]),
        text("endpoint", "http://126.255.255.255", &["loopback", ENDPOINT]),
        text("endpoint", "http://0.0.0.0", &["loopback", ENDPOINT]),
        text("endpoint", "http://127.0.0.1.example.com", &["loopback", ENDPOINT]),
        text("endpoint", "http://127.1", &["loopback", ENDPOINT]),
        text("endpoint", "http://[::2]", &["loopback", ENDPOINT]),
        text("endpoint", "http://127.0.0.1:80@nobody-may-read-this", &[ENDPOINT]),
    ]
}

/// What only `sign` refuses.
fn mistakes_in_params_of_sign() -> Vec<Mistake<Params>> {
    const ID: &str = "expected 32 lower-case hexadecimal digits";
    const SECRET: &str = "expected 64 lower-case hexadecimal digits";
    vec![
        text("parent_access_key_id", hex(31), &["31 characters", ID]),
        text("parent_access_key_id", hex(33), &["33 characters", ID]),
        text("parent_access_key_id", hex(32).to_uppercase(), &["upper-case", ID]),
        text("parent_access_key_id", "nobody-may-read-this-abcdef01234", &["other characters", ID]),
        text("parent_access_key_id", hex(32) + "\n", &["line break", ID]),
        text("parent_access_key_id", format!(" {}", hex(31)), &["space", ID]),
        wrong("no parent secret", "parent_secret_access_key", &["64 lower-case"], "", |p| {
            p.raw.parent_secret_access_key = ptr::null();
        }),
        text("parent_secret_access_key", "", &["empty", SECRET]),
        text("parent_secret_access_key", hex(63), &["63 characters", SECRET]),
        text("parent_secret_access_key", hex(65), &["65 characters", SECRET]),
        text("parent_secret_access_key", "nobody-may-read-this_0123456789012345678", &["40 characters", SECRET]),
        text("parent_secret_access_key", hex(64).to_uppercase(), &["upper-case", SECRET]),
        text("parent_secret_access_key", "0".repeat(63) + "F", &["upper-case", SECRET]),
        text("parent_secret_access_key", "0".repeat(63) + "g", &["other characters", SECRET]),
        text("parent_secret_access_key", hex(64) + "\n", &["line break", SECRET]),
        text("parent_secret_access_key", hex(62) + "\r\n", &["line break", SECRET]),
        text("parent_secret_access_key", b"nobody-may-read-this\xff", &["not UTF-8"]),
        wrong("an empty action", "actions", &["entry 1", "empty", "GetObject", "CompleteMultipartUpload"], "", |p| {
            p.raw.permission = R2CREDS_PERMISSION_UNSET;
            p.actions(&["GetObject", ""]);
        }),
        wrong("an unknown action", "actions", &["entry 0", "unknown", "HeadObject", "DeleteObjects"], "", |p| {
            p.raw.permission = R2CREDS_PERMISSION_UNSET;
            p.actions(&[MARK]);
        }),
        wrong("an action in lower case", "actions", &["entry 0", "unknown", "GetObject"], "getobject", |p| {
            p.raw.permission = R2CREDS_PERMISSION_UNSET;
            p.actions(&["getobject"]);
        }),
        wrong("an action with a space behind", "actions", &["entry 0", "unknown"], "PutObject  ", |p| {
            p.raw.permission = R2CREDS_PERMISSION_UNSET;
            p.actions(&["PutObject  "]);
        }),
        wrong("a repeated action", "actions", &["entry 2", "repeat", "expected each at most once"], "", |p| {
            p.raw.permission = R2CREDS_PERMISSION_UNSET;
            p.actions(&["GetObject", "PutObject", "GetObject"]);
        }),
        wrong("negative issued_at", "issued_at", &["negative", "expected Unix seconds"], "", |p| p.raw.issued_at = -1),
        wrong("smallest issued_at", "issued_at", &["negative", "expected Unix seconds"], "9223372036", |p| {
            p.raw.issued_at = i64::MIN;
        }),
        wrong("largest issued_at", "issued_at", &["too large", "ttl_seconds"], "9223372036", |p| {
            p.raw.issued_at = i64::MAX;
        }),
        wrong(
            "issued_at that overflows with the default ttl",
            "issued_at",
            &["too large", "ttl_seconds"],
            "92233",
            |p| {
                p.raw.issued_at = i64::MAX - 899;
            },
        ),
        wrong("issued_at that overflows with the ttl", "issued_at", &["too large", "ttl_seconds"], "92233", |p| {
            p.raw.issued_at = i64::MAX - 1;
            p.raw.ttl_seconds = 2;
        }),
        wrong("permission with actions says why", "actions", &["exactly one", "R2 refuses"], "", |p| {
            p.actions(&["GetObject"]);
        }),
        wrong("neither permission nor actions", "permission", &["no actions", "exactly one"], "", |p| {
            p.raw.permission = R2CREDS_PERMISSION_UNSET;
        }),
    ]
}

/// What only `create` refuses.
fn mistakes_in_params_of_create() -> Vec<Mistake<Params>> {
    vec![
        wrong("actions instead of permission", "actions", &["create", "permission"], "", |p| {
            p.raw.permission = R2CREDS_PERMISSION_UNSET;
            p.actions(&["GetObject"]);
        }),
        wrong("negative issued_at", "issued_at", &["create"], "", |p| p.raw.issued_at = -1),
        wrong("largest issued_at", "issued_at", &["create"], "9223372036", |p| p.raw.issued_at = i64::MAX),
        wrong("issued_at", "issued_at", &["create"], "1700000000", |p| p.raw.issued_at = 1_700_000_000),
    ]
}

fn set_null(list: *const *const c_char, at: usize) {
    // SAFETY: the list was made by `Memory::list`, is longer than `at`, and nothing else refers to it.
    unsafe { list.cast_mut().add(at).write(ptr::null()) }
}

/// Makes each mistake in an otherwise valid struct, and has it refused.
fn refuses<T, R>(
    function: &str,
    mistakes: impl IntoIterator<Item = Mistake<T>>,
    valid: impl Fn() -> T,
    call: impl Fn(&T) -> Outcome<R>,
) {
    for mistake in mistakes {
        let mut given = valid();
        (mistake.spoil)(&mut given);
        match call(&given) {
            Err(failure) => mistake.check(function, &failure),
            Ok(_) => panic!("{}: accepted", mistake.name),
        }
    }
}

#[test]
fn an_empty_list_says_how_to_grant_the_whole_bucket() {
    for list in [Params::prefixes::<&str>, Params::objects::<&str>, Params::directories::<&str>] {
        let mut params = Params::valid();
        list(&mut params, &[]);
        let hint = params.sign().unwrap_err().hint.unwrap();
        assert!(hint.contains("whole bucket") && hint.contains("prefixes, objects and directories"), "{hint}");
    }
    let mut params = Params::valid();
    params.actions::<&str>(&[]);
    params.raw.permission = R2CREDS_PERMISSION_UNSET;
    let failure = params.sign().unwrap_err();
    assert_eq!((failure.status, failure.field.as_deref()), (R2CREDS_STATUS_INVALID_ARGUMENT, Some("actions")));
    assert!(!failure.hint.unwrap().contains("bucket"));
}

#[test]
fn sign_refuses_every_mistake() {
    let mistakes = mistakes_in_params().into_iter().chain(mistakes_in_params_of_sign());
    refuses("sign", mistakes, Params::valid, Params::sign);
}

#[test]
fn create_refuses_every_mistake_and_sends_nothing() {
    let silence = Silence::new();
    let mut options = silence.options();
    options.raw.timeout_ms = 100;
    let client = options.client().unwrap();
    let mistakes = mistakes_in_params().into_iter().chain(mistakes_in_params_of_create());
    refuses("create", mistakes, Params::valid, |params| client.create(params));
    refuses("create", mistakes_in_request_options(), RequestOptions::empty, |options| {
        client.create_with(&Params::valid(), options)
    });
    assert!(silence.was_kept());
    // The same client does reach the listener once nothing is wrong.
    assert_eq!(client.create(&Params::valid()).unwrap_err().status, R2CREDS_STATUS_TIMEOUT);
    assert!(!silence.was_kept());
}

fn mistakes_in_request_options() -> Vec<Mistake<RequestOptions>> {
    const OBJECT: &str = "not a JSON object";
    const OWN: &str = "sets itself";
    let mut mistakes: Vec<Mistake<RequestOptions>> = vec![
        wrong("headers NULL with a length", "headers", &["NULL", "headers_len"], "", |o| o.raw.headers_len = 1),
        wrong("a header that is NULL", "headers", &["entry 1", "NULL", "expected"], "", |o| {
            o.headers(&["X-A: b", "X-C: nobody-may-read-this"]);
            set_null(o.raw.headers, 1);
        }),
        header("", &["entry 0", "no colon", "Name: value"]),
        wrong("a header without a colon", "headers", &["entry 1", "no colon", "Name: value"], "", |o| {
            o.headers(&["X-A: b", MARK]);
        }),
        header(": nobody-may-read-this", &["entry 0", "name"]),
        header("X A: nobody-may-read-this", &["entry 0", "name"]),
        header("X-A : nobody-may-read-this", &["entry 0", "name"]),
        header(" X-A: nobody-may-read-this", &["entry 0", "name"]),
        header("X-A\r\nX-B: nobody-may-read-this", &["entry 0", "name"]),
        header("X-Größe: nobody-may-read-this", &["entry 0", "name"]),
        header("X-A: b\r\nHost: nobody-may-read-this", &["entry 0", "control", "visible ASCII"]),
        header("X-A: b\nX-B: nobody-may-read-this", &["entry 0", "control", "visible ASCII"]),
        header("X-A: nobody-may-read-this\r", &["entry 0", "control", "visible ASCII"]),
        header("X-A: nobody-may-read-this\x7f", &["entry 0", "control", "visible ASCII"]),
        header("X-A: nobody-may-read-this-ß", &["entry 0", "non-ASCII", "visible ASCII"]),
        header(b"X-A: nobody-may-read-this\xff", &["entry 0", "not UTF-8"]),
        text("extra_body", "", &[OBJECT]),
        text("extra_body", MARK, &[OBJECT]),
        text("extra_body", "[\"nobody-may-read-this\"]", &[OBJECT]),
        text("extra_body", "\"nobody-may-read-this\"", &[OBJECT]),
        text("extra_body", "null", &[OBJECT]),
        text("extra_body", "{\"a\":\"nobody-may-read-this\"", &[OBJECT]),
        text("extra_body", "{\"nobody-may-read-this\":1,}", &[OBJECT]),
        text("extra_body", "{\"nobody-may-read-this\":1} {}", &[OBJECT]),
        text("extra_body", "{\"a\":1},\"nobody-may-read-this\":{}", &[OBJECT]),
        text("extra_body", b"{\"nobody-may-read-this\xff\":1}", &["not UTF-8"]),
        wrong("request max_retries -2", "max_retries", &["expected -1"], "-2", |o| o.raw.max_retries = -2),
        wrong("smallest request max_retries", "max_retries", &["expected -1"], "2147483648", |o| {
            o.raw.max_retries = i32::MIN;
        }),
        text("extra_body", "{\"bucket\":\"nobody-may-read-this\"}", &["key 0", "repeats", "bucket"]),
        text("extra_body", "{\"a\":{},\"parentAccessKeyId\":\"nobody-may-read-this\"}", &["key 1", "repeats"]),
        text("extra_body", "{\"PERMISSION\":\"nobody-may-read-this\"}", &["key 0", "repeats"]),
        text("extra_body", "{\"ttlseconds\":98765}", &["key 0", "repeats"]),
        text("extra_body", "{\"objects\":[\"nobody-may-read-this\"]}", &["key 0", "repeats"]),
        text("extra_body", "{\"\\u0070refixes\":[\"nobody-may-read-this\"]}", &["key 0", "repeats"]),
    ];
    // In one case of letters or another.
    let names = [
        "Host",
        "host",
        "Content-Length",
        "content-type",
        "CONTENT-ANYTHING",
        "Transfer-Encoding",
        "connection",
        "Keep-Alive",
        "tE",
        "Trailer",
        "UPGRADE",
        "Expect",
        "accept-Encoding",
        "authORIZATION",
        "Proxy-Authorization",
        "proxy-anything",
        "X-Auth-Email",
        "x-auth-KEY",
    ];
    mistakes.extend(names.map(|name| header(format!("{name}: {MARK}"), &["entry 0", "names a header", OWN])));
    mistakes
}

fn mistakes_in_client_options() -> Vec<Mistake<Options>> {
    const VISIBLE: &str = "expected visible ASCII";
    const BASE: &str = "expected https://host/path, or http:// to loopback";
    const PROXY: &str = "expected http://[user:password@]host:port";
    const ONLY_HTTP: &str = "only http:// proxies are supported";
    vec![
        text("api_token", "", &["empty", VISIBLE]),
        text("api_token", "nobody-may-read-this\n", &["line break", VISIBLE]),
        text("api_token", "nobody-may-read-this\r\nX-Other: 1", &["line break", VISIBLE]),
        text("api_token", "Bearer nobody-may-read-this", &["space", VISIBLE]),
        text("api_token", "nobody-may-read-this\x7f", &["control character", VISIBLE]),
        text("api_token", "nobody-may-read-this-é", &["non-ASCII", VISIBLE]),
        text("api_token", b"nobody-may-read-this\xff", &["not UTF-8"]),
        wrong("e-mail without key", "api_key", &["api_email", "both or neither"], "", |o| {
            o.raw.api_token = ptr::null();
            o.raw.api_email = o.memory.text("nobody-may-read-this@example.com");
        }),
        wrong("key without e-mail", "api_email", &["api_key", "both or neither"], "", |o| {
            o.raw.api_token = ptr::null();
            o.raw.api_key = o.memory.text(MARK);
        }),
        wrong("e-mail without key beside a token", "api_key", &["api_email", "both or neither"], "", |o| {
            o.raw.api_email = o.memory.text("nobody-may-read-this@example.com");
        }),
        wrong("empty e-mail", "api_email", &["empty", VISIBLE], "", |o| {
            o.raw.api_email = o.memory.text("");
            o.raw.api_key = o.memory.text(MARK);
        }),
        wrong("empty key", "api_key", &["empty", VISIBLE], "", |o| {
            o.raw.api_email = o.memory.text(MARK);
            o.raw.api_key = o.memory.text("");
        }),
        wrong("e-mail that splits the request", "api_email", &["line break", VISIBLE], "", |o| {
            o.raw.api_email = o.memory.text("nobody-may-read-this@example.com\r\nX: y");
            o.raw.api_key = o.memory.text(MARK);
        }),
        wrong("key with a line break", "api_key", &["line break", VISIBLE], "", |o| {
            o.raw.api_email = o.memory.text(MARK);
            o.raw.api_key = o.memory.text("nobody-may-read-this\n");
        }),
        wrong("key not UTF-8", "api_key", &["not UTF-8"], "", |o| {
            o.raw.api_email = o.memory.text(MARK);
            o.raw.api_key = o.memory.text(b"nobody-may-read-this\xff");
        }),
        wrong("e-mail not UTF-8", "api_email", &["not UTF-8"], "", |o| {
            o.raw.api_email = o.memory.text(b"nobody-may-read-this\xff");
            o.raw.api_key = o.memory.text(MARK);
        }),
        text("base_url", "", &["empty", BASE]),
        text("base_url", "ftp://nobody-may-read-this", &["scheme", BASE]),
        text("base_url", "nobody-may-read-this/client/v4", &["has no scheme", BASE]),
        text("base_url", "http://nobody-may-read-this/client/v4", &["loopback", BASE]),
        text("base_url", "http://localhost.example.com", &["loopback", BASE]),
        text("base_url", "http://128.0.0.1", &["loopback", BASE]),
        text("base_url", "https://127.0.0.1/?nobody-may-read-this", &["query", BASE]),
        text("base_url", "https://127.0.0.1#nobody-may-read-this", &["fragment", BASE]),
        text("base_url", "https://user:nobody-may-read-this@127.0.0.1", &["user name", BASE]),
        text("base_url", "https://127.0.0.1/ nobody-may-read-this", &["space", BASE]),
        text("base_url", "https://127.0.0.1/nobody-may-read-this\r\n", &["control character", BASE]),
        text("base_url", "https://127.0.0.1/nobody-may-read-this\"", &["percent-encoded", BASE]),
        text("base_url", "https://nobody-may-read-this:65536", &["1 and 65535", BASE]),
        text("base_url", b"https://nobody-may-read-this\xff", &["not UTF-8"]),
        text("proxy_url", "no proxy, nobody-may-read-this", &["space", PROXY]),
        text("proxy_url", "nobody-may-read-this:3128", &["has no scheme", PROXY]),
        text("proxy_url", "http://", &["host", PROXY]),
        text("proxy_url", "http://user:nobody-may-read-this@", &["host", PROXY]),
        text("proxy_url", "http://127.0.0.1:3128/nobody-may-read-this", &["path", PROXY]),
        text("proxy_url", "http://127.0.0.1:3128?nobody-may-read-this", &["query", PROXY]),
        text("proxy_url", "http://user:nobody-may-read-this@127.0.0.1:0", &["1 and 65535", PROXY]),
        text("proxy_url", "http://user:nobody-may-read-this@127.0.0.1:3128\n", &["control character", PROXY]),
        text("proxy_url", b"http://user:nobody-may-read-this\xff@127.0.0.1:3128", &["not UTF-8"]),
        unsupported(text("proxy_url", "socks5://user:nobody-may-read-this@127.0.0.1:1080", &[ONLY_HTTP])),
        unsupported(text("proxy_url", "socks5h://nobody-may-read-this:1080", &[ONLY_HTTP])),
        unsupported(text("proxy_url", "HTTPS://user:nobody-may-read-this@127.0.0.1:3128", &[ONLY_HTTP])),
        text("ca_file", "", &["empty"]),
        text("ca_file", "/nobody-may-read-this/ca.pem", &["cannot be read"]),
        text("ca_file", env!("CARGO_MANIFEST_DIR"), &["cannot be read"]),
        text("ca_file", b"/nobody-may-read-this\xff", &["not UTF-8"]),
        wrong("ca_file of nothing", "ca_file", &["empty", "expected PEM"], "", |o| with_ca_file(o, "nothing", "")),
        wrong("ca_file not PEM", "ca_file", &["no PEM certificate"], "", |o| with_ca_file(o, "text", MARK)),
        wrong("ca_file cut off", "ca_file", &["line 1", "no end"], "", |o| {
            with_ca_file(o, "cut", "-----BEGIN CERTIFICATE-----\nbm9ib2R5LW1heS1yZWFkLXRoaXM=\n");
        }),
        wrong("ca_file with no certificate in its PEM", "ca_file", &["cannot be parsed"], "bm9ib2", |o| {
            let pem = "-----BEGIN CERTIFICATE-----\nbm9ib2R5LW1heS1yZWFkLXRoaXM=\n-----END CERTIFICATE-----\n";
            with_ca_file(o, "other", pem);
        }),
        wrong("ca_file with a key", "ca_file", &["no PEM certificate"], "bm9ib2", |o| {
            let pem = "-----BEGIN PRIVATE KEY-----\nbm9ib2R5LW1heS1yZWFkLXRoaXM=\n-----END PRIVATE KEY-----\n";
            with_ca_file(o, "key", pem);
        }),
        text("user_agent", "", &["empty", "expected printable ASCII"]),
        text("user_agent", "app/1\r\nX-Other: nobody-may-read-this", &["control", "printable ASCII"]),
        text("user_agent", "nobody-may-read-this\t", &["control", "printable ASCII"]),
        text("user_agent", "nobody-may-read-this\x7f", &["control", "printable ASCII"]),
        text("user_agent", "nobody-may-read-this/ü", &["non-ASCII", "printable ASCII"]),
        text("user_agent", b"nobody-may-read-this\xff", &["not UTF-8"]),
        wrong("max_retries -2", "max_retries", &["expected -1"], "-2", |o| o.raw.max_retries = -2),
        unsupported(wrong("flags 2", "flags", &["bit"], "", |o| o.raw.flags = 2)),
        unsupported(wrong("flags 2^31 + 1", "flags", &["bit"], "", |o| o.raw.flags = (1 << 31) | 1)),
        unsupported(wrong("reserved 1", "reserved", &["not 0"], "", |o| o.raw.reserved = 1)),
        wrong("smallest max_retries", "max_retries", &["expected -1"], "2147483648", |o| o.raw.max_retries = i32::MIN),
    ]
}

/// A file whose path, too, must not come back.
fn with_ca_file(options: &mut Options, name: &str, content: &str) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{MARK}-{name}.pem"));
    std::fs::write(&path, content).unwrap();
    options.raw.ca_file = options.memory.text(path.to_str().unwrap());
}

#[test]
fn client_new_refuses_every_mistake_and_sends_nothing() {
    let silence = Silence::new();
    refuses("client_new", mistakes_in_client_options(), || silence.options(), Options::client);
    drop(silence.options().client().unwrap());
    assert!(silence.was_kept());
}

#[test]
fn a_pasted_token_is_recognised_by_its_shape() {
    let hint_of = |spoil: &dyn Fn(&mut Params)| {
        let mut params = Params::valid();
        spoil(&mut params);
        let failure = params.sign().unwrap_err();
        assert_eq!(failure.status, R2CREDS_STATUS_INVALID_ARGUMENT);
        failure.hint
    };
    let id = |text: String| hint_of(&|p| p.raw.parent_access_key_id = p.memory.text(&text));
    let secret = |text: String| hint_of(&|p| p.raw.parent_secret_access_key = p.memory.text(&text));
    // 40: an older token; 53: a newer one.
    for length in [40, 53] {
        for hint in [id("t".repeat(length)), secret("t".repeat(length)), id(hex(length)), secret(hex(length))] {
            let hint = hint.unwrap();
            assert!(hint.contains("API token") && hint.contains("SHA-256"), "{length}: {hint}");
        }
    }
    assert!(id(hex(64)).unwrap().contains("secret access key"));
    assert!(secret(hex(32)).unwrap().contains("access key id"));
    // Nothing is known about these.
    assert_eq!((id(hex(31)), secret(hex(63)), secret(String::new())), (None, None, None));
}

#[test]
fn an_empty_prefix_is_told_how_to_grant_everything() {
    let mut params = Params::valid();
    params.prefixes(&[""]);
    assert!(params.sign().unwrap_err().hint.unwrap().contains("whole bucket"));
}

#[test]
fn both_calls_accept_what_stands_on_the_border() {
    let (client, _port) = refused_client();
    let accepted: [Change<Params>; 21] = [
        ("nothing special", |_| {}),
        ("account of 1", |p| p.raw.account_id = p.memory.text("a")),
        ("account of 32", |p| p.raw.account_id = p.memory.text("Z".repeat(32))),
        ("account of every kind", |p| p.raw.account_id = p.memory.text("_-aZ09-_")),
        ("bucket of 3", |p| p.raw.bucket = p.memory.text("a-1")),
        ("bucket of 63", |p| p.raw.bucket = p.memory.text("9".repeat(63))),
        ("bucket with two hyphens", |p| p.raw.bucket = p.memory.text("a--z")),
        ("ttl 1", |p| p.raw.ttl_seconds = 1),
        ("ttl 604800", |p| p.raw.ttl_seconds = 604_800),
        ("default ttl", |p| p.raw.ttl_seconds = 0),
        ("path of 1", |p| {
            p.prefixes(&["/"]).objects(&["."]);
        }),
        ("path of 1024 bytes", |p| {
            p.prefixes(&["z".repeat(1024)]).objects(&["ö".repeat(512)]).directories(&["d".repeat(1023)]);
        }),
        ("paths with every kind of character", |p| {
            p.prefixes(&["\u{1}\t\r\n\"\\/\u{7f}", " ", "\u{1f600}"]);
        }),
        ("the same path twice", |p| {
            p.prefixes(&["a", "a"]).objects(&["a", "a"]);
        }),
        ("object-read-only", |p| p.raw.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY),
        ("admin-read-only", |p| p.raw.permission = R2CREDS_PERMISSION_ADMIN_READ_ONLY),
        ("admin-read-write", |p| p.raw.permission = R2CREDS_PERMISSION_ADMIN_READ_WRITE),
        ("jurisdiction eu", |p| p.raw.jurisdiction = R2CREDS_JURISDICTION_EU),
        ("jurisdiction fedramp", |p| p.raw.jurisdiction = R2CREDS_JURISDICTION_FEDRAMP),
        ("jurisdiction us", |p| p.raw.jurisdiction = R2CREDS_JURISDICTION_US),
        ("an endpoint", |p| p.raw.endpoint = p.memory.text("https://example.com")),
    ];
    for (name, change) in accepted {
        let mut params = Params::valid();
        change(&mut params);
        let signed = params.sign().unwrap_or_else(|failure| panic!("{name}: {failure:?}"));
        let ttl = if params.raw.ttl_seconds == 0 { 900 } else { i64::from(params.raw.ttl_seconds) };
        assert_eq!(signed.expires_at - signed.issued_at, ttl, "{name}");
        assert_attempted(name, client.create(&params));
    }
}

#[test]
fn create_leaves_the_parent_key_to_cloudflare() {
    let (client, _port) = refused_client();
    let mut params = Params::valid();
    for id in ["x", " ", &"y".repeat(4096), "\r\n\""] {
        params.raw.parent_access_key_id = params.memory.text(id);
        assert_attempted(id, client.create(&params));
    }
    for secret in [params.memory.text(""), params.memory.text("short"), params.memory.text(b"\xff"), ptr::null()] {
        params.raw.parent_secret_access_key = secret;
        assert_attempted("parent secret", client.create(&params));
    }
}

#[test]
fn sign_accepts_every_action_and_the_last_second() {
    let mut params = Params::valid();
    params.raw.permission = R2CREDS_PERMISSION_UNSET;
    params.actions(&r2creds::ACTIONS);
    params.sign().unwrap();
    assert_eq!(r2creds::ACTIONS.len(), 16);
    for action in r2creds::ACTIONS {
        params.actions(&[action]);
        params.sign().unwrap();
    }
    for (issued_at, ttl) in [(1, 604_800), (i64::MAX - 900, 0), (i64::MAX - 1, 1), (i64::MAX - 604_800, 604_800)] {
        (params.raw.issued_at, params.raw.ttl_seconds) = (issued_at, ttl);
        let signed = params.sign().unwrap();
        assert_eq!(signed.issued_at, issued_at);
        assert_eq!(signed.expires_at, issued_at + if ttl == 0 { 900 } else { i64::from(ttl) });
    }
}

#[test]
fn an_endpoint_is_brought_to_one_spelling() {
    for (given, expected) in [
        ("https://example.com", "https://example.com"),
        ("HTTPS://EXAMPLE.com/", "https://example.com"),
        ("https://example.com:443", "https://example.com"),
        ("https://example.com:443/", "https://example.com"),
        ("https://example.com:0443", "https://example.com"),
        ("https://example.com:80", "https://example.com:80"),
        ("https://example.com:1", "https://example.com:1"),
        ("https://example.com:65535/", "https://example.com:65535"),
        ("https://128.0.0.1", "https://128.0.0.1"),
        ("https://[2001:DB8::1]:443", "https://[2001:db8::1]"),
        ("https://localhost", "https://localhost"),
        ("http://localhost", "http://localhost"),
        ("HTTP://LocalHost:80/", "http://localhost"),
        ("http://localhost:443", "http://localhost:443"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://127.0.0.2", "http://127.0.0.2"),
        ("http://127.255.255.255", "http://127.255.255.255"),
        ("http://[::1]", "http://[::1]"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ] {
        let mut params = Params::valid();
        params.raw.endpoint = params.memory.text(given);
        match params.sign() {
            Ok(signed) => assert_eq!(signed.endpoint, expected, "{given}"),
            Err(failure) => panic!("{given}: {failure:?}"),
        }
    }
}

#[test]
fn client_new_accepts_what_stands_on_the_border() {
    let accepted: [Change<Options>; 20] = [
        ("a token of one character", |o| o.raw.api_token = o.memory.text("!")),
        ("a token of every character", |o| o.raw.api_token = o.memory.text((b'!'..=b'~').collect::<Vec<u8>>())),
        ("a long token", |o| o.raw.api_token = o.memory.text("t".repeat(8192))),
        ("e-mail and key", |o| {
            o.raw.api_token = ptr::null();
            o.raw.api_email = o.memory.text("a@example.com");
            o.raw.api_key = o.memory.text("k");
        }),
        ("e-mail and key beside a token", |o| {
            o.raw.api_email = o.memory.text("a@example.com");
            o.raw.api_key = o.memory.text("k");
        }),
        ("base_url with a trailing slash", |o| o.raw.base_url = o.memory.text("http://127.0.0.1:1/client/v4/")),
        ("base_url in upper case", |o| o.raw.base_url = o.memory.text("HTTP://LOCALHOST:1")),
        ("base_url http to 127.0.0.2", |o| o.raw.base_url = o.memory.text("http://127.0.0.2")),
        ("base_url http to [::1]", |o| o.raw.base_url = o.memory.text("http://[::1]:1/")),
        ("base_url with an escape", |o| o.raw.base_url = o.memory.text("http://127.0.0.1/a%20b")),
        ("no proxy", |o| o.raw.proxy_url = o.memory.text("")),
        ("proxy", |o| o.raw.proxy_url = o.memory.text("http://127.0.0.1:3128")),
        ("proxy with a slash", |o| o.raw.proxy_url = o.memory.text("HTTP://proxy.example.com:3128/")),
        ("proxy with userinfo", |o| o.raw.proxy_url = o.memory.text("http://a%40b:p%3A@[::1]:3128")),
        ("user_agent of a space and a tilde", |o| o.raw.user_agent = o.memory.text("a ~")),
        ("no retries", |o| o.raw.max_retries = -1),
        ("most retries", |o| o.raw.max_retries = i32::MAX),
        ("shortest clocks", |o| {
            (o.raw.timeout_ms, o.raw.attempt_timeout_ms, o.raw.connect_timeout_ms) = (1, 1, 1);
        }),
        ("longest clocks", |o| {
            (o.raw.timeout_ms, o.raw.attempt_timeout_ms, o.raw.connect_timeout_ms) = (u32::MAX, u32::MAX, u32::MAX);
        }),
        ("narrow clocks that are wider", |o| {
            (o.raw.timeout_ms, o.raw.attempt_timeout_ms, o.raw.connect_timeout_ms) = (1, 1000, 1_000_000);
        }),
    ];
    for (name, change) in accepted {
        let mut options = Options::to("http://127.0.0.1:1");
        change(&mut options);
        if let Err(failure) = options.client() {
            panic!("{name}: {failure:?}");
        }
    }
}

#[test]
fn create_accepts_what_stands_on_the_border() {
    let (client, _port) = refused_client();
    let accepted: [Change<RequestOptions>; 11] = [
        ("nothing special", |_| {}),
        ("headers", |o| {
            o.headers(&["X-A: b", "x-a:c", "Accept: */*", "user-agent: own"]);
        }),
        ("a header without a value", |o| {
            o.headers(&["X-A:"]);
        }),
        ("a header with a colon and a tab", |o| {
            o.headers(&["X-A: b:\tc"]);
        }),
        ("a header with every character in its name", |o| {
            o.headers(&["!#$%&'*+-.^_`|~09azAZ: b"]);
        }),
        ("headers of no entries", |o| {
            o.headers(&["nothing"]);
            o.raw.headers_len = 0;
        }),
        ("names that only begin like refused ones", |o| {
            o.headers(&["Contents: a", "Hosts: b", "X-Authentic: c"]);
        }),
        ("an empty object", |o| o.raw.extra_body = o.memory.text("{}")),
        ("a nested object", |o| o.raw.extra_body = o.memory.text(" {\"bucket2\" : {\"bucket\": [1e999, null]}} \n")),
        ("actions in the body", |o| o.raw.extra_body = o.memory.text("{\"actions\":[\"GetObject\"]}")),
        ("no retries", |o| o.raw.max_retries = -1),
    ];
    for (name, change) in accepted {
        let mut options = RequestOptions::empty();
        change(&mut options);
        assert_attempted(name, client.create_with(&Params::valid(), &options));
    }
}

#[test]
fn a_null_struct_client_or_out_is_told_by_name() {
    let (client, _port) = refused_client();
    let params = Params::valid();
    let raw = &raw const params.raw;
    let refused = |name, failure: Box<Failure>, field| {
        assert_refused(name, &failure, R2CREDS_STATUS_INVALID_ARGUMENT, field, &["NULL", "expected"]);
    };
    refused(
        "sign without params",
        call::<Credentials>(|out, err| unsafe { r2creds_sign(ptr::null(), out, err) }).unwrap_err(),
        "params",
    );
    refused(
        "create without params",
        call::<Credentials>(|out, err| unsafe { r2creds_create(client.0, ptr::null(), ptr::null(), out, err) })
            .unwrap_err(),
        "params",
    );
    refused(
        "create without client",
        call::<Credentials>(|out, err| unsafe { r2creds_create(ptr::null(), raw, ptr::null(), out, err) }).unwrap_err(),
        "client",
    );
    let options: r2creds_client_options = init();
    type Out = *mut r2creds_credentials;
    let without_out = |call: &dyn Fn(*mut *mut r2creds_error) -> r2creds_status| {
        // Without a place for the error, the status alone has to do.
        assert_eq!(call(ptr::null_mut()), R2CREDS_STATUS_INVALID_ARGUMENT);
        support::calls::call::<Credentials>(|unused, err| {
            unsafe { unused.write(ptr::null_mut()) };
            call(err)
        })
        .unwrap_err()
    };
    let none: *mut Out = ptr::null_mut();
    refused("sign without out", without_out(&|err| unsafe { r2creds_sign(raw, none, err) }), "out");
    refused(
        "create without out",
        without_out(&|err| unsafe { r2creds_create(client.0, raw, ptr::null(), none, err) }),
        "out",
    );
    refused(
        "client_new without out",
        without_out(&|err| unsafe { r2creds_client_new(&raw const options, ptr::null_mut(), err) }),
        "out",
    );
    assert_eq!(unsafe { r2creds_cancel_new(ptr::null_mut()) }, R2CREDS_STATUS_INVALID_ARGUMENT);
}

#[test]
fn an_error_nobody_wants_is_not_made() {
    let (client, _port) = refused_client();
    let bad = Params::empty();
    let mut out = ptr::dangling_mut();
    assert_eq!(
        unsafe { r2creds_sign(&raw const bad.raw, &raw mut out, ptr::null_mut()) },
        R2CREDS_STATUS_INVALID_ARGUMENT
    );
    assert!(out.is_null());
    out = ptr::dangling_mut();
    assert_eq!(
        unsafe { r2creds_create(client.0, &raw const bad.raw, ptr::null(), &raw mut out, ptr::null_mut()) },
        R2CREDS_STATUS_INVALID_ARGUMENT
    );
    assert!(out.is_null());
    let mut options = Options::empty();
    options.raw.max_retries = -2;
    let mut client = ptr::dangling_mut();
    assert_eq!(
        unsafe { r2creds_client_new(&raw const options.raw, &raw mut client, ptr::null_mut()) },
        R2CREDS_STATUS_INVALID_ARGUMENT
    );
    assert!(client.is_null());
}

#[test]
fn freeing_nothing_is_fine() {
    unsafe {
        r2creds_client_free(ptr::null_mut());
        r2creds_credentials_free(ptr::null_mut());
        r2creds_error_free(ptr::null_mut());
        r2creds_cancel_free(ptr::null_mut());
        r2creds_cancel_trigger(ptr::null_mut());
    }
}

/// The bytes of a struct as another version of the header would have laid it out: its size, and what is behind it.
fn resized<T>(value: &T, size: usize, tail: &[u8]) -> Vec<usize> {
    let mut words = vec![0_usize; 8192 / size_of::<usize>()];
    let bytes = words.as_mut_ptr().cast::<u8>();
    // SAFETY: the words are longer than any struct and tail here.
    unsafe {
        ptr::from_ref(value).cast::<u8>().copy_to_nonoverlapping(bytes, size_of::<T>());
        tail.as_ptr().copy_to_nonoverlapping(bytes.add(size_of::<T>()), tail.len());
    }
    words[0] = size;
    words
}

/// Holds a struct's reader to the rules for sizes; `read` returns what was wrong, if anything.
fn check_sizes<T>(name: &str, value: &T, first_size: usize, read: impl Fn(*const T) -> Option<Box<Failure>>) {
    let known = size_of::<T>();
    let outcome = |size, tail: &[u8]| read(resized(value, size, tail).as_ptr().cast());
    for size in [0, 1, 4, 8, first_size - 8, first_size - 1, 4097, 5000, 1 << 31, usize::MAX - 7, usize::MAX] {
        let failure = outcome(size, &[]).unwrap_or_else(|| panic!("{name} of {size}: accepted"));
        let says = &[&format!("{first_size} to 4096"), "_INIT"];
        let says = &says.map(|part: &str| part);
        assert_refused(name, &failure, R2CREDS_STATUS_INVALID_ARGUMENT, "struct_size", says);
    }
    for size in [first_size, known, known + 1, known + 8, known + 64, 4095, 4096] {
        if let Some(failure) = outcome(size, &[]) {
            panic!("{name} of {size}: {failure:?}");
        }
    }
    for (size, at) in [(known + 1, 0), (known + 8, 0), (known + 8, 7), (known + 100, 99), (4096, 4095 - known)] {
        let mut tail = vec![0; at];
        tail.push(1);
        let failure = outcome(size, &tail).unwrap_or_else(|| panic!("{name} of {size}, byte {at}: accepted"));
        assert_refused(name, &failure, R2CREDS_STATUS_UNSUPPORTED, "struct_size", &["newer"]);
        // What stands behind the struct is nobody's business.
        let behind = outcome(known + at, &tail);
        assert!(behind.is_none(), "{name} of {}: {behind:?}", known + at);
    }
}

#[test]
fn the_size_handshake_of_every_struct() {
    let (client, _port) = refused_client();
    let params = Params::valid();
    let attempted = |result: Outcome<Credentials>| {
        result.err().filter(|failure| (failure.status, failure.attempts) != (R2CREDS_STATUS_CONNECTION, 1))
    };
    check_sizes("params of sign", &params.raw, offset_of!(r2creds_params, directories), |raw| {
        call::<Credentials>(|out, err| unsafe { r2creds_sign(raw, out, err) }).err()
    });
    check_sizes("params of create", &params.raw, offset_of!(r2creds_params, directories), |raw| {
        attempted(call(|out, err| unsafe { r2creds_create(client.0, raw, ptr::null(), out, err) }))
    });
    check_sizes(
        "client options",
        &Options::to("http://127.0.0.1:1").raw,
        offset_of!(r2creds_client_options, flags),
        |raw| call::<Client>(|out, err| unsafe { r2creds_client_new(raw, out, err) }).err(),
    );
    let options: r2creds_request_options = init();
    check_sizes("request options", &options, offset_of!(r2creds_request_options, max_retries) + 4, |raw| {
        attempted(call(|out, err| unsafe { r2creds_create(client.0, &raw const params.raw, raw, out, err) }))
    });
}

/// Variables, and what `r2creds_client_new` makes of them: a status, a field, parts of the message.
type Environment =
    (&'static [(&'static str, &'static str)], r2creds_status, Option<&'static str>, &'static [&'static str]);

const ENVIRONMENTS: &[Environment] = {
    const TOKEN: (&str, &str) = ("CLOUDFLARE_API_TOKEN", "token");
    &[
        (&[], R2CREDS_STATUS_NO_AUTHENTICATION, None, &["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"]),
        (&[("CLOUDFLARE_API_TOKEN", " \n")], R2CREDS_STATUS_NO_AUTHENTICATION, None, &["no authentication"]),
        (&[("CLOUDFLARE_EMAIL", MARK)], R2CREDS_STATUS_NO_AUTHENTICATION, None, &["no authentication"]),
        (&[("CLOUDFLARE_API_KEY", MARK)], R2CREDS_STATUS_NO_AUTHENTICATION, None, &["no authentication"]),
        (&[("CLOUDFLARE_API_TOKEN", "\ttoken \r\n")], R2CREDS_STATUS_OK, None, &[]),
        (&[("CLOUDFLARE_EMAIL", "a@example.com"), ("CLOUDFLARE_API_KEY", "key")], R2CREDS_STATUS_OK, None, &[]),
        (
            &[("CLOUDFLARE_API_TOKEN", "nobody-may-read-this\nX: y")],
            R2CREDS_STATUS_INVALID_ARGUMENT,
            Some("api_token"),
            &["CLOUDFLARE_API_TOKEN", "line break"],
        ),
        (
            &[("CLOUDFLARE_EMAIL", "a@example.com"), ("CLOUDFLARE_API_KEY", "nobody-may-read-this é")],
            R2CREDS_STATUS_INVALID_ARGUMENT,
            Some("api_key"),
            &["CLOUDFLARE_API_KEY", "non-ASCII"],
        ),
        (
            &[TOKEN, ("CLOUDFLARE_BASE_URL", "http://nobody-may-read-this")],
            R2CREDS_STATUS_INVALID_ARGUMENT,
            Some("base_url"),
            &["loopback"],
        ),
        (&[TOKEN, ("CLOUDFLARE_BASE_URL", " ")], R2CREDS_STATUS_OK, None, &[]),
        (
            &[TOKEN, ("HTTPS_PROXY", "socks5://user:nobody-may-read-this@127.0.0.1:1")],
            R2CREDS_STATUS_UNSUPPORTED,
            Some("proxy_url"),
            &["HTTPS_PROXY", "only http://"],
        ),
        (
            &[TOKEN, ("https_proxy", "https://nobody-may-read-this:1")],
            R2CREDS_STATUS_UNSUPPORTED,
            Some("proxy_url"),
            &["https_proxy", "only http://"],
        ),
        (
            &[TOKEN, ("ALL_PROXY", "socks5h://nobody-may-read-this:1")],
            R2CREDS_STATUS_UNSUPPORTED,
            Some("proxy_url"),
            &["ALL_PROXY", "only http://"],
        ),
        (
            &[TOKEN, ("all_proxy", "socks4://nobody-may-read-this:1"), ("NO_PROXY", "other.example.com")],
            R2CREDS_STATUS_UNSUPPORTED,
            Some("proxy_url"),
            &["all_proxy", "only http://"],
        ),
        (
            &[TOKEN, ("HTTPS_PROXY", "nobody-may-read-this")],
            R2CREDS_STATUS_INVALID_ARGUMENT,
            Some("proxy_url"),
            &["HTTPS_PROXY", "has no scheme"],
        ),
        (
            &[TOKEN, ("HTTPS_PROXY", "socks5://127.0.0.1:1"), ("NO_PROXY", "cloudflare.com")],
            R2CREDS_STATUS_OK,
            None,
            &[],
        ),
        (&[TOKEN, ("HTTPS_PROXY", "")], R2CREDS_STATUS_OK, None, &[]),
        (&[TOKEN, ("HTTP_PROXY", "socks5://127.0.0.1:1")], R2CREDS_STATUS_OK, None, &[]),
    ]
};

#[test]
fn bad_values_in_the_environment() {
    alone(&[], || {
        for (variables, status, field, says) in ENVIRONMENTS {
            set_environment(variables);
            let result = call::<Client>(|out, err| unsafe { r2creds_client_new(ptr::null(), out, err) });
            let Err(failure) = result else {
                assert_eq!(*status, R2CREDS_STATUS_OK, "{variables:?}");
                continue;
            };
            assert_eq!((failure.status, failure.field.as_deref()), (*status, *field), "{variables:?}: {failure:?}");
            for part in *says {
                // On Windows a variable's name is the same in every case.
                let is_said = failure.message.contains(part)
                    || cfg!(windows) && failure.message.to_lowercase().contains(&part.to_lowercase());
                assert!(is_said, "{variables:?}: {failure:?}");
            }
            assert!(!failure.texts().contains(MARK), "{variables:?}: {failure:?}");
            assert_eq!((failure.attempts, failure.http_status), (0, 0), "{variables:?}: {failure:?}");
        }
    });
}

#[test]
fn the_values_that_tests_start_from_are_valid() {
    assert_eq!((PARENT_ID.len(), PARENT_SECRET.len()), (32, 64));
    Params::valid().sign().unwrap();
}
