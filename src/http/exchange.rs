//! One request and its reply, over an open connection.
//!
//! The HTTP is ureq's: `ureq-proto`, the protocol engine that ureq is built on, turns a request into bytes and
//! received bytes into a reply, framing and reuse rules included. It works on buffers and does no input or output, so
//! the waiting stays with `Watch` and the buffers are ones that are wiped. ureq's own `Agent` cannot do that as
//! simply: it owns its transport and demands that it be `Send + Sync + 'static`, so that a call could hand its clocks
//! and its caller's `poll` to the socket only through a lock that the two share, and `poll` would have to be
//! thread-safe for that alone.

use std::fmt::Display;

use bytes::Bytes;
use ureq_proto::BodyMode;
use ureq_proto::client::state::{RecvBody, RecvResponse};
use ureq_proto::client::{Call, RecvBodyResult, RecvResponseResult, SendRequestResult};
use ureq_proto::http::header::CONTENT_LENGTH;
use ureq_proto::http::{self, HeaderValue};

use super::buffers::Input;
use super::head::{self, Head, Unreadable};
use super::message::{HeaderText, MAX_BODY, Reply, Request};
use super::stream::Stream;
use crate::error::{Error, Status};
use crate::secret::Secret;
use crate::watch::Watch;

/// The longest head of a reply that is read. A few kilobytes are usual.
const MAX_HEAD: usize = 64 * 1024;
/// The most that is received before some of it is read. It bounds the lines between the chunks of a body.
const MAX_UNREAD: usize = 2 * MAX_HEAD;

type Sent = Result<(), Error>;

/// A connection to the server. One call uses it at a time.
pub struct Connection {
    pub stream: Stream,
    input: Input,
    /// Whether anything of the last exchange's reply came.
    pub has_reply: bool,
    /// Whether the last exchange ended such that another may follow it.
    pub may_be_kept: bool,
}

impl Connection {
    pub fn new(stream: Stream) -> Self {
        Connection { stream, input: Input::default(), has_reply: false, may_be_kept: false }
    }

    pub fn exchange(&mut self, request: &Request<'_>, watch: &mut Watch<'_>) -> Result<Reply, Error> {
        (self.has_reply, self.may_be_kept) = (false, false);
        let (call, sent) = self.send(request, watch)?;
        let is_sent = sent.is_ok();
        let head = match sent {
            Ok(()) => self.receive_head(watch)?,
            // A server that will not take so much answers before it has read it all, and closes. What it answered says
            // more than the write that failed.
            Err(error) if error.status() == Status::Connection => self.receive_head(watch).map_err(|_| error)?,
            Err(error) => return Err(error),
        };
        let body = match head.framing {
            Ok(framing) => self.receive_body(call, &framing, watch)?,
            Err(unreadable) => Err(unreadable),
        };
        self.may_be_kept &= is_sent;
        Ok(Reply::new(head.http_status, head.headers, body))
    }

    /// Sends head and body, in one write if the kernel takes it, and says how that went.
    fn send(&mut self, request: &Request<'_>, watch: &mut Watch<'_>) -> Result<(Call<RecvResponse>, Sent), Error> {
        let mut call = Call::new(head_of(request)?).map_err(unbuildable)?.proceed();
        // Of the URL, the host goes into a header besides.
        let headers: usize = request.headers.iter().map(|(name, text)| name.len() + text.as_bytes().len() + 4).sum();
        let room = 2 * request.url.len() + headers + 256;
        let mut bytes = Secret::with_capacity(room + request.body.len());
        bytes.append_some(room, |to| call.write(to)).map_err(unbuildable)?;
        let call = match call.proceed().map_err(unbuildable)? {
            Some(SendRequestResult::SendBody(mut call)) => {
                call.consume_direct_write(request.body.len()).map_err(unbuildable)?;
                bytes.push(request.body);
                call.proceed()
            }
            Some(SendRequestResult::RecvResponse(call)) => Some(call),
            Some(SendRequestResult::Await100(_)) | None => None,
        };
        let call = call.ok_or_else(|| unbuildable("it has an unexpected form"))?;
        Ok((call, self.stream.write_all(bytes.as_bytes(), watch, "sending the request")))
    }

    /// The head of the final reply; interim ones (1xx) are skipped.
    fn receive_head(&mut self, watch: &mut Watch<'_>) -> Result<Head, Error> {
        loop {
            let unread = self.input.unread();
            if !head::is_http(unread) {
                return Err(no_http());
            }
            let length = head::length(unread);
            let is_too_large = length.unwrap_or(unread.len()) > MAX_HEAD;
            if length.is_some() || is_too_large {
                let length = length.unwrap_or(unread.len());
                let mut head = head::read(unread.get(..length).unwrap_or_default()).ok_or_else(no_http)?;
                self.input.consume(length);
                if is_too_large {
                    head.framing = Err(Unreadable::TooLarge("the reply's headers are larger than 64 KiB"));
                }
                // Nobody asked for 101, so nothing comes after it.
                if head.http_status >= 200 || head.http_status == 101 {
                    return Ok(head);
                }
            } else if self.receive(watch)? == 0 {
                return Err(cut_short());
            }
        }
    }

    /// The body, which ends where the engine says, or why it cannot be read.
    fn receive_body(
        &mut self,
        mut call: Call<RecvResponse>,
        framing: &[u8],
        watch: &mut Watch<'_>,
    ) -> Result<Result<Secret, Unreadable>, Error> {
        if !matches!(call.try_response(framing, false), Ok((_, Some(_)))) {
            return Ok(Err(malformed("its content-length or transfer-encoding cannot be understood")));
        }
        let (body, must_close) = match call.proceed() {
            Some(RecvResponseResult::RecvBody(mut call)) => {
                let body = self.read_body(&mut call, watch)?;
                let must_close = match call.proceed() {
                    Some(RecvBodyResult::Cleanup(call)) => call.must_close_connection(),
                    Some(RecvBodyResult::Redirect(call)) => call.must_close_connection(),
                    // The body was not read to its end.
                    None => true,
                };
                (body, must_close)
            }
            Some(RecvResponseResult::Cleanup(call)) => (Ok(Secret::default()), call.must_close_connection()),
            Some(RecvResponseResult::Redirect(call)) => (Ok(Secret::default()), call.must_close_connection()),
            None => return Err(no_http()),
        };
        self.may_be_kept = body.is_ok() && !must_close && self.input.unread().is_empty();
        Ok(body)
    }

    fn read_body(
        &mut self,
        call: &mut Call<RecvBody>,
        watch: &mut Watch<'_>,
    ) -> Result<Result<Secret, Unreadable>, Error> {
        const TOO_LARGE: Result<Secret, Unreadable> = Err(Unreadable::TooLarge("the reply is larger than 1 MiB"));
        let mode = call.body_mode();
        let expected = match mode {
            BodyMode::LengthDelimited(length) if length > MAX_BODY as u64 => return Ok(TOO_LARGE),
            BodyMode::LengthDelimited(length) => usize::try_from(length).unwrap_or(MAX_BODY),
            _ => 0,
        };
        let ends_with_connection = mode == BodyMode::CloseDelimited;
        let mut body = Secret::with_capacity(expected);
        loop {
            let mut used = 0;
            let read = |to: &mut [u8]| {
                let (taken, count) = call.read(self.input.unread(), to)?;
                used = taken;
                Ok::<_, ureq_proto::Error>(count)
            };
            if body.append_some(self.input.unread().len(), read).is_err() {
                return Ok(Err(malformed("its body is not in chunks, as its headers say")));
            }
            self.input.consume(used);
            if body.len() > MAX_BODY {
                return Ok(TOO_LARGE);
            }
            if call.can_proceed() && !ends_with_connection {
                return Ok(Ok(body));
            }
            if self.input.unread().len() >= MAX_UNREAD {
                return Ok(Err(malformed("a line between the chunks of its body never ends")));
            }
            if used == 0 && self.receive(watch)? == 0 {
                // Some servers close after the last chunk instead of writing the empty line behind it.
                let has_last_chunk = call.is_ended_chunked() && self.input.unread().is_empty();
                let is_whole = ends_with_connection || has_last_chunk;
                return if is_whole { Ok(Ok(body)) } else { Err(cut_short()) };
            }
        }
    }

    /// Receives what there is, waiting for the first byte. 0: the other side closed in an orderly way.
    fn receive(&mut self, watch: &mut Watch<'_>) -> Result<usize, Error> {
        let doing = if self.has_reply { "reading the reply" } else { "waiting for the reply" };
        let count = self.stream.read(self.input.room(), watch, doing)?;
        self.input.received(count);
        self.has_reply |= count > 0;
        Ok(count)
    }
}

fn head_of(request: &Request<'_>) -> Result<http::Request<()>, Error> {
    let mut head = http::Request::builder().method(request.method).uri(request.url);
    for (name, text) in &request.headers {
        let value = match text {
            HeaderText::Plain(text) => HeaderValue::from_str(text),
            HeaderText::Secret(secret) => {
                // Owned bytes that wipe themselves when ureq-proto drops its last copy.
                HeaderValue::from_maybe_shared(Bytes::from_owner(secret.clone())).map(|mut value| {
                    value.set_sensitive(true);
                    value
                })
            }
        };
        head = head.header(*name, value.map_err(|_| Error::argument("headers", "contains a control character"))?);
    }
    if request.method != "GET" {
        head = head.header(CONTENT_LENGTH, request.body.len());
    }
    head.body(()).map_err(unbuildable)
}

#[allow(clippy::needless_pass_by_value)] // as map_err wants it
fn unbuildable(problem: impl Display) -> Error {
    Error::new(Status::Internal, format!("the request could not be built: {problem}"))
}

fn no_http() -> Error {
    Error::new(Status::InvalidResponse, "the reply is not HTTP/1.1")
}

fn malformed(problem: &str) -> Unreadable {
    Unreadable::Malformed(format!("the reply is not well-formed: {problem}"))
}

fn cut_short() -> Error {
    Error::new(Status::Connection, "the server closed the connection before the whole reply was there")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::super::lookup::HostPort;
    use super::*;

    #[test]
    fn a_get_has_neither_a_body_nor_its_length() -> Result<(), Box<dyn std::error::Error>> {
        let server = TcpListener::bind("127.0.0.1:0")?;
        let address = server.local_addr()?;
        let answer = std::thread::spawn(move || -> std::io::Result<String> {
            let (mut connection, _) = server.accept()?;
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                connection.read_exact(&mut byte)?;
                request.extend(byte);
            }
            connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-name: value\r\n\r\n{}")?;
            Ok(String::from_utf8_lossy(&request).into_owned())
        });
        let mut watch = Watch::new(None, None, Duration::from_secs(60));
        let place = HostPort { host: address.ip().to_string(), port: address.port() };
        let mut connection = Connection::new(Stream::connect(&place, &[address], &mut watch)?);
        let url = format!("http://{address}/path");
        let request = Request { method: "GET", url: &url, headers: vec![("x-own", HeaderText::Plain("1"))], body: b"" };
        let reply = connection.exchange(&request, &mut watch)?;
        assert_eq!(
            (reply.http_status, reply.body(), reply.header("x-name").as_deref()),
            (200, &b"{}"[..], Some("value"))
        );
        assert!(connection.may_be_kept);
        let sent = answer.join().map_err(|_| "the server panicked")??;
        assert_eq!(sent, format!("GET /path HTTP/1.1\r\nhost: {address}\r\nx-own: 1\r\n\r\n"));
        Ok(())
    }
}
