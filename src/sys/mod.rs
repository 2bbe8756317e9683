//! The few system calls without a safe form: the only unsafe code outside `ffi/`.

mod unix;

pub(crate) use self::unix::{is_secure_process, poll, random, spawn_without_signals, time_since_boot};
