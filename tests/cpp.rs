//! The library as C++ sees it: programs in `tests/cpp`, compiled by g++ and clang++ and run plainly, with sanitizers
//! and under valgrind, and the example.

use std::process::Stdio;

use serde_json::Value;
use support::process::runs;
use support::root;
use support::scripted::http;
use support::server::Server;
use support::toolchain::Compiler::{Clangxx, Gxx};
use support::toolchain::{self, Compiler, compile, is_for, is_left_out, succeeded};

const WRAPPER: &str = include_str!("../include/r2creds.hpp");

/// The shared vectors, as `tests/cpp/values.cpp` reads them.
fn vectors() -> Vec<String> {
    let mut vectors: Vec<Value> = serde_json::from_str(include_str!("sign-vectors.json")).unwrap();
    assert!(vectors.len() >= 10);
    // On Windows an argument reaches main in the machine's code page; tests/sign.rs has these too.
    vectors.retain(|vector| !is_for("windows") || vector["params"].to_string().is_ascii());
    let mut arguments = Vec::new();
    for vector in &vectors {
        let (params, expected) = (&vector["params"], &vector["expected"]);
        let text = |of: &Value, name: &str| of[name].as_str().unwrap_or_else(|| panic!("{name}")).to_owned();
        let number = |names: &[&str], name: &str| {
            let at = params[name].as_str().map(|value| names.iter().position(|name| *name == value).unwrap());
            at.unwrap_or_default().to_string()
        };
        assert!(params["endpoint"].is_null());
        arguments.push(text(vector, "name"));
        arguments.extend(
            ["account_id", "bucket", "parent_access_key_id", "parent_secret_access_key"].map(|name| text(params, name)),
        );
        let permissions = ["", "object-read-only", "object-read-write", "admin-read-only", "admin-read-write"];
        arguments.push(number(&permissions, "permission"));
        arguments.push(number(&["default", "eu", "fedramp"], "jurisdiction"));
        arguments.extend(["ttl_seconds", "issued_at"].map(|name| params[name].as_i64().unwrap().to_string()));
        for name in ["actions", "prefixes", "objects"] {
            let list = params[name].as_array().unwrap();
            arguments.push(list.len().to_string());
            arguments.extend(list.iter().map(|entry| entry.as_str().unwrap().to_owned()));
        }
        arguments.extend(
            ["access_key_id", "secret_access_key", "session_token", "endpoint"].map(|name| text(expected, name)),
        );
    }
    arguments
}

fn each_way(name: &str, flags: &[&str], arguments: impl Fn() -> (Option<Server>, Vec<String>)) {
    toolchain::each_way(&format!("tests/cpp/{name}.cpp"), [Gxx, Clangxx], flags, |program| {
        let (_server, arguments) = arguments();
        program.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    });
}

fn with_server() -> (Option<Server>, Vec<String>) {
    let server = http();
    let url = server.url();
    (Some(server), vec![url])
}

#[test]
fn every_vector_and_every_refusal_in_two_translation_units() {
    let second = root().join("tests/cpp/second.cpp");
    each_way("values", &["-std=c++17", second.to_str().unwrap()], || (None, vectors()));
}

#[test]
fn calls_errors_poll_cancel_and_threads() {
    each_way("calls", &["-std=c++17"], with_server);
}

#[test]
fn a_provider_in_its_ways() {
    each_way("provider", &["-std=c++17"], with_server);
}

#[test]
fn inspect_and_parent_of_token() {
    each_way("inspect", &["-std=c++17"], with_server);
}

#[test]
fn without_exceptions() {
    each_way("no_exceptions", &["-std=c++17", "-fno-exceptions", "-fno-rtti"], with_server);
}

#[test]
fn designated_initialisers_and_stop_tokens() {
    each_way("cpp20", &["-std=c++20"], with_server);
}

#[test]
fn freed_memory_holds_no_secret() {
    if is_left_out(is_for("windows"), "Windows' C library has no memmem") {
        return;
    }
    for compiler in Compiler::installed([Gxx, Clangxx]) {
        let source = root().join("tests/cpp/secrets.cpp");
        // As a user builds it: the optimiser must not drop the wiping of what is about to be freed.
        succeeded(&mut runs(&compile(&source, compiler, &["-std=c++17", "-O2", "-D_GNU_SOURCE"])));
    }
}

/// Alone, twice, and in every standard, with and without exceptions.
#[test]
fn the_wrapper_compiles_without_a_warning() {
    if is_left_out(is_for("linux"), "zig, which compiles for other Linuxes, has no -fsyntax-only") {
        return;
    }
    for include in WRAPPER.lines().filter_map(|line| line.strip_prefix("#include ")) {
        assert!(include == "\"r2creds.h\"" || !include.contains(['.', '/', '"']), "{include}");
    }
    const UNUSED: &str = "-Wno-unused-command-line-argument";
    let source = "#include \"r2creds.hpp\"\n#include \"r2creds.hpp\"\nint main() { return 0; }\n";
    let strict =
        ["-Wshadow", "-Wundef", "-Wcast-qual", "-Wold-style-cast", "-Wsign-conversion", "-fsyntax-only", UNUSED];
    for compiler in Compiler::installed([Gxx, Clangxx]) {
        let path = compiler.source("wrapper", source);
        for standard in ["-std=c++17", "-std=c++20", "-std=c++2b"] {
            for without in [&[][..], &["-fno-exceptions", "-fno-rtti"]] {
                compile(&path, compiler, &[&[standard], without, &strict].concat());
            }
        }
    }
}

/// The wrapper has a member for each field of the C structs. That it passes them on, the compiler checks: a struct for
/// C that is not initialised to its end is a warning, and warnings are errors here.
#[test]
fn every_field_of_c_has_its_member() {
    let mut source = String::from("#include \"r2creds.hpp\"\nint main()\n{\n");
    let mut class = String::new();
    for line in include_str!("abi/layout.txt").lines() {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["struct", name, _] => {
                let words = name.strip_prefix("r2creds_").unwrap().split('_');
                class = words.map(|word| word[..1].to_uppercase() + &word[1..]).collect();
            }
            // C's own: sizes, and what a std::vector and a std::function know by themselves.
            ["field", "struct_size" | "reserved" | "poll_context", ..] => {}
            ["field", name, ..] if name.ends_with("_len") => {}
            ["field", name, ..] => {
                // The unit is in the type, and an exception's message is its what().
                let member = name.trim_end_matches("_ms").trim_end_matches("_seconds");
                let member = match (class.as_str(), member) {
                    ("Error", "message") => "what",
                    // A bit each, and each a member.
                    ("ClientOptions", "flags") => "no_environment",
                    _ => member,
                };
                source += &format!("(void)&r2creds::{class}::{member};\n");
            }
            _ => {}
        }
    }
    source += "}\n";
    for compiler in Compiler::installed([Gxx, Clangxx]) {
        compile(&compiler.source("members", &source), compiler, &["-std=c++17"]);
    }
}

#[test]
fn the_example_mints_both_ways() {
    let source = root().join("examples/cpp/mint.cpp");
    for compiler in Compiler::installed([Gxx, Clangxx]) {
        let copy = compiler.source("mint", &std::fs::read_to_string(&source).unwrap());
        let program = compile(&copy, compiler, &["-std=c++17"]);
        let server = http();
        let run = |arguments: &[&str], bucket: &str| {
            let mut command = runs(&program);
            command.args(arguments).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
            command.stdin(Stdio::null());
            command.envs([("CLOUDFLARE_ACCOUNT_ID", "plain"), ("R2_BUCKET", bucket), ("R2_PREFIX", "camera-7/")]);
            command.env("R2_PARENT_ACCESS_KEY_ID", "0123456789abcdef0123456789abcdef");
            command.env("R2_PARENT_SECRET_ACCESS_KEY", "1".repeat(64));
            command.env("CLOUDFLARE_API_TOKEN", "example-api-token").env("CLOUDFLARE_BASE_URL", server.url());
            command.output().unwrap()
        };
        let created = run(&["create", "--print"], "recordings");
        let printed = String::from_utf8(created.stdout).unwrap().replace('\r', "");
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        assert!(printed.contains("export AWS_ACCESS_KEY_ID='id-plain'\n"), "{printed}");
        assert!(printed.contains("export AWS_SESSION_TOKEN='token-plain'\n"), "{printed}");
        let signed = run(&["sign"], "recordings");
        assert!(signed.status.success() && signed.stdout.is_empty());
        let refused = run(&["sign", "--print"], "-");
        assert!(refused.status.code() == Some(1) && refused.stdout.is_empty());
        assert!(String::from_utf8_lossy(&refused.stderr).contains("bucket: "));
        assert_eq!(run(&[], "recordings").status.code(), Some(2));
    }
}
