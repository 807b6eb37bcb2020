//! The limits of a key: what was told, what the headers say and what was learned, together. Pure.

use std::time::{Duration, Instant};

use super::{
    bucket::Bucket,
    pace::{Pace, Refusal, Sent},
};
use crate::answer::{RateHeaders, RateWindow};

/// What a person or a table says of a key's limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ToldLimits {
    /// Requests a minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute.
    pub tokens_per_minute: Option<u64>,
}

/// One kind of limit: the lower of what was told and what headers say.
#[derive(Debug)]
struct Limit {
    told: Option<u64>,
    effective: Option<u64>,
    bucket: Option<Bucket>,
}

impl Limit {
    fn new(told: Option<u64>, now: Instant) -> Self {
        Self { told, effective: told, bucket: told.map(|limit| Bucket::per_minute(limit, now)) }
    }

    fn wait(&self, need: f64, now: Instant) -> Duration {
        self.bucket.as_ref().map_or(Duration::ZERO, |bucket| bucket.wait(need, now))
    }

    fn observe(&mut self, window: RateWindow, now: Instant) {
        if let Some(stated) = per_minute(window) {
            let effective = self.told.map_or(stated, |told| told.min(stated));
            if self.effective != Some(effective) {
                let mut bucket = Bucket::per_minute(effective, now);
                // What was sent before the limit was known has used it up too.
                bucket.lower_to(window.remaining.map_or(0.0, |remaining| remaining as f64), now);
                self.effective = Some(effective);
                self.bucket = Some(bucket);
            }
        }
        if let (Some(bucket), Some(remaining)) = (&mut self.bucket, window.remaining) {
            bucket.lower_to(remaining as f64, now);
        }
    }
}

/// A window's limit as units a minute. `reset` is the time until the window is whole, so what is missing of it, divided
/// by that time, is the rate: this is how a limit a day is told from a limit a minute. Where nothing is missing or
/// no reset is given, the limit is taken to be one a minute, as the providers document.
fn per_minute(window: RateWindow) -> Option<u64> {
    let limit = window.limit.filter(|limit| *limit > 0)?;
    let rate = window.remaining.zip(window.reset).and_then(|(remaining, reset)| {
        let missing = limit.checked_sub(remaining).filter(|missing| *missing > 0)?;
        let minutes = reset.as_secs_f64() / 60.0;
        (minutes > 0.0).then(|| missing as f64 / minutes)
    });
    // Resets are rounded, some to a second: only a window that is plainly longer than a minute changes the reading.
    match rate {
        Some(rate) if rate < limit as f64 / 3.0 && window.reset > Some(Duration::from_mins(2)) => {
            Some((rate as u64).max(1))
        }
        _ => Some(limit),
    }
}

/// The limits of one key: a pure state machine.
#[derive(Debug)]
pub(crate) struct KeyLimits {
    requests: Limit,
    tokens: Limit,
    pace: Pace,
}

impl KeyLimits {
    pub(crate) fn new(told: ToldLimits, now: Instant) -> Self {
        Self {
            requests: Limit::new(told.requests_per_minute, now),
            tokens: Limit::new(told.tokens_per_minute, now),
            pace: Pace::new(now),
        }
    }

    /// How long until a request of so many tokens may be sent.
    pub(crate) fn wait(&self, tokens: u64, now: Instant) -> Duration {
        let told = self.requests.wait(1.0, now).max(self.tokens.wait(tokens as f64, now));
        told.max(self.pace.wait(now))
    }

    /// A request of so many tokens leaves.
    pub(crate) fn send(&mut self, tokens: u64, now: Instant) -> Sent {
        if let Some(bucket) = &mut self.requests.bucket {
            bucket.take(1.0, now);
        }
        if let Some(bucket) = &mut self.tokens.bucket {
            bucket.take(tokens as f64, now);
        }
        self.pace.send(now)
    }

    /// The provider counted `actual` tokens where `reserved` were.
    pub(crate) fn reconcile(&mut self, reserved: u64, actual: u64, now: Instant) {
        if let Some(bucket) = &mut self.tokens.bucket {
            bucket.give(reserved as f64 - actual as f64, now);
        }
    }

    /// An answer's headers say how much is left.
    pub(crate) fn observe(&mut self, rates: RateHeaders, now: Instant) {
        self.requests.observe(rates.requests, now);
        let tokens = if rates.tokens == RateWindow::default() { rates.input_tokens } else { rates.tokens };
        self.tokens.observe(tokens, now);
    }

    /// The provider refused.
    pub(crate) fn refused(&mut self, reserved: u64, sent: Sent, refusal: Refusal, now: Instant) {
        self.reconcile(reserved, 0, now);
        if let Some(bucket) = &mut self.requests.bucket {
            bucket.lower_to(0.0, now);
        }
        self.pace.refused(sent, refusal, now);
    }

    /// Requests a minute in force: the lowest of what was told, seen and learned.
    pub(crate) fn requests_per_minute(&self) -> Option<f64> {
        let learned = self.pace.rate().map(|rate| rate * 60.0);
        match (self.requests.effective.map(|limit| limit as f64), learned) {
            (Some(told), Some(learned)) => Some(told.min(learned)),
            (told, learned) => told.or(learned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(limit: u64, remaining: u64, reset_ms: u64) -> RateWindow {
        RateWindow {
            limit: Some(limit),
            remaining: Some(remaining),
            reset: Some(Duration::from_millis(reset_ms)),
        }
    }

    #[test]
    fn headers_teach_a_limit_that_nobody_told() {
        let now = Instant::now();
        let mut key = KeyLimits::new(ToldLimits::default(), now);
        assert_eq!(key.wait(1, now), Duration::ZERO);
        key.observe(RateHeaders { requests: window(600, 0, 60_000), ..RateHeaders::default() }, now);
        let wait = key.wait(1, now).as_secs_f64();
        assert!((0.1..0.102).contains(&wait), "{wait}");
    }

    #[test]
    fn headers_lower_what_was_told_and_never_raise_it() {
        let now = Instant::now();
        let told = ToldLimits { requests_per_minute: Some(600), tokens_per_minute: None };
        let mut key = KeyLimits::new(told, now);
        key.observe(RateHeaders { requests: window(6_000, 5_999, 10), ..RateHeaders::default() }, now);
        assert_eq!(key.requests_per_minute(), Some(600.0));
        key.observe(RateHeaders { requests: window(60, 59, 1_000), ..RateHeaders::default() }, now);
        assert_eq!(key.requests_per_minute(), Some(60.0));
    }

    #[test]
    fn a_limit_a_day_is_not_taken_for_one_a_minute() {
        // 200 a day, 50 gone, whole again in a quarter of a day.
        assert_eq!(per_minute(window(200, 150, 6 * 3_600_000)), Some(1));
        assert_eq!(per_minute(window(600, 500, 10_000)), Some(600));
        assert_eq!(per_minute(RateWindow { limit: Some(0), ..RateWindow::default() }), None);
    }

    #[test]
    fn tokens_not_used_are_given_back() {
        let now = Instant::now();
        let told = ToldLimits { requests_per_minute: None, tokens_per_minute: Some(7_500) };
        let mut key = KeyLimits::new(told, now);
        key.send(100, now);
        assert!(key.wait(100, now) > Duration::ZERO);
        key.reconcile(100, 0, now);
        assert_eq!(key.wait(100, now), Duration::ZERO);
    }
}
