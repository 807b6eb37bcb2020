//! Percentiles of times in bounded memory.

use hdrhistogram::Histogram;

use crate::summary::StageTimes;

/// Longest time told apart, in microseconds: a day.
const LONGEST: u64 = 24 * 60 * 60 * 1_000_000;

/// Times of one step: a histogram of some 200 kB with three significant digits (HDR histogram, Gil Tene).
pub(crate) struct Latency {
    stage: &'static str,
    histogram: Histogram<u64>,
    total_micros: u64,
    longest_micros: u64,
}

impl Latency {
    /// No times yet.
    pub(crate) fn new(stage: &'static str) -> Self {
        Self { stage, histogram: histogram(LONGEST), total_micros: 0, longest_micros: 0 }
    }

    /// Counts a document that spent `milliseconds` in the step; zero, or no number, says that it never was in it.
    pub(crate) fn record(&mut self, milliseconds: f64) {
        if milliseconds > 0.0 {
            // A cast of a float saturates; anything below a microsecond counts as one.
            let micros = ((milliseconds * 1_000.0).round() as u64).max(1);
            self.histogram.saturating_record(micros);
            self.longest_micros = self.longest_micros.max(micros.min(LONGEST));
            self.total_micros = self.total_micros.saturating_add(micros);
        }
    }

    /// The percentiles; `None` when no document was in the step.
    pub(crate) fn times(&self) -> Option<StageTimes> {
        // The histogram rounds upwards, which must not lead beyond the longest.
        let micros = |quantile: f64| self.histogram.value_at_quantile(quantile).min(self.longest_micros);
        let at = |quantile: f64| micros(quantile) as f64 / 1_000.0;
        (!self.histogram.is_empty()).then(|| StageTimes {
            stage: self.stage,
            documents: self.histogram.len(),
            p50_ms: at(0.50),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: self.longest_micros as f64 / 1_000.0,
            total_seconds: self.total_micros as f64 / 1e6,
        })
    }
}

/// A histogram of values from 1 to `high`, with three significant digits.
#[expect(
    clippy::expect_used,
    reason = "fails only for bounds or digits the crate does not allow; these are constants"
)]
pub(crate) fn histogram(high: u64) -> Histogram<u64> {
    Histogram::new_with_bounds(1, high.max(2), 3).expect("bounds that the crate allows")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_three_digits() {
        let mut latency = Latency::new("parse");
        for milliseconds in 1..=1_000 {
            latency.record(f64::from(milliseconds));
        }
        let times = latency.times().unwrap();
        for (value, expected) in
            [(times.p50_ms, 500.0), (times.p95_ms, 950.0), (times.p99_ms, 990.0), (times.max_ms, 1_000.0)]
        {
            assert!((value - expected).abs() <= expected / 1_000.0, "{value} instead of {expected}");
        }
        assert_eq!(times.documents, 1_000);
        assert!((times.total_seconds - 500.5).abs() < 1e-6);
    }

    #[test]
    fn odd_numbers_do_no_harm() {
        let mut latency = Latency::new("fetch");
        for odd in [0.0, -1.0, f64::NAN] {
            latency.record(odd);
        }
        assert_eq!(latency.times(), None);
        latency.record(f64::INFINITY);
        assert!(latency.times().unwrap().max_ms <= LONGEST as f64 / 1_000.0);
    }
}
