//! Numbers as people read them.

/// `12345` as `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `2 documents`, `1 document`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 {
        format!("1 {}", singular(noun))
    } else {
        format!("{} {}", grouped(number), plural(noun))
    }
}

/// A kind of document as something one can count.
fn singular(noun: &str) -> String {
    match noun {
        "forum" | "listing" | "collection" | "product" | "service" | "documentation" => {
            format!("{noun} page")
        }
        "faq" => "FAQ page".to_owned(),
        _ => noun.to_owned(),
    }
}

/// Plural of an English noun, as far as the nouns of reports need it.
pub(crate) fn plural(noun: &str) -> String {
    match noun {
        _ if singular(noun) != noun => format!("{}s", singular(noun)),
        _ if noun.ends_with('y') && !noun.ends_with("ey") => format!("{}ies", &noun[..noun.len() - 1]),
        _ if noun.ends_with('s') || noun.ends_with("sh") || noun.ends_with("ch") => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

/// Milliseconds, with three significant digits and a fitting unit.
pub(crate) fn milliseconds(value: f64) -> String {
    match value {
        v if !v.is_finite() => "–".to_owned(),
        v if v < 1.0 => format!("{:.0} µs", v * 1_000.0),
        v if v < 10.0 => format!("{v:.2} ms"),
        v if v < 100.0 => format!("{v:.1} ms"),
        v if v < 1_000.0 => format!("{v:.0} ms"),
        v => seconds(v / 1_000.0),
    }
}

/// Seconds as a length of time.
pub(crate) fn seconds(value: f64) -> String {
    if !value.is_finite() || value < 0.0 {
        return "–".to_owned();
    }
    match value {
        v if v < 0.9995 => milliseconds(v * 1_000.0),
        v if v < 9.995 => format!("{v:.2} s"),
        v if v < 59.95 => format!("{v:.1} s"),
        v => {
            let whole = v.round() as u64;
            let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
            if hours > 0 {
                format!("{} h {minutes:02} min", grouped(hours))
            } else {
                format!("{minutes} min {rest:02} s")
            }
        }
    }
}

/// US dollars.
pub(crate) fn dollars(value: f64) -> String {
    match value {
        v if !v.is_finite() => "–".to_owned(),
        0.0 => "$0".to_owned(),
        v if v < 0.01 => format!("${v:.5}"),
        v if v < 100.0 => format!("${v:.2}"),
        v => format!("${}", grouped(v.round() as u64)),
    }
}

/// A share from 0 to 1 as a percentage; small and large shares are never rounded to none or all.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 };
    match share {
        s if part > 0 && s < 1.0 => "<1 %".to_owned(),
        s if part < whole && s > 99.0 => ">99 %".to_owned(),
        s => format!("{s:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(count(1, "document"), "1 document");
        assert_eq!(count(2_000, "reply"), "2,000 replies");
        assert_eq!(
            [0.25, 4.567, 45.67, 456.7, 4_567.0].map(milliseconds),
            ["250 µs", "4.57 ms", "45.7 ms", "457 ms", "4.57 s"]
        );
        assert_eq!([0.5, 75.0, 7_322.0].map(seconds), ["500 ms", "1 min 15 s", "2 h 02 min"]);
        assert_eq!(
            [percent(1, 1_000), percent(999, 1_000), percent(1, 2), percent(0, 0)],
            ["<1 %", ">99 %", "50 %", "0 %"]
        );
        assert_eq!([0.0, 0.00123, 1.5, 1_234.0].map(dollars), ["$0", "$0.00123", "$1.50", "$1,234"]);
    }
}
