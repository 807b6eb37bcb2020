//! Numbers for people.

use crate::figures::Figures;

/// Three digits that count, or as many as stand before the point, in groups.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    let digits = match size {
        _ if value.fract() == 0.0 || size >= 100.0 => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.001.. => 3,
        _ => return format!("{value:.1e}"),
    };
    let text = format!("{value:.digits$}");
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, rest) =
        text.split_once('.').map_or((text, String::new()), |(whole, rest)| (whole, format!(".{rest}")));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{rest}")
}

/// A ratio: two digits behind the point above ten, else three.
pub(crate) fn ratio(value: f64) -> String {
    if value.abs() >= 10.0 { short(value) } else { format!("{value:.3}") }
}

/// `median (low to high; n)`, or a dash.
pub(crate) fn spread(figures: &Figures) -> String {
    let (Some(median), Some(low), Some(high)) = (figures.median(), figures.low(), figures.high()) else {
        return "–".to_owned();
    };
    match figures.rounds() {
        1 => format!("{} (n 1)", short(median)),
        n => format!("{} ({} to {}; n {n})", short(median), short(low), short(high)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_grouped() {
        let shown = [0.0, 0.5, 1.0, 1.2345, 12.345, 123.45, 1_234.5, 1_000_000.0, -1_234.5].map(short);
        assert_eq!(shown, ["0", "0.500", "1", "1.23", "12.3", "123", "1,234", "1,000,000", "-1,234"]);
        assert_eq!(short(0.000_012), "1.2e-5");
    }

    #[test]
    fn a_spread_says_how_many() {
        assert_eq!(spread(&[1.0, 2.0, 4.0].into_iter().collect()), "2 (1 to 4; n 3)");
        assert_eq!(spread(&Figures::of(2.5)), "2.50 (n 1)");
        assert_eq!(spread(&Figures::default()), "–");
    }
}
