//! Ctrl-C and SIGTERM: the first drains, the second stops at once; both leave a folder that the same command carries on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    fs,
    time::{Duration, Instant},
};

use sheaf_tests::{
    documents,
    program::{Room, Running, Signal, assert_same},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coordinator-under-test");
/// A stop is at once when it is far from the 20 s that a hanging parser is given.
const AT_ONCE: Duration = Duration::from_secs(5);

fn lines(room: &Room) -> usize {
    fs::read_to_string(room.path().join("out/results.jsonl")).map_or(0, |text| text.lines().count())
}

/// A run over 1,500 documents, interrupted in its middle.
fn drains(signal: Signal) {
    let room = Room::new(PROGRAM);
    documents::generate(&room, "set", 1_500, 7);
    let ended = room.run(["run", "set", "--out", "calm"]);
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);

    let mut running = room.start(["run", "set", "--out", "out"]);
    assert!(running.until(|_| lines(&room) >= 100), "it runs");
    running.signal(signal);
    let ended = running.end();
    assert_eq!(ended.status, Some(130), "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stderr.contains("finishing what is in flight; once more stops at once"),
        "{}",
        ended.stderr
    );
    let done = lines(&room);
    let said = format!("interrupted: {done} of ");
    assert!(ended.stderr.contains(&said), "{} says {said}", ended.stderr);
    assert!(ended.stderr.contains("kept in out; the same command carries on"), "{}", ended.stderr);
    assert!((100..1_500).contains(&done), "it stopped in the middle: {done}");
    assert_eq!(ended.stdout, "", "nothing is a result before the end");
    room.until_deserted();

    let ended = room.run(["run", "set", "--out", "out"]);
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    assert!(ended.stdout.contains(&format!("; {done} of them were done before")), "{}", ended.stdout);
    assert_same("after a drain", room.records("out"), room.records("calm"));
}

#[test]
fn ctrl_c_drains_and_says_so() {
    drains(Signal::INT);
}

#[test]
fn sigterm_drains_too() {
    drains(Signal::TERM);
}

/// A room with documents whose parsers never end before those of the folder `after`.
fn hanging(room: &Room, count: usize) {
    for number in 0..count {
        room.write(format!("set/a/{number:03}.txt"), format!("sheaf-hostile: loop\n{number}\n"));
    }
    documents::generate(room, "set/b", 200, 3);
}

/// Interrupts twice while parsers hang, and expects the end long before their time is up.
fn stops(room: &Room, mut running: Running, first: Signal, second: Signal) {
    running.signal(first);
    assert!(running.until(|running| running.stderr().contains("finishing what is in flight")));
    running.signal(second);
    let begun = Instant::now();
    let ended = running.end();
    assert!(begun.elapsed() < AT_ONCE, "it took {:?} to stop", begun.elapsed());
    assert_eq!(ended.status, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("stopping at once; the same command carries on"), "{}", ended.stderr);
    room.until_deserted();
}

#[test]
fn a_second_signal_stops_at_once_while_parsers_hang() {
    let room = Room::new(PROGRAM);
    hanging(&room, 3);
    let timeout = ["--parse-timeout", "600"];
    for mode in ["async", "process"] {
        let start = || {
            let options = ["run", "set", "--out", "out", "--parallelism-mode", mode];
            room.start(options.iter().chain(&timeout))
        };
        let mut running = start();
        assert!(
            running.until(|_| room.processes().iter().filter(|p| p.contains("parse-child")).count() >= 3)
        );
        stops(&room, running, Signal::INT, Signal::TERM);
    }
    let ended = room.run(["run", "set", "--out", "out", "--parse-timeout", "0.5"]);
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    let records = room.records("out");
    assert_eq!(records.len(), 203);
    let timed_out = records.iter().filter(|record| record["error"]["kind"] == "parse_timeout").count();
    assert_eq!(timed_out, 3, "the hanging documents, and no other");
}

/// Three parsers hang, the queue of 64 behind them is full, and every reader of files waits for room in it: the drain
/// cannot move, and the stop must not wait for the drain.
#[test]
fn a_second_signal_stops_at_once_while_everything_is_full() {
    let room = Room::new(PROGRAM);
    hanging(&room, 120);
    let address = {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        taken.local_addr().unwrap().to_string()
    };
    let options = ["run", "set", "--out", "out", "--parse-timeout", "600", "--progress", "json"];
    let mut running = room.start(options.iter().chain(&["--listen", &address]));
    // 3 in parsers, 64 in the queue, and the readers that wait with one more each.
    let full = |running: &Running| {
        let last = running
            .stderr()
            .lines()
            .rev()
            .find_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        last.is_some_and(|line| line["analysing"].as_u64() >= Some(3 + 64 + 5))
    };
    assert!(running.until(full), "the queue fills");
    stops(&room, running, Signal::INT, Signal::INT);
}

#[test]
fn an_interrupted_list_on_standard_input_does_not_wait_for_its_writer() {
    let room = Room::new(PROGRAM);
    documents::generate(&room, "set", 20, 3);
    let mut command = room.command(["run", "-", "--out", "out"]);
    let (read, write) = std::io::pipe().unwrap();
    command.stdin(read);
    let mut running = Running::of(command.spawn().unwrap());
    drop(command);
    std::io::Write::write_all(&mut &write, b"set\n").unwrap();
    assert!(running.until(|_| lines(&room) == 20), "what is listed is done while the list is open");
    running.signal(Signal::INT);
    let ended = running.end();
    assert_eq!(ended.status, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("interrupted: 20 of at least 20 documents"), "{}", ended.stderr);
    drop(write);
}
