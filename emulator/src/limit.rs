//! Cloudflare's budget of requests: when it is spent, everything is blocked for as long again.

use std::time::{Duration, Instant};

use serde::Deserialize;

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    pub requests: u32,
    pub seconds: u32,
}

impl Default for RateLimit {
    /// As documented.
    fn default() -> Self {
        Self { requests: 1200, seconds: 300 }
    }
}

/// What one token or key has spent.
#[derive(Default)]
pub struct Budget {
    spent: u32,
    /// When the window or, with the budget spent, the block ends.
    until: Option<Instant>,
}

/// What a reply says about the budget. Times are in whole seconds, rounded up.
pub struct Balance {
    pub remaining: u32,
    pub reset: u64,
    pub blocked: bool,
}

impl Budget {
    pub fn spend(&mut self, limit: RateLimit, now: Instant) -> Balance {
        let window = Duration::from_secs(limit.seconds.into());
        if self.until.is_none_or(|until| until <= now) {
            *self = Self { spent: 0, until: Some(now + window) };
        }
        let blocked = self.spent >= limit.requests;
        if !blocked {
            self.spent += 1;
            if self.spent == limit.requests {
                self.until = Some(now + window);
            }
        }
        let left = self.until.map_or(Duration::ZERO, |until| until - now);
        Balance { remaining: limit.requests - self.spent, reset: left.as_millis().div_ceil(1000) as u64, blocked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_budget_blocks_everything_for_the_whole_time_and_is_then_full_again() {
        let limit = RateLimit { requests: 3, seconds: 10 };
        let (mut budget, start) = (Budget::default(), Instant::now());
        let mut at = |seconds| {
            let balance = budget.spend(limit, start + Duration::from_secs(seconds));
            (balance.remaining, balance.reset, balance.blocked)
        };
        assert_eq!(at(0), (2, 10, false));
        assert_eq!(at(9), (1, 1, false));
        assert_eq!(at(10), (2, 10, false), "a new window");
        assert_eq!(at(14), (1, 6, false));
        assert_eq!(at(15), (0, 10, false), "the last one; the block begins here");
        assert_eq!(at(16), (0, 9, true));
        assert_eq!(at(24), (0, 1, true), "asking again does not prolong it");
        assert_eq!(at(25), (2, 10, false));
    }
}
