//! Sums of money and shares in percent.

use super::number::Number;
use super::{Found, Locale};
use regex::{Captures, Regex};
use sheaf_common::analysis::EntityKind;
use std::sync::LazyLock;

/// ISO 4217 codes that are recognised beside a number.
const CODES: &str = "EUR|USD|GBP|CHF|JPY|CNY|RMB|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON|TRY|RUB|UAH|INR|KRW|BRL|MXN|ZAR|SGD|HKD|ILS|AED|SAR|THB|VND|IDR";

/// Digits with separators of thousands: a point, a comma, an apostrophe, or a space before three digits.
const NUMBER: &str =
    r"[0-9]{1,3}(?:[ \u{a0}\u{202f}'’.,][0-9]{3})+(?:[.,][0-9]{1,2})?|[0-9]{1,15}(?:[.,][0-9]{1,4})?";
const SCALE: &str = r"(?i:thousand|tausend|mille?|million(?:en|es|s|i)?|millones|milhões|miljoen|mio|mn|billion(?:s)?|bn|milliard(?:e|en|s|i)?|miliardi|miljard|mrd|bilhões|trillion|[kmb])(?-u:\b{end-half})\.?|[万億亿兆]";

// Patterns are literals that the tests compile.
#[allow(clippy::unwrap_used)]
static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(r"(US\$|A\$|C\$|NZ\$|HK\$|S\$|R\$|[$€£¥₹₩₽₺₴₫฿₪]|(?-u:\b)(?:{CODES}))[ \u{{a0}}\u{{202f}}]?({NUMBER})(?:[ \u{{a0}}-]?({SCALE}))?")).unwrap()
});
#[allow(clippy::unwrap_used)]
static AFTER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(
        r"({NUMBER})(?:[ \u{{a0}}]?({SCALE}))?[ \u{{a0}}\u{{202f}}]?(?:(?:de |d['’]|di )?((?i:euros?|dollars?|dólares|dollari|pounds? sterling|yen|Kč|zł|kr)(?-u:\b{{end-half}})|(?:{CODES})(?-u:\b))|([€£₽₺₴₫円元원]))"
    ))
    .unwrap()
});
#[allow(clippy::unwrap_used)]
static SHARE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(
        r"([-−]?(?:{NUMBER}))[ \u{{a0}}\u{{202f}}]?(?:[%％]|(?i:percent|per cent|prozent|pour cent|por ciento|por cento|per cento|procent)(?-u:\b{{end-half}}))"
    ))
    .unwrap()
});

/// Sums and shares of a text.
pub(super) fn find(text: &str, locale: Locale<'_>) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for captures in BEFORE.captures_iter(text) {
        let (sign, number, scale) = (group(&captures, 1), group(&captures, 2), group(&captures, 3));
        push(text, &captures, sign, (number, scale), locale, &mut all);
    }
    let before: Vec<_> = all.iter().map(|found| found.range.clone()).collect();
    for captures in AFTER.captures_iter(text) {
        let start = captures.get(0).map_or(0, |whole| whole.start());
        let at = before.partition_point(|range| range.start <= start);
        let overlaps = at.checked_sub(1).and_then(|at| before.get(at)).is_some_and(|range| range.end > start);
        if !overlaps && !is_joined(text, start) {
            let sign = if group(&captures, 3).is_empty() { group(&captures, 4) } else { group(&captures, 3) };
            push(text, &captures, sign, (group(&captures, 1), group(&captures, 2)), locale, &mut all);
        }
    }
    for captures in SHARE.captures_iter(text) {
        let (Some(whole), written) = (captures.get(0), group(&captures, 1)) else { continue };
        let sign = if written.starts_with(['-', '−']) { "-" } else { "" };
        if let Some(number) = Number::read(written, locale).filter(|_| !is_joined(text, whole.start())) {
            let value = Some(format!("{sign}{}%", number.write(0)));
            all.push(Found { kind: EntityKind::Percentage, range: whole.range(), value });
        }
    }
    all
}

fn group<'t>(captures: &Captures<'t>, at: usize) -> &'t str {
    captures.get(at).map_or("", |group| group.as_str())
}

/// Whether the number goes on to the left: a part number, a range, an address.
fn is_joined(text: &str, start: usize) -> bool {
    text.get(..start).and_then(|before| before.chars().next_back()).is_some_and(|c| {
        (c.is_alphanumeric() && !crate::word::is_unspaced(c)) || matches!(c, '.' | ',' | '/' | '_')
    })
}

fn push(
    text: &str,
    captures: &Captures<'_>,
    sign: &str,
    (number, scale): (&str, &str),
    locale: Locale<'_>,
    all: &mut Vec<Found>,
) {
    let (Some(whole), Some(currency)) = (captures.get(0), currency(sign, locale)) else { return };
    // A number that goes on, such as a version or a date, is no sum.
    let rest = text.get(whole.end()..).unwrap_or_default();
    if scale.is_empty() && sign.chars().all(|c| c != '€') && rest.starts_with(|c: char| c.is_ascii_digit())
    {
        return;
    }
    let Some(number) = Number::read(number, locale) else { return };
    let value = format!("{} {currency}", number.scaled(power(scale, locale)).write(2));
    let range = whole.start()..whole.start() + whole.as_str().trim_end().len();
    all.push(Found { kind: EntityKind::Amount, range, value: Some(value) });
}

/// ISO 4217 code of a sign. `$` is the US dollar and `¥` the yen unless the language says otherwise.
fn currency(sign: &str, locale: Locale<'_>) -> Option<String> {
    let lower = sign.to_lowercase();
    let code = match lower.as_str() {
        "€" | "euro" | "euros" => "EUR",
        "$" => match locale.region {
            Some(region) if region.eq_ignore_ascii_case("CA") => "CAD",
            Some(region) if region.eq_ignore_ascii_case("AU") => "AUD",
            Some(region) if region.eq_ignore_ascii_case("NZ") => "NZD",
            _ => "USD",
        },
        "us$" | "dollar" | "dollars" | "dólares" | "dollari" => "USD",
        "a$" => "AUD",
        "c$" => "CAD",
        "nz$" => "NZD",
        "hk$" => "HKD",
        "s$" => "SGD",
        "r$" => "BRL",
        "£" | "pound sterling" | "pounds sterling" => "GBP",
        "¥" if locale.language == Some("zh") => "CNY",
        "¥" | "円" | "yen" => "JPY",
        "元" | "rmb" => "CNY",
        "₹" => "INR",
        "₩" | "원" => "KRW",
        "₽" => "RUB",
        "₺" => "TRY",
        "₴" => "UAH",
        "₫" => "VND",
        "฿" => "THB",
        "₪" => "ILS",
        "kč" => "CZK",
        "zł" => "PLN",
        "kr" => match locale.language? {
            "sv" => "SEK",
            "no" => "NOK",
            "da" => "DKK",
            _ => return None,
        },
        code if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_lowercase()) => {
            return Some(sign.to_uppercase());
        }
        _ => return None,
    };
    Some(code.to_owned())
}

/// The power of ten that a word stands for. `billion` is 10⁹ in English, 10¹² in German and French.
fn power(scale: &str, locale: Locale<'_>) -> usize {
    let lower = scale.trim_end_matches('.').to_lowercase();
    match lower.as_str() {
        "" => 0,
        "k" | "thousand" | "tausend" | "mil" | "mille" => 3,
        "万" => 4,
        "億" | "亿" => 8,
        "兆" | "trillion" => 12,
        "b" | "bn" | "bilhões" => 9,
        long if long.starts_with("milliard")
            || long.starts_with("miliard")
            || long == "miljard"
            || long == "mrd" =>
        {
            9
        }
        long if long.starts_with("billion") => match locale.language {
            Some("de" | "fr") => 12,
            _ => 9,
        },
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, language: &str) -> Vec<String> {
        let mut found = find(text, Locale::new(Some(language), None));
        found.sort_by_key(|found| found.range.start);
        found.into_iter().filter_map(|found| found.value).collect()
    }

    #[test]
    fn signs_and_codes_before_and_after() {
        assert_eq!(values("It cost $1,234.50, or EUR 990 a head.", "en"), ["1234.50 USD", "990.00 EUR"]);
        assert_eq!(values("Das kostet 1.234,50 € oder 20 CHF.", "de"), ["1234.50 EUR", "20.00 CHF"]);
        assert_eq!(values("un budget de 1 234 567,89 euros", "fr"), ["1234567.89 EUR"]);
        assert_eq!(values("CHF 1'234.50", "de"), ["1234.50 CHF"]);
        assert_eq!(values("Det kostar 250 kr.", "sv"), ["250.00 SEK"]);
        assert_eq!(values("価格は3万円です", "ja"), ["30000.00 JPY"]);
    }

    #[test]
    fn words_for_large_numbers() {
        assert_eq!(
            values("$3.5 million and £2bn, then $40k.", "en"),
            ["3500000.00 USD", "2000000000.00 GBP", "40000.00 USD"]
        );
        assert_eq!(values("2,5 Milliarden Euro und 3 Mio. €", "de"), ["2500000000.00 EUR", "3000000.00 EUR"]);
        assert_eq!(values("5 millones de euros", "es"), ["5000000.00 EUR"]);
    }

    #[test]
    fn shares() {
        assert_eq!(values("up 12.5%, down −3 percent", "en"), ["12.5%", "-3%"]);
        assert_eq!(values("12,5 Prozent von 1.000 Stück", "de"), ["12.5%"]);
    }

    #[test]
    fn bare_numbers_are_no_money() {
        assert!(values("In 2026, 45 boats and 3 kr8 ran 5 m. V12 at 10.0.0.1", "en").is_empty());
    }
}
