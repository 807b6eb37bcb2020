//! The files under `deploy/` say what the program understands.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeMap, fs, path::Path};

use sheaf_tests::program::Room;

type Unit = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Sections, keys and their values, in the form that systemd.syntax(7) describes, without continuation lines.
fn unit(path: &Path) -> Unit {
    let mut sections = Unit::new();
    let mut section = None;
    for line in fs::read_to_string(path).expect("the unit").lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = Some(name.to_owned());
            continue;
        }
        let (key, value) =
            line.split_once('=').unwrap_or_else(|| panic!("{}: {line:?} has no =", path.display()));
        let section =
            section.clone().unwrap_or_else(|| panic!("{}: {line:?} is in no section", path.display()));
        sections.entry(section).or_default().entry(key.to_owned()).or_default().push(value.to_owned());
    }
    sections
}

fn systemd(name: &str) -> Unit {
    unit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd").join(name))
}

#[test]
fn the_service_starts_a_run_with_flags_that_exist() {
    let service = &systemd("sheaf-run@.service")["Service"];
    let command = &service["ExecStart"][0];
    let mut words = command.split_whitespace();
    assert!(words.next().is_some_and(|program| program.ends_with("/coordinator")));
    assert_eq!(words.next(), Some("run"));
    let help = Room::new(env!("CARGO_BIN_EXE_coordinator-under-test")).run(["run", "--help"]).stdout;
    let flags: Vec<_> = words.filter(|word| word.starts_with("--")).collect();
    assert!(!flags.is_empty() && flags.iter().all(|flag| help.contains(&format!("{flag} <"))), "{flags:?}");
    assert_eq!(service["SuccessExitStatus"], ["3"], "documents that failed do not fail the service");
    assert!(command.contains("/var/lib/sheaf/%i") && service["StateDirectory"] == ["sheaf"]);
}

#[test]
fn the_worker_is_started_with_flags_that_exist_and_stops_within_its_grace() {
    let service = &systemd("sheaf-worker.service")["Service"];
    let words: Vec<&str> = service["ExecStart"][0].split_whitespace().collect();
    assert!(words[0].ends_with("/worker") && words[1] == "start");
    let help = Room::new(env!("CARGO_BIN_EXE_worker-under-test")).run(["start", "--help"]).stdout;
    for flag in words.iter().filter(|word| word.starts_with("--")) {
        assert!(help.contains(&format!("{flag} <")), "{flag}");
    }
    assert!(help.contains("SHEAF_COORDINATOR"), "the address comes from the environment");
    let after =
        |flag: &str| words[words.iter().position(|word| *word == flag).unwrap() + 1].parse::<u64>().unwrap();
    let stop: u64 = service["TimeoutStopSec"][0].parse().unwrap();
    assert!(after("--grace") < stop, "what is in flight has its grace before anybody is killed");
}

#[test]
fn the_timer_starts_the_service_of_its_name() {
    let timer = systemd("sheaf-run@.timer");
    assert!(timer["Timer"].contains_key("OnCalendar") && timer["Install"]["WantedBy"] == ["timers.target"]);
}
