//! A thousand session tokens, each wrong in one way and otherwise right. Real R2 gives every bad token the same answer.

mod support;

use std::collections::HashSet;

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use r2creds::{Inspection, Params};
use serde_json::{Map, Value, json};
use support::*;

const BAD_TOKEN: (&str, &str) = ("400 InvalidArgument", "X-Amz-Security-Token");

/// Where the emulator refuses what nobody has shown R2 to refuse, the library's `inspect` says no more than that it found
/// this. Its README has each among the open questions.
const FINDINGS: [&str; 5] = ["host-mismatch", "too-long", "empty-paths", "leading-slash", "unknown-claim"];
/// Where it finds nothing at all: how the forgery's name begins, and why.
const NO_FINDINGS: [(&str, &str); 5] = [
    ("sub: ", "inspect is not told whose bucket it should be"),
    ("ends before it begins", "whether R2 compares the two times is an open question"),
    ("actions [\"GetObject\",", "an action twice is an open question, and opens no more"),
    ("header {\"alg\":\"HS256\",\"typ\":\"JWT\",", "header fields that are not documented are an open question"),
    ("paths {\"objectPaths\":[],\"prefixPaths\":[\"aaa", "a path longer than the API takes is an open question"),
];

/// Why `inspect` does not say that R2 refuses a token which the emulator refuses.
fn reason(what: &str, inspection: &Inspection) -> &'static str {
    let found = |code: &&&str| inspection.findings().iter().any(|finding| finding.code() == **code);
    let by_name = || NO_FINDINGS.iter().find(|(start, _)| what.starts_with(start)).map(|(_, why)| *why);
    FINDINGS.iter().find(found).copied().or_else(by_name).unwrap_or_else(|| panic!("{what}: {inspection:?}"))
}

/// One request's worth of forgery: what was done, the token, and the secret that belongs to it.
struct Forgery {
    what: String,
    token: String,
    secret: String,
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A token over any header and claims, signed by any key, with the secret that matches it.
fn forge(what: &str, header: &str, claims: &str, algorithm: hmac::Algorithm, key: &[u8]) -> Forgery {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = hmac::sign(&hmac::Key::new(algorithm, key), message.as_bytes());
    let jwt = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
    Forgery { what: what.to_owned(), token: STANDARD.encode(format!("jwt/{jwt}")), secret: secret_of(&jwt) }
}

fn secret_of(jwt: &str) -> String {
    hex(digest::digest(&digest::SHA256, jwt.as_bytes()).as_ref())
}

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Rightly signed, over other claims.
fn claims_forgery(what: &str, claims: &Map<String, Value>) -> Forgery {
    let claims = Value::Object(claims.clone()).to_string();
    forge(what, HEADER, &claims, hmac::HMAC_SHA256, PARENT_SECRET.as_bytes())
}

fn of_claims(claims: &Map<String, Value>) -> Vec<Forgery> {
    let mut all = Vec::new();
    let mut with = |what: String, change: &dyn Fn(&mut Map<String, Value>)| {
        let mut claims = claims.clone();
        change(&mut claims);
        all.push(claims_forgery(&what, &claims));
    };
    let now = claims["iat"].as_i64().unwrap();
    let others = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("x"),
        json!([]),
        json!(["x"]),
        json!({}),
    ];
    for name in claims.keys() {
        // Without paths it is a good token, for the whole bucket.
        if name != "paths" {
            with(format!("{name} removed"), &|claims| drop(claims.remove(name)));
        }
        with(format!("{name} renamed"), &|claims| {
            let value = claims.remove(name).unwrap();
            claims.insert(name.to_uppercase(), value);
        });
        for other in &others {
            // A bucket of another name is a good token, for that bucket.
            if name != "bucket" || !other.is_string() {
                with(format!("{name}: {other}"), &|claims| drop(claims.insert(name.clone(), other.clone())));
            }
        }
        with(format!("{name} inside a list"), &|claims| {
            claims.insert(name.clone(), json!([claims[name]]));
        });
        if let Some(text) = claims[name].as_str().filter(|_| name != "bucket") {
            for changed in [text.to_uppercase(), format!("{text} "), format!(" {text}"), text[1..].to_owned()] {
                if changed != text {
                    with(format!("{name}: {changed}"), &|claims| drop(claims.insert(name.clone(), json!(changed))));
                }
            }
        }
    }
    for name in ["nbf", "jti", "permission", "ttl", "parentAccessKeyId", "x", ""] {
        for value in [json!(now), json!("x"), json!(null)] {
            with(format!("{name}: {value} added"), &|claims| drop(claims.insert(name.to_owned(), value.clone())));
        }
    }
    for (name, value) in [("iat", now + 3600), ("iat", now + 604_800), ("exp", now), ("exp", now - 1), ("exp", 0)] {
        with(format!("{name}: {value}"), &|claims| drop(claims.insert(name.to_owned(), json!(value))));
    }
    with("ends before it begins, both ahead".to_owned(), &|claims| {
        claims.insert("iat".to_owned(), json!(now + 4));
        claims.insert("exp".to_owned(), json!(now + 3));
    });
    with("longer than a week".to_owned(), &|claims| drop(claims.insert("exp".to_owned(), json!(now + 605_000))));
    with("for ever".to_owned(), &|claims| drop(claims.insert("exp".to_owned(), json!(i64::MAX))));
    with("since ever".to_owned(), &|claims| drop(claims.insert("iat".to_owned(), json!(i64::MIN))));
    with("times as text".to_owned(), &|claims| drop(claims.insert("exp".to_owned(), json!((now + 60).to_string()))));
    for actions in [json!(["GetObject"]), json!([]), json!(null)] {
        with(format!("scope and actions {actions}"), &|claims| {
            drop(claims.insert("actions".to_owned(), actions.clone()))
        });
    }
    for actions in [
        json!([]),
        json!(["getobject"]),
        json!(["s3:GetObject"]),
        json!(["*"]),
        json!("GetObject"),
        json!([1]),
        json!(["GetObject", "GetObject"]),
        json!(["GetObject", "PutObject", "GetObject"]),
    ] {
        with(format!("actions {actions}"), &|claims| {
            claims.remove("scope");
            claims.insert("actions".to_owned(), actions.clone());
        });
    }
    for paths in [
        json!({"prefixPaths": [], "objectPaths": []}),
        json!({"prefixPaths": ["a"]}),
        json!({"objectPaths": ["a"]}),
        json!({"prefixPaths": [""], "objectPaths": []}),
        json!({"prefixPaths": ["/a"], "objectPaths": []}),
        json!({"prefixPaths": [null], "objectPaths": []}),
        json!({"prefixPaths": "a", "objectPaths": []}),
        json!({"prefixPaths": ["a"], "objectPaths": [], "x": []}),
        json!({"prefixPaths": ["a".repeat(1025)], "objectPaths": []}),
    ] {
        with(format!("paths {paths}"), &|claims| drop(claims.insert("paths".to_owned(), paths.clone())));
    }
    for scope in ["object-read", "admin", "ADMIN-READ-WRITE", "object_read_only", "objectReadOnly"] {
        with(format!("scope {scope}"), &|claims| drop(claims.insert("scope".to_owned(), json!(scope))));
    }
    let aud = claims["aud"].as_str().unwrap();
    let port = aud.rsplit_once(':').unwrap().1;
    for aud in [
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}"),
        format!("127.0.0.2:{port}"),
        "localhost".to_owned(),
        "r2.cloudflarestorage.com".to_owned(),
        format!("{ACCOUNT}.eu.r2.cloudflarestorage.com"),
        format!("{ACCOUNT}.fedramp.r2.cloudflarestorage.com"),
        format!("{ACCOUNT}.us.r2.cloudflarestorage.com"),
        format!("x.{ACCOUNT}.r2.cloudflarestorage.com"),
        format!("{BUCKET}.{ACCOUNT}.r2.cloudflarestorage.com"),
    ] {
        with(format!("aud {aud}"), &|claims| drop(claims.insert("aud".to_owned(), json!(aud))));
    }
    with("sub and iss exchanged".to_owned(), &|claims| {
        let (sub, iss) = (claims["sub"].clone(), claims["iss"].clone());
        claims.insert("sub".to_owned(), iss);
        claims.insert("iss".to_owned(), sub);
    });

    let json = Value::Object(claims.clone()).to_string();
    for broken in [
        json[..json.len() - 1].to_owned(),
        format!("{json}x"),
        format!("[{json}]"),
        format!("\u{feff}{json}"),
        json.replace('"', "'"),
        String::new(),
        "null".to_owned(),
    ] {
        let what = format!("claims as {} bytes of JSON", broken.len());
        all.push(forge(&what, HEADER, &broken, hmac::HMAC_SHA256, PARENT_SECRET.as_bytes()));
    }
    all
}

/// Claims that were changed after the signature was made, in ways that would be worth it.
fn of_payload(claims: &Map<String, Value>, jwt: &str) -> Vec<Forgery> {
    let (header, signature) = (jwt.split('.').next().unwrap(), jwt.rsplit('.').next().unwrap());
    let [earlier, later] = [("iat", -1), ("exp", 1)].map(|(name, more)| claims[name].as_i64().unwrap() + more);
    let changes = [
        ("bucket", json!("archive")),
        ("scope", json!("admin-read-write")),
        ("paths", json!({"prefixPaths": ["b"], "objectPaths": []})),
        ("sub", json!("other")),
        ("iss", json!("1".repeat(32))),
        ("aud", json!(format!("{ACCOUNT}.r2.cloudflarestorage.com"))),
        ("iat", json!(earlier)),
        ("exp", json!(later)),
    ];
    let forgery = |what: String, claims: &Map<String, Value>| {
        let jwt = format!("{header}.{}.{signature}", encode(&Value::Object(claims.clone()).to_string()));
        Forgery { what, token: STANDARD.encode(format!("jwt/{jwt}")), secret: secret_of(&jwt) }
    };
    let mut all = Vec::new();
    for (name, value) in changes {
        let mut changed = claims.clone();
        changed.insert(name.to_owned(), value);
        all.push(forgery(format!("{name} changed after signing"), &changed));
        changed.remove(name);
        all.push(forgery(format!("{name} removed after signing"), &changed));
    }
    all
}

fn of_header_and_key(claims: &str) -> Vec<Forgery> {
    let mut all = Vec::new();
    let secret = PARENT_SECRET.as_bytes();
    for header in [
        r#"{"alg":"none","typ":"JWT"}"#,
        r#"{"alg":"None","typ":"JWT"}"#,
        r#"{"alg":"NONE","typ":"JWT"}"#,
        r#"{"alg":"","typ":"JWT"}"#,
        r#"{"alg":null,"typ":"JWT"}"#,
        r#"{"alg":"hs256","typ":"JWT"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"HS256","typ":"jwt"}"#,
        r#"{"alg":"HS256","typ":"JWS"}"#,
        r#"{"alg":"HS256","typ":null}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":"HS256","typ":"JWT","kid":"1"}"#,
        r#"{"alg":"HS256","typ":"JWT","crit":["exp"]}"#,
        r#"{"alg":"HS256","typ":"JWT","x":"y"}"#,
        r#"{"alg":"HS256","typ":"JWT","alg":"none"}"#,
        r#"{"alg":"RS256","typ":"JWT"}"#,
        r#"{"alg":"ES256","typ":"JWT"}"#,
        r#"{"alg":"EdDSA","typ":"JWT"}"#,
        r#"{"alg":"HS384","typ":"JWT"}"#,
        r#"{"alg":"HS512","typ":"JWT"}"#,
        "{}",
        "null",
        "",
    ] {
        all.push(forge(&format!("header {header}"), header, claims, hmac::HMAC_SHA256, secret));
        // Without any signature, as `none` would have it.
        let jwt = format!("{}.{}.", encode(header), encode(claims));
        let token = STANDARD.encode(format!("jwt/{jwt}"));
        all.push(Forgery { what: format!("header {header}, unsigned"), token, secret: secret_of(&jwt) });
    }
    for (header, algorithm) in [
        ("HS384", hmac::HMAC_SHA384),
        ("HS512", hmac::HMAC_SHA512),
        ("HS256", hmac::HMAC_SHA512),
        ("HS256", hmac::HMAC_SHA384),
    ] {
        let text = format!(r#"{{"alg":"{header}","typ":"JWT"}}"#);
        all.push(forge(&format!("{header}, rightly or wrongly so"), &text, claims, algorithm, secret));
    }
    let bytes: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&PARENT_SECRET[2 * at..2 * at + 2], 16).unwrap()).collect();
    let flipped = (0..64).map(|at| {
        let mut key = secret.to_vec();
        key[at] = if key[at] == b'0' { b'1' } else { b'0' };
        key
    });
    let others =
        [bytes, Vec::new(), PARENT_ID.into(), API_TOKEN.into(), [secret, b"\n"].concat(), secret[..63].to_vec()];
    for (at, key) in others.into_iter().chain(flipped).enumerate() {
        all.push(forge(&format!("other key {at}"), HEADER, claims, hmac::HMAC_SHA256, &key));
    }
    all
}

fn of_encoding(token: &str, secret: &str) -> Vec<Forgery> {
    let inner = STANDARD.decode(token).unwrap();
    let jwt = std::str::from_utf8(&inner).unwrap().strip_prefix("jwt/").unwrap().to_owned();
    let mut all = Vec::new();
    let mut add = |what: String, token: String| all.push(Forgery { what, token, secret: secret.to_owned() });

    add("the JWT itself".to_owned(), jwt.clone());
    add("not encoded".to_owned(), format!("jwt/{jwt}"));
    for prefix in ["", "JWT/", "Jwt/", "jwt", "jwt//", "/jwt/", " jwt/", "jwt/jwt/", "jws/"] {
        add(format!("prefix {prefix:?}"), STANDARD.encode(format!("{prefix}{jwt}")));
    }
    for suffix in [" ", "\n", "\0", ".", "=", ".x", "/"] {
        add(format!("suffix {suffix:?}"), STANDARD.encode(format!("jwt/{jwt}{suffix}")));
    }
    add("encoded twice".to_owned(), STANDARD.encode(token));
    add("in hexadecimal".to_owned(), hex(&inner));
    add("in quotes".to_owned(), format!("\"{token}\""));
    add("reversed".to_owned(), token.chars().rev().collect());
    add("upper case".to_owned(), token.to_uppercase());
    add("two tokens".to_owned(), format!("{token},{token}"));
    for (what, padded) in [("jwt/", ""), ("jwt/ and one byte", "x"), ("jwt/ and two bytes", "xy")] {
        // Only where these alphabets differ from standard base64 is it another encoding.
        let text = format!("jwt/{jwt}{padded}");
        add(format!("{what}, unpadded"), STANDARD_NO_PAD.encode(&text) + if text.len() % 3 == 0 { "=" } else { "" });
        add(format!("{what}, URL-safe, one character in it"), URL_SAFE.encode(&text).replacen('Z', "-", 1));
    }
    for at in (1..token.len()).step_by(token.len() / 40) {
        let mut spaced = token.to_owned();
        spaced.insert(at, ' ');
        add(format!("a space at {at}"), spaced);
        let mut other: Vec<u8> = token.bytes().collect();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        add(format!("character {at} changed"), String::from_utf8(other).unwrap());
    }
    // Cut off anywhere, outside and inside of the base64.
    for len in 0..token.len() {
        add(format!("truncated to {len} characters"), token[..len].to_owned());
    }
    for len in (0..jwt.len()).step_by(7) {
        add(format!("JWT truncated to {len}"), STANDARD.encode(format!("jwt/{}", &jwt[..len])));
    }
    // The last character of an unpadded base64url signature has two bits that decode to nothing.
    let last = jwt.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for other in alphabet.chars().filter(|other| *other != last) {
        let jwt = format!("{}{other}", &jwt[..jwt.len() - 1]);
        add(format!("signature ends in {other}"), STANDARD.encode(format!("jwt/{jwt}")));
    }
    all
}

#[test]
fn every_tampered_token_is_refused() {
    let emulator = Emulator::start();
    emulator.put("a", b"content");
    let path = format!("/{BUCKET}/a");
    let good = emulator.sign(&Params { prefixes: Some(&["a"]), ..params() });
    let token = good.token.clone().unwrap();
    let ask = |keys: &Keys| emulator.ask("GET", &path).send(keys);
    assert_eq!(ask(&good).verdict, "200");

    let inner = String::from_utf8(STANDARD.decode(&token).unwrap()).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(inner.split('.').nth(1).unwrap()).unwrap();
    let claims: Map<String, Value> = serde_json::from_slice(&claims).unwrap();
    let json = Value::Object(claims.clone()).to_string();
    // The controls: forged with the right key and nothing changed, these are as good as the library's.
    for header in [HEADER, r#"{"typ":"JWT","alg":"HS256"}"#] {
        let control = forge("", header, &json, hmac::HMAC_SHA256, PARENT_SECRET.as_bytes());
        let keys = Keys { token: Some(control.token), secret: control.secret, ..good.clone() };
        assert_eq!(ask(&keys).verdict, "200", "the control {header}");
    }

    // Of a claim that is there twice the last one counts, for both.
    let twice = format!("{}, \"bucket\":\"other\",\"bucket\":\"{BUCKET}\"}}", &json[..json.len() - 1]);
    let control = forge("", HEADER, &twice, hmac::HMAC_SHA256, PARENT_SECRET.as_bytes());
    let keys = Keys { token: Some(control.token), secret: control.secret, ..good.clone() };
    assert_eq!(ask(&keys).verdict, "200");
    assert_eq!(emulator.ask("GET", "/other/a").send(&keys).verdict, "403 AccessDenied");
    assert_eq!(inspected(&keys, emulator.address("s3")).bucket(), Some(BUCKET));

    // Either list of paths may be empty beside the other.
    for paths in [json!({"prefixPaths": ["a"], "objectPaths": []}), json!({"prefixPaths": [], "objectPaths": ["a"]})] {
        let control = claims_forgery("", &Map::from_iter(claims.clone().into_iter().chain([("paths".into(), paths)])));
        let keys = Keys { token: Some(control.token), secret: control.secret, ..good.clone() };
        assert_eq!(ask(&keys).verdict, "200");
        assert_eq!(emulator.ask("GET", &format!("/{BUCKET}/b")).send(&keys).verdict, "403 AccessDenied");
    }

    let jwt = inner.strip_prefix("jwt/").unwrap();
    let groups =
        [of_claims(&claims), of_payload(&claims, jwt), of_header_and_key(&json), of_encoding(&token, &good.secret)];
    let forgeries: Vec<Forgery> = groups.into_iter().flatten().collect();
    assert!(forgeries.len() >= 1000, "{}", forgeries.len());
    let mut reasons = HashSet::new();
    for Forgery { what, token, secret } in forgeries {
        let keys = Keys { token: Some(token), secret, ..good.clone() };
        let reply = ask(&keys);
        assert_eq!((reply.verdict.as_str(), reply.message.as_str()), BAD_TOKEN, "{what}");
        let inspection = inspected(&keys, emulator.address("s3"));
        if !inspection.is_refused() {
            reasons.insert(reason(&what, &inspection));
        }
    }
    assert_eq!(reasons, FINDINGS.into_iter().chain(NO_FINDINGS.map(|(_, why)| why)).collect());

    // The secret of another token, or part of it: the token is good, so it is the signature that is not.
    let swapped = emulator.sign(&Params { ttl_seconds: Some(60), ..params() }).secret;
    for at in 0..64 {
        let mut secret = good.secret.clone();
        secret.replace_range(at.., &swapped[at..]);
        if secret != good.secret {
            assert_eq!(ask(&Keys { secret, ..good.clone() }).verdict, "403 SignatureDoesNotMatch", "from {at} on");
        }
    }
    assert_eq!(ask(&good).verdict, "200", "still");
}
