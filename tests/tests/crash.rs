//! `kill -9` of the coordinator at random moments: every accepted document reaches exactly one terminal record.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use fastrand::Rng;
use serde_json::Value;
use sheaf_tests::{
    documents,
    program::{Room, Running, Signal, assert_same},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coordinator-under-test");

/// The seed of this run of the tests: another one each time, printed when a test fails. `SHEAF_TEST_SEED` gives it back.
fn random() -> Rng {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let seed = std::env::var("SHEAF_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(now);
    println!("SHEAF_TEST_SEED={seed}");
    Rng::with_seed(seed)
}

/// A run that is killed again and again.
struct Killed<'r> {
    room: &'r Room,
    arguments: Vec<&'r str>,
    out: &'r str,
    total: usize,
}

impl Killed<'_> {
    fn results(&self) -> PathBuf {
        self.room.path().join(self.out).join("results.jsonl")
    }

    fn start(&self) -> Running {
        let out = ["--out", self.out, "--progress", "none"];
        self.room.start(["run"].iter().chain(&self.arguments).chain(&out))
    }

    /// Starts it, waits until so many records are new, kills it; `false` when it was faster and ended.
    fn kill_after(&self, new: usize, pause: Duration) -> bool {
        let wanted = lines(&self.results()) + new;
        let mut running = self.start();
        let alive = running.until(|_| new == 0 || lines(&self.results()) >= wanted);
        if alive {
            thread::sleep(pause);
        }
        running.signal(Signal::KILL);
        let killed = running.end().signal == Some(9);
        // Children that outlive their parent would work for nobody.
        self.room.until_deserted();
        killed
    }

    /// Kills it `kills` times at moments spread over its length; returns how many came in time.
    fn kill(&self, kills: usize, random: &mut Rng) -> usize {
        let mut landed = 0;
        for kill in 0..kills {
            let left = self.total.saturating_sub(lines(&self.results()));
            let share = (left / (kills - kill + 1)).max(1);
            // One in five falls into the start, before anything is recorded.
            let new = if random.u8(..5) == 0 { 0 } else { random.usize(1..=share + share / 2) };
            let pause = Duration::from_micros(random.u64(..3_000) * if new == 0 { 10 } else { 1 });
            landed += usize::from(self.kill_after(new, pause));
        }
        landed
    }
}

fn lines(path: &Path) -> usize {
    fs::read(path).map_or(0, |bytes| bytes.split(|byte| *byte == b'\n').count() - 1)
}

/// Exactly one record for each document, in the order of the names.
fn assert_one_each(records: &[Value], total: usize) {
    let sources: Vec<_> = records.iter().map(|record| record["source"].as_str().unwrap()).collect();
    assert_eq!(sources.iter().collect::<HashSet<_>>().len(), total, "a record each");
    assert_eq!(sources.len(), total, "one record each");
    assert!(sources.is_sorted(), "records stand in input order");
}

fn exactly_one_terminal_record(total: usize, kills: usize, options: &[&'static str]) {
    let mut random = random();
    let room = Room::new(PROGRAM);
    documents::generate(&room, "set", total, random.u64(..));
    let arguments: Vec<_> = [&["set"], options].concat();

    let calm = Killed { room: &room, arguments: arguments.clone(), out: "calm", total };
    let ended = calm.start().end();
    assert_eq!(ended.status, Some(3), "broken documents fail: {}", ended.stderr);
    let undisturbed = room.records("calm");
    assert_one_each(&undisturbed, total);
    let copies = undisturbed.iter().filter(|record| record["cache"]["kind"] == "exact").count();
    assert!(copies > total / 20, "the set has copies: {copies}");

    // On a machine that is faster than this program's eyes a run may end before its last kills; then another begins.
    let (mut landed, mut round) = (0, 0);
    while landed < kills {
        round += 1;
        assert!(round <= 20, "only {landed} of {kills} kills came in time");
        let out = format!("killed-{round}");
        let killed = Killed { room: &room, arguments: arguments.clone(), out: &out, total };
        landed += killed.kill(kills - landed, &mut random);
        let ended = killed.start().end();
        assert_eq!(ended.status, Some(3), "the last start finishes the run: {}", ended.stderr);
        let records = room.records(&out);
        assert_one_each(&records, total);
        assert_same("after kills", records, undisturbed.clone());
    }
    println!("{total} documents, {kills} kills in {round} rounds, {copies} copies");
}

#[test]
fn exactly_one_terminal_record_under_kill_9() {
    exactly_one_terminal_record(2_000, 20, &[]);
}

#[test]
fn exactly_one_terminal_record_under_kill_9_with_child_processes() {
    exactly_one_terminal_record(300, 6, &["--parallelism-mode", "process"]);
}

#[test]
fn a_kill_while_results_are_put_in_order_loses_nothing() {
    let mut random = random();
    let room = Room::new(PROGRAM);
    documents::generate(&room, "set", 600, random.u64(..));
    let run = Killed { room: &room, arguments: vec!["set"], out: "out", total: 600 };
    run.start().end();
    let undisturbed = room.records("out");
    let ordered = room.path().join("out/results.jsonl.tmp");

    // A run whose documents are all done goes through its end again; each time the kill falls somewhere in it.
    let mut landed = 0;
    for attempt in 0.. {
        assert!(attempt < 100, "only {landed} kills fell into the end of the run");
        if landed == 5 {
            break;
        }
        let mut running = run.start();
        if running.until(|_| ordered.exists()) {
            thread::sleep(Duration::from_micros(random.u64(..2_000)));
            running.signal(Signal::KILL);
        }
        landed += usize::from(running.end().signal == Some(9));
        assert_eq!(lines(&run.results()), 600, "the old file or the new one, never a part");
    }
    let ended = run.start().end();
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    assert!(!ordered.exists() && room.path().join("out/report.html").exists());
    assert_same("after kills at the end", room.records("out"), undisturbed);
}
