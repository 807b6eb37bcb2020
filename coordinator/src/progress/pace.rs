//! How fast documents are being recorded, and how long the rest will take.

use std::{collections::VecDeque, time::Duration};

/// Span over which the pace is measured.
const WINDOW: Duration = Duration::from_secs(10);
/// Shortest span that a pace is told for.
const SHORTEST: Duration = Duration::from_millis(500);

/// Samples of the last ten seconds.
#[derive(Debug, Default)]
pub(super) struct Pace {
    samples: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// Takes a sample: `recorded` documents `at` this time since the start. Samples come in order of time.
    pub(super) fn sample(&mut self, at: Duration, recorded: u64) {
        self.samples.push_back((at, recorded));
        // The oldest sample kept is the last one outside the window, so that the whole window is covered.
        while self.samples.get(1).is_some_and(|(time, _)| *time + WINDOW <= at) {
            self.samples.pop_front();
        }
    }

    /// Documents a second over the window; `None` while too little is known.
    pub(super) fn per_second(&self) -> Option<f64> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let span = last.0.checked_sub(first.0).filter(|span| *span >= SHORTEST)?;
        Some(last.1.saturating_sub(first.1) as f64 / span.as_secs_f64())
    }

    /// Time that `documents` more take at this pace; `None` when nothing moves.
    pub(super) fn time_for(&self, documents: u64) -> Option<Duration> {
        let pace = self.per_second().filter(|pace| *pace > 0.0)?;
        Duration::try_from_secs_f64(documents as f64 / pace).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn says_nothing_before_it_knows() {
        let mut pace = Pace::default();
        pace.sample(at(0), 0);
        pace.sample(at(100), 50);
        assert_eq!((pace.per_second(), pace.time_for(10)), (None, None));
    }

    #[test]
    fn measures_the_last_ten_seconds_only() {
        let mut pace = Pace::default();
        for second in 0..=10 {
            pace.sample(at(second * 1000), second * 100);
        }
        for second in 11..=30 {
            pace.sample(at(second * 1000), 1000 + (second - 10) * 10);
        }
        assert_eq!(pace.per_second(), Some(10.0));
        assert_eq!(pace.time_for(100), Some(Duration::from_secs(10)));
    }

    #[test]
    fn a_standstill_has_no_end() {
        let mut pace = Pace::default();
        pace.sample(at(0), 5);
        pace.sample(at(2000), 5);
        assert_eq!((pace.per_second(), pace.time_for(1)), (Some(0.0), None));
    }
}
