//! Who asks: an API token, or the older pair of e-mail and key.

use super::options::{ClientOptions, parse_header_value};
use crate::env::{Environment, Setting};
use crate::error::{Error, Status};
use crate::http::HeaderText;
use crate::secret::Secret;

/// One scheme is sent, never two.
pub(super) enum Authentication {
    Token(Secret),
    Key { email: String, key: Secret },
}

impl Authentication {
    /// The explicit token, else the explicit pair, else the environment's token, else its pair.
    pub fn choose(options: &ClientOptions<'_>, environment: Environment<'_>) -> Result<Self, Error> {
        let found = |name, field| -> Result<Option<Secret>, Error> {
            environment.first(&[name], field)?.map(|found| parse_header_value(field, &found)).transpose()
        };
        let token = explicit("api_token", options.api_token)?;
        let (email, key) = (explicit("api_email", options.api_email)?, explicit("api_key", options.api_key)?);
        if email.is_some() != key.is_some() {
            let (missing, given) = if email.is_some() { ("api_key", "api_email") } else { ("api_email", "api_key") };
            return Err(Error::argument(missing, format_args!("not set, but {given} is; expected both or neither")));
        }
        if let Some(explicit) = Self::of(token, email, key) {
            return Ok(explicit);
        }
        let token = found("CLOUDFLARE_API_TOKEN", "api_token")?;
        let (email, key) = match token {
            Some(_) => (None, None),
            None => (found("CLOUDFLARE_EMAIL", "api_email")?, found("CLOUDFLARE_API_KEY", "api_key")?),
        };
        Self::of(token, email, key).ok_or_else(|| {
            let message = match environment {
                Environment::Process | Environment::Given(_) => {
                    "no authentication: set api_token, or CLOUDFLARE_API_TOKEN in the environment \
                     (or the older pair: api_email and api_key, CLOUDFLARE_EMAIL and CLOUDFLARE_API_KEY)"
                }
                Environment::Unwanted => {
                    "no authentication: set api_token (or the older pair: api_email and api_key); the environment is \
                     not read, because this client was told not to"
                }
                Environment::Untrusted => {
                    "no authentication: set api_token (or the older pair: api_email and api_key); the environment is \
                     not read in a process with raised rights (set-uid and the like)"
                }
            };
            Error::new(Status::NoAuthentication, message)
        })
    }

    fn of(token: Option<Secret>, email: Option<Secret>, key: Option<Secret>) -> Option<Self> {
        match (token, email, key) {
            (Some(token), ..) => Some(Authentication::Token(token)),
            (None, Some(email), Some(key)) => Some(Authentication::Key { email: email.as_str().to_owned(), key }),
            _ => None,
        }
    }

    /// What no error may repeat.
    pub fn secret(&self) -> &Secret {
        match self {
            Authentication::Token(secret) | Authentication::Key { key: secret, .. } => secret,
        }
    }

    pub fn headers(&self) -> Vec<(&str, HeaderText<'_>)> {
        match self {
            Authentication::Token(token) => {
                let mut value = Secret::with_capacity("Bearer ".len() + token.len());
                value.push(b"Bearer ");
                value.push(token.as_bytes());
                vec![("authorization", HeaderText::Secret(value))]
            }
            Authentication::Key { email, key } => {
                vec![("x-auth-email", HeaderText::Plain(email)), ("x-auth-key", HeaderText::Secret(key.clone()))]
            }
        }
    }
}

fn explicit(field: &'static str, option: Option<&str>) -> Result<Option<Secret>, Error> {
    option.map(|text| parse_header_value(field, &Setting::explicit(text))).transpose()
}
