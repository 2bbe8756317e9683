//! Windows.
#![allow(unsafe_code)]

use std::io;
pub use std::os::windows::io::AsRawSocket as AsSocket;
use std::thread::JoinHandle;
use std::time::Duration;

use windows_sys::Win32::Networking::WinSock::{
    FD_SET, INVALID_SOCKET, POLLERR, SOCKET, SOCKET_ERROR, TIMEVAL, WSAPOLLFD, select,
};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};
use windows_sys::Win32::System::SystemInformation::GetTickCount64;

pub use windows_sys::Win32::Networking::WinSock::{POLLIN, POLLOUT, WSAPOLLFD as Descriptor};

/// What to wait for, of a socket.
pub fn descriptor(socket: &impl AsSocket, events: i16) -> Descriptor {
    WSAPOLLFD { fd: SOCKET::try_from(socket.as_raw_socket()).unwrap_or(INVALID_SOCKET), events, revents: 0 }
}

/// Waits until a descriptor is ready or the time is up (`Ok(0)`).
///
/// By `select` and not by `WSAPoll`, which before Windows 10 2004 (so in Server 2019) never says that a connect has
/// failed: <https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsapoll>.
pub fn poll(descriptors: &mut [Descriptor], timeout: Duration) -> io::Result<usize> {
    if descriptors.is_empty() {
        // select refuses to wait for nothing.
        std::thread::sleep(timeout);
        return Ok(0);
    }
    let mut readable = sockets(descriptors, POLLIN);
    let mut writable = sockets(descriptors, POLLOUT);
    // A failed connect is shown here alone.
    let mut failed = sockets(descriptors, POLLIN | POLLOUT);
    let seconds = i32::try_from(timeout.as_secs()).unwrap_or(i32::MAX);
    let timeout = TIMEVAL { tv_sec: seconds, tv_usec: timeout.subsec_micros().cast_signed() };
    // SAFETY: live, exclusive sets and a live timeout. The first number is not looked at.
    let ready = unsafe { select(0, &raw mut readable, &raw mut writable, &raw mut failed, &raw const timeout) };
    if ready == SOCKET_ERROR {
        return Err(io::Error::last_os_error());
    }
    let mut count = 0;
    for descriptor in descriptors {
        descriptor.revents = 0;
        for (set, event) in [(&readable, POLLIN), (&writable, POLLOUT), (&failed, POLLERR)] {
            if members(set).contains(&descriptor.fd) {
                descriptor.revents |= event;
            }
        }
        count += usize::from(descriptor.revents != 0);
    }
    Ok(count)
}

/// Those of which one of these events is wanted; no more than the set has places, which is 64.
fn sockets(descriptors: &[Descriptor], events: i16) -> FD_SET {
    let mut set = FD_SET { fd_count: 0, fd_array: [INVALID_SOCKET; 64] };
    let wanted = descriptors.iter().filter(|descriptor| descriptor.events & events != 0);
    for (place, descriptor) in set.fd_array.iter_mut().zip(wanted) {
        *place = descriptor.fd;
        set.fd_count += 1;
    }
    set
}

fn members(set: &FD_SET) -> &[SOCKET] {
    set.fd_array.get(..set.fd_count as usize).unwrap_or_default()
}

/// Whether a connect goes on: Windows says that it would block.
pub fn is_connecting(_: &io::Error) -> bool {
    false
}

/// Windows has no set-uid.
pub fn is_secure_process() -> bool {
    false
}

/// Time that goes on while the machine is suspended.
pub fn time_since_boot() -> Duration {
    // SAFETY: no preconditions.
    Duration::from_millis(unsafe { GetTickCount64() })
}

/// A random number. 0 where the system has none.
pub fn random() -> u64 {
    let mut bytes = [0; 8];
    // A failure leaves the zeros.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}

/// Spawns a thread. Windows has no signals to keep away from it, but a DLL that could be unloaded under it: this one
/// stays from now on.
pub fn spawn_without_signals(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let mut module = std::ptr::null_mut();
    let flags = GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
    let inside: fn() -> u64 = random;
    // SAFETY: the address is one of this module's, as the flag says, and no name.
    if unsafe { GetModuleHandleExW(flags, inside as *const u16, &raw mut module) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // A stack size of our own, because std would look for its default in the environment.
    std::thread::Builder::new().name(name.to_owned()).stack_size(1024 * 1024).spawn(run)
}
