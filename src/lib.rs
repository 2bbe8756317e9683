//! Temporary, scoped credentials for Cloudflare R2, blocking and small.
//!
//! Two ways to the same kind of credential, with one set of [`Params`]:
//!
//! - [`Client::create`] asks Cloudflare's API, with an API token.
//! - [`sign`](sign()) makes it locally from the parent key pair, without any network.
//!
//! The result is [`Credentials`]: access key id, secret access key, session token, endpoint and expiry, for any S3
//! client. A failure is an [`Error`] that says which argument was wrong, what Cloudflare answered, and what to do next.
//! Secrets are never printed and are wiped when dropped.
//!
//! The same library has a C ABI, `include/r2creds.h`, which the other languages use.
//!
//! ```
//! use r2creds::{Params, Permission, sign};
//!
//! let error = sign(&Params { bucket: "My_Bucket", account_id: "a", ..Params::default() }).unwrap_err();
//! assert_eq!(error.field(), Some("bucket"));
//! assert_eq!(error.to_string(), "bucket: contains upper-case letters, expected lower-case letters, digits and hyphens");
//! ```

#![deny(missing_docs, unsafe_code, unsafe_op_in_unsafe_fn)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![warn(clippy::pedantic)]
// The one Error is documented in its place, and what a getter returns is hardly dropped by mistake.
#![allow(clippy::missing_errors_doc, clippy::must_use_candidate, clippy::module_name_repetitions)]

#[cfg(not(any(unix, windows)))]
compile_error!("r2creds needs Unix or Windows");

mod api;
mod clock;
mod credentials;
mod env;
mod error;
pub mod ffi;
mod http;
mod inspect;
mod json;
mod params;
mod process;
mod provider;
mod renewal;
mod secret;
mod sign;
mod sys;
mod table;
mod text;
mod token;
mod url;
mod watch;

pub use api::{Client, ClientOptions, Parent, RequestOptions, Response, TokenKind, get};
pub use credentials::Credentials;
pub use error::{ApiError, Error, Status};
pub use inspect::{Finding, InspectParams, Inspection, inspect};
pub use params::{ACTIONS, Jurisdiction, Params, Permission};
pub use provider::Provider;
pub use sign::sign;
pub use watch::Cancel;

/// For the fuzz targets alone: what the public names do not reach without a network.
#[cfg(fuzzing)]
#[doc(hidden)]
#[allow(missing_docs)]
pub mod fuzz {
    pub use crate::api::fuzz::create_reply;
}
