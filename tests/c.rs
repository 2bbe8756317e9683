//! The library as C sees it: programs in `tests/c`, compiled by gcc and clang and run plainly, with sanitizers and
//! under valgrind against servers on loopback; and the ABI against its record in `tests/abi`.
#![allow(unsafe_code)]

#[path = "abi/checks.rs"]
mod abi;
#[path = "abi/frozen.rs"]
mod frozen;
#[path = "c/server.rs"]
mod server;
#[path = "c/toolchain.rs"]
mod toolchain;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use server::{Server, black_hole, closed_port};
use toolchain::{Way, each_way, scratch};

/// The certificate of a server, as a file that `ca_file` can name.
fn certificate(server: &Server, name: &str) -> String {
    let path: PathBuf = scratch(name).join("ca.pem");
    std::fs::write(&path, &server.certificate).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn every_status_comes_with_its_error() {
    each_way("statuses", |program| {
        let (http, https, (closed, _socket)) = (Server::http(), Server::https(), closed_port());
        program.run(&[&http.url(), &https.url(), &closed]);
    });
}

#[test]
fn sixteen_threads_share_a_client() {
    each_way("threads", |program| {
        for server in [Server::http(), Server::https()] {
            let ca_file = certificate(&server, "threads");
            let arguments = [server.url(), ca_file];
            let count = if server.certificate.is_empty() { 1 } else { 2 };
            program.run(&arguments.each_ref().map(String::as_str)[..count]);
            // Never more than calls in flight; and kept, so never replaced either.
            assert!(server.seen.most_open.load(Ordering::SeqCst) <= 16);
            assert!(server.seen.accepted.load(Ordering::SeqCst) <= 16);
        }
    });
}

/// The processes that used each connection of a server.
fn processes(server: &Server) -> Vec<BTreeSet<String>> {
    server.seen.accounts.lock().unwrap().values().cloned().collect()
}

#[test]
fn a_client_survives_fork() {
    each_way("fork", |program| {
        let (http, https) = (Server::http(), Server::https());
        program.run(&[&http.url(), &https.url(), &certificate(&https, "fork"), "0"]);
        for server in [http, https] {
            let connections = processes(&server);
            // Parent, child and grandchild: each keeps one, even when another of them frees its client.
            assert_eq!(connections.len(), 3, "{connections:?}");
            assert!(connections.iter().all(|users| users.len() == 1), "{connections:?}");
        }
    });
}

#[test]
fn a_client_survives_fork_with_threads_inside() {
    each_way("fork", |mut program| {
        let times = match program.way {
            Way::Plain(_) => 25,
            // Memory that only threads of the parent can reach is lost in the child, and rightly so.
            Way::Valgrind => {
                program.valgrind_options = &["--leak-check=no"];
                3
            }
            // The sanitizers' own allocator may be locked at the fork for ever.
            Way::Sanitized(_) => return,
        };
        let (http, https) = (Server::http(), Server::https());
        program.run(&[&http.url(), &https.url(), &certificate(&https, "fork-threads"), &times.to_string()]);
        for server in [http, https] {
            let connections = processes(&server);
            assert!(connections.len() > times, "{}", connections.len());
            assert!(connections.iter().all(|users| users.len() == 1), "{connections:?}");
        }
    });
}

#[test]
fn a_call_reads_no_environment_and_knows_its_process() {
    each_way("process", |program| {
        let server = Server::http();
        program.run(&[&server.url()]);
        // One for the first client; and of the second, one each for parent, child and grandchild.
        assert_eq!(server.seen.accepted.load(Ordering::SeqCst), 4);
    });
}

#[test]
fn a_call_ends_in_every_phase_when_asked() {
    each_way("cancel", |program| {
        let server = Server::http();
        let (full, _filling, _listener) = black_hole();
        // More than the socket takes; but valgrind is too slow for that much JSON.
        let (more_slack, kilobytes) = match program.way {
            Way::Plain(_) => ("0", "6000"),
            Way::Sanitized(_) => ("1000", "6000"),
            Way::Valgrind => ("2000", "100"),
        };
        let arguments = [&server.url(), &full, &server.stalled_tls_url(), more_slack, kilobytes];
        program.run_fed(&arguments, |input| server.seen.tell(input));
    });
}

#[test]
fn misuse_is_an_error() {
    each_way("misuse", |program| {
        let (closed, _socket) = closed_port();
        program.run(&[&closed]);
    });
}

#[test]
fn a_server_that_leaves_raises_no_signal() {
    each_way("sigpipe", |program| {
        let (http, https) = (Server::http(), Server::https());
        let prefixes = if program.way == Way::Valgrind { "200" } else { "4000" };
        program.run(&[&http.url(), &https.url(), &certificate(&https, "sigpipe"), prefixes]);
    });
}

#[test]
fn a_panic_stays_inside() {
    each_way("panic", |mut program| {
        let server = Server::http();
        program.may_speak = true;
        let spoken = program.run(&[&server.url()]);
        assert!(spoken.contains("panicked at"), "{spoken}");
        for secret in ["00112233445566778899", "api-token-that", "example-bucket"] {
            assert!(!spoken.contains(secret), "{spoken}");
        }
    });
}
