//! `r2creds_inspect` and `r2creds_inspection_allows` through the C ABI: every finding, whatever a token may be.

use std::ffi::{CString, c_char};
use std::mem::offset_of;
use std::ptr;
use std::time::Instant;

use aws_lc_rs::{digest, hmac};
use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use r2creds::ffi::*;
use serde_json::{Value, json};
use support::calls::{
    ACCOUNT, Credentials, Failure, FromC, Memory, Outcome, PARENT_ID, PARENT_SECRET, Params, call, init, owned,
};

/// When the tokens here begin.
const BEGIN: i64 = 1_790_000_000;

/// What is passed, by the names of the fields. Freed with the memory.
struct Given {
    raw: r2creds_inspect_params,
    memory: Memory,
}

impl Given {
    fn new(token: impl AsRef<[u8]>) -> Self {
        let mut given = Given { raw: init(), memory: Memory::default() };
        given.raw.session_token = given.memory.text(token);
        given.raw.at = BEGIN + 1;
        given
    }

    /// All that belongs to a credential, and its parent's secret.
    fn of(made: &Credentials) -> Self {
        let mut given = Given::new(&made.session_token);
        given.raw.access_key_id = given.memory.text(&made.access_key_id);
        given.raw.secret_access_key = given.memory.text(&made.secret_access_key);
        given.raw.endpoint = given.memory.text(&made.endpoint);
        given.raw.parent_secret_access_key = given.memory.text(PARENT_SECRET);
        given
    }

    fn inspect(&self) -> Outcome<Inspection> {
        call(|out, err| unsafe { r2creds_inspect(&raw const self.raw, out, err) })
    }

    fn codes(&self) -> Vec<String> {
        self.inspect().unwrap().codes()
    }
}

/// Freed when dropped.
struct Inspection(*mut r2creds_inspection);

impl FromC for Inspection {
    type Raw = r2creds_inspection;
    unsafe fn from_c(raw: *mut r2creds_inspection) -> Self {
        Inspection(raw)
    }
}

impl Drop for Inspection {
    fn drop(&mut self) {
        unsafe { r2creds_inspection_free(self.0) }
    }
}

struct Finding {
    code: String,
    message: String,
    hint: String,
}

impl Inspection {
    fn view(&self) -> &r2creds_inspection {
        unsafe { &*self.0 }
    }

    fn findings(&self) -> Vec<Finding> {
        let view = self.view();
        let finding = |at| unsafe {
            let finding = &**view.findings.add(at);
            assert_eq!(finding.struct_size, size_of::<r2creds_finding>());
            let [code, message, hint] = [finding.code, finding.message, finding.hint].map(|text| owned(text).unwrap());
            Finding { code, message, hint }
        };
        (0..view.findings_len).map(finding).collect()
    }

    fn codes(&self) -> Vec<String> {
        self.findings().into_iter().map(|finding| finding.code).collect()
    }

    fn allows(&self, action: &str, key: Option<&str>) -> i32 {
        let (action, key) = (CString::new(action).unwrap(), key.map(|key| CString::new(key).unwrap()));
        let key = key.as_ref().map_or(ptr::null(), |key| key.as_ptr());
        unsafe { r2creds_inspection_allows(self.0, action.as_ptr(), key) }
    }

    fn text(pointer: *const c_char) -> Option<String> {
        unsafe { owned(pointer) }
    }

    fn list(from: *const *const c_char, len: usize) -> Vec<String> {
        assert_eq!(from.is_null(), len == 0);
        (0..len).map(|at| unsafe { owned(*from.add(at)).unwrap() }).collect()
    }
}

/// A credential with any header and claims, signed by another implementation than the library's.
fn credential(header: &str, claims: &str, key: &[u8]) -> Credentials {
    let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode_to_string(part)).join(".");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
    let jwt = format!("{signed}.{}", URL_SAFE_NO_PAD.encode_to_string(tag.as_ref()));
    let secret = digest::digest(&digest::SHA256, jwt.as_bytes());
    Credentials {
        access_key_id: PARENT_ID.to_owned(),
        secret_access_key: secret.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
        session_token: STANDARD.encode_to_string(format!("jwt/{jwt}")),
        endpoint: format!("https://{ACCOUNT}.r2.cloudflarestorage.com"),
        request_id: None,
        issued_at: BEGIN,
        expires_at: BEGIN + 900,
    }
}

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn good() -> Value {
    json!({
        "bucket": "example-bucket",
        "scope": "object-read-only",
        "paths": {"prefixPaths": ["data/"], "objectPaths": []},
        "sub": ACCOUNT,
        "iss": PARENT_ID,
        "aud": format!("{ACCOUNT}.r2.cloudflarestorage.com"),
        "iat": BEGIN,
        "exp": BEGIN + 900,
    })
}

fn claimed(claims: &Value) -> Credentials {
    credential(HEADER, &claims.to_string(), PARENT_SECRET.as_bytes())
}

/// The codes for good claims with some of them changed; `null` takes one away.
fn codes_with(changes: &Value) -> Vec<String> {
    let mut claims = good();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    Given::of(&claimed(&claims)).codes()
}

#[test]
fn a_good_credential_has_no_findings() {
    let mut params = Params::valid();
    params.prefixes(&["a/", "é/\"quoted\""]).objects(&["one"]).directories(&["data/tbl"]);
    params.raw.issued_at = BEGIN;
    let made = params.sign().unwrap();
    let inspection = Given::of(&made).inspect().unwrap();
    let view = inspection.view();
    assert_eq!(view.struct_size, size_of::<r2creds_inspection>());
    assert_eq!(inspection.codes(), ["open-prefix"]); // the one with the quotes
    assert_eq!((view.is_refused, view.permission), (0, R2CREDS_PERMISSION_OBJECT_READ_WRITE));
    assert_eq!((view.issued_at, view.expires_at), (BEGIN, BEGIN + 900));
    let texts = [view.account_id, view.bucket, view.parent_access_key_id, view.host].map(Inspection::text);
    let host = format!("{ACCOUNT}.r2.cloudflarestorage.com");
    assert_eq!(texts.map(Option::unwrap), [ACCOUNT, "example-bucket", PARENT_ID, &host]);
    assert_eq!(Inspection::list(view.prefixes, view.prefixes_len), ["a/", "é/\"quoted\"", "data/tbl/"]);
    assert_eq!(Inspection::list(view.objects, view.objects_len), ["one", "data/tbl"]);
    assert_eq!(Inspection::list(view.actions, view.actions_len), [""; 0]);

    let plain = Params::valid().sign().unwrap();
    let mut given = Given::of(&plain);
    given.raw.at = 0; // now
    assert_eq!(given.codes(), [""; 0]);
}

#[test]
fn every_finding_comes_about() {
    let refusals: &[(&str, Value)] = &[
        ("claim-missing", json!({"bucket": null})),
        ("claim-missing", json!({"sub": null})),
        ("claim-missing", json!({"iss": null, "aud": null})),
        ("claim-missing", json!({"iat": null})),
        ("claim-missing", json!({"exp": null})),
        ("claim-type", json!({"bucket": 1})),
        ("claim-type", json!({"iat": BEGIN.to_string()})),
        ("claim-type", json!({"exp": 1_790_000_900.5})),
        ("claim-type", json!({"exp": u64::MAX})),
        ("claim-type", json!({"aud": ["a"]})),
        ("claim-type", json!({"scope": ["object-read-only"]})),
        ("claim-type", json!({"scope": null, "actions": "GetObject"})),
        ("claim-type", json!({"scope": null, "actions": [1]})),
        ("claim-type", json!({"paths": []})),
        ("claim-type", json!({"paths": "data/"})),
        ("claim-type", json!({"paths": {"prefixPaths": "data/", "objectPaths": []}})),
        ("claim-type", json!({"paths": {"prefixPaths": [["data/"]], "objectPaths": []}})),
        ("scope-and-actions", json!({"actions": ["GetObject"]})),
        ("no-scope", json!({"scope": null})),
        ("no-scope", json!({"scope": null, "actions": []})),
        ("unknown-scope", json!({"scope": "object-read"})),
        ("unknown-scope", json!({"scope": ""})),
        ("unknown-action", json!({"scope": null, "actions": ["GetObject", "getObject"]})),
        ("unknown-action", json!({"scope": null, "actions": ["HeadBucket"]})),
        ("key-mismatch", json!({"iss": "f".repeat(32)})),
        ("expired", json!({"iat": BEGIN - 900, "exp": BEGIN + 1})),
        ("expired", json!({"iat": -5, "exp": -1})),
        ("not-yet-valid", json!({"iat": BEGIN + 302, "exp": BEGIN + 900})),
    ];
    for (code, changes) in refusals {
        assert_eq!(codes_with(changes), [*code], "{changes}");
    }
    let warnings: &[(&str, Value)] = &[
        ("host-mismatch", json!({"aud": format!("{ACCOUNT}.eu.r2.cloudflarestorage.com")})),
        ("too-long", json!({"exp": BEGIN + 604_801})),
        ("empty-paths", json!({"paths": {"prefixPaths": [], "objectPaths": []}})),
        ("empty-paths", json!({"paths": {}})),
        ("empty-paths", json!({"paths": {"prefixPaths": ["data/"]}})),
        ("empty-paths", json!({"paths": {"prefixPaths": ["data/"], "objectPaths": [""]}})),
        ("leading-slash", json!({"paths": {"prefixPaths": ["/data/"], "objectPaths": []}})),
        ("leading-slash", json!({"paths": {"prefixPaths": [], "objectPaths": ["a", "/b"]}})),
        ("open-prefix", json!({"paths": {"prefixPaths": ["data/", "data"], "objectPaths": []}})),
        ("expires-soon", json!({"iat": BEGIN - 800, "exp": BEGIN + 100})),
        ("unknown-claim", json!({"nbf": BEGIN})),
        ("unknown-claim", json!({"paths": {"prefixPaths": ["data/"], "objectPaths": [], "keys": []}})),
    ];
    for (code, changes) in warnings {
        assert_eq!(codes_with(changes), [*code], "{changes}");
    }
    for unchanged in [json!({}), json!({"iat": BEGIN + 301}), json!({"exp": BEGIN + 604_800}), json!({"paths": null})] {
        assert_eq!(codes_with(&unchanged), [""; 0], "{unchanged}");
    }
    for (header, expected) in [
        (r#"{"alg":"HS512","typ":"JWT"}"#, "header"),
        (r#"{"alg":"none","typ":"JWT"}"#, "header"),
        (r#"{"alg":"HS256"}"#, "header"),
        (r#"{"typ":"JWT","alg":null}"#, "header"),
        ("[]", "not-a-token"),
        ("", "not-a-token"),
    ] {
        let made = credential(header, &good().to_string(), PARENT_SECRET.as_bytes());
        assert_eq!(Given::of(&made).codes(), [expected], "{header}");
    }
}

/// Each finding says whether R2 is known to refuse for it, in one line with a next step and without a secret.
#[test]
fn findings_are_ordered_refuse_or_warn_and_keep_secrets() {
    let claims = json!({
        "scope": "secret-scope\n\u{202e}", "actions": ["GetObject", "no-action"], "bucket": 5,
        "paths": {"prefixPaths": ["/data"], "objectPaths": ["", "/a"], PARENT_SECRET: 1}, "iss": "x", "aud": "y",
        "iat": BEGIN + 1000, "exp": BEGIN, (PARENT_SECRET): PARENT_SECRET, "z".repeat(5000): 1,
    });
    let made = credential(r#"{"alg":"x"}"#, &claims.to_string(), b"another key");
    let mut given = Given::of(&made);
    given.raw.secret_access_key = given.memory.text(PARENT_SECRET);
    let inspection = given.inspect().unwrap();
    assert_eq!(
        inspection.codes(),
        [
            "header",
            "claim-missing",
            "claim-type",
            "scope-and-actions",
            "signature",
            "secret-mismatch",
            "key-mismatch",
            "host-mismatch",
            "expired",
            "not-yet-valid",
            "empty-paths",
            "leading-slash",
            "open-prefix",
            "unknown-claim"
        ]
    );
    assert_eq!(inspection.view().is_refused, 1);
    for finding in inspection.findings() {
        let texts = format!("{} {}", finding.message, finding.hint);
        assert!(!texts.contains(PARENT_SECRET) && !texts.chars().any(char::is_control), "{texts}");
        assert!(finding.message.len() < 300 && finding.hint.ends_with('.'), "{texts}");
    }
    for action in r2creds::ACTIONS {
        assert_eq!(inspection.allows(action, Some("/data/x")), 0);
    }
}

#[test]
fn the_signature_and_the_keys_are_compared() {
    let made = claimed(&good());
    let finding = |change: &dyn Fn(&mut Given)| {
        let mut given = Given::of(&made);
        change(&mut given);
        let mut findings = given.inspect().unwrap().findings();
        assert_eq!(findings.len(), 1);
        findings.remove(0)
    };
    let text = |given: &mut Given, text: &str| given.memory.text(text);

    let other = finding(&|given| given.raw.parent_secret_access_key = text(given, &"0".repeat(64)));
    assert_eq!(other.code, "signature");
    assert!(other.hint.contains("rolled"), "{}", other.hint);
    let token = finding(&|given| given.raw.parent_secret_access_key = text(given, &"t".repeat(40)));
    assert_eq!(token.code, "signature");
    assert!(token.message.contains("40 characters") && token.hint.contains("API token"), "{}", token.message);

    // Wrong programs of the field: keyed with the bytes, or the secret made of something else.
    let bytes: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&PARENT_SECRET[2 * at..2 * at + 2], 16).unwrap()).collect();
    let findings = Given::of(&credential(HEADER, &good().to_string(), &bytes)).inspect().unwrap().findings();
    assert!(findings[0].code == "signature" && findings[0].message.contains("32 bytes"), "{}", findings[0].message);

    let digits = |text: &str| -> String {
        digest::digest(&digest::SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    for (secret, expected) in [
        (PARENT_SECRET.to_owned(), "parent's secret"),
        (digits(&made.session_token), "SHA-256 of the session token"),
        (made.secret_access_key.to_uppercase(), "upper case"),
        ("0".repeat(64), "different credentials"),
        (String::new(), "different credentials"),
    ] {
        let found = finding(&|given| given.raw.secret_access_key = text(given, &secret));
        assert!(found.code == "secret-mismatch" && found.hint.contains(expected), "{expected}: {}", found.hint);
    }
    let found = finding(&|given| given.raw.access_key_id = text(given, "nobody-may-read-this"));
    assert!(found.code == "key-mismatch" && !found.message.contains("nobody"), "{}", found.message);

    // What is NULL is not compared.
    let mut wrong = Given::new(&credential(HEADER, &good().to_string(), b"another key").session_token);
    assert_eq!(wrong.codes(), [""; 0]);
    wrong.raw.parent_secret_access_key = wrong.memory.text(PARENT_SECRET);
    assert_eq!(wrong.codes(), ["signature"]);
    // A signature that nobody can have made needs no secret to be found out.
    let whole = STANDARD.decode_to_vec(&made.session_token).unwrap();
    let cut = STANDARD.encode_to_string(&whole[..whole.len() - 10]);
    assert_eq!(Given::new(cut).codes(), ["signature"]);
}

#[test]
fn the_endpoints_host_is_compared() {
    let made = claimed(&good());
    let codes = |endpoint: &str| {
        let mut given = Given::of(&made);
        given.raw.endpoint = given.memory.text(endpoint);
        given.codes()
    };
    let host = format!("{ACCOUNT}.r2.cloudflarestorage.com");
    for same in
        ["https://{}", "https://{}/", "https://{}:443/example-bucket?x", "HTTPS://example-bucket.{}", "http://{}"]
    {
        assert_eq!(codes(&same.replace("{}", &host)), [""; 0], "{same}");
    }
    for other in ["https://{}:8443", "https://other-bucket.{}", "https://x{}", "http://localhost:9000"] {
        assert_eq!(codes(&other.replace("{}", &host)), ["host-mismatch"], "{other}");
    }
}

#[test]
fn what_is_no_token_says_at_which_step() {
    let jwt = |text: &str| STANDARD.encode_to_string(text);
    let deep = format!("{{\"bucket\":{}", "[".repeat(100_000));
    let part = |text: &str| URL_SAFE_NO_PAD.encode_to_string(text);
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        (b"".to_vec(), "empty", "three strings"),
        (b"*".to_vec(), "base64", "padded"),
        (b"\xff\xfe".to_vec(), "base64", "padded"),
        ("é".repeat(1000).into_bytes(), "base64", ""),
        (vec![b'A'; 1 << 20], "jwt/", ""),
        (vec![b'*'; 1 << 20], "base64", ""),
        (claimed(&good()).session_token.trim_end_matches('=').replace('J', "J\n").into_bytes(), "base64", "line break"),
        (part(HEADER).into_bytes(), "base64", ""),
        (format!("{}.e30.x", part(HEADER)).into_bytes(), "base64", "bare JWT"),
        (jwt("a.b.c").into_bytes(), "jwt/", ""),
        (jwt("jwt/").into_bytes(), "three parts", ""),
        (jwt("jwt/a.b").into_bytes(), "three parts", ""),
        (jwt("jwt/a.b.c.d").into_bytes(), "three parts", ""),
        (jwt("jwt/*.e30.c").into_bytes(), "header is not base64", ""),
        (jwt(&format!("jwt/{}.e30.c", part("[1]"))).into_bytes(), "header is not a JSON object", ""),
        (jwt(&format!("jwt/{}.*.c", part(HEADER))).into_bytes(), "claims are not base64", ""),
        (jwt(&format!("jwt/{}..c", part(HEADER))).into_bytes(), "claims are not a JSON object", ""),
        (jwt(&format!("jwt/{}.{}.c", part(HEADER), part("{}x"))).into_bytes(), "claims are not a JSON object", ""),
        (jwt(&format!("jwt/{}.{}.c", part(HEADER), part(&deep))).into_bytes(), "claims are not a JSON object", ""),
        (jwt(&format!("jwt/{}./w.c", part(HEADER))).into_bytes(), "claims are not base64", ""),
    ];
    for (token, step, hint) in cases {
        let inspection = Given::new(&token).inspect().unwrap();
        let [found] = &inspection.findings()[..] else { panic!("{step}") };
        assert_eq!((found.code.as_str(), inspection.view().is_refused), ("not-a-token", 1));
        assert!(found.message.contains(step) && found.hint.contains(hint), "{step}: {} {}", found.message, found.hint);
        assert_eq!(inspection.allows("GetObject", Some("a")), 0);
        assert!(inspection.view().bucket.is_null() && inspection.view().expires_at == 0);
    }
}

#[test]
fn odd_claims_are_read_as_any_parser_reads_them() {
    let codes = |claims: &str| Given::of(&credential(HEADER, claims, PARENT_SECRET.as_bytes())).codes();
    let good = good().to_string();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from));
        good.replace(from, to)
    };
    let exp = format!("\"exp\":{}", BEGIN + 900);
    for number in ["1e400", "-1e400", "1790000900.0", "1.79e9", "-0", "99999999999999999999", "\"1790000900\"", "null"]
    {
        assert_eq!(codes(&with(&exp, &format!("\"exp\":{number}"))), ["claim-type"], "{number}");
    }
    // The last one counts, and it is said.
    let twice = with("\"bucket\":\"example-bucket\"", "\"bucket\":1,\"bucket\":\"second\"");
    let inspection = Given::of(&credential(HEADER, &twice, PARENT_SECRET.as_bytes())).inspect().unwrap();
    assert_eq!(
        (inspection.codes(), Inspection::text(inspection.view().bucket)),
        (vec!["unknown-claim".into()], Some("second".into()))
    );
    assert!(
        inspection.findings()[0].message.contains("more than once")
            && inspection.findings()[0].message.contains("bucket")
    );
    assert_eq!(
        codes(&with("\"bucket\":\"example-bucket\"", "\"bucket\":\"a\",\"bucket\":1")),
        ["claim-type", "unknown-claim"]
    );
    // Escapes are no other name, and a lone surrogate is no text.
    assert_eq!(codes(&with("\"bucket\"", "\"\\u0062ucket\"")), [""; 0]);
    assert_eq!(codes(&with("example-bucket", "\\ud800")), ["claim-type"]);
    let deep = format!("{{\"x\":{}1{},{}", "[".repeat(100_000), "]".repeat(100_000), &good[1..]);
    assert_eq!(codes(&deep), ["unknown-claim"]);
    let many = format!("{{{}{}", (0..50_000).map(|at| format!("\"k{at}\":0,")).collect::<String>(), &good[1..]);
    let inspection = Given::of(&credential(HEADER, &many, PARENT_SECRET.as_bytes())).inspect().unwrap();
    assert!(inspection.findings()[0].message.contains("and 49996 more"), "{}", inspection.findings()[0].message);
}

#[test]
fn allows_is_the_grant_and_nothing_else() {
    let inspection = |changes: Value| {
        let mut claims = good();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        if claims["scope"].is_null() {
            claims.as_object_mut().unwrap().remove("scope");
        }
        if claims["paths"].is_null() {
            claims.as_object_mut().unwrap().remove("paths");
        }
        Given::new(&claimed(&claims).session_token).inspect().unwrap()
    };
    let paths = json!({"prefixPaths": ["data/", "tbl/"], "objectPaths": ["tbl", "one"]});
    let limited = inspection(json!({"paths": paths, "scope": "object-read-write"}));
    for action in r2creds::ACTIONS {
        let is_listing = action.starts_with("ListObjects") || action == "ListMultipartUploads";
        let of_key = !is_listing && action != "GetBucketLocation";
        for (key, expected) in [
            (Some("data/x"), action != "GetBucketLocation"),
            (Some("tbl/"), action != "GetBucketLocation"),
            (Some("tbl"), of_key),
            (Some("one"), of_key),
            (Some("one/x"), false),
            (Some("tbl2"), false),
            (Some("data"), false),
            (Some(""), false),
        ] {
            assert_eq!(limited.allows(action, key), i32::from(expected), "{action} {key:?}");
        }
        assert_eq!(limited.allows(action, None), if of_key { -1 } else { 0 }, "{action}");
    }

    let whole = inspection(json!({"paths": null}));
    for action in r2creds::ACTIONS {
        let is_read = r2creds::ACTIONS.iter().position(|known| *known == action) < Some(7);
        assert_eq!(whole.allows(action, Some("any")), i32::from(is_read), "{action}");
    }
    assert_eq!(whole.allows("ListObjectsV2", None), 1);

    let actions = inspection(json!({"scope": null, "actions": ["PutObject", "strange"], "paths": null}));
    assert_eq!(actions.view().permission, R2CREDS_PERMISSION_UNSET);
    assert_eq!(Inspection::list(actions.view().actions, actions.view().actions_len), ["PutObject", "strange"]);
    assert_eq!((actions.allows("PutObject", Some("a")), actions.allows("GetObject", Some("a"))), (1, 0));
    // Paths that cannot be read are not the whole bucket, and neither are empty ones.
    for paths in [json!("data/"), json!({}), json!({"prefixPaths": [], "objectPaths": []}), json!({"prefixPaths": 1})] {
        assert_eq!(inspection(json!({"paths": paths})).allows("GetObject", Some("data/x")), 0, "{paths}");
    }
    // Not the clock.
    assert_eq!(inspection(json!({"exp": 1})).allows("GetObject", Some("data/x")), 1);

    for unknown in ["", "getObject", "HeadBucket", "strange", "*"] {
        assert_eq!(actions.allows(unknown, Some("a")), -1, "{unknown}");
    }
    let action = c"GetObject".as_ptr();
    unsafe {
        assert_eq!(r2creds_inspection_allows(ptr::null(), action, action), -1);
        assert_eq!(r2creds_inspection_allows(whole.0, ptr::null(), action), -1);
        assert_eq!(r2creds_inspection_allows(whole.0, action, c"\xff".as_ptr()), -1);
        assert_eq!(r2creds_inspection_allows(whole.0, c"\xff".as_ptr(), action), -1);
        r2creds_inspection_free(ptr::null_mut());
    }
}

#[test]
fn other_arguments_are_errors() {
    let fails = |field: &str, says: &str, change: &dyn Fn(&mut Given)| {
        let mut given = Given::of(&claimed(&good()));
        change(&mut given);
        let failure: Box<Failure> = given.inspect().err().unwrap();
        assert_eq!((failure.status, failure.field.as_deref()), (R2CREDS_STATUS_INVALID_ARGUMENT, Some(field)));
        assert!(failure.message.contains(says) && failure.attempts == 0, "{}", failure.message);
    };
    fails("session_token", "NULL, expected", &|given| given.raw.session_token = ptr::null());
    fails("access_key_id", "not UTF-8", &|given| given.raw.access_key_id = c"\xff".as_ptr());
    fails("secret_access_key", "not UTF-8", &|given| given.raw.secret_access_key = c"\xff".as_ptr());
    fails("parent_secret_access_key", "not UTF-8", &|given| given.raw.parent_secret_access_key = c"\xff".as_ptr());
    fails("endpoint", "no scheme, expected", &|given| given.raw.endpoint = c"host".as_ptr());
    fails("endpoint", "empty, expected", &|given| given.raw.endpoint = c"".as_ptr());
    fails("at", "negative, expected", &|given| given.raw.at = -1);
    fails("struct_size", "too small", &|given| given.raw.struct_size = offset_of!(r2creds_inspect_params, at));
    let nothing = call::<Inspection>(|out, err| unsafe { r2creds_inspect(ptr::null(), out, err) }).err().unwrap();
    assert_eq!(nothing.field.as_deref(), Some("params"));
    unsafe {
        assert_eq!(r2creds_inspect(ptr::null(), ptr::null_mut(), ptr::null_mut()), R2CREDS_STATUS_INVALID_ARGUMENT)
    };
}

/// Time grows with the token's length and no faster: a mebibyte costs at most some times what its share would.
#[test]
fn a_long_token_takes_its_share_of_time() {
    let time = |count: usize| {
        let prefixes: Vec<String> = (0..count).map(|at| format!("{at:030}/")).collect();
        let mut claims = good();
        claims["paths"]["prefixPaths"] = json!(prefixes);
        let given = Given::of(&claimed(&claims));
        let fastest = (0..5).map(|_| {
            let start = Instant::now();
            assert_eq!(given.codes(), [""; 0]);
            start.elapsed()
        });
        fastest.min().unwrap()
    };
    let (short, long) = (time(500), time(16_000));
    assert!(long < short * 32 * 8, "{long:?} for 32 times {short:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What was granted is what is read, whatever the paths are.
    #[test]
    fn what_sign_writes_inspect_reads(
        prefixes in prop::collection::vec("[^\0]{1,20}", 0..4),
        objects in prop::collection::vec("[^\0]{1,20}", 0..4),
        directories in prop::collection::vec("[^\0]{0,20}[^\0/]", 0..4),
        permission in 0..=4_i32,
        actions in prop::sample::subsequence(r2creds::ACTIONS.to_vec(), 1..=16),
        issued_at in 1..10_000_000_000_i64,
        ttl in 1..=604_800_u32,
    ) {
        let mut params = Params::valid();
        if !prefixes.is_empty() {
            params.prefixes(&prefixes);
        }
        if !objects.is_empty() {
            params.objects(&objects);
        }
        if !directories.is_empty() {
            params.directories(&directories);
        }
        params.raw.permission = permission;
        if permission == 0 {
            params.actions(&actions);
        }
        (params.raw.issued_at, params.raw.ttl_seconds) = (issued_at, ttl);
        let made = params.sign().unwrap();
        let mut given = Given::of(&made);
        given.raw.at = issued_at;
        let inspection = given.inspect().unwrap();
        let view = inspection.view();
        prop_assert_eq!(view.is_refused, 0);
        let below = directories.iter().map(|directory| format!("{directory}/"));
        let expected: Vec<String> = prefixes.iter().cloned().chain(below).collect();
        prop_assert_eq!(Inspection::list(view.prefixes, view.prefixes_len), expected);
        let expected: Vec<String> = objects.iter().chain(&directories).cloned().collect();
        prop_assert_eq!(Inspection::list(view.objects, view.objects_len), expected);
        prop_assert_eq!(view.permission, permission);
        let expected = if permission == 0 { actions } else { Vec::new() };
        prop_assert_eq!(Inspection::list(view.actions, view.actions_len), expected);
        prop_assert_eq!((view.issued_at, view.expires_at), (issued_at, issued_at + i64::from(ttl)));
    }

    /// Any text, and any token with a byte changed: never a panic.
    #[test]
    fn any_text_is_inspected(text in "[^\0]{0,200}", at in any::<prop::sample::Index>(), byte in 1..=255_u8) {
        prop_assert_eq!(Given::new(&text).inspect().unwrap().view().is_refused, 1);
        let made = claimed(&good());
        let mut token = made.session_token.into_bytes();
        let at = at.index(token.len());
        let was = std::mem::replace(&mut token[at], byte);
        let mut given = Given::new(&token);
        given.raw.parent_secret_access_key = given.memory.text(PARENT_SECRET);
        prop_assert_eq!(given.inspect().unwrap().view().is_refused, i32::from(was != byte));
    }
}
