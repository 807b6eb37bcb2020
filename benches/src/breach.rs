//! Promises that a measured program breaks. Nothing is counted as throughput before these are looked for.

use std::fmt;

/// Breaches that are told one by one; of the others only the number.
const TOLD: usize = 10;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Breach {
    /// A job without a result.
    Lost { job: String },
    /// A job with several.
    Doubled { job: String, results: usize },
    /// A result that does not follow from its job: it was given before the work was done, or belongs to another.
    Unworked { job: String, said: String },
    /// A record that says something else than the undisturbed run's.
    Altered { job: String, fields: Vec<String> },
    /// A document that was not analysed.
    NotOk { job: String, said: String },
    /// A result of a job that nobody gave.
    Unknown { job: String },
    /// A line that is no record.
    Unreadable { line: usize, why: String },
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { job } => write!(f, "LOST: {job} has no result"),
            Self::Doubled { job, results } => write!(f, "DOUBLED: {job} has {results} results"),
            Self::Unworked { job, said } => {
                write!(f, "EARLY OR WRONG: the result of {job} does not follow from it: {said}")
            }
            Self::Altered { job, fields } => {
                write!(f, "ALTERED: {job} differs from the undisturbed run in {}", fields.join(", "))
            }
            Self::NotOk { job, said } => write!(f, "NOT OK: {job}: {said}"),
            Self::Unknown { job } => write!(f, "UNKNOWN: {job} is no job of the set"),
            Self::Unreadable { line, why } => write!(f, "UNREADABLE: line {line} is no record: {why}"),
        }
    }
}

/// The breaches in lines for a person.
pub(crate) fn told(breaches: &[Breach]) -> String {
    let mut lines: Vec<String> = breaches.iter().take(TOLD).map(Breach::to_string).collect();
    if breaches.len() > TOLD {
        lines.push(format!("and {} more", breaches.len() - TOLD));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_breaches_stay_readable() {
        let lost: Vec<_> = (0..1_000).map(|number| Breach::Lost { job: number.to_string() }).collect();
        assert_eq!(told(&lost).lines().count(), TOLD + 1);
        assert!(told(&lost).ends_with("and 990 more"));
    }
}
