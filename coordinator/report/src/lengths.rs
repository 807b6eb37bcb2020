//! How long documents are.

use std::{cmp::Reverse, collections::BTreeSet};

use hdrhistogram::Histogram;

use crate::{caps, latency::histogram, summary::Lengths};

/// Longest document told apart, in words.
const LONGEST: u64 = 1_000_000_000;
/// Lower bounds of the steps in which documents are counted, in words.
const STEPS: [u64; 11] = [0, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000];
/// A length is extreme when it lies beyond this many interquartile ranges of the logarithm ("far out": Tukey,
/// "Exploratory Data Analysis", 1977).
const FAR_OUT: f64 = 3.0;
/// Sets in which nearly all documents are equally long would make every other length extreme; the range of the logarithm
/// is taken to be at least this (a factor of 1.5 between the quartiles).
const LEAST_RANGE: f64 = 0.405;

/// Counts lengths, and keeps the longest and the shortest documents.
pub(crate) struct LengthTally {
    /// Of words and one, so that empty documents count.
    histogram: Histogram<u64>,
    words: u64,
    steps: [u64; STEPS.len()],
    longest: BTreeSet<(Reverse<u64>, u64)>,
    shortest: BTreeSet<(u64, u64)>,
}

impl LengthTally {
    /// No documents yet.
    pub(crate) fn new() -> Self {
        Self {
            histogram: histogram(LONGEST),
            words: 0,
            steps: [0; STEPS.len()],
            longest: BTreeSet::new(),
            shortest: BTreeSet::new(),
        }
    }

    /// Counts a document.
    pub(crate) fn add(&mut self, sequence: u64, words: u64) {
        self.words = self.words.saturating_add(words);
        self.histogram.saturating_record(words.saturating_add(1));
        let step = STEPS.partition_point(|&from| from <= words).saturating_sub(1);
        if let Some(count) = self.steps.get_mut(step) {
            *count += 1;
        }
        self.longest.insert((Reverse(words), sequence));
        self.shortest.insert((words, sequence));
        if self.longest.len() > caps::OUTLIERS {
            self.longest.pop_last();
            self.shortest.pop_last();
        }
    }

    /// What is known of all of them.
    pub(crate) fn lengths(&self) -> Lengths {
        let longest = self.longest.first().map_or(0, |(Reverse(words), _)| *words);
        // The histogram rounds upwards, which must not lead beyond the longest.
        let at = |quantile: f64| self.histogram.value_at_quantile(quantile).saturating_sub(1).min(longest);
        let used = self.steps.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
        Lengths {
            words: self.words,
            median: at(0.5),
            p95: at(0.95),
            longest,
            steps: STEPS.into_iter().zip(self.steps).take(used).collect(),
        }
    }

    /// Documents far longer than the rest, the longest first: place and words.
    pub(crate) fn far_longer(&self) -> Vec<(u64, u64)> {
        let (_, above) = self.fences();
        let far = self.longest.iter().map(|&(Reverse(words), sequence)| (sequence, words));
        far.filter(|&(_, words)| (words as f64 + 1.0).ln() > above).collect()
    }

    /// Documents far shorter than the rest, the shortest first: place and words.
    pub(crate) fn far_shorter(&self) -> Vec<(u64, u64)> {
        let (below, _) = self.fences();
        let far = self.shortest.iter().map(|&(words, sequence)| (sequence, words));
        far.filter(|&(_, words)| (words as f64 + 1.0).ln() < below).collect()
    }

    /// Logarithms of the lengths below and above which a document is far from the rest.
    fn fences(&self) -> (f64, f64) {
        let at = |quantile: f64| (self.histogram.value_at_quantile(quantile).max(1) as f64).ln();
        let (lower, upper) = (at(0.25), at(0.75));
        let range = FAR_OUT * (upper - lower).max(LEAST_RANGE);
        (lower - range, upper + range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_lengths_stand_out_and_common_ones_do_not() {
        let mut lengths = LengthTally::new();
        for sequence in 0..100 {
            lengths.add(sequence, 400 + sequence * 4);
        }
        lengths.add(100, 90_000);
        lengths.add(101, 3);
        assert_eq!(lengths.far_longer(), [(100, 90_000)]);
        assert_eq!(lengths.far_shorter(), [(101, 3)]);
        let known = lengths.lengths();
        assert_eq!((known.longest, known.steps.iter().map(|&(_, count)| count).sum::<u64>()), (90_000, 102));
        assert!((596..=604).contains(&known.median), "{}", known.median);
    }

    #[test]
    fn nothing_is_known_of_no_documents() {
        assert_eq!(LengthTally::new().lengths(), Lengths::default());
        assert!(LengthTally::new().far_longer().is_empty());
    }
}
