//! The command line, `r2creds`: temporary, scoped credentials for Cloudflare R2.

// Rust's own start-up would ignore SIGPIPE, and open /dev/null where standard output is closed: a reader that has gone
// would not end this program as it ends others, and a credential would be written to nowhere without a word.
#![cfg_attr(all(unix, not(test)), no_main)]

mod commands;
mod doctor;
mod exec;
mod failure;
mod formats;
mod inspect;
mod mint;
mod options;
mod parent;
mod serve;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;

use clap::error::ErrorKind;

use crate::commands::{misused, no_subcommand, parser};
use crate::failure::{Failure, reason};
use crate::mint::Method;
use crate::options::Given;
use crate::serve::Endpoint;
use crate::system::End;

/// # Safety
/// Called once, by the system, with the arguments of the process.
#[cfg(unix)]
#[cfg_attr(not(test), unsafe(no_mangle))]
#[cfg_attr(test, allow(dead_code))]
pub unsafe extern "C" fn main(count: std::ffi::c_int, arguments: *const *const std::ffi::c_char) -> std::ffi::c_int {
    use std::os::unix::ffi::OsStrExt;

    let count = usize::try_from(count).unwrap_or_default();
    let words = (1..count)
        // SAFETY: there are as many strings as `count` says.
        .map(|at| unsafe { std::ffi::CStr::from_ptr(*arguments.add(at)) })
        .map(|word| std::ffi::OsStr::from_bytes(word.to_bytes()).to_owned())
        .collect();
    system::end_on_interrupt();
    start(words)
}

#[cfg(windows)]
fn main() {
    std::process::exit(start(std::env::args_os().skip(1).collect()));
}

/// The exit code.
fn start(mut words: Vec<OsString>) -> i32 {
    let command = words.iter().position(|word| word == "--").map(|at| {
        let command = words.split_off(at + 1);
        words.pop();
        command
    });
    let name = words.first().and_then(|word| word.to_str()).unwrap_or_default().to_owned();
    match run(words, command.as_deref()) {
        Ok(code) => code,
        Err(failure) => {
            let program = match parser().find_subcommand(&name) {
                Some(_) if failure.is_usage => format!("r2creds {name}"),
                _ => "r2creds".to_owned(),
            };
            let options =
                if failure.is_usage { format!("\n    {program} --help lists the options") } else { String::new() };
            // Where that is closed too, there is nobody to tell.
            let _ = writeln!(io::stderr(), "{program}: {}{options}", failure.message);
            failure.code
        }
    }
}

/// The exit code, where all went well.
fn run(words: Vec<OsString>, command: Option<&[OsString]>) -> Result<i32, Failure> {
    let to_run = command.filter(|words| !words.is_empty());
    let is_exec = words.first().is_some_and(|word| word == "exec");
    let named = std::iter::once(OsString::from("r2creds")).chain(words);
    let matches = match parser().try_get_matches_from(named) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return print(&(error.to_string().trim_end().to_owned() + "\n"));
        }
        // What the command's words are taken for where the -- is missing.
        Err(_) if is_exec && to_run.is_none() => return Err(no_command()),
        Err(error) => return Err(misused(&error)),
    };
    let Some((name, matches)) = matches.subcommand() else { return Err(no_subcommand()) };
    let given = Given::new(matches);
    match (name, to_run) {
        ("exec", Some(words)) => {
            let method = mint::method(&given)?;
            if given.flag("renew") {
                let (endpoint, file) = endpoint(&given, method, 0)?;
                let ended = exec::run_beside(words, endpoint, file.as_deref());
                file.map(fs::remove_file);
                return ended;
            }
            if given.has("token_file") {
                return Err(Failure::argument("--token-file", "only with --renew, which has an endpoint"));
            }
            let variables = formats::variables(&mint::mint(&given, method)?);
            exec::run(words, variables)
        }
        ("exec", _) => Err(no_command()),
        _ if command.is_some() => Err(Failure::usage("only exec takes a command")),
        ("serve", _) => serve(&given),
        ("inspect", _) => {
            let (text, is_refused) = inspect::run(&given)?;
            print(&text)?;
            Ok(i32::from(is_refused))
        }
        ("doctor", _) => {
            let (text, is_well) = doctor::run(&given)?;
            print(&text)?;
            Ok(i32::from(!is_well))
        }
        ("parent", _) => print(&parent::run(&given)?),
        ("sign", _) => minted(&given, Method::Sign),
        _ => minted(&given, Method::Create),
    }
}

fn minted(given: &Given<'_>, method: Method) -> Result<i32, Failure> {
    let format = formats::named(given.text("format")?.unwrap_or("env"))
        .ok_or_else(|| Failure::argument("--format", &format!("unknown, expected one of {}", formats::names(", "))))?;
    print(&format(&mint::mint(given, method)?)?)
}

fn serve(given: &Given<'_>) -> Result<i32, Failure> {
    let port = given.number("port")?.unwrap_or_default();
    let port = u16::try_from(port).map_err(|_| Failure::argument("--port", "no port, expected 1 to 65535"))?;
    let (endpoint, file) = endpoint(given, mint::method(given)?, port)?;
    // Before anybody knows of it, so that none is lost.
    let end = End::expect().map_err(|error| Failure::new(1, format!("signals: {}", reason(&error))))?;
    print(&formats::lines(&endpoint.variables(file.as_deref()), "export ", formats::quoted))?;
    if given.flag("until-eof") {
        let ender = end.ender();
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            ender.end();
        });
    }
    endpoint.start();
    end.wait();
    file.map(fs::remove_file);
    Ok(0)
}

/// With the file that its token is in, if it is to be in one.
fn endpoint(given: &Given<'_>, method: Method, port: u16) -> Result<(Endpoint, Option<PathBuf>), Failure> {
    let file = given.text("token_file")?.map(PathBuf::from);
    let endpoint = Endpoint::bind(mint::provider(given, method)?, port)?;
    if let Some(file) = &file {
        endpoint.write_token(file)?;
    }
    Ok((endpoint, file))
}

fn no_command() -> Failure {
    Failure::usage("no command; it comes last, after --")
}

/// To standard output as it was given to this process: what cannot be written is a failure.
fn print(text: &str) -> Result<i32, Failure> {
    system::standard_output()
        .and_then(|mut output| output.write_all(text.as_bytes()))
        .map(|()| 0)
        .map_err(|error| Failure::new(1, format!("standard output: {}", reason(&error))))
}
