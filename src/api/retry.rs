//! What is repeated, and after which wait. No clock, no randomness of its own.

use std::time::{Duration, SystemTime};

use crate::error::{ApiError, Error, Status};
use crate::http::{Reply, Unreadable};

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// What a server may ask for; longer, and the caller should know rather than sleep.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// The error with what the server asked for, and with whether the same call may succeed later. `reply`: what came, if
/// anything did.
pub(super) fn judged(mut error: Error, reply: Option<&Reply>, now: SystemTime) -> Error {
    let retryable = match reply {
        // A proxy's 4xx is about the request, and would be the same again.
        None => match error.status() {
            Status::Connection => !matches!(error.data().proxy_status, 400..500),
            status => status == Status::Timeout,
        },
        Some(reply) if matches!(reply.unreadable(), Some(Unreadable::TooLarge(_))) => false,
        Some(reply) => match reply.header("x-should-retry").as_deref() {
            Some("true") => true,
            Some("false") => false,
            // A 2xx that cannot be used will not be better the second time.
            _ if error.status() == Status::InvalidResponse => false,
            _ => {
                matches!(reply.http_status, 408 | 409 | 429 | 500..=599) || error.errors().iter().any(is_internal_fault)
            }
        },
    };
    let asked = reply.and_then(|reply| {
        asked_wait(reply.header("retry-after-ms").as_deref(), reply.header("retry-after").as_deref(), now)
    });
    let data = error.data_mut();
    data.retryable = retryable;
    data.retry_after = asked;
    error
}

/// Code 10001 says "internal error" when R2 stumbled; the same number is used for other things.
pub(super) fn is_internal_fault(error: &ApiError) -> bool {
    error.code == 10001
        && error.message.as_deref().is_some_and(|message| message.to_ascii_lowercase().contains("internal error"))
}

/// What the server asked for, from the values of `retry-after-ms` and `retry-after`.
fn asked_wait(milliseconds: Option<&str>, after: Option<&str>, now: SystemTime) -> Option<Duration> {
    let wait = |text: &str, unit: f64| {
        let digits = text.trim();
        let is_number = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let number: f64 = digits.parse().ok().filter(|_| is_number)?;
        // What no clock can hold is still an answer: longer than anybody waits.
        Some(Duration::try_from_secs_f64(number * unit).unwrap_or(Duration::MAX))
    };
    let date = |text: &str| {
        let date = httpdate::parse_http_date(text.trim()).ok()?;
        Some(date.duration_since(now).unwrap_or_default())
    };
    let milliseconds = milliseconds.and_then(|text| wait(text, 0.001));
    let after = after.and_then(|text| wait(text, 1.0).or_else(|| date(text)));
    // A zero asks for nothing; then the other header counts.
    milliseconds.filter(|asked| !asked.is_zero()).or(after).or(milliseconds)
}

/// How long to wait after failed attempt number `attempt` (the first is 0), or `None` to give up because the server
/// asked for more than a minute. `random` takes up to a quarter off.
pub(super) fn next_wait(attempt: u32, asked: Option<Duration>, random: u8) -> Option<Duration> {
    match asked {
        Some(asked) if asked > LONGEST_ASKED => None,
        Some(asked) if !asked.is_zero() => Some(asked),
        _ => {
            let wait = FIRST_WAIT.saturating_mul(1 << attempt.min(4)).min(LONGEST_WAIT);
            Some(wait.saturating_sub(wait / 4 * u32::from(random) / 255))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_eight_seconds_less_a_quarter() {
        for (attempt, milliseconds) in
            [(0, 500), (1, 1000), (2, 2000), (3, 4000), (4, 8000), (5, 8000), (u32::MAX, 8000)]
        {
            let whole = Duration::from_millis(milliseconds);
            assert_eq!(next_wait(attempt, None, 0), Some(whole));
            assert_eq!(next_wait(attempt, Some(Duration::ZERO), 255), Some(whole * 3 / 4));
        }
    }

    #[test]
    fn the_server_is_heard_up_to_a_minute() {
        let heard = |ms, after| asked_wait(ms, after, SystemTime::UNIX_EPOCH);
        assert_eq!(heard(Some("1500"), Some("9")), Some(Duration::from_millis(1500)));
        assert_eq!(heard(Some("soon"), Some("9")), Some(Duration::from_secs(9)));
        assert_eq!(heard(None, Some("0.25")), Some(Duration::from_millis(250)));
        assert_eq!(heard(None, Some("Thu, 01 Jan 1970 00:00:30 GMT")), Some(Duration::from_secs(30)));
        assert_eq!(heard(None, Some("Wed, 31 Dec 1969 00:00:30 GMT")), None);
        assert_eq!(heard(Some("0"), Some("3")), Some(Duration::from_secs(3)));
        assert_eq!(heard(Some("0"), None), Some(Duration::ZERO));
        assert_eq!(heard(None, Some("99999999999999999999999")), Some(Duration::MAX));
        for nonsense in ["", "-5", "nan", "inf", "1e300", "tomorrow"] {
            assert_eq!(heard(Some(nonsense), Some(nonsense)), None, "{nonsense}");
        }
        assert_eq!(next_wait(0, Some(Duration::from_secs(60)), 9), Some(Duration::from_secs(60)));
        assert_eq!(next_wait(0, Some(Duration::from_millis(60_001)), 9), None);
    }
}
