//! Runs a command with a credential in its environment, or with an endpoint that renews it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::Command;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::{Exfiltrator, WithOrigin};

use crate::failure::{Failure, reason};
use crate::serve::Endpoint;

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
        KEPT.contains(&&*name) || !(DROPPED.contains(&&*name) || name.starts_with("AWS_"))
    }));
    command.envs(variables);
    command
}

/// Becomes the command, so that signals and its exit code need no passing on. Comes back only if that fails.
pub fn become_command(words: &[OsString], variables: Vec<(&'static str, String)>) -> Failure {
    failed(&command(words, variables).exec())
}

/// With the exit code that shells have for it.
fn failed(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => Failure::new(127, "the command after --: not found"),
        _ => Failure::new(126, format!("the command after --: cannot be run: {}", reason(error))),
    }
}

/// Runs the command beside an endpoint that lives as long, passes signals on, and gives its exit code.
pub fn run_beside(words: &[OsString], endpoint: Endpoint, token_file: Option<&Path>) -> Result<i32, Failure> {
    let mut variables = endpoint.variables(token_file);
    // What a profile says would win over the endpoint.
    variables.extend(["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"].map(|name| (name, "/dev/null".to_owned())));
    let mut command = command(words, variables);
    end_with_parent(&mut command);
    // Before the command is there, so that none is lost.
    let mut signals = signals::<WithOrigin>(&[SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2])?;
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let process = libc::pid_t::try_from(child.id()).unwrap_or_default();
    endpoint.start();
    thread::spawn(move || {
        for origin in &mut signals {
            // What the terminal sends, it sends to the command too.
            if origin.process.is_some() {
                // SAFETY: a plain system call; the process is not waited for before this one ends.
                unsafe { libc::kill(process, origin.signal) };
            }
        }
    });
    let status = child.wait();
    let status = status.map_err(|error| Failure::new(1, format!("the command after --: {}", reason(&error))))?;
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
}

/// Whether a signal is to be without effect here, as SIGHUP after nohup, and SIGINT in the background of a script.
pub fn is_ignored(number: i32) -> bool {
    // SAFETY: a struct of numbers and a pointer, which the call fills.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(number, std::ptr::null(), &raw mut now) == 0 && now.sa_sigaction == libc::SIG_IGN
    }
}

/// What comes from now on of these, unless it is ignored. Nothing else is done for it any more.
pub fn signals<E: Exfiltrator + Default>(numbers: &[i32]) -> Result<SignalsInfo<E>, Failure> {
    let numbers: Vec<i32> = numbers.iter().copied().filter(|number| !is_ignored(*number)).collect();
    if numbers.contains(&SIGINT) {
        // SAFETY: the default is no function of ours. Otherwise what main has set for Ctrl-C would be called, too.
        unsafe { libc::signal(SIGINT, libc::SIG_DFL) };
    }
    SignalsInfo::new(numbers).map_err(|error| Failure::new(1, format!("signals: {}", reason(&error))))
}

/// The command is killed where this process is, whatever it does with signals.
#[cfg(target_os = "linux")]
fn end_with_parent(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: system calls alone, which may be made between fork and exec.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // It may have been killed before.
            match libc::getppid().unsigned_abs() == parent {
                true => Ok(()),
                false => Err(io::Error::from_raw_os_error(libc::ESRCH)),
            }
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent(_: &mut Command) {}
