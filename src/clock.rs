//! The wall clock, and the clock that runs on while the machine is suspended. Nothing else asks for either.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, Status};
use crate::sys;

/// Unix seconds.
pub(crate) fn unix_now() -> Result<i64, Error> {
    Ok(unix_now_ms()?.div_euclid(1000))
}

/// Unix time in milliseconds.
pub(crate) fn unix_now_ms() -> Result<i64, Error> {
    now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .ok_or_else(|| Error::new(Status::Internal, "the system's clock is outside of 1970 to the far future"))
}

/// For comparison with a date that a server sent.
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// For ages: how long something has been there, suspended or not. A deadline of a call, which `Instant` measures, stands
/// still with the program.
pub(crate) fn since_boot() -> Duration {
    sys::time_since_boot()
}
