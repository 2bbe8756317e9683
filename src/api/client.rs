//! The API call: authentication, URL, body, attempts, and one deadline over all of it.

use std::fmt;
use std::time::Duration;

use super::{envelope, retry};
use crate::clock::unix_now;
use crate::credentials::{Credentials, Draft, Facts};
use crate::env;
use crate::error::{Error, Status};
use crate::http::{HeaderText, Http, Request};
use crate::json::Object;
use crate::params::{CreateGrant, Params};
use crate::secret::Secret;
use crate::url::Url;
use crate::watch::{Cancel, Poll, Watch};

const DEFAULT_BASE_URL: &str = "https://api.cloudflare.com/client/v4";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_MAX_RETRIES: u32 = 2;
/// Servers refuse longer header lines and URLs, and more headers; better told before they are sent.
const MAX_LINE: usize = 16 * 1024;
const MAX_HEADERS: usize = 1000;
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
    /// A PEM file whose certificates are trusted instead of all others. Default: the system's roots, or Mozilla's
    /// bundled ones where the system has none.
    pub ca_file: Option<&'a str>,
    /// Printable ASCII, put in front of `r2creds/<version>` in the User-Agent header.
    pub user_agent: Option<&'a str>,
    /// A whole call: every attempt, wait and body. Default: 60 s.
    pub timeout: Option<Duration>,
    /// One attempt. Default: 20 s.
    pub attempt_timeout: Option<Duration>,
    /// Name lookup, connection and TLS of one attempt. Default: 5 s.
    pub connect_timeout: Option<Duration>,
    /// How often a failed attempt is repeated. Default: 2.
    pub max_retries: Option<u32>,
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
            .finish()
    }
}

/// What differs for one call.
#[derive(Clone, Default)]
pub struct RequestOptions<'a> {
    /// Ends the call when triggered.
    pub cancel: Option<Cancel>,
    /// Called on the calling thread about every 50 ms while the call waits; `true` ends it.
    pub poll: Option<Poll>,
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

/// One scheme is sent, never two.
enum Authentication {
    Token(Secret),
    Key { email: String, key: Secret },
}

/// Makes calls to Cloudflare's API. Any number of threads may use one at once; connections are kept between calls.
/// `Debug` shows no secret.
///
/// ```no_run
/// use r2creds::{Client, ClientOptions, Params, Permission, RequestOptions};
///
/// let client = Client::new(&ClientOptions::default())?; // CLOUDFLARE_API_TOKEN
/// let credentials = client.create(
///     &Params {
///         account_id: "023e105f4ecef8ad9ca31a8372d0c353",
///         bucket: "recordings",
///         parent_access_key_id: "0123456789abcdef0123456789abcdef",
///         permission: Some(Permission::ObjectReadWrite),
///         prefixes: &["camera-7/"],
///         ..Params::default()
///     },
///     &RequestOptions::default(),
/// )?;
/// println!("valid until {}", credentials.expires_at());
/// # Ok::<(), r2creds::Error>(())
/// ```
pub struct Client {
    http: Http,
    authentication: Authentication,
    /// Without a trailing slash.
    base_url: String,
    user_agent: String,
    timeout: Duration,
    attempt_timeout: Duration,
    max_retries: u32,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.base_url)
            .field("user_agent", &self.user_agent)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Settles authentication, proxy and certificates. The only place where the environment is read.
    pub fn new(options: &ClientOptions<'_>) -> Result<Self, Error> {
        let authentication = Authentication::choose(options)?;
        let timeout =
            |field, option: Option<Duration>, default| check_timeout(field, option).map(|t| t.unwrap_or(default));
        let user_agent = match options.user_agent {
            None => String::new(),
            Some("") => return Err(Error::argument("user_agent", "empty, expected printable ASCII, or nothing")),
            Some(text) if text.len() > MAX_LINE => return Err(too_long("user_agent")),
            Some(text) if text.bytes().all(|b| matches!(b, b' '..=b'~')) => format!("{text} "),
            Some(_) => {
                return Err(Error::argument(
                    "user_agent",
                    "contains a control or non-ASCII character, expected printable ASCII",
                ));
            }
        };
        let from_environment = match options.base_url {
            Some(_) => None,
            None => env::first(&["CLOUDFLARE_BASE_URL"], "base_url")?,
        };
        let (base_url, origin) = match (options.base_url, &from_environment) {
            (Some(base_url), _) => (base_url, ""),
            (None, Some(found)) => (found.value.as_str(), "CLOUDFLARE_BASE_URL in the environment: "),
            (None, None) => (DEFAULT_BASE_URL, ""),
        };
        let connect_timeout = timeout("connect_timeout_ms", options.connect_timeout, DEFAULT_CONNECT_TIMEOUT)?;
        let url = parse_base_url(base_url, origin)?;
        Ok(Client {
            http: Http::new(&url, options.proxy_url, options.ca_file, connect_timeout)?,
            authentication,
            base_url: base_url.strip_suffix('/').unwrap_or(base_url).to_owned(),
            user_agent: format!("{user_agent}r2creds/{}", env!("CARGO_PKG_VERSION")),
            timeout: timeout("timeout_ms", options.timeout, DEFAULT_TIMEOUT)?,
            attempt_timeout: timeout("attempt_timeout_ms", options.attempt_timeout, DEFAULT_ATTEMPT_TIMEOUT)?,
            max_retries: options.max_retries.unwrap_or(DEFAULT_MAX_RETRIES),
        })
    }

    /// Asks Cloudflare for a credential. Needs `permission`; refuses `actions` and `issued_at`, which the API does not
    /// have. Blocks until there is a result, at most the call's timeout.
    pub fn create(&self, params: &Params<'_>, options: &RequestOptions<'_>) -> Result<Credentials, Error> {
        let timeout = check_timeout("timeout_ms", options.timeout)?.unwrap_or(self.timeout);
        let mut watch = Watch::new(options.cancel.clone(), options.poll.clone(), timeout);
        let grant = params.for_create()?;
        let body = body(params, &grant, options.extra_body)?;
        let url = format!("{}/accounts/{}/r2/temp-access-credentials", self.base_url, params.account_id);
        let request = Request { url: &url, headers: self.headers(options.headers)?, body: body.as_bytes() };
        let max_retries = options.max_retries.unwrap_or(self.max_retries);

        watch.check("before the first attempt")?;
        let mut attempt = 0;
        loop {
            let mut error = match self.attempt(params, &grant, &request, &mut watch) {
                Ok(credentials) => return Ok(credentials),
                Err(error) => error,
            };
            error.facts_mut().attempts = attempt + 1;
            if !error.retryable() || attempt >= max_retries {
                return Err(error);
            }
            match retry::next_wait(attempt, error.retry_after(), random()) {
                Some(wait) if watch.has_time_for(wait) => {
                    if let Err(mut ended) = watch.sleep(wait) {
                        ended.facts_mut().attempts = attempt + 1;
                        return Err(ended);
                    }
                }
                _ => return Err(error),
            }
            attempt += 1;
        }
    }

    fn attempt(
        &self,
        params: &Params<'_>,
        grant: &CreateGrant<'_>,
        request: &Request<'_>,
        watch: &mut Watch,
    ) -> Result<Credentials, Error> {
        watch.begin_attempt(self.attempt_timeout);
        let before = unix_now()?;
        let reply = self.http.exchange(request, watch)?;
        let mut secrets: Vec<&[u8]> = vec![match &self.authentication {
            Authentication::Token(secret) | Authentication::Key { key: secret, .. } => secret.as_bytes(),
        }];
        secrets.extend(self.http.proxy_password().map(Secret::as_bytes));
        secrets.extend(params.parent_secret_access_key.map(str::as_bytes));
        let minted = envelope::read(&reply, &secrets)?;
        let token = minted.session_token.as_bytes();
        let mut draft = Draft::new(minted.access_key_id.as_bytes(), token.len(), &grant.endpoint);
        draft.token().push(token);
        let expires_at = minted.expires_at.unwrap_or(before.saturating_add(i64::from(grant.ttl_seconds)));
        let facts = Facts { request_id: minted.request_id, issued_at: before, expires_at };
        Ok(draft.finish(minted.secret_access_key.as_bytes(), facts))
    }

    fn headers<'h>(&'h self, extra: &[&'h str]) -> Result<Vec<(&'h str, HeaderText<'h>)>, Error> {
        let mut headers = vec![
            ("accept", HeaderText::Plain("application/json")),
            ("accept-encoding", HeaderText::Plain("identity")),
            ("content-type", HeaderText::Plain("application/json")),
            ("user-agent", HeaderText::Plain(&self.user_agent)),
        ];
        match &self.authentication {
            Authentication::Token(token) => {
                let mut value = Secret::with_capacity(7 + token.len());
                value.push(b"Bearer ");
                value.push(token.as_bytes());
                headers.push(("authorization", HeaderText::Secret(value)));
            }
            Authentication::Key { email, key } => {
                headers.push(("x-auth-email", HeaderText::Plain(email)));
                headers.push(("x-auth-key", HeaderText::Secret(key.clone())));
            }
        }
        if extra.len() > MAX_HEADERS {
            return Err(Error::argument("headers", format_args!("more than {MAX_HEADERS}")));
        }
        for (at, line) in extra.iter().enumerate() {
            let (name, value) = check_header(line)
                .map_err(|problem| Error::argument("headers", format_args!("entry {at} {problem}")))?;
            if name.eq_ignore_ascii_case("user-agent") || name.eq_ignore_ascii_case("accept") {
                headers.retain(|(ours, _)| !ours.eq_ignore_ascii_case(name));
            }
            headers.push((name, HeaderText::Plain(value)));
        }
        Ok(headers)
    }
}

impl Authentication {
    fn choose(options: &ClientOptions<'_>) -> Result<Self, Error> {
        let explicit = |field, option| check_header_secret(field, option, "");
        let token = explicit("api_token", options.api_token)?;
        let (email, key) = (explicit("api_email", options.api_email)?, explicit("api_key", options.api_key)?);
        if email.is_some() != key.is_some() {
            let (missing, given) = if email.is_some() { ("api_key", "api_email") } else { ("api_email", "api_key") };
            return Err(Error::argument(missing, format_args!("not set, but {given} is; expected both or neither")));
        }
        let pair = |email: Secret, key| Authentication::Key { email: email.as_str().to_owned(), key };
        if let Some(token) = token {
            return Ok(Authentication::Token(token));
        }
        if let (Some(email), Some(key)) = (email, key) {
            return Ok(pair(email, key));
        }
        let environment = |name, field| -> Result<Option<Secret>, Error> {
            let Some(found) = env::first(&[name], field)? else { return Ok(None) };
            check_header_secret(field, Some(found.value.as_str()), &format!("{name} in the environment: "))
        };
        if let Some(token) = environment("CLOUDFLARE_API_TOKEN", "api_token")? {
            return Ok(Authentication::Token(token));
        }
        let email = environment("CLOUDFLARE_EMAIL", "api_email")?;
        let key = environment("CLOUDFLARE_API_KEY", "api_key")?;
        match (email, key) {
            (Some(email), Some(key)) => Ok(pair(email, key)),
            _ => Err(Error::new(
                Status::NoAuthentication,
                "no authentication: set api_token, or CLOUDFLARE_API_TOKEN in the environment \
                 (or the older pair: api_email and api_key, CLOUDFLARE_EMAIL and CLOUDFLARE_API_KEY)",
            )),
        }
    }
}

fn too_long(field: &'static str) -> Error {
    Error::argument(field, format_args!("longer than {MAX_LINE} bytes"))
}

/// A value that becomes part of a header: a line break in it would begin another one.
fn check_header_secret(field: &'static str, value: Option<&str>, origin: &str) -> Result<Option<Secret>, Error> {
    let Some(text) = value else { return Ok(None) };
    if text.len() > MAX_LINE {
        return Err(too_long(field));
    }
    let problem = if text.is_empty() {
        "empty"
    } else if !text.bytes().all(|b| b.is_ascii_graphic()) {
        "contains a space, a line break, another control character, or a non-ASCII character"
    } else {
        return Ok(Some(Secret::from(text)));
    };
    Err(Error::argument(field, format_args!("{origin}{problem}, expected visible ASCII")))
}

fn check_timeout(field: &'static str, value: Option<Duration>) -> Result<Option<Duration>, Error> {
    match value {
        Some(Duration::ZERO) => {
            Err(Error::argument(field, "0, expected at least a millisecond, or nothing for the default"))
        }
        other => Ok(other.map(|timeout| timeout.min(MAX_TIMEOUT))),
    }
}

fn parse_base_url<'a>(text: &'a str, origin: &str) -> Result<Url<'a>, Error> {
    let wrong = |problem: &str| {
        Error::argument(
            "base_url",
            format_args!("{origin}{problem}, expected https://host/path, or http:// to loopback"),
        )
    };
    if text.len() > MAX_LINE {
        return Err(too_long("base_url"));
    }
    let url = Url::parse(text).map_err(wrong)?;
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

/// Names, in lower case, that would contradict what this library sends.
const REFUSED_HEADERS: [&str; 10] = [
    "host",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "accept-encoding",
    "authorization",
];
const REFUSED_HEADER_FAMILIES: [&str; 3] = ["content-", "proxy-", "x-auth-"];

fn check_header(line: &str) -> Result<(&str, &str), &'static str> {
    if line.len() > MAX_LINE {
        return Err("is longer than 16384 bytes");
    }
    let (name, value) = line.split_once(':').ok_or("has no colon, expected \"Name: value\"")?;
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err("has a name with other characters than letters, digits and !#$%&'*+-.^_`|~");
    }
    if !value.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')) {
        return Err("has a value with a control or non-ASCII character, expected visible ASCII, space and tab");
    }
    let lower = name.to_ascii_lowercase();
    if REFUSED_HEADERS.contains(&lower.as_str())
        || REFUSED_HEADER_FAMILIES.iter().any(|family| lower.starts_with(family))
    {
        return Err("names a header that this library sets itself, or that changes framing or authentication");
    }
    Ok((name, value.trim_matches([' ', '\t'])))
}

/// The parameters in the API's own order and spelling.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    bucket: &'a str,
    parent_access_key_id: &'a str,
    permission: &'a str,
    ttl_seconds: u32,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    objects: &'a [&'a str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    prefixes: &'a [&'a str],
}

const BODY_FIELDS: [&str; 6] = ["bucket", "parentAccessKeyId", "permission", "ttlSeconds", "objects", "prefixes"];

fn body(params: &Params<'_>, grant: &CreateGrant<'_>, extra_body: Option<&str>) -> Result<Secret, Error> {
    let fields = Body {
        bucket: params.bucket,
        parent_access_key_id: params.parent_access_key_id,
        permission: grant.permission.as_str(),
        ttl_seconds: grant.ttl_seconds,
        objects: params.objects,
        prefixes: params.prefixes,
    };
    let mut body = serde_json::to_vec(&fields)
        .map(Secret::from)
        .map_err(|error| Error::new(Status::Internal, format!("the request body could not be built: {error}")))?;
    let Some(extra) = extra_body else { return Ok(body) };
    let extra = Object::parse(extra).ok_or_else(|| {
        Error::argument("extra_body", "not a JSON object, expected for example {\"name\": \"value\"}")
    })?;
    body.pop();
    for (at, entry) in extra.entries().iter().enumerate() {
        // Up and down again folds the two letters outside ASCII that some parsers take for s and k.
        let folded = entry.key.as_str().to_uppercase().to_lowercase();
        if BODY_FIELDS.iter().any(|field| field.eq_ignore_ascii_case(&folded)) {
            return Err(Error::argument(
                "extra_body",
                format_args!("key {at} repeats a parameter, expected none of {}", BODY_FIELDS.join(", ")),
            ));
        }
        for piece in [",", entry.raw_key, ":", entry.raw_value] {
            body.push(piece.as_bytes());
        }
    }
    body.push(b"}");
    Ok(body)
}

/// For the jitter between attempts: without randomness every client of an outage would come back at the same moment.
fn random() -> u8 {
    let mut byte = [0];
    // If the system has none, all of the quarter stays on.
    let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut byte);
    byte[0]
}
