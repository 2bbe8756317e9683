//! What goes over the wire, to anybody who speaks HTTP: a request, and its reply.

use std::borrow::Cow;

use super::head::{Headers, Unreadable};
use crate::secret::Secret;

/// The largest body that is read: a thousand times what a call is answered with.
pub(super) const MAX_BODY: usize = 1024 * 1024;

pub(crate) struct Request<'a> {
    /// `GET` or `POST`.
    pub method: &'static str,
    pub url: &'a str,
    /// Names and values, which were checked to be visible ASCII, space and tab.
    pub headers: Vec<(&'a str, HeaderText<'a>)>,
    /// `GET` has none.
    pub body: &'a [u8],
}

pub(crate) enum HeaderText<'a> {
    Plain(&'a str),
    Secret(Secret),
}

impl HeaderText<'_> {
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            HeaderText::Plain(text) => text.as_bytes(),
            HeaderText::Secret(secret) => secret.as_bytes(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub http_status: u16,
    headers: Headers,
    body: Result<Secret, Unreadable>,
}

impl Reply {
    pub fn new(http_status: u16, headers: Headers, body: Result<Secret, Unreadable>) -> Self {
        Reply { http_status, headers, body }
    }

    /// A reply whose body is all that follows its head.
    #[cfg(fuzzing)]
    pub fn whole(bytes: &[u8]) -> Option<Self> {
        let (head, body) = bytes.split_at_checked(super::head::length(bytes)?)?;
        let head = super::head::read(head)?;
        Some(Reply::new(head.http_status, head.headers, head.framing.map(|_| body.to_vec().into())))
    }

    /// The first header of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers.first(name)
    }

    /// Whether it has a Content-Encoding, so that the body is not what it seems.
    pub fn is_encoded(&self) -> bool {
        self.header("content-encoding").is_some_and(|coding| {
            let coding = coding.trim();
            !coding.is_empty() && !coding.eq_ignore_ascii_case("identity")
        })
    }

    pub fn unreadable(&self) -> Option<&Unreadable> {
        self.body.as_ref().err()
    }

    /// Nothing where it could not be read.
    pub fn body(&self) -> &[u8] {
        self.body.as_ref().map(Secret::as_bytes).unwrap_or_default()
    }
}
