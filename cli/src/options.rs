//! What can be given on the command line, and where it comes from otherwise.
//!
//! No option takes a secret's value, for everybody on the machine can read the arguments of a process, and no message
//! repeats a value, for secrets get pasted into the wrong place.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use r2creds::{Jurisdiction, Permission};

use crate::failure::{Failure, reason};
use crate::formats;

/// An option: the argument of the library's that it sets, the word for its value, and what is said of it.
pub struct Opt {
    pub name: &'static str,
    flag: &'static str,
    value: &'static str,
    about: fn() -> String,
    is_list: bool,
}

const fn opt(name: &'static str, flag: &'static str, value: &'static str, about: fn() -> String) -> Opt {
    Opt { name, flag, value, about, is_list: false }
}

const fn list(name: &'static str, flag: &'static str, value: &'static str, about: fn() -> String) -> Opt {
    Opt { name, flag, value, about, is_list: true }
}

macro_rules! about {
    ($($text:tt)+) => { || format!($($text)+) };
}

pub const GRANT: &[Opt] = &[
    opt("account_id", "account-id", "ID", about!("Cloudflare account id (default: $CLOUDFLARE_ACCOUNT_ID)")),
    opt("bucket", "bucket", "NAME", about!("the one bucket (default: $R2_BUCKET)")),
    opt(
        "parent_access_key_id",
        "parent-access-key-id",
        "ID",
        about!("access key id of the parent key pair (default: $R2_PARENT_ACCESS_KEY_ID)"),
    ),
    opt(
        "permission",
        "permission",
        "WORD",
        about!("{} (no default)", Permission::ALL.map(Permission::as_str).join(" | ")),
    ),
    list(
        "prefixes",
        "prefix",
        "PREFIX",
        about!("keys that begin so; may be repeated (default, without --object and --directory: every key)"),
    ),
    list("objects", "object", "KEY", about!("exactly this key; may be repeated")),
    list(
        "directories",
        "directory",
        "PATH",
        about!("everything below it, and the bare name; without a slash at its end; may be repeated"),
    ),
    opt("ttl_seconds", "ttl-seconds", "N", about!("lifetime, 1 to 604800 (default: 900)")),
    opt(
        "jurisdiction",
        "jurisdiction",
        "WORD",
        about!("{} (default: default)", Jurisdiction::ALL.map(Jurisdiction::as_str).join(" | ")),
    ),
    opt("endpoint", "endpoint", "URL", about!("S3 endpoint (default: what account and jurisdiction give)")),
];
pub const SIGN: &[Opt] = &[
    opt(
        "parent_secret_access_key",
        "parent-secret-access-key-file",
        "FILE",
        about!(
            "holds the parent's secret access key; - is standard input (default: $R2_PARENT_SECRET_ACCESS_KEY, the key)"
        ),
    ),
    list(
        "actions",
        "action",
        "NAME",
        about!("an S3 operation such as GetObject, instead of --permission; may be repeated"),
    ),
    opt("issued_at", "issued-at", "TIME", about!("when it begins, in Unix seconds (default: now)")),
];
/// How Cloudflare's API is reached: what a client is made with.
pub const CLIENT: &[Opt] = &[
    opt(
        "api_token",
        "api-token-file",
        "FILE",
        about!("holds the API token; - is standard input (default: $CLOUDFLARE_API_TOKEN, the token)"),
    ),
    opt(
        "api_email",
        "api-email",
        "EMAIL",
        about!("of the older pair, instead of a token (default: $CLOUDFLARE_EMAIL)"),
    ),
    opt(
        "api_key",
        "api-key-file",
        "FILE",
        about!("holds the older pair's API key (default: $CLOUDFLARE_API_KEY, the key)"),
    ),
    opt("base_url", "base-url", "URL", about!("where the API is (default: $CLOUDFLARE_BASE_URL, else Cloudflare)")),
    opt(
        "proxy_url",
        "proxy-url",
        "URL",
        about!("http://host:port, or empty for none (default: $HTTPS_PROXY, $ALL_PROXY, less $NO_PROXY)"),
    ),
    opt("ca_file", "ca-file", "FILE", about!("PEM file of the only certificates to trust (default: the system's)")),
    opt("user_agent", "user-agent", "TEXT", about!("put in front of r2creds/<version> (default: nothing)")),
    opt("timeout_ms", "timeout-ms", "N", about!("for the whole call, milliseconds (default: 60000)")),
    opt("attempt_timeout_ms", "attempt-timeout-ms", "N", about!("for one attempt, milliseconds (default: 20000)")),
    opt(
        "connect_timeout_ms",
        "connect-timeout-ms",
        "N",
        about!("for connection and TLS, milliseconds (default: 5000)"),
    ),
    opt("max_retries", "max-retries", "N", about!("repeats of a failed attempt (default: 2)")),
];
/// What one call of the API may carry besides.
pub const CALL: &[Opt] = &[
    list("headers", "header", "NAME: VALUE", about!("extra header, not for secrets; may be repeated")),
    opt(
        "extra_body",
        "extra-body",
        "JSON",
        about!("object whose keys are appended to the request, for parameters newer than this program"),
    ),
];
/// Where an argument that is needed comes from by default.
pub const VARIABLES: [(&str, &str); 4] = [
    ("account_id", "CLOUDFLARE_ACCOUNT_ID"),
    ("bucket", "R2_BUCKET"),
    ("parent_access_key_id", "R2_PARENT_ACCESS_KEY_ID"),
    ("parent_secret_access_key", "R2_PARENT_SECRET_ACCESS_KEY"),
];
/// Those whose file holds the value.
const SECRETS: [&str; 3] = ["parent_secret_access_key", "api_token", "api_key"];

/// Adds these options to a command, under a title.
pub fn with(command: Command, title: &'static str, options: &[Opt]) -> Command {
    add(command, title, options.iter())
}

/// Adds some of the options by their names.
pub fn only(command: Command, title: &'static str, names: &[&str]) -> Command {
    add(command, title, all().filter(|option| names.contains(&option.name)))
}

fn all() -> impl Iterator<Item = &'static Opt> {
    [GRANT, SIGN, CLIENT, CALL].into_iter().flatten()
}

fn add<'a>(command: Command, title: &'static str, options: impl Iterator<Item = &'a Opt>) -> Command {
    command.args(options.map(|option| {
        Arg::new(option.name)
            .long(option.flag)
            .value_name(option.value)
            .help((option.about)())
            .help_heading(title)
            .value_parser(ValueParser::os_string())
            .allow_negative_numbers(true)
            .action(if option.is_list { ArgAction::Append } else { ArgAction::Set })
    }))
}

/// Of an option with a fixed list of words.
pub fn format() -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("WORD")
        .help(format!("{} (default: env, for a shell's eval)", formats::names(" | ")))
        .value_parser(ValueParser::os_string())
}

/// An option of one command alone.
pub fn value(name: &'static str, flag: &'static str, value: &'static str, about: &'static str) -> Arg {
    Arg::new(name).long(flag).value_name(value).help(about).value_parser(ValueParser::os_string())
}

pub fn flag(name: &'static str, about: &'static str) -> Arg {
    Arg::new(name).long(name).help(about).action(ArgAction::SetTrue)
}

/// What was given, of one command.
pub struct Given<'a> {
    matches: &'a ArgMatches,
}

impl<'a> Given<'a> {
    pub fn new(matches: &'a ArgMatches) -> Self {
        Given { matches }
    }

    pub fn flag(&self, name: &str) -> bool {
        self.matches.try_get_one::<bool>(name).is_ok_and(|given| given == Some(&true))
    }

    fn raw(&self, name: &str) -> Option<&'a OsStr> {
        self.matches.try_get_one::<OsString>(name).ok().flatten().map(OsString::as_os_str)
    }

    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The flags of these that were given.
    pub fn flags(&self, options: &[Opt]) -> Vec<String> {
        options.iter().filter(|option| self.has(option.name)).map(|option| format!("--{}", option.flag)).collect()
    }

    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        self.raw(name).map(|text| utf8(name, text)).transpose()
    }

    /// `None` where there is none.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, Failure> {
        let values = self.matches.try_get_many::<OsString>(name).ok().flatten();
        values.map(|values| values.map(|text| utf8(name, text)).collect()).transpose()
    }

    pub fn number(&self, name: &'static str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.raw(name) else { return Ok(None) };
        let number = text.to_str().and_then(|text| text.trim().parse().ok());
        number.map(Some).ok_or_else(|| Failure::argument(flag_of(name), "not a whole number"))
    }

    /// For a field of 32 bits, in which the library cannot be told everything.
    pub fn positive(&self, name: &'static str) -> Result<Option<u32>, Failure> {
        match self.number(name)? {
            None => Ok(None),
            Some(number) if number < 1 => Err(Failure::refused(name, "0 or less, expected more")),
            Some(number) => match u32::try_from(number) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(Failure::refused(name, "does not fit in 32 bits")),
            },
        }
    }

    /// The text of an option, else of its variable, where one that is empty is unset.
    pub fn text_or_variable(&self, name: &str) -> Result<Option<String>, Failure> {
        match self.text(name)? {
            Some(text) => Ok(Some(text.to_owned())),
            None => variable_of(name),
        }
    }

    /// The content of the file of an option, without the white space around it.
    pub fn secret(&self, name: &'static str) -> Result<Option<String>, Failure> {
        debug_assert!(SECRETS.contains(&name));
        let Some(path) = self.raw(name) else { return Ok(None) };
        let wrong = |problem: &str| Failure::argument(flag_of(name), problem);
        let mut bytes = Vec::new();
        let read = if path == "-" {
            std::io::stdin().read_to_end(&mut bytes).map(drop)
        } else {
            fs::read(path).map(|content| bytes = content)
        };
        read.map_err(|error| wrong(&format!("{}; expected a file, or - for standard input", reason(&error))))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("not a text file"))?;
        match text.trim() {
            "" => Err(wrong("the file is empty")),
            secret => Ok(Some(secret.to_owned())),
        }
    }
}

/// What the environment has for an argument that is needed.
pub fn variable_of(name: &str) -> Result<Option<String>, Failure> {
    let variable = VARIABLES.iter().find(|(argument, _)| *argument == name).map_or(name, |(_, variable)| variable);
    filled(name, variable)
}

/// A variable of the environment; empty is unset.
pub fn variable(name: &str) -> Result<Option<String>, Failure> {
    filled(name, name)
}

fn filled(name: &str, variable: &str) -> Result<Option<String>, Failure> {
    let Some(value) = std::env::var_os(variable) else { return Ok(None) };
    let text = utf8(name, &value)?.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Whether a variable of the environment is there and not empty.
pub fn has_variable(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.to_string_lossy().trim().is_empty())
}

fn utf8<'a>(name: &str, text: &'a OsStr) -> Result<&'a str, Failure> {
    text.to_str().ok_or_else(|| Failure::refused(name, "a lone surrogate, or other bytes that are not UTF-8"))
}

/// The option that sets an argument.
pub fn flag_of(name: &str) -> String {
    format!("--{}", all().find(|option| option.name == name).map_or(name, |option| option.flag))
}

/// Whether there is such an option in any command.
pub fn is_flag(flag: &str) -> bool {
    all().any(|option| flag.strip_prefix("--") == Some(option.flag))
}
