//! The API for programs in C and C++: what it does with a request is in the account id of the request's path.

use std::net::{Shutdown, SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::certificates::Authority;
use crate::files::TempFile;
use crate::server::{Connection, Server, reply};

/// Everything an error can carry.
const RICH: &str = r#"{"success":false,"result":null,"messages":["first","second"],"errors":[
    {"code":10000,"message":"Slow\ndown","documentation_url":"https://example.com/","source":{"pointer":"/bucket"}},
    {"code":7}]}"#;

/// A token of an account, as its verify endpoint describes it.
const VERIFIED: &str = r#"{"success":true,"errors":[],"messages":[],"result":{
    "id":"0123456789abcdef0123456789abcdef","status":"active","expires_on":"2030-01-01T00:00:00Z"}}"#;

fn refusal(status: &str) -> Vec<u8> {
    reply(&format!("{status} Text"), "", r#"{"success":false,"errors":[{"code":1,"message":"no"}]}"#)
}

pub fn http() -> Server {
    http_with(|| {})
}

/// `reached` is called each time a request is where its account id wants it, and for a handshake, which nobody answers.
pub fn http_with(reached: impl Fn() + Send + Sync + 'static) -> Server {
    Server::start_on(listener(), None, move |connection| {
        let mut first = [0];
        // A TLS record of the kind "handshake" begins so.
        if connection.socket().peek(&mut first).is_ok() && first == [0x16] {
            reached();
            return connection.until_closed();
        }
        while serve(connection, &reached).is_some() {}
    })
}

/// With the file to trust it by.
pub fn https() -> (Server, TempFile) {
    let authority = Authority::generate();
    let config = authority.server_without_aes("127.0.0.1");
    let server = Server::start_on(listener(), Some(config), |connection| while serve(connection, &|| {}).is_some() {});
    (server, TempFile::new(authority.pem()))
}

/// Its buffer is small, so that a server that does not read is noticed soon.
fn listener() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(128).unwrap();
    socket.into()
}

/// The account id in the path of a request.
pub fn account(line: &str) -> &str {
    line.split('/').nth(2).unwrap_or_default()
}

/// Answers one request. `None`: the connection is over.
fn serve(connection: &mut Connection, reached: &impl Fn()) -> Option<()> {
    let mut request = connection.head()?;
    let account = account(request.line()).to_owned();
    match account.as_str() {
        "deaf" => {
            reached();
            // Nothing is read from here on, not even the end of the connection.
            thread::park_timeout(Duration::from_secs(60));
            return None;
        }
        "leaves" => {
            // The peer's next write but one meets a reset after an end, which is what raises SIGPIPE.
            connection.socket().shutdown(Shutdown::Write).ok()?;
            connection.fill();
            return None;
        }
        _ => connection.body(&mut request)?,
    }
    let granted = || {
        format!(
            r#"{{"success":true,"errors":[],"messages":[],"result":{{"accessKeyId":"id-{account}",
            "secretAccessKey":"secret-{account}","sessionToken":"token-{account}"}}}}"#
        )
    };
    let answer = match account.as_str() {
        // Of a user's tokens it knows none, of the account's every one.
        _ if request.line().contains(" /user/tokens/verify ") => refusal("401"),
        _ if request.line().contains("/plain/tokens/verify ") => reply("200 OK", "", VERIFIED),
        "reset" => return None,
        "hangs" => {
            reached();
            connection.until_closed();
            return None;
        }
        "drips" => {
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{");
            reached();
            while connection.send(b" ") {
                thread::sleep(Duration::from_millis(20));
            }
            return None;
        }
        "waits" => reply("503 Text", "Retry-After: 30\r\n", ""),
        "rich" => reply("429 Text", "Retry-After: 61\r\nCF-Ray: 0123456789abcdef-LHR\r\n", RICH),
        "no-success" => reply("200 OK", "", r#"{"success":false,"errors":[],"messages":[],"result":null}"#),
        "no-json" => reply("200 OK", "", "<html>"),
        "no-token" => {
            let result = r#"{"accessKeyId":"a","secretAccessKey":"b","sessionToken":""}"#;
            reply("200 OK", "", &format!(r#"{{"success":true,"result":{result}}}"#))
        }
        _ => match account.strip_prefix("http-") {
            Some(status) => refusal(status),
            None => reply("200 OK", "CF-Ray: 0123456789abcdef-LHR\r\n", &granted()),
        },
    };
    connection.send(&answer);
    if account == "waits" {
        reached();
    }
    Some(())
}
