//! The one error of this crate: what happened, where, what Cloudflare said about it, and what to do next.

use std::fmt;
use std::time::Duration;

/// What kind of failure it was. The numbers are those of the C ABI and are only ever appended to;
/// a number's hundred says who is at fault: 1 the caller, 2 the way, 3 Cloudflare, 9 this library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum Status {
    /// An argument is missing, malformed or contradicts another.
    InvalidArgument = 100,
    /// Understood, but not possible in this version.
    Unsupported = 101,
    /// No API token, nor e-mail and key.
    NoAuthentication = 102,
    /// Name lookup, connection, reset, truncated reply, or a proxy that refused.
    Connection = 200,
    /// The certificate or the TLS handshake failed.
    Tls = 201,
    /// A clock ran out.
    Timeout = 202,
    /// Cancelled by the caller.
    Cancelled = 203,
    /// HTTP 400.
    BadRequest = 300,
    /// HTTP 401.
    Authentication = 301,
    /// HTTP 403.
    PermissionDenied = 302,
    /// HTTP 404.
    NotFound = 303,
    /// HTTP 409.
    Conflict = 304,
    /// HTTP 422.
    Unprocessable = 305,
    /// HTTP 429.
    RateLimited = 306,
    /// HTTP 5xx.
    ServerError = 307,
    /// Any other reply that is not 2xx, or a 2xx whose `success` is false.
    ApiError = 308,
    /// A 2xx reply that cannot be used.
    InvalidResponse = 309,
    /// The system refused something this library needs.
    Internal = 900,
    /// A bug in this library, caught at the C boundary.
    Panic = 901,
}

impl Status {
    /// Every status, in the order of its number.
    pub const ALL: [Status; 19] = [
        Status::InvalidArgument,
        Status::Unsupported,
        Status::NoAuthentication,
        Status::Connection,
        Status::Tls,
        Status::Timeout,
        Status::Cancelled,
        Status::BadRequest,
        Status::Authentication,
        Status::PermissionDenied,
        Status::NotFound,
        Status::Conflict,
        Status::Unprocessable,
        Status::RateLimited,
        Status::ServerError,
        Status::ApiError,
        Status::InvalidResponse,
        Status::Internal,
        Status::Panic,
    ];

    /// The number of the C ABI.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The name as C spells it after `R2CREDS_STATUS_`. NUL-terminated inside, for C to borrow.
    pub(crate) const fn c_name(self) -> &'static std::ffi::CStr {
        match self {
            Status::InvalidArgument => c"INVALID_ARGUMENT",
            Status::Unsupported => c"UNSUPPORTED",
            Status::NoAuthentication => c"NO_AUTHENTICATION",
            Status::Connection => c"CONNECTION",
            Status::Tls => c"TLS",
            Status::Timeout => c"TIMEOUT",
            Status::Cancelled => c"CANCELLED",
            Status::BadRequest => c"BAD_REQUEST",
            Status::Authentication => c"AUTHENTICATION",
            Status::PermissionDenied => c"PERMISSION_DENIED",
            Status::NotFound => c"NOT_FOUND",
            Status::Conflict => c"CONFLICT",
            Status::Unprocessable => c"UNPROCESSABLE",
            Status::RateLimited => c"RATE_LIMITED",
            Status::ServerError => c"SERVER_ERROR",
            Status::ApiError => c"API_ERROR",
            Status::InvalidResponse => c"INVALID_RESPONSE",
            Status::Internal => c"INTERNAL",
            Status::Panic => c"PANIC",
        }
    }

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
pub struct Error(Box<Facts>);

/// What an error is made of. Inside the crate the fields are plain; outside there are only readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
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
        Error(Box::new(Facts {
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

    pub(crate) fn facts(&self) -> &Facts {
        &self.0
    }

    pub(crate) fn facts_mut(&mut self) -> &mut Facts {
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
