//! Session tokens: made for `create`, and checked for S3. On purpose this shares nothing with the library.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, crypto};
use s3s::crypto::{Checksum, Sha256};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::grant::{Grant, Paths, Permission, Rights, is_action};

/// The documented maximum of `ttlSeconds` and of a presigned URL's life; the longest life of a locally signed token is
/// open, so it is the same.
pub const MAX_TTL: i64 = 604_800;
/// How far `iat` may lie in the future. R2's own tolerance is open.
const MAX_AHEAD: i64 = 5;

/// Everything a session token may hold, and nothing else.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    pub bucket: String,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub scope: Option<Permission>,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<String>>,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub paths: Option<Paths>,
    pub sub: String,
    pub iss: String,
    pub aud: String,
    pub iat: i64,
    pub exp: i64,
}

/// serde takes `null` for an absent field; a token with `"paths":null` must not open the whole bucket.
pub fn not_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// What a credential's three strings have to agree on.
pub struct Expected<'a> {
    pub account: &'a str,
    pub parent: &'a str,
    pub parent_secret: &'a str,
    /// The names of the endpoint that the request came to.
    pub hosts: &'a [String],
}

/// What a session token that R2 takes, or took until it expired, says.
pub struct Verified {
    pub secret_access_key: String,
    pub grant: Grant,
    /// Unix seconds.
    pub expires_at: i64,
}

/// R2 tells nobody what is wrong with a token, so neither does this. It answers differently to one that has expired, so
/// whoever asks looks at that.
pub fn verify(token: &str, expected: &Expected<'_>) -> Option<Verified> {
    let decoded = STANDARD.decode(token).ok()?;
    let jwt = std::str::from_utf8(&decoded).ok()?.strip_prefix("jwt/")?;

    let key = DecodingKey::from_secret(expected.parent_secret.as_bytes());
    let (signed, signature) = jwt.rsplit_once('.')?;
    if jsonwebtoken::decode_header(jwt).ok()? != Header::new(Algorithm::HS256)
        || !crypto::verify(signature, signed.as_bytes(), &key, Algorithm::HS256).ok()?
    {
        return None;
    }
    let claims = URL_SAFE_NO_PAD.decode(signed.rsplit_once('.')?.1).ok()?;
    // Of a claim that is there twice the last one counts, as in most readers of JSON; serde's own would refuse it.
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let Claims { bucket, scope, actions, paths, sub, iss, aud, iat, exp } = serde_json::from_value(claims).ok()?;
    if sub != expected.account || iss != expected.parent || !expected.hosts.contains(&aud) {
        return None;
    }
    if !(1..=MAX_TTL).contains(&exp.saturating_sub(iat)) || iat > unix_now() + MAX_AHEAD {
        return None;
    }
    let rights = match (scope, actions) {
        (Some(permission), None) => Rights::Permission(permission),
        (None, Some(actions)) if !actions.is_empty() && are_actions(&actions) => Rights::Actions(actions),
        _ => return None,
    };
    if paths.as_ref().is_some_and(|paths| !paths.is_clear()) {
        return None;
    }
    Some(Verified {
        secret_access_key: secret_access_key(jwt),
        grant: Grant { bucket, rights, paths },
        expires_at: exp,
    })
}

/// Each exists, and none is there twice.
fn are_actions(names: &[String]) -> bool {
    let mut seen = HashSet::new();
    names.iter().all(|name| is_action(name) && seen.insert(name))
}

/// The secret access key and session token of a new credential; `None` if the JWT cannot be made.
pub fn mint(claims: &Claims, parent_secret: &str) -> Option<(String, String)> {
    let key = EncodingKey::from_secret(parent_secret.as_bytes());
    let jwt = jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).ok()?;
    Some((secret_access_key(&jwt), STANDARD.encode(format!("jwt/{jwt}"))))
}

fn secret_access_key(jwt: &str) -> String {
    hex(&Sha256::checksum(jwt.as_bytes()))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unix_now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .unwrap_or_default()
}
