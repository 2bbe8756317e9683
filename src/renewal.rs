//! When a credential is renewed, and how long to wait after a failure. No clock, no randomness, no lock of its own:
//! `provider.rs` has those. docs/renewal.md says why the numbers are as they are.

use std::time::Duration;

/// The longest wait after a failure, unless the server asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// How long before a credential's end what happens, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leads {
    /// From here on the next one is to be had, while this one is used.
    pub early: i64,
    /// From here on nothing is to be begun with this one if another can be had.
    pub late: i64,
}

impl Leads {
    /// Of a credential that lives this many seconds.
    pub fn of(life: i64) -> Self {
        let life = life.max(0);
        let late = (life / 8).clamp(10, 600).min(life / 2);
        let early = (life / 4).min(3600).max(late);
        Leads { early, late }
    }

    /// A part of the time between the two, up to a fifth: a fleet that began together does not renew together.
    /// `random` is from all of its range.
    pub fn jitter(self, random: u64) -> Duration {
        let most = Duration::from_secs(u64::try_from(self.early - self.late).unwrap_or_default()) / 5;
        share(most, random)
    }

    /// What is to be done with a credential that lives for another `left`, milliseconds.
    pub fn state(self, left: i64, jitter: Duration) -> State {
        let jitter = i64::try_from(jitter.as_millis()).unwrap_or_default();
        if left > self.early * 1000 - jitter {
            State::Fresh
        } else if left > self.late * 1000 {
            State::Due
        } else if left > 0 {
            State::Overdue
        } else {
            State::Over
        }
    }
}

/// What is to be done with a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Use it.
    Fresh,
    /// Use it, and get the next one.
    Due,
    /// Wait a little for the next one; without it, use this one.
    Overdue,
    /// It cannot be used.
    Over,
}

/// How long to leave the server alone after the `failures`-th failure in a row, which is at least 1: at random up to
/// two seconds, four, eight and so on, and at least what it asked for.
pub(crate) fn pause(failures: u32, asked: Option<Duration>, random: u64) -> Duration {
    let most = Duration::from_secs(1 << failures.min(6)).min(LONGEST_PAUSE);
    share(most, random).max(SHORTEST_PAUSE).max(asked.unwrap_or_default())
}

/// `random` of all of its range is this share of the whole.
fn share(whole: Duration, random: u64) -> Duration {
    let nanoseconds = whole.as_nanos() * u128::from(random) / u128::from(u64::MAX);
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_are_those_of_the_table() {
        for (life, early, late) in [
            (-1, 0, 0),
            (0, 0, 0),
            (1, 0, 0),
            (2, 1, 1),
            (10, 5, 5),
            (20, 10, 10),
            (39, 10, 10),
            (40, 10, 10),
            (60, 15, 10),
            (80, 20, 10),
            (88, 22, 11),
            (900, 225, 112),
            (3600, 900, 450),
            (4800, 1200, 600),
            (14_400, 3600, 600),
            (604_800, 3600, 600),
            (i64::MAX, 3600, 600),
        ] {
            assert_eq!(Leads::of(life), Leads { early, late }, "{life}");
        }
    }

    #[test]
    fn states_change_at_their_seconds() {
        let leads = Leads::of(900);
        for (left, jitter, state) in [
            (900_000, 0, State::Fresh),
            (225_001, 0, State::Fresh),
            (225_000, 0, State::Due),
            (225_000, 1, State::Fresh),
            (224_999, 1, State::Due),
            (202_500, 22_600, State::Fresh),
            (202_400, 22_600, State::Due),
            (112_001, 0, State::Due),
            (112_000, 22_600, State::Overdue),
            (1, 0, State::Overdue),
            (0, 0, State::Over),
            (-1, 0, State::Over),
            (i64::MIN, 0, State::Over),
        ] {
            assert_eq!(leads.state(left, Duration::from_millis(jitter)), state, "{left} {jitter}");
        }
        // What lives for a second is used to its end.
        assert_eq!(Leads::of(1).state(1, Duration::ZERO), State::Fresh);
    }

    #[test]
    fn jitter_is_a_fifth_at_most() {
        for (life, most) in [(0, 0), (60, 1000), (900, 22_600), (3600, 90_000), (604_800, 600_000)] {
            let leads = Leads::of(life);
            assert_eq!(leads.jitter(0), Duration::ZERO, "{life}");
            assert_eq!(leads.jitter(u64::MAX), Duration::from_millis(most), "{life}");
            assert!(leads.jitter(u64::MAX / 2) <= Duration::from_millis(most) / 2, "{life}");
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_heed_the_server() {
        let seconds = Duration::from_secs;
        for (failures, most) in [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 60), (7, 60), (u32::MAX, 60)] {
            assert_eq!(pause(failures, None, u64::MAX), seconds(most), "{failures}");
            assert_eq!(pause(failures, None, 0), seconds(1), "{failures}");
            assert_eq!(pause(failures, Some(seconds(300)), u64::MAX), seconds(300), "{failures}");
            assert_eq!(pause(failures, Some(Duration::MAX), 0), Duration::MAX, "{failures}");
        }
        assert_eq!(pause(6, Some(seconds(1)), u64::MAX / 2).as_secs(), 29);
    }
}
