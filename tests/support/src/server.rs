//! Raw servers on loopback, plain or with TLS: what a test wants to happen to each connection is a closure.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

/// What a mint answers, with values that no test may find in an error.
pub const GRANTED: &str = concat!(
    r#"{"success":true,"errors":[],"messages":[],"result":{"accessKeyId":"minted-id","#,
    r#""secretAccessKey":"minted-secret","sessionToken":"minted-token"}}"#
);
/// Nothing in these tests takes this long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// A whole reply with its length. `headers`: lines that end in CR LF.
pub fn reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

pub fn granted() -> Vec<u8> {
    reply("200 OK", "", GRANTED)
}

/// One request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: String,
    pub body: Vec<u8>,
    /// The number of its connection.
    pub connection: usize,
}

impl Request {
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// Every value of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }
}

#[derive(Clone, Default)]
pub struct Seen {
    pub accepted: usize,
    pub closed: usize,
    /// The most connections that were open at once.
    pub peak: usize,
    pub requests: Vec<Request>,
}

#[derive(Default)]
struct State {
    seen: Mutex<Seen>,
    changed: Condvar,
    is_stopped: AtomicBool,
}

impl State {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen());
        self.changed.notify_all();
    }
}

/// Accepts until it is dropped; every connection has a thread of its own.
pub struct Server {
    pub address: SocketAddr,
    scheme: &'static str,
    state: Arc<State>,
}

impl Server {
    pub fn start(handler: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        Self::start_on(loopback(), None, handler)
    }

    pub fn start_tls(config: Arc<ServerConfig>, handler: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        Self::start_on(loopback(), Some(config), handler)
    }

    /// The `n`-th request, counted over all connections, gets the `n`-th reply; the last one goes on for ever.
    pub fn with_replies(replies: Vec<Vec<u8>>) -> Self {
        Self::start(move |connection| {
            while connection.request().is_some() {
                let at = (connection.requests_so_far() - 1).min(replies.len() - 1);
                connection.send(&replies[at]);
            }
        })
    }

    pub fn start_on(
        listener: TcpListener,
        config: Option<Arc<ServerConfig>>,
        handler: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let scheme = if config.is_some() { "https" } else { "http" };
        let state = Arc::new(State::default());
        let (handler, shared) = (Arc::new(handler), Arc::clone(&state));
        thread::spawn(move || {
            for socket in listener.incoming() {
                if shared.is_stopped.load(Ordering::Acquire) {
                    return;
                }
                let socket = socket.unwrap();
                let mut number = 0;
                shared.change(|seen| {
                    number = seen.accepted;
                    seen.accepted += 1;
                    seen.peak = seen.peak.max(seen.accepted - seen.closed);
                });
                let (handler, state, config) = (Arc::clone(&handler), Arc::clone(&shared), config.clone());
                thread::spawn(move || {
                    let mut connection = Connection::new(socket, config, number, Arc::clone(&state));
                    handler(&mut connection);
                    drop(connection);
                    state.change(|seen| seen.closed += 1);
                });
            }
        });
        Server { address, scheme, state }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub fn seen(&self) -> Seen {
        self.state.seen().clone()
    }

    /// Waits for something to have happened here.
    pub fn wait_for(&self, mut condition: impl FnMut(&Seen) -> bool) {
        let seen = self.state.seen();
        let (_seen, wait) = self.state.changed.wait_timeout_while(seen, PATIENCE, |seen| !condition(seen)).unwrap();
        assert!(!wait.timed_out(), "the server waited in vain");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.is_stopped.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.read(to),
            Wire::Tls(stream) => stream.read(to),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Wire::Plain(socket) => socket.write_all(bytes),
            Wire::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }
}

/// The server's side of one connection. Closed when the handler returns, with TLS without a goodbye.
pub struct Connection {
    /// 0 for the server's first.
    pub number: usize,
    wire: Wire,
    unread: Vec<u8>,
    state: Arc<State>,
}

impl Connection {
    fn new(socket: TcpStream, config: Option<Arc<ServerConfig>>, number: usize, state: Arc<State>) -> Self {
        socket.set_nodelay(true).unwrap();
        let wire = match config {
            None => Wire::Plain(socket),
            Some(config) => Wire::Tls(Box::new(StreamOwned::new(ServerConnection::new(config).unwrap(), socket))),
        };
        Connection { number, wire, unread: Vec::new(), state }
    }

    pub fn socket(&self) -> &TcpStream {
        match &self.wire {
            Wire::Plain(socket) => socket,
            Wire::Tls(stream) => &stream.sock,
        }
    }

    /// The next request, which is also kept for [`Server::seen`]. `None`: the client closed, or spoke no HTTP.
    pub fn request(&mut self) -> Option<Request> {
        let mut request = self.head()?;
        self.body(&mut request)?;
        Some(request)
    }

    /// The first half of [`Connection::request`]: the request without its body.
    pub fn head(&mut self) -> Option<Request> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            self.fill()?;
        };
        let head = String::from_utf8(self.unread.drain(..end).collect()).ok()?;
        Some(Request { head, body: Vec::new(), connection: self.number })
    }

    /// The second half.
    pub fn body(&mut self, request: &mut Request) -> Option<()> {
        let length = request.header("content-length").first().map_or(0, |length| length.parse().unwrap());
        while self.unread.len() < length {
            self.fill()?;
        }
        request.body = self.unread.drain(..length).collect();
        self.state.change(|seen| seen.requests.push(request.clone()));
        Some(())
    }

    /// Reads a little more. `None`: the client closed.
    pub fn fill(&mut self) -> Option<()> {
        let mut chunk = [0; 16 * 1024];
        let count = self.wire.read(&mut chunk).ok().filter(|count| *count > 0)?;
        self.unread.extend_from_slice(&chunk[..count]);
        Some(())
    }

    /// How many requests the whole server has seen.
    pub fn requests_so_far(&self) -> usize {
        self.state.seen().requests.len()
    }

    /// `false`: the client is no longer there.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.wire.write_all(bytes).is_ok()
    }

    /// Takes what comes and says nothing, until the client is gone.
    pub fn until_closed(&mut self) {
        while self.fill().is_some() {
            self.unread.clear();
        }
    }

    /// Ends TLS in the orderly way.
    pub fn say_goodbye(&mut self) {
        if let Wire::Tls(stream) = &mut self.wire {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }

    /// The close that follows is a reset.
    pub fn will_reset(&self) {
        socket2::SockRef::from(self.socket()).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Returns when the client's machine has everything that was sent.
    pub fn wait_for_delivery(&self) {
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd;
            use std::time::Instant;
            let deadline = Instant::now() + PATIENCE;
            let mut unacknowledged = 1;
            while unacknowledged > 0 && Instant::now() < deadline {
                // SAFETY: TIOCOUTQ writes one int.
                let result = unsafe { libc::ioctl(self.socket().as_raw_fd(), libc::TIOCOUTQ, &raw mut unacknowledged) };
                assert_eq!(result, 0);
                thread::yield_now();
            }
        }
    }
}

fn loopback() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn bound() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket
}

fn port(socket: &Socket) -> u16 {
    socket.local_addr().unwrap().as_socket().unwrap().port()
}

/// A port where nobody listens, and nobody else can begin to.
pub struct DeadPort(Socket);

impl DeadPort {
    pub fn bind() -> Self {
        DeadPort(bound())
    }

    pub fn port(&self) -> u16 {
        port(&self.0)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }
}

/// A port that takes no further connection and refuses none: its backlog is full.
pub struct BlackHole {
    listener: Socket,
    _waiting: Vec<Socket>,
}

impl BlackHole {
    pub fn listen() -> Self {
        let listener = bound();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let waiting = (0..8).map(|_| {
            let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            // Says that it is in progress, and for all but the first it stays so.
            let _ = client.connect(&address);
            client
        });
        let _waiting = waiting.collect();
        BlackHole { listener, _waiting }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", port(&self.listener))
    }
}
