//! The program itself: how it starts, what it prints, how it ends, and that it bears a load.

mod support;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use r2creds::Params;
use support::*;

/// Everything it prints when it is told to end as soon as it is ready.
fn output(arguments: &[&str]) -> Output {
    command().args(arguments).stdin(Stdio::piped()).output().unwrap()
}

#[test]
fn it_says_what_a_program_needs() {
    let emulator = Emulator::start();
    let ready = &emulator.ready;
    for name in ["s3", "s3_eu", "s3_fedramp", "api"] {
        assert!(ready[name].as_str().unwrap().starts_with("http://127.0.0.1:"), "{ready}");
    }
    assert_eq!(ready["account_id"], ACCOUNT);
    assert_eq!(ready["bucket"], BUCKET);
    assert_eq!(ready["api_token"], API_TOKEN);
    assert_eq!(ready["parent_access_key_id"], PARENT_ID);
    assert_eq!(ready["parent_secret_access_key"], PARENT_SECRET);

    // A shell that reads the exports has them all.
    let exports = String::from_utf8(output(&["--env"]).stdout).unwrap();
    let names = "CLOUDFLARE_BASE_URL CLOUDFLARE_ACCOUNT_ID CLOUDFLARE_API_TOKEN R2_BUCKET R2_PARENT_ACCESS_KEY_ID \
                 R2_PARENT_SECRET_ACCESS_KEY R2_ENDPOINT";
    let script = format!("{exports}\nset -u; for name in {names}; do eval \"echo \\$$name\"; done");
    let shell = Command::new("sh").arg("-c").arg(script).output().unwrap();
    let values = String::from_utf8(shell.stdout).unwrap();
    let values: Vec<&str> = values.lines().collect();
    assert!(values[0].ends_with("/client/v4") && values[6].starts_with("http://127.0.0.1:"), "{values:?}");
    assert_eq!(values[1..6], [ACCOUNT, API_TOKEN, BUCKET, PARENT_ID, PARENT_SECRET]);
}

#[test]
fn it_ends_with_a_signal_or_with_its_standard_input_and_leaves_nothing_behind() {
    for signal in ["TERM", "INT", "none"] {
        let temporary = tempfile::tempdir().unwrap();
        let mut emulator = Emulator::run(command().env("TMPDIR", temporary.path()));
        emulator.put("a/b", b"content");
        assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 1);
        if signal == "none" {
            drop(emulator.process.stdin.take());
        } else {
            let id = emulator.process.id().to_string();
            assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        }
        assert!(emulator.process.wait().unwrap().success(), "{signal}");
        assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "{signal}");
    }
}

#[test]
fn fixed_ports_are_four_in_a_row() {
    // Somebody may take one of them meanwhile: then the next four.
    for _ in 0..20 {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let port = free.min(u16::MAX - 3);
        let printed = output(&["--port", &port.to_string()]);
        if printed.status.success() {
            let ready: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
            assert_eq!(ready["api"], format!("http://127.0.0.1:{port}/client/v4"));
            for (name, offset) in [("s3", 1), ("s3_eu", 2), ("s3_fedramp", 3)] {
                assert_eq!(ready[name], format!("http://127.0.0.1:{}", port + offset));
            }
            return;
        }
        assert!(String::from_utf8_lossy(&printed.stderr).starts_with("r2-emulator: --port: 127.0.0.1:"));
    }
    panic!("no four free ports in a row");
}

#[test]
fn a_wrong_configuration_is_refused_without_its_values() {
    let account = |inner: &str| format!(r#"{{"accounts": [{{"id": "a", {inner}}}]}}"#);
    let secret = "5ecret";
    for (config, complaint) in [
        ("{".to_owned(), "not well-formed JSON at line 1"),
        (r#"{"accounts": "5ecret"}"#.to_owned(), "a field of the wrong name or type at line 1"),
        (r#"{"accounts": [], "5ecret": 1}"#.to_owned(), "a field of the wrong name or type"),
        (account(r#""buckets": [{"name": "5ecret", "jurisdiction": "5ecret"}]"#), "a field of the wrong name or type"),
        (account(r#""buckets": [{"name": "5e"}]"#), "bucket: 2 characters, expected 3 to 63"),
        (account(r#""buckets": [{"name": "5ecret"}, {"name": "5ecret"}]"#), "bucket: the same twice"),
        (
            account(r#""parents": [{"access_key_id": "5ecret", "secret_access_key": "5ecret"}]"#),
            "access_key_id: 6 characters, expected 32 lower-case hexadecimal digits",
        ),
        (
            account(&format!(r#""parents": [{{"access_key_id": "{PARENT_ID}", "secret_access_key": "5ecret"}}]"#)),
            "secret_access_key: 6 characters, expected 64 lower-case hexadecimal digits",
        ),
        (r#"{"accounts": [{"id": "5ecret!"}]}"#.to_owned(), "account id: 7 characters, expected 1 to 32"),
        (r#"{"accounts": [], "rate_limit": {"requests": 0, "seconds": 1}}"#.to_owned(), "rate_limit: 0"),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(config.as_bytes()).unwrap();
        let printed = output(&["--config", file.path().to_str().unwrap()]);
        let stderr = String::from_utf8(printed.stderr).unwrap();
        assert_eq!(printed.status.code(), Some(1), "{config}");
        assert!(stderr.starts_with("r2-emulator: --config: ") && stderr.contains(complaint), "{config}: {stderr}");
        assert!(!stderr.contains(secret), "{stderr}");
    }
    for arguments in [&["--port"][..], &["--port", "65533"], &["--port", "x"], &["--config"], &["other"]] {
        let printed = output(arguments);
        assert_eq!(printed.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&printed.stderr).starts_with("usage: "), "{arguments:?}");
    }
    assert_eq!(output(&["--config", "/nonexistent"]).status.code(), Some(1));
    assert!(output(&["--help"]).status.success());
}

#[test]
fn with_a_configuration_its_secrets_are_not_repeated() {
    let config: serde_json::Value = serde_json::from_str(include_str!("../example.json")).unwrap();
    let emulator = Emulator::with(&config);
    let ready = emulator.ready.to_string();
    assert!(ready.contains(ACCOUNT) && ready.contains(PARENT_ID), "{ready}");
    assert!(!ready.contains(API_TOKEN) && !ready.contains(PARENT_SECRET), "{ready}");
}

/// Resident memory in KiB. Linux only.
fn resident(emulator: &Emulator) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", emulator.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Sixteen clients at once: each mints, then writes, reads and lists below its own prefix and is refused below others.
fn load(emulator: &Emulator, rounds: usize) {
    std::thread::scope(|scope| {
        for client in 0..16 {
            scope.spawn(move || {
                let (own, other) = (format!("load/{client}/"), format!("load/{}/", (client + 1) % 16));
                let keys = emulator.sign(&Params { prefixes: Some(&[&own]), ..params() });
                let http = http();
                for round in 0..rounds {
                    let body = format!("{client} {round}");
                    let (path, bucket) = (format!("/{BUCKET}/{own}a"), format!("/{BUCKET}"));
                    let theirs = format!("/{BUCKET}/{other}a");
                    let ask = |method, path| emulator.ask(method, path).by(&http);
                    assert_eq!(ask("PUT", &path).body(body.as_bytes()).send(&keys).verdict, "200");
                    assert_eq!(ask("GET", &path).send(&keys).body, body.as_bytes());
                    assert_eq!(ask("GET", &bucket).query("prefix", &own).send(&keys).element("Key"), format!("{own}a"));
                    assert_eq!(ask("GET", &theirs).send(&keys).verdict, "403 AccessDenied");
                }
            });
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn sixteen_clients_and_ten_thousand_requests_leave_its_memory_flat() {
    let emulator = Emulator::start();
    load(&emulator, 10);
    let before = resident(&emulator);
    load(&emulator, 157);
    let after = resident(&emulator);
    println!("resident: {before} KiB, and {after} KiB after 10,048 requests");
    // Allocators and thread pools breathe; 10,000 requests that kept a kilobyte each would be 10 MB.
    assert!(after < before + 4 * 1024, "{before} KiB before 10,048 requests, {after} KiB after");
}
