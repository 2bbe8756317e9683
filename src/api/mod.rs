//! Cloudflare's API: the client, and the calls it can make.

mod client;
mod envelope;
mod retry;

pub use self::client::{Client, ClientOptions, RequestOptions};
