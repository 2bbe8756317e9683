//! The library as C sees it: programs in `tests/c`, compiled by gcc and clang and run plainly, with sanitizers and
//! under valgrind against servers on loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::ChildStdin;
use std::sync::{Arc, Mutex};

use support::process::is_emulated;
use support::scripted::{account, http, http_with, https};
use support::server::{BlackHole, DeadPort, Server};
use support::toolchain::{Compiler, Program, Way, each_way, is_for, is_left_out};

/// Programs put functions of their own in the place of the C library's, as getaddrinfo.
const NO_INTERPOSITION: &str = "on Windows a library keeps to the functions that it was linked to";
const COUNTED_THREADS: &str = "the emulator has threads of its own, which are counted too";

fn programs(name: &str, test: impl Fn(Program)) {
    each_way(&format!("tests/c/{name}.c"), [Compiler::Gcc, Compiler::Clang], &[], test);
}

#[test]
fn every_status_comes_with_its_error() {
    programs("statuses", |program| {
        let (http, (https, _trusted), nobody) = (http(), https(), DeadPort::bind());
        program.run(&[&http.url(), &https.url(), &nobody.url()]);
    });
}

#[test]
fn sixteen_threads_share_a_client() {
    programs("threads", |program| {
        let (http, (https, ca_file)) = (http(), https());
        program.run(&[&http.url()]);
        program.run(&[&https.url(), ca_file.path()]);
        for server in [http, https] {
            // Never more than calls in flight; and kept, so never replaced either.
            assert!(server.seen().peak <= 16);
            assert!(server.seen().accepted <= 16);
        }
    });
}

/// The processes that used each connection of a server: their programs name them in the account id.
fn processes(server: &Server) -> Vec<BTreeSet<String>> {
    let mut connections = BTreeMap::<usize, BTreeSet<String>>::new();
    for request in server.seen().requests {
        connections.entry(request.connection).or_default().insert(account(request.line()).to_owned());
    }
    connections.into_values().collect()
}

#[test]
fn a_client_survives_fork() {
    if is_left_out(is_for("windows"), "Windows has no fork") {
        return;
    }
    programs("fork", |program| {
        let (http, (https, ca_file)) = (http(), https());
        program.run(&[&http.url(), &https.url(), ca_file.path(), "0"]);
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
    if is_left_out(is_for("windows") || is_emulated(), "Windows has no fork, and qemu survives none with threads") {
        return;
    }
    programs("fork", |mut program| {
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
        let (http, (https, ca_file)) = (http(), https());
        program.run(&[&http.url(), &https.url(), ca_file.path(), &times.to_string()]);
        for server in [http, https] {
            let connections = processes(&server);
            assert!(connections.len() > times, "{}", connections.len());
            assert!(connections.iter().all(|users| users.len() == 1), "{connections:?}");
        }
    });
}

#[test]
fn a_call_reads_no_environment_and_knows_its_process() {
    if is_left_out(is_for("windows"), NO_INTERPOSITION) {
        return;
    }
    programs("process", |program| {
        let server = http();
        program.run(&[&server.url()]);
        // One for the first client; and of the second, one each for parent, child and grandchild.
        assert_eq!(server.seen().accepted, 4);
    });
}

#[test]
fn a_call_ends_in_every_phase_when_asked() {
    if is_left_out(is_for("windows"), NO_INTERPOSITION) || is_left_out(is_emulated(), COUNTED_THREADS) {
        return;
    }
    programs("cancel", |program| {
        // The program's standard input gets a byte each time a request is where its account id wants it.
        let input = Arc::new(Mutex::new(None::<ChildStdin>));
        let told = Arc::clone(&input);
        let server = http_with(move || {
            if let Some(input) = &mut *told.lock().unwrap() {
                let _ = input.write_all(b".");
            }
        });
        let hole = BlackHole::listen();
        let stalled_tls = server.url().replacen("http", "https", 1);
        // More than the socket takes; but valgrind is too slow for that much JSON.
        let (more_slack, kilobytes) = match program.way {
            Way::Plain(_) => ("0", "6000"),
            Way::Sanitized(_) => ("1000", "6000"),
            Way::Valgrind => ("2000", "100"),
        };
        let arguments = [&server.url(), &hole.url(), &stalled_tls, more_slack, kilobytes];
        program.run_fed(&arguments, |of_program| *input.lock().unwrap() = Some(of_program));
    });
}

#[test]
fn a_lookup_has_the_attempts_time_and_its_answer_is_not_lost() {
    if is_left_out(is_for("windows"), NO_INTERPOSITION) || is_left_out(is_emulated(), COUNTED_THREADS) {
        return;
    }
    programs("lookup", |program| {
        let nobody = DeadPort::bind();
        program.run(&[&nobody.port().to_string()]);
    });
}

#[test]
fn misuse_is_an_error() {
    programs("misuse", |program| {
        let nobody = DeadPort::bind();
        program.run(&[&nobody.url()]);
    });
}

#[test]
fn inspect_and_parent_of_token() {
    programs("inspect", |program| {
        program.run(&[&http().url()]);
    });
}

#[test]
fn a_server_that_leaves_raises_no_signal() {
    if is_left_out(is_for("windows"), "Windows has no SIGPIPE") {
        return;
    }
    programs("sigpipe", |program| {
        let (http, (https, ca_file)) = (http(), https());
        let prefixes = if program.way == Way::Valgrind { "200" } else { "4000" };
        program.run(&[&http.url(), &https.url(), ca_file.path(), prefixes]);
    });
}

#[test]
fn a_panic_stays_inside() {
    if is_left_out(is_for("windows"), NO_INTERPOSITION) {
        return;
    }
    programs("panic", |mut program| {
        let server = http();
        program.may_speak = true;
        let spoken = program.run(&[&server.url()]);
        assert!(spoken.contains("panicked at"), "{spoken}");
        for secret in ["00112233445566778899", "api-token-that", "example-bucket"] {
            assert!(!spoken.contains(secret), "{spoken}");
        }
    });
}
