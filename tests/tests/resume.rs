//! The same command on the same folder carries on; anything else is refused with a way out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;

use sheaf_tests::{
    documents,
    program::{Room, assert_same},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coordinator-under-test");
const RUN: [&str; 4] = ["run", "set", "--out", "out"];

/// A room with a complete run over 40 documents.
fn complete() -> Room {
    let room = Room::new(PROGRAM);
    documents::generate(&room, "set", 40, 6);
    let ended = room.run(RUN);
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    assert!(!ended.stdout.contains("before"), "{}", ended.stdout);
    room
}

fn results(room: &Room) -> String {
    fs::read_to_string(room.path().join("out/results.jsonl")).unwrap()
}

fn run_id(room: &Room) -> String {
    let state = fs::read_to_string(room.path().join("out/.sheaf/state.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&state).unwrap()["run"].as_str().unwrap().to_owned()
}

#[test]
fn a_complete_run_is_left_as_it_is() {
    let room = complete();
    let (before, run) = (results(&room), run_id(&room));
    // Gone: had it been read again, it would fail now.
    fs::remove_file(room.path().join("set/00/00000.txt"))
        .or_else(|_| fs::remove_file(room.path().join("set/00/00000.md")))
        .or_else(|_| fs::remove_file(room.path().join("set/00/00000.html")))
        .unwrap();
    let ended = room.run(RUN);
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("40 documents: "), "{}", ended.stdout);
    assert!(ended.stdout.contains("; all of them were done before"), "{}", ended.stdout);
    assert_eq!((results(&room), run_id(&room)), (before, run), "nothing was done again");
}

#[test]
fn other_options_are_refused_and_fresh_starts_over() {
    let room = complete();
    let before = results(&room);
    let other = ["--extraction", "best"];
    let ended = room.run(RUN.iter().chain(&other));
    assert_eq!(ended.status, Some(1));
    assert_eq!(
        ended.stderr,
        "error: the output folder out holds a run with another configuration (extraction was auto and is now best); \
         give the same options to carry it on, --fresh to start over, or --out another folder\n"
    );
    let ended = room.run(["run", "set/00", "--out", "out"]);
    assert_eq!(ended.status, Some(1));
    assert!(ended.stderr.contains("sources was set and is now set/00"), "{}", ended.stderr);
    assert_eq!(results(&room), before, "a refused run changes nothing");

    // How fast it goes may change from one part of a run to the next.
    let ended = room.run(RUN.iter().chain(&["--parallelism-mode", "process", "--max-workers", "9"]));
    assert!(ended.stdout.contains("all of them were done before"), "{}{}", ended.stdout, ended.stderr);

    let run = run_id(&room);
    let ended = room.run(RUN.iter().chain(&other).chain(&["--fresh"]));
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    assert!(!ended.stdout.contains("before"), "{}", ended.stdout);
    assert_ne!(run_id(&room), run);
    assert_eq!(room.records("out").len(), 40);
}

#[test]
fn fresh_leaves_files_of_others_alone() {
    let room = complete();
    room.write("out/notes.txt", "mine");
    room.write("out/charts/one.svg", "mine too");
    room.write("out/results.jsonl.tmp", "half a file of an earlier run");
    let ended = room.run(RUN.iter().chain(&["--fresh"]));
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(room.path().join("out/notes.txt")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(room.path().join("out/charts/one.svg")).unwrap(), "mine too");
    assert!(!room.path().join("out/results.jsonl.tmp").exists());
}

#[test]
fn new_files_in_the_folder_are_picked_up() {
    let room = complete();
    let before = room.records("out");
    room.write(
        "set/00/00000-later.txt",
        "A notice that came later than the others, about the lamp on the pier.",
    );
    let ended = room.run(RUN);
    assert!(ended.stdout.starts_with("41 documents: "), "{}", ended.stdout);
    assert!(ended.stdout.contains("; 40 of them were done before"), "{}", ended.stdout);
    let mut after = room.records("out");
    let new = after.pop().unwrap();
    assert!(new["source"].as_str().unwrap().ends_with("00000-later.txt"), "what is new comes last");
    assert_same("what was done before", after, before);
}

#[test]
fn a_torn_last_line_is_done_again() {
    let room = complete();
    let before = room.records("out");
    let whole = results(&room);
    let last = whole.trim_end().rfind('\n').unwrap() + 1;
    for torn in [last, last + 1, usize::midpoint(last, whole.len()), whole.len() - 1] {
        fs::write(room.path().join("out/results.jsonl"), &whole[..torn]).unwrap();
        let ended = room.run(RUN);
        assert_eq!(ended.status, Some(3), "{}", ended.stderr);
        assert!(ended.stdout.contains("; 39 of them were done before"), "{}", ended.stdout);
        assert_same("a torn line", room.records("out"), before.clone());
    }
}

#[test]
fn a_damaged_line_is_named_and_not_dropped() {
    let room = complete();
    let damaged = results(&room).replacen("\"status\":", "\"stat", 3);
    let place = 1 + damaged.lines().position(|line| line.contains("\"stat\"")).unwrap_or_default();
    fs::write(room.path().join("out/results.jsonl"), &damaged).unwrap();
    let ended = room.run(RUN);
    assert_eq!(ended.status, Some(1));
    let said = format!("out/results.jsonl, line {place}:");
    assert!(ended.stderr.contains(&said), "{said} in {}", ended.stderr);
    assert!(ended.stderr.contains("--fresh starts over"), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert_eq!(results(&room), damaged, "what cannot be read is not thrown away");
    let ended = room.run(RUN.iter().chain(&["--fresh"]));
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
}

#[test]
fn two_runs_never_share_a_folder() {
    let room = Room::new(PROGRAM);
    room.write("set/a.txt", "sheaf-hostile: loop\n");
    let mut first = room.start(RUN.iter().chain(&["--parse-timeout", "600"]));
    assert!(first.until(|_| room.processes().iter().any(|process| process.contains("parse-child"))));
    for options in [&[][..], &["--fresh"]] {
        let ended = room.run(RUN.iter().chain(options));
        assert_eq!(ended.status, Some(1));
        assert_eq!(
            ended.stderr,
            "error: the output folder out is in use by another run; wait for it to end or give --out another folder\n"
        );
    }
    assert!(!first.has_ended(), "the first run is not disturbed");
    first.signal(sheaf_tests::program::Signal::KILL);
    first.end();
    // The lock goes with the process that held it, however it ended.
    let ended = room.run(RUN.iter().chain(&["--parse-timeout", "0.2"]));
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
}
