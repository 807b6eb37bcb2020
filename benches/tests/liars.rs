//! The harness cannot flatter: programs that lose, double or answer before the work is done are called out, and no figure of
//! theirs passes for one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_bench");

/// Runs the program, and then does this to its results.
fn tampering(how: &str) -> String {
    let real = Path::new(BENCH).with_file_name("examples").join("coordinator");
    assert!(real.exists(), "cargo test -p sheaf-benches builds it, unless --test is given");
    format!("'{}' \"$@\" || exit $?\n{OUT}\n{how} \"$out/results.jsonl\"", real.display())
}

/// Finds the folder of the results among the arguments.
const OUT: &str = "list=${2#@}; out=; while [ $# -gt 0 ]; do [ \"$1\" = --out ] && out=$2; shift; done";

/// Answers at once, for sources that it has only heard of.
fn early() -> String {
    let record = r#"{"source":"%s","status":"ok","document":{"title":"Page 1","words":6000,"sha256":""},"analysis":{}}\n"#;
    format!(
        "{OUT}\nmkdir -p \"$out\"\nif [ -f \"$list\" ]; then while read -r source; do printf '{record}' \"$source\"; done \
         < \"$list\"; fi > \"$out/results.jsonl\""
    )
}

/// A scenario with this script as its coordinator.
fn measured(scenario: &[&str], script: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    for program in ["coordinator", "worker"] {
        let file = folder.path().join(program);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(BENCH);
    command.args(scenario).args(["--json", "-", "--programs"]).arg(folder.path());
    command.env("TMPDIR", folder.path()).output().unwrap()
}

fn modes(script: &str) -> (Option<i32>, Vec<String>) {
    let size = ["modes", "--rounds", "1", "--tasks", "4", "--pages", "3"];
    let output = measured(&size, script);
    let said = String::from_utf8_lossy(&output.stderr);
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let sheet = &report["sheets"][0];
    assert_eq!(sheet["error"], Value::Null, "{said}");
    let breaches = sheet["breaches"].as_array().unwrap();
    (output.status.code(), breaches.iter().map(|breach| breach.as_str().unwrap().to_owned()).collect())
}

#[test]
fn an_honest_program_is_believed() {
    assert_eq!(modes(&tampering("test -f")), (Some(0), Vec::new()));
}

#[test]
fn a_program_that_loses_is_called_out() {
    let (status, breaches) = modes(&tampering("sed -i '$d'"));
    assert_eq!(status, Some(1));
    // On work that waits, on work that computes, and on a model; in each of four modes.
    assert_eq!(breaches.iter().filter(|breach| breach.contains("LOST")).count(), 12, "{breaches:#?}");
}

#[test]
fn a_program_that_doubles_is_called_out() {
    let (status, breaches) = modes(&tampering("sed -i '$p'"));
    assert_eq!(status, Some(1));
    assert_eq!(breaches.iter().filter(|breach| breach.contains("DOUBLED")).count(), 12, "{breaches:#?}");
}

#[test]
fn a_program_that_answers_before_the_work_is_done_is_called_out() {
    let (status, breaches) = modes(&early());
    assert_eq!(status, Some(1));
    let found = breaches.iter().filter(|breach| breach.contains("EARLY OR WRONG")).count();
    assert!(found >= 4, "{breaches:#?}");
}

#[test]
fn an_undisturbed_run_that_loses_is_no_measure_of_one_under_blows() {
    let output = measured(&["chaos", "--jobs", "20", "--seconds", "1"], &tampering("sed -i '$d'"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no measure") && said.contains("LOST"), "{said}");
}
