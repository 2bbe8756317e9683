//! Local signing through the C ABI, against vectors that were made with an independent implementation.

use r2creds::ffi::*;
use serde_json::Value;
use support::calls::Params;

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|entry| entry.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_vector_comes_out_byte_for_byte() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("sign-vectors.json")).unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let (given, expected) = (&vector["params"], &vector["expected"]);
        let mut params = Params::empty();
        let mut text = |field: &str| params.memory.text(given[field].as_str().unwrap());
        params.raw.account_id = text("account_id");
        params.raw.bucket = text("bucket");
        params.raw.parent_access_key_id = text("parent_access_key_id");
        params.raw.parent_secret_access_key = text("parent_secret_access_key");
        if given["endpoint"].is_string() {
            params.raw.endpoint = text("endpoint");
        }
        params.raw.permission = match given["permission"].as_str() {
            None => R2CREDS_PERMISSION_UNSET,
            Some("object-read-only") => R2CREDS_PERMISSION_OBJECT_READ_ONLY,
            Some("object-read-write") => R2CREDS_PERMISSION_OBJECT_READ_WRITE,
            Some("admin-read-only") => R2CREDS_PERMISSION_ADMIN_READ_ONLY,
            Some("admin-read-write") => R2CREDS_PERMISSION_ADMIN_READ_WRITE,
            Some(other) => panic!("{name}: {other}"),
        };
        params.raw.jurisdiction = match given["jurisdiction"].as_str().unwrap() {
            "default" => R2CREDS_JURISDICTION_DEFAULT,
            "eu" => R2CREDS_JURISDICTION_EU,
            "fedramp" => R2CREDS_JURISDICTION_FEDRAMP,
            other => panic!("{name}: {other}"),
        };
        params.raw.ttl_seconds = u32::try_from(given["ttl_seconds"].as_u64().unwrap()).unwrap();
        params.raw.issued_at = given["issued_at"].as_i64().unwrap();
        // An empty list of a vector is none.
        let list = |name: &str| Some(strings(&given[name])).filter(|entries| !entries.is_empty());
        if let Some(actions) = list("actions") {
            params.actions(&actions);
        }
        if let Some(prefixes) = list("prefixes") {
            params.prefixes(&prefixes);
        }
        if let Some(objects) = list("objects") {
            params.objects(&objects);
        }

        let made = params.sign().unwrap_or_else(|failure| panic!("{name}: {failure:?}"));
        assert_eq!(made.session_token, expected["session_token"].as_str().unwrap(), "{name}");
        assert_eq!(made.secret_access_key, expected["secret_access_key"].as_str().unwrap(), "{name}");
        assert_eq!(made.access_key_id, expected["access_key_id"].as_str().unwrap(), "{name}");
        assert_eq!(made.endpoint, expected["endpoint"].as_str().unwrap(), "{name}");
        assert_eq!(made.expires_at, expected["expires_at"].as_i64().unwrap(), "{name}");
        assert_eq!(made.issued_at, given["issued_at"].as_i64().unwrap(), "{name}");
        assert_eq!(made.request_id, None, "{name}");
    }
}

/// The claims inside a session token, as R2 reads them.
fn claims(session_token: &str) -> Value {
    let token = base64_simd::STANDARD.decode_to_vec(session_token).unwrap();
    let payload = token.split(|byte| *byte == b'.').nth(1).unwrap();
    serde_json::from_slice(&base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap()).unwrap()
}

/// Lists are encoded in pieces; wherever a piece ends, and whatever needs an escape, nothing may be lost or added.
#[test]
fn lists_of_any_length_arrive_whole() {
    for length in [1, 2, 3, 63, 64, 65, 127, 1000, 5000] {
        for width in [1, 2, 3, 40, 1000] {
            let prefixes: Vec<String> = (0..length).map(|at| format!("{at:0width$}")).map(cut).collect();
            let objects: Vec<String> = (0..length.min(900))
                .map(|at| if at % 97 == 5 { format!("\"\\\n\u{1}é{at:0width$}") } else { format!("é/{at:0width$}") })
                .map(cut)
                .collect();
            let mut params = Params::valid();
            params.prefixes(&prefixes).objects(&objects);
            let made = params.sign().unwrap();
            let expected = serde_json::json!({ "prefixPaths": prefixes, "objectPaths": objects });
            let claims = claims(&made.session_token);
            assert!(claims["paths"] == expected, "{length} entries of {width}");
            assert_eq!(claims["exp"], made.expires_at);
        }
    }
}

/// Everything below a directory and its bare name, behind the caller's own paths and in order.
#[test]
fn directories_are_a_prefix_and_an_object() {
    let directories = ["data/tbl", "z", "data/\"quoted\"\\", "é/ü", "a"];
    let many: Vec<String> = (0..1000).map(|at| format!("{at:030}")).collect();
    for given in [directories.map(str::to_owned).to_vec(), many] {
        for (prefixes, objects) in
            [(vec![], vec![]), (vec!["p/"], vec![]), (vec![], vec!["o"]), (vec!["p/"], vec!["o"])]
        {
            let mut params = Params::valid();
            params.directories(&given);
            if !prefixes.is_empty() {
                params.prefixes(&prefixes);
            }
            if !objects.is_empty() {
                params.objects(&objects);
            }
            let own = |list: &[&str]| list.iter().map(|&path| path.to_owned()).collect::<Vec<String>>();
            let below = given.iter().map(|directory| format!("{directory}/"));
            let expected = serde_json::json!({
                "prefixPaths": own(&prefixes).into_iter().chain(below).collect::<Vec<String>>(),
                "objectPaths": own(&objects).into_iter().chain(given.clone()).collect::<Vec<String>>(),
            });
            assert_eq!(claims(&params.sign().unwrap().session_token)["paths"], expected);
        }
    }
}

/// A key has at most 1024 bytes.
fn cut(mut key: String) -> String {
    key.truncate(1000);
    key
}
