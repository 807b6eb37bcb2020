//! What refusals teach all workers.

use std::time::{Duration, Instant};

use sheaf_common::{
    quota::{Learned, Rates},
    redis::RedisError,
};

use super::desk::Refused;
use crate::limiter::{
    now,
    pace::{Lesson, Pace, Sent},
};

/// How often others may come in between before a lesson is left to them.
const TRIES: u32 = 16;

/// Applies refusals to what the fleet has learned: read, think, replace, and again if somebody else was faster.
///
/// `booked` is how many requests of this worker are numbered, of which Redis has not heard of `unheard`.
pub(super) async fn teach(
    rates: &Rates,
    refusals: &[Refused],
    booked: u64,
    unheard: u64,
) -> Result<(), RedisError> {
    // Any moment of this machine's clock serves as the origin of Redis's: only differences matter.
    let origin = now();
    let mut learned = rates.learned().await?;
    for _ in 0..TRIES {
        let replacement = applied(&learned, refusals, booked, unheard, origin, now());
        match rates.learn(&replacement).await? {
            Ok(()) => return Ok(()),
            Err(others) => learned = others,
        }
    }
    Ok(())
}

/// Pure: `received` is when `learned` was read.
fn applied(
    learned: &Learned,
    refusals: &[Refused],
    booked: u64,
    unheard: u64,
    origin: Instant,
    received: Instant,
) -> Learned {
    let at = |micros: u64| origin.checked_add(Duration::from_micros(micros)).unwrap_or(origin);
    let there = at(learned.now);
    let total = learned.sent + unheard;
    let before = Lesson {
        rate: learned.rate,
        grows_from: learned.grows,
        paused_until: learned.pause_until,
        memory: serde_json::from_str(&learned.memory).unwrap_or_default(),
    };
    let mut pace = Pace::taught(&before, total, origin, there);
    for Refused { number, at, refusal } in refusals {
        // Where it stands among all requests: as many were sent after it as this worker has sent since.
        let sequence = total.saturating_sub(booked.saturating_sub(*number)).max(1);
        let ago = received.saturating_duration_since(*at);
        let sent = Sent { sequence, at: there.checked_sub(ago).unwrap_or(origin) };
        pace.refused(sent, *refusal, there);
    }
    let after = pace.lesson(origin);
    Learned {
        rate: after.rate,
        // A bucket that was not replaced stays as full as it is.
        level: pace.level().filter(|_| after.grows_from != before.grows_from),
        grows: after.grows_from,
        pause_until: after.paused_until,
        memory: serde_json::to_string(&after.memory).unwrap_or_default(),
        ..learned.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limiter::{Cause, Refusal};

    /// Two workers, a hundred requests at once and ten half a second later, of which 10 and 5 are admitted.
    #[test]
    fn two_workers_learn_the_rate_together() {
        let start = now();
        let refusal = Refusal { retry_after: Some(Duration::from_secs(1)), cause: Cause::Rate, idle: false };
        let refused = |numbers: std::ops::RangeInclusive<u64>, at| -> Vec<Refused> {
            numbers.map(|number| Refused { number, at, refusal }).collect()
        };
        let mut learned = Learned { now: 1_790_000_000_000_000, sent: 50, ..Learned::default() };
        // The first one's fifty are told, the other's not yet.
        learned = applied(&learned, &refused(6..=50, start), 50, 0, start, start);
        learned = applied(&learned, &refused(6..=50, start), 50, 50, start, start);
        assert_eq!(learned.rate, None);
        let later = start + Duration::from_millis(500);
        learned = Learned { now: learned.now + 500_000, sent: 105, ..learned };
        learned = applied(&learned, &refused(53..=55, later), 55, 0, start, later);
        learned = Learned { sent: 110, ..learned };
        learned = applied(&learned, &refused(54..=55, later), 55, 0, start, later);
        assert_eq!(learned.rate, Some(10.0));
        assert_eq!(learned.level, Some(-0.5));
        assert_eq!(learned.grows, learned.now + 1_000_000);
    }
}
