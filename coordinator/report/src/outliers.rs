//! Documents unlike the rest.

use std::collections::BTreeMap;

use crate::{
    bits::Bits,
    caps, language,
    lengths::LengthTally,
    shown::Shown,
    summary::{DocumentRef, Listed, Outlier, OutlierReason},
    tally::Tally,
};

/// When more than this share of the documents stand apart by topic, the set has no common ground to stand apart from.
const MOSTLY_APART: f64 = 0.34;
/// A language is that of the set when at least this share of its documents are in it.
const SET_LANGUAGE: f64 = 0.7;
/// A language is another one when at most this share of the documents are in it (or a single document is).
const OTHER_LANGUAGE: f64 = 0.05;

/// What is known of the analysed documents, `documents` of them.
pub(crate) struct Ground<'a> {
    pub(crate) documents: u64,
    /// Those that have key phrases.
    pub(crate) with_phrases: &'a Bits,
    /// Those of them that share a key phrase with another.
    pub(crate) sharing: &'a Bits,
    pub(crate) languages: &'a Tally,
    pub(crate) lengths: &'a LengthTally,
}

/// Documents unlike the rest, those with several reasons first; and a remark when there is no common ground.
pub(crate) fn outliers(ground: &Ground<'_>) -> (Listed<Outlier>, Option<Shown>) {
    let mut found: BTreeMap<u64, Vec<(OutlierReason, String)>> = BTreeMap::new();
    let mut unlisted = 0;
    let mut remark = None;
    if ground.documents < caps::SMALLEST_SET {
        return (Listed::default(), None);
    }

    let with_phrases = ground.with_phrases.count();
    let apart = with_phrases.saturating_sub(ground.sharing.count());
    if apart as f64 > MOSTLY_APART * with_phrases as f64 {
        remark = Some(format!(
            "{apart} of {with_phrases} documents share no key phrase with another: the set has no common ground."
        ));
    } else {
        unlisted += apart.saturating_sub(caps::OUTLIERS as u64);
        for sequence in ground.with_phrases.without(ground.sharing).take(caps::OUTLIERS) {
            let why = "shares no key phrase with another document".to_owned();
            found.entry(sequence).or_default().push((OutlierReason::NoSharedTopic, why));
        }
    }

    let languages = ground.languages.by_count();
    if let Some((most, of)) = languages.first()
        && of.count as f64 >= SET_LANGUAGE * ground.documents as f64
    {
        let rare = |count: u64| count == 1 || count as f64 <= OTHER_LANGUAGE * ground.documents as f64;
        for (code, other) in languages.iter().skip(1).filter(|(_, other)| rare(other.count)) {
            unlisted += other.count.saturating_sub(other.examples.len() as u64);
            for &sequence in &other.examples {
                let name = |code| language::name(code).unwrap_or(code).to_owned();
                let why = format!("is in {}, the set in {}", name(code), name(most));
                found.entry(sequence).or_default().push((OutlierReason::OtherLanguage, why));
            }
        }
    }

    let median = ground.lengths.lengths().median;
    for (sequence, words) in ground.lengths.far_longer() {
        let why = format!("is far longer than the rest: {words} words, the median is {median}");
        found.entry(sequence).or_default().push((OutlierReason::VeryLong, why));
    }
    for (sequence, words) in ground.lengths.far_shorter() {
        let why = format!("is far shorter than the rest: {words} words, the median is {median}");
        found.entry(sequence).or_default().push((OutlierReason::VeryShort, why));
    }

    let total = found.len() as u64 + unlisted;
    let mut items: Vec<_> = found
        .into_iter()
        .map(|(sequence, reasons)| Outlier {
            document: DocumentRef::unnamed(sequence),
            why: reasons.iter().map(|(_, why)| Shown::new(why, caps::MESSAGE)).collect(),
            reasons: reasons.into_iter().map(|(reason, _)| reason).collect(),
        })
        .collect();
    items.sort_by_key(|outlier| (std::cmp::Reverse(outlier.reasons.len()), outlier.document.sequence));
    items.truncate(caps::OUTLIERS * 2);
    (Listed { total, items }, remark.map(|text| Shown::new(&text, caps::MESSAGE)))
}
