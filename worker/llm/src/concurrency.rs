//! How many requests a backend works on at once: said, detected, or found out. Pure.
//!
//! What was said or detected is the most, and what is begun with. Found out means: one more at a time while answers come as fast as before (additive increase), fewer when the
//! backend says it has too much (multiplicative decrease). A 429 is read more closely. What remains in flight when the
//! refusals of a burst are in was admitted, so the limit becomes that number and from then on one request follows each
//! answer. If the backend counts requests in flight, every one of these is admitted. If it counts requests in a time,
//! some are refused although fewer are in flight than were before: that tells the two apart.

use std::time::Duration;

use crate::limiter::Cause;

/// How many requests at once a backend is to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parallelism {
    /// A person or the backend itself said so: this many, and fewer only while the backend refuses.
    Fixed(usize),
    /// Found out, between one and `most`.
    Adaptive {
        /// To begin with.
        start: usize,
        /// At most.
        most: usize,
    },
}

/// A refusal with less than this share of what was once admitted in flight is not for want of room.
const ROOM_SHARE: f64 = 0.8;
/// What remains of the limit after an overload.
const DECREASE: f64 = 0.7;
/// Answers this much slower than before mean that more at once only makes a queue.
const KNEE: f64 = 2.0;
/// Answers this much slower than before are no reason for more at once.
const STEADY: f64 = 1.3;
/// Weight of a round in the memory of how long answers take.
const MEMORY: f64 = 0.1;
/// Rounds between attempts at one more, after a refusal: at first, and at most.
const HOLD: u32 = 2;
const LONGEST_HOLD: u32 = 256;

/// The limit of one backend: a pure state machine. A round is as many answers as the limit.
#[derive(Debug)]
pub(crate) struct Concurrency {
    start: usize,
    most: usize,
    limit: usize,
    in_flight: usize,
    /// Most that were in flight at once when an answer came, and so were all admitted.
    admitted: usize,
    /// Below this the limit grows with each answer, not with each round: the way back after a pause.
    threshold: usize,
    /// Rounds until the next attempt at one more.
    hold: u32,
    rounds: u32,
    answers: usize,
    /// The limit was what held requests back in this round.
    bound: bool,
    /// Requests that were sent before the last decrease and say nothing about it.
    before_decrease: usize,
    latency: Duration,
    usual: Option<f64>,
    /// The last growth is not yet confirmed.
    probing: bool,
    /// Next growth: more than one only on the way back to what was begun with.
    step: usize,
}

impl Concurrency {
    pub(crate) fn new(parallelism: Parallelism) -> Self {
        let (start, most) = match parallelism {
            Parallelism::Fixed(number) => (number.max(1), number.max(1)),
            Parallelism::Adaptive { start, most } => (start.clamp(1, most.max(1)), most.max(1)),
        };
        Self {
            start,
            most,
            limit: start,
            in_flight: 0,
            admitted: 0,
            threshold: 0,
            hold: 1,
            rounds: 0,
            answers: 0,
            bound: false,
            before_decrease: 0,
            latency: Duration::ZERO,
            usual: None,
            probing: false,
            step: 1,
        }
    }

    /// Requests at once, now.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Requests in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether one more may be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.in_flight < self.limit
    }

    /// A request leaves.
    pub(crate) fn started(&mut self) {
        self.in_flight += 1;
    }

    fn ended(&mut self) {
        self.bound |= self.in_flight >= self.limit;
        self.in_flight = self.in_flight.saturating_sub(1);
        self.before_decrease = self.before_decrease.saturating_sub(1);
    }

    /// A request ended in a way that says nothing about room.
    pub(crate) fn abandoned(&mut self) {
        self.ended();
    }

    /// An answer came.
    pub(crate) fn answered(&mut self, latency: Duration) {
        self.admitted = self.admitted.max(self.in_flight);
        self.ended();
        self.latency += latency;
        self.answers += 1;
        if self.bound && self.limit < self.threshold {
            self.limit += 1;
        }
        if self.answers >= self.limit {
            self.round();
        }
    }

    fn round(&mut self) {
        let mean = self.latency.as_secs_f64() / self.answers.max(1) as f64;
        let bound = self.bound;
        let usual = *self.usual.get_or_insert(mean);
        self.usual = Some(usual + (mean - usual) * MEMORY);
        (self.answers, self.latency, self.bound) = (0, Duration::ZERO, false);
        if self.probing && bound {
            // More was admitted: the hold that a refusal brought about has done its work.
            self.probing = false;
            if self.limit < self.start {
                (self.hold, self.step) = (1, self.step * 2);
            } else {
                (self.hold, self.step) = ((self.hold / 2).max(1), 1);
            }
        }
        if mean > usual * KNEE && self.limit > self.start {
            // Only growth of our own is taken back: slow answers below it may have any reason.
            self.limit = ((self.limit as f64 * DECREASE) as usize).max(self.start);
            self.hold = (self.hold * 2).min(LONGEST_HOLD);
            self.rounds = 0;
            return;
        }
        if !bound || mean > usual * STEADY {
            return;
        }
        self.rounds += 1;
        if self.rounds >= self.hold && self.limit < self.most {
            self.rounds = 0;
            self.probing = self.hold > 1 || self.limit < self.start;
            // What was begun with is known to be wanted; beyond it, one at a time.
            self.limit = if self.limit < self.start {
                (self.limit + self.step).min(self.start)
            } else {
                self.limit + 1
            };
        }
    }

    /// The backend refused with a 429: what for.
    pub(crate) fn refused(&mut self) -> Cause {
        self.ended();
        let with_it = self.in_flight + 1;
        let cause = if self.in_flight == 0 || (with_it as f64) <= self.admitted as f64 * ROOM_SHARE {
            Cause::Rate
        } else {
            Cause::Room
        };
        if self.in_flight == 0 {
            // Nothing is left to follow: one request tries, and its answers lead the way back.
            self.threshold = (self.admitted / 2).max(1);
        }
        self.step = 1;
        if self.probing {
            self.probing = false;
            self.hold = (self.hold.max(HOLD) * 4).min(LONGEST_HOLD);
        } else if cause == Cause::Rate {
            self.hold = 1;
        }
        self.limit = self.in_flight.max(1);
        (self.rounds, self.answers, self.latency) = (0, 0, Duration::ZERO);
        cause
    }

    /// The rate is known, so it is the pace that prevents bursts: the limit need not.
    pub(crate) fn paced(&mut self) {
        self.limit = self.limit.max(self.start);
    }

    /// The backend said 503 or 529: fewer, once for all that were in flight.
    pub(crate) fn overloaded(&mut self) {
        let is_news = self.before_decrease == 0;
        self.ended();
        if is_news {
            self.limit = ((self.limit as f64 * DECREASE) as usize).max(1);
            self.before_decrease = self.in_flight;
            self.hold = (self.hold * 2).min(LONGEST_HOLD);
            self.rounds = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HALF: Duration = Duration::from_millis(500);

    fn adaptive(start: usize, most: usize) -> Concurrency {
        Concurrency::new(Parallelism::Adaptive { start, most })
    }

    fn fill(concurrency: &mut Concurrency) -> usize {
        let before = concurrency.in_flight();
        while concurrency.has_room() {
            concurrency.started();
        }
        concurrency.in_flight() - before
    }

    #[test]
    fn a_burst_that_is_cut_leaves_what_was_admitted() {
        let mut concurrency = adaptive(50, 50);
        fill(&mut concurrency);
        for _ in 0..40 {
            assert_eq!(concurrency.refused(), Cause::Room);
        }
        assert_eq!(concurrency.limit(), 10);
        concurrency.answered(HALF);
        assert_eq!(fill(&mut concurrency), 1, "one follows each answer");
    }

    #[test]
    fn refused_with_less_in_flight_than_was_admitted_is_a_rate() {
        let mut concurrency = adaptive(10, 10);
        fill(&mut concurrency);
        for _ in 0..10 {
            concurrency.answered(HALF);
        }
        fill(&mut concurrency);
        let causes: Vec<_> = (0..5).map(|_| concurrency.refused()).collect();
        assert_eq!(causes.last(), Some(&Cause::Rate));
        assert_eq!(concurrency.limit(), 5);
    }

    #[test]
    fn grows_by_one_a_round_while_it_is_bound() {
        let mut concurrency = adaptive(4, 8);
        for _ in 0..4 {
            fill(&mut concurrency);
            for _ in 0..concurrency.in_flight() {
                concurrency.answered(HALF);
            }
        }
        assert_eq!(concurrency.limit(), 8);
        let mut idle = adaptive(4, 8);
        for _ in 0..40 {
            idle.started();
            idle.answered(HALF);
        }
        assert_eq!(idle.limit(), 4, "what nobody needs is not tried");
    }

    #[test]
    fn growth_that_only_makes_a_queue_is_taken_back() {
        let mut concurrency = adaptive(4, 100);
        for slots in [1.0, 1.0, 1.0, 3.0] {
            fill(&mut concurrency);
            for _ in 0..concurrency.in_flight() {
                concurrency.answered(HALF.mul_f64(slots));
            }
        }
        assert_eq!(concurrency.limit(), 4);
    }

    #[test]
    fn one_overload_is_one_decrease() {
        let mut concurrency = adaptive(10, 10);
        fill(&mut concurrency);
        for _ in 0..10 {
            concurrency.overloaded();
        }
        assert_eq!(concurrency.limit(), 7);
    }

    proptest! {
        #[test]
        fn stays_between_one_and_most(start in 0usize..60, most in 0usize..60, events in prop::collection::vec(0u8..6, 0..400)) {
            let mut concurrency = adaptive(start, most);
            for event in events {
                match event {
                    0..=1 => { fill(&mut concurrency); }
                    2 if concurrency.in_flight() > 0 => concurrency.answered(HALF),
                    3 if concurrency.in_flight() > 0 => { concurrency.refused(); }
                    4 if concurrency.in_flight() > 0 => concurrency.overloaded(),
                    5 => concurrency.paced(),
                    _ => {}
                }
                prop_assert!((1..=most.max(1)).contains(&concurrency.limit()));
                prop_assert!(concurrency.in_flight() <= most.max(1));
            }
        }

        #[test]
        fn what_was_said_is_never_exceeded_and_holds_again_when_nothing_refuses(
            number in 1usize..60, events in prop::collection::vec(0u8..4, 0..200),
        ) {
            let mut concurrency = Concurrency::new(Parallelism::Fixed(number));
            for event in &events {
                fill(&mut concurrency);
                match event {
                    0 => concurrency.answered(HALF),
                    1 => { concurrency.refused(); }
                    2 => concurrency.overloaded(),
                    _ => concurrency.paced(),
                }
                prop_assert!((1..=number).contains(&concurrency.limit()));
                if !events.iter().any(|event| matches!(event, 1 | 2)) {
                    prop_assert_eq!(concurrency.limit(), number);
                }
            }
            // The longest hold at every step of the way back.
            for _ in 0..number * number * LONGEST_HOLD as usize {
                fill(&mut concurrency);
                concurrency.answered(HALF);
                if concurrency.limit() == number {
                    break;
                }
            }
            prop_assert_eq!(concurrency.limit(), number);
        }
    }
}
