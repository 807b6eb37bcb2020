//! Calendar dates. A date whose day and month cannot be told apart is found and left without a value.

use super::{Found, Locale};
use regex::{Captures, Regex};
use sheaf_common::analysis::EntityKind;
use std::sync::LazyLock;

/// Names and abbreviations of the months in English, German, French, Spanish, Italian, Portuguese and Dutch.
const MONTHS: [&[&str]; 12] = [
    &[
        "january", "jan", "januar", "jänner", "jän", "janvier", "janv", "enero", "ene", "gennaio", "gen",
        "janeiro", "januari",
    ],
    &[
        "february",
        "feb",
        "februar",
        "februari",
        "février",
        "févr",
        "fév",
        "febrero",
        "febbraio",
        "fevereiro",
        "fev",
    ],
    &["march", "mar", "märz", "mrz", "mär", "mars", "marzo", "março", "maart", "mrt"],
    &["april", "apr", "avril", "avr", "abril", "abr", "aprile"],
    &["may", "mai", "mayo", "maggio", "mag", "maio", "mei"],
    &["june", "jun", "juni", "juin", "junio", "giugno", "giu", "junho"],
    &["july", "jul", "juli", "juillet", "juil", "julio", "luglio", "lug", "julho"],
    &["august", "aug", "août", "agosto", "ago", "augustus"],
    &["september", "sep", "sept", "septembre", "septiembre", "setiembre", "settembre", "set", "setembro"],
    &["october", "oct", "oktober", "okt", "octobre", "octubre", "ottobre", "ott", "outubro", "out"],
    &["november", "nov", "novembre", "noviembre", "novembro"],
    &["december", "dec", "dezember", "dez", "décembre", "déc", "diciembre", "dic", "dicembre", "dezembro"],
];

/// Whether a word names a month.
pub(super) fn month(word: &str) -> Option<u32> {
    let lower = word.to_lowercase();
    MONTHS.iter().position(|names| names.contains(&lower.as_str())).map(|at| at as u32 + 1)
}

// Patterns are literals that the tests compile.
#[allow(clippy::unwrap_used)]
static DAY_FIRST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?-u:\b)([0-9]{1,2})(?:st|nd|rd|th|er|\.|º|°)?[ \u{a0}\n](?:de |of )?(\p{L}{3,10})\.?,?[ \u{a0}\n](?:de |del |of )?([0-9]{4})(?-u:\b)").unwrap()
});
#[allow(clippy::unwrap_used)]
static MONTH_FIRST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?-u:\b)(\p{L}{3,10})\.?[ \u{a0}\n](?:([0-9]{1,2})(?:st|nd|rd|th)?,?[ \u{a0}\n])?(?:de )?([0-9]{4})(?-u:\b)",
    )
    .unwrap()
});
#[allow(clippy::unwrap_used)]
static DIGITS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?-u:\b)([0-9]{1,4})([-./])([0-9]{1,2})([-./])([0-9]{1,4})(?-u:\b)").unwrap()
});
#[allow(clippy::unwrap_used)]
static EASTERN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"([0-9]{4}) ?[年년] ?([0-9]{1,2}) ?[月월](?: ?([0-9]{1,2}) ?[日일号])?").unwrap()
});

/// Dates of a text.
pub(super) fn find(text: &str, locale: Locale<'_>) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    let mut push = |captures: &Captures<'_>, value: Option<String>| {
        if let Some(whole) = captures.get(0) {
            all.push(Found { kind: EntityKind::Date, range: whole.range(), value });
        }
    };
    for captures in DAY_FIRST.captures_iter(text) {
        let month = captures.get(2).and_then(|word| month(word.as_str()));
        if let Some(value) = iso(number(&captures, 3), month, number(&captures, 1)) {
            push(&captures, Some(value));
        }
    }
    for captures in MONTH_FIRST.captures_iter(text) {
        let Some(month) = captures.get(1).and_then(|word| month(word.as_str())) else { continue };
        let whole = captures.get(0).map_or(0, |whole| whole.start());
        match captures.get(2) {
            Some(_) => {
                if let Some(value) = iso(number(&captures, 3), Some(month), number(&captures, 2)) {
                    push(&captures, Some(value));
                }
            }
            // "March 2026", unless it is the tail of "12 March 2026".
            None if !day_before(text, whole) => {
                let year = number(&captures, 3).filter(|year| (1000..=2999).contains(year));
                if let Some(year) = year {
                    push(&captures, Some(format!("{year:04}-{month:02}")));
                }
            }
            None => {}
        }
    }
    for captures in DIGITS.captures_iter(text) {
        match digits(text, &captures, locale) {
            Some(Reading::Day(value)) => push(&captures, Some(value)),
            Some(Reading::Ambiguous) => push(&captures, None),
            None => {}
        }
    }
    for captures in EASTERN.captures_iter(text) {
        let (year, month) = (number(&captures, 1), number(&captures, 2));
        let value = match captures.get(3) {
            Some(_) => iso(year, month, number(&captures, 3)),
            None => iso(year, month, Some(1)).map(|day| day.get(..7).unwrap_or_default().to_owned()),
        };
        if value.is_some() {
            push(&captures, value);
        }
    }
    all
}

fn number(captures: &Captures<'_>, group: usize) -> Option<u32> {
    captures.get(group)?.as_str().parse().ok()
}

/// Whether a number that could be a day stands before this place.
fn day_before(text: &str, at: usize) -> bool {
    let before = text.get(text.floor_char_boundary(at.saturating_sub(8))..at).unwrap_or_default().trim_end();
    let before = before.strip_suffix(" de").or_else(|| before.strip_suffix(" of")).unwrap_or(before);
    let before = before.trim_end_matches(['.', 'º', '°']);
    before.trim_end_matches(|c: char| c.is_ascii_lowercase()).ends_with(|c: char| c.is_ascii_digit())
}

fn digits(text: &str, captures: &Captures<'_>, locale: Locale<'_>) -> Option<Reading> {
    let group = |at: usize| captures.get(at).map_or("", |group| group.as_str());
    let (first, separator, second, third) = (group(1), group(2), group(3), group(5));
    let whole = captures.get(0)?;
    let beside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit() || matches!(c, '/' | '-' | '_'));
    // Part of a longer number, a version, a path.
    let after = text.get(whole.end()..).unwrap_or_default();
    let goes_on = after.starts_with('.')
        && after.get(1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let before = text.get(..whole.start()).and_then(|before| before.chars().next_back());
    if separator != group(4)
        || beside(before)
        || before == Some('.')
        || beside(after.chars().next())
        || goes_on
    {
        return None;
    }
    let (a, b, c) = (first.parse().ok()?, second.parse().ok()?, third.parse().ok()?);
    if first.len() == 4 {
        return (second.len() == 2 && third.len() == 2)
            .then(|| iso(Some(a), Some(b), Some(c)))
            .flatten()
            .map(Reading::Day);
    }
    if third.len() != 4 || first.len() > 2 {
        return None;
    }
    let (day_first, month_first) = (iso(Some(c), Some(b), Some(a)), iso(Some(c), Some(a), Some(b)));
    Some(match (day_first, month_first) {
        (None, None) => return None,
        (Some(one), None) | (None, Some(one)) => Reading::Day(one),
        (Some(one), Some(other)) if one == other => Reading::Day(one),
        (Some(day), Some(month)) => match (separator, locale.day_first()) {
            // Full stops are written by those who put the day first.
            (".", _) | (_, Some(true)) => Reading::Day(day),
            (_, Some(false)) => Reading::Day(month),
            (_, None) => Reading::Ambiguous,
        },
    })
}

/// What digits say.
enum Reading {
    /// This day, ISO 8601.
    Day(String),
    /// A day, but day and month cannot be told apart.
    Ambiguous,
}

impl Locale<'_> {
    /// Whether `3/4/2026` is in April; unknown for English without a region, which is written both ways.
    fn day_first(&self) -> Option<bool> {
        match (self.language?, self.region) {
            ("en", Some(region)) if region.eq_ignore_ascii_case("US") => Some(false),
            ("en", Some(region)) => ["GB", "IE", "AU", "NZ", "IN", "ZA"]
                .iter()
                .any(|r| region.eq_ignore_ascii_case(r))
                .then_some(true),
            ("en" | "zh" | "ja" | "ko" | "hu" | "lt" | "sv", None) => None,
            _ => Some(true),
        }
    }
}

/// An ISO 8601 date, if there is such a day.
fn iso(year: Option<u32>, month: Option<u32>, day: Option<u32>) -> Option<String> {
    let (year, month, day) = (year?, month?, day?);
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    ((1000..=2999).contains(&year) && (1..=days).contains(&day))
        .then(|| format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(text: &str, tag: &str) -> Vec<Option<String>> {
        let mut found = find(text, Locale::new(tag.split('-').next(), Some(tag)));
        found.sort_by_key(|found| found.range.start);
        found.into_iter().map(|found| found.value).collect()
    }

    fn one(text: &str, tag: &str, value: &str) {
        assert_eq!(dates(text, tag), [Some(value.to_owned())], "{text}");
    }

    #[test]
    fn month_names_in_seven_languages() {
        for text in [
            "on 12 March 2026",
            "March 12, 2026",
            "Mar. 12th 2026",
            "the 12th of March 2026",
            "12. März 2026",
            "12 mars 2026",
        ] {
            one(text, "en", "2026-03-12");
        }
        one("el 12 de marzo de 2026", "es", "2026-03-12");
        one("em 1º de março de 2026", "pt", "2026-03-01");
        one("il 12 marzo 2026", "it", "2026-03-12");
        one("op 12 maart 2026", "nl", "2026-03-12");
        one("le 1er août 2026", "fr", "2026-08-01");
        one("2026年3月12日", "ja", "2026-03-12");
        one("In March 2026 it rained", "en", "2026-03");
    }

    #[test]
    fn digits_are_read_as_the_language_writes_them() {
        one("2026-03-12", "en", "2026-03-12");
        one("12.03.2026", "en", "2026-03-12");
        one("03/12/2026", "en-US", "2026-03-12");
        one("03/12/2026", "en-GB", "2026-12-03");
        one("25/12/2026", "en", "2026-12-25");
        one("3/12/2026", "fr", "2026-12-03");
        assert_eq!(dates("03/12/2026", "en"), [None], "day and month cannot be told apart");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "31 February 2026",
            "version 1.2.2026.4",
            "10.0.0.1",
            "12/2026",
            "3 tests 2026",
            "99/99/2026",
            "a/2026-03-12/b",
        ] {
            assert!(dates(text, "en").is_empty(), "{text}");
        }
    }
}
