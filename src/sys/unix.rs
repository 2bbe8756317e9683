//! Unix.
#![allow(unsafe_code)]

use std::io;
use std::time::Duration;

use libc::pollfd;

/// Waits until a descriptor is ready, the time is up (`Ok(0)`), or a signal handler ran (`Interrupted`).
pub fn poll(descriptors: &mut [pollfd], timeout: Duration) -> io::Result<usize> {
    // Rounded up, so that a wait never ends just before its time.
    let milliseconds = i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
    // SAFETY: pointer and length are those of a live, exclusive slice.
    let ready = unsafe { libc::poll(descriptors.as_mut_ptr(), descriptors.len() as libc::nfds_t, milliseconds) };
    usize::try_from(ready).map_err(|_| io::Error::last_os_error())
}

/// Whether the process runs with rights its caller does not have (set-uid and the like), so that its environment is
/// not to be trusted.
pub fn is_secure_process() -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: no preconditions.
    return unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    // SAFETY: no preconditions.
    return unsafe { libc::issetugid() } != 0;
}

/// Spawns a thread that no signal is delivered to: signals belong to the program, not to a library's thread.
pub fn spawn_without_signals(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // A stack size of our own, because std would look for its default in the environment.
    // SAFETY: both sets are initialised by the calls they are passed to; a thread inherits its creator's mask.
    unsafe {
        let mut all = std::mem::zeroed();
        let mut before = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let spawned = std::thread::Builder::new().name(name.to_owned()).stack_size(1024 * 1024).spawn(run);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        spawned.map(drop)
    }
}
