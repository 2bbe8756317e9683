//! What belongs to one process: a child that `fork` makes does not inherit it.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use once_cell::race::OnceBox;

/// A value behind a lock, of which every process has its own.
///
/// `fork` copies the whole memory but only one thread. A lock that another thread held stays locked in the child for
/// ever, and what it guards may be half changed. So a child never touches its parent's value: its first use makes one
/// of its own, which is appended here, behind those of its ancestors.
///
/// Finding and appending take no lock themselves (`OnceBox` is one atomic pointer), so that a fork at any moment
/// leaves the child nothing to wait for. If two threads append at once, the second one's value is dropped and both use
/// the first.
pub(crate) struct PerProcess<T: Default> {
    process: u32,
    value: Mutex<T>,
    next: OnceBox<PerProcess<T>>,
}

impl<T: Default> PerProcess<T> {
    /// This process's.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let mut last = self;
        while let Some(next) = last.next.get() {
            last = next;
        }
        if last.process != std::process::id() {
            last = last.next.get_or_init(Box::default);
        }
        lock(&last.value)
    }
}

impl<T: Default> Default for PerProcess<T> {
    fn default() -> Self {
        PerProcess { process: std::process::id(), value: Mutex::default(), next: OnceBox::new() }
    }
}

impl<T: Default> Drop for PerProcess<T> {
    fn drop(&mut self) {
        // Nobody uses it any more, so it was an ancestor's thread that held the lock at the fork. The value may be half
        // changed, and to drop that could crash: it is leaked.
        if matches!(self.value.try_lock(), Err(TryLockError::WouldBlock)) {
            std::mem::forget(std::mem::take(self.value.get_mut().unwrap_or_else(PoisonError::into_inner)));
        }
    }
}

/// Locks, also after a panic of another thread: what these locks guard is whole between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
