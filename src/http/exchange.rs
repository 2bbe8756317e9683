//! The one file that knows ureq: it frames requests and parses replies, over a transport that is ours, because ureq's
//! own cannot be cancelled, has its own idea of timeouts, and leaves secrets in its buffers.

use std::fmt;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use ureq::config::Config;
use ureq::http::{HeaderValue, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{Agent, Body, http};

use super::lookup::Lookup;
use super::stream::Stream;
use super::{HeaderText, MAX_BODY, MAX_HEAD, MAX_IDLE, Reply, Request, Route, locked};
use crate::error::{Error, Status};
use crate::secret::{Secret, wipe_slice};
use crate::watch::Watch;

/// One connection and the agent that uses it. Only one call uses a lane at a time, so there are never more
/// connections than calls in flight, and what belongs to the call can reach the transport.
pub struct Lane {
    agent: Agent,
    current: Arc<Mutex<Current>>,
}

/// The call that a lane is used by, as its transport sees it.
#[derive(Debug, Default)]
struct Current {
    watch: Option<Watch>,
    /// What the transport met; ureq's own error would only be a paraphrase.
    failure: Option<Error>,
    /// The connection was made in this exchange.
    is_new: bool,
    /// The reply has begun.
    has_reply: bool,
    /// A connection exists, in use or idle.
    is_connected: bool,
}

pub type AgentConfig = Config;

/// What every agent of a client is made with. Made once, in `Client::new`: ureq reads the proxy variables of the
/// environment here, whatever it is told to do with them.
pub fn agent_config() -> AgentConfig {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_response_header_size(MAX_HEAD)
        .max_idle_connections(1)
        .max_idle_connections_per_host(1)
        .max_idle_age(MAX_IDLE)
        .proxy(None)
        .user_agent(ureq::config::AutoHeaderValue::None)
        .accept_encoding(ureq::config::AutoHeaderValue::None)
        .build()
}

impl Lane {
    pub fn new(route: Arc<Route>, lookup: Arc<Lookup>) -> Self {
        let current = Arc::new(Mutex::new(Current::default()));
        let config = route.agent_config.clone();
        let connector = LaneConnector { route, lookup, current: Arc::clone(&current) };
        Lane { agent: Agent::with_parts(config, connector, NoResolver), current }
    }

    pub fn exchange(&self, request: &Request<'_>, watch: &mut Watch) -> Result<Reply, Error> {
        let mut own = Current { is_connected: self.is_connected(), ..Current::default() };
        own.watch = Some(std::mem::replace(watch, Watch::new(None, None, Duration::ZERO)));
        *locked(&self.current) = own;
        let result = self.run(request);
        let mut current = locked(&self.current);
        if let Some(returned) = current.watch.take() {
            *watch = returned;
        }
        match current.failure.take() {
            Some(failure) => Err(failure),
            None => result,
        }
    }

    fn run(&self, request: &Request<'_>) -> Result<Reply, Error> {
        let mut builder = http::Request::builder().method(request.method).uri(request.url);
        for (name, text) in &request.headers {
            let value = match text {
                HeaderText::Plain(text) => HeaderValue::from_str(text),
                HeaderText::Secret(secret) => {
                    // Owned bytes that wipe themselves when ureq drops its last copy.
                    HeaderValue::from_maybe_shared(Bytes::from_owner(secret.clone())).map(|mut value| {
                        value.set_sensitive(true);
                        value
                    })
                }
            };
            builder =
                builder.header(*name, value.map_err(|_| Error::argument("headers", "contains a control character"))?);
        }
        let request = builder.body(request.body).map_err(|error| internal(&error))?;
        let response = self.agent.run(request).map_err(|error| translated(&error))?;
        let (head, body) = response.into_parts();
        Ok(Reply::new(head.status.as_u16(), head.headers, read_body(body)?))
    }

    /// Whether the last exchange failed on a kept connection before its reply began.
    pub fn was_stale(&self) -> bool {
        let current = locked(&self.current);
        !current.is_new && !current.has_reply
    }

    pub fn is_connected(&self) -> bool {
        locked(&self.current).is_connected
    }
}

/// The body, or `None` if it is larger than anything this API sends.
fn read_body(body: Body) -> Result<Option<Secret>, Error> {
    const CHUNK: usize = 4096;
    let known = body.content_length().and_then(|length| usize::try_from(length).ok());
    if known.is_some_and(|length| length > MAX_BODY) {
        return Ok(None);
    }
    let mut reader = body.into_reader();
    let mut whole = Secret::with_capacity(known.unwrap_or(CHUNK).min(MAX_BODY) + 1);
    loop {
        if whole.len() > MAX_BODY {
            return Ok(None);
        }
        let room = (whole.capacity() - whole.len()).clamp(1, CHUNK);
        let read = whole.append_some(room, |to| {
            reader.read(to).map_err(|error| match error.downcast::<ureq::Error>() {
                Ok(error) => translated(&error),
                Err(error) => translated(&ureq::Error::Io(error)),
            })
        })?;
        if read == 0 {
            return Ok(Some(whole));
        }
    }
}

/// What ureq has to say where the transport had nothing: about the reply's form, or that it ended too early.
fn translated(error: &ureq::Error) -> Error {
    match error {
        // BodyStalled: the end came inside the framing of a chunk.
        ureq::Error::Io(_) | ureq::Error::BodyStalled => {
            Error::new(Status::Connection, "the server closed the connection before the whole reply was there")
        }
        ureq::Error::LargeResponseHeader(..) => {
            Error::new(Status::InvalidResponse, "the reply's headers are larger than 64 KiB")
        }
        ureq::Error::Http(error) => internal(error),
        ureq::Error::BadUri(_) => internal(&"bad URI"),
        _ => Error::new(Status::InvalidResponse, "the reply is not well-formed HTTP/1.1"),
    }
}

fn internal(error: &dyn fmt::Display) -> Error {
    Error::new(Status::Internal, format!("the request could not be built: {error}"))
}

/// Connections know where they go; ureq need not ask.
#[derive(Debug)]
struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

struct LaneConnector {
    route: Arc<Route>,
    lookup: Arc<Lookup>,
    current: Arc<Mutex<Current>>,
}

impl fmt::Debug for LaneConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LaneConnector")
    }
}

impl LaneConnector {
    fn open(&self, watch: &mut Watch) -> Result<Stream, Error> {
        let route = &*self.route;
        let wider = watch.narrow("connect_timeout_ms", route.connect_timeout);
        let first = route.proxy.as_ref().map_or(&route.target, |proxy| &proxy.place);
        let addresses = self.lookup.resolve(first, watch)?;
        let mut stream = Stream::connect(first, &addresses, watch)?;
        if let Some(proxy) = &route.proxy {
            proxy.open_tunnel(&mut stream, &route.target, watch)?;
        }
        if let Some((config, name)) = &route.tls {
            stream.start_tls(config, name, watch)?;
        }
        watch.restore(wider);
        Ok(stream)
    }
}

impl Connector for LaneConnector {
    type Out = LaneTransport;

    fn connect(&self, _: &ConnectionDetails, _: Option<()>) -> Result<Option<LaneTransport>, ureq::Error> {
        let stream = with(&self.current, |current, watch| {
            current.is_new = true;
            self.open(watch)
        })?;
        locked(&self.current).is_connected = true;
        Ok(Some(LaneTransport {
            stream,
            is_tls: self.route.tls.is_some(),
            buffers: WipedBuffers::default(),
            current: Arc::clone(&self.current),
            was_just_used: false,
        }))
    }
}

/// Runs `act` for the call in progress and keeps what it met; ureq gets an error of no content.
fn with<T>(
    current: &Mutex<Current>,
    act: impl FnOnce(&mut Current, &mut Watch) -> Result<T, Error>,
) -> Result<T, ureq::Error> {
    let mut current = locked(current);
    let Some(mut watch) = current.watch.take() else {
        return Err(ureq::Error::ConnectionFailed);
    };
    let result = act(&mut current, &mut watch);
    current.watch = Some(watch);
    result.map_err(|error| {
        current.failure = Some(error);
        ureq::Error::ConnectionFailed
    })
}

struct LaneTransport {
    stream: Stream,
    is_tls: bool,
    buffers: WipedBuffers,
    current: Arc<Mutex<Current>>,
    was_just_used: bool,
}

impl LaneTransport {
    fn flush(&mut self, watch: &mut Watch) -> Result<(), Error> {
        let sent = self.stream.write_all(self.buffers.pending(), watch, "sending the request");
        self.buffers.forget_pending();
        sent
    }
}

impl Transport for LaneTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    /// Collects head and body, so that a request that fits the buffer is one write.
    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.buffers.pending += amount;
        if self.buffers.has_room() {
            return Ok(());
        }
        let current = Arc::clone(&self.current);
        with(&current, |_, watch| self.flush(watch))
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let current = Arc::clone(&self.current);
        with(&current, |current, watch| {
            // ureq bounds the headers, but not the lines between the chunks of a body.
            if self.buffers.input().len() >= 2 * MAX_HEAD {
                return Err(Error::new(Status::InvalidResponse, "the reply has a line that never ends"));
            }
            if !self.buffers.pending().is_empty() {
                self.flush(watch)?;
            }
            let doing = if current.has_reply { "reading the reply" } else { "waiting for the reply" };
            let count = self.stream.read(self.buffers.input_append_buf(), watch, doing)?;
            self.buffers.input_appended(count);
            current.has_reply |= count > 0;
            self.was_just_used = true;
            Ok(count > 0)
        })
    }

    /// ureq asks right after a reply, and again before the next request; only the second answer says something new.
    fn is_open(&mut self) -> bool {
        std::mem::take(&mut self.was_just_used) || self.stream.is_idle()
    }

    fn is_tls(&self) -> bool {
        self.is_tls
    }
}

impl Drop for LaneTransport {
    fn drop(&mut self) {
        locked(&self.current).is_connected = false;
    }
}

impl fmt::Debug for LaneTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LaneTransport")
    }
}

/// ureq's buffers, which hold the token on the way out and the credential on the way in: what has been sent or read
/// is zeroed at once.
struct WipedBuffers {
    input: Secret,
    /// Of the input, what is between these two waits to be read.
    start: usize,
    end: usize,
    has_progress: bool,
    output: Secret,
    /// How much of the output waits to be sent.
    pending: usize,
}

/// A request is usually one write of this; room for the longest header that servers accept.
const OUTPUT: usize = 128 * 1024;
/// Below this much room, what is pending is sent first.
const MIN_ROOM: usize = 64 * 1024;
const INPUT: usize = 8 * 1024;

impl Default for WipedBuffers {
    fn default() -> Self {
        let (input, output) = (Secret::zeroed(INPUT), Secret::zeroed(OUTPUT));
        WipedBuffers { input, start: 0, end: 0, has_progress: false, output, pending: 0 }
    }
}

impl WipedBuffers {
    fn pending(&self) -> &[u8] {
        self.output.as_bytes().get(..self.pending).unwrap_or_default()
    }

    fn forget_pending(&mut self) {
        wipe_slice(self.output.as_mut_bytes().get_mut(..self.pending).unwrap_or_default());
        self.pending = 0;
    }

    fn has_room(&self) -> bool {
        self.output.len() - self.pending >= MIN_ROOM
    }
}

impl Buffers for WipedBuffers {
    fn output(&mut self) -> &mut [u8] {
        self.output.as_mut_bytes().get_mut(self.pending..).unwrap_or_default()
    }

    fn input(&self) -> &[u8] {
        self.input.as_bytes().get(self.start..self.end).unwrap_or_default()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        if self.end == self.input.len() {
            if self.start > 0 {
                self.input.as_mut_bytes().copy_within(self.start..self.end, 0);
                wipe_slice(self.input.as_mut_bytes().get_mut(self.end - self.start..).unwrap_or_default());
                (self.start, self.end) = (0, self.end - self.start);
            } else {
                // What stays unread is a header or a line between chunks, and both are bounded.
                self.input.append(self.input.len(), |_| {});
            }
        }
        self.input.as_mut_bytes().get_mut(self.end..).unwrap_or_default()
    }

    fn input_appended(&mut self, amount: usize) {
        self.end += amount;
    }

    fn input_consume(&mut self, amount: usize) {
        let read = self.start..self.end.min(self.start + amount);
        self.start = read.end;
        wipe_slice(self.input.as_mut_bytes().get_mut(read).unwrap_or_default());
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        self.has_progress = amount > 0;
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        let tmp = self.input.as_mut_bytes().get_mut(self.end..).unwrap_or_default();
        (tmp, self.output.as_mut_bytes().get_mut(self.pending..).unwrap_or_default())
    }

    fn can_use_input(&self) -> bool {
        self.has_progress && self.start < self.end
    }
}
