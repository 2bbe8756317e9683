//! Local signing: params, the parent's secret and the time become a credential, without any network.
//!
//! R2's rules, from "Authenticate against R2 with temporary credentials" and field reports: the session token is
//! `base64("jwt/" + JWT)`, signed HS256 with the parent's secret **as text**; the secret access key is the SHA-256 of
//! the JWT in hexadecimal; the access key id is the parent's.

use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use ring::{digest, hmac};

use crate::clock::unix_now;
use crate::credentials::{Credentials, Draft, Facts};
use crate::error::Error;
use crate::params::{Params, SignGrant};
use crate::secret::{Secret, wipe_slice};

/// `base64url({"alg":"HS256","typ":"JWT"})`, with the prefix of the session token and the dot that follows.
const PREFIX: &[u8] = b"jwt/";
const HEADER: &[u8] = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
/// base64url of 32 bytes, unpadded.
const SIGNATURE_LEN: usize = 43;
/// About how much of the claims is encoded at a time.
const PIECE: usize = 4 * 1024;

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

    // Every entry costs its bytes, two quotes and a comma; only escapes, which are rare, make it more.
    let lists = [params.actions, params.prefixes, params.objects];
    let entries: usize = lists.iter().flat_map(|list| list.iter()).map(|entry| entry.len() + 3).sum();
    let others = params.bucket.len() + grant.endpoint.host().iter().map(|piece| piece.len()).sum::<usize>() + 256;
    let claims_len = entries + others;
    let jwt_len = URL_SAFE_NO_PAD.encoded_length(claims_len) + HEADER.len() + SIGNATURE_LEN;
    let token_len = STANDARD.encoded_length(PREFIX.len() + jwt_len);

    let mut draft = Draft::new(params.parent_access_key_id.as_bytes(), token_len, &grant.endpoint);
    let mut token = TokenWriter::new(draft.token(), grant.secret, claims_len);
    write_claims(&mut token, params, &grant, issued_at, expires_at);
    let mut secret_access_key = token.finish();
    let credentials = draft.finish(&secret_access_key, Facts { request_id: None, issued_at, expires_at });
    wipe_slice(&mut secret_access_key);
    Ok(credentials)
}

/// The claims in R2's order, compact. They hold no secret.
fn write_claims(
    token: &mut TokenWriter<'_>,
    params: &Params<'_>,
    grant: &SignGrant<'_>,
    issued_at: i64,
    expires_at: i64,
) {
    let [host_head, host_tail] = grant.endpoint.host();
    let mut digits = itoa::Buffer::new();
    // What is not in a list was checked to be of characters that need no escapes.
    token.json(&[r#"{"bucket":""#, params.bucket]);
    if let Some(permission) = grant.permission {
        token.json(&[r#"","scope":""#, permission.as_str(), r#"""#]);
    } else {
        token.json(&[r#"","actions":"#]);
        token.json_list(params.actions);
    }
    if !params.prefixes.is_empty() || !params.objects.is_empty() {
        token.json(&[r#","paths":{"prefixPaths":"#]);
        token.json_list(params.prefixes);
        token.json(&[r#","objectPaths":"#]);
        token.json_list(params.objects);
        token.json(&["}"]);
    }
    token.json(&[r#","sub":""#, params.account_id, r#"","iss":""#, params.parent_access_key_id]);
    token.json(&[r#"","aud":""#, host_head, host_tail, r#"","iat":"#, digits.format(issued_at)]);
    token.json(&[r#","exp":"#, digits.format(expires_at), "}"]);
}

/// Claims in, session token out: encoded, hashed, signed and encoded again in pieces that stay in the processor's
/// cache, because the two times base64 would otherwise cost more than the hashing.
struct TokenWriter<'a> {
    token: &'a mut Secret,
    /// Claims that are not encoded yet.
    claims: Vec<u8>,
    /// Of the prefix and the JWT, what is not in the token yet.
    jwt: Secret,
    /// How much of that is hashed.
    hashed: usize,
    hmac: hmac::Context,
    sha256: digest::Context,
}

impl<'a> TokenWriter<'a> {
    fn new(token: &'a mut Secret, parent_secret: &str, claims_len: usize) -> Self {
        let capacity = claims_len.min(PIECE + 1024);
        let mut jwt = Secret::with_capacity(capacity / 3 * 4 + 128);
        jwt.push(PREFIX);
        let hashed = jwt.len();
        jwt.push(HEADER);
        let key = hmac::Key::new(hmac::HMAC_SHA256, parent_secret.as_bytes());
        TokenWriter {
            token,
            claims: Vec::with_capacity(capacity),
            jwt,
            hashed,
            hmac: hmac::Context::with_key(&key),
            sha256: digest::Context::new(&digest::SHA256),
        }
    }

    fn json(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.claims.extend_from_slice(piece.as_bytes());
        }
    }

    /// A list of strings. Keys hardly ever need escapes, and one look over many of them is cheaper than one at each:
    /// they are written as they are, and again by `serde_json` if more quotes (or backslashes, or control characters)
    /// turn up than stand around them.
    fn json_list(&mut self, list: &[&str]) {
        self.json(&["["]);
        let mut rest = list;
        while !rest.is_empty() {
            if self.claims.len() >= PIECE {
                self.encode();
            }
            let start = self.claims.len();
            let mut count = 0;
            for entry in rest {
                if self.claims.len() >= PIECE {
                    break;
                }
                self.json(&[if count == 0 { "\"" } else { "\",\"" }, entry]);
                count += 1;
            }
            self.json(&["\""]);
            let (group, later) = rest.split_at(count);
            if specials(self.claims.get(start..).unwrap_or_default()) != 2 * count {
                self.claims.truncate(start);
                // Writing to a Vec cannot fail.
                let _ = serde_json::to_writer(&mut self.claims, group);
                // Its brackets are not ours.
                self.claims.remove(start);
                self.claims.pop();
            }
            rest = later;
            if !rest.is_empty() {
                self.json(&[","]);
            }
        }
        self.json(&["]"]);
    }

    /// Moves the claims on, but for the last one or two bytes: multiples of three leave base64 no padding.
    fn encode(&mut self) {
        let whole = self.claims.len() / 3 * 3;
        self.jwt.push_base64(&URL_SAFE_NO_PAD, self.claims.get(..whole).unwrap_or_default());
        self.claims.drain(..whole);
        self.hash();
        let whole = self.jwt.len() / 3 * 3;
        self.token.push_base64(&STANDARD, self.jwt.as_bytes().get(..whole).unwrap_or_default());
        self.jwt.remove_first(whole);
        self.hashed = self.jwt.len();
    }

    fn hash(&mut self) {
        let fresh = self.jwt.as_bytes().get(self.hashed..).unwrap_or_default();
        self.hmac.update(fresh);
        self.sha256.update(fresh);
        self.hashed = self.jwt.len();
    }

    /// Signs, and returns the secret access key that belongs to the token.
    fn finish(mut self) -> [u8; 64] {
        self.jwt.push_base64(&URL_SAFE_NO_PAD, &self.claims);
        self.hash();
        let TokenWriter { token, mut jwt, hashed, hmac, mut sha256, .. } = self;
        jwt.push(b".");
        jwt.push_base64(&URL_SAFE_NO_PAD, hmac.sign().as_ref());
        sha256.update(jwt.as_bytes().get(hashed..).unwrap_or_default());
        token.push_base64(&STANDARD, jwt.as_bytes());
        hex(sha256.finish().as_ref())
    }
}

/// How many of these bytes JSON wants escaped. In blocks short enough to be counted in a byte, which compiles to
/// vector instructions.
fn specials(text: &[u8]) -> usize {
    let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    text.chunks(128)
        .map(|block| usize::from(block.iter().fold(0, |count, byte| count + u8::from(is_special(*byte)))))
        .sum()
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
