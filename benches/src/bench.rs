//! `make bench` only reports: whatever the numbers are, it ends with success, unless something does not run at all.
//! `make soak` fails if anything grew. Both build the C programs of this folder and run them against a server of their
//! own.

mod affinity;
mod create;
mod programs;
mod server;
mod sign;
mod stats;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use programs::{Programs, Server};
use stats::Pair;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let result = match arguments.iter().map(PathBuf::as_path).collect::<Vec<_>>()[..] {
        [command, certificate] if command == Path::new("serve") => {
            server::serve(certificate);
            Ok(())
        }
        [command, library] if command == Path::new("bench") => bench(library),
        [command, library] if command == Path::new("soak") => soak(library),
        _ => Err("usage: r2creds-bench bench|soak LIBRARY".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn bench(library: &Path) -> Result<(), String> {
    println!("{}", cpu());
    println!(
        "Medians of paired runs (for sign, each the fastest of five). Ratio: r2creds / the other; below 1, r2creds is cheaper.\n"
    );
    row(["", "r2creds", "other", "ratio", "at most"]);
    let signing = sign::Library::load(library)?;
    for (what, prefixes, pairs, calls, bound) in
        [("sign | bare hashing", 1, 300, 100, "1.15"), ("  the same, 10,000 prefixes", 10_000, 60, 2, "1.40")]
    {
        compared(what, &signing.measure(prefixes, pairs, calls), bound);
    }

    let programs = Programs::new(library)?;
    let ours = match programs.compile("drive-r2creds", &["driver.c", "r2creds.c"], &["-pthread"]) {
        Ok(ours) => ours,
        Err(problem) => {
            println!("skipped: everything with create, because no C program can be built ({problem})");
            return Ok(());
        }
    };
    let server = Server::start(&programs)?;
    match programs.compile("drive-libcurl", &["driver.c", "libcurl.c"], &["-lcurl", "-pthread"]) {
        Ok(curl) => against_libcurl(&server, [&ours, &curl])?,
        Err(problem) => {
            println!(
                "skipped: create against libcurl; libcurl's headers are missing, libcurl4-openssl-dev or so ({problem})"
            );
        }
    }

    let get = programs.compile("get", &["get.c", "r2creds.c"], &["-pthread"])?;
    let taken = programs::Talker::start(&get, &[])?.read()?;
    if let [alone, together] = taken[..] {
        row(["provider_get and free, while fresh", &nanoseconds(alone), "", "", "100 ns"]);
        row(["  on every processor, each", &nanoseconds(together), "", &format!("{:.2}", alone / together), "0.80"]);
    }

    let inspect = programs.compile("inspect", &["inspect.c", "r2creds.c"], &[])?;
    let taken = programs::Talker::start(&inspect, &[])?.read()?;
    if let [length, taken] = taken[..] {
        row([&format!("inspect and free, {length} characters"), &nanoseconds(taken), "", "", "5000 ns"]);
    }

    let first = programs.compile("first", &["first.c", "r2creds.c"], &[])?;
    let empty = programs.compile("empty", &["empty.c"], &[])?;
    let (pair, peak) = create::start_to_first(&server, &first, &empty)?;
    println!();
    row(["process with its first create | empty", &milliseconds(pair.ours()), &milliseconds(pair.theirs()), "", ""]);
    row(["  difference", &milliseconds(pair.difference()), "", "", "3 ms"]);
    row(["  peak memory", &format!("{:.1} MB", peak * 1024.0 / 1e6), "", "", "8 MB"]);
    row(["shared library, stripped", &format!("{:.2} MB", programs.stripped_size()? / 1e6), "", "", "4.3 MB"]);
    println!("\nbuilt with\n{}", programs.commands());
    Ok(())
}

fn against_libcurl(server: &Server, programs: [&Path; 2]) -> Result<(), String> {
    for (scheme, tls) in [("http", false), ("https", true)] {
        let (wall, cpu) = create::alternate(server, programs, tls)?;
        compared(&format!("create | libcurl, {scheme}, wall time"), &wall, "1.00");
        compared("  CPU time", &cpu, "1.00");
    }
    for (scheme, tls) in [("http", false), ("https", true)] {
        let (peaks, wall) = create::compete(server, programs, tls)?;
        compared(&format!("16 threads, {scheme}, wall time per call"), &wall, "1.00");
        row(["  most connections open", &peaks[0].to_string(), &peaks[1].to_string(), "", "16"]);
    }
    Ok(())
}

fn soak(library: &Path) -> Result<(), String> {
    let programs = Programs::new(library)?;
    let soak = programs.compile("soak", &["soak.c", "r2creds.c"], &[])?;
    let server = Server::start(&programs)?;
    programs.run(&soak, &[&server.url(false), &server.url(true), server.certificate()])?;
    let storm = programs.compile("storm", &["storm.c", "r2creds.c"], &["-pthread"])?;
    let mut commands = vec![storm.display().to_string()];
    // The same in the other languages, where `make soak` has built it.
    commands.extend(["SOAK_PYTHON", "SOAK_GO"].into_iter().filter_map(|name| std::env::var(name).ok()));
    let seconds = std::env::var("SOAK_SECONDS").unwrap_or_else(|_| "120".to_owned());
    for command in commands {
        weather(&programs, &server, &command, &seconds)?;
    }
    Ok(())
}

/// Runs a program on the API that goes wrong, and holds its provider to the rules of docs/renewal.md: one request at a
/// time, none while the credential of a minute is fresh, and a pause of a second or more after each failed call, which
/// is three attempts, unless the credential ends meanwhile.
fn weather(programs: &Programs, server: &Server, command: &str, seconds: &str) -> Result<(), String> {
    const FRESH: f64 = 44.0;
    let faults = server.url(false).replace("/client/", "/faults/");
    let words: Vec<&str> = command.split(' ').chain([faults.as_str(), seconds]).collect();
    server.faulty_requests()?; // from here on they are this program's
    let began = Instant::now();
    programs.run(Path::new(words[0]), &words[1..])?;
    let [requests, granted, at_once] = server.faulty_requests()?;
    let renewing = (began.elapsed().as_secs_f64() - FRESH * granted.saturating_sub(1) as f64).max(0.0);
    let most = 3 * (renewing as usize + 2 * granted + 1);
    println!("  requests to the API: {requests}, of which {granted} were granted; at most {most}; {at_once} at once");
    match requests <= most && at_once <= 1 {
        true => Ok(()),
        false => Err("more requests than the rules allow".to_owned()),
    }
}

fn row([what, ours, theirs, ratio, bound]: [&str; 5]) {
    println!("{}", format!("{what:<38}{ours:>10}{theirs:>10}{ratio:>8}{bound:>9}").trim_end());
}

fn compared(what: &str, pair: &Pair, bound: &str) {
    let ratio = format!("{:.2}", pair.ratio());
    row([what, &microseconds(pair.ours()), &microseconds(pair.theirs()), &ratio, bound]);
}

fn nanoseconds(nanoseconds: f64) -> String {
    format!("{nanoseconds:.0} ns")
}

fn microseconds(nanoseconds: f64) -> String {
    format!("{:.2} us", nanoseconds / 1e3)
}

fn milliseconds(nanoseconds: f64) -> String {
    format!("{:.2} ms", nanoseconds / 1e6)
}

/// What the bare hashing depends on most.
fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |names: [&str; 2]| {
        let line = info.lines().find(|line| names.iter().any(|name| line.starts_with(name)));
        line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim())
    };
    let model = value(["model name", "CPU implementer"]);
    let has_sha = value(["flags", "Features"]).split(' ').any(|flag| flag == "sha_ni" || flag == "sha2");
    format!("CPU: {model}, {} SHA instructions", if has_sha { "with" } else { "without" })
}
