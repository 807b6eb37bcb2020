//! Names: runs of capitalised words inside sentences. Conservative: a name at the start of a sentence, or of one word
//! alone, needs more evidence than its capital.

use super::{Found, date};
use crate::passage::PassageKind;
use crate::reading::{Reading, Sentence, Token};
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use sheaf_common::analysis::EntityKind;
use std::ops::Range;

/// Names of a document.
pub(super) const NAMES_MAX: usize = 30;
/// Words of the longest name.
const WORDS_MAX: usize = 8;

/// Words that belong inside a name though they are not capitalised.
const PARTICLES: &[&str] = &[
    "of", "the", "de", "del", "la", "le", "du", "des", "di", "da", "do", "dos", "van", "von", "der", "den",
    "zu", "y", "e", "&", "for",
];
/// What a company's name ends with.
const COMPANIES: &[&str] = &[
    "inc",
    "ltd",
    "llc",
    "plc",
    "corp",
    "corporation",
    "gmbh",
    "ag",
    "kg",
    "se",
    "bv",
    "nv",
    "oy",
    "ab",
    "a/s",
    "s.a",
    "sa",
    "srl",
    "spa",
    "sarl",
    "limited",
    "university",
    "institute",
    "foundation",
    "association",
    "committee",
    "council",
];
/// Titles that say that a name follows.
const TITLES: &[&str] = &[
    "mr",
    "mrs",
    "ms",
    "dr",
    "prof",
    "professor",
    "sir",
    "lady",
    "lord",
    "president",
    "minister",
    "senator",
    "judge",
    "captain",
    "herr",
    "frau",
    "monsieur",
    "madame",
    "señor",
    "señora",
    "signor",
    "signora",
    "sr",
    "sra",
    "don",
    "doña",
    "ceo",
];
/// Capitalised in English though no names by themselves.
const CALENDAR: &[&str] = &[
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "i",
    "i'm",
    "i've",
    "i'd",
    "i'll",
    "ok",
    "faq",
    "chapter",
    "section",
    "figure",
    "table",
    "appendix",
    "step",
    "note",
    "part",
    "version",
    "page",
];

struct Run {
    range: Range<usize>,
    words: usize,
    /// First in its sentence, so that its capital says nothing.
    leads: bool,
    /// A title before it or a company's suffix in it.
    vouched: bool,
}

/// Names of a text, every occurrence.
pub(super) fn find(reading: &Reading<'_>) -> Vec<Found> {
    let runs: Vec<Run> = reading
        .sentences
        .iter()
        .filter(|s| s.kind == PassageKind::Prose)
        .flat_map(|s| runs(reading, s))
        .collect();
    let text = |run: &Run| reading.text.get(run.range.clone()).unwrap_or_default();
    // How often a run stands where its capitals mean something.
    let mut inside: HashMap<&str, usize> = HashMap::new();
    let mut vouched: HashSet<&str> = HashSet::new();
    for run in &runs {
        if !run.leads {
            *inside.entry(text(run)).or_default() += 1;
        }
        if run.vouched {
            vouched.insert(text(run));
        }
    }
    let lower = lower_case_words(reading);
    let nouns = matches!(reading.language, Some("de" | "lb"));
    runs.iter()
        .filter(|run| {
            let text = text(run);
            let count = inside.get(text).copied().unwrap_or(0);
            if vouched.contains(text) {
                return true;
            }
            match run.words {
                1 => {
                    !nouns
                        && count >= 2
                        && text.chars().count() > 2
                        && !lower.contains(text.to_lowercase().as_str())
                }
                _ if nouns => count >= 2,
                _ => count >= 1,
            }
        })
        .map(|run| Found { kind: EntityKind::Name, range: run.range.clone(), value: None })
        .collect()
}

/// Words that also stand in lower case somewhere.
fn lower_case_words<'a>(reading: &Reading<'a>) -> HashSet<&'a str> {
    reading
        .tokens
        .iter()
        .map(|token| reading.word(token))
        .filter(|word| word.starts_with(char::is_lowercase))
        .collect()
}

fn runs(reading: &Reading<'_>, sentence: &Sentence) -> Vec<Run> {
    let tokens = reading.words_of(sentence);
    let capitals = tokens.iter().filter(|token| is_capital(reading, token)).count();
    // Where everything is capitalised, capitals say nothing.
    if capitals * 2 > tokens.len() && tokens.len() > 4 {
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let length = run_length(reading, tokens.get(at..).unwrap_or_default());
        if length == 0 {
            at += 1;
            continue;
        }
        if let Some(run) = run(reading, tokens, at..at + length) {
            all.push(run);
        }
        at += length;
    }
    all
}

fn is_capital(reading: &Reading<'_>, token: &Token) -> bool {
    reading.word(token).starts_with(char::is_uppercase)
}

/// Tokens of the name that starts here: capitalised words side by side, with particles between them.
fn run_length(reading: &Reading<'_>, tokens: &[Token]) -> usize {
    let mut length = 0;
    let mut pending = 0;
    for (at, token) in tokens.iter().take(WORDS_MAX + 2).enumerate() {
        let gap = at
            .checked_sub(1)
            .and_then(|before| tokens.get(before))
            .map_or("", |before| reading.text.get(before.span.end..token.span.start).unwrap_or("?"));
        // ". " after an initial or a title, " & " inside a firm.
        if at > 0 && !matches!(gap, " " | "\u{a0}" | "\n" | " & ") {
            let before = tokens.get(at - 1).map_or("", |before| reading.word(before));
            let abbreviated = gap == ". "
                && (before.chars().count() == 1 || TITLES.contains(&before.to_lowercase().as_str()));
            if !abbreviated {
                break;
            }
        }
        if is_capital(reading, token) {
            length = at + 1;
            pending = 0;
        } else if length > 0 && pending < 2 && PARTICLES.contains(&reading.word(token)) {
            pending += 1;
        } else {
            break;
        }
        if length >= WORDS_MAX {
            break;
        }
    }
    length
}

/// The name in these tokens, without the titles before it; `None` where they are no name.
fn run(reading: &Reading<'_>, tokens: &[Token], range: Range<usize>) -> Option<Run> {
    let lower = |token: &Token| reading.word(token).to_lowercase();
    let mut first = range.start;
    let mut titled = false;
    let sentence_start = range.start == 0;
    // Leading stop words ("The", "In") and titles are no part of a name.
    while first < range.end {
        let token = tokens.get(first)?;
        let word = lower(token);
        let grammatical =
            reading.term(token.term).is_some_and(|term| term.stop) && reading.word(token).chars().count() > 1;
        let is_title = TITLES.contains(&word.as_str());
        if !is_title && !grammatical && !PARTICLES.contains(&word.as_str()) {
            break;
        }
        titled = is_title;
        first += 1;
    }
    let kept = tokens.get(first..range.end).filter(|kept| !kept.is_empty())?;
    let (start, last) = (kept.first()?, kept.last()?);
    let words: Vec<String> = kept.iter().map(lower).collect();
    if words.iter().any(|word| CALENDAR.contains(&word.as_str()) || date::month(word).is_some()) {
        return None;
    }
    let company = words.len() > 1 && words.last().is_some_and(|word| COMPANIES.contains(&word.as_str()));
    let whole = reading.text.get(start.span.start..last.span.end)?;
    // Programs' names for things are not people's.
    if whole.contains(['_', '\n']) || whole.chars().all(|c| !c.is_lowercase()) && words.len() == 1 {
        return None;
    }
    let possessive = ["'s", "’s"].into_iter().find(|end| whole.ends_with(end)).map_or(0, str::len);
    let leads = sentence_start && first == 0 || {
        let before = reading.text.get(..start.span.start).unwrap_or_default().trim_end();
        first == range.start && before.ends_with(['“', '"', ':', '„', '«', '•', '—', '(', '‘'])
    };
    Some(Run {
        range: start.span.start..last.span.end - possessive,
        words: words.len(),
        leads,
        vouched: titled || company,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sheaf_common::document::Document;

    fn names(text: &str, language: &str) -> Vec<String> {
        let document = Document { text: text.into(), ..Document::default() };
        let reading = Reading::new(&document, Some(language));
        find(&reading).into_iter().map(|found| text[found.range].to_owned()).collect()
    }

    #[test]
    fn several_capitals_inside_a_sentence_are_a_name() {
        let text =
            "Yesterday the engineer Mara Lindqvist of the Harbour Board of Orrin met Dr. Osei in the rain.";
        assert_eq!(names(text, "en"), ["Mara Lindqvist of the Harbour Board of Orrin", "Osei"]);
    }

    #[test]
    fn the_start_of_a_sentence_is_no_evidence() {
        assert!(names("Nothing Better happened there in the long winter.", "en").is_empty());
        assert!(names("Boats sank in the storm that came from the north.", "en").is_empty());
    }

    #[test]
    fn one_word_must_come_back() {
        let text =
            "They sailed to Orrin in May on a Monday. Everyone in Orrin slept while the May rain fell.";
        assert_eq!(names(text, "en"), ["Orrin", "Orrin"]);
        assert!(names("They sailed to Orrin in the morning, as usual.", "en").is_empty());
    }

    #[test]
    fn german_nouns_are_no_names() {
        assert!(
            names("Der Bericht nennt die Kosten der Brücke und den Bau der Straße im Norden.", "de")
                .is_empty()
        );
        assert_eq!(
            names("Dann sprach Herr Osei über die Kosten der neuen Brücke im Norden.", "de"),
            ["Osei"]
        );
    }

    #[test]
    fn companies_are_vouched_for_by_their_suffix() {
        assert_eq!(
            names("Lindqvist Marine Ltd has built all of the boats in the harbour.", "en"),
            ["Lindqvist Marine Ltd"]
        );
    }
}
