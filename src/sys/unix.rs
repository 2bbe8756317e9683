//! Unix.
#![allow(unsafe_code)]

use std::io;
pub use std::os::fd::AsRawFd as AsSocket;
use std::thread::JoinHandle;
use std::time::Duration;

pub use libc::{POLLIN, POLLOUT, pollfd as Descriptor};

/// What to wait for, of a socket.
pub fn descriptor(socket: &impl AsSocket, events: i16) -> Descriptor {
    Descriptor { fd: socket.as_raw_fd(), events, revents: 0 }
}

/// Waits until a descriptor is ready, the time is up (`Ok(0)`), or a signal handler ran (`Interrupted`).
pub fn poll(descriptors: &mut [Descriptor], timeout: Duration) -> io::Result<usize> {
    // Rounded up, so that a wait never ends just before its time.
    let milliseconds = i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
    // SAFETY: pointer and length are those of a live, exclusive slice.
    let ready = unsafe { libc::poll(descriptors.as_mut_ptr(), descriptors.len() as libc::nfds_t, milliseconds) };
    usize::try_from(ready).map_err(|_| io::Error::last_os_error())
}

/// Whether a connect goes on.
pub fn is_connecting(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
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

/// Time that goes on while the machine is suspended.
pub fn time_since_boot() -> Duration {
    // Elsewhere than on Linux, the monotonic clock is that one.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live, exclusive timespec. It cannot fail for a clock that exists.
    unsafe { libc::clock_gettime(CLOCK, &raw mut now) };
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), nanoseconds)
}

/// A random number, the same in no two processes. 0 where the system has none.
pub fn random() -> u64 {
    let mut bytes = [0; 8];
    // Not a library's generator, whose state a child of `fork` shares with its parent.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // The system call itself, because glibc before 2.25 has no function for it.
    // SAFETY: pointer and length are those of a live, exclusive array.
    unsafe {
        libc::syscall(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), 0);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    // SAFETY: as above.
    unsafe {
        libc::getentropy(bytes.as_mut_ptr().cast(), bytes.len());
    }
    u64::from_ne_bytes(bytes)
}

/// The library stays loaded from now on, because its thread may outlive a dlclose. Elsewhere the linker says so
/// (build.rs); Apple's has no such option.
#[cfg(target_vendor = "apple")]
fn stay_loaded() {
    let inside: fn() -> u64 = random;
    // SAFETY: an address of this library, and a live, exclusive struct. The name is valid where dladdr has found it.
    unsafe {
        let mut found: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(inside as *const libc::c_void, &raw mut found) != 0 {
            libc::dlopen(found.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE);
        }
    }
}

/// Spawns a thread that no signal is delivered to: signals belong to the program, not to a library's thread.
pub fn spawn_without_signals(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    #[cfg(target_vendor = "apple")]
    stay_loaded();
    // A stack size of our own, because std would look for its default in the environment. What the system takes of it
    // for itself comes on top: in a static program, that includes all thread-local data.
    // SAFETY: no preconditions.
    let reserved = usize::try_from(unsafe { libc::sysconf(libc::_SC_THREAD_STACK_MIN) }).unwrap_or_default();
    let stack_size = reserved.saturating_add(1024 * 1024);
    // SAFETY: both sets are initialised by the calls they are passed to; a thread inherits its creator's mask.
    unsafe {
        let mut all = std::mem::zeroed();
        let mut before = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let spawned = std::thread::Builder::new().name(name.to_owned()).stack_size(stack_size).spawn(run);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        spawned
    }
}
