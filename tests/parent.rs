//! `r2creds_parent_of_token` through the C ABI, against a loopback API: which calls it makes, and what it makes of them.

use std::ptr;
use std::sync::mpsc;

use aws_lc_rs::digest;
use mockito::{Mock, Server, ServerGuard};
use r2creds::ffi::*;
use support::calls::{
    ACCOUNT, API_TOKEN, Client, Credentials, Failure, FromC, Options, Outcome, PARENT_ID, Params, RequestOptions, call,
    owned,
};
use support::server;

const USER: &str = "/user/tokens/verify";
const REFUSED: &str = r#"{"success":false,"errors":[{"code":1000,"message":"Invalid API Token"}],"result":null}"#;

#[derive(Debug, PartialEq)]
struct Parent {
    access_key_id: String,
    secret_access_key: String,
    token_status: String,
    not_before: i64,
    expires_at: i64,
    kind: i32,
}

impl FromC for Parent {
    type Raw = r2creds_parent;
    unsafe fn from_c(raw: *mut r2creds_parent) -> Self {
        unsafe {
            let view = &*raw;
            assert_eq!((view.struct_size, view.reserved), (size_of::<r2creds_parent>(), 0));
            let copy = Parent {
                access_key_id: owned(view.access_key_id).unwrap(),
                secret_access_key: owned(view.secret_access_key).unwrap(),
                token_status: owned(view.token_status).unwrap(),
                not_before: view.not_before,
                expires_at: view.expires_at,
                kind: view.kind,
            };
            r2creds_parent_free(raw);
            copy
        }
    }
}

fn account_path() -> String {
    format!("/accounts/{ACCOUNT}/tokens/verify")
}

fn answering(server: &mut ServerGuard, path: &str, status: usize, body: &str) -> Mock {
    server.mock("GET", path).with_status(status).with_body(body)
}

fn success(result: &str) -> String {
    let message = r#"{"code":10000,"message":"This API Token is valid and active","type":null}"#;
    format!(r#"{{"success":true,"errors":[],"messages":[{message}],"result":{result}}}"#)
}

fn active() -> String {
    success(&format!(r#"{{"id":"{PARENT_ID}","status":"active"}}"#))
}

fn ask_with(client: &Client, account_id: *const std::ffi::c_char, options: &RequestOptions) -> Outcome<Parent> {
    call(|out, err| unsafe { r2creds_parent_of_token(client.0, account_id, &raw const options.raw, out, err) })
}

fn ask(client: &Client) -> Outcome<Parent> {
    let mut options = RequestOptions::empty();
    let account = options.memory.text(ACCOUNT);
    ask_with(client, account, &options)
}

fn client(server: &ServerGuard) -> Client {
    Options::to(&server.url()).client().unwrap()
}

fn secret() -> String {
    digest::digest(&digest::SHA256, API_TOKEN.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_users_token_is_one_request_and_its_pair_signs() {
    let mut server = Server::new();
    let result = format!(
        r#"{{"id":"{PARENT_ID}","status":"active","not_before":"2018-07-01T05:20:00Z","expires_on":"2030-01-01T00:00:00Z"}}"#
    );
    let user = server
        .mock("GET", USER)
        .match_header("authorization", format!("Bearer {API_TOKEN}").as_str())
        .match_header("content-type", mockito::Matcher::Missing)
        .match_body("")
        .with_body(success(&result))
        .expect(1)
        .create();
    let account = answering(&mut server, &account_path(), 200, &active()).expect(0).create();
    let parent = ask(&client(&server)).unwrap();
    user.assert();
    account.assert();
    assert_eq!(
        parent,
        Parent {
            access_key_id: PARENT_ID.to_owned(),
            secret_access_key: secret(),
            token_status: "active".to_owned(),
            not_before: 1_530_422_400,
            expires_at: 1_893_456_000,
            kind: R2CREDS_TOKEN_USER,
        }
    );
    let mut params = Params::valid();
    params.raw.parent_access_key_id = params.memory.text(&parent.access_key_id);
    params.raw.parent_secret_access_key = params.memory.text(&parent.secret_access_key);
    let made: Credentials = params.sign().unwrap();
    assert_eq!(made.access_key_id, PARENT_ID);
}

#[test]
fn an_accounts_token_is_asked_for_second_and_then_first() {
    let mut server = Server::new();
    for status in [401, 403] {
        server.reset();
        let user = answering(&mut server, USER, status, REFUSED).expect(1).create();
        let account = answering(&mut server, &account_path(), 200, &active()).expect(3).create();
        let client = client(&server);
        for _ in 0..3 {
            let parent = ask(&client).unwrap();
            assert_eq!((parent.kind, parent.not_before, parent.expires_at), (R2CREDS_TOKEN_ACCOUNT, 0, 0));
        }
        user.assert();
        account.assert();
        // Another account of the same client: the other order, and not an end.
        server.reset();
        let account = answering(&mut server, &account_path(), 403, REFUSED).expect(1).create();
        let user = answering(&mut server, USER, 200, &active()).expect(2).create();
        assert_eq!(ask(&client).unwrap().kind, R2CREDS_TOKEN_USER);
        assert_eq!(ask(&client).unwrap().kind, R2CREDS_TOKEN_USER);
        user.assert();
        account.assert();
    }
}

#[test]
fn a_refusal_of_both_is_the_accounts_with_both_attempts() {
    let mut server = Server::new();
    let other = r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"result":null}"#;
    answering(&mut server, USER, 401, REFUSED).expect(1).create();
    let account = answering(&mut server, &account_path(), 403, other).expect(1).create();
    let failure = ask(&client(&server)).unwrap_err();
    account.assert();
    assert_eq!((failure.status, failure.http_status, failure.attempts), (R2CREDS_STATUS_PERMISSION_DENIED, 403, 2));
    let hint = failure.hint.unwrap();
    assert!(hint.contains("account id") && hint.contains("rolled") && !hint.contains("R2 admin"), "{hint}");
    assert!(!failure.retryable);
}

/// What is no refusal of the token ends the call, after the repeats that every call has.
#[test]
fn other_failures_do_not_ask_for_the_other_kind() {
    let mut server = Server::new();
    for (status, requests, expected) in [
        (500, 2, R2CREDS_STATUS_SERVER_ERROR),
        (404, 1, R2CREDS_STATUS_NOT_FOUND),
        (400, 1, R2CREDS_STATUS_BAD_REQUEST),
    ] {
        server.reset();
        let user = answering(&mut server, USER, status, REFUSED).expect(requests).create();
        let account = answering(&mut server, &account_path(), 200, &active()).expect(0).create();
        let mut options = Options::to(&server.url());
        options.raw.max_retries = 1;
        let failure = ask(&options.client().unwrap()).unwrap_err();
        user.assert();
        account.assert();
        assert_eq!((failure.status, failure.attempts), (expected, i32::try_from(requests).unwrap()), "{failure:?}");
    }
    server.reset();
    answering(&mut server, USER, 401, REFUSED).create();
    let quiet = answering(&mut server, &account_path(), 429, REFUSED).with_header("retry-after", "300").create();
    let failure = ask(&client(&server)).unwrap_err();
    quiet.assert();
    assert_eq!((failure.status, failure.retry_after_ms), (R2CREDS_STATUS_RATE_LIMITED, 300_000));
    assert_eq!(failure.attempts, 2);
}

#[test]
fn replies_that_cannot_be_used_are_said_to_be() {
    let mut server = Server::new();
    let mut reply = |result: &str| -> Outcome<Parent> {
        server.reset();
        answering(&mut server, USER, 200, &success(result)).create();
        ask(&client(&server))
    };
    let dated = |date: &str| format!(r#"{{"id":"x","status":"active","expires_on":{date}}}"#);
    for (result, problem) in [
        ("null", "result.id"),
        ("{}", "result.id"),
        (r#"{"status":"active"}"#, "result.id"),
        (r#"{"id":"","status":"active"}"#, "result.id"),
        (r#"{"id":5,"status":"active"}"#, "result.id"),
        (r#"{"id":"a\r\nb","status":"active"}"#, "result.id"),
        (r#"{"id":"x"}"#, "result.status"),
        (r#"{"id":"x","status":"\u202e"}"#, "result.status"),
        (dated(r#""tomorrow""#).as_str(), "result.expires_on"),
        (dated(r#""2030-01-01""#).as_str(), "result.expires_on"),
        (dated(r#""2030-02-30T00:00:00Z""#).as_str(), "result.expires_on"),
        (dated("1893456000").as_str(), "result.expires_on"),
        (dated("{}").as_str(), "result.expires_on"),
    ] {
        let failure = reply(result).unwrap_err();
        assert_eq!(failure.status, R2CREDS_STATUS_INVALID_RESPONSE, "{result}: {failure:?}");
        assert!(failure.message.contains(problem) && failure.attempts == 1, "{result}: {}", failure.message);
    }
    for (date, expected) in [
        ("null", 0),
        (r#""""#, 0),
        (r#""2030-01-01T00:00:00Z""#, 1_893_456_000),
        (r#""2030-01-01T00:00:00.999999999Z""#, 1_893_456_000),
        (r#""2030-01-01T05:30:00+05:30""#, 1_893_456_000),
        (r#""2030-01-01t00:00:00z""#, 1_893_456_000),
    ] {
        assert_eq!(reply(&dated(date)).unwrap().expires_at, expected, "{date}");
    }
    // Another shape of id, and words of Cloudflare's that are not known yet, are taken as they are.
    let parent = reply(r#"{"id":"Another-Shape","status":"paused","else":1}"#).unwrap();
    assert_eq!((parent.access_key_id.as_str(), parent.token_status.as_str()), ("Another-Shape", "paused"));
}

#[test]
fn bad_arguments_send_nothing() {
    let mut server = Server::new();
    let nothing = server.mock("GET", mockito::Matcher::Any).expect(0).create();
    let token = client(&server);
    let fails = |client: &Client, account: *const std::ffi::c_char, options: &RequestOptions, field: &str| {
        let failure: Box<Failure> = ask_with(client, account, options).unwrap_err();
        assert_eq!((failure.status, failure.field.as_deref()), (R2CREDS_STATUS_INVALID_ARGUMENT, Some(field)));
        assert_eq!(failure.attempts, 0);
        failure.message
    };
    let mut options = RequestOptions::empty();
    let good = options.memory.text(ACCOUNT);
    fails(&token, ptr::null(), &options, "account_id");
    for bad in [&b""[..], b"\xff", b"a/b", b"../user", b"a b", &[b'a'; 33]] {
        let account = options.memory.text(bad);
        fails(&token, account, &options, "account_id");
    }
    options.raw.extra_body = options.memory.text("{}");
    fails(&token, good, &options, "extra_body");
    options.raw.extra_body = ptr::null();
    fails(&token, good, options.headers(&["Host: x"]), "headers");

    let mut pair = Options::to(&server.url());
    pair.raw.api_token = ptr::null();
    pair.raw.api_email = pair.memory.text("a@example.com");
    pair.raw.api_key = pair.memory.text("key-that-nobody-may-see");
    let message = fails(&pair.client().unwrap(), good, &RequestOptions::empty(), "client");
    assert!(message.contains("e-mail") && message.contains("API token"), "{message}");
    let none = call::<Parent>(|out, err| unsafe { r2creds_parent_of_token(ptr::null(), good, ptr::null(), out, err) });
    assert_eq!(none.unwrap_err().field.as_deref(), Some("client"));
    nothing.assert();
    unsafe { r2creds_parent_free(ptr::null_mut()) };
}

#[test]
fn an_error_repeats_neither_the_token_nor_the_secret() {
    let mut server = Server::new();
    let told = format!("{API_TOKEN} and {}", secret());
    let body = format!(r#"{{"success":false,"errors":[{{"code":1,"message":"{told}"}}],"messages":["{told}"]}}"#);
    answering(&mut server, USER, 400, &body).create();
    let texts = ask(&client(&server)).unwrap_err().texts();
    assert!(!texts.contains(API_TOKEN) && !texts.contains(&secret()) && texts.contains("[redacted]"), "{texts}");
}

/// One deadline over both calls, and one cancel.
#[test]
fn the_second_request_ends_with_the_call() {
    let (arrived, arrivals) = mpsc::channel();
    let server = server::Server::start(move |connection| {
        while let Some(request) = connection.request() {
            if request.line().starts_with("GET /user/") {
                connection
                    .send(format!("HTTP/1.1 401 X\r\nContent-Length: {}\r\n\r\n{REFUSED}", REFUSED.len()).as_bytes());
            } else {
                let _ = arrived.send(()); // and never an answer
            }
        }
    });
    let client = Options::to(&server.url()).client().unwrap();
    let mut options = RequestOptions::empty();
    options.raw.timeout_ms = 500;
    let account = options.memory.text(ACCOUNT);
    let failure = ask_with(&client, account, &options).unwrap_err();
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_TIMEOUT, 2), "{failure:?}");
    arrivals.recv().unwrap();

    let mut cancel = ptr::null_mut();
    unsafe { assert_eq!(r2creds_cancel_new(&raw mut cancel), R2CREDS_STATUS_OK) };
    (options.raw.cancel, options.raw.timeout_ms) = (cancel, 0);
    let shared = cancel.expose_provenance();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            arrivals.recv().unwrap();
            unsafe { r2creds_cancel_trigger(ptr::with_exposed_provenance_mut(shared)) };
        });
        let failure = ask_with(&client, account, &options).unwrap_err();
        assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_CANCELLED, 2), "{failure:?}");
    });
    unsafe { r2creds_cancel_free(cancel) };
}
