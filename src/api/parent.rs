//! `parent_of_token`: the two calls that tell what an API token is called, and so which key pair belongs to it.

use std::ffi::c_char;
use std::fmt;
use std::sync::atomic::Ordering;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::authentication::Authentication;
use super::client::{Call, Client};
use super::envelope::Answer;
use super::options::RequestOptions;
use crate::error::{Error, Status};
use crate::json::unescape;
use crate::params::check_account_id;
use crate::secret::{Secret, wipe_slice};
use crate::table::table;
use crate::token::sha256_hex;

table! {
    /// Whose an API token is.
    pub enum TokenKind: "kind" {
        /// A user's: it ends when the user leaves the account.
        User = 1 => "user",
        /// The account's own.
        Account = 2 => "account",
    }
}

/// The key pair that belongs to an API token: as S3 credentials, and as the parent of temporary ones. `Debug` shows no
/// secret, and it is wiped when it is dropped.
pub struct Parent {
    /// Access key id, secret access key and status, each with a NUL behind it, so that C borrows them as they are.
    text: Secret,
    /// Where each one's NUL stands.
    ends: [usize; 3],
    kind: TokenKind,
    not_before: Option<i64>,
    expires_at: Option<i64>,
}

impl Parent {
    fn str(&self, from: usize, to: usize) -> &str {
        std::str::from_utf8(self.text.as_bytes().get(from..to).unwrap_or_default()).unwrap_or_default()
    }

    /// The id of the token. Not a secret. Cloudflare's have the shape that `sign` insists on.
    pub fn access_key_id(&self) -> &str {
        self.str(0, self.ends[0])
    }

    /// The SHA-256 of the token's value in hexadecimal. A secret.
    pub fn secret_access_key(&self) -> &str {
        self.str(self.ends[0] + 1, self.ends[1])
    }

    /// Cloudflare's word: `active`, `disabled` or `expired`. Only the first makes credentials that work.
    pub fn token_status(&self) -> &str {
        self.str(self.ends[1] + 1, self.ends[2])
    }

    /// Whose the token is.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// When the token begins, in Unix seconds; `None`: it has begun.
    pub fn not_before(&self) -> Option<i64> {
        self.not_before
    }

    /// When the token ends, in Unix seconds; `None`: never.
    pub fn expires_at(&self) -> Option<i64> {
        self.expires_at
    }
}

impl Parent {
    /// The strings as C borrows them, in the order of `text`.
    pub(crate) fn c_strings(&self) -> [*const c_char; 3] {
        let from = |start: usize| self.text.as_bytes().get(start..).unwrap_or_default().as_ptr().cast();
        [from(0), from(self.ends[0] + 1), from(self.ends[1] + 1)]
    }
}

#[allow(clippy::missing_fields_in_debug)] // the text is shown in its parts, redacted
impl fmt::Debug for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parent")
            .field("access_key_id", &self.access_key_id())
            .field("secret_access_key", &"[redacted]")
            .field("token_status", &self.token_status())
            .field("kind", &self.kind)
            .field("not_before", &self.not_before)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

impl Client {
    /// Asks Cloudflare what the client's API token is called, and makes of that the parent key pair that `sign` needs: the
    /// token's id, and the SHA-256 of its value. With it, a program that has only a token can sign.
    ///
    /// A user's token is looked for first, then, if that is refused with 401 or 403, the account's; a client remembers
    /// which it was. Both are attempts of one call, with one deadline. Needs a client with an API token.
    pub fn parent_of_token(&self, account_id: &str, options: &RequestOptions<'_>) -> Result<Parent, Error> {
        let mut watch = self.watch(options)?;
        check_account_id(account_id)?;
        let Authentication::Token(token) = &self.authentication else {
            return Err(Error::argument(
                "client",
                "has an e-mail and a key, expected an API token, whose parent is asked for",
            ));
        };
        if options.extra_body.is_some() {
            return Err(Error::argument("extra_body", "not possible here: the request has no body; leave it out"));
        }
        let mut kinds = [TokenKind::User, TokenKind::Account];
        if self.is_account_token.load(Ordering::Relaxed) {
            kinds.reverse();
        }
        let secret_access_key = secret_of(token);
        let mut attempts = 0;
        let mut refusal: Option<Error> = None;
        for kind in kinds {
            let call = Call {
                method: "GET",
                path: match kind {
                    TokenKind::User => "/user/tokens/verify".to_owned(),
                    TokenKind::Account => format!("/accounts/{account_id}/tokens/verify"),
                },
                body: Secret::default(),
                secrets: vec![secret_access_key.as_bytes()],
                secret_fields: &[],
                hints: |_, _| None,
            };
            match self.call(&call, options, &mut watch, |answer| read(answer, kind, &secret_access_key)) {
                Ok(parent) => {
                    self.is_account_token.store(kind == TokenKind::Account, Ordering::Relaxed);
                    return Ok(parent);
                }
                Err(mut error) => {
                    attempts += error.attempts();
                    if !matches!(error.http_status(), Some(401 | 403)) {
                        error.data_mut().attempts = attempts;
                        return Err(error);
                    }
                    // What the account's own endpoint says is told, whichever was asked last.
                    if kind == TokenKind::Account || refusal.is_none() {
                        refusal = Some(error);
                    }
                }
            }
        }
        let mut error = refusal.unwrap_or_else(|| Error::new(Status::Internal, "no call was made"));
        error.data_mut().attempts = attempts;
        error.data_mut().hint.get_or_insert(
            "Cloudflare knows it neither as a user's token nor as one of this account. Check the account id, and \
             whether the token was mistyped, deleted or rolled.",
        );
        Err(error)
    }
}

/// The secret access key that belongs to an API token.
fn secret_of(token: &Secret) -> Secret {
    let mut digits = sha256_hex(token.as_bytes());
    let mut secret = Secret::default();
    secret.push(&digits);
    wipe_slice(&mut digits);
    secret
}

fn read(answer: &Answer<'_>, kind: TokenKind, secret_access_key: &Secret) -> Result<Parent, Error> {
    let string = |name: &str| -> Result<Secret, Error> {
        let value = answer.result.string(name).unwrap_or_default();
        if value.len() == 0 || !value.as_bytes().iter().all(u8::is_ascii_graphic) {
            let problem = format!("success is true, but result.{name} is missing, empty, or not visible ASCII");
            return Err(answer.unusable(&problem));
        }
        Ok(value)
    };
    // A date that cannot be read must not become "never".
    let time = |name: &str| match answer.result.get(name).map(|raw| (raw, unescape(raw))) {
        None | Some(("null", _)) => Ok(None),
        Some((_, Some(date))) if date.len() == 0 => Ok(None),
        Some((_, date)) => match OffsetDateTime::parse(date.unwrap_or_default().as_str(), &Rfc3339) {
            Ok(time) => Ok(Some(time.unix_timestamp())),
            Err(_) => Err(answer.unusable(&format!("result.{name} is no date such as 2026-11-25T12:00:00Z"))),
        },
    };
    let (id, status) = (string("id")?, string("status")?);
    let mut text = Secret::with_capacity(id.len() + secret_access_key.len() + status.len() + 3);
    let ends = [&id, secret_access_key, &status].map(|part| {
        text.push(part.as_bytes());
        text.push(b"\0");
        text.len() - 1
    });
    Ok(Parent { text, ends, kind, not_before: time("not_before")?, expires_at: time("expires_on")? })
}
