//! Listeners: where they are, and what becomes of their connections. The API and the S3 endpoints are served alike.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Once;
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

/// A listener, and the address at which a program on this machine reaches it.
pub async fn bind(host: IpAddr, port: u16) -> Result<(TcpListener, SocketAddr), String> {
    let failed = |error: io::Error| format!("--host {host} --port {port}: {error}");
    let listener = TcpListener::bind((host, port)).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let host = match host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        one => one,
    };
    Ok((listener, SocketAddr::new(host, port)))
}

/// Serves every connection until the program ends.
pub async fn serve<S, F, B, E>(listener: TcpListener, service: S)
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<hyper::Response<B>, E>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    loop {
        let stream = accept(&listener).await;
        // Small replies at once: two writes would otherwise wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(service.clone()));
        tokio::spawn(async move {
            // A client that goes away is not this program's concern.
            if let Ok(parts) = connection.without_shutdown().await {
                let _ = close(parts.io.into_inner()).await;
            }
        });
    }
}

/// The next connection, once it leaves descriptors for the files that requests open. Without those, the connections that
/// are being served would be told that their objects do not exist.
async fn accept(listener: &TcpListener) -> TcpStream {
    let stream = loop {
        match listener.accept().await {
            Ok((stream, _)) => break stream,
            // The client's doing.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => wait_for_descriptors(&error).await,
        }
    };
    while let Err(error) = reserve() {
        wait_for_descriptors(&error).await;
    }
    stream
}

/// Fails if there are not enough descriptors for the files of a few requests.
fn reserve() -> io::Result<()> {
    const FILES: usize = 8;
    (0..FILES).map(|_| File::open("/dev/null")).collect::<io::Result<Vec<_>>>().map(drop)
}

/// Nothing tells of a descriptor that has become free, so a moment. Said once: it can go on for as long as the clients
/// like, many times a second.
async fn wait_for_descriptors(shortage: &io::Error) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        warn(format_args!(
            "out of file descriptors ({shortage}): new connections wait until others are closed; `ulimit -n` sets how \
             many there can be. This is said once"
        ));
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// Takes what still comes after the last reply. To close while a client sends, as it does when it has waited long enough
/// for "100 Continue", would be a reset, which can overtake the reply.
async fn close(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(drop)
}

/// A line for whoever runs this. Standard error may be closed, which is no reason to end.
pub fn warn(line: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "r2-emulator: {line}");
}
