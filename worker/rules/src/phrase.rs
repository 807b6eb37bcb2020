//! Key phrases: runs of up to four words without a stop word among them (as in RAKE: Rose, Engel, Cramer and Cowley,
//! 2010), weighed by how often they stand on their own rather than inside a longer phrase (the C-value: Frantzi,
//! Ananiadou and Mima, 2000), by how early they come and by whether title or headings name them. In scripts without
//! spaces the words of a phrase are characters, and it must come back to count.

use crate::passage::PassageKind;
use crate::reading::{Reading, TermId, Token};
use crate::word;
use foldhash::{HashMap, HashMapExt};
use sheaf_common::analysis::Keyword;
use std::collections::BTreeMap;

/// Words of the longest phrase.
const LENGTH_MAX: usize = 4;
/// Phrases of a document.
const PHRASES_MAX: usize = 10;
/// Phrases considered for a place among them.
const SHORTLIST: usize = 60;

type Key = [TermId; LENGTH_MAX];
const NO_TERM: TermId = TermId::MAX;

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    count: u32,
    /// In headings.
    headed: u32,
    /// First token.
    first: u32,
    /// Occurrences within longer candidates, and how many of those there are.
    nested: u32,
    nests: u32,
}

/// The key phrases of a text, best first.
pub(crate) fn of(reading: &Reading<'_>) -> Vec<Keyword> {
    let tallies = tally(reading);
    let mut scored: Vec<(f64, u32, usize, Key)> = tallies
        .iter()
        .filter_map(|(key, tally)| Some((score(reading, key, tally)?, tally.first, length(key), *key)))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(b.2.cmp(&a.2)).then(a.3.cmp(&b.3)));
    scored.truncate(SHORTLIST);
    let wanted = (reading.tokens.len() / 40).clamp(3, PHRASES_MAX);
    let mut chosen: Vec<(f64, Key)> = Vec::new();
    for (score, _, _, key) in scored {
        if !chosen.iter().any(|(_, other)| repeats(&key, other)) {
            chosen.push((score, key));
        }
        if chosen.len() == wanted {
            break;
        }
    }
    let best = chosen.first().map_or(1.0, |(score, _)| *score);
    let surfaces = surfaces(reading, &chosen);
    let rounded = |score: f64| (score / best * 1_000.0).round() / 1_000.0;
    chosen.iter().zip(surfaces).map(|((score, _), text)| Keyword { text, score: rounded(*score) }).collect()
}

fn length(key: &Key) -> usize {
    key.iter().take_while(|&&term| term != NO_TERM).count()
}

fn words(key: &Key) -> &[TermId] {
    key.get(..length(key)).unwrap_or_default()
}

/// One phrase is part of the other, or they are the same words in another order.
fn repeats(one: &Key, other: &Key) -> bool {
    let (short, long) =
        if length(one) <= length(other) { (words(one), words(other)) } else { (words(other), words(one)) };
    let shared = short.iter().filter(|term| long.contains(term)).count();
    shared == short.len() || (shared >= 2 && shared * 3 >= long.len() * 2)
}

/// Counts every candidate.
fn tally(reading: &Reading<'_>) -> HashMap<Key, Tally> {
    let mut tallies: HashMap<Key, Tally> = HashMap::new();
    for_each_run(reading, |run, at, headed| {
        for start in 0..run.len() {
            let mut key = [NO_TERM; LENGTH_MAX];
            for (length, token) in run.iter().skip(start).take(LENGTH_MAX).enumerate() {
                if let Some(slot) = key.get_mut(length) {
                    *slot = token.term;
                }
                let tally =
                    tallies.entry(key).or_insert(Tally { first: (at + start) as u32, ..Tally::default() });
                tally.count += 1;
                tally.headed += u32::from(headed);
            }
        }
    });
    let lasting = if reading.tokens.len() < 400 { 1 } else { 2 };
    let longer: Vec<(Key, u32)> = tallies
        .iter()
        .filter(|(key, tally)| length(key) > 1 && tally.count > 1)
        .map(|(key, tally)| (*key, tally.count))
        .collect();
    for (key, count) in longer {
        let whole = words(&key);
        for size in 1..whole.len() {
            for part in whole.windows(size) {
                let mut inner = [NO_TERM; LENGTH_MAX];
                inner.iter_mut().zip(part).for_each(|(slot, term)| *slot = *term);
                if let Some(tally) = tallies.get_mut(&inner) {
                    tally.nested += count;
                    tally.nests += 1;
                }
            }
        }
    }
    tallies.retain(|_, tally| tally.count >= lasting || tally.headed > 0);
    tallies
}

/// Calls for every run of words between stop words, punctuation and the ends of passages. In a long text a word that
/// comes once ends a run, which keeps the number of candidates far below the number of words.
fn for_each_run(reading: &Reading<'_>, mut call: impl FnMut(&[Token], usize, bool)) {
    let long = reading.tokens.len() > 2_000;
    for passage in reading.passages.iter().filter(|passage| passage.kind != PassageKind::Code) {
        let tokens = reading.tokens_in(passage.start, passage.end);
        let base = reading.tokens.partition_point(|token| token.span.start < passage.start);
        let headed = passage.kind == PassageKind::Heading;
        let mut start = 0;
        for at in 0..=tokens.len() {
            let belongs = tokens.get(at).is_some_and(|token| {
                reading
                    .term(token.term)
                    .is_some_and(|term| !(term.stop || term.number || (long && term.count < 2)))
            });
            let before = at.checked_sub(1).and_then(|before| tokens.get(before));
            let joined = match (before, tokens.get(at)) {
                (Some(before), Some(token)) => joins(reading, before, token),
                _ => false,
            };
            if (!belongs || !joined) && start < at {
                call(tokens.get(start..at).unwrap_or_default(), base + start, headed);
                start = at;
            }
            if !belongs {
                start = at + 1;
            }
        }
    }
}

/// Two words stand side by side: a space between them, or in a script without spaces nothing.
fn joins(reading: &Reading<'_>, before: &Token, token: &Token) -> bool {
    let gap = reading.text.get(before.span.end..token.span.start).unwrap_or("?");
    let first = |token: &Token| reading.word(token).chars().next().is_some_and(word::is_unspaced);
    match gap {
        "" => first(before) && first(token),
        " " | "\u{a0}" | "\n" => !first(before) && !first(token),
        _ => false,
    }
}

fn score(reading: &Reading<'_>, key: &Key, tally: &Tally) -> Option<f64> {
    let words = words(key);
    let tokens = reading.tokens.len();
    let text_of_first = reading.tokens.get(tally.first as usize).map(|token| reading.word(token))?;
    let unspaced = text_of_first.chars().next().is_some_and(word::is_unspaced);
    let single = words.len() == 1;
    if single && (text_of_first.chars().count() < 3 || (unspaced && text_of_first.chars().count() < 2)) {
        return None;
    }
    let least = match (single || unspaced, tokens) {
        (false, 0..=400) => 1,
        (true, 1_001..) => 3,
        _ => 2,
    };
    let announced =
        words.iter().filter(|term| reading.announced.contains(term)).count() as f64 / words.len() as f64;
    if tally.count < least && (announced < 1.0 || unspaced) {
        return None;
    }
    let alone = if tally.nests == 0 {
        f64::from(tally.count)
    } else {
        f64::from(tally.count) - f64::from(tally.nested) / f64::from(tally.nests)
    };
    if alone < 0.5 {
        return None;
    }
    // log2(length + 1), but a single word needs half as much again to stand beside a phrase.
    let long = if single { 0.7 } else { ((words.len() as f64) + 1.0).log2() };
    // Chance puts three words side by side once; a name or a subject comes again, or the title has it.
    let chance =
        if tally.count == 1 && announced < 0.5 { if words.len() > 2 { 0.3 } else { 0.6 } } else { 1.0 };
    let early = 1.0 + 0.5 / (1.0 + f64::from(tally.first) / 150.0);
    let headed = if tally.headed > 0 { 1.3 } else { 1.0 };
    Some(alone.ln_1p() * long * early * headed * (1.0 + 0.7 * announced) * chance)
}

/// How each phrase most often stands in the text; of equals the one that comes first.
fn surfaces(reading: &Reading<'_>, chosen: &[(f64, Key)]) -> Vec<String> {
    let mut found: Vec<BTreeMap<&str, (u32, usize)>> = vec![BTreeMap::new(); chosen.len()];
    for_each_run(reading, |run, _, headed| {
        for start in 0..run.len() {
            for (forms, (_, key)) in found.iter_mut().zip(chosen) {
                let phrase = words(key);
                let Some(window) = run.get(start..start + phrase.len()) else { continue };
                if !window.iter().map(|token| &token.term).eq(phrase) {
                    continue;
                }
                let (Some(first), Some(last)) = (window.first(), window.last()) else { continue };
                let form = reading.text.get(first.span.start..last.span.end).unwrap_or_default();
                // Headings capitalise what running text does not.
                let weight = if headed { 1 } else { 100 };
                forms.entry(form).or_insert((0, first.span.start)).0 += weight;
            }
        }
    });
    let most = |forms: BTreeMap<&str, (u32, usize)>| {
        let best = forms.into_iter().max_by(|a, b| a.1.0.cmp(&b.1.0).then(b.1.1.cmp(&a.1.1)));
        best.map_or_else(String::new, |(form, _)| {
            form.trim_end_matches("'s")
                .trim_end_matches("’s")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        })
    };
    found.into_iter().map(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sheaf_common::document::Document;

    fn phrases(title: &str, text: &str, language: &str) -> Vec<String> {
        let document = Document { title: Some(title.into()), text: text.into(), ..Document::default() };
        of(&Reading::new(&document, Some(language))).into_iter().map(|keyword| keyword.text).collect()
    }

    #[test]
    fn variants_are_merged_and_parts_do_not_repeat_the_whole() {
        let text = "Tidal turbines turn slowly. A tidal turbine needs a deep channel. The tidal turbine at Orrin feeds the \
                    island grid. The island grid was weak. Engineers like the island grid and the tidal turbine.";
        let found = phrases("Tidal turbines at Orrin", text, "en");
        assert_eq!(found[0], "tidal turbine");
        assert!(found.contains(&"island grid".to_owned()), "{found:?}");
        assert!(!found.contains(&"tidal".to_owned()) && !found.contains(&"turbine".to_owned()), "{found:?}");
    }

    #[test]
    fn scores_start_at_one_and_fall() {
        let document = Document {
            text: "Salt marsh plants filter water. A salt marsh stores carbon. Water plants grow.".into(),
            ..Document::default()
        };
        let found = of(&Reading::new(&document, Some("en")));
        assert!((found[0].score - 1.0).abs() < f64::EPSILON);
        assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
    }

    #[test]
    fn characters_form_phrases_where_words_have_no_spaces() {
        let text = "地下铁路延伸计划昨天公布。地下铁路将连接北部郊区。市民欢迎地下铁路，认为郊区交通会改善。";
        let found = phrases("地下铁路延伸", text, "zh");
        assert!(found.iter().any(|phrase| phrase.contains("地下铁路")), "{found:?}");
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert!(phrases("", "", "en").is_empty());
        assert!(phrases("", "the of and. !!! 12 34", "en").is_empty());
    }
}
