//! A loopback stand-in of Cloudflare's API for the demo: prints its base URL, and answers every well-formed request
//! for a credential with an example one, until its standard input ends. Needs nothing but `rustc`.

use std::io::{BufRead, BufReader, Read, Write, stdin};
use std::net::{TcpListener, TcpStream};

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}/client/v4", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away is not this program's concern.
            let _ = serve(stream);
        }
    });
    stdin().read_to_end(&mut Vec::new()).map(drop)
}

/// Answers the requests of one connection.
fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let (status, json) = answer(&head, &String::from_utf8_lossy(&body));
        let length = json.len();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nCF-Ray: 0123456789abcdef-EXAMPLE\r\n")?;
        write!(stream, "Content-Length: {length}\r\n\r\n{json}")?;
    }
}

fn answer(head: &str, body: &str) -> (&'static str, &'static str) {
    let path = head.split(' ').nth(1).unwrap_or_default();
    if !head.starts_with("POST /client/v4/accounts/") || !path.ends_with("/r2/temp-access-credentials") {
        ("404 Not Found", r#"{"success":false,"errors":[{"code":10015,"message":"No route"}],"messages":[]}"#)
    } else if !head.to_ascii_lowercase().contains("\r\nauthorization: bearer ") {
        (
            "401 Unauthorized",
            r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"messages":[]}"#,
        )
    } else if !body.contains("\"parentAccessKeyId\"") {
        (
            "400 Bad Request",
            r#"{"success":false,"errors":[{"code":10040,"message":"JSON not well formed"}],"messages":[]}"#,
        )
    } else {
        (
            "200 OK",
            r#"{"success":true,"errors":[],"messages":[],"result":{"accessKeyId":"example-access-key-id","secretAccessKey":"example-secret-access-key","sessionToken":"example-session-token"}}"#,
        )
    }
}
