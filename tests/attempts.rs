//! What create sends, which replies it believes, which it repeats, and what it says about those that refuse.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use mockito::{Matcher, Mock, Server, ServerGuard};
use r2creds::ffi::*;
use support::calls::{
    API_TOKEN, Client, Credentials, Failure, Options, Outcome, PARENT_ID, PARENT_SECRET, Params, RequestOptions,
};
use support::server::GRANTED;

const PATH: &str = "/accounts/023e105f4ecef8ad9ca31a8372d0c353/r2/temp-access-credentials";
const REFUSED: &str = r#"{"success":false,"errors":[{"code":7003,"message":"no"}],"messages":[],"result":null}"#;

fn client(server: &ServerGuard) -> Client {
    Options::to(&server.url()).client().unwrap()
}

fn create(server: &ServerGuard) -> Outcome<Credentials> {
    client(server).create(&Params::valid())
}

/// A server whose every answer is this one, to be counted.
fn answering(server: &mut ServerGuard, status: usize, headers: &[(&str, &str)], body: &str) -> Mock {
    let mock = server.mock("POST", PATH).with_status(status).with_body(body);
    headers.iter().fold(mock, |mock, (name, value)| mock.with_header(*name, value))
}

/// The failure that this reply leads to after exactly so many requests.
#[track_caller]
fn failure_after(requests: usize, status: usize, headers: &[(&str, &str)], body: &str) -> Box<Failure> {
    let mut server = Server::new();
    let mock = answering(&mut server, status, headers, body).expect(requests).create();
    let failure = create(&server).unwrap_err();
    mock.assert();
    assert_eq!(failure.attempts, i32::try_from(requests).unwrap(), "{failure:?}");
    failure
}

#[track_caller]
fn failure(status: usize, headers: &[(&str, &str)], body: &str) -> Box<Failure> {
    failure_after(1, status, headers, body)
}

#[track_caller]
fn success(status: usize, headers: &[(&str, &str)], body: &str) -> Credentials {
    let mut server = Server::new();
    let mock = answering(&mut server, status, headers, body).expect(1).create();
    let made = create(&server).unwrap();
    mock.assert();
    made
}

fn unix_now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// What one call sends: headers in lower case, and the body.
type Sent = (Vec<(String, String)>, String);

fn sent_by(call: impl FnOnce(&ServerGuard) -> Outcome<Credentials>) -> Sent {
    let mut server = Server::new();
    let seen = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&seen);
    let mock = server.mock("POST", PATH).with_body_from_request(move |request| {
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        *keep.lock().unwrap() = Some((headers.collect(), request.utf8_lossy_body().unwrap().into_owned()));
        GRANTED.into()
    });
    let mock = mock.expect(1).create();
    call(&server).unwrap();
    mock.assert();
    seen.lock().unwrap().take().unwrap()
}

fn values<'a>(sent: &'a Sent, name: &str) -> Vec<&'a str> {
    sent.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
}

#[test]
fn the_request_is_what_the_api_documents() {
    let sent = sent_by(create);
    assert_eq!(
        sent.1,
        format!(
            concat!(
                r#"{{"bucket":"example-bucket","parentAccessKeyId":"{}","#,
                r#""permission":"object-read-write","ttlSeconds":900}}"#
            ),
            PARENT_ID
        )
    );
    assert_eq!(values(&sent, "authorization"), [format!("Bearer {API_TOKEN}")]);
    assert_eq!(values(&sent, "content-type"), ["application/json"]);
    assert_eq!(values(&sent, "accept"), ["application/json"]);
    assert_eq!(values(&sent, "accept-encoding"), ["identity"]);
    assert_eq!(values(&sent, "user-agent"), [format!("r2creds/{}", env!("CARGO_PKG_VERSION"))]);
    assert_eq!(values(&sent, "content-length"), [sent.1.len().to_string()]);
    assert_eq!(values(&sent, "host").len(), 1);
    for absent in ["x-auth-email", "x-auth-key", "transfer-encoding", "expect", "cookie"] {
        assert!(values(&sent, absent).is_empty(), "{absent}");
    }
    assert!(!format!("{sent:?}").contains(PARENT_SECRET));
}

#[test]
fn the_body_keeps_the_order_of_the_contract() {
    let sent = sent_by(|server| {
        let mut params = Params::valid();
        params.prefixes(&["z/", "a/\"quoted\"", "Ünïcode/"]).objects(&["last", "first"]).directories(&["d", "\"e"]);
        params.raw.ttl_seconds = 604_800;
        params.raw.permission = R2CREDS_PERMISSION_ADMIN_READ_ONLY;
        let mut options = RequestOptions::empty();
        options.raw.extra_body =
            options.memory.text(r#" {"zeta": [1, 2.50], "actions":["GetObject"], "alpha":{"b":null,"a":"ä"}} "#);
        client(server).create_with(&params, &options)
    });
    assert_eq!(
        sent.1,
        format!(
            concat!(
                r#"{{"bucket":"example-bucket","parentAccessKeyId":"{}","permission":"admin-read-only","#,
                r#""ttlSeconds":604800,"objects":["last","first","d","\"e"],"#,
                r#""prefixes":["z/","a/\"quoted\"","Ünïcode/","d/","\"e/"],"#,
                r#""zeta":[1, 2.50],"actions":["GetObject"],"alpha":{{"b":null,"a":"ä"}}}}"#
            ),
            PARENT_ID
        )
    );
}

#[test]
fn every_permission_has_the_apis_spelling() {
    for (permission, name) in [
        (R2CREDS_PERMISSION_OBJECT_READ_ONLY, "object-read-only"),
        (R2CREDS_PERMISSION_OBJECT_READ_WRITE, "object-read-write"),
        (R2CREDS_PERMISSION_ADMIN_READ_ONLY, "admin-read-only"),
        (R2CREDS_PERMISSION_ADMIN_READ_WRITE, "admin-read-write"),
    ] {
        let sent = sent_by(|server| {
            let mut params = Params::valid();
            params.raw.permission = permission;
            client(server).create(&params)
        });
        assert!(sent.1.contains(&format!(r#""permission":"{name}""#)), "{}", sent.1);
    }
}

#[test]
fn an_empty_extra_body_changes_nothing() {
    let sent = sent_by(|server| {
        let mut options = RequestOptions::empty();
        options.raw.extra_body = options.memory.text("{}");
        client(server).create_with(&Params::valid(), &options)
    });
    assert!(sent.1.ends_with(r#""ttlSeconds":900}"#), "{}", sent.1);
}

#[test]
fn jurisdiction_and_endpoint_are_not_sent_and_decide_the_endpoint_of_the_result() {
    for (jurisdiction, endpoint, expected) in [
        (R2CREDS_JURISDICTION_DEFAULT, None, "https://023e105f4ecef8ad9ca31a8372d0c353.r2.cloudflarestorage.com"),
        (R2CREDS_JURISDICTION_EU, None, "https://023e105f4ecef8ad9ca31a8372d0c353.eu.r2.cloudflarestorage.com"),
        (
            R2CREDS_JURISDICTION_FEDRAMP,
            None,
            "https://023e105f4ecef8ad9ca31a8372d0c353.fedramp.r2.cloudflarestorage.com",
        ),
        (R2CREDS_JURISDICTION_DEFAULT, Some("https://S3.Example.Test:443/"), "https://s3.example.test"),
    ] {
        let mut made = None;
        let sent = sent_by(|server| {
            let mut params = Params::valid();
            params.raw.jurisdiction = jurisdiction;
            if let Some(endpoint) = endpoint {
                params.raw.endpoint = params.memory.text(endpoint);
            }
            let result = client(server).create(&params);
            made = result.as_ref().ok().map(|made| made.endpoint.clone());
            result
        });
        assert_eq!(made.as_deref(), Some(expected));
        assert!(sent.1.ends_with(r#""ttlSeconds":900}"#), "{}", sent.1);
        assert!(values(&sent, "cf-r2-jurisdiction").is_empty());
    }
}

#[test]
fn the_path_of_the_base_url_is_kept_and_its_trailing_slash_is_not() {
    for (suffix, prefix) in [("/client/v4", "/client/v4"), ("/client/v4/", "/client/v4"), ("/", ""), ("", "")] {
        let mut server = Server::new();
        let path = format!("{prefix}{PATH}");
        let mock = server.mock("POST", path.as_str()).with_body(GRANTED).expect(1).create();
        let client = Options::to(&format!("{}{suffix}", server.url())).client().unwrap();
        client.create(&Params::valid()).unwrap_or_else(|failure| panic!("{suffix}: {failure:?}"));
        mock.assert();
    }
}

#[test]
fn scheme_and_host_of_the_base_url_may_be_in_any_case() {
    let mut server = Server::new();
    let mock = server.mock("POST", PATH).with_body(GRANTED).expect(1).create();
    let port = server.socket_address().port();
    Options::to(&format!("HTTP://LocalHost:{port}")).client().unwrap().create(&Params::valid()).unwrap();
    mock.assert();
}

#[test]
fn an_email_and_key_replace_the_bearer() {
    let sent = sent_by(|server| {
        let mut options = Options::to(&server.url());
        options.raw.api_token = std::ptr::null();
        options.raw.api_email = options.memory.text("user@example.test");
        options.raw.api_key = options.memory.text("global-key-that-nobody-may-see");
        options.client().unwrap().create(&Params::valid())
    });
    assert_eq!(values(&sent, "x-auth-email"), ["user@example.test"]);
    assert_eq!(values(&sent, "x-auth-key"), ["global-key-that-nobody-may-see"]);
    assert!(values(&sent, "authorization").is_empty());
}

#[test]
fn a_token_wins_over_an_email_and_key() {
    let sent = sent_by(|server| {
        let mut options = Options::to(&server.url());
        options.raw.api_email = options.memory.text("user@example.test");
        options.raw.api_key = options.memory.text("global-key-that-nobody-may-see");
        options.client().unwrap().create(&Params::valid())
    });
    assert_eq!(values(&sent, "authorization"), [format!("Bearer {API_TOKEN}")]);
    assert!(values(&sent, "x-auth-email").is_empty() && values(&sent, "x-auth-key").is_empty());
}

#[test]
fn extra_headers_and_the_user_agent_are_sent() {
    let sent = sent_by(|server| {
        let mut options = Options::to(&server.url());
        options.raw.user_agent = options.memory.text("my tool/2.0 (x; y)");
        let mut request = RequestOptions::empty();
        request.headers(&["cf-r2-jurisdiction: eu", "X-Trace:a\tb", "x-trace: second ", "X-Empty:"]);
        options.client().unwrap().create_with(&Params::valid(), &request)
    });
    assert_eq!(values(&sent, "cf-r2-jurisdiction"), ["eu"]);
    assert_eq!(values(&sent, "x-trace"), ["a\tb", "second"]);
    assert_eq!(values(&sent, "x-empty"), [""]);
    assert_eq!(values(&sent, "user-agent"), [format!("my tool/2.0 (x; y) r2creds/{}", env!("CARGO_PKG_VERSION"))]);
    assert_eq!(values(&sent, "authorization").len(), 1);
}

#[test]
fn every_status_has_its_kind_and_its_number_of_requests() {
    for (http_status, status, requests) in [
        (300, R2CREDS_STATUS_API_ERROR, 1),
        (304, R2CREDS_STATUS_API_ERROR, 1),
        (400, R2CREDS_STATUS_BAD_REQUEST, 1),
        (401, R2CREDS_STATUS_AUTHENTICATION, 1),
        (402, R2CREDS_STATUS_API_ERROR, 1),
        (403, R2CREDS_STATUS_PERMISSION_DENIED, 1),
        (404, R2CREDS_STATUS_NOT_FOUND, 1),
        (405, R2CREDS_STATUS_API_ERROR, 1),
        (408, R2CREDS_STATUS_API_ERROR, 3),
        (409, R2CREDS_STATUS_CONFLICT, 3),
        (410, R2CREDS_STATUS_API_ERROR, 1),
        (413, R2CREDS_STATUS_API_ERROR, 1),
        (418, R2CREDS_STATUS_API_ERROR, 1),
        (422, R2CREDS_STATUS_UNPROCESSABLE, 1),
        (425, R2CREDS_STATUS_API_ERROR, 1),
        (429, R2CREDS_STATUS_RATE_LIMITED, 3),
        (499, R2CREDS_STATUS_API_ERROR, 1),
        (500, R2CREDS_STATUS_SERVER_ERROR, 3),
        (501, R2CREDS_STATUS_SERVER_ERROR, 3),
        (502, R2CREDS_STATUS_SERVER_ERROR, 3),
        (503, R2CREDS_STATUS_SERVER_ERROR, 3),
        (504, R2CREDS_STATUS_SERVER_ERROR, 3),
        (522, R2CREDS_STATUS_SERVER_ERROR, 3),
        (599, R2CREDS_STATUS_SERVER_ERROR, 3),
        (600, R2CREDS_STATUS_API_ERROR, 1),
    ] {
        // What the body says changes nothing: an envelope, a page of a gateway, nothing, a success.
        for body in [REFUSED, "<html>oops</html>", "", GRANTED] {
            let body = if http_status == 304 { "" } else { body };
            let failure = failure_after(requests, http_status, &[("retry-after-ms", "1")], body);
            assert_eq!(failure.status, status, "{http_status} {body}");
            assert_eq!(failure.http_status, i32::try_from(http_status).unwrap());
            assert_eq!(failure.retryable, requests == 3, "{http_status} {body}");
            assert_eq!(failure.retry_after_ms, 1);
            assert_eq!(failure.field, None);
            assert!(failure.message.contains(&http_status.to_string()), "{}", failure.message);
            assert_eq!(failure.errors.len(), usize::from(body == REFUSED), "{http_status} {body}");
        }
    }
}

#[test]
fn x_should_retry_overrides_the_status() {
    let quick = ("retry-after-ms", "1");
    for (http_status, body, should_retry, requests) in [
        (400, REFUSED, "true", 3),
        (401, REFUSED, "true", 3),
        (418, REFUSED, "true", 3),
        (200, REFUSED, "true", 3),
        (200, "nonsense", "true", 3),
        (408, REFUSED, "false", 1),
        (409, REFUSED, "false", 1),
        (429, REFUSED, "false", 1),
        (500, REFUSED, "false", 1),
        (500, r#"{"success":false,"errors":[{"code":10001,"message":"internal error"}]}"#, "false", 1),
        (500, REFUSED, "maybe", 3),
        (400, REFUSED, "maybe", 1),
    ] {
        let failure = failure_after(requests, http_status, &[quick, ("x-should-retry", should_retry)], body);
        assert_eq!(failure.retryable, requests == 3, "{http_status} {should_retry}");
    }
}

#[test]
fn r2s_internal_error_is_repeated_whatever_the_status() {
    let told = |code: &str, message: &str| {
        format!(r#"{{"success":false,"errors":[{{"code":7,"message":"x"}},{{"code":{code},"message":"{message}"}}]}}"#)
    };
    let quick = [("retry-after-ms", "1")];
    for http_status in [200, 400, 401, 403, 404, 422, 418] {
        for message in ["internal error", "We encountered an Internal Error. Please try again.", "INTERNAL ERROR"] {
            let failure = failure_after(3, http_status, &quick, &told("10001", message));
            assert!(failure.retryable);
            assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains("transient")), "{:?}", failure.hint);
        }
        for (code, message) in
            [("10001", "Unable to authenticate request"), ("10002", "internal error"), ("10001", "internal  error")]
        {
            let failure = failure_after(1, http_status, &quick, &told(code, message));
            assert!(!failure.retryable);
            assert!(!failure.hint.as_deref().is_some_and(|hint| hint.contains("transient")), "{:?}", failure.hint);
        }
    }
}

#[test]
fn a_failure_that_passes_is_not_noticed() {
    let mut server = Server::new();
    let quick = [("retry-after-ms", "1")];
    let bad = answering(&mut server, 503, &quick, "").expect(1).create();
    let worse = answering(&mut server, 429, &quick, REFUSED).expect(1).create();
    let good = answering(&mut server, 200, &[("cf-ray", "8f00d00d-AMS")], GRANTED).expect(1).create();
    let made = create(&server).unwrap();
    assert_eq!(made.session_token, "minted-token");
    assert_eq!(made.request_id.as_deref(), Some("8f00d00d-AMS"));
    bad.assert();
    worse.assert();
    good.assert();
}

#[test]
fn the_error_describes_the_last_attempt() {
    let mut server = Server::new();
    let first =
        answering(&mut server, 503, &[("retry-after-ms", "7"), ("cf-ray", "first")], REFUSED).expect(1).create();
    let second = answering(&mut server, 404, &[("cf-ray", "second")], "").expect(1).create();
    let failure = create(&server).unwrap_err();
    first.assert();
    second.assert();
    assert_eq!(failure.status, R2CREDS_STATUS_NOT_FOUND);
    assert_eq!(failure.http_status, 404);
    assert_eq!(failure.attempts, 2);
    assert_eq!(failure.request_id.as_deref(), Some("second"));
    assert_eq!(failure.retry_after_ms, -1);
    assert!(failure.errors.is_empty() && !failure.retryable);
}

#[test]
fn the_number_of_repeats_is_the_requests_else_the_clients() {
    for (of_client, of_request, requests) in
        [(0, 0, 3), (-1, 0, 1), (1, 0, 2), (4, 0, 5), (0, -1, 1), (0, 1, 2), (-1, 2, 3), (4, -1, 1)]
    {
        let mut server = Server::new();
        let mock = answering(&mut server, 500, &[("retry-after-ms", "1")], "").expect(requests).create();
        let mut options = Options::to(&server.url());
        options.raw.max_retries = of_client;
        let mut request = RequestOptions::empty();
        request.raw.max_retries = of_request;
        let failure = options.client().unwrap().create_with(&Params::valid(), &request).unwrap_err();
        mock.assert();
        assert_eq!(failure.attempts, i32::try_from(requests).unwrap(), "{of_client} {of_request}");
        // That nobody tries again does not mean that it would be in vain.
        assert!(failure.retryable);
    }
}

#[test]
fn without_advice_the_waits_are_half_a_second_and_a_second_less_a_quarter() {
    let mut server = Server::new();
    let times = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&times);
    let mock = server.mock("POST", PATH).with_status(500).with_body_from_request(move |_| {
        keep.lock().unwrap().push(Instant::now());
        Vec::new()
    });
    let mock = mock.expect(9).create();
    // The shortest of three, which is no longer than the wait unless the machine was busy three times.
    let mut shortest = [Duration::MAX; 2];
    for _ in 0..3 {
        times.lock().unwrap().clear();
        create(&server).unwrap_err();
        let times = times.lock().unwrap();
        for (at, least) in [375, 750].into_iter().enumerate() {
            let wait = times[at + 1] - times[at];
            assert!(wait >= Duration::from_millis(least), "{wait:?}");
            shortest[at] = shortest[at].min(wait);
        }
    }
    mock.assert();
    assert!(
        shortest[0] < Duration::from_millis(500 + 250) && shortest[1] < Duration::from_millis(1000 + 500),
        "{shortest:?}"
    );
}

/// How long the one wait was that this advice led to.
fn wait_for_advice(headers: &[(&str, &str)]) -> (Duration, Box<Failure>) {
    let mut server = Server::new();
    let mock = answering(&mut server, 503, headers, "").expect(2).create();
    let mut options = Options::to(&server.url());
    options.raw.max_retries = 1;
    let client = options.client().unwrap();
    let start = Instant::now();
    let failure = client.create(&Params::valid()).unwrap_err();
    let elapsed = start.elapsed();
    mock.assert();
    (elapsed, failure)
}

#[test]
fn advice_up_to_a_minute_is_followed() {
    // Longer than the usual half second, so that the two cannot be mistaken for each other.
    for (headers, told) in [
        (&[("retry-after-ms", "900")][..], 900),
        (&[("retry-after-ms", " 900.5 ")], 900),
        (&[("retry-after", "1")], 1000),
        (&[("retry-after", "0.8")], 800),
        // The finer one goes first, if it can be read.
        (&[("retry-after-ms", "800"), ("retry-after", "20")], 800),
        (&[("retry-after-ms", "soon"), ("retry-after", "1")], 1000),
    ] {
        let (elapsed, failure) = wait_for_advice(headers);
        assert!(elapsed >= Duration::from_millis(told), "{headers:?}: {elapsed:?}");
        assert!(elapsed < Duration::from_millis(told + 5000), "{headers:?}: {elapsed:?}");
        assert_eq!(failure.retry_after_ms, i64::try_from(told).unwrap(), "{headers:?}");
    }
}

#[test]
fn advice_shorter_than_the_usual_wait_is_followed_too() {
    let mut server = Server::new();
    let mock = answering(&mut server, 503, &[("retry-after-ms", "10")], "").expect(5).create();
    let mut options = Options::to(&server.url());
    options.raw.max_retries = 4;
    let client = options.client().unwrap();
    let start = Instant::now();
    client.create(&Params::valid()).unwrap_err();
    let elapsed = start.elapsed();
    mock.assert();
    // The four usual waits are more than 5.6 s.
    assert!(elapsed >= Duration::from_millis(40) && elapsed < Duration::from_millis(5600), "{elapsed:?}");
}

#[test]
fn advice_may_be_a_date() {
    // A date has whole seconds: one to two from now.
    let text = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    let date = httpdate::parse_http_date(&text).unwrap();
    let (_, failure) = wait_for_advice(&[("retry-after", &text)]);
    let late = SystemTime::now().duration_since(date).expect("repeated before the date");
    assert!(late < Duration::from_secs(5), "{late:?}");
    assert!((0..=2000).contains(&failure.retry_after_ms), "{failure:?}");
}

#[test]
fn advice_that_is_nothing_or_nonsense_is_not_followed() {
    let past = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(3600));
    for (headers, told) in [
        (&[("retry-after-ms", "0")][..], 0),
        (&[("retry-after", "0")], 0),
        (&[("retry-after", past.as_str())], 0),
        (&[("retry-after", "-1")], -1),
        (&[("retry-after-ms", "-1")], -1),
        (&[("retry-after", "tomorrow")], -1),
        (&[("retry-after", "")], -1),
        (&[("retry-after", "NaN")], -1),
    ] {
        let (elapsed, failure) = wait_for_advice(headers);
        // The usual wait instead, never none at all.
        assert!(elapsed >= Duration::from_millis(375), "{headers:?}: {elapsed:?}");
        assert!(elapsed < Duration::from_secs(5), "{headers:?}: {elapsed:?}");
        assert_eq!(failure.retry_after_ms, told, "{headers:?}");
    }
}

#[test]
fn advice_of_nothing_in_milliseconds_leaves_the_word_to_the_other_header() {
    let (elapsed, _) = wait_for_advice(&[("retry-after-ms", "0"), ("retry-after", "1")]);
    assert!(elapsed >= Duration::from_millis(1000), "{elapsed:?}");
}

#[test]
fn advice_larger_than_any_clock_ends_the_call_too() {
    for headers in [[("retry-after", "99999999999999999999")], [("retry-after-ms", "99999999999999999999999")]] {
        let failure = failure_after(1, 429, &headers, REFUSED);
        assert!(failure.retry_after_ms > 60_000, "{}", failure.retry_after_ms);
    }
}

#[test]
fn advice_of_more_than_a_minute_ends_the_call_with_the_number() {
    let far = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
    for (headers, told) in [
        (&[("retry-after", "61")][..], 61_000..=61_000),
        (&[("retry-after-ms", "60001")], 60_001..=60_001),
        (&[("retry-after", "86400")], 86_400_000..=86_400_000),
        (&[("retry-after", far.as_str())], 3_500_000..=3_600_000),
    ] {
        let start = Instant::now();
        let failure = failure_after(1, 429, headers, REFUSED);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert_eq!(failure.status, R2CREDS_STATUS_RATE_LIMITED);
        assert!(failure.retryable);
        assert!(told.contains(&failure.retry_after_ms), "{headers:?}: {}", failure.retry_after_ms);
    }
}

#[test]
fn a_wait_past_the_deadline_ends_the_call_at_once_with_the_attempts_own_error() {
    // Advice that would be followed if there were time; and the usual wait, six to eight seconds after the fifth.
    for (quick_ones, last, told) in [(0, &[("retry-after", "30")][..], 30_000), (4, &[], -1)] {
        let mut server = Server::new();
        let quick = answering(&mut server, 500, &[("retry-after-ms", "1")], "").expect(quick_ones);
        let quick = (quick_ones > 0).then(|| quick.create());
        let mock = answering(&mut server, 503, last, "").expect(1).create();
        let mut options = Options::to(&server.url());
        options.raw.timeout_ms = 5900;
        options.raw.max_retries = 9;
        let client = options.client().unwrap();
        let start = Instant::now();
        let failure = client.create(&Params::valid()).unwrap_err();
        assert!(start.elapsed() < Duration::from_millis(5500), "{:?}", start.elapsed());
        quick.iter().for_each(Mock::assert);
        mock.assert();
        assert_eq!(failure.status, R2CREDS_STATUS_SERVER_ERROR);
        assert_eq!((failure.http_status, failure.retry_after_ms), (503, told));
        assert_eq!(failure.attempts, i32::try_from(quick_ones).unwrap() + 1);
        assert!(failure.retryable);
    }
}

#[test]
fn the_timeout_of_a_request_replaces_the_clients_in_both_directions() {
    for (of_client, of_request, requests) in [(1400, 10_000, 2), (10_000, 1400, 1)] {
        let mut server = Server::new();
        let mock = answering(&mut server, 503, &[("retry-after-ms", "1500")], "").expect(requests).create();
        let mut options = Options::to(&server.url());
        options.raw.timeout_ms = of_client;
        options.raw.max_retries = 1;
        let mut request = RequestOptions::empty();
        request.raw.timeout_ms = of_request;
        options.client().unwrap().create_with(&Params::valid(), &request).unwrap_err();
        mock.assert();
    }
}

#[test]
fn advice_is_told_even_where_nothing_is_repeated() {
    for (headers, told) in [(&[("retry-after", "5")][..], 5000), (&[], -1)] {
        let failure = failure(403, headers, REFUSED);
        assert_eq!(failure.retry_after_ms, told);
        assert!(!failure.retryable);
    }
}

#[test]
fn a_success_false_is_an_error_whatever_the_http_status_says() {
    for http_status in [200, 201] {
        for body in [
            REFUSED,
            r#"{"success":false}"#,
            // A credential beside a refusal is not a credential.
            r#"{"success":false,"result":{"accessKeyId":"a","secretAccessKey":"b","sessionToken":"c"}}"#,
            r#"{"success":true,"result":{"accessKeyId":"a","secretAccessKey":"b","sessionToken":"c"},"success":false}"#,
        ] {
            let failure = failure(http_status, &[("cf-ray", "ray")], body);
            assert_eq!(failure.status, R2CREDS_STATUS_API_ERROR, "{body}");
            assert_eq!(failure.http_status, i32::try_from(http_status).unwrap());
            assert_eq!(failure.request_id.as_deref(), Some("ray"));
            assert!(!failure.retryable);
        }
    }
}

#[test]
fn a_2xx_that_cannot_be_used_is_an_invalid_response() {
    let with = |result: &str| format!(r#"{{"success":true,"errors":[],"messages":[],"result":{result}}}"#);
    let mut bodies = vec![
        String::new(),
        " ".into(),
        "nonsense".into(),
        "null".into(),
        "[]".into(),
        "true".into(),
        format!("[{GRANTED}]"),
        "<html></html>".into(),
        "{}".into(),
        GRANTED.replace("\"success\":true,", ""),
        GRANTED.replace("true", "\"true\""),
        GRANTED.replace("true", "1"),
        GRANTED.replace("true", "null"),
        GRANTED.replace("success", "Success"),
        // Cut, and gone on after its end.
        GRANTED[..GRANTED.len() - 1].into(),
        format!("{GRANTED}x"),
        format!("{GRANTED}{GRANTED}"),
        format!("{GRANTED}\0"),
        format!("\u{feff}\u{feff}{GRANTED}"),
        r#"{"success":true}"#.into(),
        with("null"),
        with("{}"),
        with("[]"),
        with("\"minted\""),
    ];
    for name in ["accessKeyId", "secretAccessKey", "sessionToken"] {
        for value in [
            "",
            "null",
            "\"\"",
            "7",
            "true",
            "[\"x\"]",
            "{\"x\":\"y\"}",
            "\"with a \\u0000 in it\"",
            "\"a\\r\\nb\"",
            "\"a b\"",
            "\"\\u00fc\"",
            "\"\\ud800\"",
            "\"ü\"",
            "\"\\u007f\"",
        ] {
            let fields =
                ["accessKeyId", "secretAccessKey", "sessionToken"].into_iter().filter_map(|field| match value {
                    "" if field == name => None,
                    value if field == name => Some(format!("\"{field}\":{value}")),
                    _ => Some(format!("\"{field}\":\"leaked\"")),
                });
            bodies.push(with(&format!("{{{}}}", fields.collect::<Vec<_>>().join(","))));
        }
    }
    for body in bodies {
        let failure = failure(200, &[("cf-ray", "ray")], &body);
        assert_eq!(failure.status, R2CREDS_STATUS_INVALID_RESPONSE, "{body}");
        assert_eq!((failure.http_status, failure.request_id.as_deref()), (200, Some("ray")), "{body}");
        assert!(!failure.retryable, "{body}");
        assert!(!failure.texts().contains("minted-") && !failure.texts().contains("leaked"), "{failure:?}");
    }
    for http_status in [202, 204] {
        let failure = failure(http_status, &[], "");
        assert_eq!(failure.status, R2CREDS_STATUS_INVALID_RESPONSE);
        assert_eq!(failure.http_status, i32::try_from(http_status).unwrap());
    }
}

#[test]
fn what_does_not_matter_is_not_minded() {
    let deep = format!("{{\"deep\":{}{},", "[".repeat(100_000), "]".repeat(100_000));
    for (headers, body) in [
        (&[][..], GRANTED.to_owned()),
        (&[], format!("\u{feff}{GRANTED}")),
        (&[], format!(" \r\n\t{GRANTED}\r\n ")),
        (&[("content-type", "text/html; charset=latin1")], GRANTED.into()),
        (&[("content-encoding", "identity")], GRANTED.into()),
        (&[], GRANTED.replace("\"errors\":[],", "\"errors\":null,\"result_info\":{\"a\":[1,2.5e9]},")),
        (&[], GRANTED.replace("\"errors\":[],\"messages\":[],", "")),
        (&[], GRANTED.replacen("{\"accessKeyId\"", "{\"new\":{\"x\":null},\"accessKeyId\"", 1)),
        // Of duplicate keys the last one wins, on every level.
        (&[], GRANTED.replacen("\"success\":true", "\"success\":false,\"success\":true", 1)),
        (&[], GRANTED.replacen("\"result\"", "\"result\":null,\"result\"", 1)),
        (&[], GRANTED.replacen("\"sessionToken\"", "\"sessionToken\":\"\",\"sessionToken\"", 1)),
        (&[], GRANTED.replacen("minted-token", "min\\u0074ed\\u002dtoken", 1)),
        (&[], GRANTED.replacen("\"success\"", "\"\\u0073uccess\"", 1)),
        (&[], GRANTED.replacen('{', &deep, 1)),
    ] {
        let made = success(200, headers, &body);
        let named = (made.access_key_id.as_str(), made.secret_access_key.as_str(), made.session_token.as_str());
        assert_eq!(named, ("minted-id", "minted-secret", "minted-token"));
    }
    assert_eq!(success(201, &[], GRANTED).session_token, "minted-token");
    // NULL where there is none, also for an empty one.
    assert_eq!(success(200, &[], GRANTED).request_id, None);
}

#[test]
fn no_encoding_may_be_spelled_in_any_case() {
    for coding in ["Identity", "IDENTITY"] {
        assert_eq!(success(200, &[("content-encoding", coding)], GRANTED).session_token, "minted-token");
    }
}

#[test]
fn an_encoded_reply_is_refused() {
    for coding in ["gzip", "br", "deflate", "zstd", "GZIP"] {
        let failure = failure(200, &[("content-encoding", coding)], GRANTED);
        assert_eq!(failure.status, R2CREDS_STATUS_INVALID_RESPONSE, "{coding}");
        assert_eq!(failure.http_status, 200);
        assert!(!failure.retryable);
    }
    // Real gzip, which is no JSON anyway.
    let mut server = Server::new();
    let mock = server.mock("POST", PATH).with_header("content-encoding", "gzip");
    let mock =
        mock.with_body(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0\x43\xbf\xa6\xa3\x02\0\0\0").expect(1).create();
    assert_eq!(create(&server).unwrap_err().status, R2CREDS_STATUS_INVALID_RESPONSE);
    mock.assert();
}

#[test]
fn a_redirect_is_never_followed() {
    let mut other = Server::new();
    let get = other.mock("GET", Matcher::Any).with_body(GRANTED).expect(0).create();
    let post = other.mock("POST", Matcher::Any).with_body(GRANTED).expect(0).create();
    for http_status in [301, 302, 303, 307, 308] {
        for location in [format!("{}{PATH}", other.url()), PATH.to_owned(), "/elsewhere".to_owned(), "://".to_owned()] {
            let failure = failure(http_status, &[("location", &location)], GRANTED);
            assert_eq!(failure.status, R2CREDS_STATUS_API_ERROR, "{http_status} {location}");
            assert_eq!(failure.http_status, i32::try_from(http_status).unwrap());
            assert!(!failure.retryable);
        }
    }
    for mock in [get, post] {
        mock.assert();
    }
}

#[test]
fn cloudflares_errors_and_messages_are_handed_on() {
    let body = r#"{
        "success": false,
        "errors": [
            {"code": 6003, "message": "Invalid request headers", "error_chain": [
                {"code": 6103, "message": "Invalid format for X-Auth-Key header"},
                {"code": 6111, "message": "Invalid format for Authorization header"}]},
            {"code": 7000, "message": "No ü", "documentation_url": "https://example.test/docs",
             "source": {"pointer": "/ttlSeconds"}},
            {"code": -3},
            {"message": "no code"}
        ],
        "messages": ["plain", {"code": 10000, "message": "as an object"}, 7, null],
        "result": null
    }"#;
    for http_status in [400, 200] {
        let failure = failure(http_status, &[("CF-RAY", "8f00d00d-AMS")], body);
        let entry = |code: i64, message: &str| (code, Some(message.to_owned()), None, None);
        let expected = [
            entry(6003, "Invalid request headers"),
            entry(6103, "Invalid format for X-Auth-Key header"),
            entry(6111, "Invalid format for Authorization header"),
            (7000, Some("No ü".into()), Some("https://example.test/docs".into()), Some("/ttlSeconds".into())),
            (-3, None, None, None),
            entry(0, "no code"),
        ];
        assert_eq!(failure.errors, expected);
        assert_eq!(failure.messages, ["plain", "as an object"]);
        assert_eq!(failure.request_id.as_deref(), Some("8f00d00d-AMS"));
        // The first error, and the end of its chain.
        let ends = ": 6003 Invalid request headers: 6111 Invalid format for Authorization header";
        assert!(failure.message.ends_with(ends), "{}", failure.message);
        assert!(failure.hint.is_some_and(|hint| hint.contains("quotes")));
    }
}

#[test]
fn errors_of_a_wrong_shape_are_left_out_and_no_more() {
    for errors in ["null", "7", "\"text\"", "{}", "[]", "[null,7,\"text\",[]]"] {
        let failure = failure(400, &[], &format!(r#"{{"success":false,"errors":{errors},"messages":{errors}}}"#));
        assert_eq!(failure.status, R2CREDS_STATUS_BAD_REQUEST, "{errors}");
        assert!(failure.errors.is_empty(), "{errors}: {failure:?}");
    }
}

#[test]
fn hints_are_those_of_the_documented_refusals_and_no_others() {
    let told = |code: i64, message: &str| {
        format!(r#"{{"success":false,"errors":[{{"code":{code},"message":"{message}"}}],"messages":[],"result":null}}"#)
    };
    for (http_status, code, message, expected) in [
        (400, 10040, "JSON not well formed", Some("parentAccessKeyId")),
        (401, 7, "no", Some("parent access key id")),
        (401, 10000, "Authentication error", Some("token")),
        (403, 10000, "Authentication error", Some("token")),
        (401, 1000, "Invalid API Token", Some("mistyped")),
        (403, 9109, "Unauthorized to access requested resource", Some("OAuth")),
        (403, 9109, "Cannot use the access token from location: 192.0.2.7", Some("IP address")),
        (403, 9109, "Invalid access token", None),
        (400, 6103, "Invalid format for X-Auth-Key header", Some("API key")),
        (400, 6111, "Invalid format for Authorization header", Some("quotes")),
        (
            400,
            7003,
            "Could not route to /accounts/x/r2, perhaps your object identifier is invalid?",
            Some("account id"),
        ),
        (401, 10001, "Unable to authenticate request", None),
        (429, 1015, "x", None),
        (404, 10015, "x", Some("base URL")),
        (404, 7003, "No route for that URI", Some("base URL")),
        (403, 10042, "Please enable R2", Some("not enabled")),
        (400, 10005, "The specified bucket name is not valid.", Some("bucket name")),
        (404, 10006, "The specified bucket does not exist.", Some("no such bucket")),
        (418, 10001, "internal error", Some("transient")),
        (429, 10000, "Rate limited", Some("1200")),
        (429, 971, "x", Some("1200")),
        // Known numbers elsewhere, and unknown ones.
        (400, 10000, "x", None),
        (400, 10006, "x", None),
        (400, 10042, "x", None),
        (403, 10005, "x", None),
        (403, 7, "x", None),
        (403, 10001, "Unable to authenticate request", None),
        (404, 7, "x", None),
        (404, 10042, "x", None),
        (409, 10000, "x", None),
        (422, 10040, "x", None),
        (500, 10000, "x", None),
        (502, 10042, "x", None),
        (302, 10000, "x", None),
        (200, 7, "x", None),
    ] {
        let requests =
            if matches!(code, 10001 if message == "internal error") || matches!(http_status, 409 | 429 | 500 | 502) {
                3
            } else {
                1
            };
        let failure = failure_after(requests, http_status, &[("retry-after-ms", "1")], &told(code, message));
        match expected {
            None => assert_eq!(failure.hint, None, "{http_status} {code}"),
            Some(part) => {
                let hint = failure.hint.unwrap_or_default();
                assert!(hint.contains(part), "{http_status} {code}: {hint:?}");
            }
        }
    }
}

#[test]
fn only_cloudflares_own_answer_is_said_to_be_cloudflares() {
    const LOG_IN: &str = "<html>log in</html>";
    let envelope = r#"{"success":false,"errors":[]}"#;
    for (headers, body, is_cloudflare) in [
        (&[][..], envelope, true),
        (&[("cf-ray", "8f00d00d-AMS")], LOG_IN, true),
        (&[], LOG_IN, false),
        (&[("cf-ray", "")], "", false),
        (&[], r#"{"error":"no access"}"#, false),
        (&[], r#"["success"]"#, false),
    ] {
        for http_status in [400, 401, 403, 404] {
            let failure = failure(http_status, headers, body);
            let says = failure.message.contains("Cloudflare refused");
            assert_eq!(says, is_cloudflare, "{http_status} {body}: {}", failure.message);
            assert!(failure.message.contains(&format!("HTTP {http_status}")), "{}", failure.message);
            // No status alone has a hint, but 401 in Cloudflare's own form.
            assert_eq!(failure.hint.is_some(), http_status == 401 && body == envelope, "{:?}", failure.hint);
        }
    }
}

#[test]
fn pages_for_people_have_hints_of_their_own() {
    let moment = "<html><title>Just a moment...</title></html>";
    let challenge = [("cf-mitigated", "challenge"), ("retry-after-ms", "1")];
    let quick = [("retry-after-ms", "1")];
    for (http_status, headers, body, expected) in [
        (403, &quick[..], moment, Some("challenge")),
        (403, &challenge, "<html></html>", Some("challenge")),
        (503, &quick, moment, Some("challenge")),
        (403, &quick, "<h1>Sorry, you have been blocked</h1>", Some("blocks")),
        (403, &quick, "error code: 1020", Some("blocks")),
        (429, &quick, "error code: 1015", Some("1015")),
        (429, &quick, "", None),
        (503, &quick, "", None),
        (403, &quick, "error code: 1015", None),
        (404, &quick, moment, None),
    ] {
        let requests = if http_status > 404 { 3 } else { 1 };
        let failure = failure_after(requests, http_status, headers, body);
        match expected {
            None => assert_eq!(failure.hint, None, "{http_status} {body}"),
            Some(part) => assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains(part)), "{failure:?}"),
        }
    }
}

#[test]
fn a_redirect_names_its_host() {
    for (location, host) in [
        ("https://login.example.test:8443/portal?next=x", "a redirect to login.example.test, which is not followed"),
        ("/elsewhere", "a redirect to another path, which is not followed"),
        ("https://e\u{202e}vil/", "a redirect to another path, which is not followed"),
    ] {
        let failure = failure(302, &[("location", location)], "");
        assert!(failure.message.ends_with(host), "{}", failure.message);
        assert!(failure.hint.is_some_and(|hint| hint.contains("log-in page")));
    }
    assert!(!failure(302, &[], "").message.contains("redirect"));
}

fn session_token(claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode_to_string(text);
    STANDARD.encode_to_string(format!("jwt/{}.{}.{}", part(r#"{"alg":"HS256"}"#), part(claims), part("signature")))
}

/// What is granted with this session token, and the clock on both sides of the request.
fn made_with(session_token: &str) -> (Credentials, i64, i64) {
    let before = unix_now();
    let made = success(200, &[], &GRANTED.replace("minted-token", session_token));
    (made, before, unix_now())
}

#[test]
fn the_expiry_is_the_tokens_own_where_it_can_be_read() {
    for (claims, expected) in [
        (r#"{"iat":1700000000,"exp":1700000900}"#, 1_700_000_900),
        (r#"{"exp":4102444800,"bucket":"b"}"#, 4_102_444_800),
        (r#"{"exp":1,"exp":1800000000}"#, 1_800_000_000),
    ] {
        let (made, before, after) = made_with(&session_token(claims));
        assert_eq!(made.expires_at, expected, "{claims}");
        assert!((before..=after).contains(&made.issued_at));
    }
}

#[test]
fn else_the_expiry_is_the_clock_before_the_request_and_the_ttl() {
    for token in [
        "opaque".to_owned(),
        session_token("{}"),
        session_token(r#"{"exp":"1700000900"}"#),
        session_token(r#"{"exp":null}"#),
        session_token(r#"{"exp":-5}"#),
        session_token(r#"{"exp":99999999999999999999}"#),
        session_token("not JSON"),
        STANDARD.encode_to_string("jwt/"),
        STANDARD.encode_to_string("jwt/a.b.c"),
        STANDARD.encode_to_string("other/e30.eyJleHAiOjE3MDAwMDA5MDB9.x"),
    ] {
        let (made, before, after) = made_with(&token);
        assert!((before + 900..=after + 900).contains(&made.expires_at), "{token}: {}", made.expires_at);
        assert_eq!(made.expires_at, made.issued_at + 900);
    }
}

#[test]
fn the_clock_is_read_before_each_request_not_after_it() {
    let mut server = Server::new();
    let first = answering(&mut server, 503, &[("retry-after-ms", "1100")], "").expect(1).create();
    let answered_at = Arc::new(Mutex::new(0));
    let keep = Arc::clone(&answered_at);
    let second = server.mock("POST", PATH).with_body_from_request(move |_| {
        let asked_at = unix_now();
        *keep.lock().unwrap() = asked_at;
        // The reply comes in a later second than the request.
        while unix_now() == asked_at {
            std::thread::sleep(Duration::from_millis(20));
        }
        GRANTED.into()
    });
    let second = second.expect(1).create();
    let before = unix_now();
    let mut params = Params::valid();
    params.raw.ttl_seconds = 60;
    let made = client(&server).create(&params).unwrap();
    first.assert();
    second.assert();
    // Not the time of the whole call's start, nor one after the server saw the request.
    assert!(made.issued_at > before && made.issued_at <= *answered_at.lock().unwrap(), "{made:?}");
    assert_eq!(made.expires_at, made.issued_at + 60);
}

#[test]
fn texts_of_a_server_are_cleaned() {
    let dirty = format!(
        r"a\u0000b\u001b[31m\r\nc\u007f\u0085\u2028\u2029\u202e\u200b\ufeff {API_TOKEN}, again {API_TOKEN}{PARENT_SECRET}."
    );
    let clean = "a b [31m  c        [redacted], again [redacted][redacted].";
    let body = format!(
        r#"{{"success":false,"errors":[{{"code":1,"message":"{dirty}",
        "documentation_url":"{dirty}","source":{{"pointer":"{dirty}"}},
        "error_chain":[{{"code":2,"message":"{dirty}"}}]}}],"messages":["{dirty}",{{"message":"{dirty}"}}]}}"#
    );
    let ray = format!("ray {API_TOKEN}");
    for http_status in [403, 200] {
        let failure = failure(http_status, &[("cf-ray", &ray)], &body);
        let text = || Some(clean.to_owned());
        assert_eq!(failure.errors, [(1, text(), text(), text()), (2, text(), None, None)]);
        assert_eq!(failure.messages, [clean, clean]);
        assert_eq!(failure.request_id.as_deref(), Some("ray [redacted]"));
        assert!(failure.message.contains(clean), "{}", failure.message);
        assert!(!failure.texts().contains(API_TOKEN) && !failure.texts().contains(PARENT_SECRET));
    }
}

#[test]
fn a_secret_is_found_however_json_spells_it() {
    let spelled: String = API_TOKEN.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let failure = failure(403, &[], &format!(r#"{{"success":false,"errors":[{{"code":1,"message":"<{spelled}>"}}]}}"#));
    assert_eq!(failure.errors[0].1.as_deref(), Some("<[redacted]>"));
}

#[test]
fn a_key_and_a_minted_secret_are_cleaned_away_too() {
    let mut server = Server::new();
    let key = "global-key-that-nobody-may-see";
    let body = format!(
        r#"{{"success":false,"errors":[{{"code":1,"message":"{key} minted-secret minted-token"}}],
        "result":{{"accessKeyId":"minted-id","secretAccessKey":"minted-secret","sessionToken":"minted-token"}}}}"#
    );
    let mock = answering(&mut server, 403, &[], &body).expect(1).create();
    let mut options = Options::to(&server.url());
    options.raw.api_token = std::ptr::null();
    options.raw.api_email = options.memory.text("user@example.test");
    options.raw.api_key = options.memory.text(key);
    let failure = options.client().unwrap().create(&Params::valid()).unwrap_err();
    mock.assert();
    assert_eq!(failure.errors[0].1.as_deref(), Some("[redacted] [redacted] [redacted]"));
    assert!(!failure.texts().contains(key) && !failure.texts().contains("minted-"));
}

#[test]
fn a_text_has_at_most_a_kibibyte() {
    // Two bytes a character, shifted by one, so that the limit falls into the middle of one.
    let long = format!("x{}", "ü".repeat(5000));
    // A secret across the limit is not cut in half.
    let across = format!("{}{API_TOKEN}", "y".repeat(1024 - 5));
    for text in [long, across] {
        let body = format!(
            r#"{{"success":false,"errors":[{{"code":1,"message":"{text}","documentation_url":"{text}",
            "source":{{"pointer":"{text}"}}}}],"messages":["{text}"]}}"#
        );
        let failure = failure(400, &[], &body);
        let entry = &failure.errors[0];
        for shown in [&entry.1, &entry.2, &entry.3, &Some(failure.messages[0].clone())] {
            let shown = shown.as_deref().unwrap();
            assert!(shown.len() <= 1024 && shown.len() >= 1014, "{}", shown.len());
            assert!(text.starts_with(shown.trim_end_matches("[redacted]")));
        }
        assert!(failure.message.len() <= 1024);
        assert!(!failure.texts().contains(&API_TOKEN[..5]));
    }
    let ray = "r".repeat(5000);
    let failure = failure(400, &[("cf-ray", &ray)], "");
    assert_eq!(failure.request_id.map(|id| id.len()), Some(1024));
}

#[test]
fn thousands_of_errors_do_no_harm() {
    let entries = vec![r#"{"code":1,"message":"again"}"#; 20_000].join(",");
    let chain = format!("{}{}", r#"{"code":2,"error_chain":["#.repeat(5000), "]}".repeat(5000));
    for errors in [entries, chain] {
        let failure = failure(400, &[], &format!(r#"{{"success":false,"errors":[{errors}]}}"#));
        assert!(!failure.errors.is_empty() && failure.errors.len() <= 64, "{}", failure.errors.len());
    }
}

/// Rust's own: one request, whatever is answered, and no authentication.
#[test]
fn a_plain_get_is_one_request_without_authentication() {
    let mut server = Server::new();
    let options = r2creds::ClientOptions { api_token: Some(API_TOKEN), proxy_url: Some(""), ..Default::default() };
    for status in [200, 403, 503] {
        let mock = server
            .mock("GET", "/bucket/?list-type=2&X-Amz-Signature=secret")
            .match_header("authorization", Matcher::Missing)
            .with_status(status)
            .with_header("x-one", "1")
            .with_body("<Error/>")
            .create();
        let url = format!("{}/bucket/?list-type=2&X-Amz-Signature=secret", server.url());
        let reply = r2creds::get(&url, &options).unwrap();
        mock.assert();
        assert_eq!((usize::from(reply.http_status()), reply.body()), (status, &b"<Error/>"[..]));
        assert_eq!((reply.header("x-one").as_deref(), reply.header("x-two")), (Some("1"), None));
        mock.remove();
    }
    for url in ["", "bucket", "http://example.com/?X-Amz-Signature=secret", "ftp://127.0.0.1/", "https://a:b@c/"] {
        let error = r2creds::get(url, &options).unwrap_err();
        assert_eq!((error.field(), error.attempts()), (Some("url"), 0));
        assert!(!format!("{error:?}").contains("secret"));
    }
}
