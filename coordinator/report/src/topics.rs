//! Key phrases and entities shared by several documents.

use std::collections::HashSet;

use sheaf_common::analysis::{Analysis, EntityKind};

use crate::{
    caps,
    labels::Labels,
    shown::Shown,
    summary::{Listed, Topic},
    tally::{Entry, Met, Tally},
};

/// A phrase within a longer one is left out when the longer one covers at least this share of its documents.
const COVERED: f64 = 0.6;

/// Counts key phrases and entities by document, and remembers which documents share a key phrase with another.
pub(crate) struct Topics {
    phrases: Tally,
    entities: Tally,
    sharing: Bits,
    /// Documents that have key phrases.
    with_phrases: u64,
}

impl Topics {
    /// No documents yet.
    pub(crate) fn new() -> Self {
        Self {
            phrases: Tally::new(caps::PHRASES, caps::EXAMPLES),
            entities: Tally::new(caps::PHRASES, caps::EXAMPLES),
            sharing: Bits::default(),
            with_phrases: 0,
        }
    }

    /// Counts a document.
    pub(crate) fn add(&mut self, sequence: u64, analysis: &Analysis) {
        let mut seen = HashSet::new();
        for keyword in analysis.keywords.iter().take(caps::COUNTED_PHRASES) {
            let form = Shown::new(&keyword.text, caps::NAME);
            let key = form.as_str().to_lowercase();
            if key.chars().filter(|c| c.is_alphabetic()).count() < 2 || !seen.insert(key.clone()) {
                continue;
            }
            let weight = (keyword.score.clamp(0.0, 1.0) * 1e6) as u64;
            match self.phrases.add(&key, form.as_str(), sequence, weight) {
                Met::First => {}
                Met::OnceIn(other) => {
                    self.sharing.set(other);
                    self.sharing.set(sequence);
                }
                Met::Often => self.sharing.set(sequence),
            }
        }
        self.with_phrases += u64::from(!seen.is_empty());

        seen.clear();
        for entity in analysis.entities.iter().take(caps::COUNTED_ENTITIES) {
            if !matches!(entity.kind, EntityKind::Name | EntityKind::Email) {
                continue;
            }
            let form = Shown::new(entity.value.as_deref().unwrap_or(&entity.text), caps::NAME);
            let key = form.as_str().to_lowercase();
            if key.chars().count() >= 3 && seen.insert(key.clone()) {
                self.entities.add(&key, form.as_str(), sequence, entity.count as u64);
            }
        }
    }

    /// Documents that have key phrases, and share none with another document.
    pub(crate) fn apart(&self) -> u64 {
        self.with_phrases.saturating_sub(self.sharing.count())
    }

    /// Documents that have key phrases.
    pub(crate) fn with_phrases(&self) -> u64 {
        self.with_phrases
    }

    /// Whether a document shares a key phrase with another; one that cannot be remembered is said to.
    pub(crate) fn shares(&self, sequence: u64) -> bool {
        self.sharing.get(sequence)
    }

    /// By how much a count may be too low.
    pub(crate) fn error(&self) -> u64 {
        self.phrases.error()
    }

    /// Key phrases shared by several documents: those with the greatest weight, longer phrases before their parts.
    pub(crate) fn topics(&self, labels: &Labels) -> Listed<Topic> {
        // Scores of a phrase add up over documents; a phrase of several words says more than a single one.
        let told =
            |key: &str, entry: &Entry| entry.weight.saturating_mul(2 + key.split(' ').count().min(4) as u64);
        let mut shared: Vec<_> =
            self.phrases.by_count().into_iter().filter(|(_, entry)| entry.count > 1).collect();
        let total = shared.len() as u64;
        shared.sort_by_key(|(key, entry)| std::cmp::Reverse(told(key, entry)));
        shared.truncate(caps::TOPICS * 8);
        let covered = |key: &str, entry: &Entry| {
            shared.iter().any(|&(longer, of)| {
                longer.len() > key.len()
                    && contains_words(longer, key)
                    && of.count as f64 >= COVERED * entry.count as f64
            })
        };
        let kept = shared.iter().filter(|&&(key, entry)| !covered(key, entry));
        let mut items: Vec<_> = kept.take(caps::TOPICS).map(|(_, entry)| topic(entry, labels)).collect();
        items.sort_by_key(|topic| std::cmp::Reverse(topic.documents));
        Listed { total, items }
    }

    /// Names and addresses shared by several documents, the most frequent first.
    pub(crate) fn entities(&self, labels: &Labels) -> Listed<Topic> {
        let shared = self.entities.by_count().into_iter().filter(|(_, entry)| entry.count > 1);
        Listed::cut(shared.map(|(_, entry)| topic(entry, labels)).collect(), caps::ENTITIES)
    }
}

fn topic(entry: &Entry, labels: &Labels) -> Topic {
    Topic {
        text: Shown::new(&entry.form, caps::NAME),
        documents: entry.count,
        examples: entry.examples.iter().map(|&sequence| labels.document(sequence)).collect(),
    }
}

/// Whether the words of `part` stand one after the other in `whole`.
fn contains_words(whole: &str, part: &str) -> bool {
    format!(" {whole} ").contains(&format!(" {part} "))
}

/// A set of small numbers, a bit each; numbers from [`caps::SHARING`] on are always in it.
#[derive(Default)]
struct Bits {
    words: Vec<u64>,
    count: u64,
}

impl Bits {
    fn set(&mut self, number: u64) {
        if number >= caps::SHARING {
            return;
        }
        let at = (number / 64) as usize;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let bit = 1 << (number % 64);
        if let Some(word) = self.words.get_mut(at)
            && *word & bit == 0
        {
            *word |= bit;
            self.count += 1;
        }
    }

    fn get(&self, number: u64) -> bool {
        number >= caps::SHARING
            || self.words.get((number / 64) as usize).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    fn count(&self) -> u64 {
        self.count
    }
}
