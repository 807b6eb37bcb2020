//! Numbers as people write them, as exact decimals.

use super::Locale;

/// A decimal number: digits without leading zeros, and how many of them stand after the point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    digits: String,
    decimals: usize,
}

impl Number {
    /// Reads `1,234.50`, `1.234,50`, `1 234,50`, `1'234.50`. A single separator before exactly three digits separates
    /// thousands in languages that write them so, decimals in the others.
    pub(super) fn read(written: &str, locale: Locale<'_>) -> Option<Self> {
        let plain: String =
            written.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).collect();
        let point = decimal_point(&plain, locale);
        let (whole, part) = match point {
            Some(at) => (plain.get(..at)?, plain.get(at + 1..)?),
            None => (plain.as_str(), ""),
        };
        let mut digits: String = whole.chars().chain(part.chars()).filter(char::is_ascii_digit).collect();
        if digits.is_empty() || digits.len() > 30 {
            return None;
        }
        let decimals = part.len();
        let zeros = digits.len() - digits.trim_start_matches('0').len();
        digits.drain(..zeros.min(digits.len().saturating_sub(decimals + 1)));
        Some(Self { digits, decimals })
    }

    /// Times ten to this power.
    pub(super) fn scaled(mut self, power: usize) -> Self {
        let shift = power.min(self.decimals);
        self.decimals -= shift;
        self.digits.extend(std::iter::repeat_n('0', power - shift));
        let zeros = self.digits.len() - self.digits.trim_start_matches('0').len();
        self.digits.drain(..zeros.min(self.digits.len().saturating_sub(self.decimals + 1)));
        self
    }

    /// As `1234.50`, with at least this many decimals.
    pub(super) fn write(&self, decimals_min: usize) -> String {
        let (whole, part) =
            self.digits.split_at_checked(self.digits.len() - self.decimals).unwrap_or((&self.digits, ""));
        let whole = if whole.is_empty() { "0" } else { whole };
        let mut part = part.to_owned();
        part.extend(std::iter::repeat_n('0', decimals_min.saturating_sub(part.len())));
        if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
    }
}

fn decimal_point(plain: &str, locale: Locale<'_>) -> Option<usize> {
    let last = plain.rfind(['.', ','])?;
    let sign = plain.get(last..=last)?;
    let after = plain.len() - last - 1;
    let other = if sign == "." { "," } else { "." };
    if plain.contains(other) {
        // Both are there: the last one is the point, unless it comes twice.
        return (plain.matches(sign).count() == 1).then_some(last);
    }
    if plain.matches(sign).count() > 1 {
        return None;
    }
    let thousands = if locale.writes_decimal_comma() { "." } else { "," };
    (after != 3 || sign != thousands || plain.starts_with('0')).then_some(last)
}

impl Locale<'_> {
    /// Whether the decimals of a number follow a comma.
    pub(super) fn writes_decimal_comma(&self) -> bool {
        // Regions that write a point though their language elsewhere writes a comma.
        let exempt = match (self.language, self.region) {
            (Some("de"), Some(region)) => ["CH", "LI"].contains(&region),
            (Some("es"), Some(region)) => {
                ["MX", "US", "GT", "HN", "SV", "NI", "PA", "DO", "PR"].contains(&region)
            }
            _ => false,
        };
        !exempt && self.language.is_some_and(|language| DECIMAL_COMMA.contains(&language))
    }
}

/// Languages whose decimals follow a comma.
const DECIMAL_COMMA: &[&str] = &[
    "de", "fr", "es", "it", "pt", "nl", "da", "no", "sv", "fi", "pl", "cs", "sk", "sl", "hr", "sr", "hu",
    "ro", "bg", "ru", "uk", "be", "el", "tr", "id", "vi", "ca", "gl", "eu", "lt", "lv", "et", "is",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: &str, language: &str) -> String {
        Number::read(written, Locale::new(Some(language), None)).unwrap().write(0)
    }

    #[test]
    fn separators_follow_the_language_only_where_they_must() {
        assert_eq!(read("1,234.50", "de"), "1234.50");
        assert_eq!(read("1.234,50", "en"), "1234.50");
        assert_eq!(read("1.234", "de"), "1234");
        assert_eq!(read("1.234", "en"), "1.234");
        assert_eq!(read("1,234", "en"), "1234");
        assert_eq!(read("1,234", "fr"), "1.234");
        assert_eq!(read("0.125", "de"), "0.125");
        assert_eq!(read("1.234.567", "en"), "1234567");
        assert_eq!(read("1 234,5", "fr"), "1234.5");
        assert_eq!(read("12,5", "en"), "12.5");
        assert_eq!(read("007", "en"), "7");
    }

    #[test]
    fn scaling_moves_the_point() {
        let number = |written: &str| Number::read(written, Locale::new(Some("en"), None)).unwrap();
        assert_eq!(number("3.5").scaled(6).write(2), "3500000.00");
        assert_eq!(number("0.25").scaled(9).write(0), "250000000");
        assert_eq!(number("1.23456").scaled(3).write(2), "1234.56");
    }
}
