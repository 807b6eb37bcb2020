//! Words that the guards know, in English, German, French and Spanish.

mod grammar;
mod measure;
mod polarity;
mod time;

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use super::stem::stem;

pub(super) use measure::{number, ordinal, scale, unit};
pub(super) use time::{is_month_only, moment, month};

/// A language whose grammar the guards know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Language {
    /// English.
    English = 1,
    /// German.
    German = 2,
    /// French.
    French = 3,
    /// Spanish.
    Spanish = 4,
}

impl Language {
    /// Every one.
    pub(super) const ALL: [Self; 4] = [Self::English, Self::German, Self::French, Self::Spanish];

    fn words(self) -> &'static str {
        match self {
            Self::English => grammar::ENGLISH,
            Self::German => grammar::GERMAN,
            Self::French => grammar::FRENCH,
            Self::Spanish => grammar::SPANISH,
        }
    }
}

/// Whether a lower-case word is one of a language's articles, auxiliaries and the like.
pub(super) fn is_grammar(language: Language, word: &str) -> bool {
    static WORDS: LazyLock<HashSet<(Language, &str)>> = LazyLock::new(|| {
        Language::ALL
            .iter()
            .flat_map(|language| language.words().split_whitespace().map(|word| (*language, word)))
            .collect()
    });
    WORDS.contains(&(language, word))
}

/// What a lower-case word says on a scale with two ends: the scale's number and the end, or 0 for a plain negation.
pub(super) fn polarity(word: &str) -> Option<u32> {
    static WORDS: LazyLock<HashMap<String, u32>> = LazyLock::new(|| {
        let mut words = HashMap::new();
        for word in polarity::NEGATIONS.split_whitespace() {
            words.insert(word.to_owned(), 0);
        }
        for (axis, (one, other)) in polarity::SCALES.iter().enumerate() {
            let ends = one.split_whitespace().map(|word| (word, 0));
            for (word, end) in ends.chain(other.split_whitespace().map(|word| (word, 1))) {
                let value = 2 * (axis as u32 + 1) + end;
                words.entry(word.to_owned()).or_insert(value);
                words.entry(stem(word).to_owned()).or_insert(value);
            }
        }
        words
    });
    WORDS.get(word).or_else(|| WORDS.get(stem(word))).copied()
}

/// Whether a lower-case word is of the furniture that pages put around a text.
pub(super) fn is_furniture(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| grammar::FURNITURE.split_whitespace().collect());
    WORDS.contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_at_both_ends_of_a_scale() {
        for (one, other) in polarity::SCALES {
            for word in one.split_whitespace() {
                assert!(!other.split_whitespace().any(|other| stem(other) == stem(word)), "{word}");
                assert_ne!(polarity(word), None, "{word}");
            }
        }
    }

    #[test]
    fn opposites_differ_and_inflections_agree() {
        assert_eq!(polarity("approved"), polarity("approves"));
        for (one, other) in [
            ("approved", "rejected"),
            ("increase", "decreased"),
            ("before", "after"),
            ("gestiegen", "gesunken"),
        ] {
            assert_ne!(polarity(one), polarity(other), "{one}");
            assert_eq!(polarity(one).map(|end| end / 2), polarity(other).map(|end| end / 2), "{one}");
        }
        assert_eq!(polarity("nicht"), Some(0));
        assert_eq!(polarity("table"), None);
    }
}
