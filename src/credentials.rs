//! The result: three strings, where they are valid, and until when. Redacted when printed, wiped when dropped.

use std::ffi::c_char;
use std::fmt;

use crate::params::Endpoint;
use crate::secret::Secret;

/// A temporary credential for R2. `Debug` shows no secret, and the memory is wiped when it is dropped.
///
/// All three strings are needed on every S3 request; the region is `auto`.
pub struct Credentials {
    /// The strings back to back, each with a NUL behind it, so that C borrows them as they are.
    text: Secret,
    /// Where each string's NUL stands: access key id, secret access key, session token, endpoint.
    ends: [usize; 4],
    request_id: Option<String>,
    issued_at: i64,
    expires_at: i64,
}

/// What [`Credentials::build`] is made from; the endpoint is written from its pieces.
pub(crate) struct Parts<'a> {
    pub access_key_id: &'a str,
    pub secret_access_key: &'a str,
    pub endpoint: &'a Endpoint<'a>,
    pub request_id: Option<String>,
    pub issued_at: i64,
    pub expires_at: i64,
}

impl Credentials {
    /// `write_token` puts a session token of exactly `token_len` bytes into the slice it is given.
    pub(crate) fn build(parts: Parts<'_>, token_len: usize, write_token: impl FnOnce(&mut [u8])) -> Self {
        let [host_head, host_tail] = parts.endpoint.host();
        let mut text = Secret::with_capacity(
            parts.access_key_id.len()
                + parts.secret_access_key.len()
                + token_len
                + host_head.len()
                + host_tail.len()
                + 12,
        );
        let mut ends = [0; 4];
        let [access_end, secret_end, token_end, endpoint_end] = &mut ends;
        text.push(parts.access_key_id.as_bytes());
        *access_end = text.len();
        text.push(b"\0");
        text.push(parts.secret_access_key.as_bytes());
        *secret_end = text.len();
        text.push(b"\0");
        text.append(token_len, write_token);
        *token_end = text.len();
        text.push(b"\0");
        for piece in [parts.endpoint.scheme, "://", host_head, host_tail] {
            text.push(piece.as_bytes());
        }
        *endpoint_end = text.len();
        text.push(b"\0");
        Credentials {
            text,
            ends,
            request_id: parts.request_id,
            issued_at: parts.issued_at,
            expires_at: parts.expires_at,
        }
    }

    fn bytes(&self, from: usize, to: usize) -> &[u8] {
        self.text.as_bytes().get(from..to).unwrap_or_default()
    }

    fn str(&self, from: usize, to: usize) -> &str {
        std::str::from_utf8(self.bytes(from, to)).unwrap_or_default()
    }

    /// S3 access key id. Not a secret.
    pub fn access_key_id(&self) -> &str {
        self.str(0, self.ends[0])
    }

    /// S3 secret access key. A secret.
    pub fn secret_access_key(&self) -> &str {
        self.str(self.ends[0] + 1, self.ends[1])
    }

    /// S3 session token. A secret.
    pub fn session_token(&self) -> &str {
        self.str(self.ends[1] + 1, self.ends[2])
    }

    /// Where these credentials are valid: scheme and host of the S3 endpoint.
    pub fn endpoint(&self) -> &str {
        self.str(self.ends[2] + 1, self.ends[3])
    }

    /// Cloudflare's CF-Ray of the reply; `None` when signed locally or absent.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// When the credential begins, in Unix seconds.
    pub fn issued_at(&self) -> i64 {
        self.issued_at
    }

    /// When it ends, in Unix seconds; never later than the truth. Renew it some time before.
    pub fn expires_at(&self) -> i64 {
        self.expires_at
    }

    /// The four strings as C borrows them: access key id, secret access key, session token, endpoint.
    pub(crate) fn c_strings(&self) -> [*const c_char; 4] {
        let from = |start: usize| self.bytes(start, self.text.len()).as_ptr().cast::<c_char>();
        let [access, secret, token, _] = self.ends;
        [from(0), from(access + 1), from(secret + 1), from(token + 1)]
    }
}

#[allow(clippy::missing_fields_in_debug)] // the text is shown in its parts, redacted
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id())
            .field("secret_access_key", &"[redacted]")
            .field("session_token", &"[redacted]")
            .field("endpoint", &self.endpoint())
            .field("request_id", &self.request_id())
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}
