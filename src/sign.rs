//! Local signing: params, the parent's secret and the time become a credential, without any network.
//!
//! R2's rules, from "Authenticate against R2 with temporary credentials" and field reports: the session token is
//! `base64("jwt/" + JWT)`, signed HS256 with the parent's secret **as text**; the secret access key is the SHA-256 of
//! the JWT in hexadecimal; the access key id is the parent's.

use std::time::{SystemTime, UNIX_EPOCH};

use base64_simd::{Out, STANDARD, URL_SAFE_NO_PAD};
use ring::{digest, hmac};

use crate::credentials::{Credentials, Parts};
use crate::error::{Error, Status};
use crate::params::{Params, SignGrant};
use crate::secret::Secret;

/// `base64url({"alg":"HS256","typ":"JWT"})`, with the prefix of the session token and the dot that follows.
const PREFIX: &[u8] = b"jwt/";
const HEADER: &[u8] = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
/// base64url of 32 bytes, unpadded.
const SIGNATURE_LEN: usize = 43;

/// Makes a credential locally from the parent key pair.
///
/// Needs exactly one of `permission` and `actions`. A wrong parent secret cannot be noticed here: R2 refuses such a
/// credential with an opaque 400.
///
/// ```
/// use r2creds::{Params, Permission, sign};
///
/// let credentials = sign(&Params {
///     account_id: "023e105f4ecef8ad9ca31a8372d0c353",
///     bucket: "recordings",
///     parent_access_key_id: "0123456789abcdef0123456789abcdef",
///     parent_secret_access_key: Some("0000000000000000000000000000000000000000000000000000000000000001"),
///     permission: Some(Permission::ObjectReadOnly),
///     objects: &["camera-7/2026-11-21.mp4"],
///     ..Params::default()
/// })?;
/// assert_eq!(credentials.expires_at() - credentials.issued_at(), 900);
/// # Ok::<(), r2creds::Error>(())
/// ```
pub fn sign(params: &Params<'_>) -> Result<Credentials, Error> {
    let grant = params.for_sign()?;
    let issued_at = match grant.issued_at {
        Some(issued_at) => issued_at,
        None => unix_now()?,
    };
    let expires_at = issued_at.saturating_add(i64::from(grant.ttl_seconds));
    let claims = claims(params, &grant, issued_at, expires_at);

    let claims_len = URL_SAFE_NO_PAD.encoded_length(claims.len());
    let mut token = Secret::with_capacity(PREFIX.len() + HEADER.len() + claims_len + 1 + SIGNATURE_LEN);
    token.push(PREFIX);
    token.push(HEADER);
    token.push_base64(&URL_SAFE_NO_PAD, &claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, grant.secret.as_bytes());
    let signature = hmac::sign(&key, jwt(&token));
    token.push(b".");
    token.push_base64(&URL_SAFE_NO_PAD, signature.as_ref());

    let mut secret_access_key = hex(digest::digest(&digest::SHA256, jwt(&token)).as_ref());
    let credentials = Credentials::build(
        Parts {
            access_key_id: params.parent_access_key_id,
            secret_access_key: std::str::from_utf8(&secret_access_key).unwrap_or_default(),
            endpoint: &grant.endpoint,
            request_id: None,
            issued_at,
            expires_at,
        },
        STANDARD.encoded_length(token.len()),
        |to| {
            let _ = STANDARD.encode(token.as_bytes(), Out::from_slice(to));
        },
    );
    crate::secret::wipe_slice(&mut secret_access_key);
    Ok(credentials)
}

/// The token without its prefix.
fn jwt(token: &Secret) -> &[u8] {
    token.as_bytes().get(PREFIX.len()..).unwrap_or_default()
}

pub(crate) fn unix_now() -> Result<i64, Error> {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .ok_or_else(|| Error::new(Status::Internal, "the system's clock is outside of 1970 to the far future"))
}

/// The claims in R2's order, compact. They hold no secret.
fn claims(params: &Params<'_>, grant: &SignGrant<'_>, issued_at: i64, expires_at: i64) -> Vec<u8> {
    // Every list entry costs its bytes, two quotes and a comma; only escapes, which are rare, make it grow.
    let lists = [params.actions, params.prefixes, params.objects];
    let entries: usize = lists.iter().flat_map(|list| list.iter()).map(|entry| entry.len() + 3).sum();
    let mut json = Vec::with_capacity(entries + 448);

    json.extend_from_slice(br#"{"bucket":""#);
    json.extend_from_slice(params.bucket.as_bytes());
    if let Some(permission) = grant.permission {
        json.extend_from_slice(br#"","scope":""#);
        json.extend_from_slice(permission.as_str().as_bytes());
        json.push(b'"');
    } else {
        json.extend_from_slice(br#"","actions":"#);
        push_list(&mut json, params.actions);
    }
    if !params.prefixes.is_empty() || !params.objects.is_empty() {
        json.extend_from_slice(br#","paths":{"prefixPaths":"#);
        push_list(&mut json, params.prefixes);
        json.extend_from_slice(br#","objectPaths":"#);
        push_list(&mut json, params.objects);
        json.push(b'}');
    }
    let [host_head, host_tail] = grant.endpoint.host();
    for (name, value) in [
        (&br#","sub":""#[..], [params.account_id, ""]),
        (br#"","iss":""#, [params.parent_access_key_id, ""]),
        (br#"","aud":""#, [host_head, host_tail]),
    ] {
        json.extend_from_slice(name);
        // Checked to be of letters, digits and - _ . : [ ], so nothing needs escaping.
        json.extend_from_slice(value[0].as_bytes());
        json.extend_from_slice(value[1].as_bytes());
    }
    json.extend_from_slice(br#"","iat":"#);
    let mut digits = itoa::Buffer::new();
    json.extend_from_slice(digits.format(issued_at).as_bytes());
    json.extend_from_slice(br#","exp":"#);
    json.extend_from_slice(digits.format(expires_at).as_bytes());
    json.push(b'}');
    json
}

fn push_list(json: &mut Vec<u8>, list: &[&str]) {
    json.push(b'[');
    for (at, entry) in list.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        if entry.bytes().filter(|b| *b < 0x20 || *b == b'"' || *b == b'\\').count() > 0 {
            // Writing to a Vec cannot fail.
            let _ = serde_json::to_writer(&mut *json, entry);
        } else {
            json.push(b'"');
            json.extend_from_slice(entry.as_bytes());
            json.push(b'"');
        }
    }
    json.push(b']');
}

fn hex(bytes: &[u8]) -> [u8; 64] {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let mut text = [b'0'; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            *high = digit(byte >> 4);
            *low = digit(byte & 15);
        }
    }
    text
}
