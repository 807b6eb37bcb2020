//! Words of any script, and what text is made of.

/// Whether the character is of a script that sets no spaces between words, so that each counts as a word.
pub(crate) fn is_spaceless(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Hash of each word of `text` in lower case: runs of letters, digits and `_`, and single characters of scripts without
/// spaces. FNV-1a, so that equal words have equal hashes on every run and machine.
pub(crate) fn hashes(text: &str) -> Vec<u64> {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    let mut out = Vec::with_capacity(text.len() / 6);
    let mut hash = BASIS;
    let mut inside = false;
    for c in text.chars() {
        if is_spaceless(c) {
            if inside {
                out.push(hash);
            }
            out.push(step(BASIS, c));
            (hash, inside) = (BASIS, false);
        } else if c.is_alphanumeric() || c == '_' {
            inside = true;
            if c.is_ascii() {
                hash = step(hash, c.to_ascii_lowercase());
            } else {
                for lower in c.to_lowercase() {
                    hash = step(hash, lower);
                }
            }
        } else if inside {
            out.push(hash);
            (hash, inside) = (BASIS, false);
        }
    }
    if inside {
        out.push(hash);
    }
    out
}

fn step(hash: u64, c: char) -> u64 {
    (hash ^ u64::from(u32::from(c))).wrapping_mul(0x0100_0000_01b3)
}

/// Hash of a run of words.
pub(crate) fn shingle(words: &[u64]) -> u64 {
    words.iter().fold(0x9e37_79b9_7f4a_7c15, |hash, word| {
        (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
    })
}

/// Collapses white space, trims, and gives nothing for an empty rest.
pub(crate) fn collapse(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    (!out.is_empty()).then_some(out)
}

/// What a text is made of, by counting characters. No list of words, so that all languages are treated alike.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Makeup {
    pub chars: u32,
    pub letters: u32,
    pub upper: u32,
    pub digits: u32,
    /// Marks that end a sentence, in any script.
    pub stops: u32,
    /// Marks inside a sentence, in any script.
    pub commas: u32,
    /// Signs of currencies.
    pub money: u32,
    /// Signs that join entries of a menu or a trail: `|`, `»`, `›`, `•`, `/`, `→`.
    pub joints: u32,
    pub copyright: u32,
    /// Whether the last sign ends a sentence.
    pub ends_stopped: bool,
    /// Whether the last sign is a colon.
    pub ends_colon: bool,
    pub ends_ellipsis: bool,
}

impl Makeup {
    pub(crate) fn of(text: &str) -> Self {
        let mut makeup = Self::default();
        let mut last = ' ';
        for c in text.chars() {
            if c.is_whitespace() {
                continue;
            }
            makeup.chars += 1;
            match c {
                'a'..='z' => makeup.letters += 1,
                'A'..='Z' => {
                    makeup.letters += 1;
                    makeup.upper += 1;
                }
                '0'..='9' => makeup.digits += 1,
                '.' | '!' | '?' | '。' | '！' | '？' | '…' | '؟' | '۔' | '।' | '։' | '።' | '．' =>
                {
                    makeup.stops += 1;
                }
                ',' | ';' | '、' | '，' | '；' | '،' | '؛' => makeup.commas += 1,
                '$' | '€' | '£' | '¥' | '₹' | '₽' | '₩' | '₺' | '￥' | '฿' => {
                    makeup.money += 1;
                }
                '|' | '»' | '›' | '•' | '·' | '/' | '→' | '>' | '«' | '‹' => makeup.joints += 1,
                '©' | '®' | '™' => makeup.copyright += 1,
                _ if c.is_alphabetic() => {
                    makeup.letters += 1;
                    makeup.upper += u32::from(c.is_uppercase());
                }
                _ => {}
            }
            last = c;
        }
        makeup.ends_ellipsis = last == '…' || text.trim_end().ends_with("...");
        makeup.ends_stopped = matches!(
            last,
            '.' | '!' | '?' | '。' | '！' | '？' | '…' | '؟' | '۔' | '।' | '"' | '”' | '»' | '」' | ')'
        );
        makeup.ends_colon = matches!(last, ':' | '：');
        makeup
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_scripts_with_and_without_spaces() {
        assert_eq!(hashes("Don't stop_it, now").len(), 4);
        assert_eq!(hashes("东京 is 大").len(), 4);
        assert_eq!(hashes("ÄRGER"), hashes("ärger"));
        assert_eq!(hashes("…—").len(), 0);
    }

    #[test]
    fn white_space_collapses() {
        assert_eq!(collapse(" a\n\t b\u{a0}c "), Some("a b c".to_owned()));
        assert_eq!(collapse(" \n "), None);
    }

    #[test]
    fn sentences_end_in_every_script() {
        assert!(Makeup::of("これは文です。").ends_stopped);
        assert_eq!(Makeup::of("A b, c. D!").stops, 2);
        assert!(Makeup::of("Read more...").ends_ellipsis);
    }
}
