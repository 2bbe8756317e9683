//! What goes over the wire, to anybody who speaks HTTP: a request, and its reply.

use std::borrow::Cow;

use ureq_proto::http::HeaderMap;

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
    headers: HeaderMap,
    /// `None`: it was larger than [`MAX_BODY`].
    body: Option<Secret>,
}

impl Reply {
    pub fn new(http_status: u16, headers: HeaderMap, body: Option<Secret>) -> Self {
        Reply { http_status, headers, body }
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
    }

    /// Whether it has a Content-Encoding, so that the body is not what it seems.
    pub fn is_encoded(&self) -> bool {
        self.header("content-encoding").is_some_and(|coding| {
            let coding = coding.trim();
            !coding.is_empty() && !coding.eq_ignore_ascii_case("identity")
        })
    }

    pub fn is_oversized(&self) -> bool {
        self.body.is_none()
    }

    /// Nothing where it was too large.
    pub fn body(&self) -> &[u8] {
        self.body.as_ref().map(Secret::as_bytes).unwrap_or_default()
    }
}
