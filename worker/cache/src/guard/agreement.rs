//! Whether two answers, each in its own words, say compatible things.

use std::collections::BTreeSet;

use super::reading::{Reading, Sort, Token};

/// Whether no fact of one text speaks against the other: of numbers and dates, of names, and of negations and words with
/// an opposite, one text has all that the other has. Summaries leave things out: what is missing speaks against nothing, but for a plain negation: without it
/// the other says the opposite.
pub(crate) fn is_compatible(one: &str, other: &str) -> bool {
    let (one, other) = (Facts::of(one), Facts::of(other));
    let within = |a: &BTreeSet<u64>, b: &BTreeSet<u64>| a.is_subset(b) || b.is_subset(a);
    within(&one.numbers, &other.numbers)
        && within(&one.names, &other.names)
        && within(&one.polarity, &other.polarity)
        && one.negated == other.negated
}

struct Facts {
    numbers: BTreeSet<u64>,
    names: BTreeSet<u64>,
    polarity: BTreeSet<u64>,
    negated: bool,
}

impl Facts {
    fn of(text: &str) -> Self {
        let reading = Reading::new(text);
        let of = |sorts: &[Sort]| {
            let those = reading.tokens.iter().filter(|token| sorts.contains(&token.sort));
            those.map(|token| token.hash).collect()
        };
        Self {
            numbers: of(&[Sort::Number, Sort::Date]),
            names: of(&[Sort::Name]),
            polarity: of(&[Sort::Polarity]),
            negated: reading.tokens.iter().any(Token::is_negation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_compatible;

    #[test]
    fn what_is_left_out_is_no_contradiction_and_what_differs_is() {
        let one = "The council approved a bridge for Orrin that costs 5,000 euros.";
        assert!(is_compatible(one, "The council of Orrin approved a bridge for 5000 euros."));
        assert!(is_compatible(one, "A bridge was approved."));
        assert!(!is_compatible(one, "A bridge was not approved."));
        assert!(!is_compatible(one, "The council rejected a bridge for Orrin that costs 5,000 euros."));
        assert!(!is_compatible(one, "The council approved a bridge for Orrin that costs 6,000 euros."));
        assert!(!is_compatible(one, "The council approved a bridge for Torrin."));
    }
}
