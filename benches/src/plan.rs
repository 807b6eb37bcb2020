//! Which scenarios `bench all` measures, and how long each may take.

use std::{ffi::OsString, time::Duration};

/// A scenario: its name, seconds without peers, and seconds more with them.
///
/// Without peers all together stay under 25 minutes and each under 5; with them, under 60.
const PLAN: [(&str, u64, u64); 9] = [
    ("queue", 150, 720),
    ("fetch", 60, 240),
    ("llm", 230, 720),
    ("extract", 100, 300),
    ("modes", 140, 0),
    ("workers", 180, 0),
    ("cost", 210, 0),
    ("memory", 90, 0),
    ("chaos", 200, 0),
];

/// A scenario that takes so many times its budget is ended: it hangs.
const HANGS: u32 = 3;

/// Every scenario with the arguments of this program that measure it.
pub(crate) fn all() -> Vec<(&'static str, Vec<OsString>)> {
    PLAN.iter().map(|(name, ..)| (*name, vec![OsString::from(name)])).collect()
}

fn planned(scenario: &str) -> (Duration, Duration) {
    let found = PLAN.iter().find(|(name, ..)| *name == scenario);
    let (_, alone, peers) = found.copied().unwrap_or(("", 120, 0));
    (Duration::from_secs(alone), Duration::from_secs(peers))
}

/// How long a scenario may take by itself.
pub(crate) fn budget(scenario: &str) -> Duration {
    planned(scenario).0
}

/// When a scenario with this budget is ended.
pub(crate) fn patience(scenario: &str, budget: Duration, peers: bool) -> Duration {
    let peers = if peers { planned(scenario).1 } else { Duration::ZERO };
    (budget + peers) * HANGS
}

/// This program's command line in words that a shell takes.
pub(crate) fn command() -> String {
    let arguments = std::env::args_os().skip(1).map(|argument| quoted(&argument.to_string_lossy()));
    std::iter::once("bench".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./@:,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budgets_keep_what_is_promised() {
        let (alone, peers) =
            PLAN.iter().fold((0, 0), |(alone, peers), (_, one, more)| (alone + one, peers + more));
        assert!(alone < 25 * 60, "{alone} s without peers");
        assert!(alone + peers < 60 * 60, "{} s with peers", alone + peers);
        assert!(PLAN.iter().all(|(_, alone, _)| *alone < 5 * 60));
    }

    #[test]
    fn a_command_can_be_pasted() {
        assert_eq!(quoted("--json=a b"), "'--json=a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("--rounds"), "--rounds");
    }
}
