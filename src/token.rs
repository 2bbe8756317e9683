//! The session token, written and read: `base64("jwt/" + JWT)`, where the JWT is signed HS256 with the parent's secret
//! **as text**. docs/cloudflare.md has the sources.

use aws_lc_rs::{digest, hmac};
use base64_simd::{Base64, Out, STANDARD, URL_SAFE_NO_PAD};

use crate::json::Object;
use crate::params::Paths;
use crate::secret::Secret;

const PREFIX: &[u8] = b"jwt/";
/// `base64url({"alg":"HS256","typ":"JWT"})` and the dot that follows.
const HEADER: &[u8] = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
/// A dot, and base64url of 32 bytes, unpadded.
const SIGNATURE_LEN: usize = 1 + 43;
/// About how many bytes of claims are encoded and hashed at a time, so that they stay in the processor's cache and no
/// large block is asked for besides the token's own. With 10,000 prefixes `sign` is 1.35 times as fast for it, up to
/// 1,000 as fast as in one piece.
const PIECE: usize = 4 * 1024;

/// What a token grants, under the names of its claims.
pub(crate) struct Claims<'a> {
    pub bucket: &'a str,
    pub scope: Option<&'a str>,
    /// R2 refuses a token with a scope as well.
    pub actions: &'a [&'a str],
    pub prefix_paths: Paths<'a>,
    pub object_paths: Paths<'a>,
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
    /// About how long the session token will be: enough, unless an entry of a list needs escapes.
    pub fn token_len(&self) -> usize {
        let paths = [self.prefix_paths, self.object_paths].into_iter().flat_map(Paths::parts);
        let lists = paths.chain([(self.actions, "")]);
        // An entry costs its bytes, two quotes and a comma.
        let entries: usize =
            lists.map(|(list, end)| list.iter().map(|entry| entry.len() + end.len() + 3).sum::<usize>()).sum();
        let claims_len = entries + self.bucket.len() + self.aud.len() + 256;
        let jwt_len = HEADER.len() + URL_SAFE_NO_PAD.encoded_length(claims_len) + SIGNATURE_LEN;
        STANDARD.encoded_length(PREFIX.len() + jwt_len)
    }

    /// Signs the claims and appends the session token to `token`. Returns the secret access key that belongs to it:
    /// the SHA-256 of the JWT in hexadecimal.
    ///
    /// The JSON is compact and in the order of Cloudflare's example. It is written by hand, because `serde_json` looks
    /// at every string a byte at a time, which makes `sign` a sixth slower; what is not in a list was checked to
    /// consist of characters that need no escapes.
    pub fn sign(&self, parent_secret: &str, token: &mut Secret) -> [u8; 64] {
        let mut digits = itoa::Buffer::new();
        let mut writer = Writer::new(parent_secret, token);
        writer.push(&[r#"{"bucket":""#, self.bucket, r#"""#]);
        if let Some(scope) = self.scope {
            writer.push(&[r#","scope":""#, scope, r#"""#]);
        }
        if !self.actions.is_empty() {
            writer.push(&[r#","actions":"#]);
            writer.push_list(&[(self.actions, "")]);
        }
        if !self.prefix_paths.is_empty() || !self.object_paths.is_empty() {
            writer.push(&[r#","paths":{"prefixPaths":"#]);
            writer.push_list(&self.prefix_paths.parts());
            writer.push(&[r#","objectPaths":"#]);
            writer.push_list(&self.object_paths.parts());
            writer.push(&["}"]);
        }
        writer.push(&[r#","sub":""#, self.sub, r#"","iss":""#, self.iss, r#"","aud":""#, self.aud]);
        writer.push(&[r#"","iat":"#, digits.format(self.iat)]);
        writer.push(&[r#","exp":"#, digits.format(self.exp), "}"]);
        writer.finish()
    }
}

/// Claims go in, and come out as a signed session token.
struct Writer<'a> {
    /// Claims that are not encoded yet.
    claims: Vec<u8>,
    /// Prefix and JWT, as far as they are not in the token yet.
    jwt: Secret,
    /// How much of that is hashed.
    hashed: usize,
    hmac: hmac::Context,
    sha256: digest::Context,
    token: &'a mut Secret,
}

impl<'a> Writer<'a> {
    fn new(parent_secret: &str, token: &'a mut Secret) -> Self {
        let mut jwt = Secret::with_capacity(1024);
        jwt.push(PREFIX);
        let hashed = jwt.len();
        jwt.push(HEADER);
        Writer {
            claims: Vec::with_capacity(512),
            jwt,
            hashed,
            hmac: hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, parent_secret.as_bytes())),
            sha256: digest::Context::new(&digest::SHA256),
            token,
        }
    }

    fn push(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.claims.extend_from_slice(piece.as_bytes());
        }
    }

    /// One JSON array of all entries, each with what its part puts behind it.
    ///
    /// Keys hardly ever need escapes. So they are written without, many at a time, and again by `serde_json` if there
    /// are more quotes, backslashes or control characters than the quotes around them. A seventh faster than with
    /// `serde_json` at 1,000 prefixes.
    fn push_list(&mut self, parts: &[(&[&str], &str)]) {
        self.push(&["["]);
        let mut comma = "";
        for (entries, end) in parts.iter().flat_map(|(list, end)| list.chunks(64).map(move |chunk| (chunk, *end))) {
            if self.claims.len() >= PIECE {
                self.encode();
            }
            self.push(&[comma]);
            comma = ",";
            let start = self.claims.len();
            for entry in entries {
                self.push(&["\"", entry, end, "\","]);
            }
            if count_special(self.claims.get(start..).unwrap_or_default()) != 2 * entries.len() {
                self.claims.truncate(start);
                for entry in entries {
                    // Writing to a Vec cannot fail.
                    let _ = serde_json::to_writer(&mut self.claims, &[entry, end].concat());
                    self.push(&[","]);
                }
            }
            self.claims.pop();
        }
        self.push(&["]"]);
    }

    /// Moves what there is on into the token, but for the last one or two bytes: base64 leaves multiples of three
    /// unpadded.
    fn encode(&mut self) {
        let whole = self.claims.len() / 3 * 3;
        self.jwt.push_base64(&URL_SAFE_NO_PAD, self.claims.get(..whole).unwrap_or_default());
        self.claims.drain(..whole);
        self.hmac.update(self.jwt.as_bytes().get(self.hashed..).unwrap_or_default());
        self.sha256.update(self.jwt.as_bytes().get(self.hashed..).unwrap_or_default());
        let whole = self.jwt.len() / 3 * 3;
        self.token.push_base64(&STANDARD, self.jwt.as_bytes().get(..whole).unwrap_or_default());
        self.jwt.remove_first(whole);
        self.hashed = self.jwt.len();
    }

    /// Signs, and returns the secret access key that belongs to the token.
    fn finish(self) -> [u8; 64] {
        let Writer { claims, mut jwt, hashed, mut hmac, mut sha256, token } = self;
        jwt.push_base64(&URL_SAFE_NO_PAD, &claims);
        hmac.update(jwt.as_bytes().get(hashed..).unwrap_or_default());
        jwt.push(b".");
        jwt.push_base64(&URL_SAFE_NO_PAD, hmac.sign().as_ref());
        sha256.update(jwt.as_bytes().get(hashed..).unwrap_or_default());
        token.push_base64(&STANDARD, jwt.as_bytes());
        hex(sha256.finish().as_ref())
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

/// A session token as it was read: a JWT, of which nothing is believed yet. All of it is a secret.
pub(crate) struct Token {
    /// Behind the prefix.
    jwt: Secret,
    /// Where the header's dot stands, and the one behind the claims.
    dots: [usize; 2],
}

impl Token {
    /// Says at which step it ended, without repeating any of the text.
    pub fn read(session_token: &str) -> Result<Self, &'static str> {
        let mut jwt = decode(&STANDARD, session_token.as_bytes()).ok_or("it is not base64")?;
        if !jwt.as_bytes().starts_with(PREFIX) {
            return Err("its base64 does not hold jwt/ and a JWT");
        }
        jwt.remove_first(PREFIX.len());
        let mut dots = jwt.as_bytes().iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(at, _)| at);
        match (dots.next(), dots.next(), dots.next()) {
            (Some(first), Some(second), None) => Ok(Token { dots: [first, second], jwt }),
            _ => Err("its JWT has not three parts with dots between them"),
        }
    }

    /// JSON, if it is base64.
    pub fn header(&self) -> Option<Secret> {
        decode(&URL_SAFE_NO_PAD, self.jwt.as_bytes().get(..self.dots[0])?)
    }

    /// JSON, if it is base64.
    pub fn claims(&self) -> Option<Secret> {
        decode(&URL_SAFE_NO_PAD, self.jwt.as_bytes().get(self.dots[0] + 1..self.dots[1])?)
    }

    fn signature(&self) -> Option<Secret> {
        decode(&URL_SAFE_NO_PAD, self.jwt.as_bytes().get(self.dots[1] + 1..)?)
    }

    /// Whether it has the length of an HS256 signature, whoever made it.
    pub fn has_signature(&self) -> bool {
        self.signature().is_some_and(|signature| signature.len() == 32)
    }

    /// `key` is the parent's secret as text.
    pub fn is_signed_with(&self, key: &[u8]) -> bool {
        let (Some(signature), Some(signed)) = (self.signature(), self.jwt.as_bytes().get(..self.dots[1])) else {
            return false;
        };
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), signed, signature.as_bytes()).is_ok()
    }

    /// The one that belongs to this token.
    pub fn secret_access_key(&self) -> [u8; 64] {
        sha256_hex(self.jwt.as_bytes())
    }
}

/// `exp` of the claims inside a session token, where it can be read.
pub(crate) fn expires_at(session_token: &str) -> Option<i64> {
    let claims = Token::read(session_token).ok()?.claims()?;
    let claims = Object::parse(std::str::from_utf8(claims.as_bytes()).ok()?)?;
    claims.get("exp")?.parse().ok().filter(|exp| *exp > 0)
}

/// The SHA-256 of these bytes in lower-case hexadecimal, which is how R2 makes each of its secret access keys.
pub(crate) fn sha256_hex(bytes: &[u8]) -> [u8; 64] {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn decode(base64: &Base64, text: &[u8]) -> Option<Secret> {
    let mut bytes = Secret::with_capacity(text.len());
    let mut is_base64 = true;
    bytes.append(base64.decoded_length(text).ok()?, |to| is_base64 = base64.decode(text, Out::from_slice(to)).is_ok());
    is_base64.then_some(bytes)
}
