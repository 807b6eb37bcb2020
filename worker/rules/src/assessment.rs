//! The whole answer of the rules.

use crate::entity::{self, Locale};
use crate::place::Places;
use crate::reading::Reading;
use crate::{fingerprint, flag, kind, language, phrase, readability, summary, verdict};
use sheaf_common::analysis::{Analysis, Fingerprint};
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
///
/// Time is linear in the text. Words and fingerprint are of the whole text; all else looks at its first MiB (about
/// 170,000 words), and the summary at the first 2,000 sentences, which also bounds the memory.
pub fn analyse(document: &Document) -> Assessment {
    let (fingerprint, words) = fingerprint::of(&document.text);
    let language = language::of(&document.text, document.declared_language.as_deref());
    let reading = Reading::new(document, language.code);
    let places = Places::new(reading.text);
    let flags = flag::of(document, &reading, words);
    let kind = kind::of(document, &reading, &flags);
    let summary = summary::of(&reading, &places, document.description.as_deref());
    let locale = Locale::new(language.code, document.declared_language.as_deref());
    let (confidence, review) = verdict::of(document, &reading, &summary, kind, &language, &flags);
    let analysis = Analysis {
        keywords: phrase::of(&reading),
        entities: entity::of(&reading, &places, locale),
        readability: readability::of(&reading),
        document_type: kind.name.to_owned(),
        summary: summary.text,
        key_points: summary.key_points,
        flags: flags.names(),
        confidence,
        review,
    };
    Assessment { analysis, language: language.code.map(str::to_owned), words, fingerprint }
}
