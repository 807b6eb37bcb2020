//! A text in pieces: words, numbers, addresses and symbols, each as it stands.

/// What a piece is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, apostrophes among them.
    Word,
    /// Digits, and what stands between digits.
    Number,
    /// Letters and digits: a model, a version, a number with its unit.
    Mixed,
    /// An address of the web or of mail.
    Address,
    /// A sign that means something by itself.
    Symbol,
}

/// A piece of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'t> {
    pub(super) text: &'t str,
    pub(super) kind: Kind,
    /// Whether a sentence, a line or a quotation begins with it.
    pub(super) opens: bool,
    /// Whether a minus sign belongs to it.
    pub(super) negative: bool,
}

/// Splits one sentence or line; the first piece opens it.
pub(super) fn split(sentence: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut opens = true;
    for chunk in sentence.split_whitespace() {
        let bare = chunk.trim_matches(|c: char| !c.is_alphanumeric());
        if is_address(bare) {
            pieces.push(Piece { text: bare, kind: Kind::Address, opens, negative: false });
        } else {
            split_chunk(chunk, opens, &mut pieces);
        }
        // What follows a full stop, a colon or an opening quotation may be written large for that alone.
        opens = chunk.ends_with(['.', '!', '?', ':', ';', '…', '»', '“', '”', '"', '。', '！', '？']);
    }
    pieces
}

fn is_address(bare: &str) -> bool {
    bare.contains("://")
        || bare.starts_with("www.")
        || bare.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
}

fn split_chunk<'t>(chunk: &'t str, opens: bool, pieces: &mut Vec<Piece<'t>>) {
    let mut begun: Option<usize> = None;
    let mut before: Option<char> = None;
    let mut negative = false;
    let mut opens = opens;
    let mut characters = chunk.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let inside = c.is_alphanumeric() || is_mark(c) || begun.is_some() && joins(before, c, next);
        // Scripts without spaces: every character is a word.
        let alone = is_unspaced(c);
        if let Some(start) = begun.filter(|_| !inside || alone) {
            push(chunk, start, at, &mut opens, negative, pieces);
            (begun, negative) = (None, false);
        }
        if alone {
            push(chunk, at, at + c.len_utf8(), &mut opens, false, pieces);
        } else if inside {
            begun.get_or_insert(at);
        } else {
            let first = before.is_none_or(|before| matches!(before, '(' | '[' | '$' | '€' | '£'));
            negative =
                is_minus(c) && first && next.is_some_and(|next| next.is_numeric() || is_currency(next))
                    || negative && is_currency(c);
            if means_something(c) && before != Some(c) {
                let text = chunk.get(at..at + c.len_utf8()).unwrap_or_default();
                pieces.push(Piece { text, kind: Kind::Symbol, opens: false, negative: false });
            }
        }
        before = Some(c);
    }
    if let Some(start) = begun {
        push(chunk, start, chunk.len(), &mut opens, negative, pieces);
    }
}

fn push<'t>(
    chunk: &'t str,
    start: usize,
    end: usize,
    opens: &mut bool,
    negative: bool,
    pieces: &mut Vec<Piece<'t>>,
) {
    let Some(text) = chunk.get(start..end) else { return };
    let digits = text.chars().any(char::is_numeric);
    let letters = text.chars().any(char::is_alphabetic);
    let kind = match (digits, letters) {
        (true, true) => Kind::Mixed,
        (true, false) => Kind::Number,
        _ => Kind::Word,
    };
    pieces.push(Piece { text, kind, opens: std::mem::take(opens), negative });
}

/// Whether `c` holds together what stands on both sides of it: `1,234.5`, `12:30`, `2026-03-12`, `don't`, `v2.3`.
fn joins(before: Option<char>, c: char, next: Option<char>) -> bool {
    let (Some(before), Some(next)) = (before, next) else { return false };
    match c {
        '\'' | '’' => before.is_alphanumeric() && next.is_alphanumeric(),
        '.' | ',' | ':' | '/' | '-' | '_' => before.is_numeric() && next.is_numeric(),
        _ => false,
    }
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

pub(super) fn is_minus(c: char) -> bool {
    matches!(c, '-' | '−' | '–')
}

pub(super) fn is_currency(c: char) -> bool {
    matches!(c, '$' | '€' | '£' | '¥' | '₹' | '₩' | '₽' | '₺' | '₴' | '₪')
}

/// Han, kana, Thai, Lao, Khmer, Burmese: written without spaces between words.
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// Signs that change what is said, unlike quotation marks, dashes and other punctuation.
fn means_something(c: char) -> bool {
    // General and CJK punctuation and that of Latin-1, full-width forms, marks of lists, selectors of a form.
    const SILENT: &str = "−™●▪■\u{feff}！，．：；（）";
    match c {
        '%' | '<' | '>' | '=' | '+' | '?' | '^' | '‰' | '¬' | '±' | '×' | '÷' | '°' => true,
        c if is_currency(c) => true,
        '\u{a0}'..='\u{bf}' | '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' | '\u{fe00}'..='\u{fe0f}' => {
            false
        }
        c => !(c.is_ascii() || c.is_control() || c.is_whitespace() || SILENT.contains(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        split(text)
            .into_iter()
            .map(|piece| format!("{}{}", if piece.negative { "-" } else { "" }, piece.text))
            .collect()
    }

    #[test]
    fn what_belongs_together_stays_together() {
        assert_eq!(
            pieces("At 12:30, 1,234.50 kg (−5 °C)."),
            ["At", "12:30", "1,234.50", "kg", "-5", "°", "C"]
        );
        assert_eq!(
            pieces("don't e-mail a.b@c.org, see https://x.org/a-b."),
            ["don't", "e", "mail", "a.b@c.org", "see", "https://x.org/a-b"]
        );
        assert_eq!(pieces("-$5 or $-5 or 3-5, F-16"), ["$", "-5", "or", "$", "-5", "or", "3-5", "F", "16"]);
        assert_eq!(pieces("東京は2026年"), ["東", "京", "は", "2026", "年"]);
    }

    #[test]
    fn nothing_makes_it_stumble() {
        for text in ["", " ", "'", "5'", "--", "é́", "\u{0}", "-", "1.", ".1", "٣٫٥"] {
            split(text);
        }
    }
}
