//! What a client and a call can be told, and the defaults.

use std::fmt;
use std::time::Duration;

use crate::env::{Environment, Setting};
use crate::error::Error;
use crate::secret::Secret;
use crate::url::Url;
use crate::watch::{Cancel, Watch};

/// Servers refuse longer header lines and URLs; better told before they are sent.
pub(super) const MAX_LINE: usize = 16 * 1024;
/// What a `u32` of milliseconds, which is what C has, can say.
const MAX_TIMEOUT: Duration = Duration::from_millis(u32::MAX as u64);

/// How a client reaches Cloudflare. Every field may stay `None`. `Debug` shows no secret.
///
/// A narrower clock is capped by a wider one; no combination is an error.
#[derive(Clone, Copy, Default)]
pub struct ClientOptions<'a> {
    /// API token, sent as `Authorization: Bearer`. An explicit token wins over everything. Default:
    /// `CLOUDFLARE_API_TOKEN`.
    pub api_token: Option<&'a str>,
    /// E-mail of the older pair, sent as `X-Auth-Email`. Default: `CLOUDFLARE_EMAIL`. Needs `api_key`.
    pub api_email: Option<&'a str>,
    /// API key of the older pair, sent as `X-Auth-Key`. Default: `CLOUDFLARE_API_KEY`. Needs `api_email`.
    pub api_key: Option<&'a str>,
    /// Where the API is: https, or http to loopback; no userinfo, query or fragment. Default:
    /// `CLOUDFLARE_BASE_URL`, else `https://api.cloudflare.com/client/v4`.
    pub base_url: Option<&'a str>,
    /// `http://[user:password@]host:port`, used by CONNECT. Default: `HTTPS_PROXY`, `https_proxy`, `ALL_PROXY`,
    /// `all_proxy`, less what `NO_PROXY` or `no_proxy` names. `""`: none. Loopback is never proxied.
    pub proxy_url: Option<&'a str>,
    /// A PEM file whose certificates are trusted instead of all others. Default: `SSL_CERT_FILE` and, except on macOS
    /// and Windows, `SSL_CERT_DIR`; else the system's roots, or Mozilla's bundled ones where the system has none.
    pub ca_file: Option<&'a str>,
    /// Printable ASCII, put in front of `r2creds/<version>` in the User-Agent header.
    pub user_agent: Option<&'a str>,
    /// A whole call: every attempt, wait and body. Default: 60 s.
    pub timeout: Option<Duration>,
    /// One attempt. Default: 20 s.
    pub attempt_timeout: Option<Duration>,
    /// Connection and TLS of one attempt. Default: 5 s. The name lookup before it has the attempt's time.
    pub connect_timeout: Option<Duration>,
    /// How often a failed attempt is repeated. Default: 2.
    pub max_retries: Option<u32>,
    /// What is `None` is not looked for in the environment: no variable is read, `SSL_CERT_FILE` and `SSL_CERT_DIR`
    /// neither.
    pub no_environment: bool,
}

impl ClientOptions<'_> {
    /// Where Cloudflare's API is.
    pub const DEFAULT_BASE_URL: &'static str = "https://api.cloudflare.com/client/v4";
    /// Of a whole call.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
    /// Of one attempt.
    pub const DEFAULT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
    /// Of connection and TLS.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
    /// How often a failed attempt is repeated.
    pub const DEFAULT_MAX_RETRIES: u32 = 2;

    pub(super) fn base_url(&self, environment: Environment<'_>) -> Result<Setting, Error> {
        if let Some(base_url) = self.base_url {
            return Ok(Setting::explicit(base_url));
        }
        let found = environment.first(&["CLOUDFLARE_BASE_URL"], "base_url")?;
        Ok(found.unwrap_or_else(|| Setting::explicit(Self::DEFAULT_BASE_URL)))
    }
}

impl fmt::Debug for ClientOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redacted = |text: Option<&str>| text.map(|_| "[redacted]");
        f.debug_struct("ClientOptions")
            .field("api_token", &redacted(self.api_token))
            .field("api_email", &self.api_email)
            .field("api_key", &redacted(self.api_key))
            .field("base_url", &self.base_url)
            // It may hold a password.
            .field("proxy_url", &redacted(self.proxy_url))
            .field("ca_file", &self.ca_file)
            .field("user_agent", &self.user_agent)
            .field("timeout", &self.timeout)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_retries", &self.max_retries)
            .field("no_environment", &self.no_environment)
            .finish()
    }
}

/// What differs for one call.
#[derive(Clone, Default)]
pub struct RequestOptions<'a> {
    /// Ends the call when triggered.
    pub cancel: Option<Cancel>,
    /// Called on the calling thread about every 50 ms while the call waits; `true` ends it.
    pub poll: Option<&'a dyn Fn() -> bool>,
    /// Extra header lines, `"Name: value"`, visible ASCII, space and tab. Headers that this library sets itself, or
    /// that change how the request is framed or authenticated, are refused.
    pub headers: &'a [&'a str],
    /// A JSON object whose keys are appended to the request body, in this order. It may not repeat a parameter.
    pub extra_body: Option<&'a str>,
    /// The whole call. Default: the client's.
    pub timeout: Option<Duration>,
    /// Default: the client's.
    pub max_retries: Option<u32>,
}

impl RequestOptions<'_> {
    /// Headers that a caller cannot add, in lower case, because they would contradict what this library sends. A `*`
    /// stands for every name that begins like this.
    pub const REFUSED_HEADERS: [&'static str; 13] = [
        "host",
        "content-*",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "accept-encoding",
        "authorization",
        "proxy-*",
        "x-auth-*",
    ];

    /// For what sends nothing: refuses with this problem what only a request has a use for.
    pub(crate) fn check_nothing_sent(&self, problem: &str) -> Result<(), Error> {
        let unset = [
            ("headers", self.headers.is_empty()),
            ("extra_body", self.extra_body.is_none()),
            ("max_retries", self.max_retries.is_none()),
        ];
        match unset.into_iter().find(|(_, is_unset)| !is_unset) {
            Some((field, _)) => Err(Error::argument(field, problem)),
            None => Ok(()),
        }
    }

    /// As long as a wait is allowed to be.
    pub(crate) fn watch_wait(&self) -> Watch<'_> {
        Watch::new(self.cancel.clone(), self.poll, self.timeout.unwrap_or(MAX_TIMEOUT).min(MAX_TIMEOUT))
    }
}

impl fmt::Debug for RequestOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestOptions")
            .field("cancel", &self.cancel)
            .field("poll", &self.poll.is_some())
            .field("headers", &self.headers.len())
            .field("extra_body", &self.extra_body.is_some())
            .field("timeout", &self.timeout)
            .field("max_retries", &self.max_retries)
            .finish()
    }
}

pub(crate) fn check_timeout(field: &'static str, value: Option<Duration>) -> Result<Option<Duration>, Error> {
    match value {
        Some(Duration::ZERO) => {
            Err(Error::argument(field, "0, expected at least a millisecond, or nothing for the default"))
        }
        other => Ok(other.map(|timeout| timeout.min(MAX_TIMEOUT))),
    }
}

/// The User-Agent header: the caller's words in front of the library's.
pub(super) fn parse_user_agent(option: Option<&str>) -> Result<String, Error> {
    const FIELD: &str = "user_agent";
    let library = concat!("r2creds/", env!("CARGO_PKG_VERSION"));
    match option {
        None => Ok(library.to_owned()),
        Some("") => Err(Error::argument(FIELD, "empty, expected printable ASCII, or nothing")),
        Some(text) if text.len() > MAX_LINE => Err(too_long(FIELD)),
        Some(text) if text.bytes().all(|b| matches!(b, b' '..=b'~')) => Ok(format!("{text} {library}")),
        Some(_) => Err(Error::argument(FIELD, "contains a control or non-ASCII character, expected printable ASCII")),
    }
}

/// A value that becomes a header's: a line break in it would begin another header.
pub(super) fn parse_header_value(field: &'static str, setting: &Setting) -> Result<Secret, Error> {
    let Setting { value, origin } = setting;
    let text = value.as_bytes();
    if text.len() > MAX_LINE {
        return Err(too_long(field));
    }
    let problem = if text.is_empty() {
        "empty"
    } else if !text.iter().all(u8::is_ascii_graphic) {
        "contains a space, a line break, another control character, or a non-ASCII character"
    } else {
        return Ok(value.clone());
    };
    Err(Error::argument(field, format_args!("{origin}{problem}, expected visible ASCII")))
}

pub(super) fn parse_base_url(setting: &Setting) -> Result<Url<'_>, Error> {
    const FIELD: &str = "base_url";
    let Setting { value, origin } = setting;
    let wrong = |problem: &str| {
        Error::argument(FIELD, format_args!("{origin}{problem}, expected https://host/path, or http:// to loopback"))
    };
    if value.len() > MAX_LINE {
        return Err(too_long(FIELD));
    }
    let url = Url::parse(value.as_str()).map_err(wrong)?;
    if !url.is_safe() {
        return Err(wrong("has another scheme, or http to a host that is not loopback"));
    }
    if url.userinfo.is_some() {
        return Err(wrong("contains a user name or password"));
    }
    if !url.rest.is_empty() {
        return Err(wrong("has a query or fragment"));
    }
    if !url.path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&b)) {
        return Err(wrong("has a path with a character that must be percent-encoded"));
    }
    Ok(url)
}

fn too_long(field: &'static str) -> Error {
    Error::argument(field, format_args!("longer than {MAX_LINE} bytes"))
}
