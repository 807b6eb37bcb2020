//! Numbers in one form, however they are written.

use super::{
    lexicon::{number, scale},
    split::{Kind, Piece},
};

/// A number as it is written, in digits: without separators of thousands and without zeros that mean nothing. What is no
/// plain number, such as `2.3.1` or `12:30`, stays as it stands. Where `comma`, decimals follow a comma.
pub(super) fn plain(written: &str, comma: bool) -> String {
    if !written.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'\'')) {
        return written.to_owned();
    }
    let written = written.replace('\'', "");
    let Some(last) = written.rfind(['.', ',']) else { return written };
    let (sign, after) = (written.as_bytes().get(last).copied().unwrap_or(b'.'), written.len() - last - 1);
    let same = written.bytes().filter(|byte| *byte == sign).count();
    let others = written.bytes().filter(|byte| matches!(byte, b'.' | b',') && *byte != sign).count();
    let thousands = |text: &str| {
        let mut groups = text.split(['.', ',']);
        groups.next().is_some_and(|first| (1..=3).contains(&first.len()) && !first.starts_with('0'))
            && groups.all(|group| group.len() == 3)
    };
    let whole = written.get(..last).unwrap_or_default();
    let is_whole =
        thousands(&written) && others == 0 && (same > 1 || (after == 3 && (sign == b',') != comma));
    if is_whole {
        return written.replace(['.', ','], "");
    }
    // A version, a date or the number of a section.
    if same > 1 || (others > 0 && !thousands(whole)) {
        return written;
    }
    let part = written.get(last + 1..).unwrap_or_default().trim_end_matches('0');
    let whole = whole.replace(['.', ','], "");
    if part.is_empty() { whole } else { format!("{whole}.{part}") }
}

/// Ten to the power of `power` times a plain number.
pub(super) fn scaled(plain: &str, power: usize) -> String {
    let (whole, part) = plain.split_once('.').unwrap_or((plain, ""));
    if !plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') || part.contains('.') {
        return format!("{plain}e{power}");
    }
    let moved: String = part.chars().chain(std::iter::repeat('0')).take(power).collect();
    let whole = format!("{whole}{moved}");
    let whole = if whole.len() > 1 { whole.trim_start_matches('0') } else { &whole };
    match part.get(power..).filter(|rest| !rest.is_empty()) {
        Some(rest) => format!("{whole}.{rest}"),
        None => whole.to_owned(),
    }
}

/// A number in words at the beginning of `pieces`, and how many of them it takes: `two hundred and five`.
pub(super) fn in_words(pieces: &[Piece<'_>]) -> Option<(String, usize)> {
    let (mut total, mut current, mut taken, mut room) = (0_u128, 0_u128, 0, u128::MAX);
    let mut any = false;
    for (at, piece) in pieces.iter().enumerate().take_while(|(_, piece)| piece.kind == Kind::Word) {
        let word = piece.text.to_lowercase();
        if let Some(value) = number(&word) {
            let value = u128::from(value);
            // `twenty five` is one number, `five six` are two.
            if value >= room || (any && value == 0) {
                break;
            }
            current += value;
            room = if value >= 20 { 10 } else { 0 };
        } else if let Some(power) = scale(&word).filter(|_| any) {
            let times = 10_u128.saturating_pow(power as u32);
            if power == 2 {
                current = current.max(1).saturating_mul(times);
                room = 100;
            } else {
                total = total.saturating_add(current.max(1).saturating_mul(times));
                (current, room) = (0, 1_000);
            }
        } else if word == "and" && any {
            continue;
        } else {
            break;
        }
        (any, taken) = (true, at + 1);
    }
    any.then(|| (total.saturating_add(current).to_string(), taken))
}

/// Whether a lower-case word is made of number words alone, as German writes them: `zweihundertfünfzig`.
pub(super) fn is_compound(word: &str) -> bool {
    const PARTS: [&str; 24] = [
        "hundert", "tausend", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig",
        "neunzig", "sieben", "sechs", "zwölf", "fünf", "vier", "acht", "neun", "zehn", "drei", "zwei",
        "eins", "elf", "ein", "und",
    ];
    let mut rest = word;
    let mut parts = 0;
    while !rest.is_empty() {
        let Some(shorter) = PARTS.iter().find_map(|part| rest.strip_prefix(part)) else { return false };
        (rest, parts) = (shorter, parts + 1);
    }
    parts >= 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::split::split;

    #[test]
    fn one_number_has_one_form() {
        for (written, comma, form) in [
            ("5,000", false, "5000"),
            ("5.000", true, "5000"),
            ("5.000", false, "5"),
            ("5,000", true, "5"),
            ("1,234.50", false, "1234.5"),
            ("1.234,50", true, "1234.5"),
            ("1'234", false, "1234"),
            ("1.234.567", false, "1234567"),
            ("2.3.1", false, "2.3.1"),
            ("12,5", true, "12.5"),
            ("0.125", true, "0.125"),
            ("12:30", false, "12:30"),
            ("007", false, "007"),
        ] {
            assert_eq!(plain(written, comma), form, "{written}");
        }
        assert_eq!(scaled("3.5", 6), "3500000");
        assert_eq!(scaled("0.25", 9), "250000000");
        assert_eq!(scaled("1.2345", 3), "1234.5");
    }

    #[test]
    fn words_are_numbers_too() {
        let value = |text: &str| in_words(&split(text));
        assert_eq!(value("five thousand people"), Some(("5000".to_owned(), 2)));
        assert_eq!(value("two hundred and five"), Some(("205".to_owned(), 4)));
        assert_eq!(value("twenty-five"), Some(("25".to_owned(), 2)));
        assert_eq!(value("five six"), Some(("5".to_owned(), 1)));
        assert_eq!(value("three million four hundred thousand"), Some(("3400000".to_owned(), 5)));
        assert_eq!(value("thousand"), None);
        assert!(is_compound("zweihundertfünfzig") && !is_compound("zweifel") && !is_compound("und"));
    }
}
