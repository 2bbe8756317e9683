//! What Windows has instead.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::io::AsHandle;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use windows_sys::Win32::System::Console::SetConsoleCtrlHandler;

/// A file that holds nothing.
pub const NOTHING: &str = "NUL";

/// Whether a variable's names are one, as these two are.
pub fn is_same_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// No process becomes another here: this one stays until the command has ended, and ends with its exit code.
pub fn become_command(command: &mut Command) -> io::Result<i32> {
    run_beside(command, || {})
}

/// Runs the command to its end, and gives its exit code. `begin` is called once it runs.
pub fn run_beside(command: &mut Command, begin: impl FnOnce()) -> io::Result<i32> {
    // Ctrl-C and the console's closing reach the command too, and it decides.
    extern "system" fn left_to_the_command(_: u32) -> i32 {
        1
    }
    // SAFETY: the function lives as long as the process.
    unsafe { SetConsoleCtrlHandler(Some(left_to_the_command), 1) };
    let mut child = command.spawn()?;
    begin();
    child.wait().map(|status| status.code().unwrap_or(1))
}

/// Ctrl-C, Ctrl-Break and the console's closing, which end a process in good order.
pub struct End(Receiver<()>);

/// Brings the end about from elsewhere.
pub struct Ender(SyncSender<()>);

static ENDER: OnceLock<SyncSender<()>> = OnceLock::new();

impl End {
    /// None that comes from now on is lost.
    pub fn expect() -> io::Result<Self> {
        extern "system" fn end(_: u32) -> i32 {
            let _ = ENDER.get().map(|ender| ender.try_send(()));
            // When this returns, a console that closes ends the process: not before it has ended by itself.
            std::thread::sleep(std::time::Duration::from_secs(5));
            1
        }
        let (sender, receiver) = sync_channel(1);
        ENDER.get_or_init(|| sender);
        // SAFETY: the function lives as long as the process.
        match unsafe { SetConsoleCtrlHandler(Some(end), 1) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(End(receiver)),
        }
    }

    pub fn ender(&self) -> Ender {
        Ender(ENDER.get().cloned().unwrap_or_else(|| sync_channel(1).0))
    }

    pub fn wait(self) {
        let _ = self.0.recv();
    }
}

impl Ender {
    pub fn end(self) {
        let _ = self.0.try_send(());
    }
}

/// A new, empty file. Who may read it, its folder says: that of a user is for nobody else.
pub fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}

/// Standard output as it was given to this process.
pub fn standard_output() -> io::Result<File> {
    io::stdout().as_handle().try_clone_to_owned().map(File::from)
}
