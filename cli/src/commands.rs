//! The commands and their options, for clap, which makes help, man pages and completions of them; and what is said of
//! wrong usage.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

use crate::failure::Failure;
use crate::{exec, options};

pub fn parser() -> Command {
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

pub fn no_subcommand() -> Failure {
    let names: Vec<String> = parser().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    Failure::usage(format!("argument COMMAND: expected one of {}", names.join(", ")))
}

/// clap's errors repeat values; these do not.
pub fn misused(error: &clap::Error) -> Failure {
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
