//! What a connection can do to a call: break, stall, drip, flood, lie. And how connections are kept and replaced.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use r2creds::ffi::*;
use support::calls::{ACCOUNT, Client, Failure, Options, Params, RequestOptions};
use support::server::{BlackHole, Connection, DeadPort, GRANTED, Server, granted, reply};
use support::timing::{bounded, timed};

/// A client that does not repeat, so that what is seen is one attempt.
fn once(url: &str) -> Options {
    let mut options = Options::to(url);
    options.raw.max_retries = -1;
    options
}

fn fail_once(url: &str) -> Box<Failure> {
    once(url).client().unwrap().create(&Params::valid()).unwrap_err()
}

/// A server that treats every request in the same way, and is gone after that.
fn after_request(act: impl Fn(&mut Connection) + Send + Sync + 'static) -> Server {
    Server::start(move |connection| {
        if connection.request().is_some() {
            act(connection);
        }
    })
}

fn silent() -> Server {
    Server::start(Connection::until_closed)
}

/// A passing failure of one attempt: told as a broken connection, and repeated with the usual wait.
#[track_caller]
fn assert_broken(act: impl Fn(&mut Connection) + Send + Sync + 'static) {
    let act = Arc::new(act);
    let shared = Arc::clone(&act);
    let server = after_request(move |connection| shared(connection));
    let failure = fail_once(&server.url());
    assert_eq!(failure.status, R2CREDS_STATUS_CONNECTION, "{failure:?}");
    assert!(failure.retryable && failure.attempts == 1 && failure.hint.is_none(), "{failure:?}");
    assert_eq!(failure.retry_after_ms, -1);
    assert_eq!(server.seen().requests.len(), 1);

    let server = after_request(move |connection| {
        if connection.number == 0 {
            act(connection);
        } else {
            connection.send(&granted());
            connection.until_closed();
        }
    });
    let (made, elapsed) = timed(|| Options::to(&server.url()).client().unwrap().create(&Params::valid()));
    assert_eq!(made.unwrap().session_token, "minted-token");
    assert!(elapsed >= Duration::from_millis(375), "repeated after {elapsed:?}");
    assert_eq!(server.seen().requests.len(), 2);
}

/// A reply that is the same every time: told at once, and never asked for again.
#[track_caller]
fn assert_invalid(bytes: Vec<u8>) -> Box<Failure> {
    let server = after_request(move |connection| {
        connection.send(&bytes);
        connection.until_closed();
    });
    let failure = Options::to(&server.url()).client().unwrap().create(&Params::valid()).unwrap_err();
    assert_eq!(failure.status, R2CREDS_STATUS_INVALID_RESPONSE, "{failure:?}");
    assert!(!failure.retryable && failure.attempts == 1, "{failure:?}");
    assert_eq!(server.seen().requests.len(), 1);
    failure
}

#[test]
fn a_close_instead_of_a_reply_is_a_broken_connection() {
    assert_broken(|_| {});
}

#[test]
fn a_reset_instead_of_a_reply_is_a_broken_connection() {
    assert_broken(|connection| connection.will_reset());
}

#[test]
fn a_reset_in_a_body_is_a_broken_connection() {
    assert_broken(|connection| {
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"success\"");
        connection.will_reset();
    });
}

/// A reply that ends here, in whatever place that is.
#[track_caller]
fn assert_cut(answer: &str) {
    let sent = answer.to_owned();
    let server = after_request(move |connection| {
        connection.send(sent.as_bytes());
    });
    let failure = fail_once(&server.url());
    assert_eq!(failure.status, R2CREDS_STATUS_CONNECTION, "{answer:?}: {failure:?}");
    assert!(failure.retryable, "{answer:?}");
}

#[test]
fn a_head_that_is_cut_is_a_broken_connection() {
    for head in
        ["H", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\na: b\r\n"]
    {
        assert_cut(head);
    }
    assert_broken(|connection| {
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n");
    });
}

#[test]
fn a_body_that_is_shorter_than_its_length_is_a_broken_connection() {
    // The rest of it even makes sense.
    assert_broken(|connection| {
        connection
            .send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{GRANTED}", GRANTED.len() + 1).as_bytes());
    });
    // And so for a refusal: what it said is not known.
    assert_broken(|connection| {
        connection.send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 100\r\n\r\n{}");
    });
}

#[test]
fn a_chunked_body_that_is_cut_is_a_broken_connection() {
    for end in ["", "1\r\n", "5\r\n{}"] {
        assert_cut(&after_one_chunk(end));
    }
    assert_broken(|connection| {
        connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"suc");
    });
}

#[test]
fn a_cut_between_two_chunks_is_a_broken_connection_too() {
    for end in ["0", "1", "1;extension", "1\r\n \r", "0\r\ntrailer: x"] {
        assert_cut(&after_one_chunk(end));
    }
}

fn after_one_chunk(end: &str) -> String {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    format!("{head}{:x}\r\n{GRANTED}\r\n{end}", GRANTED.len())
}

#[test]
fn every_attempt_may_break_in_its_own_way() {
    let server = after_request(|connection| match connection.number {
        0 => connection.will_reset(),
        1 => drop(connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}")),
        _ => drop(connection.send(&reply("401 Unauthorized", "", "{}"))),
    });
    let failure = Options::to(&server.url()).client().unwrap().create(&Params::valid()).unwrap_err();
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_AUTHENTICATION, 3));
    assert_eq!(server.seen().requests.len(), 3);
}

#[test]
fn a_status_line_may_be_short_and_a_header_not_ascii() {
    for (answer, ray) in [
        (&b"HTTP/1.1 403\r\ncontent-length: 2\r\n\r\n{}"[..], None),
        (b"HTTP/1.1 403 Forbidden\r\ncf-ray: a\xff\tb\r\ncontent-length: 2\r\n\r\n{}", Some("a\u{fffd} b")),
        (b"HTTP/1.1 403 Forbidden\r\ncf-ray:\r\ncontent-length: 2\r\n\r\n{}", None),
    ] {
        let server = Server::with_replies(vec![answer.to_vec()]);
        let failure = fail_once(&server.url());
        assert_eq!((failure.status, failure.http_status), (R2CREDS_STATUS_PERMISSION_DENIED, 403), "{failure:?}");
        assert_eq!(failure.request_id.as_deref(), ray);
    }
}

#[test]
fn what_is_not_http_is_an_invalid_response() {
    for garbage in [
        &b"SSH-2.0-OpenSSH_9.9\r\n\r\n"[..],
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x0a\r\n\r\n",
        b"<html>\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        // What speaks first and then waits, as a mail server does.
        b"220 mail.example.test ESMTP\r\n",
    ] {
        let failure = assert_invalid(garbage.to_vec());
        assert_eq!((failure.message.as_str(), failure.http_status), ("the reply is not HTTP/1.1", 0));
    }
}

#[test]
fn an_odd_header_does_not_cost_the_reply() {
    let many: String = (0..1000).map(|at| format!("x-{at}: y\r\n")).collect();
    for odd in [
        "x-folded: one\r\n two\r\n\tthree\r\n",
        " begins with a fold\r\n",
        "set-cookie: a=\x01\x7f\0b\r\n",
        "no colon here\r\n",
        ": no name\r\n",
        "bad name: x\r\n",
        "x-(): y\r\n",
        "x-\u{e9}: y\r\n",
        "x-spaced : y\r\n",
        "content-type:\r\n",
        &many,
    ] {
        for (before, after) in [(odd, ""), ("", odd)] {
            // Behind the length it would be a part of that.
            if after.starts_with(' ') {
                continue;
            }
            let head = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\n{before}{more}{after}");
            let length = format!("content-length: {}\r\n", GRANTED.len());
            let good = format!("{}\r\n{GRANTED}", head("200 OK", &length));
            let bare = good.replace("\r\n", "\n");
            let busy = format!("{}\r\n{{}}", head("503 Busy", "content-length: 2\r\nretry-after-ms: 1\r\n"));
            let replies = [&busy, &good, &bare].map(|text| text.clone().into_bytes());
            let server = Server::with_replies(replies.to_vec());
            let client = Options::to(&server.url()).client().unwrap();
            for _ in 0..2 {
                let made = client.create(&Params::valid()).unwrap_or_else(|failure| panic!("{odd:?}: {failure:?}"));
                assert_eq!(made.session_token, "minted-token");
            }
            // The 503 was repeated, and all of it on one connection.
            let seen = server.seen();
            assert_eq!((seen.requests.len(), seen.accepted), (3, 1), "{odd:?}");
        }
    }
    // A header that goes on in the next line is whole.
    let folded = b"HTTP/1.1 403 Forbidden\r\ncf-ray: 1\r\n \t2\r\ncontent-length:\r\n 2\r\n\r\n{}".to_vec();
    let failure = fail_once(&Server::with_replies(vec![folded]).url());
    assert_eq!((failure.http_status, failure.request_id.as_deref()), (403, Some("1 2")));
    // The reason may be anything.
    let odd = "HTTP/1.1 200 \0\u{1}\u{e9}\r\n";
    let server = Server::with_replies(vec![format!("{odd}content-length: {}\r\n\r\n{GRANTED}", GRANTED.len()).into()]);
    once(&server.url()).client().unwrap().create(&Params::valid()).unwrap();
}

#[test]
fn a_reply_that_may_end_anywhere_keeps_its_status() {
    for (lines, named) in [
        ("content-length: minus\r\n", "content-length"),
        ("content-length: 2\r\ncontent-length: 3\r\n", "content-length"),
        ("content-length: 2\u{1}\r\n", "content-length"),
        ("content-length: 2\r\n 3\r\n", "content-length"),
        ("\u{1}content-length: 2\r\n", "content-length"),
        ("content-length 2\r\n", "content-length"),
        ("transfer-encoding: chunked\0\r\n", "transfer-encoding"),
        ("(transfer-encoding): chunked\r\n", "transfer-encoding"),
        ("transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n", "chunks"),
    ] {
        let answer = |status: &str| format!("HTTP/1.1 {status}\r\nretry-after-ms: 1\r\n{lines}\r\n{{}}").into_bytes();
        let failure = assert_invalid(answer("200 OK"));
        assert_eq!(failure.http_status, 200, "{lines:?}");
        assert!(failure.message.contains(named), "{lines:?}: {}", failure.message);
        let failure = fail_once(&Server::with_replies(vec![answer("401 Unauthorized")]).url());
        assert_eq!((failure.status, failure.http_status), (R2CREDS_STATUS_AUTHENTICATION, 401), "{lines:?}");

        // What it leaves on the connection answers nobody.
        let answer = answer("503 Busy");
        let server = Server::start(move |connection| {
            while connection.request().is_some() {
                connection.send(if connection.number == 0 { &answer } else { b"" });
                if connection.number > 0 {
                    connection.send(&granted());
                }
            }
        });
        Options::to(&server.url()).client().unwrap().create(&Params::valid()).unwrap();
        assert_eq!((server.seen().requests.len(), server.seen().accepted), (2, 2), "{lines:?}");
    }
}

#[test]
fn a_body_may_have_its_length_or_chunks_or_end_with_the_connection() {
    let half = GRANTED.len() / 2;
    let (first, second) = GRANTED.split_at(half);
    let chunks =
        format!("{half:x};extension=1\r\n{first}\r\n{:X}\r\n{second}\r\n0\r\ntrailer: x\r\n\r\n", second.len());
    for (answer, is_kept) in [
        (granted(), true),
        (format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").into_bytes(), true),
        (format!("HTTP/1.1 200 OK\r\n\r\n{GRANTED}").into_bytes(), false),
        (format!("HTTP/1.0 200 OK\r\n\r\n{GRANTED}").into_bytes(), false),
        (reply("200 OK", "connection: close\r\n", GRANTED), false),
        (reply("200 OK", "Connection: Close\r\n", GRANTED), false),
    ] {
        let text = String::from_utf8(answer.clone()).unwrap();
        let server = Server::start(move |connection| {
            while connection.request().is_some() {
                connection.send(&answer);
                if !is_kept {
                    return;
                }
            }
        });
        let client = once(&server.url()).client().unwrap();
        for _ in 0..3 {
            let made = client.create(&Params::valid()).unwrap_or_else(|failure| panic!("{text}: {failure:?}"));
            assert_eq!(made.session_token, "minted-token");
        }
        assert_eq!(server.seen().accepted, if is_kept { 1 } else { 3 }, "{text}");
    }
}

#[test]
fn interim_replies_are_not_the_reply() {
    for interim in ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"] {
        let server = Server::with_replies(vec![[interim.as_bytes(), &granted()].concat()]);
        let made = once(&server.url()).client().unwrap().create(&Params::valid());
        assert_eq!(made.map(|made| made.session_token).ok().as_deref(), Some("minted-token"), "{interim}");
    }
}

#[test]
fn a_reply_may_come_byte_by_byte() {
    let server = after_request(|connection| {
        for byte in granted() {
            connection.send(&[byte]);
        }
        connection.until_closed();
    });
    let made = once(&server.url()).client().unwrap().create(&Params::valid()).unwrap();
    assert_eq!(made.secret_access_key, "minted-secret");
}

/// A success of exactly this many bytes.
fn padded(length: usize) -> String {
    let padding = " ".repeat(length - GRANTED.len());
    format!("{GRANTED}{padding}")
}

#[test]
fn a_mebibyte_is_read_and_a_byte_more_is_refused() {
    const MEBIBYTE: usize = 1024 * 1024;
    let chunked = |body: &str| {
        let chunks: String = body
            .as_bytes()
            .chunks(60_000)
            .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap()))
            .collect();
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n").into_bytes()
    };
    let endless = |body: &str| format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}").into_bytes();
    type Framing<'a> = &'a dyn Fn(&str) -> Vec<u8>;
    let framings: [(&str, Framing); 3] =
        [("length", &|body| reply("200 OK", "", body)), ("chunks", &chunked), ("close", &endless)];
    for (name, framed) in framings {
        let answer = framed(&padded(MEBIBYTE));
        let server = after_request(move |connection| {
            connection.send(&answer);
        });
        let made = once(&server.url()).client().unwrap().create(&Params::valid());
        assert_eq!(made.unwrap_or_else(|failure| panic!("{name}: {failure:?}")).session_token, "minted-token");

        let answer = framed(&padded(MEBIBYTE + 1));
        let server = after_request(move |connection| {
            connection.send(&answer);
        });
        let failure = Options::to(&server.url()).client().unwrap().create(&Params::valid()).unwrap_err();
        assert_eq!(failure.status, R2CREDS_STATUS_INVALID_RESPONSE, "{name}: {failure:?}");
        assert_eq!((failure.http_status, failure.attempts, failure.retryable), (200, 1, false), "{name}");
        assert_eq!(server.seen().requests.len(), 1, "{name}");
    }
}

#[test]
fn an_oversized_reply_is_never_asked_for_again() {
    // Not even where the status, or the server, wants it; and its length alone is enough, before any of it has come.
    for status in ["200 OK", "429 Too Many Requests", "500 Internal Server Error"] {
        let server = after_request(move |connection| {
            let head = format!("HTTP/1.1 {status}\r\nx-should-retry: true\r\ncontent-length: 1048577\r\n\r\n");
            connection.send(head.as_bytes());
            connection.until_closed();
        });
        let (failure, elapsed) =
            timed(|| Options::to(&server.url()).client().unwrap().create(&Params::valid()).unwrap_err());
        assert!(elapsed < Duration::from_secs(10), "{elapsed:?}");
        assert_eq!((failure.attempts, failure.retryable), (1, false), "{status}");
        assert_eq!(server.seen().requests.len(), 1, "{status}");
    }
}

#[test]
fn a_flood_is_cut_off() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nx: ", ""] {
        let server = after_request(move |connection| {
            connection.send(head.as_bytes());
            while connection.send(&[b'x'; 64 * 1024]) {}
        });
        let failure = Options::to(&server.url()).client().unwrap().create(&Params::valid()).unwrap_err();
        assert_eq!(failure.status, R2CREDS_STATUS_INVALID_RESPONSE, "{head:?}: {failure:?}");
        assert_eq!((failure.attempts, failure.retryable), (1, false), "{head:?}");
    }
}

#[test]
fn a_line_between_chunks_that_never_ends_is_cut_off() {
    for (head, endless) in [("", "1"), ("1;", "x"), ("0\r\nx-trailer: ", "x")] {
        let server = after_request(move |connection| {
            let start = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{head}");
            connection.send(start.as_bytes());
            let block = endless.repeat(64 * 1024);
            while connection.send(block.as_bytes()) {}
        });
        let failure = Options::to(&server.url()).client().unwrap().create(&Params::valid()).unwrap_err();
        assert_eq!(failure.status, R2CREDS_STATUS_INVALID_RESPONSE, "{head:?}: {failure:?}");
        assert_eq!((failure.attempts, failure.retryable), (1, false), "{head:?}");
    }
}

#[test]
fn headers_may_have_sixty_kibibytes_and_no_more_than_sixty_four() {
    let with = |bytes: usize| {
        // No single line is large.
        let lines: String = (0..bytes / 1024).map(|at| format!("x-{at:03}: {}\r\n", "v".repeat(1024 - 9))).collect();
        reply("200 OK", &lines, GRANTED)
    };
    let server = Server::with_replies(vec![with(60 * 1024)]);
    once(&server.url()).client().unwrap().create(&Params::valid()).unwrap();
    let failure = assert_invalid(with(65 * 1024));
    assert!(failure.message.contains("64 KiB"), "{}", failure.message);
}

/// What happens when a second reply follows the first, in one segment or while nobody asks.
#[track_caller]
fn assert_second_reply_is_never_read(first: &'static [u8], is_together: bool) {
    let forged = reply("200 OK", "", &GRANTED.replace("minted", "forged"));
    let (tell, told) = mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let server = Server::start(move |connection| {
        while connection.request().is_some() {
            if is_together {
                connection.send(&[first, &forged].concat());
            } else {
                connection.send(first);
                connection.wait_for_delivery();
                connection.send(&forged);
            }
            connection.wait_for_delivery();
            tell.lock().unwrap().send(()).unwrap();
        }
    });
    let client = once(&server.url()).client().unwrap();
    for call in 1..=4 {
        if let Ok(made) = client.create(&Params::valid()) {
            assert_eq!(made.session_token, "minted-token", "call {call}");
        }
        told.recv().unwrap();
    }
    // A connection that said too much is not used again.
    assert_eq!((server.seen().accepted, server.seen().requests.len()), (4, 4));
}

#[test]
fn a_second_reply_never_answers_the_next_request() {
    let length: &[u8] = granted().leak();
    let chunk = format!("{:x}\r\n{GRANTED}\r\n0\r\n\r\n", GRANTED.len());
    let chunked = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}").leak();
    for first in [
        length,
        chunked.as_bytes(),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
    ] {
        assert_second_reply_is_never_read(first, true);
        assert_second_reply_is_never_read(first, false);
    }
}

#[test]
fn what_is_left_of_an_oversized_reply_never_answers_the_next_request() {
    // Whatever the length was, the rest of the stream says that it was a lie.
    let server = Server::start(|connection| {
        while connection.request().is_some() {
            if connection.requests_so_far() == 1 {
                connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n");
            }
            connection.send(&granted());
        }
    });
    let client = once(&server.url()).client().unwrap();
    assert_eq!(client.create(&Params::valid()).unwrap_err().status, R2CREDS_STATUS_INVALID_RESPONSE);
    client.create(&Params::valid()).unwrap();
    assert_eq!(server.seen().accepted, 2);
}

#[test]
fn garbage_on_an_idle_connection_is_never_read() {
    let (tell, told) = mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let server = Server::start(move |connection| {
        while connection.request().is_some() {
            connection.send(&granted());
            connection.wait_for_delivery();
            connection.send(b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n");
            connection.wait_for_delivery();
            tell.lock().unwrap().send(()).unwrap();
        }
    });
    let client = once(&server.url()).client().unwrap();
    for _ in 0..3 {
        client.create(&Params::valid()).unwrap();
        told.recv().unwrap();
    }
    assert_eq!(server.seen().accepted, 3);
}

#[test]
fn one_connection_serves_calls_and_attempts() {
    let quick = "retry-after-ms: 1\r\n";
    let server = Server::with_replies(vec![
        granted(),
        reply("503 Unavailable", quick, ""),
        reply("429 Too Many", quick, "{}"),
        granted(),
        reply("403 Forbidden", "", "{}"),
        reply("204 No Content", "", ""),
        granted(),
    ]);
    let client = Options::to(&server.url()).client().unwrap();
    client.create(&Params::valid()).unwrap();
    client.create(&Params::valid()).unwrap();
    assert_eq!(client.create(&Params::valid()).unwrap_err().status, R2CREDS_STATUS_PERMISSION_DENIED);
    assert_eq!(client.create(&Params::valid()).unwrap_err().status, R2CREDS_STATUS_INVALID_RESPONSE);
    client.create(&Params::valid()).unwrap();
    let seen = server.seen();
    assert_eq!((seen.requests.len(), seen.accepted), (7, 1));
    // And closed with its client.
    drop(client);
    server.wait_for(|seen| seen.closed == 1);
}

/// Answers so many requests on each connection, then does this when the next one has come, and closes.
fn stale_after(requests: usize, act: impl Fn(&mut Connection) + Send + Sync + 'static) -> Server {
    Server::start(move |connection| {
        for _ in 0..requests {
            if connection.request().is_none() {
                return;
            }
            connection.send(&granted());
        }
        if connection.request().is_some() {
            act(connection);
        }
    })
}

#[test]
fn an_idle_connection_that_was_closed_is_replaced_in_silence() {
    for does_reset in [false, true] {
        let server = after_request(move |connection| {
            connection.send(&granted());
            connection.wait_for_delivery();
            if does_reset {
                connection.will_reset();
            }
        });
        let client = once(&server.url()).client().unwrap();
        for calls in 1..=4 {
            client.create(&Params::valid()).unwrap();
            server.wait_for(|seen| seen.closed == calls);
        }
        let seen = server.seen();
        assert_eq!((seen.requests.len(), seen.accepted), (4, 4));
    }
}

#[test]
fn a_kept_connection_that_dies_under_the_request_is_replaced_at_once() {
    for does_reset in [false, true] {
        let server = stale_after(1, move |connection| {
            if does_reset {
                connection.will_reset();
            }
        });
        let client = once(&server.url()).client().unwrap();
        client.create(&Params::valid()).unwrap();
        // No attempt is left over for a repeat, so these can only be replacements.
        let times = (0..8).map(|_| timed(|| client.create(&Params::valid()).unwrap()).1);
        let fastest = times.min().unwrap();
        assert!(fastest < Duration::from_millis(375), "as long as a wait between attempts: {fastest:?}");
        let seen = server.seen();
        assert_eq!((seen.requests.len(), seen.accepted), (1 + 8 * 2, 1 + 8));
        assert_eq!(seen.requests[1].head, seen.requests[2].head);
        assert_eq!(seen.requests[1].body, seen.requests[2].body);
    }
}

#[test]
fn the_replacement_is_kept_like_any_connection() {
    let server = stale_after(2, |_| {});
    let client = once(&server.url()).client().unwrap();
    for _ in 0..5 {
        client.create(&Params::valid()).unwrap();
    }
    // 1 1 (1)2 2 (2)3: each connection answers two and dies under the third.
    let seen = server.seen();
    assert_eq!((seen.requests.len(), seen.accepted), (7, 3));
}

#[test]
fn a_replacement_is_made_once_and_is_no_attempt() {
    // The first connection answers once; every other one dies under its first request.
    let server = Server::start(|connection| {
        if connection.request().is_some() && connection.number == 0 {
            connection.send(&granted());
            connection.request();
        }
    });
    let client = once(&server.url()).client().unwrap();
    client.create(&Params::valid()).unwrap();
    let failure = client.create(&Params::valid()).unwrap_err();
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_CONNECTION, 1));
    assert!(failure.retryable);
    let seen = server.seen();
    assert_eq!((seen.requests.len(), seen.accepted), (3, 2));
}

#[test]
fn a_kept_connection_that_breaks_in_the_reply_is_an_attempt() {
    let server = stale_after(1, |connection| {
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-le");
    });
    let client = once(&server.url()).client().unwrap();
    client.create(&Params::valid()).unwrap();
    let failure = client.create(&Params::valid()).unwrap_err();
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_CONNECTION, 1));
    let seen = server.seen();
    assert_eq!((seen.requests.len(), seen.accepted), (2, 1));
}

#[test]
fn a_kept_connection_that_stalls_is_not_replaced() {
    let server = stale_after(1, Connection::until_closed);
    let mut options = once(&server.url());
    options.raw.attempt_timeout_ms = 1000;
    let client = options.client().unwrap();
    client.create(&Params::valid()).unwrap();
    let failure = bounded(1000, || client.create(&Params::valid()).unwrap_err());
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_TIMEOUT, 1));
    assert_eq!(server.seen().accepted, 1);
    // What timed out may still be answered one day: never on a connection of ours.
    server.wait_for(|seen| seen.closed == 1);
}

const BURST: usize = 4;

/// A client that keeps the connections of a burst, whose server does this with every further request on them. On new
/// connections all is well.
fn after_a_burst(further: impl Fn(&mut Connection) + Send + Sync + 'static) -> (Server, Client) {
    let all_are_there = Barrier::new(BURST);
    let server = Server::start(move |connection| {
        let is_of_burst = connection.number < BURST;
        if connection.request().is_none() {
            return;
        }
        if is_of_burst {
            all_are_there.wait();
        }
        connection.send(&granted());
        while connection.request().is_some() {
            if is_of_burst {
                further(connection);
            } else {
                connection.send(&granted());
            }
        }
    });
    let client = clocks(&server.url(), 0, 500, 0, 0);
    thread::scope(|scope| {
        for _ in 0..BURST {
            scope.spawn(|| client.create(&Params::valid()).unwrap());
        }
    });
    assert_eq!(server.seen().accepted, BURST);
    (server, client)
}

/// The second attempt is on a new connection, and the whole burst is closed.
#[track_caller]
fn assert_burst_is_given_up(further: impl Fn(&mut Connection) + Send + Sync + 'static) {
    let (server, client) = after_a_burst(further);
    client.create(&Params::valid()).unwrap();
    assert_eq!(server.seen().accepted, BURST + 1);
    server.wait_for(|seen| seen.closed == BURST);
    // The new one is kept.
    client.create(&Params::valid()).unwrap();
    assert_eq!(server.seen().accepted, BURST + 1);
}

#[test]
fn connections_that_the_network_has_forgotten_are_given_up_together() {
    assert_burst_is_given_up(|_| {});
}

#[test]
fn connections_whose_server_answers_408_are_given_up_together() {
    assert_burst_is_given_up(|connection| {
        connection.send(&reply("408 Request Timeout", "retry-after-ms: 1\r\n", ""));
    });
}

#[test]
fn connections_that_break_under_a_request_are_given_up_together() {
    assert_burst_is_given_up(|connection| connection.socket().shutdown(std::net::Shutdown::Both).unwrap());
}

#[test]
fn nobody_there_is_a_connection_error_and_repeated() {
    let nobody = DeadPort::bind();
    let url = nobody.url();
    let failure = fail_once(&url);
    assert_eq!((failure.status, failure.http_status, failure.attempts), (R2CREDS_STATUS_CONNECTION, 0, 1));
    assert!(failure.retryable);
    let (failure, elapsed) = timed(|| Options::to(&url).client().unwrap().create(&Params::valid()).unwrap_err());
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_CONNECTION, 3));
    assert!(elapsed >= Duration::from_millis(375 + 750), "{elapsed:?}");
}

#[test]
fn localhost_is_reached_on_either_protocol() {
    // A machine without IPv6 has the other half of this test left.
    if let Ok(listener) = TcpListener::bind("[::1]:0") {
        let server = Server::start_on(listener, None, |connection| {
            while connection.request().is_some() {
                connection.send(&granted());
            }
        });
        for (host, expected) in
            [("localhost", "localhost"), ("[::1]", "[::1]"), ("[0:0:0:0:0:0:0:1]", "[0:0:0:0:0:0:0:1]")]
        {
            let client = once(&format!("http://{host}:{}", server.port())).client().unwrap();
            client.create(&Params::valid()).unwrap_or_else(|failure| panic!("{host}: {failure:?}"));
            let requests = server.seen().requests;
            assert_eq!(requests.last().unwrap().header("host"), [format!("{expected}:{}", server.port())]);
        }
    }
    let server = Server::with_replies(vec![granted()]);
    once(&format!("http://localhost:{}", server.port())).client().unwrap().create(&Params::valid()).unwrap();
    assert_eq!(server.seen().requests[0].header("host"), [format!("localhost:{}", server.port())]);
    let client = once(&format!("http://127.0.0.1:{}/client/v4/", server.port())).client().unwrap();
    client.create(&Params::valid()).unwrap();
    let request = server.seen().requests[1].clone();
    assert!(request.line().starts_with("POST /client/v4/accounts/"), "{}", request.line());
    assert_eq!(request.header("host"), [format!("127.0.0.1:{}", server.port())]);
}

#[test]
fn a_head_is_written_so_that_every_server_understands_it() {
    let server = Server::with_replies(vec![granted()]);
    once(&server.url()).client().unwrap().create(&Params::valid()).unwrap();
    let request = server.seen().requests[0].clone();
    assert_eq!(request.line(), format!("POST /accounts/{}/r2/temp-access-credentials HTTP/1.1", ACCOUNT));
    let length = request.body.len().to_string();
    for (name, value) in [
        ("host", server.address.to_string().as_str()),
        ("content-length", length.as_str()),
        ("content-type", "application/json"),
        ("accept-encoding", "identity"),
        ("accept", "application/json"),
    ] {
        assert_eq!(request.header(name), [value], "{name}");
    }
    assert!(request.header("transfer-encoding").is_empty() && request.header("connection").is_empty());
}

#[test]
fn a_request_of_two_megabytes_arrives_whole() {
    let server = Server::with_replies(vec![granted()]);
    let mut params = Params::valid();
    let prefixes: Vec<String> = (0..2000).map(|at| format!("{at:04}/{}", "p".repeat(1019))).collect();
    params.prefixes(&prefixes);
    let client = once(&server.url()).client().unwrap();
    for call in 0..2 {
        client.create(&params).unwrap();
        let sent: serde_json::Value = serde_json::from_slice(&server.seen().requests[call].body).unwrap();
        assert_eq!(sent["prefixes"], serde_json::json!(prefixes));
    }
    assert_eq!(server.seen().accepted, 1);
}

#[test]
fn a_server_that_does_not_read_cannot_hold_a_call() {
    let (release, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let server = Server::start(move |connection| {
        // More than both kernels' buffers take, without a request that takes long to build.
        socket2::SockRef::from(connection.socket()).set_recv_buffer_size(4096).unwrap();
        let _ = held.lock().unwrap().recv();
    });
    let mut params = Params::valid();
    params.prefixes(&vec!["p".repeat(1024); 6000]);
    // To build and to wipe such a body takes its time, under an emulator many seconds.
    let nobody = DeadPort::bind();
    let (_, besides) = timed(|| once(&nobody.url()).client().unwrap().create(&params).unwrap_err());
    let mut options = once(&server.url());
    options.raw.attempt_timeout_ms = 600;
    let client = options.client().unwrap();
    let (failure, elapsed) = timed(|| client.create(&params).unwrap_err());
    // Without a clock of its own an attempt has 20 s.
    let most = besides + besides / 2 + Duration::from_secs(10);
    assert!(elapsed >= Duration::from_millis(600) && elapsed < most, "{elapsed:?}, {besides:?}");
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_TIMEOUT, 1));
    assert!(failure.message.contains("sending the request"), "{}", failure.message);
    drop(release);
}

#[test]
fn a_refusal_before_the_request_was_read_is_heard() {
    // The request is larger than any buffer on the way, and nobody reads it.
    let server = Server::start(|connection| {
        connection.send(&reply("413 Content Too Large", "connection: close\r\n", "{}"));
    });
    let mut params = Params::valid();
    params.prefixes(&vec!["p".repeat(1024); 20_000]);
    let failure = Options::to(&server.url()).client().unwrap().create(&params).unwrap_err();
    assert_eq!((failure.status, failure.http_status), (R2CREDS_STATUS_API_ERROR, 413), "{failure:?}");
    // And not asked for again.
    assert_eq!((failure.attempts, server.seen().accepted), (1, 1));
}

/// The clocks of a client: the whole call, an attempt, its connection; and how often it repeats.
fn clocks(url: &str, timeout: u32, attempt: u32, connect: u32, max_retries: i32) -> Client {
    let mut options = Options::to(url);
    (options.raw.timeout_ms, options.raw.attempt_timeout_ms) = (timeout, attempt);
    (options.raw.connect_timeout_ms, options.raw.max_retries) = (connect, max_retries);
    options.client().unwrap()
}

#[track_caller]
fn assert_timeout(client: &Client, bound_ms: u64, attempts: i32, clock: &str) {
    let failure = bounded(bound_ms, || client.create(&Params::valid()).unwrap_err());
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_TIMEOUT, attempts), "{failure:?}");
    assert!(failure.message.contains(clock), "{}", failure.message);
    assert_eq!(failure.http_status, 0);
    assert!(failure.retryable);
}

#[test]
fn no_reply_is_a_timeout_of_the_narrowest_clock() {
    let server = silent();
    let url = server.url();
    // The connection stands, so its clock no longer counts, however narrow it is.
    assert_timeout(&clocks(&url, 5000, 300, 0, -1), 300, 1, " attempt_timeout_ms");
    assert_timeout(&clocks(&url, 5000, 300, 100, -1), 300, 1, " attempt_timeout_ms");
    assert_timeout(&clocks(&url, 300, 5000, 5000, -1), 300, 1, " timeout_ms");
    assert_timeout(&clocks(&url, 300, 0, 0, 9), 300, 1, " timeout_ms");
    // So little may be gone before anything is sent.
    let failure = bounded(1, || clocks(&url, 1, 0, 0, 9).create(&Params::valid()).unwrap_err());
    assert_eq!(failure.status, R2CREDS_STATUS_TIMEOUT);
    assert!(failure.attempts <= 1);
}

#[test]
fn an_attempts_timeout_is_repeated() {
    let server = Server::start(|connection| {
        if connection.number == 0 {
            connection.until_closed();
        } else if connection.request().is_some() {
            connection.send(&granted());
        }
    });
    let client = clocks(&server.url(), 10_000, 600, 0, 0);
    let (made, elapsed) = timed(|| client.create(&Params::valid()));
    made.unwrap();
    assert!(elapsed >= Duration::from_millis(600 + 375), "{elapsed:?}");
    assert!(server.seen().accepted >= 2);
}

#[test]
fn every_attempt_has_a_clock_of_its_own() {
    let server = silent();
    // At least 200, a wait of 375, and 200 again.
    let failure = bounded(775, || clocks(&server.url(), 10_000, 200, 0, 1).create(&Params::valid()).unwrap_err());
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_TIMEOUT, 2));
    server.wait_for(|seen| seen.accepted == 2);
}

#[test]
fn the_deadline_ends_the_second_attempt_early() {
    // Which would like 20 s.
    let server = after_request(|connection| {
        connection.send(&reply("503 Unavailable", "retry-after-ms: 1\r\n", ""));
        connection.until_closed();
    });
    let failure = bounded(2000, || clocks(&server.url(), 2000, 0, 0, 9).create(&Params::valid()).unwrap_err());
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_TIMEOUT, 2));
}

/// Sends the head and then, for ever, a little more of the body.
fn dripping(head: &'static str, drop: &'static str) -> Server {
    after_request(move |connection| {
        connection.send(head.as_bytes());
        while connection.send(drop.as_bytes()) {
            // Not a wait for anything: this is what the server does.
            thread::sleep(Duration::from_millis(5));
        }
    })
}

#[test]
fn a_drip_does_not_hold_up_any_clock() {
    for (head, drop) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", " "),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\n \r\n"),
        ("HTTP/1.1 200 OK\r\n\r\n", " "),
        ("HTTP/1.1 200 OK\r\n", "a: b\r\n"),
        ("HTTP/1.1 200 OK\r\nx: ", "x"),
    ] {
        let server = dripping(head, drop);
        assert_timeout(&clocks(&server.url(), 5000, 300, 0, -1), 300, 1, " attempt_timeout_ms");
        assert_timeout(&clocks(&server.url(), 300, 5000, 0, -1), 300, 1, " timeout_ms");
        assert_timeout(&clocks(&server.url(), 300, 0, 0, 9), 300, 1, " timeout_ms");
    }
}

#[test]
fn a_black_hole_is_a_timeout_of_the_connection() {
    let hole = BlackHole::listen();
    let url = hole.url();
    assert_timeout(&clocks(&url, 0, 0, 300, -1), 300, 1, " connect_timeout_ms");
    // Narrower clocks cap it.
    assert_timeout(&clocks(&url, 0, 300, 0, -1), 300, 1, " attempt_timeout_ms");
    assert_timeout(&clocks(&url, 300, 0, 0, -1), 300, 1, " timeout_ms");
    let (failure, elapsed) = timed(|| clocks(&url, 0, 0, 200, 1).create(&Params::valid()).unwrap_err());
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_TIMEOUT, 2));
    assert!(elapsed >= Duration::from_millis(200 + 375 + 200), "{elapsed:?}");
}

#[test]
fn a_requests_timeout_bounds_everything_too() {
    let server = silent();
    let client = clocks(&server.url(), 60_000, 60_000, 60_000, 0);
    let mut request = RequestOptions::empty();
    request.raw.timeout_ms = 300;
    let failure = bounded(300, || client.create_with(&Params::valid(), &request).unwrap_err());
    assert_eq!(failure.status, R2CREDS_STATUS_TIMEOUT);
}

#[test]
fn connections_are_never_more_than_calls_in_flight() {
    const THREADS: usize = 16;
    const CALLS: usize = 25;
    let in_flight = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let server = Server::with_replies(vec![granted()]);
    let client = once(&server.url()).client().unwrap();
    for _ in 0..10 {
        client.create(&Params::valid()).unwrap();
    }
    assert_eq!(server.seen().accepted, 1);
    for threads in [4, THREADS] {
        let barrier = Barrier::new(threads);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..CALLS {
                        most.fetch_max(in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        let made = client.create(&Params::valid());
                        in_flight.fetch_sub(1, Ordering::SeqCst);
                        made.unwrap();
                    }
                });
            }
        });
        let (seen, most) = (server.seen(), most.load(Ordering::SeqCst));
        assert!(seen.peak <= most, "{} connections for {most} calls", seen.peak);
        // All of them are kept, none is made anew.
        assert_eq!(seen.accepted, seen.peak);
    }
    assert_eq!(server.seen().requests.len(), 10 + (4 + THREADS) * CALLS);
    drop(client);
    server.wait_for(|seen| seen.closed == seen.accepted);
}

#[test]
fn calls_of_many_threads_get_their_own_replies() {
    // The reply repeats the bucket that was asked for.
    let server = Server::start(|connection| {
        while let Some(request) = connection.request() {
            let asked: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            let body = GRANTED.replace("minted-token", asked["bucket"].as_str().unwrap());
            connection.send(&reply("200 OK", "", &body));
        }
    });
    let client = once(&server.url()).client().unwrap();
    thread::scope(|scope| {
        for number in 0..16 {
            let client = &client;
            scope.spawn(move || {
                for call in 0..25 {
                    let bucket = format!("bucket-{number}-{call}");
                    let mut params = Params::valid();
                    params.raw.bucket = params.memory.text(&bucket);
                    assert_eq!(client.create(&params).unwrap().session_token, bucket);
                }
            });
        }
    });
}

#[test]
fn a_slow_call_does_not_hold_up_another() {
    let (release, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let server = Server::start(move |connection| {
        while connection.request().is_some() {
            if connection.number == 0 {
                let _ = held.lock().unwrap().recv();
            }
            connection.send(&granted());
        }
    });
    let client = once(&server.url()).client().unwrap();
    thread::scope(|scope| {
        let slow = scope.spawn(|| client.create(&Params::valid()));
        server.wait_for(|seen| seen.requests.len() == 1);
        let start = Instant::now();
        client.create(&Params::valid()).unwrap();
        assert!(start.elapsed() < Duration::from_secs(10));
        release.send(()).unwrap();
        slow.join().unwrap().unwrap();
    });
    assert_eq!(server.seen().accepted, 2);
}
