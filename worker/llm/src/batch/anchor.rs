//! Whether an answer belongs to the document under whose id it stands. Pure.
//!
//! An answer's *evidence* is its quotes; where it has none, its keywords. The rule: **of the evidence, what stands in the
//! document itself holds all that stands in any other document of the batch, and more.** Otherwise, and where there is no
//! evidence, the document is asked about alone.
//!
//! It follows that an answer whose evidence all stands in the document that it was made from is never taken for that of
//! another one of the batch, however ids and contents were exchanged: what stands in the right document is all of it, and
//! nothing holds more than all. An answer that mixes two documents is refused, too, as soon as one of its quotes stands
//! in the other one alone.

use serde_json::Value;

use crate::quote::Quotable;

/// Deepest value that is looked into.
const DEEPEST: usize = 32;
/// Most pieces of evidence that are looked at: more than any recipe's schema lets an answer have.
const MOST_EVIDENCE: usize = 64;

/// The documents of a batch, read for evidence.
pub(super) struct Anchors<'a>(Vec<Quotable<'a>>);

impl<'a> Anchors<'a> {
    pub(super) fn new(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(texts.into_iter().map(Quotable::new).collect())
    }

    /// Whether an answer belongs to the document of this number and to no other.
    pub(super) fn hold(&self, own: usize, answer: &Value) -> bool {
        let evidence = evidence(answer);
        let stands_in = |document: &Quotable<'_>| -> Vec<bool> {
            evidence.iter().map(|words| document.find(words).is_some()).collect()
        };
        let Some(here) = self.0.get(own).map(stands_in) else { return false };
        if !here.contains(&true) {
            return false;
        }
        self.0.iter().enumerate().filter(|(number, _)| *number != own).all(|(_, other)| {
            let there = stands_in(other);
            let holds_all = here.iter().zip(&there).all(|(here, there)| *here || !there);
            holds_all && here != there
        })
    }
}

/// What an answer says stands in its document: its quotes, or where it has none its keywords. White space alone is none.
fn evidence(answer: &Value) -> Vec<&str> {
    let named = |name| {
        let mut found = Vec::new();
        collect(answer, name, false, DEEPEST, &mut found);
        found
    };
    let quotes = named("quote");
    if quotes.is_empty() { named("keywords") } else { quotes }
}

/// The strings in fields of this name, wherever they are.
fn collect<'v>(value: &'v Value, name: &str, inside: bool, depth: usize, found: &mut Vec<&'v str>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::String(text) if inside && found.len() < MOST_EVIDENCE && !text.trim().is_empty() => {
            found.push(text);
        }
        Value::Array(items) => {
            for item in items {
                collect(item, name, inside, depth, found);
            }
        }
        Value::Object(fields) => {
            for (field, value) in fields {
                collect(value, name, field == name, depth, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const TEXTS: [&str; 3] = [
        "Notice. The board met in May. Crane 001 is replaced.",
        "Notice. The board met in May. Crane 002 is replaced.",
        "Notice. The school opens in June.",
    ];

    fn holds(own: usize, quotes: &[&str], keywords: &[&str]) -> bool {
        let points: Vec<Value> = quotes.iter().map(|quote| json!({"text": "t", "quote": quote})).collect();
        let answer = json!({"summary": "s", "key_points": points, "keywords": keywords});
        Anchors::new(TEXTS).hold(own, &answer)
    }

    #[test]
    fn a_quote_that_no_other_document_has_anchors_an_answer() {
        assert!(holds(0, &["The board met in May", "Crane 001 is replaced"], &[]));
        assert!(holds(0, &["crane 001", "never said anywhere"], &[]), "an invented quote says nothing");
        assert!(holds(2, &["The school opens"], &["crane"]), "with quotes, keywords do not count");
        assert!(holds(2, &[], &["school", "notice"]) && holds(2, &["  "], &["June"]));
    }

    #[test]
    fn what_fits_another_as_well_or_better_or_has_no_evidence_does_not() {
        assert!(!holds(0, &["The board met in May"], &[]), "the second has it as well");
        assert!(!holds(0, &["Crane 002 is replaced"], &[]), "the second's own");
        assert!(!holds(0, &["Crane 001 is replaced", "The school opens"], &[]), "of two documents");
        assert!(!holds(0, &["never said anywhere"], &[]) && !holds(0, &[], &[]));
        assert!(!holds(0, &[], &["board", "May"]) && !holds(7, &["Notice"], &[]));
    }

    proptest! {
        /// Documents share most sentences; each answer quotes some of its document's. Whatever the permutation, an answer
        /// is never accepted under another id.
        #[test]
        fn exchanged_answers_are_never_accepted(
            documents in prop::collection::vec(prop::collection::vec(0..12u8, 1..6), 2..6),
            picks in prop::collection::vec(any::<u8>(), 6),
            seed: u64,
        ) {
            let sentence = |number: &u8| format!("Sentence number {number:02} of the board stands here.");
            let texts: Vec<String> =
                documents.iter().map(|numbers| numbers.iter().map(sentence).collect::<Vec<_>>().join(" ")).collect();
            let answers: Vec<Value> = documents
                .iter()
                .zip(&picks)
                .map(|(numbers, pick)| {
                    let quoted = numbers.iter().enumerate().filter(|(index, _)| pick >> (index % 8) & 1 == 1);
                    let quotes: Vec<Value> = quoted.map(|(_, number)| json!({"quote": sentence(number)})).collect();
                    json!({"key_points": quotes, "keywords": [sentence(&numbers[0])]})
                })
                .collect();
            let mut order: Vec<usize> = (0..texts.len()).collect();
            fastrand::Rng::with_seed(seed).shuffle(&mut order);
            let anchors = Anchors::new(texts.iter().map(String::as_str));
            for (own, from) in order.into_iter().enumerate() {
                if anchors.hold(own, &answers[from]) {
                    prop_assert_eq!(own, from, "{:?}", texts);
                }
            }
        }
    }
}
