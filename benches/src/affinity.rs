//! On which CPUs this process, and whatever it starts from now on, may run.

/// CPU 0 for what is measured, another one for the server, where there are two; else wherever the system likes.
#[cfg(target_os = "linux")]
pub fn pin(allowed: impl Fn(usize) -> bool) {
    // SAFETY: the set is plain data, and both calls are given its size.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        for cpu in (0..libc::CPU_SETSIZE as usize).filter(|cpu| allowed(*cpu)) {
            libc::CPU_SET(cpu, &mut set);
        }
        // A system that refuses only makes the numbers noisier.
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

#[cfg(not(target_os = "linux"))]
pub fn pin(_: impl Fn(usize) -> bool) {}
