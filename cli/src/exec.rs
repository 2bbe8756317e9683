//! Runs a command with a credential in its environment, or with an endpoint that renews it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::Command;

use crate::failure::{Failure, reason};
use crate::serve::Endpoint;
use crate::system;

/// What the caller's AWS_ variables say about identity, region or endpoint would mix with the credential. These do not.
pub const KEPT: [&str; 5] = ["AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_MAX_ATTEMPTS", "AWS_PAGER", "AWS_RETRY_MODE"];
/// A scoped credential makes no sense beside its parent.
const DROPPED: [&str; 4] =
    ["R2_PARENT_SECRET_ACCESS_KEY", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL"];

/// The command, which sees these variables, and of the caller's what does not contradict them.
fn command(words: &[OsString], variables: Vec<(&'static str, String)>) -> Command {
    let mut command = Command::new(words.first().map_or(OsStr::new(""), OsString::as_os_str));
    command.args(words.iter().skip(1)).env_clear();
    command.envs(std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        let is_in = |list: &[&str]| list.iter().any(|other| system::is_same_name(&name, other));
        let is_of_aws = name.get(..4).is_some_and(|start| system::is_same_name(start, "AWS_"));
        is_in(&KEPT) || !(is_in(&DROPPED) || is_of_aws)
    }));
    command.envs(variables);
    command
}

/// Runs the command in this process's place, and gives its exit code.
pub fn run(words: &[OsString], variables: Vec<(&'static str, String)>) -> Result<i32, Failure> {
    system::become_command(&mut command(words, variables)).map_err(|error| failed(&error))
}

/// Runs the command beside an endpoint that lives as long, and gives its exit code.
pub fn run_beside(words: &[OsString], endpoint: Endpoint, token_file: Option<&Path>) -> Result<i32, Failure> {
    let mut variables = endpoint.variables(token_file);
    // What a profile says would win over the endpoint.
    let files = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];
    variables.extend(files.map(|name| (name, system::NOTHING.to_owned())));
    system::run_beside(&mut command(words, variables), || endpoint.start()).map_err(|error| failed(&error))
}

/// With the exit code that shells have for it.
fn failed(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => Failure::new(127, "the command after --: not found"),
        _ => Failure::new(126, format!("the command after --: cannot be run: {}", reason(error))),
    }
}
