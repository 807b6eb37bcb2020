//! A summary that lacks names: what is known when all records have been seen once.

use std::collections::BTreeMap;

use sheaf_common::record::Record;

use crate::{
    caps,
    headline::headline,
    shown::Shown,
    summary::{DocumentRef, OutlierReason, Summary},
    topics::Shared,
};

/// A summary that lacks the names of the documents in its lists and the wording of what they share.
///
/// Which documents those are is known only now, so a bounded number of records must be seen once more: give each that is
/// [`wanted`](Self::wanted) to [`name`](Self::name). A document that is not named keeps its place in the input; a topic
/// that no record has worded is left out.
pub struct Draft {
    summary: Summary,
    phrases: Shared,
    entities: Shared,
    names: BTreeMap<u64, Option<Name>>,
}

/// How a document is named, and what a list may want to say of it.
struct Name {
    document: DocumentRef,
    phrases: String,
}

impl Draft {
    /// What is known of a run but for names, topics and headline.
    pub(crate) fn new(mut summary: Summary, phrases: Shared, entities: Shared) -> Self {
        let listed = summary.documents_mut().map(|document| document.sequence).collect::<Vec<_>>();
        let shared = phrases.wanted().chain(entities.wanted());
        let names = listed.into_iter().chain(shared).map(|sequence| (sequence, None)).collect();
        Self { summary, phrases, entities, names }
    }

    /// Places in the input of the documents whose records must be seen again, in ascending order.
    pub fn wanted(&self) -> impl Iterator<Item = u64> {
        self.names.keys().copied()
    }

    /// Takes names from the record of the document at place `sequence` of the input; one that is not wanted changes
    /// nothing.
    pub fn name(&mut self, sequence: u64, record: &Record) {
        let Some(name) = self.names.get_mut(&sequence) else { return };
        let keywords = record.analysis.iter().flat_map(|analysis| &analysis.keywords);
        let phrases = keywords.take(caps::EXAMPLES).map(|keyword| Shown::new(&keyword.text, 32).to_string());
        *name = Some(Name {
            document: DocumentRef::new(sequence, record),
            phrases: phrases.collect::<Vec<_>>().join(", "),
        });
        if let Some(analysis) = &record.analysis {
            self.phrases.word_phrases(sequence, analysis);
            self.entities.word_entities(sequence, analysis);
        }
    }

    /// The summary, with the names that were given.
    pub fn summary(self) -> Summary {
        let Self { mut summary, phrases, entities, names } = self;
        summary.topics = phrases.topics();
        summary.entities = entities.entities();
        summary.headline =
            headline(&summary.counts, &summary.topics, &summary.languages, &summary.document_types);
        let named = |sequence: u64| names.get(&sequence).and_then(Option::as_ref);
        for document in summary.documents_mut() {
            if let Some(name) = named(document.sequence) {
                document.clone_from(&name.document);
            }
        }
        for outlier in &mut summary.outliers.items {
            let apart = |(reason, _): &(&OutlierReason, _)| **reason == OutlierReason::NoSharedTopic;
            if let Some((_, why)) = outlier.reasons.iter().zip(&mut outlier.why).find(apart)
                && let Some(name) = named(outlier.document.sequence).filter(|name| !name.phrases.is_empty())
            {
                *why = Shown::new(&format!("{why}; it is about {}", name.phrases), caps::MESSAGE);
            }
        }
        summary
    }
}
