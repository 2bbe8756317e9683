//! A connection: non-blocking TCP, with TLS on top where wanted. Waits only through `Watch`.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use socket2::{Domain, Protocol, Socket, Type};

use super::lookup::HostPort;
use super::tls::{self, Tls};
use crate::error::{Error, Status};
use crate::sys::{POLLOUT, descriptor, is_connecting};
use crate::watch::{Watch, wait_for};

/// How long an address is given before the next one is tried beside it (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);
/// A host with more addresses than this is not made more reachable by trying them all.
const MAX_ADDRESSES: usize = 8;

pub struct Stream {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Stream {
    /// Connects to whichever address answers first, each begun a little after the one before it.
    pub fn connect(place: &HostPort, addresses: &[SocketAddr], watch: &mut Watch<'_>) -> Result<Self, Error> {
        let interleaved = interleaved(addresses);
        let mut untried = interleaved.iter().take(MAX_ADDRESSES);
        let mut pending: Vec<Socket> = Vec::new();
        let mut problem = io::Error::from(io::ErrorKind::AddrNotAvailable);
        loop {
            match untried.next().map(begin_connect) {
                Some(Ok(socket)) => pending.push(socket),
                Some(Err(error)) => {
                    problem = error;
                    continue;
                }
                None if pending.is_empty() => {
                    let HostPort { host, port } = place;
                    return Err(Error::new(Status::Connection, format!("no connection to {host}:{port}: {problem}")));
                }
                None => {}
            }
            let last = untried.len() == 0;
            let until = Instant::now() + if last { Duration::from_secs(3600) } else { STAGGER };
            while !pending.is_empty() {
                let mut descriptors: Vec<_> = pending.iter().map(|socket| descriptor(socket, POLLOUT)).collect();
                if !watch.wait_until(until, "connecting", |slice| wait_for(&mut descriptors, slice))? {
                    break;
                }
                let mut ready = descriptors.iter().map(|descriptor| descriptor.revents != 0);
                let mut waiting = Vec::with_capacity(pending.len());
                for socket in pending {
                    if !ready.next().unwrap_or_default() {
                        waiting.push(socket);
                        continue;
                    }
                    match socket.take_error() {
                        Ok(None) => return Ok(Stream { socket: socket.into(), tls: None }),
                        Ok(Some(error)) | Err(error) => problem = error,
                    }
                }
                pending = waiting;
            }
        }
    }

    pub fn start_tls(&mut self, with: &Tls, watch: &mut Watch<'_>) -> Result<(), Error> {
        const DOING: &str = "in the TLS handshake";
        let mut tls = ClientConnection::new(Arc::clone(&with.config), with.name.clone()).map_err(tls::error)?;
        while tls.is_handshaking() || tls.wants_write() {
            if tls.wants_write() {
                send_tls(&self.socket, &mut tls, watch, DOING)?;
                continue;
            }
            let received = receive_tls(&self.socket, &mut tls, watch, DOING);
            if received.map_err(|failure| tls::handshake_error(failure, with))? == 0 {
                return Err(Error::new(Status::Connection, "the server closed the connection in the TLS handshake"));
            }
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Reads what there is, waiting for the first byte. 0: the other side closed in an orderly way.
    pub fn read(&mut self, to: &mut [u8], watch: &mut Watch<'_>, doing: &str) -> Result<usize, Error> {
        let socket = &self.socket;
        let Some(tls) = &mut self.tls else {
            loop {
                // A reply is hardly ever there already, so wait first.
                watch.wait_readable(socket, doing)?;
                match NoSigpipe(socket).read(to) {
                    Err(error) if is_not_ready(&error) => {}
                    other => return other.map_err(|error| broken(&error, doing)),
                }
            }
        };
        loop {
            match tls.reader().read(to) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // UnexpectedEof: the connection ended without TLS's closing message, so what came may not be all.
                other => return other.map_err(|error| broken(&error, doing)),
            }
            receive_tls(socket, tls, watch, doing)?;
            send_tls(socket, tls, watch, doing)?;
        }
    }

    pub fn write_all(&mut self, mut bytes: &[u8], watch: &mut Watch<'_>, doing: &str) -> Result<(), Error> {
        let socket = &self.socket;
        while !bytes.is_empty() {
            let written = match &mut self.tls {
                Some(tls) => tls.writer().write(bytes),
                None => NoSigpipe(socket).write(bytes),
            };
            match written {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if is_not_ready(&error) => watch.wait_writable(socket, doing)?,
                Err(error) => return Err(broken(&error, doing)),
            }
            if let Some(tls) = &mut self.tls {
                send_tls(socket, tls, watch, doing)?;
            }
        }
        Ok(())
    }

    /// Whether the other side has neither closed the connection nor sent anything that is still unread: a second reply
    /// that nobody asked for would be taken for the reply to the next request.
    pub fn is_idle(&self) -> bool {
        let has_plaintext = self.tls.as_ref().is_some_and(|tls| !tls.wants_read());
        !has_plaintext && matches!(self.socket.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Sends what TLS has to send.
fn send_tls(socket: &TcpStream, tls: &mut ClientConnection, watch: &mut Watch<'_>, doing: &str) -> Result<(), Error> {
    while tls.wants_write() {
        match tls.write_tls(&mut NoSigpipe(socket)) {
            Ok(_) => {}
            Err(error) if is_not_ready(&error) => watch.wait_writable(socket, doing)?,
            Err(error) => return Err(broken(&error, doing)),
        }
    }
    Ok(())
}

/// Receives for TLS, waiting for the first byte. 0: the other side closed the connection.
fn receive_tls(
    socket: &TcpStream,
    tls: &mut ClientConnection,
    watch: &mut Watch<'_>,
    doing: &str,
) -> Result<usize, Error> {
    loop {
        watch.wait_readable(socket, doing)?;
        match tls.read_tls(&mut NoSigpipe(socket)) {
            Err(error) if is_not_ready(&error) => {}
            Err(error) => return Err(broken(&error, doing)),
            Ok(count) => {
                if let Err(error) = tls.process_new_packets() {
                    // Tells the other side why, if it still listens; the error matters more than its delivery.
                    let _ = tls.write_tls(&mut NoSigpipe(socket));
                    return Err(tls::error(error));
                }
                return Ok(count);
            }
        }
    }
}

/// The addresses with both families by turns, the first one's first (RFC 8305): however many addresses of one family
/// are silent, the other is soon tried.
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_first = |address: &&SocketAddr| addresses.first().is_some_and(|first| first.is_ipv6() == address.is_ipv6());
    let mut first_family = addresses.iter().filter(is_first);
    let mut second_family = addresses.iter().filter(|address| !is_first(address));
    let mut all = Vec::with_capacity(addresses.len());
    while all.len() < addresses.len() {
        all.extend(first_family.next());
        all.extend(second_family.next());
    }
    all
}

fn begin_connect(address: &SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&(*address).into()) {
        Err(error) if !is_connecting(&error) && !is_not_ready(&error) => Err(error),
        _ => Ok(socket),
    }
}

/// Whether the same operation may succeed once the socket is ready.
fn is_not_ready(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn broken(error: &io::Error, doing: &str) -> Error {
    // rustls adds an address of its documentation, which is for those who program with it.
    let problem = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the other side closed it without TLS's closing message".to_owned(),
        _ => error.to_string(),
    };
    Error::new(Status::Connection, format!("the connection broke {doing}: {problem}"))
}

/// A socket whose writes never raise SIGPIPE: std sends with `MSG_NOSIGNAL` in `write`, but not in `write_vectored`,
/// which rustls would use.
struct NoSigpipe<'a>(&'a TcpStream);

impl Read for NoSigpipe<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }
}

impl Write for NoSigpipe<'_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.0.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() -> Result<(), std::net::AddrParseError> {
        let addresses = |list: &str| list.split(' ').map(|address| format!("{address}:443").parse()).collect();
        for (given, expected) in [
            ("[::1] [::2] [::3] 1.1.1.1 1.1.1.2", "[::1] 1.1.1.1 [::2] 1.1.1.2 [::3]"),
            ("1.1.1.1 1.1.1.2 [::1]", "1.1.1.1 [::1] 1.1.1.2"),
            ("[::1] [::2]", "[::1] [::2]"),
        ] {
            let (given, expected): (Result<Vec<_>, _>, Result<Vec<_>, _>) = (addresses(given), addresses(expected));
            assert_eq!(interleaved(&given?), expected?);
        }
        assert!(interleaved(&[]).is_empty());
        Ok(())
    }
}
