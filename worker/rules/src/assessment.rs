//! The whole answer of the rules.

use crate::{fingerprint, language};
use sheaf_common::analysis::{Analysis, Fingerprint, Review};
use sheaf_common::document::Document;

/// What the rules say of a document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Assessment {
    /// Summary, key points, key phrases, entities, type, flags, readability, confidence.
    pub analysis: Analysis,
    /// Language of the text, ISO 639-1; `None` when the text is too short or too odd to tell.
    pub language: Option<String>,
    /// Words of the text; in scripts written without spaces every character counts.
    pub words: usize,
    /// Signature for near-duplicates; `None` for texts too short to have one.
    pub fingerprint: Option<Fingerprint>,
}

/// Analyses a document. Pure: the same document gives the same answer everywhere and always.
pub fn analyse(document: &Document) -> Assessment {
    let (fingerprint, words) = fingerprint::of(&document.text);
    let language = language::of(&document.text, document.declared_language.as_deref());
    let analysis = Analysis {
        document_type: document.page_kind.clone().unwrap_or_else(|| "unknown".to_owned()),
        confidence: 0.0,
        review: Review { advised: true, reasons: vec!["the rules have not looked".to_owned()] },
        ..Analysis::default()
    };
    Assessment { analysis, language: language.code.map(str::to_owned), words, fingerprint }
}
