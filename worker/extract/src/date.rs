//! Days as pages write them.

/// Finds the day in `text` and gives it as `YYYY-MM-DD`.
///
/// Read are years first (`2024-05-06T…`, `2024/5/6`, `20240506`, `2024年5月6日`) and months by English name (`May 6th, 2024`,
/// `Mon, 06 May 2024`). `05/06/2024` means two days, so it is not read, unless one number can only be a day.
pub(crate) fn find(text: &str) -> Option<String> {
    // A day stands within the first few words of the text that holds it.
    let text = text.get(..text.floor_char_boundary(120))?;
    let tokens = tokens(text);
    by_name(&tokens).or_else(|| by_numbers(&tokens))
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token {
    /// A number and how many digits it was written with.
    Number(u32, usize),
    /// A month by its English name, 1 to 12.
    Month(u32),
    Other,
}

fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&c) = chars.peek() {
        if c.is_ascii_digit() {
            let mut digits = String::new();
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            out.push(digits.parse().map_or(Token::Other, |number| Token::Number(number, digits.len())));
            // `6th`, and the `T` between a day and an hour.
            if matches!(chars.peek(), Some('s' | 'n' | 'r' | 't')) {
                while chars.next_if(char::is_ascii_lowercase).is_some() {}
            }
        } else if c.is_alphabetic() {
            let mut word = String::new();
            while let Some(letter) = chars.next_if(|c| c.is_alphabetic()) {
                word.extend(letter.to_lowercase());
            }
            match word.as_str() {
                "年" | "月" | "日" | "년" | "월" | "일" | "t" | "of" | "de" | "at" => {}
                _ => out.push(month(&word).map_or(Token::Other, Token::Month)),
            }
        } else {
            chars.next();
        }
    }
    out
}

fn month(word: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    if word.len() < 3 {
        return None;
    }
    let at =
        MONTHS.iter().position(|name| name.starts_with(word) || (word == "sept" && *name == "september"))?;
    u32::try_from(at + 1).ok()
}

fn by_numbers(tokens: &[Token]) -> Option<String> {
    for (at, token) in tokens.iter().enumerate() {
        match (token, tokens.get(at + 1), tokens.get(at + 2)) {
            (Token::Number(all, 8), ..) => {
                if let Some(day) = day(all / 10_000, all / 100 % 100, all % 100) {
                    return Some(day);
                }
            }
            (&Token::Number(y, 4), Some(&Token::Number(m, 1..=2)), Some(&Token::Number(d, 1..=2))) => {
                if let Some(day) = day(y, m, d) {
                    return Some(day);
                }
            }
            (
                &Token::Number(first, 1..=2),
                Some(&Token::Number(second, 1..=2)),
                Some(&Token::Number(y, 4)),
            ) => {
                let (d, m) = match (first > 12, second > 12) {
                    (true, false) => (first, second),
                    (false, true) => (second, first),
                    _ if first == second => (first, second),
                    _ => continue,
                };
                if let Some(day) = day(y, m, d) {
                    return Some(day);
                }
            }
            _ => {}
        }
    }
    None
}

fn by_name(tokens: &[Token]) -> Option<String> {
    for window in tokens.windows(3) {
        let found = match *window {
            [Token::Month(m), Token::Number(d, 1..=2), Token::Number(y, 4)]
            | [Token::Number(d, 1..=2), Token::Month(m), Token::Number(y, 4)]
            | [Token::Number(y, 4), Token::Month(m), Token::Number(d, 1..=2)] => day(y, m, d),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn day(year: u32, month: u32, day: u32) -> Option<String> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    ((1900..2200).contains(&year) && (1..=days).contains(&day))
        .then(|| format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn days_as_written() {
        for (text, wanted) in [
            ("2024-05-06T07:08:09+02:00", "2024-05-06"),
            ("2024/5/6", "2024-05-06"),
            ("20240506", "2024-05-06"),
            ("2024年5月6日", "2024-05-06"),
            ("Published on May 6th, 2024", "2024-05-06"),
            ("Mon, 06 May 2024 07:08:09 GMT", "2024-05-06"),
            ("6 Sept 2024", "2024-09-06"),
            ("25/12/2023", "2023-12-25"),
            ("12.25.2023", "2023-12-25"),
        ] {
            assert_eq!(find(text).as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_day_or_two_days_is_not_read() {
        for text in [
            "",
            "05/06/2024",
            "2024-13-01",
            "2023-02-29",
            "31 June 2024",
            "99999999999999999999",
            "version 1.2.3",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }
}
