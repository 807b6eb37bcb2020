//! Why a download failed, what to do about it, and how to say so.

use std::time::Duration;

use sheaf_common::fault::{Fault, FaultKind};

/// A download that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub struct FetchFailure {
    /// The kind, for programs.
    pub kind: FaultKind,
    /// What was tried and what came of it, naming the host; without credentials.
    pub what: String,
    /// What a person can do next.
    pub hint: String,
    /// What a retrying caller should do next.
    pub advice: Advice,
    /// Downloads tried; 0 when the host had been given up before this one's turn.
    pub attempts: u32,
    /// From the start of the first attempt to the end of the last, waits between them included.
    pub elapsed: Duration,
}

/// What a retrying caller should do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// The next attempt would end the same way.
    GiveUp,
    /// The document may come through at the next attempt.
    TryAgain,
    /// The host asks for less; come back after the time it named, if it named one.
    ComeBack {
        /// `Retry-After`, not clamped.
        after: Option<Duration>,
    },
    /// The host could not be reached at all.
    HostDown,
}

impl FetchFailure {
    /// A failure of one attempt that took `elapsed`.
    pub fn new(kind: FaultKind, what: impl Into<String>, hint: impl Into<String>, advice: Advice) -> Self {
        Self { kind, what: what.into(), hint: hint.into(), advice, attempts: 1, elapsed: Duration::ZERO }
    }

    /// The failure as it stands in a document's record.
    pub fn fault(&self) -> Fault {
        Fault::new(self.kind, self.message(), self.hint.clone())
    }

    fn message(&self) -> String {
        let seconds = self.elapsed.as_secs_f64();
        match self.attempts {
            0 => self.what.clone(),
            1 => format!("{} (tried once, {seconds:.1} s)", self.what),
            attempts => format!("{} (tried {attempts} times in {seconds:.1} s)", self.what),
        }
    }
}

/// Cuts a text from a server to a length that fits a message, control characters replaced.
pub(crate) fn excerpt(text: &str) -> String {
    const MOST: usize = 80;
    let mut short: String =
        text.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_how_often_and_for_how_long() {
        let mut failure = FetchFailure::new(FaultKind::Connect, "a.org: no", "Wait.", Advice::HostDown);
        failure.elapsed = Duration::from_millis(1240);
        assert_eq!(failure.to_string(), "a.org: no (tried once, 1.2 s)");
        failure.attempts = 3;
        assert_eq!(failure.fault().message, "a.org: no (tried 3 times in 1.2 s)");
        failure.attempts = 0;
        assert_eq!(failure.fault().message, "a.org: no");
    }

    #[test]
    fn texts_from_servers_are_tamed() {
        assert_eq!(excerpt("a\u{1b}[31m\nb"), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(excerpt(&"é".repeat(200)).chars().count(), 81);
    }
}
