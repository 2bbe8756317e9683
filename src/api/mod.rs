//! Cloudflare's API: the client, and the calls it can make.

mod authentication;
mod client;
mod create;
mod envelope;
mod get;
mod headers;
mod hints;
mod options;
mod parent;
mod retry;

pub use self::client::Client;
pub use self::get::{Response, get};
pub(crate) use self::options::check_timeout;
pub use self::options::{ClientOptions, RequestOptions};
pub use self::parent::{Parent, TokenKind};

#[cfg(fuzzing)]
#[allow(missing_docs)]
pub mod fuzz {
    use super::{create, envelope, hints, retry};
    use crate::clock;
    use crate::error::Error;
    use crate::http::Reply;

    /// Reads one reply of `create`, head and body, if it is one: its HTTP status, and what comes of it.
    pub fn create_reply(reply: &[u8], secret: &[u8]) -> Option<(u16, Result<(), Error>)> {
        let reply = Reply::whole(reply)?;
        let result = envelope::read(&reply, &[secret], &create::RESULT_FIELDS[1..], hints::of_create, 0)
            .and_then(|answer| create::read(&answer).map(drop))
            .map_err(|error| retry::judged(error, Some(&reply), clock::now()));
        Some((reply.http_status, result))
    }
}
