//! The few system calls without a safe form: the only unsafe code outside `ffi/`.

#[cfg(unix)]
#[path = "unix.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;

pub(crate) use self::system::{
    AsSocket, Descriptor, POLLIN, POLLOUT, descriptor, is_connecting, is_secure_process, poll, random,
    spawn_without_signals, time_since_boot,
};
