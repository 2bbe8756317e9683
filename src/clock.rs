//! The wall clock. Nothing else asks the time of day.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Status};

/// Unix seconds.
pub(crate) fn unix_now() -> Result<i64, Error> {
    now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .ok_or_else(|| Error::new(Status::Internal, "the system's clock is outside of 1970 to the far future"))
}

/// For comparison with a date that a server sent.
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
