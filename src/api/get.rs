//! `get`: one plain GET, by the way that a client's calls take.

use super::options::{ClientOptions, check_timeout, parse_user_agent};
use crate::env::Environment;
use crate::error::Error;
use crate::http::{HeaderText, Http, Reply, Request};
use crate::url::Url;
use crate::watch::Watch;

/// What a server answered, whatever its status.
#[derive(Debug)]
pub struct Response(Reply);

impl Response {
    /// The HTTP status.
    pub fn http_status(&self) -> u16 {
        self.0.http_status
    }

    /// The first header of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<String> {
        self.0.header(name).map(std::borrow::Cow::into_owned)
    }

    /// Empty where it could not be read.
    pub fn body(&self) -> &[u8] {
        self.0.body()
    }
}

/// One GET without authentication and without a second attempt: with the proxy, certificates and timeouts of a client.
/// For programs that try what a credential can do, such as the `doctor` of the command line; no error repeats the URL,
/// which may be presigned.
///
/// Of the options those that authenticate, `base_url` and `max_retries` mean nothing here.
pub fn get(url: &str, options: &ClientOptions<'_>) -> Result<Response, Error> {
    let wrong = |problem: &str| {
        Error::argument("url", format_args!("{problem}, expected https://host/path, or http:// to loopback"))
    };
    let parsed = Url::parse(url).map_err(wrong)?;
    if !parsed.is_safe() || parsed.userinfo.is_some() {
        return Err(wrong("has a user name, another scheme, or http to a host that is not loopback"));
    }
    let timeout = |field, option: Option<_>, default| check_timeout(field, option).map(|t| t.unwrap_or(default));
    let connect_timeout =
        timeout("connect_timeout_ms", options.connect_timeout, ClientOptions::DEFAULT_CONNECT_TIMEOUT)?;
    let attempt_timeout =
        timeout("attempt_timeout_ms", options.attempt_timeout, ClientOptions::DEFAULT_ATTEMPT_TIMEOUT)?;
    let environment = Environment::Process.permitted(!options.no_environment);
    let user_agent = parse_user_agent(options.user_agent)?;
    let http = Http::new(&parsed, options.proxy_url, options.ca_file, connect_timeout, environment, &user_agent)?;
    let request = Request {
        method: "GET",
        url,
        headers: vec![
            ("accept-encoding", HeaderText::Plain("identity")),
            ("user-agent", HeaderText::Plain(&user_agent)),
        ],
        body: b"",
    };
    let mut watch = Watch::new(None, None, timeout("timeout_ms", options.timeout, ClientOptions::DEFAULT_TIMEOUT)?);
    watch.begin_attempt(attempt_timeout);
    http.exchange(&request, &mut watch, &mut true).map(Response)
}
