//! The client, and what all its calls have in common: attempts, and one deadline over all of them.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::authentication::Authentication;
use super::envelope::{self, Answer};
use super::hints::Hints;
use super::options::{ClientOptions, RequestOptions, check_timeout, parse_base_url, parse_user_agent};
use super::{headers, retry};
use crate::clock::{self, unix_now};
use crate::env::Environment;
use crate::error::Error;
use crate::http::{HeaderText, Http, Request};
use crate::secret::Secret;
use crate::sys;
use crate::watch::Watch;

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
///         prefixes: Some(&["camera-7/"]),
///         ..Params::default()
///     },
///     &RequestOptions::default(),
/// )?;
/// println!("valid until {}", credentials.expires_at());
/// # Ok::<(), r2creds::Error>(())
/// ```
pub struct Client {
    http: Http,
    pub(super) authentication: Authentication,
    /// Whether `parent_of_token` has found the token to be an account's.
    pub(super) is_account_token: AtomicBool,
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

/// What one call of the API sends.
pub(super) struct Call<'a> {
    pub method: &'static str,
    /// What follows the base URL, with its leading slash.
    pub path: String,
    /// JSON, or empty.
    pub body: Secret,
    /// What no error may repeat, besides the client's own secrets.
    pub secrets: Vec<&'a [u8]>,
    /// The fields of the result that no error may repeat.
    pub secret_fields: &'static [&'static str],
    /// What its refusals mean.
    pub hints: Hints,
}

impl Client {
    /// Settles authentication, proxy and certificates. Only here, and in [`get`](crate::get), the environment is read.
    pub fn new(options: &ClientOptions<'_>) -> Result<Self, Error> {
        Self::new_in(Environment::Process, options)
    }

    pub(crate) fn new_in(environment: Environment<'_>, options: &ClientOptions<'_>) -> Result<Self, Error> {
        let environment = environment.permitted(!options.no_environment);
        let authentication = Authentication::choose(options, environment)?;
        let timeout =
            |field, option: Option<Duration>, default| check_timeout(field, option).map(|t| t.unwrap_or(default));
        let user_agent = parse_user_agent(options.user_agent)?;
        let connect_timeout =
            timeout("connect_timeout_ms", options.connect_timeout, ClientOptions::DEFAULT_CONNECT_TIMEOUT)?;
        let base_url = options.base_url(environment)?;
        let url = parse_base_url(&base_url)?;
        let base_url = base_url.value.as_str();
        Ok(Client {
            http: Http::new(&url, options.proxy_url, options.ca_file, connect_timeout, environment, &user_agent)?,
            authentication,
            is_account_token: AtomicBool::new(false),
            base_url: base_url.strip_suffix('/').unwrap_or(base_url).to_owned(),
            user_agent,
            timeout: timeout("timeout_ms", options.timeout, ClientOptions::DEFAULT_TIMEOUT)?,
            attempt_timeout: timeout(
                "attempt_timeout_ms",
                options.attempt_timeout,
                ClientOptions::DEFAULT_ATTEMPT_TIMEOUT,
            )?,
            max_retries: options.max_retries.unwrap_or(ClientOptions::DEFAULT_MAX_RETRIES),
        })
    }

    /// Starts the clock of a call.
    pub(super) fn watch<'a>(&self, options: &RequestOptions<'a>) -> Result<Watch<'a>, Error> {
        let timeout = check_timeout("timeout_ms", options.timeout)?.unwrap_or(self.timeout);
        Ok(Watch::new(options.cancel.clone(), options.poll, timeout))
    }

    /// All headers of a request.
    pub(super) fn headers<'a>(
        &'a self,
        call: &Call<'_>,
        options: &RequestOptions<'a>,
    ) -> Result<Vec<(&'a str, HeaderText<'a>)>, Error> {
        headers::build(&self.authentication, &self.user_agent, call.body.len() > 0, options.headers)
    }

    /// Sends a request until it is answered, or must not be sent again. `read` makes the result of a success.
    pub(super) fn call<T>(
        &self,
        call: &Call<'_>,
        options: &RequestOptions<'_>,
        watch: &mut Watch<'_>,
        read: impl Fn(&Answer<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let body = call.body.as_bytes();
        let request = Request {
            method: call.method,
            url: &format!("{}{}", self.base_url, call.path),
            headers: self.headers(call, options)?,
            body,
        };
        let mut secrets = call.secrets.clone();
        secrets.push(self.authentication.secret().as_bytes());
        secrets.extend(self.http.proxy_password().map(Secret::as_bytes));
        let max_retries = options.max_retries.unwrap_or(self.max_retries);

        watch.check("before the first attempt").map_err(|error| retry::judged(error, None, clock::now()))?;
        let (mut attempts, mut may_reuse) = (0, true);
        loop {
            let mut error = match self.attempt(call, &request, &secrets, watch, &mut may_reuse, &read) {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            error.data_mut().attempts = attempts + 1;
            if !error.retryable() || attempts >= max_retries {
                return Err(error);
            }
            // Without randomness every client of an outage would come back at the same moment.
            let [random, ..] = sys::random().to_ne_bytes();
            match retry::next_wait(attempts, error.retry_after(), random) {
                Some(wait) if watch.has_time_for(wait) => {
                    if let Err(ended) = watch.sleep(wait) {
                        error = retry::judged(ended, None, clock::now());
                        error.data_mut().attempts = attempts + 1;
                        return Err(error);
                    }
                }
                _ => return Err(error),
            }
            attempts += 1;
        }
    }

    fn attempt<T>(
        &self,
        call: &Call<'_>,
        request: &Request<'_>,
        secrets: &[&[u8]],
        watch: &mut Watch<'_>,
        may_reuse: &mut bool,
        read: impl Fn(&Answer<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        watch.begin_attempt(self.attempt_timeout);
        let asked_at = unix_now()?;
        let reply =
            self.http.exchange(request, watch, may_reuse).map_err(|error| retry::judged(error, None, clock::now()))?;
        envelope::read(&reply, secrets, call.secret_fields, call.hints, asked_at)
            .and_then(|answer| read(&answer))
            .map_err(|error| retry::judged(error, Some(&reply), clock::now()))
    }
}
