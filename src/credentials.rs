//! The result: three strings, where they are valid, and until when. Redacted when printed, wiped when dropped.

use std::ffi::c_char;
use std::{fmt, ptr};

use crate::params::Endpoint;
use crate::renewal::Leads;
use crate::secret::Secret;

/// A temporary credential for R2. `Debug` shows no secret, and the memory is wiped when it is dropped.
///
/// All three strings are needed on every S3 request; the region is [`REGION`](Self::REGION).
pub struct Credentials {
    /// The strings back to back, each with a NUL behind it, so that C borrows them as they are.
    text: Secret,
    /// Where each string's NUL stands: access key id, session token, secret access key, endpoint, request id.
    ends: [usize; 5],
    issued_at: i64,
    expires_at: i64,
}

/// Writes the strings of a credential into the one buffer that it keeps, because a copy of the session token would be
/// another place to wipe.
pub(crate) struct CredentialsBuilder<'a> {
    text: Secret,
    access_end: usize,
    endpoint: &'a Endpoint,
}

impl<'a> CredentialsBuilder<'a> {
    pub fn new(access_key_id: &[u8], token_len: usize, endpoint: &'a Endpoint) -> Self {
        // Secret access keys have 64 digits; scheme, separator and NULs take at most 12.
        let others = endpoint.host.len() + 64 + 13;
        let mut text = Secret::with_capacity(access_key_id.len() + token_len + others);
        text.push(access_key_id);
        text.push(b"\0");
        CredentialsBuilder { text, access_end: access_key_id.len(), endpoint }
    }

    /// Where the session token is to be appended, before [`build`](Self::build).
    pub fn session_token(&mut self) -> &mut Secret {
        &mut self.text
    }

    pub fn build(
        self,
        secret_access_key: &[u8],
        request_id: Option<&str>,
        issued_at: i64,
        expires_at: i64,
    ) -> Credentials {
        let CredentialsBuilder { mut text, access_end, endpoint } = self;
        let token_end = text.len();
        text.push(b"\0");
        text.push(secret_access_key);
        let secret_end = text.len();
        text.push(b"\0");
        for piece in [endpoint.scheme, "://", &endpoint.host] {
            text.push(piece.as_bytes());
        }
        let endpoint_end = text.len();
        text.push(b"\0");
        text.push(request_id.unwrap_or_default().as_bytes());
        let request_end = text.len();
        text.push(b"\0");
        let ends = [access_end, token_end, secret_end, endpoint_end, request_end];
        Credentials { text, ends, issued_at, expires_at }
    }
}

impl Credentials {
    /// The region that an S3 client is to be given for R2.
    pub const REGION: &str = "auto";

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
        self.str(self.ends[1] + 1, self.ends[2])
    }

    /// S3 session token. A secret.
    pub fn session_token(&self) -> &str {
        self.str(self.ends[0] + 1, self.ends[1])
    }

    /// Where these credentials are valid: scheme and host of the S3 endpoint.
    pub fn endpoint(&self) -> &str {
        self.str(self.ends[2] + 1, self.ends[3])
    }

    /// Cloudflare's CF-Ray of the reply; `None` when signed locally or absent.
    pub fn request_id(&self) -> Option<&str> {
        Some(self.str(self.ends[3] + 1, self.ends[4])).filter(|id| !id.is_empty())
    }

    /// When the credential begins, in Unix seconds.
    pub fn issued_at(&self) -> i64 {
        self.issued_at
    }

    /// When it ends, in Unix seconds; never later than the truth.
    pub fn expires_at(&self) -> i64 {
        self.expires_at
    }

    /// From here on the next one is to be had, while this one is used. Unix seconds: a quarter of its life before its
    /// end, at most an hour, and never after `renew_by`. A [`Provider`](crate::Provider) does that; for caches of others.
    pub fn renew_at(&self) -> i64 {
        self.expires_at.saturating_sub(self.leads().early)
    }

    /// From here on nothing is to be begun with this one if another can be had. Unix seconds: an eighth of its life
    /// before its end, at least 10 s and at most ten minutes, and never more than half of its life.
    pub fn renew_by(&self) -> i64 {
        self.expires_at.saturating_sub(self.leads().late)
    }

    pub(crate) fn leads(&self) -> Leads {
        Leads::of(self.expires_at.saturating_sub(self.issued_at))
    }

    /// The strings as C borrows them: access key id, secret access key, session token, endpoint, request id or NULL.
    pub(crate) fn c_strings(&self) -> [*const c_char; 5] {
        let from = |start: usize| self.bytes(start, self.text.len()).as_ptr().cast::<c_char>();
        let [access_end, token_end, secret_end, endpoint_end, _] = self.ends;
        let request_id = if self.request_id().is_some() { from(endpoint_end + 1) } else { ptr::null() };
        [from(0), from(token_end + 1), from(access_end + 1), from(secret_end + 1), request_id]
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
            .field("renew_at", &self.renew_at())
            .field("renew_by", &self.renew_by())
            .finish()
    }
}
