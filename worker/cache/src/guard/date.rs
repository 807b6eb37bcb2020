//! Dates in one form, however they are written.

use super::{
    lexicon::{Language, is_month_only, month},
    split::{Kind, Piece},
};

/// A date at the beginning of `pieces` in its form, and how many of them it takes.
pub(super) fn at(pieces: &[Piece<'_>], language: Option<Language>) -> Option<(String, usize)> {
    let first = pieces.first()?;
    if first.kind == Kind::Number
        && let Some(date) = in_digits(first.text)
    {
        return Some((date, 1));
    }
    if let Some(day) = day(first) {
        let (month, after) =
            skip(pieces, 1).and_then(|at| Some((month_of(pieces.get(at)?, true, language)?, at + 1)))?;
        return Some(match skip(pieces, after).and_then(|at| Some((year(pieces.get(at)?)?, at + 1))) {
            Some((year, end)) => (format!("{year}-{month:02}-{day:02}"), end),
            None => (format!("{month:02}-{day:02}"), after),
        });
    }
    let next = pieces.get(1);
    let beside = next.is_some_and(|piece| day(piece).is_some() || year(piece).is_some());
    let month = month_of(first, beside, language)?;
    if let Some(year) = next.and_then(year) {
        return Some((format!("{year}-{month:02}"), 2));
    }
    if let Some(day) = next.and_then(day) {
        return Some(match pieces.get(2).and_then(year) {
            Some(year) => (format!("{year}-{month:02}-{day:02}"), 3),
            None => (format!("{month:02}-{day:02}"), 2),
        });
    }
    // `marzo de 2026`.
    match skip(pieces, 1).filter(|at| *at > 1).and_then(|at| Some((year(pieces.get(at)?)?, at + 1))) {
        Some((year, end)) => Some((format!("{year}-{month:02}"), end)),
        None => Some((format!("{month:02}"), 1)),
    }
}

/// The place from `from` on, past one word that may stand between the parts of a date.
fn skip(pieces: &[Piece<'_>], from: usize) -> Option<usize> {
    let piece = pieces.get(from)?;
    let between = ["de", "del", "of"].iter().any(|word| piece.text.eq_ignore_ascii_case(word));
    Some(from + usize::from(between))
}

/// `beside` a number, a word that may mean something else is the month after all.
fn month_of(piece: &Piece<'_>, beside: bool, language: Option<Language>) -> Option<u32> {
    if piece.kind != Kind::Word {
        return None;
    }
    let word = piece.text.to_lowercase();
    let large = piece.text.chars().next().is_some_and(char::is_uppercase);
    let sure = is_month_only(&word)
        || (beside && (large || language != Some(Language::English)))
        || (large && !piece.opens && word.chars().count() >= 3);
    month(&word).filter(|_| sure)
}

fn day(piece: &Piece<'_>) -> Option<u32> {
    let digits = match piece.kind {
        Kind::Number => piece.text,
        Kind::Mixed => {
            ["st", "nd", "rd", "th", "er"].iter().find_map(|ending| piece.text.strip_suffix(ending))?
        }
        _ => return None,
    };
    digits.parse().ok().filter(|day| digits.len() <= 2 && (1..=31).contains(day) && !piece.negative)
}

fn year(piece: &Piece<'_>) -> Option<u32> {
    let four = piece.kind == Kind::Number && piece.text.len() == 4 && !piece.negative;
    piece.text.parse().ok().filter(|year| four && (1_000..3_000).contains(year))
}

/// `2026-03-12`, `12.03.2026`, `12/31/2026`. Where day and month cannot be told apart, the digits in their order, which
/// are equal to nothing but themselves.
fn in_digits(text: &str) -> Option<String> {
    let sign = text.chars().find(|c| matches!(c, '-' | '/' | '.'))?;
    let mut parts = text.split(sign);
    let (one, two, three) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |part: &str| part.parse::<u32>().ok().filter(|_| !part.starts_with('+'));
    let (a, b, c) = (number(one)?, number(two)?, number(three)?);
    if parts.next().is_some() {
        return None;
    }
    let (year, month, day) = match (one.len(), three.len()) {
        (4, 1..=2) => (a, b, c),
        (1..=2, 4) if sign == '.' || a > 12 => (c, b, a),
        (1..=2, 4) if b > 12 => (c, a, b),
        (1..=2, 4) if (1..=12).contains(&a) && (1..=12).contains(&b) => return Some(format!("?{a}/{b}/{c}")),
        _ => return None,
    };
    ((1..=12).contains(&month) && (1..=31).contains(&day) && (1_000..3_000).contains(&year))
        .then(|| format!("{year}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::split::split;

    fn date(text: &str) -> Option<String> {
        at(&split(text), None).map(|(date, _)| date)
    }

    #[test]
    fn one_date_has_one_form() {
        for written in [
            "2026-03-12",
            "12.03.2026",
            "12 March 2026",
            "March 12, 2026",
            "12th of March 2026",
            "12. März 2026",
            "12 mars 2026",
            "12 de marzo de 2026",
            "Mar. 12th, 2026",
        ] {
            assert_eq!(date(written).as_deref(), Some("2026-03-12"), "{written}");
        }
        assert_eq!(date("March 2026"), date("marzo de 2026"));
        assert_eq!(date("5 May").as_deref(), Some("05-05"));
        assert_eq!(date("03/04/2026").as_deref(), Some("?3/4/2026"));
        assert_eq!(date("may walk"), None);
        assert_eq!(date("2.3.1"), None);
        assert_eq!(date("99/99/2026"), None);
    }
}
