//! Summary and key points: sentences of the document, chosen, never rewritten.
//!
//! A sentence is scored by how much it says of what the whole document speaks of (its terms' weight against the
//! document's centroid: Radev, Jing and Budzikowska, 2000; here terms are weighed by logarithmic frequency and doubled
//! when the title or description announces them), and by where it stands (what comes first matters more: Edmundson,
//! 1969). Sentences are then taken greedily, each held against those already taken (maximal marginal relevance:
//! Carbonell and Goldstein, 1998). Linear in the sentences but for that last step, which looks at the best
//! [`CANDIDATES_MAX`] only.

use crate::cue;
use crate::passage::{PassageKind, ends_sentence};
use crate::place::Places;
use crate::reading::{Reading, Sentence, TermId};
use crate::word;
use foldhash::{HashSet, HashSetExt};
use sheaf_common::analysis::KeyPoint;

/// Sentences that are held against each other.
const CANDIDATES_MAX: usize = 80;
/// Bytes of a summary after which no sentence is added; a script without spaces needs about as many.
const SUMMARY_MAX: usize = 600;
/// Share of terms that two sentences may have in common and still both be taken.
const OVERLAP_MAX: f64 = 0.5;

/// What was chosen.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) text: String,
    pub(crate) key_points: Vec<KeyPoint>,
    /// Sentences fit to be chosen from.
    pub(crate) candidates: usize,
    /// Share of the weight of the document's terms that summary and key points mention, 0 to 1.
    pub(crate) coverage: f64,
}

struct Candidate<'r> {
    sentence: &'r Sentence,
    terms: Vec<TermId>,
    score: f64,
    /// Number of the heading above.
    section: usize,
}

/// Chooses the summary and the key points. `description` stands in where the text has no sentence to choose.
pub(crate) fn of(reading: &Reading<'_>, places: &Places<'_>, description: Option<&str>) -> Summary {
    let mut candidates = candidates(reading);
    let found = candidates.len();
    candidates.sort_by(|a, b| {
        b.score.total_cmp(&a.score).then(a.sentence.range.start.cmp(&b.sentence.range.start))
    });
    candidates.truncate(CANDIDATES_MAX);
    let words = reading.tokens.len();
    let length = match words {
        0..=120 => 1,
        121..=300 => 2,
        301..=3_000 => 3,
        _ => 4,
    };
    let mut chosen = choose(&candidates, &[], length.min(found.div_ceil(3)), SUMMARY_MAX, 1.0);
    let wanted = (words / 120).clamp(3, 7);
    let mut points = choose(&candidates, &chosen, wanted, usize::MAX, 0.8);
    if points.len() < 2 {
        // Too little is left beside the summary: its own sentences are the points.
        points.extend(&chosen);
    }
    let coverage = coverage(reading, chosen.iter().chain(&points).filter_map(|&at| candidates.get(at)));
    let in_order = |places: &mut Vec<usize>| {
        places.sort_by_key(|&at| candidates.get(at).map(|candidate| candidate.sentence.range.start));
    };
    in_order(&mut chosen);
    in_order(&mut points);
    let quote = |at: &usize| {
        let range = &candidates.get(*at)?.sentence.range;
        Some((range, reading.text.get(range.clone())?))
    };
    let mut text = String::new();
    for (_, quote) in chosen.iter().filter_map(quote) {
        if !text.is_empty() && !reading.unspaced {
            text.push(' ');
        }
        push_flat(&mut text, quote);
    }
    if text.is_empty() {
        let stand_in = description.filter(|text| word::spans(text).take(5).count() == 5).unwrap_or_default();
        push_flat(&mut text, stand_in.get(..stand_in.floor_char_boundary(SUMMARY_MAX)).unwrap_or_default());
    }
    let key_points = points.iter().filter_map(quote).map(|(range, quote)| {
        let mut text = String::new();
        push_flat(&mut text, quote);
        KeyPoint { text, quote: quote.to_owned(), place: places.place(range.start, range.end) }
    });
    Summary { key_points: key_points.collect(), text, candidates: found, coverage }
}

/// Appends with every run of white space as one space.
fn push_flat(text: &mut String, quote: &str) {
    for (at, word) in quote.split_whitespace().enumerate() {
        if at > 0 {
            text.push(' ');
        }
        text.push_str(word);
    }
}

fn candidates<'r>(reading: &'r Reading<'_>) -> Vec<Candidate<'r>> {
    let mut seen: HashSet<Vec<TermId>> = HashSet::new();
    let mut all: Vec<Candidate<'r>> = Vec::new();
    let mut section = 0;
    let mut passage = 0;
    let mut prose = 0_usize;
    for sentence in &reading.sentences {
        while passage < sentence.passage {
            passage += 1;
            section +=
                usize::from(reading.passages.get(passage).is_some_and(|p| p.kind == PassageKind::Heading));
        }
        let text = reading.text.get(sentence.range.clone()).unwrap_or_default();
        let tokens = reading.words_of(sentence);
        let Some(fitness) = fitness(reading, sentence, text) else { continue };
        if !seen.insert(tokens.iter().map(|token| token.term).collect()) {
            continue;
        }
        let mut terms: Vec<TermId> = tokens.iter().map(|token| token.term).collect();
        terms.sort_unstable();
        terms.dedup();
        terms.retain(|&term| reading.term(term).is_some_and(|term| term.weight > 0.0));
        let weight: f64 = terms.iter().filter_map(|&term| reading.term(term)).map(|term| term.weight).sum();
        // Between the sum, which favours the longest sentence, and the mean, which favours the shortest.
        let central = weight / (terms.len() as f64 + 3.0).powf(0.75);
        all.push(Candidate { sentence, terms, score: central * fitness * position(prose), section });
        prose += 1;
    }
    all
}

/// How much a sentence's place counts: 1.6 for the first, falling to 1.
fn position(at: usize) -> f64 {
    1.0 + 0.6 / (1.0 + at as f64 / 2.0)
}

/// How fit a sentence is to stand alone, 0 to 1; `None` for one that is not.
fn fitness(reading: &Reading<'_>, sentence: &Sentence, text: &str) -> Option<f64> {
    let tokens = reading.words_of(sentence);
    let (least, good, most) = if reading.unspaced { (10, 18, 140) } else { (6, 9, 55) };
    if tokens.len() < least || tokens.len() > most || !ends_sentence(text) {
        return None;
    }
    let first = text.chars().next()?;
    if first.is_lowercase()
        || matches!(first, ',' | ')' | ']' | '|' | '&' | '→' | '»' | '…')
        || !is_balanced(text)
    {
        return None;
    }
    let lower = text.to_lowercase();
    if cue::is_furniture(&lower) {
        return None;
    }
    let [mut letters, mut visible, mut upper] = [0_usize; 3];
    for c in text.chars() {
        letters += usize::from(c.is_alphabetic());
        visible += usize::from(!c.is_whitespace());
        upper += usize::from(c.is_uppercase());
    }
    if letters * 10 < visible * 6 || lower.contains("http://") || lower.contains("https://") {
        return None;
    }
    let mut fitness = 1.0;
    let opening = lower
        .split(|c: char| !c.is_alphanumeric() && c != '-')
        .find(|word| !word.is_empty())
        .unwrap_or_default();
    if cue::POINTING_BACK.contains(&opening) {
        fitness *= 0.7;
    }
    if text.ends_with(['?', '？', '؟']) {
        fitness *= 0.5;
    }
    if text.ends_with("...") || text.ends_with('…') {
        fitness *= 0.3;
    }
    if text.ends_with(['!', '！']) {
        fitness *= 0.7;
    }
    if tokens.len() < good {
        fitness *= 0.8;
    }
    if sentence.kind == PassageKind::Item {
        fitness *= 0.8;
    }
    if matches!(opening, "i" | "we" | "you" | "my" | "your" | "our")
        || lower.starts_with("i'")
        || lower.starts_with("i’")
    {
        fitness *= 0.85;
    }
    if upper * 3 > letters {
        fitness *= 0.4;
    }
    Some(fitness)
}

/// Whether quotes and brackets that open also close: half a quotation reads like a cut.
fn is_balanced(text: &str) -> bool {
    let mut straight = 0_usize;
    // How many more of each kind have opened than closed.
    let [mut round, mut square, mut angle, mut corner, mut english, mut german] = [0_isize; 6];
    for c in text.chars() {
        match c {
            '"' => straight += 1,
            '(' => round += 1,
            ')' => round -= 1,
            '[' => square += 1,
            ']' => square -= 1,
            '«' => angle += 1,
            '»' => angle -= 1,
            '「' => corner += 1,
            '」' => corner -= 1,
            // What opens in English closes in German.
            '“' => (english, german) = (english + 1, german - 1),
            '”' => english -= 1,
            '„' => german += 1,
            _ => {}
        }
    }
    straight.is_multiple_of(2) && [round, square, angle, corner] == [0; 4] && (english == 0 || german == 0)
}

/// Takes up to `wanted` candidates that say something new beside `taken` and each other. A section that has already
/// given loses by the factor `again`.
fn choose(
    candidates: &[Candidate<'_>],
    taken: &[usize],
    wanted: usize,
    bytes: usize,
    again: f64,
) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    let mut room = bytes;
    let mut left: Vec<usize> = (0..candidates.len()).filter(|at| !taken.contains(at)).collect();
    while chosen.len() < wanted {
        let score = |at: usize| {
            let candidate = candidates.get(at)?;
            let given = chosen
                .iter()
                .filter(|&&other| candidates.get(other).is_some_and(|o| o.section == candidate.section));
            Some(candidate.score * again.powf(given.count() as f64))
        };
        // The first of equals: candidates are sorted by score and place.
        let best = left
            .iter()
            .copied()
            .filter_map(|at| Some((at, score(at)?)))
            .reduce(|a, b| if b.1 > a.1 { b } else { a });
        let Some((best, _)) = best else { break };
        left.retain(|&at| at != best);
        let Some(candidate) = candidates.get(best) else { break };
        let repeats = |&other: &usize| {
            candidates.get(other).is_some_and(|other| overlap(&candidate.terms, &other.terms) > OVERLAP_MAX)
        };
        let size = candidate.sentence.range.len();
        if chosen.iter().chain(taken).any(repeats) || (size > room && !chosen.is_empty()) {
            continue;
        }
        room = room.saturating_sub(size);
        chosen.push(best);
    }
    chosen
}

/// Share of the smaller set's terms that the other has too. Both are sorted.
fn overlap(one: &[TermId], other: &[TermId]) -> f64 {
    let smaller = one.len().min(other.len());
    if smaller == 0 {
        return 0.0;
    }
    one.iter().filter(|term| other.binary_search(term).is_ok()).count() as f64 / smaller as f64
}

fn coverage<'c, 'r: 'c>(reading: &Reading<'_>, chosen: impl Iterator<Item = &'c Candidate<'r>>) -> f64 {
    let told = |&(_, term): &(usize, &crate::reading::Term)| term.count > 1;
    let all: f64 = reading.terms.iter().enumerate().filter(told).map(|(_, term)| term.weight).sum();
    let mentioned: HashSet<TermId> = chosen.flat_map(|candidate| candidate.terms.iter().copied()).collect();
    let mentioned =
        reading.terms.iter().enumerate().filter(told).filter(|(id, _)| mentioned.contains(&(*id as TermId)));
    if all > 0.0 { mentioned.map(|(_, term)| term.weight).sum::<f64>() / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sheaf_common::document::{Document, Heading};

    const TEXT: &str = "The harbour crane\n\n\
        The harbour of Orrin will replace its old crane in May, the harbour board decided on Monday. \
        The crane has stood on the east quay since 1931. It is rusty, as everyone knows.\n\n\
        Costs\n\n\
        The new crane costs 4 million euros, of which the state pays half. \
        Dr. Osei, who built the crane of Bath, leads the work on the quay. The board said:\n\
        The new crane costs 4 million euros, of which the state pays half.\n\
        Subscribe to our newsletter for more news of the harbour crane.\n\
        Fishermen had asked for a new crane for ten years because the old crane could not lift their boats.\n\
        Home | Contact | Crane\n\
        let crane = harbour.crane();";

    fn summary(text: &str, language: &str, description: Option<&str>) -> Summary {
        let headings =
            ["The harbour crane", "Costs"].map(|text| Heading { level: 2, text: text.into() }).to_vec();
        let document = Document { text: text.into(), headings, ..Document::default() };
        of(&Reading::new(&document, Some(language)), &Places::new(text), description)
    }

    #[test]
    fn whole_sentences_and_no_furniture() {
        let found = summary(TEXT, "en", None);
        let leads = ["The harbour of Orrin will replace", "The new crane costs"];
        assert!(leads.iter().any(|lead| found.text.starts_with(lead)), "{}", found.text);
        let points: Vec<&str> = found.key_points.iter().map(|point| point.text.as_str()).collect();
        assert!(points.iter().all(|point| point.ends_with('.')), "{points:?}");
        assert!(
            points.iter().any(|point| point.starts_with("Dr. Osei, who built") && point.ends_with("quay.")),
            "{points:?}"
        );
        let all = found.text.clone() + " " + &points.join(" ");
        for bad in ["Subscribe", "Home |", "let crane", "Costs The", "said:"] {
            assert!(!all.contains(bad), "{bad} in {all}");
        }
        assert_eq!(all.matches("4 million").count(), 1, "no sentence comes twice: {all}");
    }

    #[test]
    fn quotes_are_verbatim_though_statements_are_flat() {
        let text = "The council of the town of Orrin met on the old quay\nand agreed to replace the crane that has stood there\n\
                    since the winter of 1931.";
        let found = summary(text, "en", None);
        let point = &found.key_points[0];
        assert_eq!(point.quote, text);
        assert_eq!(point.text, text.replace('\n', " "));
        assert_eq!((point.place.start, point.place.end), (0, text.len()));
    }

    #[test]
    fn sentences_of_scripts_without_spaces() {
        let text = "市议会昨天决定在明年更换港口的旧起重机。新的起重机将花费四百万欧元，其中一半由国家支付。渔民们十年来一直要求更换起重机。";
        let found = summary(text, "zh", None);
        assert!(found.text.ends_with('。') && !found.text.contains(' '), "{}", found.text);
    }

    #[test]
    fn the_description_stands_in_for_a_text_without_sentences() {
        let described = summary("Crane\nBoat\nQuay", "en", Some("A shop for cranes,\nboats and quays."));
        assert_eq!(described.text, "A shop for cranes, boats and quays.");
        assert!(described.key_points.is_empty());
        assert_eq!(summary("Crane\nBoat\nQuay", "en", Some("Shop")).text, "");
    }
}
