//! What several rounds measured: medians and spreads.

use serde::{Deserialize, Serialize};

/// The rounds' values in their order. As JSON also with what follows from them: median, low, high, n.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "Summary", from = "Summary")]
pub(crate) struct Figures(Vec<f64>);

#[derive(Serialize, Deserialize)]
struct Summary {
    median: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    n: usize,
    values: Vec<f64>,
}

impl Figures {
    /// One value, of one round.
    pub(crate) fn of(value: f64) -> Self {
        Self::default().with(value)
    }

    fn with(mut self, value: f64) -> Self {
        self.push(value);
        self
    }

    /// Adds a round. What is no number was not measured, and is left out.
    pub(crate) fn push(&mut self, value: f64) {
        if value.is_finite() {
            self.0.push(value);
        }
    }

    /// How many rounds there were.
    pub(crate) fn rounds(&self) -> usize {
        self.0.len()
    }

    /// The middle value, or the mean of the two in the middle; `None` without rounds.
    pub(crate) fn median(&self) -> Option<f64> {
        let mut values = self.0.clone();
        values.sort_by(f64::total_cmp);
        let upper = *values.get(values.len() / 2)?;
        if values.len().is_multiple_of(2) {
            return values.get(values.len() / 2 - 1).map(|lower| f64::midpoint(*lower, upper));
        }
        Some(upper)
    }

    /// The lowest value.
    pub(crate) fn low(&self) -> Option<f64> {
        self.0.iter().copied().min_by(f64::total_cmp)
    }

    /// The highest value.
    pub(crate) fn high(&self) -> Option<f64> {
        self.0.iter().copied().max_by(f64::total_cmp)
    }

    /// Each round's value divided by the other's of the same round; without as many rounds of the other, one value: the
    /// quotient of the medians.
    pub(crate) fn per(&self, other: &Self) -> Self {
        if self.rounds() != other.rounds() {
            return self
                .median()
                .zip(other.median())
                .map_or_else(Self::default, |(mine, theirs)| Self::of(mine / theirs));
        }
        self.0.iter().zip(&other.0).map(|(mine, theirs)| mine / theirs).collect()
    }

    /// Each value turned into another.
    pub(crate) fn map(&self, turn: impl Fn(f64) -> f64) -> Self {
        self.0.iter().copied().map(turn).collect()
    }
}

impl FromIterator<f64> for Figures {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        values.into_iter().fold(Self::default(), Self::with)
    }
}

impl From<Figures> for Summary {
    fn from(figures: Figures) -> Self {
        Self {
            median: figures.median(),
            low: figures.low(),
            high: figures.high(),
            n: figures.rounds(),
            values: figures.0,
        }
    }
}

impl From<Summary> for Figures {
    fn from(summary: Summary) -> Self {
        summary.values.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let figures = |values: &[f64]| values.iter().copied().collect::<Figures>();
        assert_eq!(figures(&[3.0, 1.0, 2.0]).median(), Some(2.0));
        assert_eq!(figures(&[4.0, 1.0, 2.0, 3.0]).median(), Some(2.5));
        assert_eq!(figures(&[]).median(), None);
        assert_eq!(figures(&[1.0, f64::NAN, f64::INFINITY]).rounds(), 1);
    }

    #[test]
    fn ratios_are_of_the_same_round_where_there_is_one() {
        let (mine, theirs): (Figures, Figures) =
            ([2.0, 9.0].into_iter().collect(), [1.0, 3.0].into_iter().collect());
        assert_eq!(mine.per(&theirs), [2.0, 3.0].into_iter().collect());
        assert_eq!(mine.per(&Figures::of(11.0)), Figures::of(0.5));
        assert_eq!(mine.per(&Figures::default()), Figures::default());
    }

    #[test]
    fn json_keeps_the_values_and_tells_the_rest() {
        let figures: Figures = [3.0, 1.0, 2.0].into_iter().collect();
        let json = serde_json::to_value(&figures).unwrap();
        assert_eq!((&json["median"], &json["low"], &json["n"]), (&2.0.into(), &1.0.into(), &3.into()));
        assert_eq!(serde_json::from_value::<Figures>(json).unwrap(), figures);
    }
}
