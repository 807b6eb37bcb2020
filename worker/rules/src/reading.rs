//! A text read once: passages, sentences, and its words as numbered terms. What summary, phrases, names and
//! readability share.

use crate::cue;
use crate::passage::{Passage, PassageKind, passages};
use crate::sentence::sentences;
use crate::word::{self, Span};
use foldhash::{HashMap, HashMapExt, HashSet};
use sheaf_common::document::Document;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Bytes of a text that are read closely: about 170,000 English words, a long book. What comes after counts for
/// `words` and the fingerprint alone.
const READ_MAX: usize = 1 << 20;
/// Sentences that are told apart. The rest of a longer text takes part in key phrases and entities, not in the summary.
const SENTENCES_MAX: usize = 2_000;
/// Bytes of a word beyond which it is no term: an encoded blob, a path.
const TERM_MAX: usize = 60;

/// Number of a term in [`Reading::terms`].
pub(crate) type TermId = u32;

/// A word that occurs in the text; its variants (case, plural) are one term.
#[derive(Debug)]
pub(crate) struct Term {
    /// Grammatical or pale: carries no topic.
    pub(crate) stop: bool,
    /// Has no letter.
    pub(crate) number: bool,
    /// Occurrences.
    pub(crate) count: u32,
    /// Weight of the term for what the document is about, 0 for stop words.
    pub(crate) weight: f64,
}

/// An occurrence of a term.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) span: Span,
    pub(crate) term: TermId,
}

/// A sentence, in bytes and in tokens.
#[derive(Debug, Clone)]
pub(crate) struct Sentence {
    pub(crate) range: Range<usize>,
    pub(crate) tokens: Range<usize>,
    /// The passage it stands in.
    pub(crate) passage: usize,
    pub(crate) kind: PassageKind,
}

/// A text read.
pub(crate) struct Reading<'a> {
    /// The part that was read, from the start.
    pub(crate) text: &'a str,
    pub(crate) language: Option<&'a str>,
    pub(crate) passages: Vec<Passage>,
    pub(crate) sentences: Vec<Sentence>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) terms: Vec<Term>,
    /// Terms of the title and the declared description.
    pub(crate) announced: HashSet<TermId>,
    /// Most of its letters belong to a script without spaces.
    pub(crate) unspaced: bool,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(document: &'a Document, language: Option<&'a str>) -> Self {
        let text = head(&document.text);
        let passages = passages(text, document.headings.iter().map(|heading| heading.text.as_str()));
        let mut index = Index::new(language);
        let mut tokens: Vec<Token> = Vec::new();
        for span in word::spans(text) {
            let term = index.term(text.get(span.start..span.end).unwrap_or_default(), true);
            tokens.push(Token { span, term });
        }
        let announcements = document.title.iter().chain(&document.description);
        let announced = announcements
            .flat_map(|text| word::spans(text).take(100).filter_map(|span| text.get(span.start..span.end)))
            .map(|word| index.term(word, false))
            .collect();
        let singles = tokens.iter().filter(|token| {
            text.get(token.span.start..token.span.end)
                .and_then(|word| word.chars().next())
                .is_some_and(word::is_unspaced)
        });
        let unspaced = singles.count() * 2 > tokens.len();
        let sentences = find_sentences(text, &passages, &tokens, language);
        let mut reading =
            Self { text, language, passages, sentences, tokens, terms: index.terms, announced, unspaced };
        reading.weigh();
        reading
    }

    /// The text of a token.
    pub(crate) fn word(&self, token: &Token) -> &'a str {
        self.text.get(token.span.start..token.span.end).unwrap_or_default()
    }

    /// The tokens of a sentence.
    pub(crate) fn words_of(&self, sentence: &Sentence) -> &[Token] {
        self.tokens.get(sentence.tokens.clone()).unwrap_or_default()
    }

    pub(crate) fn term(&self, id: TermId) -> Option<&Term> {
        self.terms.get(id as usize)
    }

    /// The tokens within a byte range.
    pub(crate) fn tokens_in(&self, start: usize, end: usize) -> &[Token] {
        self.tokens.get(token_range(&self.tokens, &(start..end))).unwrap_or_default()
    }

    /// Weighs terms: the more often the heavier, logarithmically; what the title announces counts double; a term in
    /// more than a quarter of many sentences tells less where no list of stop words knows the language.
    fn weigh(&mut self) {
        let listed = self.language.and_then(stop_words::lookup).is_some();
        let commonest = if listed { u32::MAX } else { (self.tokens.len() / 40).max(4) as u32 };
        for (id, term) in self.terms.iter_mut().enumerate() {
            if term.stop || term.number || term.count > commonest {
                continue;
            }
            let told = if self.announced.contains(&(id as TermId)) { 2.0 } else { 1.0 };
            term.weight = f64::from(term.count).ln_1p() * told * if term.count == 1 { 0.4 } else { 1.0 };
        }
    }
}

/// The part of a text that is read closely, cut at white space.
fn head(text: &str) -> &str {
    let cut = text.floor_char_boundary(READ_MAX);
    if cut == text.len() {
        return text;
    }
    let head = text.get(..cut).unwrap_or_default();
    let from = head.floor_char_boundary(cut.saturating_sub(2_000));
    let end = head.get(from..).and_then(|tail| tail.rfind(char::is_whitespace)).map_or(cut, |at| from + at);
    head.get(..end).unwrap_or(head)
}

fn find_sentences(
    text: &str,
    passages: &[Passage],
    tokens: &[Token],
    language: Option<&str>,
) -> Vec<Sentence> {
    let mut all = Vec::new();
    for (at, passage) in passages.iter().enumerate() {
        if !matches!(passage.kind, PassageKind::Prose | PassageKind::Item) {
            continue;
        }
        let marker = match passage.kind {
            PassageKind::Item => {
                crate::passage::item_marker(text.get(passage.start..passage.end).unwrap_or_default())
            }
            _ => 0,
        };
        for range in sentences(text, passage.start + marker..passage.end, language) {
            let tokens = token_range(tokens, &range);
            all.push(Sentence { range, tokens, passage: at, kind: passage.kind });
            if all.len() == SENTENCES_MAX {
                return all;
            }
        }
    }
    all
}

fn token_range(tokens: &[Token], range: &Range<usize>) -> Range<usize> {
    let start = tokens.partition_point(|token| token.span.start < range.start);
    let end = tokens.partition_point(|token| token.span.start < range.end);
    start..end
}

/// Words that say nothing.
type Stops = Arc<HashSet<&'static str>>;

/// Numbers terms in the order of their first appearance.
struct Index<'a> {
    language: Option<&'a str>,
    stops: Stops,
    numbers: HashMap<Box<str>, TermId>,
    terms: Vec<Term>,
    folded: String,
}

impl<'a> Index<'a> {
    fn new(language: Option<&'a str>) -> Self {
        Self {
            language,
            stops: stops(language),
            numbers: HashMap::new(),
            terms: Vec::new(),
            folded: String::new(),
        }
    }

    fn term(&mut self, word: &str, occurs: bool) -> TermId {
        let word = if word.len() > TERM_MAX {
            word.get(..word.floor_char_boundary(TERM_MAX)).unwrap_or_default()
        } else {
            word
        };
        fold(word, &mut self.folded);
        let single = word.chars().next().is_some_and(|c| word::is_unspaced(c) && word.len() == c.len_utf8());
        // Lists of Chinese stop words hold characters that are half of many a noun.
        let stop = if single {
            cue::PARTICLES_HAN.contains(word)
        } else {
            self.stops.contains(self.folded.as_str())
        };
        let key =
            if stop { Cow::Borrowed(self.folded.as_str()) } else { singular(&self.folded, self.language) };
        let id = if let Some(&id) = self.numbers.get(key.as_ref()) {
            id
        } else {
            let id = self.terms.len() as TermId;
            let letters = word.chars().filter(|c| c.is_alphabetic()).count();
            let first = word.chars().next().unwrap_or(' ');
            let kana = ('\u{3040}'..='\u{309F}').contains(&first);
            let stop = stop || kana || (letters == 1 && !word::is_unspaced(first));
            self.terms.push(Term { stop, number: letters == 0, count: 0, weight: 0.0 });
            self.numbers.insert(key.into(), id);
            id
        };
        if occurs && let Some(term) = self.terms.get_mut(id as usize) {
            term.count += 1;
        }
        id
    }
}

/// The words of a language that say nothing; made once, since there are more of them than words in a short document.
fn stops(language: Option<&str>) -> Stops {
    static MADE: LazyLock<Mutex<HashMap<Box<str>, Stops>>> = LazyLock::new(Mutex::default);
    let listed = language.and_then(|language| Some((language, stop_words::lookup(language)?)));
    let (language, listed) = listed.unwrap_or_default();
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(stops) = made.get(language) {
        return Arc::clone(stops);
    }
    let stops: Stops = Arc::new(listed.iter().chain(cue::PALE).copied().collect());
    made.insert(language.into(), Arc::clone(&stops));
    stops
}

/// Lower case, a typewriter's apostrophe, no possessive.
fn fold(word: &str, folded: &mut String) {
    folded.clear();
    if word.is_ascii() {
        folded.push_str(word);
        folded.make_ascii_lowercase();
    } else {
        let plain = word.chars().filter(|&c| c != '\u{00AD}').map(|c| if c == '\u{2019}' { '\'' } else { c });
        folded.extend(plain.flat_map(char::to_lowercase));
    }
}

/// The singular of a regular plural: for English the S-stemmer (Harman, "How effective is suffixing?", 1991), for
/// languages with plurals in -s the -s alone. Enough to see that two phrases are one.
fn singular<'a>(word: &'a str, language: Option<&str>) -> Cow<'a, str> {
    let word = word.strip_suffix("'s").unwrap_or(word);
    match language {
        Some("en") if word.len() > 3 => {
            if let Some(stem) =
                word.strip_suffix("ies").filter(|stem| stem.len() > 1 && !stem.ends_with(['a', 'e']))
            {
                return Cow::Owned(format!("{stem}y"));
            }
            if ["sses", "xes", "ches", "shes", "zes"].iter().any(|end| word.ends_with(end)) {
                return Cow::Borrowed(word.strip_suffix("es").unwrap_or(word));
            }
            if word.ends_with("us") || word.ends_with("ss") || word.ends_with("is") {
                return Cow::Borrowed(word);
            }
            Cow::Borrowed(word.strip_suffix('s').unwrap_or(word))
        }
        Some("fr" | "es" | "pt" | "nl" | "ca") if word.len() > 4 => {
            Cow::Borrowed(word.strip_suffix('s').unwrap_or(word))
        }
        _ => Cow::Borrowed(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_one_term() {
        let text = "Query planners plan queries. A query planner’s QUERY boxes the box.";
        let document = Document { text: text.into(), ..Document::default() };
        let reading = Reading::new(&document, Some("en"));
        let term_of = |word: &str| {
            let token = reading.tokens.iter().find(|token| reading.word(token) == word).unwrap();
            reading.term(token.term).unwrap()
        };
        assert_eq!(term_of("queries").count, 4);
        assert_eq!(term_of("planners").count, 2);
        assert_eq!(term_of("box").count, 2);
        assert!(term_of("the").stop && term_of("the").weight < f64::EPSILON);
        assert_eq!(reading.sentences.len(), 2);
        assert_eq!(reading.words_of(&reading.sentences[1]).len(), 7);
    }

    #[test]
    fn only_the_head_of_a_giant_is_read() {
        let text = "seven letters ".repeat(200_000);
        assert!(head(&text).len() <= READ_MAX);
        assert!(head(&text).ends_with("seven") || head(&text).ends_with("letters"));
        assert_eq!(head(&"é".repeat(READ_MAX)).len(), READ_MAX);
    }
}
