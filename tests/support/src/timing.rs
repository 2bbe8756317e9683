//! How long a call takes, on a machine that is busy with other things.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// A call is back within its clock plus 100 ms. The rest is for a machine that is busy with other tests.
const SLACK: Duration = Duration::from_millis(500);

/// What a call returned, and how long it took.
pub fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let returned = call();
    (returned, start.elapsed())
}

/// The call takes as long as its clock, and not much longer. Time in which this machine lets a thread wait that has
/// nothing to do but to wake up does not count: it belongs to other work.
#[track_caller]
pub fn bounded<T>(clock_ms: u64, call: impl FnOnce() -> T) -> T {
    let clock = Duration::from_millis(clock_ms);
    let (end, ended) = mpsc::channel::<()>();
    let ((returned, elapsed), late) = thread::scope(|scope| {
        let beside = scope.spawn(move || {
            let tick = Duration::from_millis(10);
            let mut late = Duration::ZERO;
            loop {
                let (is_over, took) = timed(|| ended.recv_timeout(tick) == Err(RecvTimeoutError::Disconnected));
                late += took.saturating_sub(tick);
                if is_over {
                    return late;
                }
            }
        });
        let made = timed(call);
        drop(end); // as it is when the call panics
        (made, beside.join().unwrap())
    });
    assert!(elapsed >= clock, "back after {elapsed:?}, before {clock:?}");
    assert!(
        elapsed < clock + SLACK + late,
        "back after {elapsed:?}, expected {clock:?}; the machine was {late:?} late"
    );
    returned
}
