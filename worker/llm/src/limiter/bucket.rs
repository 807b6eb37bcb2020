//! A bucket that fills evenly: the told half of a limit.

use std::time::{Duration, Instant};

/// A minute's allowance divided by this may be sent at once. A provider whose bucket holds one second of its rate (10 of
/// 600/min) then still has two in hand for requests that the network pushes together.
pub(crate) const BURST_DIVISOR: f64 = 75.0;

/// Rounding of floating-point sums must not make a wait of a nanosecond out of a full level.
const SLACK: f64 = 1e-6;

/// Longer than anybody waits; keeps sums of times in range.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Admits `rate` units a second and at most `burst` at once. The generic cell rate algorithm (ITU-T I.371, annex A) in
/// its leaky-bucket form: the level may go below zero, which is a request larger than the burst paid back over time.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    rate: f64,
    burst: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket for a limit of so many units a minute. The rate is a little lower than the limit, so that no
    /// sliding minute ever holds more than the limit: burst − 1 + rate · 60 = limit.
    pub(crate) fn per_minute(limit: u64, now: Instant) -> Self {
        let limit = limit.max(1) as f64;
        let burst = (limit / BURST_DIVISOR).floor().max(1.0);
        Self { rate: (limit - burst + 1.0) / 60.0, burst, level: burst, at: now }
    }

    /// This bucket's part among so many that together keep its limit.
    pub(crate) fn shared(self, among: u32) -> Self {
        let among = f64::from(among.max(1));
        let burst = (self.burst / among).floor().max(1.0);
        Self { rate: self.rate / among, burst, level: self.level.min(burst), at: self.at }
    }

    /// Begins to fill only after `delay`, from nothing, and a part of the first unit later: those that share a limit
    /// should not send in step. `phase` is that part, 0 to 1.
    pub(crate) fn begin_after(&mut self, delay: Duration, phase: f64, now: Instant) {
        self.lower_to(-delay.as_secs_f64() * self.rate - phase, now);
    }

    /// A bucket of one that starts empty, for a rate that was learned.
    pub(crate) fn paced(rate: f64, level: f64, now: Instant) -> Self {
        Self { rate, burst: 1.0, level, at: now }
    }

    /// What it held when it was last touched.
    pub(crate) fn level(&self) -> f64 {
        self.level
    }

    fn level_at(&self, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.level + elapsed * self.rate).min(self.burst)
    }

    fn settle(&mut self, now: Instant) {
        self.level = self.level_at(now);
        self.at = self.at.max(now);
    }

    /// How long until `need` units may be taken.
    pub(crate) fn wait(&self, need: f64, now: Instant) -> Duration {
        let lacking = need.min(self.burst) - self.level_at(now);
        if lacking <= SLACK {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(lacking / self.rate).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)
    }

    /// Takes `need` units, waited for or not.
    pub(crate) fn take(&mut self, need: f64, now: Instant) {
        self.settle(now);
        self.level -= need;
    }

    /// Gives units back that were taken and not used; a negative number takes what was used beyond.
    pub(crate) fn give(&mut self, units: f64, now: Instant) {
        self.settle(now);
        self.level = (self.level + units).min(self.burst);
    }

    /// Corrects the level downwards: somebody else uses the key too.
    pub(crate) fn lower_to(&mut self, level: f64, now: Instant) {
        self.settle(now);
        self.level = self.level.min(level);
    }

    /// Changes the rate and keeps the level.
    pub(crate) fn set_rate(&mut self, rate: f64, now: Instant) {
        self.settle(now);
        self.rate = rate;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn six_hundred_a_minute_send_eight_at_once_and_200_in_19_5_seconds() {
        let start = Instant::now();
        let (mut bucket, mut now) = (Bucket::per_minute(600, start), start);
        for _ in 0..200 {
            now += bucket.wait(1.0, now);
            bucket.take(1.0, now);
        }
        let seconds = (now - start).as_secs_f64();
        assert!((19.3..19.5).contains(&seconds), "{seconds}");
    }

    #[test]
    fn shares_add_up_to_the_whole_and_begin_late() {
        let now = Instant::now();
        let mut share = Bucket::per_minute(600, now).shared(4);
        assert_eq!((share.burst, share.rate * 4.0), (2.0, Bucket::per_minute(600, now).rate));
        share.begin_after(Duration::from_secs(1), 0.0, now);
        let wait = share.wait(1.0, now).as_secs_f64();
        assert!((wait - 1.0 - 1.0 / share.rate).abs() < 1e-6, "{wait}");
        // A limit that is less than one for each.
        assert!(Bucket::per_minute(3, now).shared(60).wait(2.0, now).is_zero());
        assert!((Bucket::per_minute(3, now).shared(60).rate - 0.05 / 60.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn no_sliding_minute_holds_more_than_the_limit(limit in 1u64..5_000, pauses in prop::collection::vec(0u64..5_000, 1..40)) {
            let start = Instant::now();
            let (mut bucket, mut now) = (Bucket::per_minute(limit, start), start);
            let mut sent = Vec::new();
            for step in 0..(limit as usize * 2).min(4_000) {
                if step % 97 == 0 {
                    now += Duration::from_millis(pauses[step / 97 % pauses.len()]);
                }
                now += bucket.wait(1.0, now);
                bucket.take(1.0, now);
                sent.push(now);
            }
            for (index, first) in sent.iter().enumerate() {
                // Half open: a request exactly one minute later belongs to the next one.
                let within = sent[index..].partition_point(|at| (*at - *first).as_secs_f64() < 59.999);
                prop_assert!(within as u64 <= limit, "{within} of {limit}");
            }
        }

        #[test]
        fn what_is_given_back_never_exceeds_the_burst(limit in 1u64..100_000, given in 0.0..1e6f64) {
            let now = Instant::now();
            let mut bucket = Bucket::per_minute(limit, now);
            bucket.give(given, now);
            prop_assert!(bucket.level_at(now) <= bucket.burst);
        }
    }
}
