//! create over TLS: whom it trusts, which handshakes fail and how, and what an end without a goodbye means.

use std::sync::Arc;
use std::time::Duration;

use r2creds::ffi::*;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::kx_group;
use support::calls::{API_TOKEN, Client, Failure, Options, Params};
use support::certificates::Authority;
use support::files::TempFile;
use support::server::{Connection, GRANTED, Server, granted, reply};
use support::timing::bounded;

fn answer(connection: &mut Connection) {
    while connection.request().is_some() {
        connection.send(&granted());
    }
}

/// Trusts this authority alone and does not repeat, unless `change` says otherwise.
fn client_with(authority: &Authority, host: &str, server: &Server, change: impl FnOnce(&mut Options)) -> Client {
    let file = TempFile::new(authority.pem());
    let mut options = Options::to(&format!("https://{host}:{}", server.port()));
    options.raw.ca_file = options.memory.text(file.path());
    options.raw.max_retries = -1;
    change(&mut options);
    options.client().unwrap()
}

fn once(server: &Server) -> Options {
    let mut options = Options::to(&server.url());
    options.raw.max_retries = -1;
    options
}

fn client(authority: &Authority, host: &str, server: &Server) -> Client {
    client_with(authority, host, server, |_| {})
}

#[test]
fn the_ca_file_is_trusted_and_a_connection_is_kept() {
    let authority = Authority::generate();
    for host in ["127.0.0.1", "localhost"] {
        for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13], rustls::ALL_VERSIONS] {
            let server = Server::start_tls(authority.server_with(host, versions, |_| {}), answer);
            let client = client(&authority, host, &server);
            for _ in 0..3 {
                assert_eq!(client.create(&Params::valid()).unwrap().session_token, "minted-token");
            }
            let seen = server.seen();
            assert_eq!((seen.requests.len(), seen.accepted), (3, 1), "{host} {versions:?}");
        }
    }
}

#[test]
fn authorities_with_large_keys_are_trusted() {
    // Cloudflare's own inspecting gateway has such a one.
    for algorithm in [&rcgen::PKCS_ECDSA_P521_SHA512, &rcgen::PKCS_ECDSA_P521_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384] {
        let authority = Authority::signing(algorithm);
        let server = Server::start_tls(authority.server("localhost"), answer);
        let created = client(&authority, "localhost", &server).create(&Params::valid());
        assert!(created.is_ok(), "{algorithm:?}: {created:?}");
    }
}

#[test]
fn a_way_to_sign_that_nobody_uses_is_an_error_of_one_line() {
    let authority = Authority::generate();
    let server = Server::start_tls(authority.server_signed_oddly("localhost"), answer);
    let failure = client(&authority, "localhost", &server).create(&Params::valid()).unwrap_err();
    assert_eq!(failure.status, R2CREDS_STATUS_TLS);
    assert_eq!(
        failure.message,
        "TLS failed: invalid peer certificate: signed in a way that this version cannot verify"
    );
}

#[test]
fn keys_are_agreed_on_in_the_post_quantum_way_and_in_the_old_ones() {
    let authority = Authority::generate();
    for group in [kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1] {
        let server = Server::start_tls(authority.server_agreeing_by("localhost", group), answer);
        let created = client(&authority, "localhost", &server).create(&Params::valid());
        assert!(created.is_ok(), "{group:?}: {created:?}");
    }
}

#[test]
fn a_ca_file_may_hold_several_certificates_and_other_text() {
    let (authority, other) = (Authority::generate(), Authority::generate());
    let file = TempFile::new(format!("# one\n{}\nand two\n{}\n", other.pem(), authority.pem()));
    let server = Server::start_tls(authority.server("127.0.0.1"), answer);
    let mut options = Options::to(&server.url());
    options.raw.ca_file = options.memory.text(file.path());
    options.client().unwrap().create(&Params::valid()).unwrap();
}

#[test]
fn a_ca_file_may_have_every_form_that_joining_makes() {
    let (authority, other) = (Authority::generate(), Authority::generate());
    let server = Server::start_tls(authority.server("127.0.0.1"), answer);
    let (first, second) = (other.pem(), authority.pem());
    let skipped = "-----BEGIN TRUSTED CERTIFICATE-----\n%%%\n-----END TRUSTED CERTIFICATE-----\n\
                   -----BEGIN PRIVATE KEY-----\n%%%\n-----END PRIVATE KEY-----";
    for content in [
        format!("{}{second}", first.trim_end()),
        format!("{second}{}", first.trim_end()),
        format!("\u{feff}{second}{first}"),
        format!("{first}\u{feff}{second}"),
        format!("{first}{second}").replace('\n', "\r\n"),
        format!("{skipped}{second}{skipped}"),
        format!("{first}  {}", second.replace('\n', " \n\t")),
    ] {
        let file = TempFile::new(&content);
        let mut options = once(&server);
        options.raw.ca_file = options.memory.text(file.path());
        let made = options.client().unwrap().create(&Params::valid());
        assert!(made.is_ok(), "{made:?} {content}");
    }
}

#[test]
fn a_ca_file_that_is_broken_says_on_which_line() {
    let good = Authority::generate().pem();
    let lines = good.matches('\n').count();
    for (broken, says) in [
        ("-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n", "not base64"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be parsed"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n", "no end"),
    ] {
        let file = TempFile::new(format!("{good}\n# and\n{broken}"));
        let mut options = Options::to("https://127.0.0.1:9");
        options.raw.ca_file = options.memory.text(file.path());
        let failure = options.client().err().unwrap();
        assert_eq!(failure.field.as_deref(), Some("ca_file"));
        assert!(failure.message.contains(&format!("line {} ", lines + 3)), "{}", failure.message);
        assert!(failure.message.contains(says), "{}", failure.message);
    }
}

#[test]
fn a_ca_file_is_never_cut() {
    let file = TempFile::new(format!("{}{}", " ".repeat(16 * 1024 * 1024), Authority::generate().pem()));
    let mut options = Options::to("https://127.0.0.1:9");
    options.raw.ca_file = options.memory.text(file.path());
    let failure = options.client().err().unwrap();
    assert!(failure.message.contains("more than 16 MiB"), "{}", failure.message);
}

#[test]
fn an_unknown_issuer_says_what_the_ca_file_holds() {
    let server = Server::start_tls(Authority::generate().server("127.0.0.1"), answer);
    let certificates: String = ["a", "b"].map(|name| Authority::named(name).pem()).concat();
    let file = TempFile::new(certificates);
    let mut options = once(&server);
    options.raw.ca_file = options.memory.text(file.path());
    let failure = options.client().unwrap().create(&Params::valid()).unwrap_err();
    assert!(failure.message.contains("ca_file holds 2 certificates"), "{}", failure.message);
    assert!(failure.hint.is_some_and(|hint| hint.contains("leaves an intermediate out")));
}

#[test]
fn a_server_that_speaks_no_tls_is_named() {
    let server = Server::start(|connection| {
        connection.send(&reply("400 Bad Request", "", ""));
        connection.until_closed();
    });
    let mut options = Options::to(&format!("https://127.0.0.1:{}", server.port()));
    let file = TempFile::new(Authority::generate().pem());
    options.raw.ca_file = options.memory.text(file.path());
    let failure = options.client().unwrap().create(&Params::valid()).unwrap_err();
    assert_eq!(failure.status, R2CREDS_STATUS_TLS);
    assert!(failure.hint.is_some_and(|hint| hint.contains("does not speak TLS")));
}

/// What is there and cannot be read is never replaced by Mozilla's roots. Where they are no files, this cannot be tried.
#[test]
#[cfg(not(any(windows, target_vendor = "apple")))]
fn system_roots_that_cannot_be_read_are_an_error() {
    support::process::alone(&[], || {
        let mut all = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            all.push(file);
        }
        let options = Options::to("https://127.0.0.1:9");
        let outcome = options.client();
        drop(all);
        // A machine without a store has nothing that could not be read.
        let has_store = ["/etc/ssl/certs", "/etc/pki/tls/certs"].iter().any(|path| std::path::Path::new(path).exists());
        match outcome {
            Ok(_) => assert!(!has_store, "Mozilla's roots, although the system has its own"),
            Err(failure) => {
                assert_eq!(failure.status, R2CREDS_STATUS_INTERNAL, "{failure:?}");
                assert!(failure.message.contains("/etc/") && failure.message.contains("os error 24"), "{failure:?}");
                assert!(failure.hint.is_some_and(|hint| hint.contains("ca_file")));
            }
        }
    });
}

#[test]
fn a_ca_file_is_read_when_the_client_is_made() {
    let authority = Authority::generate();
    let file = TempFile::new(authority.pem());
    let server = Server::start_tls(authority.server("127.0.0.1"), answer);
    let mut options = Options::to(&server.url());
    options.raw.ca_file = options.memory.text(file.path());
    let client = options.client().unwrap();
    drop(file);
    client.create(&Params::valid()).unwrap();
}

#[test]
fn a_ca_file_that_cannot_be_used_is_refused_with_or_without_tls() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let authority = Authority::generate();
    let mixed = format!("{}{broken}", authority.pem());
    for content in ["", "not PEM", broken, &mixed, "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"] {
        let file = TempFile::new(content);
        for url in ["https://127.0.0.1:9", "http://127.0.0.1:9"] {
            let mut options = Options::to(url);
            options.raw.ca_file = options.memory.text(file.path());
            let failure = options.client().err().unwrap_or_else(|| panic!("{url}: {content}"));
            assert_eq!(failure.status, R2CREDS_STATUS_INVALID_ARGUMENT, "{content}");
            assert_eq!(failure.field.as_deref(), Some("ca_file"), "{content}");
        }
    }
    for path in ["", "/nowhere/at/all.pem", "/"] {
        let mut options = Options::to("https://127.0.0.1:9");
        options.raw.ca_file = options.memory.text(path);
        let failure = options.client().err().unwrap();
        assert_eq!(failure.status, R2CREDS_STATUS_INVALID_ARGUMENT);
        assert_eq!(failure.field.as_deref(), Some("ca_file"));
    }
}

/// A failure of TLS: told at once, never repeated, and nothing of the request was sent. `hint` is a part of the hint.
#[track_caller]
fn assert_tls(authority: &Authority, config: Arc<ServerConfig>, what: &str, hint: Option<&str>) {
    let server = Server::start_tls(config, answer);
    let client = client_with(authority, "127.0.0.1", &server, |options| options.raw.max_retries = 0);
    let failure = client.create(&Params::valid()).unwrap_err();
    assert_eq!(failure.status, R2CREDS_STATUS_TLS, "{what}: {failure:?}");
    assert_eq!((failure.attempts, failure.http_status, failure.retryable), (1, 0, false), "{what}");
    assert_eq!(failure.hint.is_some(), hint.is_some(), "{what}: {failure:?}");
    assert!(failure.hint.as_deref().unwrap_or_default().contains(hint.unwrap_or_default()), "{what}: {failure:?}");
    server.wait_for(|seen| seen.closed == 1);
    let seen = server.seen();
    assert_eq!((seen.accepted, seen.requests.len()), (1, 0), "{what}");
}

#[test]
fn a_certificate_that_does_not_hold_is_a_tls_error() {
    let authority = Authority::generate();
    assert_tls(&authority, authority.server("127.0.0.2"), "wrong address", None);
    assert_tls(&authority, authority.server("localhost"), "a name for an address", None);
    assert_tls(&authority, Authority::generate().server("127.0.0.1"), "issued by a namesake", None);
    let versions = rustls::ALL_VERSIONS;
    let expired = authority.server_with("127.0.0.1", versions, |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    assert_tls(&authority, expired, "expired", Some("clock"));
    let early = authority.server_with("127.0.0.1", versions, |params| {
        params.not_before = rcgen::date_time_ymd(3001, 1, 1);
        params.not_after = rcgen::date_time_ymd(3002, 1, 1);
    });
    assert_tls(&authority, early, "not yet valid", Some("clock"));
    let client_only = authority.server_with("127.0.0.1", versions, |params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert_tls(&authority, client_only, "for another use", None);
    let ca = authority.server_with("127.0.0.1", versions, |params| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    assert_tls(&authority, ca, "a CA's", Some("CA:FALSE"));
}

#[test]
fn the_bundled_or_system_roots_do_not_trust_a_stranger() {
    let server = Server::start_tls(Authority::generate().server("127.0.0.1"), answer);
    let client = Options::to(&server.url()).client().unwrap();
    let failure = client.create(&Params::valid()).unwrap_err();
    assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_TLS, 1));
    assert!(failure.hint.as_deref().unwrap_or_default().contains("ca_file"), "{failure:?}");
}

#[test]
fn what_is_no_tls_is_a_tls_error() {
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\x15\x03\x03\x00\x02\x02\x28",
    ] {
        let server = Server::start(move |connection| {
            connection.send(bytes);
            connection.until_closed();
        });
        let client = client_with(&Authority::generate(), "127.0.0.1", &server, |options| options.raw.max_retries = 0);
        let failure = client.create(&Params::valid()).unwrap_err();
        assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_TLS, 1), "{failure:?}");
        assert!(!failure.retryable);
        assert_eq!(server.seen().accepted, 1);
    }
}

#[test]
fn a_handshake_that_stalls_is_a_timeout_of_the_connection() {
    // Nothing at all, and the beginning of a record.
    for beginning in [&b""[..], b"\x16\x03\x03\x00\x7a\x02\x00"] {
        let server = Server::start(move |connection| {
            connection.send(beginning);
            connection.until_closed();
        });
        for (timeout, attempt, connect, clock) in
            [(0, 0, 300, " connect_timeout_ms"), (0, 300, 0, " attempt_timeout_ms"), (300, 0, 0, " timeout_ms")]
        {
            let client = client_with(&Authority::generate(), "127.0.0.1", &server, |options| {
                options.raw.timeout_ms = timeout;
                options.raw.attempt_timeout_ms = attempt;
                options.raw.connect_timeout_ms = connect;
            });
            let failure = bounded(300, || client.create(&Params::valid()).unwrap_err());
            assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_TIMEOUT, 1));
            assert!(failure.retryable && failure.message.contains(clock), "{}", failure.message);
        }
    }
}

#[test]
fn a_close_in_the_handshake_is_a_broken_connection_and_repeated() {
    for (beginning, does_reset) in [(&b""[..], false), (b"", true), (b"\x16\x03\x03\x00\x7a\x02\x00", false)] {
        let server = Server::start(move |connection| {
            connection.send(beginning);
            // The greeting has to be read, or every close is a reset.
            let _ = std::io::Read::read(&mut connection.socket(), &mut [0; 4096]);
            if does_reset {
                connection.will_reset();
            }
        });
        let client = client_with(&Authority::generate(), "127.0.0.1", &server, |options| options.raw.max_retries = 1);
        let failure = client.create(&Params::valid()).unwrap_err();
        assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_CONNECTION, 2), "{failure:?}");
        assert!(failure.retryable);
        assert_eq!(server.seen().accepted, 2);
    }
}

/// How a call ends whose reply is this, with TLS's goodbye behind it or without.
fn ended(
    versions: &[&'static rustls::SupportedProtocolVersion],
    answer: &str,
    is_orderly: bool,
) -> Option<Box<Failure>> {
    let authority = Authority::generate();
    let answer = answer.to_owned();
    let server = Server::start_tls(authority.server_with("127.0.0.1", versions, |_| {}), move |connection| {
        if connection.request().is_some() {
            connection.send(answer.as_bytes());
            if is_orderly {
                connection.say_goodbye();
            }
        }
    });
    client(&authority, "127.0.0.1", &server).create(&Params::valid()).err()
}

#[test]
fn a_reply_that_is_cut_is_a_broken_connection_with_and_without_a_goodbye() {
    for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
        for is_orderly in [true, false] {
            for cut in [
                "",
                "HTTP/1.1 200 OK\r\n",
                "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"success\":",
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
            ] {
                let failure = ended(versions, cut, is_orderly).unwrap();
                assert_eq!(failure.status, R2CREDS_STATUS_CONNECTION, "{cut:?} {is_orderly}: {failure:?}");
                assert!(failure.retryable);
            }
            let whole = String::from_utf8(granted()).unwrap();
            assert!(ended(versions, &whole, is_orderly).is_none());
        }
        // Where the end of the connection is the end of the reply, only a goodbye shows that it is whole.
        let endless = format!("HTTP/1.1 200 OK\r\n\r\n{GRANTED}");
        assert!(ended(versions, &endless, true).is_none());
        let failure = ended(versions, &endless, false).unwrap();
        assert_eq!(failure.status, R2CREDS_STATUS_CONNECTION, "{failure:?}");
    }
}

#[test]
fn a_dead_kept_connection_is_replaced_in_silence() {
    // Closed while idle, or under the next request; each with a goodbye and without.
    for waits_for_request in [false, true] {
        for is_orderly in [false, true] {
            let authority = Authority::generate();
            let server = Server::start_tls(authority.server("127.0.0.1"), move |connection| {
                if connection.request().is_some() {
                    connection.send(&granted());
                    connection.wait_for_delivery();
                    if waits_for_request {
                        connection.request();
                    }
                    if is_orderly {
                        connection.say_goodbye();
                    }
                }
            });
            let client = client(&authority, "127.0.0.1", &server);
            client.create(&Params::valid()).unwrap();
            if !waits_for_request {
                server.wait_for(|seen| seen.closed == 1);
            }
            client.create(&Params::valid()).unwrap();
            let seen = server.seen();
            let requests = if waits_for_request { 3 } else { 2 };
            assert_eq!((seen.requests.len(), seen.accepted), (requests, 2), "{waits_for_request} {is_orderly}");
        }
    }
}

#[test]
fn a_second_reply_never_answers_the_next_request() {
    let authority = Authority::generate();
    let forged = reply("200 OK", "", &GRANTED.replace("minted", "forged"));
    for is_together in [true, false] {
        let forged = forged.clone();
        let (tell, told) = std::sync::mpsc::channel();
        let tell = std::sync::Mutex::new(tell);
        let server = Server::start_tls(authority.server("127.0.0.1"), move |connection| {
            while connection.request().is_some() {
                if is_together {
                    connection.send(&[granted(), forged.clone()].concat());
                } else {
                    connection.send(&granted());
                    connection.send(&forged);
                }
                connection.wait_for_delivery();
                tell.lock().unwrap().send(()).unwrap();
            }
        });
        let client = client(&authority, "127.0.0.1", &server);
        for _ in 0..3 {
            assert_eq!(client.create(&Params::valid()).unwrap().session_token, "minted-token");
            told.recv().unwrap();
        }
        assert_eq!(server.seen().accepted, 3, "together: {is_together}");
    }
}

#[test]
fn no_reply_and_a_drip_are_timeouts() {
    for does_drip in [false, true] {
        let authority = Authority::generate();
        let server = Server::start_tls(authority.server("127.0.0.1"), move |connection| {
            connection.request();
            if does_drip {
                connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
                while connection.send(b" ") {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            connection.until_closed();
        });
        let client = client_with(&authority, "127.0.0.1", &server, |options| options.raw.attempt_timeout_ms = 1200);
        let failure = bounded(1200, || client.create(&Params::valid()).unwrap_err());
        assert_eq!((failure.status, failure.attempts), (R2CREDS_STATUS_TIMEOUT, 1));
        assert!(failure.message.contains("reply"), "{}", failure.message);
    }
}

#[test]
fn large_requests_and_replies_arrive_whole() {
    const MEBIBYTE: usize = 1024 * 1024;
    let authority = Authority::generate();
    let server = Server::start_tls(authority.server("127.0.0.1"), |connection| {
        while connection.request().is_some() {
            let extra = if connection.requests_so_far() > 1 { 1 } else { 0 };
            let body = format!("{GRANTED}{}", " ".repeat(MEBIBYTE - GRANTED.len() + extra));
            connection.send(&reply("200 OK", "", &body));
        }
    });
    let mut params = Params::valid();
    let prefixes: Vec<String> = (0..1000).map(|at| format!("{at:04}/{}", "p".repeat(1019))).collect();
    params.prefixes(&prefixes);
    let client = client(&authority, "127.0.0.1", &server);
    client.create(&params).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(&server.seen().requests[0].body).unwrap();
    assert_eq!(sent["prefixes"], serde_json::json!(prefixes));
    assert_eq!(client.create(&params).unwrap_err().status, R2CREDS_STATUS_INVALID_RESPONSE);
}

#[test]
fn an_error_of_tls_holds_no_secret() {
    let authority = Authority::generate();
    let server = Server::start_tls(Authority::generate().server("127.0.0.1"), answer);
    let failure = client(&authority, "127.0.0.1", &server).create(&Params::valid()).unwrap_err();
    assert!(!failure.texts().contains(API_TOKEN) && !failure.message.contains('\n'));
    assert!(failure.message.contains("TLS"), "{}", failure.message);
}

/// rustls lists every name of a certificate that does not fit; nobody reads thirteen kilobytes.
#[test]
fn a_certificate_of_many_names_makes_no_long_message() {
    let authority = Authority::generate();
    let config = authority.server_with("name.test", rustls::ALL_VERSIONS, |params| {
        let name = |at| format!("name-{at:03}.a-long-domain-of-an-example.test").try_into().unwrap();
        params.subject_alt_names = (0..300).map(|at| rcgen::SanType::DnsName(name(at))).collect();
    });
    let server = Server::start_tls(config, Connection::until_closed);
    let failure = client(&authority, "127.0.0.1", &server).create(&Params::valid()).unwrap_err();
    assert_eq!(failure.status, R2CREDS_STATUS_TLS, "{failure:?}");
    assert!(failure.message.len() <= 1024, "{}", failure.message.len());
}
