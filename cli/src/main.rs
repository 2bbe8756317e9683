//! The command line, `r2creds`: temporary, scoped credentials for Cloudflare R2.

// Rust's own start-up would ignore SIGPIPE, and open /dev/null where standard output is closed: a reader that has gone
// would not end this program as it ends others, and a credential would be written to nowhere without a word.
#![cfg_attr(not(test), no_main)]

mod doctor;
mod exec;
mod failure;
mod formats;
mod inspect;
mod mint;
mod options;
mod parent;
mod serve;

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::thread;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::exfiltrator::SignalOnly;

use crate::failure::{Failure, reason};
use crate::mint::Method;
use crate::options::Given;
use crate::serve::Endpoint;

/// # Safety
/// Called once, by the system, with the arguments of the process.
#[cfg_attr(not(test), unsafe(no_mangle))]
#[cfg_attr(test, allow(dead_code))]
pub unsafe extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    let count = usize::try_from(count).unwrap_or_default();
    let mut words: Vec<OsString> = (1..count)
        // SAFETY: there are as many strings as `count` says.
        .map(|at| unsafe { CStr::from_ptr(*arguments.add(at)) })
        .map(|word| OsStr::from_bytes(word.to_bytes()).to_owned())
        .collect();
    // SAFETY: the handler calls nothing but _exit.
    unsafe { libc::signal(libc::SIGINT, interrupted as *const () as libc::sighandler_t) };
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

extern "C" fn interrupted(signal: c_int) {
    // SAFETY: may be called here. What the shells say of a command that Ctrl-C has ended.
    unsafe { libc::_exit(128 + signal) }
}

/// The exit code, where all went well.
fn run(words: Vec<OsString>, command: Option<&[OsString]>) -> Result<i32, Failure> {
    let to_run = command.filter(|words| !words.is_empty());
    let is_exec = words.first().is_some_and(|word| word == "exec");
    let named = std::iter::once(OsString::from("r2creds")).chain(words);
    let matches = match parser().try_get_matches_from(named) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return print(&error.to_string());
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
            let variables = formats::variables(&mint::mint(&given, method)?);
            Err(exec::become_command(words, variables))
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
    let mut signals = exec::signals::<SignalOnly>(&[SIGTERM, SIGINT, SIGHUP])?;
    print(&formats::lines(&endpoint.variables(file.as_deref()), "export ", formats::quoted))?;
    let ended = signals.handle();
    if given.flag("until-eof") {
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            ended.close();
        });
    }
    thread::spawn(move || endpoint.run());
    signals.forever().next();
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

fn no_subcommand() -> Failure {
    let names: Vec<String> = parser().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    Failure::usage(format!("argument COMMAND: expected one of {}", names.join(", ")))
}

/// clap's errors repeat values; these do not.
fn misused(error: &clap::Error) -> Failure {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    // What follows the name is its value, or the word for it.
    let argument = context(ContextKind::InvalidArg);
    let flag = argument.split(['=', ' ']).next().unwrap_or_default();
    let is_name = flag
        .strip_prefix("--")
        .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
    match error.kind() {
        ErrorKind::MissingSubcommand
        | ErrorKind::InvalidSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => no_subcommand(),
        ErrorKind::UnknownArgument if is_name && options::is_flag(&format!("{flag}-file")) => Failure::usage(format!(
            "no option {flag}, for a secret does not belong on a command line; there is {flag}-file"
        )),
        ErrorKind::UnknownArgument if is_name => Failure::usage(format!("no option {flag}")),
        ErrorKind::UnknownArgument => Failure::usage("an argument that belongs to no option"),
        ErrorKind::InvalidValue if is_name => Failure::argument(flag, "expected one argument"),
        ErrorKind::TooManyValues if is_name => Failure::argument(flag, "takes no value"),
        _ if is_name => Failure::argument(flag, "cannot be used like this"),
        _ => Failure::usage("the arguments cannot be read"),
    }
}

/// To standard output as it was given to this process: what cannot be written is a failure.
fn print(text: &str) -> Result<i32, Failure> {
    let output = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    output
        .and_then(|mut output| output.write_all(text.as_bytes()))
        .map(|()| 0)
        .map_err(|error| Failure::new(1, format!("standard output: {}", reason(&error))))
}

fn parser() -> Command {
    let asking = |command| {
        let command = options::with(command, "Asking Cloudflare", options::CLIENT);
        options::with(command, "Asking Cloudflare", options::CALL)
    };
    let granting = |command| options::with(command, "What is granted", options::GRANT);
    let signing = |command| options::with(command, "Signing", options::SIGN);
    let command = |name: &'static str, usage: &str, about: &'static str| {
        Command::new(name).about(about).override_usage(format!("r2creds {name} {usage}")).args_override_self(true)
    };
    let either = |command: Command| {
        let about = "make it as r2creds sign does (default: what the secrets at hand allow, if it is one of the two)";
        command.arg(options::flag("sign", about)).arg(options::flag("create", "make it as r2creds create does"))
    };
    let token_file = || {
        let about = "put the endpoint's token there, for its owner alone, and tell the name of the file instead";
        options::value("token_file", "token-file", "FILE", about)
    };
    let sign = command("sign", "OPTIONS", "Make a credential locally from the parent key pair, without any network")
        .arg(options::format())
        .after_help(
            "A wrong parent secret of the right shape is not noticed here; R2 answers such a credential with HTTP 400.",
        );
    let create =
        command("create", "OPTIONS", "Ask Cloudflare's API for a credential, with an API token").arg(options::format());
    let exec = command(
        "exec",
        "[--sign | --create] [--renew] OPTIONS -- COMMAND [ARGUMENT ...]",
        "Run a command with a credential in its environment",
    )
    .arg(options::flag("renew", "for a command that outlives a credential: with the endpoint of r2creds serve"))
    .arg(token_file())
    .after_help(format!(
        "The command sees none of the caller's AWS_ variables but {}, and not the secrets that the credential was made \
         with. Proxy variables such as HTTPS_PROXY it sees with the passwords in them. Without --renew the credential \
         is not renewed while the command runs.",
        exec::KEPT.join(", ")
    ));
    let serve = command(
        "serve",
        "[--sign | --create] OPTIONS",
        "Give credentials to AWS SDKs on this machine, and renew them",
    )
    .arg(options::value("port", "port", "N", "on loopback (default: one that is free)"))
    .arg(token_file())
    .arg(options::flag("until-eof", "end with standard input, as well as with SIGTERM, SIGINT and SIGHUP"))
    .after_help(
        "Prints the export lines for the shell or program that is to use it: the endpoint is what AWS SDKs know as the \
         container credentials provider. Keys in their environment or profile would win over it.",
    );
    let inspect = command("inspect", "OPTIONS", "Say what a credential grants, and why R2 refuses it, offline")
        .arg(options::flag("json", "for programs"))
        .after_help(
            "The credential is that of the environment (AWS_SESSION_TOKEN and the others), else of standard input, in \
             any of the formats of r2creds sign but duckdb and rclone, or a bare session token. Without the parent's \
             secret its signature is not checked. The exit code is 1 where R2 would refuse it.",
        );
    let inspect = options::only(inspect, "What it is compared with", &["parent_secret_access_key", "endpoint"]);
    let doctor = command("doctor", "OPTIONS", "Try what there is, step by step, and say what to do about what fails")
        .arg(options::flag("json", "for programs"))
        .after_help(
            "Lists, and writes nothing. It signs a credential for five minutes where the parent's secret is there, else \
             asks Cloudflare for one, and uses it once inside its grant and once outside. The exit code is 1 if anything \
             failed.",
        );
    let of_doctor =
        ["account_id", "bucket", "parent_access_key_id", "parent_secret_access_key", "jurisdiction", "endpoint"];
    let doctor = options::only(doctor, "What is tried", &of_doctor);
    let parent = command("parent", "OPTIONS", "Print the parent key pair that belongs to an API token")
        .arg(options::flag("show", "print it on a terminal, too"));
    let parent = options::only(parent, "Whose it is", &["account_id"]);
    Command::new("r2creds")
        .about("Temporary, scoped credentials for Cloudflare R2.")
        .after_help("Secrets come from the environment or a file. r2creds COMMAND --help lists a command's options.")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .arg(Arg::new("version").long("version").help("Print version").action(ArgAction::Version))
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .subcommand_value_name("COMMAND")
        .subcommand(signing(granting(sign)))
        .subcommand(asking(granting(create)))
        .subcommand(asking(signing(granting(either(exec)))))
        .subcommand(asking(signing(granting(either(serve)))))
        .subcommand(inspect)
        .subcommand(options::with(doctor, "Asking Cloudflare", options::CLIENT))
        .subcommand(options::with(parent, "Asking Cloudflare", options::CLIENT))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use clap_complete::{Shell, generate};

    /// The man pages and the completions, which `make pages` writes, are those of the options.
    #[test]
    fn the_pages_are_up_to_date() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
        let mut made = BTreeMap::new();
        for (shell, name) in [(Shell::Bash, "r2creds.bash"), (Shell::Zsh, "_r2creds"), (Shell::Fish, "r2creds.fish")] {
            let mut text = Vec::new();
            generate(shell, &mut super::parser(), "r2creds", &mut text);
            made.insert(name.to_owned(), text);
        }
        let mut parser = super::parser();
        parser.build();
        for command in std::iter::once(&parser).chain(parser.get_subcommands()) {
            let mut text = Vec::new();
            let name = command.get_display_name().unwrap_or("r2creds").to_owned();
            clap_mangen::Man::new(command.clone()).title(name.clone()).render(&mut text).unwrap();
            made.insert(format!("{name}.1"), text);
        }
        if std::env::var_os("R2CREDS_WRITE_PAGES").is_some() {
            fs::create_dir_all(&folder).unwrap();
            made.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
        }
        let there = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let there: BTreeMap<_, _> = there.map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect();
        assert!(there == made, "the pages are stale; make pages writes them");
    }
}
