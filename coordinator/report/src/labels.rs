//! Names of documents, kept for lists that are only known at the end.

use std::collections::HashMap;

use sheaf_common::{id::DocumentId, record::Record};

use crate::{
    caps,
    shown::{Shown, Source},
    summary::DocumentRef,
};

/// Names of the first documents that were added, up to [`caps::LABELS`].
#[derive(Default)]
pub(crate) struct Labels {
    of: HashMap<u64, Label>,
    sequences: HashMap<DocumentId, u64>,
}

/// How a document is named, and what a list may want to say of it.
struct Label {
    id: Box<str>,
    title: Box<str>,
    source: Box<str>,
    phrases: Box<str>,
}

impl Labels {
    /// Remembers a document, if there is room.
    pub(crate) fn add(&mut self, sequence: u64, record: &Record) {
        if self.of.len() >= caps::LABELS {
            return;
        }
        let title = record.document.as_ref().and_then(|facts| facts.title.as_deref()).unwrap_or_default();
        let phrases = record.analysis.iter().flat_map(|analysis| &analysis.keywords).take(3);
        let phrases: Vec<_> = phrases.map(|keyword| Shown::new(&keyword.text, 32).to_string()).collect();
        // Longer ones are shown cut, and not linked.
        let source = if record.source.len() <= caps::LABEL_SOURCE {
            record.source.as_str().into()
        } else {
            Source::new(&record.source).shown().as_str().into()
        };
        let label = Label {
            id: Shown::new(record.id.as_str(), caps::NAME).as_str().into(),
            title: Shown::new(title, caps::TITLE).as_str().into(),
            source,
            phrases: phrases.join(", ").into(),
        };
        let first = self.sequences.entry(record.id.clone()).or_insert(sequence);
        *first = (*first).min(sequence);
        self.of.insert(sequence, label);
    }

    /// The document at this place in the input, as far as it is known.
    pub(crate) fn document(&self, sequence: u64) -> DocumentRef {
        let of = self.of.get(&sequence);
        let text = |text: Option<&str>, cap| text.map(|text| Shown::new(text, cap)).unwrap_or_default();
        DocumentRef {
            sequence,
            id: text(of.map(|label| &*label.id), caps::NAME),
            title: text(of.map(|label| &*label.title), caps::TITLE),
            source: Source::new(of.map_or("", |label| &*label.source)),
        }
    }

    /// The place in the input of the document with this id.
    pub(crate) fn sequence(&self, id: &DocumentId) -> Option<u64> {
        self.sequences.get(id).copied()
    }

    /// The first key phrases of a document; empty when it has none.
    pub(crate) fn phrases(&self, sequence: u64) -> &str {
        self.of.get(&sequence).map_or("", |label| &*label.phrases)
    }

    /// Places of the documents whose names are known, in input order.
    pub(crate) fn known(&self) -> Vec<u64> {
        let mut known: Vec<_> = self.of.keys().copied().collect();
        known.sort_unstable();
        known
    }
}
