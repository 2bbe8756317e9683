//! The one error of this crate: what happened, where, what Cloudflare said about it, and what to do next.

use std::fmt;
use std::time::Duration;

use crate::table::table;

table! {
    /// What kind of failure it was. The numbers are those of the C ABI and are only ever appended to;
    /// a number's hundred says who is at fault: 1 the caller, 2 the way, 3 Cloudflare, 9 this library.
    ///
    /// The spelling is what C has after `R2CREDS_STATUS_`.
    pub enum Status: "status" {
        /// An argument is missing, malformed or contradicts another.
        InvalidArgument = 100 => "INVALID_ARGUMENT",
        /// Understood, but not possible in this version.
        Unsupported = 101 => "UNSUPPORTED",
        /// No API token, nor e-mail and key.
        NoAuthentication = 102 => "NO_AUTHENTICATION",
        /// Name lookup, connection, reset, truncated reply, or a proxy that refused.
        Connection = 200 => "CONNECTION",
        /// The certificate or the TLS handshake failed.
        Tls = 201 => "TLS",
        /// A clock ran out.
        Timeout = 202 => "TIMEOUT",
        /// Cancelled by the caller.
        Cancelled = 203 => "CANCELLED",
        /// HTTP 400.
        BadRequest = 300 => "BAD_REQUEST",
        /// HTTP 401.
        Authentication = 301 => "AUTHENTICATION",
        /// HTTP 403.
        PermissionDenied = 302 => "PERMISSION_DENIED",
        /// HTTP 404.
        NotFound = 303 => "NOT_FOUND",
        /// HTTP 409.
        Conflict = 304 => "CONFLICT",
        /// HTTP 422.
        Unprocessable = 305 => "UNPROCESSABLE",
        /// HTTP 429.
        RateLimited = 306 => "RATE_LIMITED",
        /// HTTP 5xx.
        ServerError = 307 => "SERVER_ERROR",
        /// Any other reply that is not 2xx, or a 2xx whose `success` is false.
        ApiError = 308 => "API_ERROR",
        /// A 2xx reply that cannot be used.
        InvalidResponse = 309 => "INVALID_RESPONSE",
        /// The system refused something this library needs.
        Internal = 900 => "INTERNAL",
        /// A bug in this library, caught at the C boundary.
        Panic = 901 => "PANIC",
    }
}

impl Status {
    /// The status of an HTTP reply that is not 2xx.
    pub(crate) fn of_http(http_status: u16) -> Self {
        match http_status {
            400 => Status::BadRequest,
            401 => Status::Authentication,
            403 => Status::PermissionDenied,
            404 => Status::NotFound,
            409 => Status::Conflict,
            422 => Status::Unprocessable,
            429 => Status::RateLimited,
            500..=599 => Status::ServerError,
            _ => Status::ApiError,
        }
    }
}

/// One entry of the `errors` array in Cloudflare's reply; entries of a nested `error_chain` follow their parent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiError {
    /// Cloudflare's number, such as 10000; 0 where absent.
    pub code: i64,
    /// Cloudflare's text.
    pub message: Option<String>,
    /// Where Cloudflare explains it.
    pub documentation_url: Option<String>,
    /// JSON pointer to the part of the request at fault.
    pub pointer: Option<String>,
}

/// Why a call failed. Holds no secret, in `Debug` neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<ErrorData>);

/// What an error is made of. Inside the crate the fields are plain; outside there are only readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorData {
    pub status: Status,
    pub message: String,
    pub hint: Option<&'static str>,
    pub field: Option<&'static str>,
    pub request_id: Option<String>,
    pub errors: Vec<ApiError>,
    pub messages: Vec<String>,
    pub retry_after: Option<Duration>,
    pub http_status: u16,
    pub retryable: bool,
    pub attempts: u32,
    /// The HTTP status of a proxy that refused; 0: none did.
    pub proxy_status: u16,
}

impl Error {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Error(Box::new(ErrorData {
            status,
            message: message.into(),
            hint: None,
            field: None,
            request_id: None,
            errors: Vec::new(),
            messages: Vec::new(),
            retry_after: None,
            http_status: 0,
            retryable: false,
            attempts: 0,
            proxy_status: 0,
        }))
    }

    /// A bad argument. `problem` says its shape and what was expected, never its value: secrets get pasted into the
    /// wrong field.
    pub(crate) fn argument(field: &'static str, problem: impl fmt::Display) -> Self {
        let mut error = Error::new(Status::InvalidArgument, format!("{field}: {problem}"));
        error.0.field = Some(field);
        error
    }

    pub(crate) fn unsupported(field: &'static str, problem: impl fmt::Display) -> Self {
        let mut error = Error::new(Status::Unsupported, format!("{field}: {problem}"));
        error.0.field = Some(field);
        error
    }

    pub(crate) fn panicked() -> Self {
        Error::new(Status::Panic, "a bug in r2creds was caught; nothing was returned")
            .hinted("Please report it with the line that was printed to standard error.")
    }

    pub(crate) fn cancelled() -> Self {
        Error::new(Status::Cancelled, "the call was cancelled")
    }

    pub(crate) fn hinted(mut self, hint: &'static str) -> Self {
        self.0.hint = Some(hint);
        self
    }

    pub(crate) fn with_reply(mut self, http_status: u16, request_id: Option<String>) -> Self {
        self.0.http_status = http_status;
        self.0.request_id = request_id;
        self
    }

    pub(crate) fn with_proxy_status(mut self, http_status: u16) -> Self {
        self.0.proxy_status = http_status;
        self
    }

    pub(crate) fn data(&self) -> &ErrorData {
        &self.0
    }

    pub(crate) fn data_mut(&mut self) -> &mut ErrorData {
        &mut self.0
    }

    /// What kind of failure it was.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// One line for a person.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The likely cause and the next step, where they are known.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint
    }

    /// The argument at fault, as it is spelled in [`Params`](crate::Params) or
    /// [`ClientOptions`](crate::ClientOptions).
    pub fn field(&self) -> Option<&str> {
        self.0.field
    }

    /// Cloudflare's CF-Ray of the reply, to quote to its support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Cloudflare's own errors; at most 64 are kept.
    pub fn errors(&self) -> &[ApiError] {
        &self.0.errors
    }

    /// Cloudflare's own messages; at most 64 are kept.
    pub fn messages(&self) -> &[String] {
        &self.0.messages
    }

    /// How long the server asked to wait, whenever that can be read.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The reply's HTTP status, or `None` where there was no reply.
    pub fn http_status(&self) -> Option<u16> {
        (self.0.http_status != 0).then_some(self.0.http_status)
    }

    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        self.0.retryable
    }

    /// How many attempts were made; 0: nothing was sent.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::error::Error for Error {}
