//! A stand-in for the API: a thread per connection, one fixed reply, HTTP and HTTPS. It runs in a process of its own,
//! so that its CPU time is nobody else's, and counts connections, and the requests to the API that goes wrong.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufRead, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, thread};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

#[derive(Default)]
struct Count {
    /// Connections: open now, and the most since the last question.
    open: AtomicUsize,
    peak: AtomicUsize,
    /// Requests to the API that goes wrong since the last question: all, those granted, and the most at once.
    requests: AtomicUsize,
    granted: AtomicUsize,
    at_once: AtomicUsize,
    in_flight: AtomicUsize,
}

/// How long the API that goes wrong thinks at first: what a client has given up is noticed within that.
const LATENCY: Duration = Duration::from_millis(250);

/// Serves until its input ends. Says both ports, then answers every line with its counts.
pub fn serve(certificate: &Path) {
    let count = Arc::new(Count::default());
    let reply: Arc<[u8]> = reply().into();
    let mut ports = Vec::new();
    for tls in [None, Some(tls(certificate))] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on loopback");
        ports.push(listener.local_addr().expect("its address").port());
        let (count, reply) = (Arc::clone(&count), Arc::clone(&reply));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (count, reply, tls) = (Arc::clone(&count), Arc::clone(&reply), tls.clone());
                // Counted here, so that the peak is the peak of what was accepted.
                let open = count.open.fetch_add(1, Ordering::SeqCst) + 1;
                count.peak.fetch_max(open, Ordering::SeqCst);
                thread::spawn(move || {
                    // How a connection ends is the client's affair.
                    let _ = converse(stream, tls, &reply, &count);
                    count.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
    }
    say(&format!("{} {}", ports[0], ports[1]));
    for line in io::stdin().lock().lines() {
        if line.is_err() {
            return;
        }
        let open = count.open.load(Ordering::SeqCst);
        let [requests, granted, at_once] =
            [&count.requests, &count.granted, &count.at_once].map(|number| number.swap(0, Ordering::SeqCst));
        say(&format!("{open} {} {requests} {granted} {at_once}", count.peak.swap(open, Ordering::SeqCst)));
    }
}

fn say(line: &str) {
    println!("{line}");
    let _ = io::stdout().flush();
}

fn converse(stream: TcpStream, tls: Option<Arc<ServerConfig>>, reply: &[u8], count: &Count) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match tls {
        None => answer(stream, reply, count),
        Some(config) => {
            let connection = ServerConnection::new(config).map_err(io::Error::other)?;
            answer(StreamOwned::new(connection, stream), reply, count)
        }
    }
}

fn answer(mut stream: impl Read + Write, reply: &[u8], count: &Count) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        while let Some(length) = request_length(&bytes) {
            let is_faulty = bytes.starts_with(b"POST /faults/");
            bytes.drain(..length);
            if is_faulty {
                count.requests.fetch_add(1, Ordering::SeqCst);
                count.in_flight.fetch_add(1, Ordering::SeqCst);
                thread::sleep(LATENCY);
                count.at_once.fetch_max(count.in_flight.load(Ordering::SeqCst), Ordering::SeqCst);
                let ended = go_wrong(&mut stream, count);
                count.in_flight.fetch_sub(1, Ordering::SeqCst);
                ended?;
            } else {
                stream.write_all(reply)?;
            }
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

/// All that an API can do wrong, in random order, and half of the time nothing.
fn go_wrong(stream: &mut (impl Read + Write), count: &Count) -> io::Result<()> {
    let random = RandomState::new().build_hasher().finish();
    let simple = |status: &str, headers: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
    };
    let granted = r#"{"success":true,"result":{"accessKeyId":"id","secretAccessKey":"secret","sessionToken":"token"}}"#;
    match random % 12 {
        0 => stream.write_all(simple("429 Too Many Requests", "retry-after: 1\r\n", "{}").as_bytes()),
        1 => stream.write_all(simple("500 Internal Server Error", "", "{}").as_bytes()),
        2 => stream.write_all(simple("200 OK", "", "<html>").as_bytes()),
        // Says nothing until the client has given up.
        3 => stream.read(&mut [0]).map(drop),
        4 => Err(io::Error::other("the connection is closed")),
        5 => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
            for _ in 0..1000 {
                stream.write_all(b" ")?;
                thread::sleep(Duration::from_millis(50));
            }
            Ok(())
        }
        _ => {
            count.granted.fetch_add(1, Ordering::SeqCst);
            stream.write_all(simple("200 OK", "", granted).as_bytes())
        }
    }
}

/// The length of the request at the start, once all of it is there.
fn request_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?.to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse::<usize>().ok()?;
    (bytes.len() >= head + length).then_some(head + length)
}

/// Headers and body as the API sends them; the token is a real one in form, so that its expiry can be read.
fn reply() -> Vec<u8> {
    let encode = |text: &str| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text);
    let claims = r#"{"bucket":"example-bucket","scope":"object-read-write","paths":{"prefixPaths":["customers/00001/uploads/"],"objectPaths":[]},"sub":"023e105f4ecef8ad9ca31a8372d0c353","iss":"0123456789abcdef0123456789abcdef","aud":"023e105f4ecef8ad9ca31a8372d0c353.r2.cloudflarestorage.com","iat":4102444800,"exp":4102445700}"#;
    let jwt = format!("jwt/{}.{}.{}", encode(r#"{"alg":"HS256","typ":"JWT"}"#), encode(claims), "s".repeat(43));
    let token = base64_simd::STANDARD.encode_to_string(jwt);
    let secret = "5".repeat(64);
    let body = format!(
        r#"{{"success":true,"errors":[],"messages":[],"result":{{"accessKeyId":"0123456789abcdef0123456789abcdef","secretAccessKey":"{secret}","sessionToken":"{token}"}}}}"#
    );
    let head = "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n\
        Connection: keep-alive\r\nCF-Ray: 8f1a2b3c4d5e6f70-FRA\r\nCF-Cache-Status: DYNAMIC\r\n\
        Strict-Transport-Security: max-age=31536000\r\nVary: Accept-Encoding\r\n\
        api-version: 2026-11-21\r\ncf-auditlog-id: 0193a5c1-7d2e-7f00-8000-0123456789ab\r\n\
        Ratelimit: \"default\";r=1199;t=300\r\nRatelimit-Policy: \"default\";q=1200;w=300\r\nServer: cloudflare\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A fresh certificate for this run, written for the clients to trust.
fn tls(certificate: &Path) -> Arc<ServerConfig> {
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    fs::write(certificate, made.cert.pem()).expect("a place for the certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key));
    Arc::new(config.expect("a TLS configuration"))
}
