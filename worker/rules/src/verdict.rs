//! How far the analysis is to be trusted, and whether a model should look.

use crate::flag::Flags;
use crate::kind::Kind;
use crate::language::Language;
use crate::reading::Reading;
use crate::summary::Summary;
use sheaf_common::analysis::Review;
use sheaf_common::document::{ContentType, Document};

/// Below this confidence a model should look.
pub(crate) const ADVISED_BELOW: f64 = 0.5;

/// Confidence and review.
pub(crate) fn of(
    document: &Document,
    reading: &Reading<'_>,
    summary: &Summary,
    kind: Kind,
    language: &Language,
    flags: &Flags,
) -> (f64, Review) {
    let mut reasons: Vec<String> = Vec::new();
    let mut confidence = 1.0;
    let mut weigh = |factor: f64, doubtful: bool, reason: String| {
        confidence *= factor;
        if doubtful {
            reasons.push(reason);
        }
    };
    let extraction = document.extraction_confidence.clamp(0.0, 1.0);
    weigh(
        extraction,
        extraction < 0.6,
        format!("the main text was found with a confidence of {extraction:.2} only"),
    );
    weigh(0.35 + 0.65 * kind.certainty, kind.certainty < 0.5, doubt_of_kind(kind));
    weigh(0.7 + 0.3 * language.certainty, language.certainty < 0.5, doubt_of_language(language));
    for (flag, factor, reason) in [
        ("empty", 0.0, "there is no text"),
        ("error_page", 0.6, "it looks like an error page, not like the document"),
        ("paywall", 0.6, "the text stops at a paywall"),
        ("garbled", 0.3, "characters are damaged"),
        ("boilerplate", 0.6, "much of the text is furniture of the site"),
        ("machine_made", 0.7, "the text repeats itself"),
        ("thin", 0.7, "there is little text"),
    ] {
        if flags.has(flag) {
            weigh(factor, true, reason.to_owned());
        }
    }
    if !flags.has("empty") && !matches!(kind.name, "source_code" | "data") {
        let (factor, reason) = quality(reading, summary);
        weigh(factor, reason.is_some(), reason.unwrap_or_default().to_owned());
    }
    let blank = document.marks.pages_without_text;
    if document.content_type == ContentType::Pdf && blank > 0 {
        let pages = document.marks.pages.unwrap_or(blank).max(blank);
        let share = blank as f64 / pages as f64;
        weigh(1.0 - share / 2.0, share > 0.2, format!("{blank} of {pages} pages have no text"));
    }
    let confidence = (confidence * 100.0).round() / 100.0;
    let advised = confidence < ADVISED_BELOW;
    if advised && reasons.is_empty() {
        reasons.push("several small doubts add up".to_owned());
    }
    (confidence, Review { advised, reasons })
}

fn doubt_of_kind(kind: Kind) -> String {
    match kind.name {
        "unknown" => "the rules cannot tell what kind of document it is".to_owned(),
        name => format!("that it is of the kind {name} is a guess"),
    }
}

fn doubt_of_language(language: &Language) -> String {
    match language.code {
        None => "the language cannot be told".to_owned(),
        Some(code) => format!("that the language is {code} is uncertain"),
    }
}

/// How good a summary by extraction can be of such a text.
fn quality(reading: &Reading<'_>, summary: &Summary) -> (f64, Option<&'static str>) {
    if summary.candidates == 0 {
        return (0.5, Some("no sentence of the text can stand in a summary"));
    }
    let read: usize = reading.passages.iter().map(|passage| passage.end - passage.start).sum();
    let told: usize = reading.sentences.iter().map(|sentence| sentence.range.len()).sum();
    if summary.candidates < 3 || told * 4 < read {
        return (0.75, Some("the text is a list or a table rather than sentences"));
    }
    if reading.tokens.len() > 10_000 {
        return (0.8, Some("the text is too long for a few of its sentences to stand for it"));
    }
    if summary.coverage < 0.25 {
        return (0.9, Some("the text speaks of more than its best sentences do"));
    }
    (1.0, None)
}
