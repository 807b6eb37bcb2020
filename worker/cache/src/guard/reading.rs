//! A text as the guards read it: tokens in their order, each with a kind and a normal form.

use xxhash_rust::xxh3::xxh3_64;

use super::{
    date,
    lexicon::{Language, is_furniture, is_grammar, moment, ordinal, polarity, unit},
    number,
    split::{Kind, Piece, is_currency, is_unspaced, split},
    stem::stem,
};

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Sort {
    /// A word of content.
    Word,
    /// A word written large where every word is: it may be a name.
    Opener,
    /// A name, an identifier or an address.
    Name,
    /// A number or its unit.
    Number,
    /// A date or a part of one.
    Date,
    /// A negation, or one end of a scale.
    Polarity,
}

/// A token of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) sort: Sort,
    /// Hash of its normal form. Words and names of one form have one hash.
    pub(super) hash: u64,
    /// Hash of the word that stands there: words of one pole, such as `father` and `son`, are not the same word.
    pub(super) word: u64,
}

impl Token {
    /// Whether it is a plain negation.
    pub(super) fn is_negation(&self) -> bool {
        self.hash == Self::new(Sort::Polarity, "0").hash
    }

    fn new(sort: Sort, form: &str) -> Self {
        let salt = match sort {
            Sort::Word | Sort::Opener | Sort::Name => 0,
            Sort::Number => 0x6e75_6d62,
            Sort::Date => 0x6461_7465,
            Sort::Polarity => 0x706f_6c65,
        };
        let hash = xxh3_64(form.as_bytes()) ^ salt;
        Self { sort, hash, word: hash }
    }

    /// A word at one end of a scale.
    fn pole(end: &str, word: &str) -> Self {
        Self { word: xxh3_64(stem(word).as_bytes()), ..Self::new(Sort::Polarity, end) }
    }
}

/// A text, read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) tokens: Vec<Token>,
    /// The language whose grammar it follows, where the guards know it.
    pub(super) language: Option<Language>,
    /// Whether its names can be told by how they are written.
    pub(super) cased: bool,
}

/// Share of a text's words that must be of a language's grammar.
const GRAMMAR: f64 = 0.12;

impl Reading {
    /// Reads a text. Time and memory are linear in it.
    pub(super) fn new(text: &str) -> Self {
        let sentences: Vec<Vec<Piece<'_>>> =
            sentences(text).map(split).filter(|pieces| !is_around(pieces)).collect();
        let language = language(&sentences);
        let capitals = capitals(&sentences);
        let cased = capitals < 0.5 && is_cased(&sentences);
        let mut tokens = Vec::new();
        for pieces in &sentences {
            let mut reader =
                Reader { pieces, language, shouted: capitals >= 0.5, tokens: &mut tokens, held: None };
            let mut at = 0;
            while at < pieces.len() {
                at += reader.take(at);
            }
            reader.release();
        }
        Self { tokens, language, cased }
    }
}

/// Sentences and lines. A full stop within an abbreviation does no harm: it only makes a new beginning.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split_inclusive(". ")).flat_map(|part| part.split_inclusive("! "))
}

/// Whether a sentence is furniture of a page. One that has a number, a name or a word with an end is never taken for it.
fn is_around(pieces: &[Piece<'_>]) -> bool {
    const MOST: usize = 14;
    if !(2..=MOST).contains(&pieces.len()) {
        return false;
    }
    let mut known = 0;
    for piece in pieces {
        let word = piece.text.to_lowercase();
        if piece.kind != Kind::Word {
            return false;
        }
        if is_furniture(&word) {
            known += 1;
        } else if polarity(&word).is_some()
            || moment(&word).is_some()
            || number::in_words(std::slice::from_ref(piece)).is_some()
            || piece.text.chars().any(char::is_uppercase)
        {
            return false;
        }
    }
    known * 4 >= pieces.len() * 3
}

fn words<'p>(sentences: &'p [Vec<Piece<'p>>]) -> impl Iterator<Item = &'p Piece<'p>> {
    sentences.iter().flatten().filter(|piece| piece.kind == Kind::Word)
}

fn language(sentences: &[Vec<Piece<'_>>]) -> Option<Language> {
    let (mut all, mut of) = (0_usize, [0_usize; Language::ALL.len()]);
    for piece in words(sentences) {
        all += 1;
        let word = piece.text.to_lowercase();
        for (count, language) in of.iter_mut().zip(Language::ALL) {
            *count += usize::from(is_grammar(language, &word));
        }
    }
    let (most, language) = of
        .into_iter()
        .zip(Language::ALL)
        .max_by_key(|(count, language)| (*count, std::cmp::Reverse(*language)))?;
    (most >= 1 && most as f64 >= GRAMMAR * all as f64).then_some(language)
}

/// Share of the words that are written in capitals alone.
fn capitals(sentences: &[Vec<Piece<'_>>]) -> f64 {
    let (mut all, mut large) = (0_usize, 0_usize);
    for piece in words(sentences) {
        all += 1;
        large += usize::from(piece.text.len() > 1 && !piece.text.chars().any(char::is_lowercase));
    }
    large as f64 / all.max(1) as f64
}

/// Whether the text is in a script that writes names large, and does so.
fn is_cased(sentences: &[Vec<Piece<'_>>]) -> bool {
    let mut large = false;
    for c in words(sentences).flat_map(|piece| piece.text.chars()) {
        large |= c.is_uppercase();
        if c.is_alphabetic() && (is_unspaced(c) || !(c.is_lowercase() || c.is_uppercase())) {
            return false;
        }
    }
    large
}

struct Reader<'a, 't> {
    pieces: &'a [Piece<'t>],
    language: Option<Language>,
    /// Whether the text is in capitals.
    shouted: bool,
    tokens: &'a mut Vec<Token>,
    /// A sign of currency before its number.
    held: Option<&'static str>,
}

impl Reader<'_, '_> {
    /// Reads what stands at `at`; returns how many pieces that is.
    fn take(&mut self, at: usize) -> usize {
        let rest = self.pieces.get(at..).unwrap_or_default();
        let Some(piece) = rest.first() else { return 1 };
        if let Some((date, taken)) = date::at(rest, self.language) {
            self.release();
            self.put(Sort::Date, &date);
            return taken;
        }
        match piece.kind {
            Kind::Number => self.digits(piece, rest.get(1)),
            Kind::Mixed => self.mixed(piece),
            Kind::Address => {
                self.release();
                self.put(Sort::Name, &piece.text.to_lowercase());
                1
            }
            Kind::Symbol => {
                self.symbol(piece.text);
                1
            }
            Kind::Word => {
                self.release();
                if let Some((value, taken)) = number::in_words(rest) {
                    self.put(Sort::Number, &value);
                    return taken;
                }
                self.word(piece);
                1
            }
        }
    }

    fn put(&mut self, sort: Sort, form: &str) {
        self.tokens.push(Token::new(sort, form));
    }

    /// A sign of currency goes behind its number: `$5` is `5 dollars`.
    fn release(&mut self) {
        if let Some(unit) = self.held.take() {
            self.put(Sort::Number, unit);
        }
    }

    fn digits(&mut self, piece: &Piece<'_>, next: Option<&Piece<'_>>) -> usize {
        let comma = self.language.is_some_and(|language| language != Language::English);
        let sign = if piece.negative { "-" } else { "" };
        let power = next
            .filter(|next| next.kind == Kind::Word)
            .and_then(|next| super::lexicon::scale(&next.text.to_lowercase()));
        let last = piece.text.split('-').count();
        for (at, part) in piece.text.split('-').enumerate() {
            let plain = number::plain(part, comma);
            let value = match power.filter(|_| at + 1 == last) {
                Some(power) => number::scaled(&plain, power),
                None => plain,
            };
            self.put(Sort::Number, &format!("{sign}{value}"));
        }
        self.release();
        1 + usize::from(power.is_some())
    }

    /// A number with its unit or its ending, or an identifier.
    fn mixed(&mut self, piece: &Piece<'_>) -> usize {
        let lower = piece.text.to_lowercase();
        let end = lower.trim_end_matches(char::is_alphabetic).len();
        let (digits, letters) = lower.split_at_checked(end).unwrap_or((&lower, ""));
        let numeric =
            digits.starts_with(|c: char| c.is_ascii_digit()) && !digits.chars().any(char::is_alphabetic);
        match (unit(letters), numeric) {
            (Some(unit), true) => {
                let number =
                    Piece { text: piece.text.get(..end).unwrap_or_default(), kind: Kind::Number, ..*piece };
                self.digits(&number, None);
                self.put(Sort::Number, unit);
            }
            (None, true) if ["st", "nd", "rd", "th"].contains(&letters) => self.put(Sort::Number, &lower),
            _ => self.put(Sort::Name, &lower),
        }
        self.release();
        1
    }

    fn symbol(&mut self, sign: &str) {
        let after_number = self.tokens.last().is_some_and(|token| token.sort == Sort::Number);
        match unit(sign) {
            Some(unit) if !after_number && sign.chars().all(is_currency) => self.held = Some(unit),
            Some(unit) => self.put(Sort::Number, unit),
            None => self.put(Sort::Polarity, sign),
        }
    }

    fn word(&mut self, piece: &Piece<'_>) {
        let lower = piece.text.to_lowercase().replace('’', "'");
        let (word, more) = self.contracted(&lower);
        let after_number = self.tokens.last().is_some_and(|token| token.sort == Sort::Number);
        if let Some(unit) = unit(word).filter(|_| after_number) {
            self.put(Sort::Number, unit);
        } else if let Some(value) = ordinal(word) {
            self.put(Sort::Number, value);
        } else if number::is_compound(word) {
            self.put(Sort::Number, word);
        } else if let Some(moment) = moment(word) {
            self.put(Sort::Date, moment);
        } else {
            self.content(piece, word);
        }
        for word in more.into_iter().flatten() {
            self.content(&Piece { text: word, kind: Kind::Word, opens: false, negative: false }, word);
        }
    }

    fn content(&mut self, piece: &Piece<'_>, word: &str) {
        let letters = piece.text.chars().filter(|c| c.is_alphabetic());
        let large = piece.text.chars().next().is_some_and(char::is_uppercase);
        let inner = letters.skip(1).any(char::is_uppercase);
        // `IT` and `WHO` are no grammar, unless the whole text is in capitals.
        let named = inner && !self.shouted;
        if !named && self.language.is_some_and(|language| is_grammar(language, word)) {
            return;
        }
        match polarity(word).filter(|_| !named) {
            Some(value) => self.tokens.push(Token::pole(&value.to_string(), word)),
            None if named || (large && !piece.opens) => self.put(Sort::Name, word),
            None if large => self.put(Sort::Opener, word),
            None => self.put(Sort::Word, stem(word)),
        }
    }

    /// A word without what is drawn together with it, and what that was.
    fn contracted<'w>(&self, word: &'w str) -> (&'w str, [Option<&'static str>; 2]) {
        if self.language == Some(Language::French)
            && let Some((first, rest)) = word.split_once('\'')
            && ["l", "d", "j", "m", "t", "s", "c", "n", "qu"].contains(&first)
        {
            return (rest, [(first == "n").then_some("ne"), None]);
        }
        match word {
            "can't" | "cannot" => return ("can", [Some("not"), None]),
            "won't" => return ("will", [Some("not"), None]),
            _ => {}
        }
        if let Some(base) = word.strip_suffix("n't") {
            return (base, [Some("not"), None]);
        }
        for (ending, more) in
            [("'s", None), ("s'", None), ("'re", Some("are")), ("'ve", Some("have")), ("'ll", Some("will"))]
        {
            if let Some(base) = word.strip_suffix(ending) {
                return (base, [more, None]);
            }
        }
        (word, [None, None])
    }
}
