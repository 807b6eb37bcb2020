//! Sentences of a passage: the boundaries of Unicode Standard Annex 29 (the `unicode-segmentation` crate), joined
//! again where the full stop belongs to an abbreviation, an initial or an ordinal number.

use crate::cue;
use crate::word;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// Bytes of a passage beyond which it is cut without looking: no sentence is that long.
const PASSAGE_MAX: usize = 200_000;

/// Places of the sentences of `text[range]`, in bytes of `text`, without the white space around them. A newline
/// inside the range is a space: the passage was wrapped.
pub(crate) fn sentences(text: &str, range: Range<usize>, language: Option<&str>) -> Vec<Range<usize>> {
    let base = range.start;
    let end = text.floor_char_boundary(range.end.min(base + PASSAGE_MAX));
    let Some(passage) = text.get(base..end) else { return Vec::new() };
    let flat;
    let passage = if passage.contains(['\n', '\r']) {
        // Byte for byte as long as the passage, so that places stay true.
        flat = passage.replace(['\n', '\r'], " ");
        flat.as_str()
    } else {
        passage
    };
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut open = false;
    for (at, piece) in passage.split_sentence_bound_indices() {
        let end = at + piece.len();
        match found.last_mut() {
            Some(last) if open => last.end = end,
            _ => found.push(at..end),
        }
        let so_far = found.last().and_then(|last| passage.get(last.clone())).unwrap_or(piece);
        open = stays_open(so_far.trim_end(), passage.get(end..).unwrap_or_default(), language);
    }
    found
        .into_iter()
        .filter_map(|sentence| {
            let raw = passage.get(sentence.clone())?;
            let start = sentence.start + (raw.len() - raw.trim_start().len());
            let trimmed = raw.trim();
            (!trimmed.is_empty()).then(|| base + start..base + start + trimmed.len())
        })
        .collect()
}

/// Whether the sentence goes on after this full stop.
fn stays_open(sentence: &str, rest: &str, language: Option<&str>) -> bool {
    let Some(before) = sentence.strip_suffix('.') else { return false };
    let tail = before.get(before.floor_char_boundary(before.len().saturating_sub(24))..).unwrap_or_default();
    let last = tail.rsplit([' ', '\u{a0}', '(', '[', '"', '“', '„', '«']).next().unwrap_or_default();
    let mut letters = last.chars();
    let only = match (letters.next(), letters.next()) {
        (Some(c), None) => Some(c),
        _ => None,
    };
    if only.is_some_and(char::is_uppercase) {
        return true;
    }
    let lower = last.to_lowercase();
    if cue::TITLES.contains(&lower.as_str()) {
        return true;
    }
    let next = word::spans(rest.get(..rest.floor_char_boundary(60)).unwrap_or_default())
        .next()
        .and_then(|span| rest.get(span.start..span.end))
        .unwrap_or_default();
    let starts_afresh = || {
        let next = next.to_lowercase();
        language.and_then(stop_words::lookup).is_some_and(|stop| stop.contains(&next.as_str()))
    };
    if cue::ABBREVIATIONS.contains(&lower.as_str()) || (lower.len() <= 6 && lower.contains('.')) {
        return !starts_afresh();
    }
    let number = !last.is_empty() && last.len() <= 2 && last.bytes().all(|byte| byte.is_ascii_digit());
    // "am 12. März", or the number of an item at the start of the passage.
    number
        && (before.trim() == last
            || language.is_some_and(|code| cue::ORDINAL_STOP.contains(&code)) && !starts_afresh())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
        sentences(text, 0..text.len(), Some(language)).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn abbreviations_do_not_end_sentences() {
        assert_eq!(
            cut(
                "Dr. J. K. Marsh of Orrin Inc. left at 5 p.m. yesterday. It rained, e.g. in Bath. Why?",
                "en"
            ),
            ["Dr. J. K. Marsh of Orrin Inc. left at 5 p.m. yesterday.", "It rained, e.g. in Bath.", "Why?"]
        );
        assert_eq!(
            cut("She joined Orrin Inc. The firm grew.", "en"),
            ["She joined Orrin Inc.", "The firm grew."]
        );
    }

    #[test]
    fn german_ordinals_do_not_end_sentences() {
        assert_eq!(
            cut("Die Sitzung vom 12. März fiel aus. Herr Dr. Lang war krank.", "de"),
            ["Die Sitzung vom 12. März fiel aus.", "Herr Dr. Lang war krank."]
        );
    }

    #[test]
    fn full_stops_of_other_scripts() {
        assert_eq!(cut("东京很大。北京也很大！是吗？", "zh"), ["东京很大。", "北京也很大！", "是吗？"]);
        assert_eq!(cut("यह एक है। वह दो है।", "hi"), ["यह एक है।", "वह दो है।"]);
    }

    #[test]
    fn a_wrapped_passage_is_read_through() {
        assert_eq!(
            cut("The first line\nends here. And a\nsecond one.", "en"),
            ["The first line\nends here.", "And a\nsecond one."]
        );
    }
}
