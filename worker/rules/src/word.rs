//! Words of a text, in any script.
//!
//! A word is a run of letters, digits and combining marks; an apostrophe, hyphen, dot or comma inside it belongs to
//! it where it joins (`don't`, `near-duplicate`, `3.14`). In scripts written without spaces (Han, kana, Thai, Lao,
//! Khmer, Burmese) every character counts as a word, but a run of katakana, which spells one borrowed word, is one.

/// A word's place in the text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The words of `text` in order.
pub(crate) fn spans(text: &str) -> Spans<'_> {
    Spans { text, at: 0 }
}

/// Iterator of [`spans`].
pub(crate) struct Spans<'a> {
    text: &'a str,
    at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Letters of scripts with spaces, and digits.
    Letter,
    Digit,
    Katakana,
    /// A word by itself.
    Single,
    /// Sticks to whatever word it follows.
    Mark,
    Other,
}

fn class(c: char) -> Class {
    if c.is_ascii() {
        return match c {
            'a'..='z' | 'A'..='Z' => Class::Letter,
            '0'..='9' => Class::Digit,
            _ => Class::Other,
        };
    }
    match u32::from(c) {
        0x0300..=0x036F
        | 0x0483..=0x0489
        | 0x0591..=0x05BD
        | 0x0610..=0x061A
        | 0x064B..=0x065F
        | 0x06D6..=0x06ED
        | 0x1AB0..=0x1AFF
        | 0x1DC0..=0x1DFF
        | 0x200C..=0x200D
        | 0x20D0..=0x20FF
        | 0x3099..=0x309A
        | 0xFE00..=0xFE0F
        | 0xFE20..=0xFE2F => Class::Mark,
        // Vowel signs and viramas of the Indic scripts; their dandas end sentences.
        0x0900..=0x0DFF if !matches!(c, '\u{0964}' | '\u{0965}') => Class::Letter,
        0x30A1..=0x30FA | 0x30FC..=0x30FF | 0xFF66..=0xFF9F => Class::Katakana,
        _ if is_unspaced(c) && c.is_alphanumeric() => Class::Single,
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF => Class::Mark,
        _ if c.is_alphabetic() => Class::Letter,
        _ if c.is_numeric() => Class::Digit,
        _ => Class::Other,
    }
}

/// Whether the character belongs to a script that is written without spaces between words.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0E00..=0x0EFF      // Thai, Lao
        | 0x1000..=0x109F    // Burmese
        | 0x1780..=0x17FF    // Khmer
        | 0x3005..=0x3007
        | 0x3040..=0x30FF    // kana
        | 0x3400..=0x4DBF
        | 0x4E00..=0x9FFF
        | 0xF900..=0xFAFF
        | 0xFF66..=0xFF9F
        | 0x20000..=0x3FFFF)
}

/// Whether `joint`, standing between two characters of these classes, belongs to the word.
fn joins(before: Class, joint: char, after: Class) -> bool {
    match joint {
        '\'' | '\u{2019}' | '-' | '\u{2010}' | '\u{2011}' => {
            matches!(before, Class::Letter | Class::Digit) && matches!(after, Class::Letter | Class::Digit)
        }
        '.' | ',' => before == Class::Digit && after == Class::Digit,
        '\u{00AD}' | '_' => after == Class::Letter,
        _ => false,
    }
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let rest = self.text.get(self.at..)?;
        let mut chars = rest.char_indices();
        let (offset, first) = chars.find(|&(_, c)| !matches!(class(c), Class::Other | Class::Mark))?;
        let start = self.at + offset;
        let mut end = start + first.len_utf8();
        let mut last = class(first);
        while let Some((offset, c)) = chars.next() {
            let here = class(c);
            let at = self.at + offset;
            match here {
                Class::Mark => {}
                Class::Katakana if last == Class::Katakana => {}
                Class::Letter | Class::Digit if matches!(last, Class::Letter | Class::Digit) => last = here,
                Class::Other => {
                    let after = chars.clone().next().map_or(Class::Other, |(_, c)| class(c));
                    if !joins(last, c, after) {
                        break;
                    }
                }
                Class::Letter | Class::Digit | Class::Katakana | Class::Single => break,
            }
            end = at + c.len_utf8();
        }
        self.at = end;
        Some(Span { start, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        spans(text).map(|span| &text[span.start..span.end]).collect()
    }

    #[test]
    fn joins_what_belongs_together() {
        assert_eq!(
            words("Don't re-read 3.14, 1,000 or v2."),
            ["Don't", "re-read", "3.14", "1,000", "or", "v2"]
        );
        assert_eq!(words("-- 'quoted' end-"), ["quoted", "end"]);
    }

    #[test]
    fn characters_of_unspaced_scripts_stand_alone() {
        assert_eq!(words("東京タワーは高い"), ["東", "京", "タワー", "は", "高", "い"]);
        assert_eq!(words("GPU加速3倍"), ["GPU", "加", "速", "3", "倍"]);
    }

    #[test]
    fn marks_stay_with_their_letters() {
        assert_eq!(words("cafe\u{301} noir"), ["cafe\u{301}", "noir"]);
        assert_eq!(words("हिन्दी में"), ["हिन्दी", "में"]);
        assert_eq!(words("🎉🎉 !!! \u{301}"), [""; 0]);
    }
}
