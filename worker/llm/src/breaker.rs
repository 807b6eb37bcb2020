//! Whether a backend is worth asking: a circuit breaker (Nygard, Release It!, 2007). Pure.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Outcomes remembered.
const REMEMBERED: usize = 20;
/// Older outcomes say nothing about now.
const MEMORY: Duration = Duration::from_mins(1);
/// Fewer outcomes than this open nothing.
const FEWEST: usize = 5;
/// Share of failures that opens it.
const RATIO: f64 = 0.5;
/// How long it stays open the first time; twice as long after each probe that failed.
const OPEN: Duration = Duration::from_secs(2);
/// Longest time between probes.
const LONGEST_OPEN: Duration = Duration::from_mins(1);

/// A backend's breaker: a pure state machine.
#[derive(Debug)]
pub(crate) struct Breaker {
    state: State,
    outcomes: VecDeque<(Instant, bool)>,
    open_for: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    /// Nothing is sent until then.
    Open(Instant),
    /// One request is out to see whether the backend is back.
    Probing,
}

/// What the breaker says to one more request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Yes.
    Yes,
    /// Yes, as the one that tries whether the backend is back.
    Probe,
    /// No, not before then; without a time, not before the probe that is out has ended.
    No(Option<Instant>),
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self { state: State::Closed, outcomes: VecDeque::with_capacity(REMEMBERED), open_for: OPEN }
    }

    /// Whether one more request may be sent.
    pub(crate) fn admission(&self, now: Instant) -> Admission {
        match self.state {
            State::Closed => Admission::Yes,
            State::Open(until) if now >= until => Admission::Probe,
            State::Open(until) => Admission::No(Some(until)),
            State::Probing => Admission::No(None),
        }
    }

    /// The probe leaves.
    pub(crate) fn probe(&mut self) {
        self.state = State::Probing;
    }

    /// Whether requests flow freely.
    pub(crate) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// A request ended: with an answer (or a failure that shows the backend alive), or not.
    pub(crate) fn ended(&mut self, alive: bool, probe: bool, now: Instant) {
        match self.state {
            State::Probing if probe && alive => {
                self.state = State::Closed;
                self.open_for = OPEN;
                self.outcomes.clear();
            }
            State::Probing if probe => {
                self.open_for = (self.open_for * 2).min(LONGEST_OPEN);
                self.state = State::Open(now + self.open_for);
            }
            State::Closed => {
                self.outcomes.push_back((now, alive));
                while self.outcomes.len() > REMEMBERED
                    || self
                        .outcomes
                        .front()
                        .is_some_and(|(at, _)| now.saturating_duration_since(*at) > MEMORY)
                {
                    self.outcomes.pop_front();
                }
                let failures = self.outcomes.iter().filter(|(_, alive)| !alive).count();
                if self.outcomes.len() >= FEWEST && failures as f64 >= RATIO * self.outcomes.len() as f64 {
                    self.state = State::Open(now + self.open_for);
                }
            }
            // What was sent before it opened says nothing new.
            State::Open(_) | State::Probing => {}
        }
    }

    /// The probe was given up by whoever asked: the next request is the probe.
    pub(crate) fn probe_abandoned(&mut self, now: Instant) {
        if self.state == State::Probing {
            self.state = State::Open(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn opens_probes_once_and_closes() {
        let start = Instant::now();
        let mut breaker = Breaker::new();
        for _ in 0..4 {
            breaker.ended(false, false, start);
            assert_eq!(breaker.admission(start), Admission::Yes);
        }
        breaker.ended(false, false, start);
        assert_eq!(breaker.admission(start), Admission::No(Some(start + OPEN)));
        let later = start + OPEN;
        assert_eq!(breaker.admission(later), Admission::Probe);
        breaker.probe();
        assert_eq!(breaker.admission(later), Admission::No(None));
        breaker.ended(false, true, later);
        assert_eq!(breaker.admission(later), Admission::No(Some(later + OPEN * 2)));
        breaker.probe();
        breaker.ended(true, true, later);
        assert_eq!(breaker.admission(later), Admission::Yes);
    }

    #[test]
    fn one_in_ten_failing_does_not_open_it() {
        let now = Instant::now();
        let mut breaker = Breaker::new();
        for request in 0..1_000 {
            breaker.ended(request % 10 != 0, false, now);
            assert!(breaker.is_closed());
        }
    }

    proptest! {
        #[test]
        fn never_more_than_one_probe_and_never_shut_for_good(events in prop::collection::vec((any::<bool>(), 0u64..5_000), 1..300)) {
            let mut now = Instant::now();
            let mut breaker = Breaker::new();
            for (alive, pause) in events {
                now += Duration::from_millis(pause);
                match breaker.admission(now) {
                    Admission::Yes => breaker.ended(alive, false, now),
                    Admission::Probe => {
                        breaker.probe();
                        prop_assert_eq!(breaker.admission(now), Admission::No(None));
                        breaker.ended(alive, true, now);
                    }
                    Admission::No(until) => prop_assert!(until.unwrap() <= now + LONGEST_OPEN),
                }
            }
        }
    }
}
