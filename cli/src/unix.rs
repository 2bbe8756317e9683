//! What Unix has of its own: signals, and a process that becomes another.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::exfiltrator::{Exfiltrator, SignalOnly, WithOrigin};
use signal_hook::iterator::{Handle, SignalsInfo};

/// A file that holds nothing.
pub const NOTHING: &str = "/dev/null";

/// Whether a variable's names are one, as these two are.
pub fn is_same_name(one: &str, other: &str) -> bool {
    one == other
}

/// Becomes the command, so that signals and its exit code need no passing on. Comes back only if that fails.
pub fn become_command(command: &mut Command) -> io::Result<i32> {
    Err(command.exec())
}

/// Runs the command to its end, passes signals on, and gives its exit code. `begin` is called once it runs.
pub fn run_beside(command: &mut Command, begin: impl FnOnce()) -> io::Result<i32> {
    end_with_parent(command);
    // Before the command is there, so that none is lost.
    let mut signals = signals::<WithOrigin>(&[SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2])?;
    let mut child = command.spawn()?;
    let process = child.id();
    begin();
    // Until its number may belong to another.
    let is_there = Arc::new(Mutex::new(true));
    let is_still_there = Arc::clone(&is_there);
    thread::spawn(move || {
        for origin in &mut signals {
            let is_there = is_still_there.lock().unwrap_or_else(PoisonError::into_inner);
            // What the terminal sends, it sends to the command too.
            if *is_there && origin.process.is_some() {
                // SAFETY: a plain system call; the number is the command's as long as nobody has waited for it.
                unsafe { libc::kill(process.cast_signed(), origin.signal) };
            }
        }
    });
    until_ended(process)?;
    *is_there.lock().unwrap_or_else(PoisonError::into_inner) = false;
    let status = child.wait()?;
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
}

/// Waits for the end of a child, which keeps its number.
fn until_ended(process: u32) -> io::Result<()> {
    loop {
        // SAFETY: a struct of numbers, and a pointer to it, which the call fills.
        let failed = unsafe {
            let mut ended: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, process, &raw mut ended, libc::WEXITED | libc::WNOWAIT) != 0
        };
        match io::Error::last_os_error() {
            _ if !failed => return Ok(()),
            error if error.kind() == io::ErrorKind::Interrupted => {}
            error => return Err(error),
        }
    }
}

/// Whether a signal is to be without effect here, as SIGHUP after nohup, and SIGINT in the background of a script.
fn is_ignored(number: i32) -> bool {
    // SAFETY: a struct of numbers and a pointer, which the call fills.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(number, std::ptr::null(), &raw mut now) == 0 && now.sa_sigaction == libc::SIG_IGN
    }
}

/// What comes from now on of these, unless it is ignored. Nothing else is done for it any more.
fn signals<E: Exfiltrator + Default>(numbers: &[i32]) -> io::Result<SignalsInfo<E>> {
    let numbers: Vec<i32> = numbers.iter().copied().filter(|number| !is_ignored(*number)).collect();
    if numbers.contains(&SIGINT) {
        // SAFETY: the default is no function of ours. Otherwise what `end_on_interrupt` has set would be called, too.
        unsafe { libc::signal(SIGINT, libc::SIG_DFL) };
    }
    SignalsInfo::new(numbers)
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

/// Ends this process on Ctrl-C with what the shells say of a command that it has ended.
#[cfg_attr(test, allow(dead_code))]
pub fn end_on_interrupt() {
    extern "C" fn interrupted(signal: i32) {
        // SAFETY: may be called in a handler.
        unsafe { libc::_exit(128 + signal) }
    }
    if !is_ignored(SIGINT) {
        // SAFETY: the handler calls nothing but _exit.
        unsafe { libc::signal(SIGINT, interrupted as *const () as libc::sighandler_t) };
    }
}

/// The signals that end a process in good order.
pub struct End(SignalsInfo<SignalOnly>);

/// Brings the end about from elsewhere.
pub struct Ender(Handle);

impl End {
    /// None that comes from now on is lost.
    pub fn expect() -> io::Result<Self> {
        signals(&[SIGTERM, SIGINT, SIGHUP]).map(End)
    }

    pub fn ender(&self) -> Ender {
        Ender(self.0.handle())
    }

    pub fn wait(mut self) {
        self.0.forever().next();
    }
}

impl Ender {
    pub fn end(self) {
        self.0.close();
    }
}

/// A new, empty file that nobody else can read.
pub fn private_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    // It may have been there before.
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Standard output as it was given to this process.
pub fn standard_output() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}
