//! What is kept of a text, and how two are compared.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3;

use super::reading::{Reading, Sort, Token};

/// Tokens up to which the words themselves are kept. A longer text matches only one that has the same words.
const WORDS: usize = 256;
/// Tokens that a text must have: of less, too little can be said.
const LEAST: u32 = 3;
/// Tokens that a reworded text must have. Short ones are all substance: there is no telling what may be replaced.
const LEAST_REWORDED: u32 = 12;
/// The shorter text has at least this share of the longer one's tokens.
const LENGTHS: f64 = 0.6;
/// Two texts with a larger share of words in common (Dice's coefficient) are one template with words replaced.
const TEMPLATE: f64 = 0.6;
/// Two texts that differ in no more words than this, on either side, have words replaced, whatever their order.
const REPLACED: usize = 3;

/// In the manner of a text: names are written large.
const CASED: u8 = 0x80;
const NAMES: u32 = 0b10 << 30;
const OPENERS: u32 = 0b01 << 30;
const HASH: u32 = !(0b11 << 30);

/// What is kept of a text: hashes of its facts and of its words in their order. The text itself is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// All tokens in their order.
    order: u64,
    numbers: u64,
    dates: u64,
    polarity: u64,
    names: u64,
    tokens: u32,
    /// The language by number, 0 for one that the guards do not know; the highest bit: names are written large.
    manner: u8,
    /// Hashes of words and names in their order, with their sort in two bits. Empty for a long text.
    words: Box<[u32]>,
}

/// In which way two texts are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alike {
    /// The same words in the same order, but for articles, endings, punctuation, spacing and how numbers and dates are
    /// written.
    SameWords,
    /// Other words, the same numbers, dates, negations and names. Whether they mean the same, only an embedding can say.
    Reworded,
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// A number, a unit, or their order.
    Number,
    /// A date.
    Date,
    /// A negation or a word with an opposite.
    Negation,
    /// A name, an identifier or an address.
    Name,
    /// A few words in one template, or the order of the same words.
    Words,
    /// The length.
    Length,
    /// The language, or a language or script in which the guards cannot tell what is a fact.
    Language,
}

impl Refusal {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Number, Self::Date, Self::Negation, Self::Name, Self::Words, Self::Length, Self::Language];

    /// Its name in statistics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Date => "date",
            Self::Negation => "negation",
            Self::Name => "name",
            Self::Words => "words",
            Self::Length => "length",
            Self::Language => "language",
        }
    }
}

impl Signature {
    /// Bytes of the longest one when packed.
    pub const MOST_BYTES: usize = Self::HEAD + 4 * WORDS;
    const HEAD: usize = 5 * 8 + 4 + 1 + 2;

    /// Reads a document. Its title is as its first line.
    pub fn of(title: Option<&str>, text: &str) -> Self {
        match title.filter(|title| !title.is_empty()) {
            Some(title) => Self::read(&format!("{title}\n{text}")),
            None => Self::read(text),
        }
    }

    fn read(text: &str) -> Self {
        let reading = Reading::new(text);
        let digest = |sort: Sort| {
            let mut hash = Xxh3::new();
            for token in reading.tokens.iter().filter(|token| token.sort == sort) {
                hash.update(&token.hash.to_le_bytes());
            }
            hash.digest()
        };
        let mut order = Xxh3::new();
        for token in &reading.tokens {
            order.update(&token.word.to_le_bytes());
        }
        let words: Box<[u32]> = if reading.tokens.len() <= WORDS {
            reading.tokens.iter().filter_map(word).collect()
        } else {
            Box::default()
        };
        Self {
            order: order.digest(),
            numbers: digest(Sort::Number),
            dates: digest(Sort::Date),
            polarity: digest(Sort::Polarity),
            names: digest(Sort::Name),
            tokens: u32::try_from(reading.tokens.len()).unwrap_or(u32::MAX),
            manner: reading.language.map_or(0, |language| language as u8)
                | if reading.cased { CASED } else { 0 },
            words,
        }
    }

    /// Whether enough can be said of the text for an answer to depend on it.
    pub fn is_telling(&self) -> bool {
        self.tokens >= LEAST
    }

    /// Compares two texts: in which way they are alike, or what differs. Symmetric.
    pub fn compare(&self, other: &Self) -> Result<Alike, Refusal> {
        if !self.is_telling() || !other.is_telling() {
            return Err(Refusal::Length);
        }
        if (self.order, self.tokens) == (other.order, other.tokens) {
            return Ok(Alike::SameWords);
        }
        if self.numbers != other.numbers {
            return Err(Refusal::Number);
        }
        if self.dates != other.dates {
            return Err(Refusal::Date);
        }
        if self.polarity != other.polarity {
            return Err(Refusal::Negation);
        }
        self.compare_words(other)
    }

    fn compare_words(&self, other: &Self) -> Result<Alike, Refusal> {
        // Of a long text it is only known that something differs.
        if self.words.is_empty() || other.words.is_empty() {
            return Err(if self.names == other.names { Refusal::Words } else { Refusal::Name });
        }
        if !same_names(&self.words, &other.words) {
            return Err(Refusal::Name);
        }
        let known = self.manner & !CASED != 0 && self.manner & CASED != 0;
        if self.manner != other.manner || !known {
            return Err(Refusal::Language);
        }
        let (short, long) = (self.tokens.min(other.tokens), self.tokens.max(other.tokens));
        if f64::from(short) < LENGTHS * f64::from(long) {
            return Err(Refusal::Length);
        }
        let shared = shared(&self.words, &other.words);
        let apart = self.words.len().max(other.words.len()) - shared;
        let dice = 2.0 * shared as f64 / (self.words.len() + other.words.len()) as f64;
        if short < LEAST_REWORDED || apart <= REPLACED || dice > TEMPLATE {
            return Err(Refusal::Words);
        }
        Ok(Alike::Reworded)
    }

    /// Bytes that it takes in memory beside itself.
    pub fn heap_bytes(&self) -> usize {
        self.words.len() * 4
    }

    /// Appends it to `to` in its packed form, little-endian.
    pub fn pack(&self, to: &mut Vec<u8>) {
        for digest in [self.order, self.numbers, self.dates, self.polarity, self.names] {
            to.extend(digest.to_le_bytes());
        }
        to.extend(self.tokens.to_le_bytes());
        to.push(self.manner);
        to.extend((self.words.len() as u16).to_le_bytes());
        to.extend(self.words.iter().flat_map(|word| word.to_le_bytes()));
    }

    /// Reads the packed form, all of `bytes`; `None` when they are not one.
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut at = 0;
        let mut number = || {
            let found = bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
            at += 8;
            found
        };
        let (order, numbers, dates, polarity, names) =
            (number()?, number()?, number()?, number()?, number()?);
        let tokens = bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)?;
        let manner = *bytes.get(at + 4)?;
        let count = bytes.get(at + 5..at + 7)?.try_into().ok().map(u16::from_le_bytes)?;
        let rest = bytes.get(at + 7..)?;
        if usize::from(count) > WORDS || rest.len() != 4 * usize::from(count) {
            return None;
        }
        let words =
            rest.chunks_exact(4).filter_map(|word| word.try_into().ok().map(u32::from_le_bytes)).collect();
        Some(Self { order, numbers, dates, polarity, names, tokens, manner, words })
    }
}

fn word(token: &Token) -> Option<u32> {
    let hash = token.hash as u32 & HASH;
    match token.sort {
        Sort::Word => Some(hash),
        Sort::Opener => Some(hash | OPENERS),
        Sort::Name => Some(hash | NAMES),
        Sort::Number | Sort::Date | Sort::Polarity => None,
    }
}

/// Whether what is a name in either text stands in both, in the same order; and whether what may be one stands in both.
fn same_names(one: &[u32], other: &[u32]) -> bool {
    let of = |words: &[u32]| {
        words.iter().filter(|word| *word & NAMES != 0).map(|word| word & HASH).collect::<Vec<_>>()
    };
    let mut names = of(one);
    names.extend(of(other));
    names.sort_unstable();
    let sequence = |words: &[u32]| {
        let known = |word: &u32| names.binary_search(word).is_ok();
        words.iter().map(|word| word & HASH).filter(known).collect::<Vec<_>>()
    };
    let openers_stand = |these: &[u32], those: &[u32]| {
        these
            .iter()
            .filter(|word| *word & OPENERS != 0)
            .all(|word| those.iter().any(|that| that & HASH == word & HASH))
    };
    sequence(one) == sequence(other) && openers_stand(one, other) && openers_stand(other, one)
}

/// How many words two texts share, each as often as it stands in both.
fn shared(one: &[u32], other: &[u32]) -> usize {
    let mut left: HashMap<u32, usize> = HashMap::with_capacity(one.len());
    for word in one {
        *left.entry(word & HASH).or_default() += 1;
    }
    other
        .iter()
        .filter(|word| match left.get_mut(&(**word & HASH)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        })
        .count()
}
