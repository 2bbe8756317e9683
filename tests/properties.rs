//! Whatever a server sends and whatever a caller passes: never a panic, always exactly one of a credential and an
//! error, and both make sense.

use std::cell::Cell;
use std::mem::offset_of;
use std::ptr;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proptest::test_runner::Config;
use r2creds::ffi::*;
use serde_json::{Value, json};
use support::calls::{
    ACCOUNT, Client, Credentials, Options, Outcome, PARENT_ID, PARENT_SECRET, Params, RequestOptions, call,
};
use support::server::Server;

/// No files of earlier failures: a case that failed becomes a test of its own.
fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// Answers every request with the bytes that it holds at that moment.
struct Script {
    client: Client,
    next: Arc<Mutex<Vec<u8>>>,
    _server: Server,
}

impl Script {
    fn start() -> Self {
        let next = Arc::new(Mutex::new(Vec::new()));
        let replies = Arc::clone(&next);
        let server = Server::start(move |connection| {
            while connection.request().is_some() {
                let reply = replies.lock().unwrap().clone();
                connection.send(&reply);
                // Told apart by what the tests put there, as HTTP would have it.
                if !reply.starts_with(KEPT) {
                    return;
                }
            }
        });
        let mut options = Options::to(&server.url());
        options.raw.max_retries = -1;
        Script { client: options.client().unwrap(), next, _server: server }
    }

    /// The server's next words, and what `create` makes of them. The connection is kept where they allow it.
    fn create(&self, reply: Vec<u8>) -> Outcome<Credentials> {
        *self.next.lock().unwrap() = reply;
        self.client.create(&Params::valid())
    }
}

/// How a reply begins after which the connection goes on.
const KEPT: &[u8] = b"HTTP/1.1 ";

fn reply(http_status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut reply = format!("HTTP/1.1 {http_status} X\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    // These two never have a body, whatever their headers say.
    if !matches!(http_status, 204 | 304) {
        reply.extend_from_slice(body);
    }
    reply
}

/// One of the two outcomes, and nothing in it that no caller could expect.
fn check_outcome(outcome: &Outcome<Credentials>) -> Result<(), TestCaseError> {
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    match outcome {
        Ok(made) => {
            prop_assert!(!made.access_key_id.is_empty() && !made.secret_access_key.is_empty());
            prop_assert!(!made.session_token.is_empty() && made.expires_at > 0);
            prop_assert!((now - 60..=now).contains(&made.issued_at), "{made:?}");
            prop_assert_eq!(&made.endpoint, &format!("https://{ACCOUNT}.r2.cloudflarestorage.com"));
        }
        Err(failure) => {
            prop_assert!(failure.status / 100 == 2 || failure.status / 100 == 3, "{failure:?}");
            prop_assert_eq!(&failure.field, &None);
            prop_assert_eq!(failure.attempts, 1);
            prop_assert!(failure.retry_after_ms >= -1);
            prop_assert!(failure.errors.len() <= 64 && failure.messages.len() <= 64);
            let of_entries = failure.errors.iter().flat_map(|(_, message, url, pointer)| [message, url, pointer]);
            let texts = [&failure.hint, &failure.request_id].into_iter().chain(of_entries).flatten();
            for text in texts.chain(&failure.messages).chain([&failure.message]) {
                prop_assert!(text.len() <= 1024 && !text.chars().any(char::is_control), "{text:?}");
            }
            prop_assert!(!failure.message.is_empty());
        }
    }
    Ok(())
}

fn status_of(http_status: u16) -> r2creds_status {
    match http_status {
        200..=299 => R2CREDS_STATUS_API_ERROR,
        400 => R2CREDS_STATUS_BAD_REQUEST,
        401 => R2CREDS_STATUS_AUTHENTICATION,
        403 => R2CREDS_STATUS_PERMISSION_DENIED,
        404 => R2CREDS_STATUS_NOT_FOUND,
        409 => R2CREDS_STATUS_CONFLICT,
        422 => R2CREDS_STATUS_UNPROCESSABLE,
        429 => R2CREDS_STATUS_RATE_LIMITED,
        500..=599 => R2CREDS_STATUS_SERVER_ERROR,
        _ => R2CREDS_STATUS_API_ERROR,
    }
}

/// Any JSON, with the names that the envelope has among its keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_key(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "success",
        "errors",
        "messages",
        "result",
        "accessKeyId",
        "secretAccessKey",
        "sessionToken",
        "code",
        "message",
        "documentation_url",
        "source",
        "pointer",
        "error_chain",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => any_text()]
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        // Both by characters: a pattern would be compiled anew for each value.
        prop::collection::vec(any::<char>(), 0..16).prop_map(String::from_iter),
        prop::collection::vec(prop::char::range(' ', '~'), 0..12).prop_map(String::from_iter),
        Just("x".repeat(2000)),
        Just(String::new()),
        Just("\0".to_owned()),
        Just("internal error".to_owned()),
        // A token whose claims are nothing to rely on.
        Just("and0L2EuZTMwLmI=".to_owned()),
    ]
}

/// An envelope as the API sends it, with any value in each place.
fn any_envelope() -> impl Strategy<Value = Value> {
    let text = || prop_oneof![3 => any_text().prop_map(Value::from), 1 => any_json()];
    let entry = (prop_oneof![any::<i64>().prop_map(Value::from), any_json()], text(), text(), text());
    // Sometimes more than are kept.
    let times = prop::sample::select(vec![1, 1, 1, 30]);
    let errors = (prop::collection::vec(entry, 0..4), times).prop_map(|(entries, times)| {
        let entry = |(code, message, url, pointer)| {
            json!({"code": code, "message": message, "documentation_url": url, "source": {"pointer": pointer}})
        };
        let entries: Vec<Value> = entries.into_iter().map(entry).collect();
        Value::from(vec![entries; times].concat())
    });
    let success = prop_oneof![2 => any::<bool>().prop_map(Value::from), 1 => any_json()];
    let result = (text(), text(), text())
        .prop_map(|(id, secret, token)| json!({"accessKeyId": id, "secretAccessKey": secret, "sessionToken": token}));
    let list = prop_oneof![3 => errors, 1 => any_json()];
    (success, list, any_json(), prop_oneof![4 => result, 1 => any_json()]).prop_map(
        |(success, errors, messages, result)| {
            json!({"success": success, "errors": errors, "messages": messages, "result": result})
        },
    )
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let envelope = || any_envelope().prop_map(|envelope| envelope.to_string().into_bytes());
    prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..200),
        4 => envelope(),
        1 => envelope().prop_map(|body| [b"\xef\xbb\xbf".to_vec(), body].concat()),
        1 => any_json().prop_map(|json| json.to_string().into_bytes()),
        // Spoilt in one place.
        3 => (envelope(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut body, at, byte)| {
            let at = at.index(body.len());
            body[at] = byte;
            body
        }),
        // Deeper than any parser's stack should go.
        1 => (1_usize..100_000).prop_map(|depth| [b"{\"success\":".to_vec(), vec![b'['; depth]].concat()),
        1 => (1_usize..500).prop_map(|depth| {
            let chain = (0..depth).fold(json!({}), |inner, code| json!({"code": code, "error_chain": [inner]}));
            let text = chain.to_string();
            format!("{{\"success\":false,\"errors\":[{text}]}}").into_bytes()
        }),
    ]
}

/// What a plain reading of the body finds: the three strings of a success.
fn plainly_read(body: &[u8]) -> Option<[String; 3]> {
    let envelope: Value = serde_json::from_slice(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)).ok()?;
    let is_usable = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let text = |name: &str| envelope["result"][name].as_str().filter(is_usable);
    (envelope["success"] == true).then_some(())?;
    Some([text("accessKeyId")?.into(), text("secretAccessKey")?.into(), text("sessionToken")?.into()])
}

#[test]
fn any_body_with_any_status_is_a_credential_or_an_error() {
    let server = Script::start();
    let http_status = prop_oneof![4 => Just(200_u16), 2 => 200..=599_u16, 1 => 200..=999_u16];
    proptest!(cases(300), |(http_status in http_status, body in any_body())| {
        let outcome = server.create(reply(http_status, "", &body));
        check_outcome(&outcome)?;
        let is_success = (200..=299).contains(&http_status);
        let plain = plainly_read(&body).filter(|_| is_success && http_status != 204);
        match outcome {
            Ok(made) => {
                prop_assert!(is_success);
                let made = [made.access_key_id, made.secret_access_key, made.session_token];
                // A plain reader refuses some of what is read here: half a surrogate pair, say.
                prop_assert!(plain.is_none_or(|plain| plain == made));
            }
            Err(failure) => {
                prop_assert!(plain.is_none(), "{failure:?}");
                let unusable = is_success && failure.status == R2CREDS_STATUS_INVALID_RESPONSE;
                prop_assert!(unusable || failure.status == status_of(http_status), "{failure:?}");
                prop_assert_eq!(failure.http_status, i32::from(http_status));
                prop_assert!(!unusable || !failure.retryable);
                prop_assert_eq!(failure.retry_after_ms, -1);
            }
        }
    });
}

#[test]
fn any_headers_are_survived() {
    let server = Script::start();
    let value = prop_oneof![
        "[ -~\t]{0,40}",
        any::<f64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        "(Mon|Sun|Xyz), [0-9]{1,2} (Jan|Nov) [0-9]{1,5} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
        prop::sample::select(vec!["true", "false", "identity", "", "chunked", "0", "-1", "1e400", "NaN"])
            .prop_map(str::to_owned),
    ];
    let name = prop::sample::select(vec![
        "CF-Ray",
        "Retry-After",
        "Retry-After-Ms",
        "X-Should-Retry",
        "Content-Encoding",
        "Location",
        "Ratelimit",
        "Set-Cookie",
        "Content-Type",
    ]);
    let headers = prop::collection::vec((name, value), 0..8);
    let http_status = prop::sample::select(vec![200_u16, 301, 302, 307, 400, 408, 429, 500, 503]);
    proptest!(cases(200), |(headers in headers, http_status in http_status, is_good in any::<bool>())| {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let body = if is_good {
            &br#"{"success":true,"result":{"accessKeyId":"a","secretAccessKey":"b","sessionToken":"c"}}"#[..]
        } else {
            br#"{"success":false,"errors":[{"code":1,"message":"m"}]}"#
        };
        let outcome = server.create(reply(http_status, &lines, body));
        check_outcome(&outcome)?;
        prop_assert!(outcome.is_err() || (http_status == 200 && is_good));
        if let Err(failure) = &outcome {
            prop_assert_eq!(failure.http_status, i32::from(http_status));
        }
    });
}

#[test]
fn any_bytes_instead_of_http_are_an_error() {
    let server = Script::start();
    let head = "(HTTP/[0-9]\\.[0-9]|HTTP/1\\.1|http/1\\.1|ICY|) ?[0-9]{0,4} ?[ -~]{0,10}(\r\n|\n|\r|)";
    let line = prop_oneof![
        "[A-Za-z0-9-]{0,12}:? ?[ -~]{0,20}(\r\n|\n|\r|)",
        "(Content-Length|Transfer-Encoding|Connection|Trailer): ?(-?[0-9]{0,30}|chunked|gzip|close|,)(\r\n|\n)",
    ];
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        (head, prop::collection::vec(line, 0..6), "(\r\n|\n|)", prop::collection::vec(any::<u8>(), 0..60)).prop_map(
            |(head, lines, end, body)| [head.into_bytes(), lines.concat().into_bytes(), end.into_bytes(), body]
                .concat()
        ),
        "[0-9a-fxA-F;]{0,20}(\r\n|\n)"
            .prop_map(|size| { format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size}").into_bytes() }),
    ];
    proptest!(cases(300), |(bytes in bytes)| {
        // One byte in front, which HTTP lets a server send, tells this server to hang up afterwards.
        let outcome = server.create([b"\n".to_vec(), bytes.clone()].concat());
        check_outcome(&outcome)?;
        prop_assert!(outcome.is_err());
    });
}

fn any_string(valid: &'static str) -> impl Strategy<Value = Option<Vec<u8>>> {
    let bytes = prop::collection::vec(1..=255_u8, 0..80);
    prop_oneof![
        60 => Just(Some(valid.as_bytes().to_vec())),
        1 => Just(None),
        1 => bytes.prop_map(Some),
        1 => "[a-z0-9-]{0,70}".prop_map(|text| Some(text.into_bytes())),
        1 => "[A-Za-z0-9_-]{0,40}".prop_map(|text| Some(text.into_bytes())),
        1 => "[0-9a-f]{30,66}\n?".prop_map(|text| Some(text.into_bytes())),
        1 => "(https?|ftp)://(localhost|127\\.0\\.0\\.[0-9]|[a-zA-Z.-]{0,20}|\\[::1\\])(:[0-9]{0,6})?/?"
            .prop_map(|text| Some(text.into_bytes())),
    ]
}

fn any_paths() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let path = prop_oneof![
        40 => any::<String>().prop_map(|text| text.replace('\0', "").into_bytes())
            .prop_filter("empty", |text| !text.is_empty()),
        40 => "[ -~\t\r\n]{1,30}".prop_map(String::into_bytes),
        1 => prop::collection::vec(1..=255_u8, 0..30),
        1 => (1020_usize..1030).prop_map(|length| vec![b'p'; length]),
    ];
    prop_oneof![Just(Vec::new()), prop::collection::vec(path, 0..5)]
}

/// Permission and actions: usually one of them.
fn any_grant() -> impl Strategy<Value = (i32, Vec<String>)> {
    let known = prop::sample::subsequence(r2creds::ACTIONS.to_vec(), 1..=16)
        .prop_shuffle()
        .prop_map(|actions| actions.into_iter().map(str::to_owned).collect());
    let one = prop_oneof![prop::sample::select(r2creds::ACTIONS.to_vec()).prop_map(str::to_owned), "[A-Za-z0-9]{0,20}"];
    prop_oneof![
        4 => (1..=4, Just(Vec::new())),
        4 => (Just(0), known),
        1 => (-1..=5, prop::collection::vec(one, 0..4)),
        1 => (any::<i32>(), Just(Vec::new())),
    ]
}

/// Everything of an `r2creds_params` but its size.
#[derive(Clone, Debug)]
struct Given {
    account_id: Option<Vec<u8>>,
    bucket: Option<Vec<u8>>,
    parent_access_key_id: Option<Vec<u8>>,
    parent_secret_access_key: Option<Vec<u8>>,
    endpoint: Option<Vec<u8>>,
    prefixes: Vec<Vec<u8>>,
    objects: Vec<Vec<u8>>,
    directories: Vec<Vec<u8>>,
    actions: Vec<String>,
    issued_at: i64,
    ttl_seconds: u32,
    permission: i32,
    jurisdiction: i32,
    reserved: i32,
}

fn any_given() -> impl Strategy<Value = Given> {
    let texts = (
        any_string(ACCOUNT),
        any_string("example-bucket"),
        any_string(PARENT_ID),
        any_string(PARENT_SECRET),
        prop_oneof![5 => Just(None), 1 => any_string("https://example.com:8443/")],
    );
    let lists = (any_paths(), any_paths(), any_paths(), any_grant());
    let numbers = (
        prop_oneof![6 => 1..=10_000_000_000_i64, 3 => Just(0), 1 => any::<i64>()],
        prop_oneof![9 => 0..=604_800_u32, 1 => any::<u32>()],
        prop_oneof![9 => Just(0), 9 => 0..=2, 1 => any::<i32>()],
        prop_oneof![30 => Just(0), 1 => any::<i32>()],
    );
    (texts, lists, numbers).prop_map(|(texts, (prefixes, objects, directories, (permission, actions)), numbers)| {
        Given {
            account_id: texts.0,
            bucket: texts.1,
            parent_access_key_id: texts.2,
            parent_secret_access_key: texts.3,
            endpoint: texts.4,
            prefixes,
            objects,
            directories,
            actions,
            issued_at: numbers.0,
            ttl_seconds: numbers.1,
            permission,
            jurisdiction: numbers.2,
            reserved: numbers.3,
        }
    })
}

impl Given {
    fn params(&self) -> Params {
        let mut params = Params::empty();
        let mut text = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(ptr::null(), |bytes| params.memory.text(bytes));
        params.raw.account_id = text(&self.account_id);
        params.raw.bucket = text(&self.bucket);
        params.raw.parent_access_key_id = text(&self.parent_access_key_id);
        params.raw.parent_secret_access_key = text(&self.parent_secret_access_key);
        params.raw.endpoint = text(&self.endpoint);
        // Without entries there is no list, because one that is there and empty is refused.
        if !self.prefixes.is_empty() {
            params.prefixes(&self.prefixes);
        }
        if !self.objects.is_empty() {
            params.objects(&self.objects);
        }
        if !self.directories.is_empty() {
            params.directories(&self.directories);
        }
        if !self.actions.is_empty() {
            params.actions(&self.actions);
        }
        params.raw.issued_at = self.issued_at;
        params.raw.ttl_seconds = self.ttl_seconds;
        params.raw.permission = self.permission;
        params.raw.jurisdiction = self.jurisdiction;
        params.raw.reserved = self.reserved;
        params
    }

    /// The claims that these have to become, without the times.
    fn claims(&self, endpoint: &str) -> Value {
        let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone().unwrap()).unwrap();
        let list = |paths: &[Vec<u8>]| paths.iter().map(|path| text(&Some(path.clone()))).collect::<Vec<String>>();
        let mut claims = json!({
            "bucket": text(&self.bucket),
            "sub": text(&self.account_id),
            "iss": text(&self.parent_access_key_id),
            "aud": endpoint.split_once("://").unwrap().1,
        });
        match self.permission {
            0 => claims["actions"] = json!(self.actions),
            1 => claims["scope"] = "object-read-only".into(),
            2 => claims["scope"] = "object-read-write".into(),
            3 => claims["scope"] = "admin-read-only".into(),
            _ => claims["scope"] = "admin-read-write".into(),
        }
        let (mut prefixes, mut objects) = (list(&self.prefixes), list(&self.objects));
        prefixes.extend(list(&self.directories).into_iter().map(|directory| directory + "/"));
        objects.extend(list(&self.directories));
        if !objects.is_empty() || !prefixes.is_empty() {
            claims["paths"] = json!({"prefixPaths": prefixes, "objectPaths": objects});
        }
        claims
    }
}

/// base64 of either alphabet, by hand.
fn decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for character in text.trim_end_matches('=').bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            other => panic!("{other} in base64"),
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    bytes
}

const FIELDS: [&str; 14] = [
    "account_id",
    "bucket",
    "parent_access_key_id",
    "parent_secret_access_key",
    "prefixes",
    "objects",
    "directories",
    "actions",
    "endpoint",
    "issued_at",
    "ttl_seconds",
    "permission",
    "jurisdiction",
    "reserved",
];

fn check_signed(given: &Given, made: &Credentials) -> Result<(), TestCaseError> {
    prop_assert_eq!(made.session_token.len() % 4, 0);
    let token = String::from_utf8(decoded(&made.session_token)).unwrap();
    let jwt = token.strip_prefix("jwt/").unwrap();
    let [head, body, signature] = jwt.split('.').collect::<Vec<&str>>().try_into().unwrap();
    prop_assert_eq!(decoded(head), br#"{"alg":"HS256","typ":"JWT"}"#);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, given.parent_secret_access_key.as_ref().unwrap());
    let signed = [head, body].join(".");
    prop_assert!(aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &decoded(signature)).is_ok());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, jwt.as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    prop_assert_eq!(&made.secret_access_key, &hex);

    let mut claims: Value = serde_json::from_slice(&decoded(body)).unwrap();
    let times = [claims["iat"].take().as_i64().unwrap(), claims["exp"].take().as_i64().unwrap()];
    prop_assert_eq!(times, [made.issued_at, made.expires_at]);
    let ttl = if given.ttl_seconds == 0 { 900 } else { i64::from(given.ttl_seconds) };
    prop_assert_eq!(made.expires_at - made.issued_at, ttl);
    prop_assert!(given.issued_at == 0 || made.issued_at == given.issued_at);
    let claims = claims.as_object_mut().unwrap();
    claims.remove("iat");
    claims.remove("exp");
    prop_assert_eq!(&Value::Object(claims.clone()), &given.claims(&made.endpoint));
    prop_assert_eq!(made.access_key_id.as_bytes(), given.parent_access_key_id.as_ref().unwrap().as_slice());
    prop_assert_eq!(&made.request_id, &None);
    Ok(())
}

#[test]
fn any_params_are_signed_as_given_or_refused_by_name() {
    let (signed, refused) = (Cell::new(0), Cell::new(0));
    proptest!(cases(1000), |(given in any_given())| {
        match given.params().sign() {
            Ok(made) => {
                signed.set(signed.get() + 1);
                check_signed(&given, &made)?;
            }
            Err(failure) => {
                refused.set(refused.get() + 1);
                let expected = [R2CREDS_STATUS_INVALID_ARGUMENT, R2CREDS_STATUS_UNSUPPORTED];
                prop_assert!(expected.contains(&failure.status), "{failure:?}");
                let field = failure.field.as_deref().unwrap();
                prop_assert!(FIELDS.contains(&field) && failure.message.starts_with(field), "{failure:?}");
                prop_assert!(!failure.message.chars().any(char::is_control), "{failure:?}");
                prop_assert_eq!((failure.attempts, failure.http_status), (0, 0));
            }
        }
    });
    // Neither half of the property went untested.
    assert!(signed.get() > 100 && refused.get() > 100, "{signed:?} signed, {refused:?} refused");
}

#[test]
fn any_size_and_tail_of_a_struct_is_taken_or_refused() {
    // The size that the struct had in 0.1.0.
    const FIRST: usize = offset_of!(r2creds_params, directories);
    let size = prop_oneof![0..5000_usize, FIRST - 20..FIRST + 80, Just(FIRST), any::<usize>()];
    let tail =
        prop_oneof![Just(Vec::new()), prop::collection::vec(prop_oneof![9 => Just(0_u8), 1 => any::<u8>()], 0..64)];
    proptest!(cases(500), |(size in size, tail in tail)| {
        let params = Params::valid();
        let mut memory = vec![0_usize; 1024];
        // SAFETY: struct and tail fit the memory.
        unsafe {
            let to = memory.as_mut_ptr().cast::<u8>();
            ptr::from_ref(&params.raw).cast::<u8>().copy_to_nonoverlapping(to, size_of::<r2creds_params>());
            tail.as_ptr().copy_to_nonoverlapping(to.add(size_of::<r2creds_params>()), tail.len());
        }
        memory[0] = size;
        let outcome = call::<Credentials>(|out, err| unsafe { r2creds_sign(memory.as_ptr().cast(), out, err) });
        // What lies behind today's struct must be zero.
        let beyond = size.saturating_sub(size_of::<r2creds_params>());
        let expected = match size {
            FIRST..=4096 if tail.iter().take(beyond).all(|byte| *byte == 0) => R2CREDS_STATUS_OK,
            FIRST..=4096 => R2CREDS_STATUS_UNSUPPORTED,
            _ => R2CREDS_STATUS_INVALID_ARGUMENT,
        };
        prop_assert_eq!(outcome.as_ref().map_or_else(|failure| failure.status, |_| R2CREDS_STATUS_OK), expected);
        if let Err(failure) = outcome {
            prop_assert_eq!(failure.field.as_deref(), Some("struct_size"));
        }
    });
}

/// Every number but the lengths and the size at random, every pointer NULL.
#[test]
fn any_numbers_in_the_options_are_taken_or_refused() {
    proptest!(cases(300), |(clocks in any::<[u32; 3]>(), max_retries in any::<i32>())| {
        let mut options = Options::to("http://127.0.0.1:1");
        options.raw.timeout_ms = clocks[0];
        options.raw.attempt_timeout_ms = clocks[1];
        options.raw.connect_timeout_ms = clocks[2];
        options.raw.max_retries = max_retries;
        match options.client() {
            Ok(_) => prop_assert!(max_retries >= -1),
            Err(failure) => {
                prop_assert!(max_retries < -1);
                prop_assert_eq!(failure.field.as_deref(), Some("max_retries"));
            }
        }
        // The clocks as well as the retries of one call; a zero tail is no obstacle.
        let mut request = RequestOptions::empty();
        (request.raw.timeout_ms, request.raw.max_retries) = (clocks[0], max_retries.min(-1));
        let client = Options::to("http://127.0.0.1:1").client().unwrap();
        let failure = client.create_with(&Params::valid(), &request).unwrap_err();
        let expected = if max_retries < -1 { R2CREDS_STATUS_INVALID_ARGUMENT } else { R2CREDS_STATUS_CONNECTION };
        prop_assert!(failure.status == expected || failure.status == R2CREDS_STATUS_TIMEOUT, "{failure:?}");
    });
}
