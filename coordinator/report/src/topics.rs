//! Key phrases and entities shared by several documents.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
    io,
};

use sheaf_common::analysis::{Analysis, EntityKind};

use crate::{
    bits::Bits,
    caps,
    index::{Entry, Index, MORE_BITS, Table, Tables, key},
    shown::Shown,
    summary::{DocumentRef, Listed, Topic},
};

/// A phrase within a longer one is left out when the longer one covers at least this share of its documents.
const COVERED: f64 = 0.6;
/// Bits of a weight, in millionths.
const WEIGHT_BITS: u32 = 20;
/// Words of a phrase beyond which it says no more.
const MOST_WORDS: usize = 4;

/// A text as a document has it.
struct Text {
    /// What makes it the same in another document.
    key: String,
    /// As it is shown.
    form: Shown,
    /// How much it says of the document, in millionths.
    weight: u32,
}

/// The key phrases of a document, each once.
fn phrases(analysis: &Analysis) -> impl Iterator<Item = Text> {
    let mut seen = HashSet::new();
    let keywords = analysis.keywords.iter().take(caps::COUNTED_PHRASES);
    keywords.filter_map(move |keyword| {
        let form = Shown::new(&keyword.text, caps::NAME);
        let key = form.as_str().to_lowercase();
        let fit = key.chars().filter(|c| c.is_alphabetic()).count() >= 2 && seen.insert(key.clone());
        fit.then(|| Text { key, form, weight: (keyword.score.clamp(0.0, 1.0) * 1e6) as u32 })
    })
}

/// The names and addresses in a document, each once.
fn entities(analysis: &Analysis) -> impl Iterator<Item = Text> {
    let mut seen = HashSet::new();
    let entities = analysis.entities.iter().take(caps::COUNTED_ENTITIES);
    let named = entities.filter(|entity| matches!(entity.kind, EntityKind::Name | EntityKind::Email));
    named.filter_map(move |entity| {
        let form = Shown::new(entity.value.as_deref().unwrap_or(&entity.text), caps::NAME);
        let key = form.as_str().to_lowercase();
        let fit = key.chars().count() >= 3 && seen.insert(key.clone());
        fit.then_some(Text { key, form, weight: 0 })
    })
}

/// Takes in a document; answers whether it has key phrases.
pub(crate) fn add(document: u32, analysis: &Analysis, index: &mut Index) -> io::Result<bool> {
    let mut any = false;
    for phrase in phrases(analysis) {
        let words = phrase.key.split(' ').count().min(MOST_WORDS) as u32;
        let more = words << WEIGHT_BITS | phrase.weight;
        index.add(Table::Phrase, Entry { key: key(&phrase.key), document, more })?;
        any = true;
    }
    for entity in entities(analysis) {
        index.add(Table::Entity, Entry { key: key(&entity.key), document, more: 0 })?;
    }
    Ok(any)
}

const _: () = assert!(1_000_000 < 1 << WEIGHT_BITS && MOST_WORDS < 1 << (MORE_BITS - WEIGHT_BITS));

/// Texts shared by several documents: those that say most, of which some are listed when all have been named.
#[derive(Default)]
pub(crate) struct Shared {
    total: u64,
    /// By their keys.
    best: BTreeMap<u64, Candidate>,
}

/// A text that may be listed.
struct Candidate {
    told: u64,
    documents: u64,
    examples: Vec<u64>,
    /// Its key and how the first document has it, once that is known.
    text: Option<(String, Shown)>,
}

/// The key phrases that are shared; and the documents that share one.
pub(crate) fn shared_phrases(tables: &mut Tables) -> io::Result<(Shared, Bits)> {
    let mut sharing = Bits::default();
    let shared = Shared::read(Table::Phrase, tables, |document| sharing.set(document))?;
    Ok((shared, sharing))
}

/// The names and addresses that are shared.
pub(crate) fn shared_entities(tables: &mut Tables) -> io::Result<Shared> {
    Shared::read(Table::Entity, tables, |_| {})
}

impl Shared {
    fn read(table: Table, tables: &mut Tables, mut sharing: impl FnMut(u32)) -> io::Result<Self> {
        // The first to be left out is the one that says least.
        let mut ranks: BTreeMap<(Reverse<u64>, Reverse<u64>, u64), Vec<u64>> = BTreeMap::new();
        let mut total = 0;
        let mut next = tables.next(table)?;
        while let Some(first) = next {
            // Scores of a phrase add up over documents; a phrase of several words says more than a single one.
            let worth = 2 + u64::from(first.more >> WEIGHT_BITS);
            let (mut weight, mut documents, mut examples) = (0_u64, 0_u64, Vec::new());
            while let Some(entry) = next.filter(|entry| entry.key == first.key) {
                documents += 1;
                weight = weight.saturating_add(u64::from(entry.more & ((1 << WEIGHT_BITS) - 1)));
                if examples.len() < caps::EXAMPLES {
                    examples.push(u64::from(entry.document));
                }
                if documents == 2 {
                    sharing(first.document);
                }
                if documents > 1 {
                    sharing(entry.document);
                }
                next = tables.next(table)?;
            }
            if documents > 1 {
                total += 1;
                let told = weight.saturating_mul(worth);
                ranks.insert((Reverse(told), Reverse(documents), first.key), examples);
                if ranks.len() > caps::CANDIDATES {
                    ranks.pop_last();
                }
            }
        }
        let best = ranks.into_iter().map(|((Reverse(told), Reverse(documents), key), examples)| {
            (key, Candidate { told, documents, examples, text: None })
        });
        Ok(Self { total, best: best.collect() })
    }

    /// Places in the input of the documents that must be seen again.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = u64> {
        self.best.values().flat_map(|candidate| candidate.examples.iter().copied())
    }

    /// Takes the wording of key phrases from a document.
    pub(crate) fn word_phrases(&mut self, sequence: u64, analysis: &Analysis) {
        self.word(sequence, phrases(analysis));
    }

    /// Takes the wording of names and addresses from a document.
    pub(crate) fn word_entities(&mut self, sequence: u64, analysis: &Analysis) {
        self.word(sequence, entities(analysis));
    }

    fn word(&mut self, sequence: u64, texts: impl Iterator<Item = Text>) {
        for text in texts {
            if let Some(candidate) = self.best.get_mut(&key(&text.key))
                && candidate.examples.first() == Some(&sequence)
            {
                candidate.text = Some((text.key, text.form));
            }
        }
    }

    /// Those that have a wording, the most telling first.
    fn worded(&self) -> Vec<(&str, &Shown, &Candidate)> {
        let worded = self.best.values().filter_map(|candidate| {
            let (key, form) = candidate.text.as_ref()?;
            Some((key.as_str(), form, candidate))
        });
        let mut worded: Vec<_> = worded.collect();
        worded.sort_unstable_by_key(|&(key, _, of)| (Reverse(of.told), Reverse(of.documents), key));
        worded
    }

    /// The most telling of the key phrases, longer phrases before their parts.
    pub(crate) fn topics(&self) -> Listed<Topic> {
        let worded = self.worded();
        let covered = |key: &str, part: &Candidate| {
            worded.iter().any(|(longer, _, of)| {
                longer.len() > key.len()
                    && contains_words(longer, key)
                    && of.documents as f64 >= COVERED * part.documents as f64
            })
        };
        let kept = worded.iter().filter(|(key, _, candidate)| !covered(key, candidate)).take(caps::TOPICS);
        let mut items: Vec<_> = kept.map(|(_, form, candidate)| topic(form, candidate)).collect();
        items.sort_by_key(|topic| Reverse(topic.documents));
        Listed { total: self.total, items }
    }

    /// The most frequent of the names and addresses.
    pub(crate) fn entities(&self) -> Listed<Topic> {
        let items = self.worded().into_iter().take(caps::ENTITIES);
        Listed { total: self.total, items: items.map(|(_, form, of)| topic(form, of)).collect() }
    }
}

fn topic(form: &Shown, candidate: &Candidate) -> Topic {
    Topic {
        text: form.clone(),
        documents: candidate.documents,
        examples: candidate.examples.iter().copied().map(DocumentRef::unnamed).collect(),
    }
}

/// Whether the words of `part` stand one after the other in `whole`.
fn contains_words(whole: &str, part: &str) -> bool {
    format!(" {whole} ").contains(&format!(" {part} "))
}
