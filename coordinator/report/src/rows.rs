//! The documents of a set one by one, as many as a report lists.

use std::collections::BTreeMap;

use sheaf_common::record::{Record, Status};

use crate::{
    caps,
    shown::Shown,
    summary::{DocumentRef, DocumentRow, Point},
};

/// Keeps the first documents by input order, and the first failed ones beyond them.
#[derive(Default)]
pub(crate) struct Rows {
    first: BTreeMap<u64, DocumentRow>,
    failed: BTreeMap<u64, DocumentRow>,
}

impl Rows {
    /// Takes a document in if it is among the first.
    pub(crate) fn add(&mut self, sequence: u64, record: &Record) {
        let last = self.first.last_key_value().map_or(0, |(&last, _)| last);
        if self.first.len() < caps::ROWS || sequence < last {
            self.first.insert(sequence, row(sequence, record));
            if self.first.len() > caps::ROWS
                && let Some((pushed_out, row)) = self.first.pop_last()
                && matches!(row.status, Status::Failed | Status::Incomplete)
            {
                self.failed.insert(pushed_out, row);
            }
        } else if matches!(record.status, Status::Failed | Status::Incomplete) {
            let last = self.failed.last_key_value().map_or(0, |(&last, _)| last);
            if self.failed.len() < caps::FAILED_ROWS || sequence < last {
                self.failed.insert(sequence, row(sequence, record));
            }
        }
        while self.failed.len() > caps::FAILED_ROWS {
            self.failed.pop_last();
        }
    }

    /// The documents in input order.
    pub(crate) fn into_rows(self) -> Vec<DocumentRow> {
        self.first.into_values().chain(self.failed.into_values()).collect()
    }
}

fn row(sequence: u64, record: &Record) -> DocumentRow {
    let facts = record.document.as_ref();
    let analysis = record.analysis.as_ref();
    let declared = |text: Option<&String>| text.map(|text| Shown::new(text, caps::NAME)).unwrap_or_default();
    let names = |names: &[String], cap: usize| {
        names.iter().take(caps::PHRASES_OF_DOCUMENT).map(|name| Shown::new(name, cap)).collect()
    };
    let points = analysis.iter().flat_map(|analysis| &analysis.key_points).take(caps::POINTS);
    let keywords = analysis.iter().flat_map(|analysis| &analysis.keywords).take(caps::PHRASES_OF_DOCUMENT);
    DocumentRow {
        document: DocumentRef::new(sequence, record),
        status: record.status,
        content_type: facts.map_or("", |facts| facts.content_type.media_type()),
        document_type: analysis
            .map(|analysis| Shown::new(&analysis.document_type, caps::NAME))
            .unwrap_or_default(),
        language: declared(facts.and_then(|facts| facts.language.as_ref())),
        words: facts.map_or(0, |facts| facts.words as u64),
        published: declared(facts.and_then(|facts| facts.published.as_ref())),
        author: declared(facts.and_then(|facts| facts.author.as_ref())),
        summary: analysis.map(|analysis| Shown::new(&analysis.summary, caps::SUMMARY)).unwrap_or_default(),
        points: points
            .map(|point| Point {
                text: Shown::new(&point.text, caps::POINT),
                place: (point.place.start, point.place.end),
            })
            .collect(),
        keywords: keywords.map(|keyword| Shown::new(&keyword.text, caps::NAME)).collect(),
        flags: analysis.map(|analysis| names(&analysis.flags, caps::NAME)).unwrap_or_default(),
        remarks: facts.map(|facts| names(&facts.remarks, caps::MESSAGE)).unwrap_or_default(),
        confidence: analysis.map(|analysis| analysis.confidence),
        advised: analysis.is_some_and(|analysis| analysis.review.advised),
        error: record.error.as_ref().map(|fault| {
            (fault.kind, Shown::new(&fault.message, caps::MESSAGE), Shown::new(&fault.hint, caps::MESSAGE))
        }),
    }
}
