//! What a field may hold. Whoever sends a message may be hostile, or merely wrong.

use std::time::Duration;

use crate::{
    id::{RunId, WorkerId},
    wire::WireError,
};

/// Longest id, in bytes.
const ID_BYTES: usize = 128;
/// Longest name of anything, in bytes.
pub(super) const NAME_BYTES: usize = 256;
/// Longest sentence, in bytes.
pub(super) const SENTENCE_BYTES: usize = 1_024;
/// Longest URL, in bytes.
pub(super) const URL_BYTES: usize = 4_096;
/// Most entries of a list: runs, leases, models, keys.
pub(super) const ENTRIES: usize = 1_024;

/// An id: letters, digits, points, hyphens and underscores, so that it may stand in keys and logs.
fn id(field: &'static str, text: String) -> Result<String, WireError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if text.is_empty() || text.len() > ID_BYTES || !text.bytes().all(plain) {
        return Err(invalid(field, text));
    }
    Ok(text)
}

/// A worker's id.
pub(super) fn worker(text: String) -> Result<WorkerId, WireError> {
    id("worker_id", text).map(WorkerId::new)
}

/// A run's id.
pub(super) fn run(text: String) -> Result<RunId, WireError> {
    id("run_id", text).map(RunId::new)
}

/// A text of at most so many bytes, on one line.
pub(super) fn text(field: &'static str, text: String, most: usize) -> Result<String, WireError> {
    if text.len() > most || text.chars().any(char::is_control) {
        return Err(invalid(field, text));
    }
    Ok(text)
}

/// A name that is there, on one line.
pub(super) fn name(field: &'static str, name: String) -> Result<String, WireError> {
    if name.is_empty() {
        return Err(WireError::Missing(field));
    }
    text(field, name, NAME_BYTES)
}

/// A list that is not absurdly long.
pub(super) fn list<T>(field: &'static str, list: Vec<T>) -> Result<Vec<T>, WireError> {
    if list.len() > ENTRIES {
        return Err(invalid(field, format!("of {} entries", list.len())));
    }
    Ok(list)
}

/// A number that is one, from zero on.
pub(super) fn amount(field: &'static str, amount: f64) -> Result<f64, WireError> {
    if !amount.is_finite() || amount < 0.0 {
        return Err(invalid(field, amount.to_string()));
    }
    Ok(amount)
}

/// A duration in milliseconds that is not zero.
pub(super) fn period(field: &'static str, milliseconds: u64) -> Result<Duration, WireError> {
    if milliseconds == 0 {
        return Err(WireError::Missing(field));
    }
    Ok(Duration::from_millis(milliseconds))
}

/// A duration's milliseconds; those of an endless one are many.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The beginning of a sentence of one's own, as much as a field takes, on one line.
pub(super) fn clipped(sentence: &str) -> String {
    let mut line = sentence.replace(char::is_control, " ");
    line.truncate(line.floor_char_boundary(SENTENCE_BYTES));
    line
}

/// What of a value an error shows, in characters.
const SHOWN: usize = 80;

pub(super) fn invalid(field: &'static str, value: impl Into<String>) -> WireError {
    let value = value.into().escape_debug().take(SHOWN).collect();
    WireError::Invalid { field, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_can_stand_in_keys_and_logs() {
        assert!(worker("hub.example-12-0a_b".to_owned()).is_ok());
        for wrong in ["", "a b", "a}b", "a\nb", "ä", &"a".repeat(ID_BYTES + 1)] {
            assert!(worker(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_value_is_shown_short_and_on_one_line() {
        let said = text("name", format!("\n{}", "a".repeat(10_000)), NAME_BYTES).unwrap_err().to_string();
        assert!(said.len() < 200 && !said.contains('\n') && said.contains("`name`"), "{said}");
    }

    #[test]
    fn a_long_sentence_loses_its_end() {
        let line = clipped(&format!("a\n{}", "ä".repeat(SENTENCE_BYTES)));
        assert!(line.len() <= SENTENCE_BYTES && line.starts_with("a ä"), "{}", line.len());
    }

    #[test]
    fn numbers_are_numbers() {
        for wrong in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(amount("usd", wrong).is_err());
        }
        assert!(period("lease_ms", 0).is_err() && amount("usd", 0.0).is_ok());
    }
}
