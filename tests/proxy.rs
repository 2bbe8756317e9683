//! create through a proxy by CONNECT: the tunnel, its authentication, every way it can fail, and when there is none.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use base64_simd::STANDARD;
use r2creds::ffi::*;
use support::calls::{API_TOKEN, Client, Failure, Options, Params};
use support::certificates::Authority;
use support::files::TempFile;
use support::server::{BlackHole, Connection, DeadPort, Server, granted, reply};
use support::timing::bounded;

/// A name that nobody can look up: who reaches it, reached it through the proxy.
const NAME: &str = "api.example.test";
const PASSWORD: &str = "proxy-pass/word:that@nobody may see";
const ENCODED: &str = "us%65r:proxy-pass%2Fword%3Athat%40nobody%20may%20see";

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n";

/// Carries bytes to `target` and back, wherever the tunnel was to lead, until one side ends.
fn carry(connection: &Connection, target: SocketAddr) {
    let mut there = TcpStream::connect(target).unwrap();
    let mut here = connection.socket().try_clone().unwrap();
    let (mut from_there, mut to_here) = (there.try_clone().unwrap(), here.try_clone().unwrap());
    thread::scope(|scope| {
        scope.spawn(move || {
            let _ = io::copy(&mut from_there, &mut to_here);
            let _ = to_here.shutdown(Shutdown::Both);
        });
        let _ = io::copy(&mut here, &mut there);
        let _ = there.shutdown(Shutdown::Both);
    });
}

fn proxy_to(target: SocketAddr) -> Server {
    Server::start(move |connection| {
        if connection.request().is_some() {
            connection.send(ESTABLISHED);
            carry(connection, target);
        }
    })
}

/// The API behind TLS under its name, and the file to trust it by.
fn api(answer: Vec<u8>) -> (Server, TempFile) {
    let authority = Authority::generate();
    let server = Server::start_tls(authority.server(NAME), move |connection| {
        while connection.request().is_some() {
            connection.send(&answer);
        }
    });
    (server, TempFile::new(authority.pem()))
}

/// Does not repeat.
fn options(base_url: &str, proxy_url: &str) -> Options {
    let mut options = Options::to(base_url);
    options.raw.proxy_url = options.memory.text(proxy_url);
    options.raw.max_retries = -1;
    options
}

fn client(api: &(Server, TempFile), proxy_url: &str) -> Client {
    let mut options = options(&format!("https://{NAME}:{}", api.0.port()), proxy_url);
    options.raw.ca_file = options.memory.text(api.1.path());
    options.client().unwrap()
}

/// What a call to a name makes of this proxy, which is asked `1 + retries` times at most.
fn fail(proxy_url: &str, retries: i32) -> Box<Failure> {
    let mut options = options(&format!("https://{NAME}"), proxy_url);
    options.raw.max_retries = retries;
    let failure = options.client().unwrap().create(&Params::valid()).unwrap_err();
    assert!(!failure.texts().contains("proxy-pass") && !failure.texts().contains("nobody"), "{failure:?}");
    assert!(!failure.texts().contains(API_TOKEN) && !failure.message.contains('\n'), "{failure:?}");
    assert_eq!((failure.http_status, failure.retry_after_ms), (0, -1), "a proxy's status is not the API's");
    failure
}

#[test]
fn the_tunnel_leads_to_the_name_and_is_kept() {
    let api = api(granted());
    let proxy = proxy_to(api.0.address);
    let client = client(&api, &proxy.url());
    for _ in 0..3 {
        assert_eq!(client.create(&Params::valid()).unwrap().session_token, "minted-token");
    }
    let (at_proxy, at_api) = (proxy.seen(), api.0.seen());
    assert_eq!((at_proxy.requests.len(), at_proxy.accepted), (1, 1));
    assert_eq!((at_api.requests.len(), at_api.accepted), (3, 1));

    let place = format!("{NAME}:{}", api.0.port());
    let asked = &at_proxy.requests[0];
    assert_eq!(asked.line(), format!("CONNECT {place} HTTP/1.1"));
    assert_eq!(asked.header("host"), [place.as_str()]);
    assert!(asked.header("proxy-authorization").is_empty());
    assert_eq!(asked.header("user-agent"), [concat!("r2creds/", env!("CARGO_PKG_VERSION"))]);
    // The proxy learns where to, and nothing else.
    assert!(!asked.head.contains(API_TOKEN) && asked.header("authorization").is_empty());

    let sent = &at_api.requests[0];
    assert!(sent.line().starts_with("POST /accounts/"), "{}", sent.line());
    assert_eq!(sent.header("host"), [place.as_str()]);
    assert!(!sent.head.to_ascii_lowercase().contains("proxy-"));
}

#[test]
fn the_default_port_is_spelled_out() {
    let proxy = Server::with_replies(vec![reply("403 Forbidden", "", "")]);
    fail(&proxy.url(), -1);
    assert_eq!(proxy.seen().requests[0].line(), format!("CONNECT {NAME}:443 HTTP/1.1"));
}

#[test]
fn user_and_password_are_decoded_and_sent_to_the_proxy_alone() {
    let api = api(granted());
    for (userinfo, expected) in [
        (ENCODED, format!("user:{PASSWORD}")),
        ("user:simple", "user:simple".into()),
        ("user:", "user:".into()),
        ("user", "user:".into()),
        ("user:a:b", "user:a:b".into()),
        ("%C3%BCser:p%C3%A4ss", "üser:päss".into()),
    ] {
        let proxy = proxy_to(api.0.address);
        let client = client(&api, &format!("http://{userinfo}@127.0.0.1:{}/", proxy.port()));
        client.create(&Params::valid()).unwrap();
        let sent = format!("Basic {}", STANDARD.encode_to_string(&expected));
        assert_eq!(proxy.seen().requests[0].header("proxy-authorization"), [sent.as_str()], "{userinfo}");
    }
    assert!(api.0.seen().requests.iter().all(|request| request.header("proxy-authorization").is_empty()));
}

#[test]
fn a_password_in_the_apis_answer_is_not_repeated() {
    let body = format!(r#"{{"success":false,"errors":[{{"code":1,"message":"saw {PASSWORD} and {API_TOKEN}"}}]}}"#);
    let api = api(reply("403 Forbidden", "", &body));
    let proxy = proxy_to(api.0.address);
    let client = client(&api, &format!("http://{ENCODED}@127.0.0.1:{}", proxy.port()));
    let failure = client.create(&Params::valid()).unwrap_err();
    assert_eq!(failure.status, R2CREDS_STATUS_PERMISSION_DENIED);
    assert_eq!(failure.errors[0].1.as_deref(), Some("saw [redacted] and [redacted]"));
}

#[test]
fn a_proxys_4xx_is_final() {
    for status in [
        "400 Bad Request",
        "403 Forbidden",
        "404 Not Found",
        "407 Proxy Authentication Required",
        "408 Request Timeout",
        "429 Too Many Requests",
    ] {
        let headers = "proxy-authenticate: Basic realm=\"x\"\r\nretry-after: 1\r\nx-should-retry: true\r\n";
        let proxy = Server::with_replies(vec![reply(status, headers, "who are you, proxy-pass?")]);
        let failure = fail(&format!("http://{ENCODED}@127.0.0.1:{}", proxy.port()), 5);
        assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_CONNECTION, 1), "{status}: {failure:?}");
        assert!(!failure.retryable, "{status}");
        assert!(failure.message.contains("proxy"), "{}", failure.message);
        assert_eq!(proxy.seen().requests.len(), 1, "{status}");
    }
}

#[test]
fn a_407_says_what_was_refused_and_what_is_asked_for() {
    for (userinfo, asked, message, hint) in [
        ("", "", "wants credentials (HTTP 407)", "user:password@"),
        ("", "Proxy-Authenticate: Basic realm=\"x, y\"\r\n", "it asks for Basic", "user:password@"),
        (
            "user:wrong@",
            "proxy-authenticate: Basic realm=\"x\"\r\n",
            "does not take the credentials",
            "percent-encoded",
        ),
        ("user:wrong@", "", "does not take the credentials", "percent-encoded"),
        ("", "proxy-authenticate: Negotiate\r\nproxy-authenticate: NTLM\r\n", "for Negotiate, NTLM)", "only Basic"),
        ("user:pass@", "proxy-authenticate: Negotiate, NTLM\r\n", "for Negotiate, NTLM)", "only Basic"),
        (
            "user:pass@",
            "proxy-authenticate: NTLM\r\nproxy-authenticate: basic\r\n",
            "for NTLM, basic)",
            "percent-encoded",
        ),
        ("", "proxy-authenticate: Digest realm=\"x\", nonce=\"y\", Basic\r\n", "for Digest, Basic)", "user:password@"),
    ] {
        let proxy = Server::with_replies(vec![reply("407 Proxy Authentication Required", asked, "")]);
        let failure = fail(&format!("http://{userinfo}127.0.0.1:{}", proxy.port()), 0);
        assert!(failure.message.contains(message), "{asked}: {}", failure.message);
        assert!(failure.hint.as_deref().is_some_and(|said| said.contains(hint)), "{asked}: {:?}", failure.hint);
        assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_CONNECTION, 1));
    }
}

#[test]
fn what_comes_before_a_proxys_answer_and_bare_line_feeds_do_no_harm() {
    let api = api(granted());
    let target = api.0.address;
    for answer in [
        &b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"[..],
        b"HTTP/1.1 102 Processing\r\nx: y\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 Connection established\nVia: x\n\n",
        b"HTTP/1.1 200 OK\nVia: x\r\n\r\n",
    ] {
        let proxy = Server::start(move |connection| {
            if connection.request().is_some() {
                connection.send(answer);
                carry(connection, target);
            }
        });
        client(&api, &proxy.url()).create(&Params::valid()).unwrap();
    }
}

#[test]
fn a_proxys_other_refusals_are_repeated() {
    for status in ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        let proxy = Server::with_replies(vec![reply(status, "", "")]);
        let failure = fail(&proxy.url(), 1);
        assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_CONNECTION, 2), "{status}: {failure:?}");
        assert!(failure.retryable, "{status}");
        assert_eq!(proxy.seen().requests.len(), 2, "{status}");
    }
}

#[test]
fn a_proxy_that_recovers_is_not_noticed() {
    let api = api(granted());
    let target = api.0.address;
    let proxy = Server::start(move |connection| {
        if connection.request().is_some() {
            if connection.number == 0 {
                connection.send(&reply("502 Bad Gateway", "", ""));
            } else {
                connection.send(ESTABLISHED);
                carry(connection, target);
            }
        }
    });
    let mut options = options(&format!("https://{NAME}:{}", api.0.port()), &proxy.url());
    options.raw.ca_file = options.memory.text(api.1.path());
    options.raw.max_retries = 0;
    options.client().unwrap().create(&Params::valid()).unwrap();
    assert_eq!(proxy.seen().accepted, 2);
}

#[test]
fn a_proxy_that_closes_or_talks_nonsense_is_a_broken_connection() {
    let answers: [&[u8]; 8] = [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nVia: x\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"\r\n\r\n",
        // Bytes behind the answer, which the server behind the tunnel cannot have sent.
        b"HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03",
        &[b'x'; 100_000],
    ];
    for answer in answers {
        let answer = answer.to_vec();
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(20)]).into_owned();
        let proxy = Server::start(move |connection| {
            if connection.request().is_some() {
                connection.send(&answer);
            }
        });
        let failure = fail(&proxy.url(), -1);
        assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_CONNECTION, 1), "{shown:?}: {failure:?}");
    }
}

#[test]
fn a_proxy_that_is_not_there_is_a_broken_connection_and_repeated() {
    let nobody = DeadPort::bind();
    let failure = fail(&format!("http://{ENCODED}@127.0.0.1:{}", nobody.port()), 1);
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_CONNECTION, 2));
    assert!(failure.retryable);
}

/// The proxy's part counts for the clock of the connection.
#[track_caller]
fn assert_stall(proxy_url: &str) {
    let mut options = options(&format!("https://{NAME}"), proxy_url);
    options.raw.connect_timeout_ms = 300;
    let client = options.client().unwrap();
    let failure = bounded(300, || client.create(&Params::valid()).unwrap_err());
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_TIMEOUT, 1), "{failure:?}");
    assert!(failure.retryable && failure.message.contains(" connect_timeout_ms"), "{}", failure.message);
}

#[test]
fn a_proxy_that_stalls_is_a_timeout_of_the_connection() {
    let hole = BlackHole::listen();
    assert_stall(&hole.url());
    // Before its answer, in it, after it; and with an answer that never ends.
    for beginning in ["", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\n\r\n"] {
        let proxy = Server::start(move |connection| {
            connection.request();
            connection.send(beginning.as_bytes());
            connection.until_closed();
        });
        assert_stall(&proxy.url());
    }
    let proxy = Server::start(|connection| {
        connection.request();
        connection.send(b"HTTP/1.1 200 OK\r\n");
        while connection.send(b"a: b\r\n") {
            thread::sleep(Duration::from_millis(5));
        }
    });
    assert_stall(&proxy.url());
}

#[test]
fn an_answer_in_pieces_and_of_http_1_0_is_understood() {
    let api = api(granted());
    let target = api.0.address;
    let proxy = Server::start(move |connection| {
        if connection.request().is_some() {
            for byte in b"HTTP/1.0 200 \r\nproxy-agent: x\r\n\r\n" {
                connection.send(&[*byte]);
            }
            carry(connection, target);
        }
    });
    client(&api, &proxy.url()).create(&Params::valid()).unwrap();
}

#[test]
fn a_certificate_is_checked_through_the_tunnel() {
    let (api, _trusted) = api(granted());
    let proxy = proxy_to(api.address);
    let other = TempFile::new(Authority::generate().pem());
    let mut options = options(&format!("https://{NAME}:{}", api.port()), &proxy.url());
    options.raw.ca_file = options.memory.text(other.path());
    options.raw.max_retries = 0;
    let failure = options.client().unwrap().create(&Params::valid()).unwrap_err();
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_TLS, 1));
    assert_eq!(api.seen().requests.len(), 0);
}

#[test]
fn a_tunnel_that_dies_while_idle_is_replaced_in_silence() {
    // The API closes after each reply without a word about it, and the tunnel with it.
    let authority = Authority::generate();
    let server = Server::start_tls(authority.server(NAME), |connection| {
        if connection.request().is_some() {
            connection.send(&granted());
            connection.wait_for_delivery();
        }
    });
    let proxy = proxy_to(server.address);
    let api = (server, TempFile::new(authority.pem()));
    let client = client(&api, &proxy.url());
    for calls in 1..=3 {
        client.create(&Params::valid()).unwrap();
        assert_eq!(proxy.seen().accepted, calls);
        // The proxy hears of the close, and so does the client.
        proxy.wait_for(|seen| seen.closed == calls);
    }
}

#[test]
fn loopback_is_never_proxied() {
    let proxy = Server::with_replies(vec![reply("502 Bad Gateway", "", "")]);
    let authority = Authority::generate();
    let file = TempFile::new(authority.pem());
    let plain = Server::with_replies(vec![granted()]);
    for host in ["127.0.0.1", "localhost", "LOCALHOST"] {
        options(&format!("http://{host}:{}", plain.port()), &proxy.url())
            .client()
            .unwrap()
            .create(&Params::valid())
            .unwrap_or_else(|failure| panic!("{host}: {failure:?}"));
        let secure = Server::start_tls(authority.server(&host.to_ascii_lowercase()), |connection| {
            connection.request();
            connection.send(&granted());
        });
        let mut options = options(&format!("https://{host}:{}", secure.port()), &proxy.url());
        options.raw.ca_file = options.memory.text(file.path());
        let client = options.client().unwrap();
        client.create(&Params::valid()).unwrap_or_else(|failure| panic!("{host}: {failure:?}"));
    }
    // All of 127.0.0.0/8 and the IPv6 one, where nobody needs to listen to tell.
    let nobody = DeadPort::bind();
    for host in ["127.1.2.3", "[::1]", "[0:0:0:0:0:0:0:1]"] {
        options(&format!("http://{host}:{}", nobody.port()), &proxy.url())
            .client()
            .unwrap()
            .create(&Params::valid())
            .unwrap_err();
    }
    assert_eq!(proxy.seen().accepted, 0);
}

#[test]
fn what_only_looks_like_loopback_is_proxied() {
    let proxy = Server::with_replies(vec![reply("403 Forbidden", "", "")]);
    let hosts = ["localhost.example.test", "127.0.0.1.example.test", "sub.localhost", "128.0.0.1", "0.0.0.0", "[::2]"];
    for host in hosts {
        let failure = options(&format!("https://{host}"), &proxy.url()).client().unwrap().create(&Params::valid());
        assert!(failure.unwrap_err().message.contains("proxy"), "{host}");
    }
    let lines: Vec<String> = proxy.seen().requests.iter().map(|request| request.line().to_owned()).collect();
    assert_eq!(lines, hosts.map(|host| format!("CONNECT {host}:443 HTTP/1.1")));
}

#[test]
fn a_proxy_of_another_kind_is_unsupported() {
    for base_url in ["https://api.example.test", "http://127.0.0.1:9"] {
        for kind in ["socks5", "socks5h", "socks4", "socks4a", "https", "HTTPS", "ftp", "quic"] {
            let failure = options(base_url, &format!("{kind}://{ENCODED}@127.0.0.1:1080")).client().err().unwrap();
            assert_eq!(failure.status, R2CREDS_STATUS_UNSUPPORTED, "{kind}: {failure:?}");
            assert_eq!((failure.field.as_deref(), failure.attempts), (Some("proxy_url"), 0), "{kind}");
            assert!(!failure.texts().contains("proxy-pass"), "{failure:?}");
        }
    }
}

#[test]
fn nonsense_is_an_invalid_argument_and_not_repeated_to_the_caller() {
    for nonsense in [
        "nonsense-proxy",
        "nonsense-proxy:8080",
        "//nonsense-proxy:8080",
        "http://",
        "http://:8080",
        "http://nonsense-proxy:port",
        "http://nonsense-proxy:0",
        "http://nonsense-proxy:65536",
        "http://nonsense-proxy:8080/path",
        "http://nonsense-proxy:8080?query",
        "http://nonsense-proxy:8080#fragment",
        "http://nonsense proxy:8080",
        "http://nonsense-proxy:8080\r\nx: y",
        "http://[nonsense-proxy]:8080",
        " http://nonsense-proxy:8080",
        " ",
    ] {
        for base_url in ["https://api.example.test", "http://127.0.0.1:9"] {
            let failure = options(base_url, nonsense).client().err().unwrap_or_else(|| panic!("{nonsense}"));
            assert_eq!(failure.status, R2CREDS_STATUS_INVALID_ARGUMENT, "{nonsense}: {failure:?}");
            assert_eq!(failure.field.as_deref(), Some("proxy_url"), "{nonsense}");
            assert!(!failure.texts().contains("nonsense"), "{failure:?}");
        }
    }
}
