//! The limits of a key: what was told, what the headers say and what was learned, together. Pure.

use std::time::{Duration, Instant};

use super::{
    bucket::Bucket,
    pace::{Pace, Refusal, Sent},
};
use crate::answer::{RateHeaders, RateWindow};

impl RateHeaders {
    /// The window that limits tokens: where there is none for all of them, the one for input.
    pub(crate) fn of_tokens(&self) -> RateWindow {
        if self.tokens == RateWindow::default() { self.input_tokens } else { self.tokens }
    }
}

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
    /// How many keep it together, each a part of it.
    among: u32,
}

impl Limit {
    fn new(told: Option<u64>, among: u32, now: Instant) -> Self {
        let bucket = told.map(|limit| Bucket::per_minute(limit, now).shared(among));
        Self { told, effective: told, bucket, among }
    }

    fn wait(&self, need: f64, now: Instant) -> Duration {
        self.bucket.as_ref().map_or(Duration::ZERO, |bucket| bucket.wait(need, now))
    }

    fn observe(&mut self, window: RateWindow, now: Instant) {
        let remaining = window.remaining.map(|remaining| remaining as f64 / f64::from(self.among));
        if let Some(stated) = per_minute(window) {
            let effective = self.told.map_or(stated, |told| told.min(stated));
            if self.effective != Some(effective) {
                let mut bucket = Bucket::per_minute(effective, now).shared(self.among);
                // What was sent before the limit was known has used it up too.
                bucket.lower_to(remaining.unwrap_or(0.0), now);
                self.effective = Some(effective);
                self.bucket = Some(bucket);
            }
        }
        if let (Some(bucket), Some(remaining)) = (&mut self.bucket, remaining) {
            bucket.lower_to(remaining, now);
        }
    }
}

/// A window's limit as units a minute. `reset` is the time until the window is whole, so what is missing of it, divided
/// by that time, is the rate: this is how a limit a day is told from a limit a minute. Where nothing is missing or
/// no reset is given, the limit is taken to be one a minute, as the providers document.
pub(crate) fn per_minute(window: RateWindow) -> Option<u64> {
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

/// A part of a key's limits, kept alone while nobody can be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    /// What is known of the whole.
    pub(crate) limits: ToldLimits,
    /// The learned rate of the whole, requests a second.
    pub(crate) rate: Option<f64>,
    /// What is left of a pause.
    pub(crate) pause: Duration,
    /// How many keep the limits together.
    pub(crate) among: u32,
    /// How long nothing flows in: what was booked before is still being sent.
    pub(crate) delay: Duration,
    /// A part of a request's time, 0 to 1, another one for each.
    pub(crate) phase: f64,
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
            requests: Limit::new(told.requests_per_minute, 1, now),
            tokens: Limit::new(told.tokens_per_minute, 1, now),
            pace: Pace::new(now),
        }
    }

    /// A part of the limits, with nothing in hand.
    pub(crate) fn share(share: Share, now: Instant) -> Self {
        let Share { limits, rate, pause, among, delay, phase } = share;
        let begin = |told| {
            let mut limit = Limit::new(told, among.max(1), now);
            if let Some(bucket) = &mut limit.bucket {
                bucket.begin_after(delay, phase, now);
            }
            limit
        };
        let rate = rate.map(|rate| rate / f64::from(among.max(1)));
        Self {
            requests: begin(limits.requests_per_minute),
            tokens: begin(limits.tokens_per_minute),
            pace: Pace::known(rate, pause, delay, phase, now),
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
        self.tokens.observe(rates.of_tokens(), now);
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
