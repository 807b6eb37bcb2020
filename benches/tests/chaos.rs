//! `bench chaos`, small: a few hundred documents and a few blows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_bench");
/// How long a test waits for something that must come.
const PATIENCE: Duration = Duration::from_mins(2);

/// The programs that are killed: built as examples of this crate.
fn programs() -> PathBuf {
    let programs = Path::new(BENCH).with_file_name("examples");
    for program in ["coordinator", "worker"] {
        let how = "cargo test -p sheaf-benches builds it, unless --test is given";
        assert!(programs.join(program).exists(), "{program} is not in {}: {how}", programs.display());
    }
    programs
}

fn chaos(arguments: &[&str], temporary: &Path) -> Command {
    let mut command = Command::new(BENCH);
    command.arg("chaos").args(arguments).arg("--programs").arg(programs()).env("TMPDIR", temporary);
    command
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Processes that have a folder below `folder` as theirs.
fn processes_in(folder: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let there = processes
        .filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder)));
    there.map(|process| process.file_name().to_string_lossy().into_owned()).collect()
}

/// Invariant exactly-one-terminal-record, over a fleet: under kill -9 of workers, of the coordinator and of Redis.
#[test]
fn nothing_is_lost_or_doubled_whatever_is_killed() {
    let temporary = tempfile::tempdir().unwrap();
    let blows = ["--worker-kills", "2", "--coordinator-kills", "1", "--redis-kills", "1", "--stops", "0"];
    let size = ["--jobs", "300", "--workers", "2", "--seconds", "8", "--json", "-"];
    let output = chaos(&[&blows[..], &size].concat(), temporary.path()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let sheet = &report["sheets"][0];
    assert_eq!((&sheet["breaches"], &sheet["error"]), (&Value::Array(Vec::new()), &Value::Null));
    assert!(sheet["notes"][0].as_str().unwrap().contains("given up 0"), "{sheet:#}");
    let blows = sheet["tables"][0]["lines"].as_array().unwrap();
    let of = |what: &str| blows.iter().filter(|blow| blow[1] == what).count();
    let fell = ["kill -9 of a worker", "kill -9 of the coordinator", "kill -9 of Redis"].map(of);
    assert_eq!(fell, [2, 1, 1], "{sheet:#}");
    assert!(blows.iter().all(|blow| blow[3] != "never"), "{sheet:#}");
}

/// A run that is over before the blows fall proves nothing, and is not let pass for a proof.
#[test]
fn a_run_that_is_over_too_soon_is_no_proof() {
    let temporary = tempfile::tempdir().unwrap();
    // Between nothing done and all done there is no moment for it.
    let output = chaos(&["--jobs", "1", "--seconds", "1"], temporary.path()).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("NO PROOF"), "{}", said(&output));
}

#[test]
fn ctrl_c_ends_everything_that_was_started() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().canonicalize().unwrap();
    let mut bench = chaos(&["--jobs", "300", "--seconds", "20"], &folder);
    let mut bench = bench.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Coordinator, four workers, Redis.
    until("the fleet is there", || processes_in(&folder).len() >= 6 || has_ended(&mut bench));
    let id = Pid::from_raw(bench.id().cast_signed()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    until("the bench ends", || has_ended(&mut bench));
    assert_eq!(bench.wait().unwrap().code(), Some(130));
    until("nothing is left behind", || processes_in(&folder).is_empty());
}

/// Whoever kills the bench itself leaves nothing behind either: the scenario sees its end.
#[test]
fn kill_9_of_the_bench_ends_everything_that_was_started() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().canonicalize().unwrap();
    let mut bench = chaos(&["--jobs", "300", "--seconds", "20"], &folder);
    let mut bench = bench.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the fleet is there", || processes_in(&folder).len() >= 6 || has_ended(&mut bench));
    bench.kill().unwrap();
    bench.wait().unwrap();
    until("nothing is left behind", || processes_in(&folder).is_empty());
}

fn has_ended(program: &mut Child) -> bool {
    program.try_wait().unwrap().is_some()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
