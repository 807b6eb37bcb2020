//! How long to wait between attempts.

use std::time::Duration;

/// Exponential backoff with jitter: `min(base · 2ⁿ, cap)`, of which a random share between one half and the whole is
/// waited, so that clients that failed together do not come back together ("equal jitter"; Brooker, Exponential
/// Backoff and Jitter, 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Backoff {
    /// A backoff that starts at `base` and never exceeds `cap`.
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap }
    }

    /// The wait after `attempt` failed attempts (the first failure is attempt 1). `jitter` is a random number from
    /// 0 to 1 and is the caller's, so that this stays a pure function.
    pub fn delay(&self, attempt: u32, jitter: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let whole = self.base.saturating_mul(1 << doublings).min(self.cap);
        whole.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(8));

    #[test]
    fn doubles_up_to_the_cap() {
        let whole: Vec<_> = (1..8).map(|n| BACKOFF.delay(n, 1.0).as_millis()).collect();
        assert_eq!(whole, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
    }

    proptest! {
        #[test]
        fn stays_between_half_the_base_and_the_cap(attempt: u32, jitter in 0.0..=1.0f64) {
            let delay = BACKOFF.delay(attempt, jitter);
            prop_assert!(delay >= Duration::from_millis(250) && delay <= Duration::from_secs(8));
        }
    }
}
