//! Several hosts for real, each in a network namespace, one of them cut off in the middle of a run: `namespaces.sh`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use std::{path::Path, process::Command};

/// What the script answers where it may not make namespaces.
const NOT_HERE: i32 = 77;

#[test]
fn a_worker_that_is_cut_off_costs_nothing_and_comes_back() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("namespaces.sh");
    let output = Command::new(script)
        .args([env!("CARGO_BIN_EXE_coordinator-under-test"), env!("CARGO_BIN_EXE_worker-under-test")])
        .output()
        .unwrap();
    let (told, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{told}{complained}");
    if output.status.code() == Some(NOT_HERE) {
        assert_eq!(complained.lines().count(), 1, "it says why in one line: {complained}");
        return;
    }
    assert!(output.status.success(), "{told}{complained}");
    for measured in
        ["noticed by the coordinator after", "committed or leased elsewhere after", "works on jobs again"]
    {
        assert!(told.contains(measured), "{measured} is missing: {told}");
    }
}
