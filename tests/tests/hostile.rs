//! Must hold: whatever is in a set, each input ends as one record that a person understands, the run completes, and
//! its memory stays within bounds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "hostile/case.rs"]
mod case;
#[path = "hostile/files.rs"]
mod files;
#[path = "hostile/packed.rs"]
mod packed;
#[path = "hostile/web.rs"]
mod web;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    process::Child,
    time::{Duration, Instant},
};

use case::Case;
use files::Set;
use serde_json::Value;
use sheaf_tests::{names, program::Room, tree::Watch, web::Web};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coordinator-under-test");

/// The most memory that the whole tree of processes may have.
const MEMORY: u64 = 400 << 20;

/// How long a run may take before the test gives it up: the slowest server is tried three times, ten seconds each.
const PATIENCE: Duration = Duration::from_mins(5);

#[test]
fn a_hostile_set_ends_as_one_understandable_record_each_within_400_mib() {
    let room = Room::new(PROGRAM);
    let mut set = Set::new(room.path(), "set");
    files::bytes(&mut set);
    files::shapes(&mut set);
    files::large(&mut set);
    files::packed(&mut set);
    files::pdfs(&mut set);
    files::parsers(&mut set);
    files::names(&mut set);
    files::no_files(&mut set);
    let web = Web::new();
    let servers = web::hostile(&web);
    files::fifo(&room.path().join("pipe-by-hand"));
    let mut cases = set.cases;
    cases.extend(servers.cases);
    cases.push(Case { source: "pipe-by-hand".into(), endings: case::ends!(failed unreadable), says: "pipe" });
    cases.push(Case {
        source: "set/line-200-mb.txt, line 1".into(),
        endings: case::ends!(failed bad_source),
        says: "longer than 64 KiB",
    });
    room.write("list.txt", servers.list + "pipe-by-hand\n");
    assert!(cases.len() >= 40, "{} inputs", cases.len());

    let arguments = ["run", "set", "@list.txt", "@set/line-200-mb.txt"];
    let flags = ["--out", "out", "--parse-timeout", "12", "--include-text", "--progress", "none"];
    let begun = Instant::now();
    let mut command = room.command(arguments.iter().chain(&flags));
    let mut program = command.env(names::VARIABLE, &servers.names).spawn().unwrap();
    let watch = Watch::start(program.id());
    let in_time = wait(&mut program);
    let peak = watch.end();
    let output = program.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    println!(
        "{} inputs in {:.1} s; peak memory {} MiB in processes of {:?} MiB, the program alone {} MiB",
        cases.len(),
        begun.elapsed().as_secs_f64(),
        peak.tree >> 20,
        peak.processes.iter().map(|bytes| bytes >> 20).collect::<Vec<_>>(),
        peak.program >> 20
    );
    println!("{}{stderr}", String::from_utf8_lossy(&output.stdout));
    assert!(in_time, "the run did not end within {PATIENCE:?}");

    let wrong = judge(&cases, &room.records("out"));
    assert!(wrong.is_empty(), "{} of {} inputs:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    for name in ["report.html", "report.md", "run.json"] {
        assert!(fs::metadata(room.path().join("out").join(name)).unwrap().len() > 1_000, "{name}");
    }
    let results = fs::read_to_string(room.path().join("out/results.jsonl")).unwrap();
    assert!(!results.contains("root:x:0:0"), "a file outside of the set was read");
    assert!(!room.path().join("escape.xml").exists() && !room.path().join("../escape.xml").exists());
    assert!(peak.tree < MEMORY, "peak memory {} MiB", peak.tree >> 20);
}

/// Waits for the end; kills what does not come to it.
fn wait(program: &mut Child) -> bool {
    let begun = Instant::now();
    while program.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            program.kill().unwrap();
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// What is wrong with the records of these cases, a line each.
fn judge(cases: &[Case], records: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut by_source: HashMap<&str, Vec<&Value>> = HashMap::new();
    let mut ids = HashSet::new();
    for record in records {
        by_source.entry(record["source"].as_str().unwrap()).or_default().push(record);
        if !ids.insert(record["id"].as_str().unwrap()) {
            wrong.push(format!("two records have the id {}", record["id"]));
        }
    }
    for case in cases {
        let found = by_source.remove(case.source.as_str()).unwrap_or_default();
        let &[record] = found.as_slice() else {
            wrong.push(format!("{:?}: {} records", case.source, found.len()));
            continue;
        };
        let (status, kind) = ending(record);
        if !case.endings.contains(&(status, kind)) {
            wrong.push(format!("{:?}: {status} {kind}, {}", case.source, record["error"]));
        } else if let Some(why) = unclear(record, case.says) {
            wrong.push(format!(
                "{:?}: {why}: {} {}",
                case.source, record["error"], record["document"]["remarks"]
            ));
        }
    }
    wrong.extend(by_source.keys().map(|source| format!("{source:?}: nobody expected this record")));
    wrong
}

fn ending(record: &Value) -> (&str, &str) {
    (record["status"].as_str().unwrap(), record["error"]["kind"].as_str().unwrap_or(""))
}

/// Why a person would not understand the record.
fn unclear(record: &Value, says: &str) -> Option<&'static str> {
    let error = &record["error"];
    let message = error["message"].as_str().unwrap_or_default();
    let hint = error["hint"].as_str().unwrap_or_default();
    let said = format!("{message} {hint} {}", record["document"]["remarks"]);
    if !said.contains(says) {
        return Some("it does not say what it should");
    }
    if record["status"] == "ok" {
        return (!error.is_null()).then_some("it is ok and has an error");
    }
    // What a programmer would read and nobody else.
    let noise = [
        "Err(", "Os {", "Some(", "Custom {", "Error {", "os error", "::", "unwrap", "panicked", "\u{1b}",
        "\n", "\\u",
    ];
    if message.is_empty() || message.len() > 600 {
        Some("its message is empty or endless")
    } else if hint.is_empty() {
        Some("it says nothing of what to do")
    } else if noise.iter().any(|noise| said.contains(noise) && !says.contains(noise)) {
        Some("it speaks to programmers")
    } else {
        None
    }
}

/// The same hostile files, but for those that take long, end the same way in every mode.
#[test]
fn hostile_files_end_the_same_in_every_mode() {
    let room = Room::new(PROGRAM);
    let mut set = Set::new(room.path(), "set");
    files::bytes(&mut set);
    files::packed(&mut set);
    files::parsers(&mut set);
    files::names(&mut set);
    files::no_files(&mut set);
    let mut endings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mode in ["sync", "async", "process", "hybrid"] {
        let flags = ["--parallelism-mode", mode, "--out", mode, "--parse-timeout", "5", "--progress", "none"];
        let ended = room.run(["run", "set"].iter().chain(&flags));
        assert_eq!(ended.status, Some(3), "{mode}: {}", ended.stderr);
        let records = room.records(mode);
        let wrong = judge(&set.cases, &records);
        assert!(wrong.is_empty(), "{mode}:\n{}", wrong.join("\n"));
        for record in &records {
            let (status, kind) = ending(record);
            endings.entry(record["source"].to_string()).or_default().push(format!("{status} {kind}"));
        }
    }
    for (source, endings) in endings {
        assert!(
            endings.len() == 4 && endings.windows(2).all(|two| two[0] == two[1]),
            "{source}: {endings:?}"
        );
    }
}
