//! The API: what it makes, and Cloudflare's own errors for what it does not.

mod support;

use r2creds::{Params, Permission, Status};
use serde_json::{Value, json};
use support::*;

/// Every kind of token, the older pair, and one bucket.
fn config() -> Value {
    let token = |kind: &str| json!({"id": format!("id-of-{kind}"), "value": format!("{kind}-token"), "kind": kind});
    json!({"accounts": [
        {
            "id": ACCOUNT,
            "api_tokens": [token("account"), token("user"), token("object"), token("oauth")],
            "api_keys": [{"email": "someone@example.com", "key": "example-key"}],
            "parents": [{"access_key_id": PARENT_ID, "secret_access_key": PARENT_SECRET}],
            "buckets": [{"name": BUCKET}]
        },
        {"id": "other", "api_tokens": [{"id": "id-of-other", "value": "other-token"}]}
    ]})
}

struct Reply {
    status: u16,
    headers: ureq::http::HeaderMap,
    body: Value,
}

impl Reply {
    /// Status and Cloudflare's code; 0 where there is no error.
    fn verdict(&self) -> (u16, i64) {
        (self.status, self.body["errors"][0]["code"].as_i64().unwrap_or_default())
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

fn call(emulator: &Emulator, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let url = format!("{}{path}", emulator.address("api"));
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let reply = if method == "POST" {
        emulator.http.run(request.body(body).unwrap())
    } else {
        emulator.http.run(request.body(()).unwrap())
    };
    let mut reply = reply.unwrap();
    let body = serde_json::from_slice(&reply.body_mut().read_to_vec().unwrap()).expect("every reply is JSON");
    let reply = Reply { status: reply.status().as_u16(), headers: reply.headers().clone(), body };
    assert_eq!(reply.body["success"], reply.status == 200);
    assert_eq!(reply.header("content-type"), "application/json");
    assert!(!reply.header("cf-ray").is_empty());
    reply
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn create_path() -> String {
    format!("/accounts/{ACCOUNT}/r2/temp-access-credentials")
}

fn body() -> Value {
    json!({"bucket": BUCKET, "parentAccessKeyId": PARENT_ID, "permission": "object-read-only", "ttlSeconds": 900})
}

#[test]
fn the_library_gets_a_credential_or_the_documented_error() {
    let emulator = Emulator::start();
    let before = unix_now();
    let created = emulator.create(&Params { permission: Some(Permission::AdminReadOnly), ..params() }).unwrap();
    assert_eq!(created.access_key_id(), PARENT_ID);
    assert!((before + 900..=unix_now() + 900).contains(&created.expires_at()), "{}", created.expires_at() - before);
    assert!(created.request_id().unwrap().ends_with("-EMU"));

    let status = |params: Params<'_>| {
        let error = emulator.create(&params).unwrap_err();
        (error.status(), error.http_status(), error.errors().first().map(|error| error.code))
    };
    assert_eq!(status(Params { bucket: "missing", ..params() }), (Status::NotFound, Some(404), Some(10006)));
    let unknown = Params { parent_access_key_id: "ffffffffffffffffffffffffffffffff", ..params() };
    assert_eq!(status(unknown), (Status::Authentication, Some(401), Some(10002)));
    let error = emulator.create(&unknown).unwrap_err();
    assert!(error.hint().unwrap().contains("parent access key id"), "{:?}", error.hint());
    assert_eq!(status(Params { account_id: "other", ..params() }), (Status::PermissionDenied, Some(403), Some(10000)));
}

#[test]
fn who_may_create() {
    let emulator = Emulator::with(&config());
    let create =
        |headers: &[(&str, &str)]| call(&emulator, "POST", &create_path(), headers, &body().to_string()).verdict();
    for (token, verdict) in [
        ("account-token", (200, 0)),
        ("user-token", (200, 0)),
        ("object-token", (403, 10000)),
        ("oauth-token", (403, 9109)),
        ("other-token", (403, 10000)),
        ("unknown-token", (401, 10000)),
        ("", (401, 10000)),
    ] {
        assert_eq!(create(&[("authorization", &bearer(token))]), verdict, "{token}");
    }
    assert_eq!(create(&[]), (401, 10000));
    assert_eq!(create(&[("authorization", "account-token")]), (401, 10000));
    assert_eq!(create(&[("authorization", "Basic account-token")]), (401, 10000));
    assert_eq!(create(&[("x-auth-email", "someone@example.com"), ("x-auth-key", "example-key")]), (200, 0));
    assert_eq!(create(&[("x-auth-email", "someone@example.com"), ("x-auth-key", "other")]), (401, 10000));
    assert_eq!(create(&[("x-auth-email", "someone@example.com")]), (401, 10000));
}

#[test]
fn what_may_be_asked_for() {
    let emulator = Emulator::with(&config());
    let token = bearer("account-token");
    let create = |body: &str| call(&emulator, "POST", &create_path(), &[("authorization", &token)], body).verdict();
    let changed = |name: &str, value: Value| {
        let mut body = body();
        body[name] = value;
        create(&body.to_string())
    };
    let without = |name: &str| {
        let mut body = body();
        body.as_object_mut().unwrap().remove(name);
        create(&body.to_string())
    };
    const MALFORMED: (u16, i64) = (400, 10040);
    assert_eq!(create(&body().to_string()), (200, 0));
    assert_eq!(without("ttlSeconds"), (200, 0));
    for name in ["bucket", "parentAccessKeyId", "permission"] {
        assert_eq!(without(name), MALFORMED, "{name}");
    }
    for value in [json!(null), json!(1), json!(["x"]), json!({})] {
        for name in ["bucket", "parentAccessKeyId", "permission"] {
            assert_eq!(changed(name, value.clone()), MALFORMED, "{name}: {value}");
        }
    }
    for ttl in [json!(0), json!(-1), json!(604_801), json!("900"), json!(1.5)] {
        assert_eq!(changed("ttlSeconds", ttl.clone()), MALFORMED, "{ttl}");
    }
    assert_eq!((changed("ttlSeconds", json!(1)), changed("ttlSeconds", json!(604_800))), ((200, 0), (200, 0)));
    assert_eq!(changed("permission", json!("object-write-only")), MALFORMED);
    for name in ["objects", "prefixes"] {
        assert_eq!(changed(name, json!(["a", "b/"])), (200, 0), "{name}");
        for value in [json!("a"), json!([1]), json!([""]), json!(["/a"]), json!(["a".repeat(1025)])] {
            assert_eq!(changed(name, value.clone()), MALFORMED, "{name}: {value}");
        }
    }
    for ttl in [json!(null), json!([])] {
        assert_eq!(changed("ttlSeconds", ttl.clone()), MALFORMED, "{ttl}");
    }
    assert_eq!(changed("actions", json!(["GetObject"])), MALFORMED, "the API has none yet");
    for text in ["", "{", "[]", "null", "\"x\"", &format!("{}x", body())] {
        assert_eq!(create(text), MALFORMED, "{text}");
    }
    for bucket in ["ab", "Recordings", "-recordings", "rec ordings", "", &"a".repeat(64)] {
        assert_eq!(changed("bucket", json!(bucket)), (400, 10005), "{bucket}");
    }
    assert_eq!(changed("bucket", json!("missing")), (404, 10006));
    assert_eq!(changed("parentAccessKeyId", json!("f".repeat(32))), (401, 10002));
}

#[test]
fn an_empty_list_opens_nothing() {
    let emulator = Emulator::start();
    emulator.put("in/a", b"inside");
    emulator.put("out", b"outside");
    let token = bearer(API_TOKEN);
    let create = |prefixes: Option<Value>, objects: Option<Value>| {
        let mut body = body();
        for (name, list) in [("prefixes", prefixes), ("objects", objects)] {
            if let Some(list) = list {
                body[name] = list;
            }
        }
        call(&emulator, "POST", &create_path(), &[("authorization", &token)], &body.to_string())
    };
    let none = || Some(json!([]));
    for (prefixes, objects) in [(none(), None), (None, none()), (none(), none()), (Some(json!(null)), None)] {
        assert_eq!(create(prefixes.clone(), objects.clone()).verdict(), (400, 10040), "{prefixes:?} {objects:?}");
    }
    for (prefixes, objects) in [(Some(json!(["in/"])), none()), (none(), Some(json!(["in/a"])))] {
        let reply = create(prefixes, objects);
        let text = |name: &str| reply.body["result"][name].as_str().unwrap().to_owned();
        let keys = Keys { id: text("accessKeyId"), secret: text("secretAccessKey"), token: Some(text("sessionToken")) };
        assert_eq!(emulator.ask("GET", &format!("/{BUCKET}/in/a")).send(&keys).verdict, "200");
        assert_eq!(emulator.ask("GET", &format!("/{BUCKET}/out")).send(&keys).verdict, "403 AccessDenied");
    }
}

#[test]
fn routes_and_verification() {
    let emulator = Emulator::with(&config());
    let get = |path: &str, token: &str| call(&emulator, "GET", path, &[("authorization", &bearer(token))], "");
    let verify = format!("/accounts/{ACCOUNT}/tokens/verify");
    for (path, token) in [(verify.as_str(), "account-token"), ("/user/tokens/verify", "user-token")] {
        let reply = get(path, token);
        assert_eq!(reply.verdict(), (200, 0));
        let kind = token.trim_end_matches("-token");
        assert_eq!(reply.body["result"], json!({"id": format!("id-of-{kind}"), "status": "active"}));
        assert_eq!(reply.body["messages"][0]["code"], 10000);
        assert_eq!(reply.body["messages"][0]["message"], "This API Token is valid and active");
    }
    for (path, token, verdict) in [
        (verify.as_str(), "user-token", (401, 10000)),
        ("/user/tokens/verify", "account-token", (401, 10000)),
        ("/user/tokens/verify", "unknown", (401, 10000)),
        ("/accounts/other/tokens/verify", "account-token", (403, 10000)),
        ("/accounts/other/tokens/verify", "other-token", (200, 0)),
        (&create_path(), "account-token", (404, 10015)),
        ("/accounts", "account-token", (404, 10015)),
        ("/accounts//r2/temp-access-credentials", "account-token", (404, 10015)),
        ("/../v4/user/tokens/verify", "user-token", (404, 10015)),
        ("", "account-token", (404, 10015)),
    ] {
        assert_eq!(get(path, token).verdict(), verdict, "{path} {token}");
    }
    let delete = |account: &str, id: &str| {
        let path = format!("/accounts/{account}/tokens/{id}");
        call(&emulator, "DELETE", &path, &[("authorization", &bearer("account-token"))], "").verdict()
    };
    assert_eq!(delete("other", PARENT_ID).0, 403);
    assert_eq!(delete(ACCOUNT, "unknown").0, 404);
    assert_eq!(delete(ACCOUNT, PARENT_ID), (200, 0));
}

#[test]
fn the_budget_is_counted_told_and_enforced() {
    let mut config = config();
    config["rate_limit"] = json!({"requests": 3, "seconds": 100});
    let emulator = Emulator::with(&config);
    let verify = format!("/accounts/{ACCOUNT}/tokens/verify");
    let get = |token: &str| call(&emulator, "GET", &verify, &[("authorization", &bearer(token))], "");
    for left in [2, 1, 0] {
        let reply = get("account-token");
        assert_eq!(reply.verdict(), (200, 0));
        assert!(reply.header("ratelimit").starts_with(&format!("\"default\";r={left};t=")), "{left}");
        assert_eq!(reply.header("ratelimit-policy"), "\"default\";q=3;w=100");
        assert_eq!(reply.header("retry-after"), "");
    }
    let blocked = get("account-token");
    assert_eq!(blocked.status, 429);
    let wait: u64 = blocked.header("retry-after").parse().unwrap();
    assert!((1..=100).contains(&wait), "{wait}");
    assert_eq!(get("other-token").verdict(), (403, 10000), "each token has its own");
    assert_eq!(get("unknown").header("ratelimit"), "", "nobody's budget");

    // The documented one, where the configuration says nothing.
    let emulator = Emulator::start();
    let reply = call(&emulator, "GET", &verify, &[("authorization", &bearer(API_TOKEN))], "");
    assert_eq!(reply.header("ratelimit-policy"), "\"default\";q=1200;w=300");
}
