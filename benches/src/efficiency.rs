//! How near a whole run comes to what arithmetic allows.

use crate::{
    figures::Figures,
    row::{Better, Of, Row},
};

/// What measures.md asks of a run's efficiency, and from how many documents on: start-up weighs on fewer.
pub(crate) const EFFICIENT: f64 = 0.9;
const MANY: usize = 1_000;

/// The row of runs over so many documents. A share is the part of a run's seconds in which it could not have been faster, by what
/// holds up runs of this kind: 1 is ideal.
pub(crate) fn row(what: impl Into<String>, documents: usize, shares: Figures) -> Row {
    let row = Row::new(what, "ratio", Better::Higher, shares).ideal(1.0);
    if documents < MANY { row } else { row.target(Of::Figure, EFFICIENT) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Verdict;

    #[test]
    fn only_large_sets_are_held_to_it() {
        let verdict = |documents, share| row("run", documents, Figures::of(share)).verdict();
        assert_eq!(verdict(1_000, 0.9), Verdict::Met);
        assert_eq!(verdict(1_000, 0.89), Verdict::Missed);
        assert_eq!(verdict(999, 0.1), Verdict::None);
    }
}
