//! The limits that a provider keeps. Pure.

use std::time::{Duration, Instant};

/// A limit of a provider's key.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Limit {
    /// None.
    #[default]
    Nothing,
    /// Requests: a token bucket that holds `bucket` and fills evenly.
    Requests {
        /// What flows in, a minute.
        per_minute: f64,
        /// What it holds.
        bucket: f64,
    },
    /// Tokens, input and output together, in the same way.
    Tokens {
        /// What flows in, a minute.
        per_minute: f64,
        /// What it holds.
        bucket: f64,
    },
    /// Requests in flight.
    InFlight(usize),
}

/// What is left of a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Left {
    /// Whether it counts tokens.
    pub(super) tokens: bool,
    pub(super) per_minute: u64,
    pub(super) remaining: u64,
    /// Time until the bucket is full.
    pub(super) reset: Duration,
}

/// The state of a limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate {
    /// In the bucket; `None` until it is first looked into.
    level: Option<f64>,
    at: Instant,
}

impl Gate {
    pub(super) fn new(now: Instant) -> Self {
        Self { level: None, at: now }
    }

    /// Lets a request of so many tokens pass, or says how long until it would.
    pub(super) fn admit(
        &mut self,
        limit: Limit,
        tokens: u64,
        in_flight: usize,
        now: Instant,
    ) -> Result<(), Duration> {
        let need = match limit {
            Limit::InFlight(most) if in_flight >= most => return Err(Duration::from_secs(1)),
            Limit::Nothing | Limit::InFlight(_) => return Ok(()),
            Limit::Requests { .. } => 1.0,
            Limit::Tokens { .. } => tokens as f64,
        };
        let (level, per_second) = self.fill(limit, now);
        // Sums of parts of a second are a hair off.
        if level + 1e-6 >= need {
            self.level = Some(level - need);
            Ok(())
        } else {
            Err(Duration::from_secs_f64((need - level) / per_second))
        }
    }

    /// What is left, for headers.
    pub(super) fn left(&mut self, limit: Limit, now: Instant) -> Option<Left> {
        let (Limit::Requests { per_minute, bucket } | Limit::Tokens { per_minute, bucket }) = limit else {
            return None;
        };
        let (level, per_second) = self.fill(limit, now);
        Some(Left {
            tokens: matches!(limit, Limit::Tokens { .. }),
            per_minute: per_minute as u64,
            remaining: level.max(0.0) as u64,
            reset: Duration::from_secs_f64((bucket - level).max(0.0) / per_second),
        })
    }

    fn fill(&mut self, limit: Limit, now: Instant) -> (f64, f64) {
        let (Limit::Requests { per_minute, bucket } | Limit::Tokens { per_minute, bucket }) = limit else {
            return (0.0, 0.0);
        };
        let per_second = per_minute / 60.0;
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        // A limit that shrank takes what is above it away.
        let level = self.level.map_or(bucket, |level| (level + elapsed * per_second).min(bucket));
        (self.level, self.at) = (Some(level), now);
        (level, per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_admits_what_it_holds_and_then_what_flows_in() {
        let start = Instant::now();
        let mut gate = Gate::new(start);
        let limit = Limit::Requests { per_minute: 600.0, bucket: 10.0 };
        for _ in 0..10 {
            assert_eq!(gate.admit(limit, 1, 0, start), Ok(()));
        }
        assert_eq!(gate.admit(limit, 1, 0, start), Err(Duration::from_millis(100)));
        let later = start + Duration::from_millis(100);
        assert_eq!(gate.left(limit, later).map(|left| (left.remaining, left.per_minute)), Some((1, 600)));
        assert_eq!(gate.admit(limit, 1, 0, later), Ok(()));
        assert!(gate.admit(limit, 1, 0, later).is_err());
        let slower = Limit::Requests { per_minute: 60.0, bucket: 2.0 };
        let much_later = later + Duration::from_mins(1);
        assert_eq!(gate.left(slower, much_later).map(|left| left.remaining), Some(2));
    }

    #[test]
    fn slots_and_tokens() {
        let now = Instant::now();
        let mut gate = Gate::new(now);
        assert!(gate.admit(Limit::InFlight(2), 1, 1, now).is_ok());
        assert!(gate.admit(Limit::InFlight(2), 1, 2, now).is_err());
        let tokens = Limit::Tokens { per_minute: 6_000.0, bucket: 50.0 };
        assert!(gate.admit(tokens, 40, 0, now).is_ok());
        assert_eq!(gate.admit(tokens, 20, 0, now), Err(Duration::from_millis(100)));
    }
}
