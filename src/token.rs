//! The session token, written and read: `base64("jwt/" + JWT)`, where the JWT is signed HS256 with the parent's secret
//! **as text**. docs/cloudflare.md has the sources.

use base64_simd::{Base64, Out, STANDARD, URL_SAFE_NO_PAD};
use ring::{digest, hmac};

use crate::json::Object;
use crate::secret::Secret;

const PREFIX: &[u8] = b"jwt/";
/// `base64url({"alg":"HS256","typ":"JWT"})` and the dot that follows.
const HEADER: &[u8] = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
/// A dot, and base64url of 32 bytes, unpadded.
const SIGNATURE_LEN: usize = 1 + 43;
/// How many bytes of claims are encoded and hashed at a time: a multiple of nine, which the two times base64 turns
/// into 16/9 as many without padding. In one piece, the buffers of a token with 10,000 prefixes no longer fit the
/// processor's cache, and signing it takes 1.4 times as long. Tokens below 1,000 prefixes are no faster for it.
const PIECE: usize = 9 * 256;

/// What a token grants, under the names of its claims.
pub(crate) struct Claims<'a> {
    pub bucket: &'a str,
    pub scope: Option<&'a str>,
    /// R2 refuses a token with a scope as well.
    pub actions: &'a [&'a str],
    pub prefix_paths: &'a [&'a str],
    pub object_paths: &'a [&'a str],
    /// The account id.
    pub sub: &'a str,
    /// The parent's access key id.
    pub iss: &'a str,
    /// The host of the S3 endpoint.
    pub aud: &'a str,
    /// Unix seconds.
    pub iat: i64,
    /// Unix seconds.
    pub exp: i64,
}

impl Claims<'_> {
    /// Compact JSON, in the order of Cloudflare's example.
    ///
    /// By hand, because `serde_json` writes every string a byte at a time, which makes `sign` a sixth slower. What is
    /// not in a list was checked to consist of characters that need no escapes.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(self.json_len());
        let mut digits = itoa::Buffer::new();
        push(&mut json, &[r#"{"bucket":""#, self.bucket, r#"""#]);
        if let Some(scope) = self.scope {
            push(&mut json, &[r#","scope":""#, scope, r#"""#]);
        }
        if !self.actions.is_empty() {
            push(&mut json, &[r#","actions":"#]);
            push_list(&mut json, self.actions);
        }
        if !self.prefix_paths.is_empty() || !self.object_paths.is_empty() {
            push(&mut json, &[r#","paths":{"prefixPaths":"#]);
            push_list(&mut json, self.prefix_paths);
            push(&mut json, &[r#","objectPaths":"#]);
            push_list(&mut json, self.object_paths);
            push(&mut json, &["}"]);
        }
        push(&mut json, &[r#","sub":""#, self.sub, r#"","iss":""#, self.iss, r#"","aud":""#, self.aud]);
        push(&mut json, &[r#"","iat":"#, digits.format(self.iat)]);
        push(&mut json, &[r#","exp":"#, digits.format(self.exp), "}"]);
        json
    }

    /// Enough room, unless an entry of a list needs escapes.
    fn json_len(&self) -> usize {
        let lists = [self.actions, self.prefix_paths, self.object_paths];
        // An entry costs its bytes, two quotes and a comma.
        let entries: usize = lists.iter().flat_map(|list| list.iter()).map(|entry| entry.len() + 3).sum();
        entries + self.bucket.len() + self.aud.len() + 256
    }
}

fn push(json: &mut Vec<u8>, pieces: &[&str]) {
    for piece in pieces {
        json.extend_from_slice(piece.as_bytes());
    }
}

/// Keys hardly ever need escapes, so a list is written without, and again by `serde_json` if it holds more quotes,
/// backslashes or control characters than the quotes around its entries. A seventh faster at 1,000 prefixes.
fn push_list(json: &mut Vec<u8>, list: &[&str]) {
    let start = json.len();
    push(json, &["["]);
    for (at, entry) in list.iter().enumerate() {
        push(json, &[if at == 0 { "\"" } else { ",\"" }, entry, "\""]);
    }
    push(json, &["]"]);
    if count_special(json.get(start..).unwrap_or_default()) != 2 * list.len() {
        json.truncate(start);
        // Writing to a Vec cannot fail.
        let _ = serde_json::to_writer(json, list);
    }
}

/// How many of these bytes JSON escapes in a string. In blocks short enough to be counted in a byte, which compiles
/// to vector instructions.
fn count_special(text: &[u8]) -> usize {
    let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    text.chunks(128)
        .map(|block| usize::from(block.iter().fold(0, |count, byte| count + u8::from(is_special(*byte)))))
        .sum()
}

/// How long the session token with these claims is.
pub(crate) fn encoded_len(claims: &[u8]) -> usize {
    let jwt_len = HEADER.len() + URL_SAFE_NO_PAD.encoded_length(claims.len()) + SIGNATURE_LEN;
    STANDARD.encoded_length(PREFIX.len() + jwt_len)
}

/// Signs the claims and appends the session token to `token`. Returns the secret access key that belongs to it: the
/// SHA-256 of the JWT in hexadecimal.
pub(crate) fn sign(claims: &[u8], parent_secret: &str, token: &mut Secret) -> [u8; 64] {
    let mut hmac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, parent_secret.as_bytes()));
    let mut sha256 = digest::Context::new(&digest::SHA256);
    // Prefix and JWT, as far as they are not in the token yet.
    let mut jwt = Secret::with_capacity(claims.len().min(PIECE) / 3 * 4 + 256);
    jwt.push(PREFIX);
    let mut hashed = jwt.len();
    jwt.push(HEADER);
    let mut rest = claims;
    // Prefix, header and three bytes of claims are 45 bytes; from there on every piece is a multiple of three, which
    // base64 leaves unpadded.
    let mut piece_len = 3;
    while rest.len() > PIECE {
        let (piece, later) = rest.split_at(piece_len);
        jwt.push_base64(&URL_SAFE_NO_PAD, piece);
        let unhashed = jwt.as_bytes().get(hashed..).unwrap_or_default();
        hmac.update(unhashed);
        sha256.update(unhashed);
        token.push_base64(&STANDARD, jwt.as_bytes());
        jwt.clear();
        (rest, piece_len, hashed) = (later, PIECE, 0);
    }
    jwt.push_base64(&URL_SAFE_NO_PAD, rest);
    hmac.update(jwt.as_bytes().get(hashed..).unwrap_or_default());
    jwt.push(b".");
    jwt.push_base64(&URL_SAFE_NO_PAD, hmac.sign().as_ref());
    sha256.update(jwt.as_bytes().get(hashed..).unwrap_or_default());
    token.push_base64(&STANDARD, jwt.as_bytes());
    hex(sha256.finish().as_ref())
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

/// `exp` of the claims inside a session token, where it can be read.
pub(crate) fn expires_at(session_token: &[u8]) -> Option<i64> {
    let token = decode(&STANDARD, session_token)?;
    let mut parts = token.as_bytes().strip_prefix(PREFIX)?.split(|byte| *byte == b'.');
    let claims = decode(&URL_SAFE_NO_PAD, parts.nth(1)?)?;
    let claims = Object::parse(std::str::from_utf8(claims.as_bytes()).ok()?)?;
    claims.get("exp")?.parse().ok().filter(|exp| *exp > 0)
}

fn decode(base64: &Base64, text: &[u8]) -> Option<Secret> {
    let mut bytes = Secret::with_capacity(text.len());
    bytes.append(base64.decoded_length(text).ok()?, |to| {
        if base64.decode(text, Out::from_slice(to)).is_err() {
            to.fill(0);
        }
    });
    Some(bytes)
}
