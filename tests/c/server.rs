//! A stand-in for the API on loopback. What it does with a request is in the account id of its path.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::ChildStdin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

/// No wait of a test server is longer than this.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    /// The certificate to trust, if it speaks TLS.
    pub certificate: String,
    pub seen: Arc<Seen>,
}

/// What happened.
#[derive(Default)]
pub struct Seen {
    pub accepted: AtomicUsize,
    open: AtomicUsize,
    pub most_open: AtomicUsize,
    /// The accounts of each connection.
    pub accounts: Mutex<BTreeMap<usize, BTreeSet<String>>>,
    /// Gets a byte each time a request is where its account id wants it.
    told: Mutex<Option<ChildStdin>>,
}

impl Seen {
    pub fn tell(&self, to: ChildStdin) {
        *self.told.lock().unwrap() = Some(to);
    }

    fn reached(&self) {
        if let Some(to) = &mut *self.told.lock().unwrap() {
            let _ = to.write_all(b".");
        }
    }
}

impl Server {
    pub fn http() -> Self {
        Self::start(None)
    }

    pub fn https() -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let mut provider = rustls::crypto::ring::default_provider();
        // Valgrind misjudges the instructions that ring's AES-GCM is made of.
        provider.cipher_suites.retain(|suite| format!("{:?}", suite.suite()).contains("CHACHA20"));
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key.into())
            .unwrap();
        let mut server = Self::start(Some(Arc::new(config)));
        (server.scheme, server.certificate) = ("https", cert.pem());
        server
    }

    fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // Small, so that a server that does not read is noticed soon.
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(128).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Seen>::default();
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
                let (seen, tls) = (Arc::clone(&shared), tls.clone());
                thread::spawn(move || {
                    seen.most_open.fetch_max(seen.open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let _ = serve(socket, tls, &seen, number);
                    seen.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Server { address, scheme: "http", certificate: String::new(), seen }
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The same place, with a handshake to a server that does not know TLS.
    pub fn stalled_tls_url(&self) -> String {
        format!("https://{}", self.address)
    }
}

/// A place that does not answer: a listener whose queue is full. Keep what it returns.
pub fn black_hole() -> (String, Vec<TcpStream>, Socket) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut filling = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        filling.push(stream);
        assert!(filling.len() < 100, "the queue does not fill");
    }
    (format!("http://{address}"), filling, socket)
}

/// A place that refuses: taken, but nobody listens. Keep the socket.
pub fn closed_port() -> (String, Socket) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (format!("http://{address}"), socket)
}

fn serve(socket: TcpStream, tls: Option<Arc<ServerConfig>>, seen: &Seen, number: usize) -> io::Result<()> {
    socket.set_read_timeout(Some(LIMIT))?;
    socket.set_write_timeout(Some(LIMIT))?;
    let Some(tls) = tls else {
        let mut first = [0];
        // A TLS record of the kind "handshake" begins so: let the client wait for an answer.
        if socket.peek(&mut first)? == 1 && first == [0x16] {
            seen.reached();
            return until_end(&mut &socket);
        }
        return talk(&mut &socket, &socket, seen, number);
    };
    let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, socket.try_clone()?);
    talk(&mut stream, &socket, seen, number)
}

fn talk<S: Read + Write>(stream: &mut S, socket: &TcpStream, seen: &Seen, number: usize) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let (account, length) = loop {
            let text = String::from_utf8_lossy(&bytes);
            if let Some(end) = text.find("\r\n\r\n") {
                let account = text.split('/').nth(2).unwrap_or_default().to_owned();
                let length = text[..end].to_ascii_lowercase();
                let length = length.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
                break (account, end + 4 + length.unwrap_or(0usize));
            }
            if receive(stream, &mut bytes)? == 0 {
                return Ok(());
            }
        };
        seen.accounts.lock().unwrap().entry(number).or_default().insert(account.clone());
        match account.as_str() {
            "deaf" => {
                seen.reached();
                thread::park_timeout(LIMIT);
                return Ok(());
            }
            "leaves" => {
                // The peer's next write but one meets a reset after an end, which is what raises SIGPIPE.
                socket.shutdown(Shutdown::Write)?;
                receive(stream, &mut bytes)?;
                return Ok(());
            }
            _ => {}
        }
        while bytes.len() < length {
            if receive(stream, &mut bytes)? == 0 {
                return Ok(());
            }
        }
        bytes.drain(..length);
        if !answer(stream, seen, &account)? {
            return Ok(());
        }
    }
}

/// Whether the connection is to go on.
fn answer<S: Read + Write>(stream: &mut S, seen: &Seen, account: &str) -> io::Result<bool> {
    let (status, headers, body) = match account {
        "reset" => return Ok(false),
        "hangs" => {
            seen.reached();
            until_end(stream)?;
            return Ok(false);
        }
        "drips" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")?;
            seen.reached();
            while stream.write_all(b" ").and_then(|()| stream.flush()).is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
            return Ok(false);
        }
        "waits" => (503, "Retry-After: 30\r\n", String::new()),
        "rich" => (429, "Retry-After: 61\r\nCF-Ray: 0123456789abcdef-LHR\r\n", RICH.to_owned()),
        "no-success" => (200, "", r#"{"success":false,"errors":[],"messages":[],"result":null}"#.to_owned()),
        "no-json" => (200, "", "<html>".to_owned()),
        "no-token" => (
            200,
            "",
            r#"{"success":true,"result":{"accessKeyId":"a","secretAccessKey":"b","sessionToken":""}}"#.to_owned(),
        ),
        _ => match account.strip_prefix("http-").and_then(|status| status.parse().ok()) {
            Some(status) => (status, "", r#"{"success":false,"errors":[{"code":1,"message":"no"}]}"#.to_owned()),
            None => (
                200,
                "CF-Ray: 0123456789abcdef-LHR\r\n",
                format!(
                    r#"{{"success":true,"errors":[],"messages":[],"result":{{"accessKeyId":"id-{account}","secretAccessKey":"secret-{account}","sessionToken":"token-{account}"}}}}"#
                ),
            ),
        },
    };
    let head = format!("HTTP/1.1 {status} Text\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    stream.write_all((head + &body).as_bytes())?;
    stream.flush()?;
    if account == "waits" {
        seen.reached();
    }
    Ok(true)
}

/// Everything an error can carry.
const RICH: &str = r#"{"success":false,"result":null,"messages":["first","second"],"errors":[
    {"code":10000,"message":"Slow\ndown","documentation_url":"https://example.com/","source":{"pointer":"/bucket"}},
    {"code":7}]}"#;

fn receive(stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; 4096];
    let count = stream.read(&mut chunk)?;
    bytes.extend_from_slice(&chunk[..count]);
    Ok(count)
}

fn until_end(stream: &mut impl Read) -> io::Result<()> {
    while receive(stream, &mut Vec::new())? > 0 {}
    Ok(())
}
