//! A record and a copy for tests.

use sheaf_common::{
    document::ContentType,
    id::DocumentId,
    record::{Record, Status, Timings},
};

use crate::{contents::Copy, folder::Accepted, source::Candidate};

/// The record of an analysed plain text; those with one `sha256` have one content.
pub(crate) fn analysed(id: &DocumentId, source: &str, sha256: &str, title: &str) -> Record {
    let facts = serde_json::json!({
        "title": title, "content_type": ContentType::Text, "language": null, "words": 5, "sha256": sha256,
        "published": null, "author": null, "extraction_confidence": 1.0,
    });
    let facts = serde_json::from_value(facts).unwrap();
    Record {
        status: Status::Ok,
        document: Some(facts),
        ..Record::without_answer(id.clone(), source.to_owned(), None)
    }
}

/// A downloaded document with this place in the input.
pub(crate) fn copy(sequence: u64) -> Copy {
    let candidate = Candidate::file("a".into());
    let accepted = Accepted { sequence, id: DocumentId::new("0"), candidate, repeats: 0 };
    Copy { accepted, attempts: 1, timings: Timings::default() }
}
