//! What an answer's headers say of limits and of waiting. Pure: the clock is the caller's.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use reqwest::header::HeaderMap;

use crate::{RateHeaders, RateWindow};

/// Longest wait that is believed; a longer one is a provider's mistake, or a quota of another day.
const LONGEST: Duration = Duration::from_hours(24 * 31);

/// What the headers say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Advice {
    /// How long to wait before the next try.
    pub(crate) retry_after: Option<Duration>,
    /// Whether to try again at all (`x-should-retry`).
    pub(crate) should_retry: Option<bool>,
    /// The key's limits.
    pub(crate) rates: RateHeaders,
}

/// Reads all headers of interest, in either provider's spelling. `now` is what dates are measured from.
pub(crate) fn advice(headers: &HeaderMap, now: SystemTime) -> Advice {
    Advice {
        retry_after: retry_after(headers, now),
        should_retry: value(headers, "x-should-retry").and_then(|text| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }),
        rates: RateHeaders {
            requests: window(headers, "requests", now),
            tokens: window(headers, "tokens", now),
            input_tokens: window(headers, "input-tokens", now),
            output_tokens: window(headers, "output-tokens", now),
        },
    }
}

/// `retry-after-ms` (milliseconds), else `retry-after` (seconds, or a date of HTTP).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let milliseconds = value(headers, "retry-after-ms").and_then(number).map(|ms| ms / 1000.0);
    milliseconds.and_then(seconds).or_else(|| {
        let text = value(headers, "retry-after")?;
        number(text).and_then(seconds).or_else(|| {
            let date = httpdate::parse_http_date(text).ok()?;
            Some(date.duration_since(now).unwrap_or_default().min(LONGEST))
        })
    })
}

/// One limit: Anthropic's spelling (`anthropic-ratelimit-requests-limit`), else OpenAI's (`x-ratelimit-limit-requests`).
fn window(headers: &HeaderMap, what: &str, now: SystemTime) -> RateWindow {
    let read = |part: &str| {
        value(headers, &format!("anthropic-ratelimit-{what}-{part}"))
            .or_else(|| value(headers, &format!("x-ratelimit-{part}-{what}")))
    };
    RateWindow {
        limit: read("limit").and_then(count),
        remaining: read("remaining").and_then(count),
        reset: read("reset").and_then(|text| reset(text, now)),
    }
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// A count; `-1` and anything else that is none means that the provider does not know.
fn count(text: &str) -> Option<u64> {
    text.parse().ok()
}

/// A finite number that is not negative.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.min(LONGEST.as_secs_f64())).ok()
}

/// Time until a limit is whole again: a duration (`12ms`, `6m0s`, `1h2m3.5s`), an RFC 3339 time, or bare seconds.
fn reset(text: &str, now: SystemTime) -> Option<Duration> {
    duration(text).or_else(|| number(text).and_then(seconds)).or_else(|| {
        let at = SystemTime::from(text.parse::<Timestamp>().ok()?);
        Some(at.duration_since(now).unwrap_or_default().min(LONGEST))
    })
}

/// A duration as Go writes it: numbers each with its unit, such as `1h2m3.5s`.
fn duration(text: &str) -> Option<Duration> {
    /// Unit and seconds in it. Longer names first, as `ms` starts as `m` does.
    const UNITS: [(&str, f64); 8] = [
        ("ms", 1e-3),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("ns", 1e-9),
        ("d", 86_400.0),
        ("h", 3_600.0),
        ("m", 60.0),
        ("s", 1.0),
    ];
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (amount, tail) = rest.split_at_checked(digits)?;
        let (unit, factor) = UNITS.into_iter().find(|(unit, _)| tail.starts_with(unit))?;
        total += number(amount)? * factor;
        rest = tail.strip_prefix(unit)?;
    }
    if text.is_empty() { None } else { seconds(total) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn read(pairs: &[(&'static str, &str)]) -> Advice {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        advice(&headers, now())
    }

    fn now() -> SystemTime {
        SystemTime::from("2026-11-20T12:00:00Z".parse::<Timestamp>().unwrap())
    }

    #[test]
    fn openai() {
        let found = read(&[
            ("x-ratelimit-limit-requests", "500"),
            ("x-ratelimit-remaining-requests", "499"),
            ("x-ratelimit-reset-requests", "120ms"),
            ("x-ratelimit-limit-tokens", "30000"),
            ("x-ratelimit-remaining-tokens", "-1"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]);
        let requests =
            RateWindow { limit: Some(500), remaining: Some(499), reset: Some(Duration::from_millis(120)) };
        let tokens = RateWindow { limit: Some(30_000), remaining: None, reset: Some(Duration::from_mins(6)) };
        assert_eq!(found.rates, RateHeaders { requests, tokens, ..RateHeaders::default() });
    }

    #[test]
    fn anthropic() {
        let found = read(&[
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2026-11-20T12:00:30Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "1000"),
            ("anthropic-ratelimit-output-tokens-reset", "2026-11-20T11:59:00Z"),
            ("retry-after", "30"),
            ("x-should-retry", "true"),
        ]);
        assert_eq!(found.rates.requests.reset, Some(Duration::from_secs(30)));
        assert_eq!(found.rates.requests.remaining, Some(0));
        assert_eq!(found.rates.input_tokens.remaining, Some(1000));
        assert_eq!(found.rates.output_tokens.reset, Some(Duration::ZERO), "a time that has passed");
        assert_eq!(found.retry_after, Some(Duration::from_secs(30)));
        assert_eq!(found.should_retry, Some(true));
    }

    #[test]
    fn durations() {
        for (text, expected) in [
            ("12ms", Some(Duration::from_millis(12))),
            ("6m0s", Some(Duration::from_mins(6))),
            ("1h2m3.5s", Some(Duration::from_millis(3_723_500))),
            ("1d", Some(Duration::from_hours(24))),
            ("0s", Some(Duration::ZERO)),
            ("-1", None),
            ("", None),
            ("soon", None),
            ("5", None),
            ("1.2.3s", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
        assert_eq!(reset("1.5", now()), Some(Duration::from_millis(1500)), "bare seconds");
    }

    #[test]
    fn waits() {
        let wait = |text| read(&[("retry-after", text)]).retry_after;
        assert_eq!(wait("2"), Some(Duration::from_secs(2)));
        assert_eq!(wait("0.25"), Some(Duration::from_millis(250)));
        assert_eq!(wait("Fri, 20 Nov 2026 12:00:07 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Fri, 20 Nov 2026 11:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("-3"), None);
        assert_eq!(wait("inf"), None);
        assert_eq!(wait("99999999999999999999"), Some(LONGEST));
        let both = read(&[("retry-after-ms", "40"), ("retry-after", "1")]);
        assert_eq!(both.retry_after, Some(Duration::from_millis(40)), "the finer one");
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read_without_a_panic(text in "[ -~]{0,40}") {
            let found = read(&[
                ("retry-after", &text), ("retry-after-ms", &text), ("x-should-retry", &text),
                ("x-ratelimit-limit-requests", &text), ("x-ratelimit-reset-tokens", &text),
                ("anthropic-ratelimit-tokens-reset", &text),
            ]);
            prop_assert!(found.retry_after.is_none_or(|wait| wait <= LONGEST));
            prop_assert!(found.rates.tokens.reset.is_none_or(|wait| wait <= LONGEST));
        }

        #[test]
        fn durations_round_trip(hours in 0u64..400, minutes in 0u64..60, seconds in 0u64..60, ms in 0u64..1000) {
            let text = format!("{hours}h{minutes}m{seconds}s{ms}ms");
            let expected = Duration::from_millis(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms);
            let read = duration(&text).unwrap();
            prop_assert!(read.abs_diff(expected) < Duration::from_micros(1), "{text}: {read:?}");
        }

        #[test]
        fn times_round_trip(ahead in 0u64..86_400) {
            let at = Timestamp::try_from(now() + Duration::from_secs(ahead)).unwrap().to_string();
            prop_assert_eq!(reset(&at, now()), Some(Duration::from_secs(ahead)));
        }
    }
}
