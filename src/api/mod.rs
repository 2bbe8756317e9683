//! Cloudflare's API: the client, and the calls it can make.

mod authentication;
mod client;
mod create;
mod envelope;
mod headers;
mod hints;
mod options;
mod retry;

pub use self::client::Client;
pub use self::options::{ClientOptions, RequestOptions};

#[cfg(fuzzing)]
#[allow(missing_docs)]
pub mod fuzz {
    use ureq_proto::http::{HeaderMap, HeaderValue};

    use super::{create, envelope, retry};
    use crate::clock;
    use crate::error::Error;
    use crate::http::Reply;

    /// Reads one reply of `create`. `header` is the value of each header that is looked at.
    pub fn create_reply(http_status: u16, header: Option<&str>, body: &[u8], secret: &[u8]) -> Result<(), Error> {
        let value = header.and_then(|text| HeaderValue::from_str(text).ok());
        let names = ["cf-ray", "retry-after", "retry-after-ms", "x-should-retry"];
        let headers: HeaderMap =
            names.into_iter().filter_map(|name| Some((name.parse().ok()?, value.clone()?))).collect();
        let reply = Reply::new(http_status, headers, Some(body.to_vec().into()));
        envelope::read(&reply, &[secret], &create::RESULT_FIELDS[1..], 0)
            .and_then(|answer| create::read(&answer).map(drop))
            .map_err(|error| retry::judged(error, Some(&reply), clock::now()))
    }
}
