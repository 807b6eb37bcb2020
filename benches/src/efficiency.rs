//! How near a whole run comes to what arithmetic allows.

use crate::{
    figures::Figures,
    row::{Better, Of, Row},
};

/// What measures.md asks of a run's efficiency, and from how many documents on: start-up weighs on fewer.
pub(crate) const EFFICIENT: f64 = 0.9;
const MANY: usize = 1_000;

/// Seconds that a run takes at least, by each of what could hold it up alone.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Least {
    /// Until the last page has come, at the pace that hosts allow.
    pub(crate) fetch: f64,
    /// CPU time of every process that takes part ÷ cores.
    pub(crate) cpu: f64,
    /// Until the model's last answer, at the latency and the number at once that it allows.
    pub(crate) model: f64,
}

impl Least {
    /// The part of a run's seconds in which it could not have been faster: 1 is ideal.
    pub(crate) fn share_of(self, seconds: f64) -> f64 {
        self.fetch.max(self.cpu).max(self.model) / seconds
    }
}

/// The row of runs over so many documents.
pub(crate) fn row(what: impl Into<String>, documents: usize, shares: Figures) -> Row {
    let row = Row::new(what, "ratio", Better::Higher, shares).ideal(1.0);
    if documents < MANY { row } else { row.target(Of::Figure, EFFICIENT) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Verdict;

    #[test]
    fn the_largest_need_counts_alone() {
        let least = Least { fetch: 2.0, cpu: 4.5, model: 1.0 };
        assert_eq!(Figures::of(least.share_of(5.0)), Figures::of(0.9));
        assert_eq!(Figures::of(Least { model: 5.0, ..least }.share_of(5.0)), Figures::of(1.0));
    }

    #[test]
    fn only_large_sets_are_held_to_it() {
        let verdict = |documents, share| row("run", documents, Figures::of(share)).verdict();
        assert_eq!(verdict(1_000, 0.9), Verdict::Met);
        assert_eq!(verdict(1_000, 0.89), Verdict::Missed);
        assert_eq!(verdict(999, 0.1), Verdict::None);
    }
}
