//! Days, as documents write them.

/// The day at the beginning of an ISO 8601 date or time, as `YYYY-MM-DD`; `None` if there is none that the calendar has.
pub(crate) fn iso(text: &str) -> Option<String> {
    let text = text.trim().trim_matches(['"', '\'']).trim_start();
    let day = text.get(..10)?;
    if text.as_bytes().get(10).is_some_and(u8::is_ascii_alphanumeric)
        && !text.get(10..)?.starts_with(['T', 't'])
    {
        return None;
    }
    let mut parts = day.split('-');
    let mut number = |digits: usize| {
        let part =
            parts.next().filter(|part| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()))?;
        part.parse::<u32>().ok()
    };
    let (year, month, date) = (number(4)?, number(2)?, number(2)?);
    let longest = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => return None,
    };
    // Programs that know no date write the beginning of their calendar.
    let known = (1000..=2200).contains(&year) && !matches!(day, "1601-01-01" | "1899-12-30" | "1970-01-01");
    (known && (1..=longest).contains(&date)).then(|| day.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_day_of_dates_and_times() {
        assert_eq!(iso("2026-02-28").as_deref(), Some("2026-02-28"));
        assert_eq!(iso(" '2024-02-29T10:00:00Z'").as_deref(), Some("2024-02-29"));
        assert_eq!(iso("2026-03-05 10:00").as_deref(), Some("2026-03-05"));
    }

    #[test]
    fn refuses_what_is_no_day() {
        for text in [
            "",
            "2026",
            "2025-02-29",
            "2026-13-01",
            "2026-00-10",
            "1970-01-01",
            "2026-01-011",
            "été 2026-01",
            "x",
        ] {
            assert_eq!(iso(text), None, "{text}");
        }
    }
}
