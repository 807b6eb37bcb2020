//! The rate that nobody told, learned from refusals.
//!
//! At the moment of a refusal the provider's bucket is empty. Between two such moments it admitted exactly what flowed
//! into it, so the requests admitted between two refusals, divided by the time between them, are the rate: no
//! guess, and the better the further apart. Until two such moments are known nothing is paced: one request follows
//! each answer (see [`crate::concurrency`]), which a bucket refuses soon enough.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::bucket::Bucket;

/// Refusals of requests that were sent within so long are one moment. Counted from its first one: a pace far too fast
/// is refused without a pause, which must not become one moment without end.
const MOMENT: Duration = Duration::from_millis(50);
/// Fewer admissions than this between two moments say nothing about the rate.
const FEWEST: u64 = 3;
/// How much faster the pace grows a second, once it grows.
pub(crate) const GROWTH: f64 = 0.03;
/// Most that it grows: a key that sleeps overnight must not wake up with a rate of millions.
pub(crate) const MOST_GROWTH: f64 = 8.0;
/// How long a measured pace is held before it grows: at first, then four times longer after each refusal that
/// confirmed it.
const HOLD: Duration = Duration::from_secs(1);
/// Longest hold.
const LONGEST_HOLD: Duration = Duration::from_secs(64);
/// What is left of a pace that turned out too fast while nothing could be measured.
const EASING: f64 = 0.7;
/// Longest pause that a `Retry-After` brings about; what asks for more is asked again after this.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Pause after a refusal that names none and leaves nothing in flight.
const PAUSE: Duration = Duration::from_secs(1);

/// A request on its way: which one of the key it was, and when it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) sequence: u64,
    pub(crate) at: Instant,
}

/// What is known of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
    /// What the refusal is taken for.
    pub cause: Cause,
    /// No other request is in flight whose answer could free room.
    pub idle: bool,
}

/// What a 429 is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Too many in flight at once: an answer that ends frees room.
    Room,
    /// Too many in a time: only time frees room.
    Rate,
}

/// A moment at which the provider had nothing left.
#[derive(Debug, Clone, Copy)]
struct Moment {
    first: Instant,
    /// Highest number of a request refused in it.
    top: u64,
    /// Requests admitted up to it.
    admitted: u64,
    /// What is thought to have been left of a request in the bucket: a burst leaves anything between none and one, a
    /// pace just above the rate almost one.
    left: f64,
}

/// What a pace has learned, for whoever goes on with it. Times are in microseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lesson {
    /// Requests a second.
    pub(crate) rate: Option<f64>,
    /// When that begins to grow.
    pub(crate) grows_from: u64,
    /// Nothing is sent until then; 0: there is no pause.
    pub(crate) paused_until: u64,
    pub(crate) memory: PaceMemory,
}

/// What only the next refusal asks for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PaceMemory {
    refused: u64,
    before: Option<PastMoment>,
    last: Option<PastMoment>,
    hold: u64,
    dry: u32,
}

/// A [`Moment`] with its time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct PastMoment {
    first: u64,
    top: u64,
    admitted: u64,
    left: f64,
}

/// The learned pace of a key: a pure state machine.
#[derive(Debug)]
pub(crate) struct Pace {
    sent: u64,
    refused: u64,
    before: Option<Moment>,
    last: Option<Moment>,
    rate: Option<f64>,
    bucket: Option<Bucket>,
    grows_from: Instant,
    hold: Duration,
    paused_until: Option<Instant>,
    /// Moments in a row between which nothing was admitted.
    dry: u32,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            sent: 0,
            refused: 0,
            before: None,
            last: None,
            rate: None,
            bucket: None,
            grows_from: now,
            hold: HOLD,
            paused_until: None,
            dry: 0,
        }
    }

    /// A pace at a known rate that begins to flow after `delay` and a part of a request's time.
    pub(crate) fn known(
        rate: Option<f64>,
        pause: Duration,
        delay: Duration,
        phase: f64,
        now: Instant,
    ) -> Self {
        let bucket = rate.map(|rate| {
            let mut bucket = Bucket::paced(rate, 0.0, now);
            bucket.begin_after(delay, phase, now);
            bucket
        });
        Self { rate, bucket, paused_until: Some(now + pause), ..Self::new(now) }
    }

    /// What it has learned, with its times as microseconds after `origin`.
    pub(crate) fn lesson(&self, origin: Instant) -> Lesson {
        let after = |at: Instant| at.saturating_duration_since(origin).as_micros() as u64;
        let moment = |moment: Moment| PastMoment {
            first: after(moment.first),
            top: moment.top,
            admitted: moment.admitted,
            left: moment.left,
        };
        Lesson {
            rate: self.rate,
            grows_from: after(self.grows_from),
            paused_until: self.paused_until.map_or(0, after),
            memory: PaceMemory {
                refused: self.refused,
                before: self.before.map(moment),
                last: self.last.map(moment),
                hold: self.hold.as_micros() as u64,
                dry: self.dry,
            },
        }
    }

    /// A pace that has learned this, with an empty bucket.
    pub(crate) fn taught(lesson: &Lesson, sent: u64, origin: Instant, now: Instant) -> Self {
        let at = |micros: u64| origin.checked_add(Duration::from_micros(micros)).unwrap_or(now);
        let moment = |past: PastMoment| Moment {
            first: at(past.first),
            top: past.top,
            admitted: past.admitted,
            left: past.left,
        };
        let Lesson { rate, grows_from, paused_until, memory } = lesson;
        Self {
            sent,
            refused: memory.refused,
            before: memory.before.map(moment),
            last: memory.last.map(moment),
            rate: *rate,
            bucket: rate.map(|rate| Bucket::paced(rate, 0.0, now)),
            grows_from: at(*grows_from),
            hold: Duration::from_micros(memory.hold).clamp(HOLD, LONGEST_HOLD),
            paused_until: (*paused_until > 0).then(|| at(*paused_until)),
            dry: memory.dry,
        }
    }

    /// Level of the bucket.
    pub(crate) fn level(&self) -> Option<f64> {
        self.bucket.as_ref().map(Bucket::level)
    }

    /// The learned rate, requests a second.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// How long until a request may be sent.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        let pause = self.paused_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        pause.max(self.bucket.as_ref().map_or(Duration::ZERO, |bucket| bucket.wait(1.0, now)))
    }

    /// A request leaves.
    pub(crate) fn send(&mut self, now: Instant) -> Sent {
        self.sent += 1;
        let pace = self.rate.map(|rate| self.grown(rate, now));
        if let (Some(bucket), Some(pace)) = (&mut self.bucket, pace) {
            bucket.set_rate(pace, now);
            bucket.take(1.0, now);
        }
        Sent { sequence: self.sent, at: now }
    }

    fn grown(&self, rate: f64, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(self.grows_from).as_secs_f64();
        rate * (GROWTH * seconds).exp().min(MOST_GROWTH)
    }

    /// A request was refused.
    pub(crate) fn refused(&mut self, sent: Sent, refusal: Refusal, now: Instant) {
        self.refused += 1;
        let of_last = self.last.is_some_and(|last| sent.at <= last.first + MOMENT);
        let mut is_apart = false;
        if !of_last {
            let admitted = sent.sequence.saturating_sub(self.refused);
            let since = self.last.map(|last| admitted.saturating_sub(last.admitted));
            // Where hardly anything was admitted since the last moment, it is the same want still: it is measured from
            // where that began, the better the longer it lasts.
            if self.before.is_none() || since.is_none_or(|since| since >= FEWEST) {
                self.before = self.last;
                is_apart = true;
            }
            self.dry = if since == Some(0) { self.dry + 1 } else { 0 };
            let left = if self.bucket.is_some() { 1.0 } else { 0.5 };
            self.last = Some(Moment { first: sent.at, top: sent.sequence, admitted, left });
        }
        let refused = self.refused;
        if let Some(last) = &mut self.last {
            last.top = last.top.max(sent.sequence);
            last.admitted = last.top.saturating_sub(refused);
        }
        // Where a rate is known it is the pace that was refused, whatever else it looks like.
        if refusal.cause == Cause::Rate || self.rate.is_some() {
            self.measure(of_last, is_apart, now);
        }
        // A pause is for when nothing better is known: a measured pace knows when the next request fits, and an
        // answer on its way will show whether it frees room. Whole seconds are coarse.
        if self.dry >= 2 || (refusal.idle && self.rate.is_none()) {
            let pause = refusal.retry_after.unwrap_or(PAUSE).min(LONGEST_PAUSE);
            self.paused_until = Some(now + pause);
        }
    }

    fn measure(&mut self, again: bool, is_apart: bool, now: Instant) {
        let measured = self.before.zip(self.last).and_then(|(before, last)| {
            let admitted = last.admitted.saturating_sub(before.admitted);
            let seconds = last.first.saturating_duration_since(before.first).as_secs_f64();
            (admitted >= FEWEST && seconds > 0.0)
                .then(|| (admitted as f64 + last.left - before.left) / seconds)
        });
        let rate = match (measured, self.rate) {
            (Some(measured), _) => measured,
            (None, Some(rate)) if !again => self.grown(rate, now).min(rate) * EASING,
            (None, known) => match known {
                Some(rate) => rate,
                None => return,
            },
        };
        if is_apart && self.rate.is_some() {
            self.hold = (self.hold * 4).min(LONGEST_HOLD);
        }
        // After a burst anything between none and one request is left: half a request's time more is waited.
        let level = if self.rate.is_some() && !again { 0.0 } else { -0.5 };
        self.rate = Some(rate);
        self.bucket = Some(Bucket::paced(rate, level, now));
        self.grows_from = now + self.hold;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Refusal =
        Refusal { retry_after: Some(Duration::from_secs(1)), cause: Cause::Rate, idle: false };

    #[test]
    fn two_bursts_that_were_cut_give_the_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let first: Vec<_> = (0..100).map(|_| pace.send(start)).collect();
        for sent in &first[10..] {
            pace.refused(*sent, Refusal { cause: Cause::Room, ..AT_ONCE }, start);
        }
        assert_eq!(pace.rate(), None);
        let later = start + Duration::from_millis(500);
        let second: Vec<_> = (0..10).map(|_| pace.send(later)).collect();
        for sent in &second[5..] {
            pace.refused(*sent, AT_ONCE, later);
        }
        assert_eq!(pace.rate(), Some(10.0));
        assert_eq!(pace.wait(later), Duration::from_millis(150));
    }

    #[test]
    fn refused_again_and_again_it_waits_as_long_as_it_is_told() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let told = Refusal { retry_after: Some(Duration::from_secs(40)), ..AT_ONCE };
        for second in 0..3 {
            let now = start + Duration::from_secs(second);
            let sent = pace.send(now);
            pace.refused(sent, told, now);
        }
        assert_eq!(pace.wait(start + Duration::from_secs(2)), Duration::from_secs(40));
    }

    #[test]
    fn a_pace_that_is_handed_on_goes_on() {
        let origin = Instant::now();
        let (start, later) = (origin + Duration::from_secs(9), origin + Duration::from_millis(9_500));
        let mut pace = Pace::new(start);
        let hand_on = |pace: &mut Pace, now| {
            let text = serde_json::to_string(&pace.lesson(origin).memory).unwrap();
            let lesson = Lesson { memory: serde_json::from_str(&text).unwrap(), ..pace.lesson(origin) };
            assert_eq!(lesson, pace.lesson(origin));
            *pace = Pace::taught(&lesson, pace.sent, origin, now);
        };
        let first: Vec<_> = (0..100).map(|_| pace.send(start)).collect();
        for sent in &first[10..] {
            pace.refused(*sent, Refusal { cause: Cause::Room, ..AT_ONCE }, start);
            hand_on(&mut pace, start);
        }
        let second: Vec<_> = (0..10).map(|_| pace.send(later)).collect();
        for sent in &second[5..] {
            hand_on(&mut pace, later);
            pace.refused(*sent, AT_ONCE, later);
        }
        assert_eq!(pace.rate(), Some(10.0));
        assert_eq!(pace.lesson(origin).grows_from, 10_500_000);
    }

    #[test]
    fn an_absurd_pause_is_clamped() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        let sent = pace.send(now);
        let refusal = Refusal { retry_after: Some(Duration::MAX), cause: Cause::Rate, idle: true };
        pace.refused(sent, refusal, now);
        assert_eq!(pace.wait(now), LONGEST_PAUSE);
    }
}
