//! Which scenarios `bench all` measures, and how long each may take.

use std::{ffi::OsString, time::Duration};

/// A scenario of the plan.
struct Planned {
    name: &'static str,
    /// Seconds without peers, and more with them.
    seconds: u64,
    peers: u64,
    /// Arguments that show in seconds whether it works at all.
    quick: &'static str,
}

const fn planned(name: &'static str, seconds: u64, peers: u64, quick: &'static str) -> Planned {
    Planned { name, seconds, peers, quick }
}

/// Few and small blows.
const FEW_BLOWS: &str =
    "--jobs 300 --workers 2 --seconds 8 --worker-kills 2 --coordinator-kills 1 --redis-kills 1 --stops 0";

/// Without peers all together stay under 25 minutes and each under 5; with them, under 60.
const PLAN: [Planned; 10] = [
    planned("queue", 138, 600, "--rounds 1 --jobs 2000 --backlog 4000 --kills 1"),
    planned("fetch", 50, 120, "--rounds 1 --pages 200"),
    planned("llm", 290, 700, "--rounds 1 --shrink 10"),
    planned("cache", 130, 0, "--entries 2000"),
    planned("extract", 75, 300, "--rounds 1"),
    planned("modes", 122, 0, "--rounds 1 --tasks 6 --pages 6"),
    planned("workers", 232, 0, "1 2 4 --rounds 1 --requests 20 --pages 30"),
    planned("cost", 250, 0, "100 200 400 --rounds 1"),
    planned("memory", 100, 0, "100 200"),
    planned("chaos", 110, 0, FEW_BLOWS),
];

/// A scenario that takes so many times its budget is ended: it hangs.
const HANGS: u32 = 3;

/// Every scenario with the arguments of this program that measure it.
pub(crate) fn all(quick: bool) -> Vec<(&'static str, Vec<OsString>)> {
    let arguments = |one: &Planned| {
        let more = if quick { one.quick } else { "" };
        std::iter::once(one.name).chain(more.split_whitespace()).map(OsString::from).collect()
    };
    PLAN.iter().map(|one| (one.name, arguments(one))).collect()
}

/// Seconds of one that is not in the plan.
const UNPLANNED: u64 = 120;

fn find(scenario: &str) -> Option<&'static Planned> {
    PLAN.iter().find(|one| one.name == scenario)
}

/// How long a scenario may take by itself.
pub(crate) fn budget(scenario: &str) -> Duration {
    Duration::from_secs(find(scenario).map_or(UNPLANNED, |one| one.seconds))
}

/// When a scenario with this budget is ended.
pub(crate) fn patience(scenario: &str, budget: Duration, peers: bool) -> Duration {
    let peers = Duration::from_secs(find(scenario).filter(|_| peers).map_or(0, |one| one.peers));
    (budget + peers) * HANGS
}

/// This program's command line in words that a shell takes.
pub(crate) fn command() -> String {
    command_of(&std::env::args_os().skip(1).collect::<Vec<_>>())
}

/// The same with these arguments.
pub(crate) fn command_of(arguments: &[OsString]) -> String {
    let arguments = arguments.iter().map(|argument| quoted(&argument.to_string_lossy()));
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
            PLAN.iter().fold((0, 0), |(alone, peers), one| (alone + one.seconds, peers + one.peers));
        assert!(alone < 25 * 60, "{alone} s without peers");
        assert!(alone + peers < 60 * 60, "{} s with peers", alone + peers);
        assert!(PLAN.iter().all(|one| one.seconds < 5 * 60));
    }

    #[test]
    fn a_command_can_be_pasted() {
        assert_eq!(quoted("--json=a b"), "'--json=a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("--rounds"), "--rounds");
    }
}
