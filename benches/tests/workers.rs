//! `bench workers`, small: on the loopback interface, and each worker on a host of its own where this machine allows it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_bench");
/// Set where a machine must allow hosts of their own.
const REQUIRED: &str = "SHEAF_REQUIRE_NAMESPACES";
/// How long a test waits for something that must come.
const PATIENCE: Duration = Duration::from_mins(2);

/// One and two workers; the programs are built as examples of this crate.
fn workers(temporary: &Path) -> Command {
    let programs = Path::new(BENCH).with_file_name("examples");
    assert!(
        programs.join("worker").exists(),
        "cargo test -p sheaf-benches builds it, unless --test is given"
    );
    let mut command = Command::new(BENCH);
    command.args(["workers", "1", "2", "--rounds", "1", "--programs"]).arg(programs);
    command.env("TMPDIR", temporary);
    command
}

fn rounds(rows: &[Value], what: &str) -> u64 {
    let row = rows.iter().find(|row| row["what"] == what).unwrap_or_else(|| panic!("no {what}: {rows:#?}"));
    row["ours"]["n"].as_u64().unwrap()
}

#[test]
fn workers_on_hosts_of_their_own_are_measured_or_it_is_said_why_not() {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = workers(temporary.path());
    let output = command.args(["--requests", "5", "--pages", "8", "--json", "-"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let sheet = &report["sheets"][0];
    let rows = sheet["rows"].as_array().unwrap();
    assert_eq!(rounds(rows, "work that waits, 2 workers: throughput"), 1);
    let notes = sheet["notes"].as_array().unwrap();
    if let Some(why) = notes.iter().filter_map(Value::as_str).find(|note| note.contains("not measured")) {
        assert!(env::var_os(REQUIRED).is_none(), "{why}");
        assert_eq!(rounds(rows, "work that waits, 2 workers on hosts: throughput"), 0);
        println!("skipped, or a failure when {REQUIRED} is set: {why}");
        return;
    }
    for work in ["waits", "computes"] {
        assert_eq!(rounds(rows, &format!("work that {work}, 1 worker on hosts: throughput")), 1);
        assert_eq!(rounds(rows, &format!("work that {work}, 2 workers on hosts: speed-up")), 1);
    }
}

/// Processes below `folder` that are on a host of its own, and not on that of this test.
fn on_hosts(folder: &Path) -> Vec<PathBuf> {
    let here = fs::read_link("/proc/self/ns/net").unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|process| process.path());
    let below =
        |process: &PathBuf| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    let apart = |process: &PathBuf| fs::read_link(process.join("ns/net")).is_ok_and(|there| there != here);
    processes.filter(below).filter(apart).collect()
}

/// A namespace lasts as long as somebody holds it open or runs in it.
#[test]
fn kill_9_of_the_bench_leaves_nobody_on_a_host() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().canonicalize().unwrap();
    let mut command = workers(&folder);
    command.args(["--requests", "20", "--pages", "1"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut bench = command.spawn().unwrap();
    let begun = Instant::now();
    // The coordinator at the hub, and two workers.
    while on_hosts(&folder).len() < 3 {
        assert!(begun.elapsed() < PATIENCE, "nobody came to be on a host");
        if bench.try_wait().unwrap().is_some() {
            assert!(env::var_os(REQUIRED).is_none(), "nobody was on a host");
            println!("skipped, or a failure when {REQUIRED} is set: no hosts on this machine");
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    bench.kill().unwrap();
    bench.wait().unwrap();
    let begun = Instant::now();
    while !on_hosts(&folder).is_empty() {
        assert!(begun.elapsed() < PATIENCE, "somebody is left on a host");
        thread::sleep(Duration::from_millis(20));
    }
}
