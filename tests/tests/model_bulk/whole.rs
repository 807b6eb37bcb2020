//! Whole programs with `--llm-batch-api`.

use std::process::Command;

use sheaf_tests::{
    fleet::Fleet,
    program::{Ended, Room, Running, Signal, wait_until},
    provider::{
        Provider, Script,
        bulk::{BatchScript, Creating},
    },
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coordinator-under-test");
const WORKER: &str = env!("CARGO_BIN_EXE_worker-under-test");

/// What the person names each interface, and where it is.
type Whose = (&'static str, fn(&Provider) -> String);
const BOTH: [Whose; 2] = [("openai", Provider::v1), ("anthropic", Provider::root)];

fn documents(room: &Room, count: usize) {
    for number in 0..count {
        let text = format!(
            "Notice {number:03}\n\nThe board of the harbour met on the east quay and agreed to replace crane {number:03}. \
             It will cost four million euros, of which the state pays one half. The work begins in May."
        );
        room.write(format!("set/{number:03}.txt"), text);
    }
}

fn command(room: &Room, provider: &Provider, whose: Whose) -> Command {
    let arguments =
        ["run", "set", "--out", "out", "--progress", "none", "--llm", "always", "--llm-batch-api"];
    asking(room.command(arguments), provider, whose)
}

/// A program whose environment names the provider.
fn asking(mut command: Command, provider: &Provider, whose: Whose) -> Command {
    command
        .env("LLM_PROVIDER", whose.0)
        .env("LLM_BASE_URL", whose.1(provider))
        .env("LLM_MODEL", "scripted-model")
        .env("LLM_API_KEY", "sk-never-to-be-seen-4711");
    command
}

fn start(room: &Room, provider: &Provider, whose: Whose) -> Running {
    Running::of(command(room, provider, whose).spawn().unwrap())
}

fn scripted(batch: BatchScript) -> Script {
    Script { batch, ..Script::default() }
}

/// Every document has its record from a model, and every request was paid for once.
fn assert_whole(room: &Room, provider: &Provider, ended: &Ended, documents: usize) {
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let records = room.records("out");
    assert_eq!(records.len(), documents);
    for record in &records {
        assert_eq!((&record["status"], &record["decided_by"]), (&"ok".into(), &"llm".into()), "{record}");
        // The key points' quotes are the document's own: no answer went astray.
        let number = record["source"].as_str().unwrap().rsplit('/').next().unwrap()[..3].to_owned();
        let summary = record["analysis"].to_string();
        assert!(summary.contains(&format!("Notice {number}")), "{number}: {summary}");
    }
    let seen = provider.batches();
    assert!(seen.paid.values().all(|times| *times == 1), "{:?}", seen.paid);
    assert_eq!(seen.paid.len(), documents);
    assert_eq!(provider.seen().requests, 0, "nothing was asked for the full price");
    assert!(
        !room.path().join("out/.sheaf/batches/batches.jsonl").metadata().is_ok_and(|file| file.len() > 0)
    );
}

#[test]
fn killed_while_a_batch_is_at_the_provider_the_same_command_collects_it() {
    for whose in BOTH {
        let (room, provider) = (
            Room::new(PROGRAM),
            Provider::start(scripted(BatchScript { looks: usize::MAX, ..BatchScript::default() })),
        );
        documents(&room, 40);
        let mut running = start(&room, &provider, whose);
        assert!(running.until(|_| provider.batches().looks > 0), "{}", running.stderr());
        running.kill();
        provider.change(Script::default());
        let ended = start(&room, &provider, whose).end();
        assert_whole(&room, &provider, &ended, 40);
        assert_eq!(provider.batches().batches.len(), 1, "{whose:?}");
        assert!(ended.stderr.contains("40 requests, handed in"), "{}", ended.stderr);
        assert!(ended.stdout.contains("model requests: 40 (200: 40)"), "{}", ended.stdout);
    }
}

#[test]
fn killed_between_the_providers_taking_a_batch_and_our_knowing_it_is_found() {
    for whose in BOTH {
        let silent = BatchScript { creating: vec![(0..1, Creating::Silent)], ..BatchScript::default() };
        let (room, provider) = (Room::new(PROGRAM), Provider::start(scripted(silent)));
        documents(&room, 12);
        let mut running = start(&room, &provider, whose);
        assert!(running.until(|_| provider.batches().batches.len() == 1), "{}", running.stderr());
        running.kill();
        let ended = start(&room, &provider, whose).end();
        assert_whole(&room, &provider, &ended, 12);
        assert_eq!(provider.batches().batches.len(), 1, "{whose:?}");
    }
}

#[test]
fn interrupted_it_says_what_waits_and_does_not_wait_for_it() {
    let whose = BOTH[0];
    let at_work = scripted(BatchScript { looks: usize::MAX, ..BatchScript::default() });
    let (room, provider) = (Room::new(PROGRAM), Provider::start(at_work));
    documents(&room, 7);
    let mut running = start(&room, &provider, whose);
    assert!(
        running.until(
            |running| provider.batches().looks > 0 && running.stderr().contains("7 requests handed in")
        )
    );
    running.signal(Signal::INT);
    let ended = running.end();
    assert_eq!(ended.status, Some(130), "{ended:?}");
    assert!(
        ended.stderr.contains("7 requests wait in 1 batches at the provider: the same command collects them"),
        "{}",
        ended.stderr
    );
    provider.change(Script::default());
    let ended = start(&room, &provider, whose).end();
    assert_whole(&room, &provider, &ended, 7);
}

#[test]
fn a_server_without_batches_is_refused_before_anything_is_begun() {
    let (room, provider) = (Room::new(PROGRAM), Provider::start(Script::default()));
    documents(&room, 1);
    let mut command = room.command(["run", "set", "--out", "out", "--llm", "always", "--llm-batch-api"]);
    command.env("LLAMA_CPP_URL", provider.root());
    let ended = Running::of(command.spawn().unwrap()).end();
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("has no endpoint for batches"), "{}", ended.stderr);
    assert!(ended.stderr.contains("Leave --llm-batch-api away"), "{}", ended.stderr);
    assert!(!room.path().join("out").exists());
    assert!(wait_until(|| provider.seen().requests == 0));
}

#[test]
fn in_a_fleet_whoever_is_left_collects_what_the_others_handed_in() {
    let whose = BOTH[1];
    let at_work = scripted(BatchScript { looks: usize::MAX, ..BatchScript::default() });
    let (fleet, provider) = (Fleet::new(PROGRAM, WORKER), Provider::start(at_work));
    documents(fleet.room(), 24);
    let coordinator = fleet.run(&["set", "--llm", "always", "--llm-batch-api"]);
    let worker = || Running::of(asking(fleet.worker_command(&[]), &provider, whose).spawn().unwrap());
    let (leaving, dying) = (worker(), worker());
    assert!(wait_until(|| provider.batches().requests() == 24), "{}", coordinator.stderr());
    // Who is told to leave does not wait for a day.
    leaving.signal(Signal::TERM);
    assert_eq!(leaving.end().status, Some(0));
    dying.kill();
    provider.change(Script::default());
    let left = worker();
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(0), "{}{}", ended.stderr, left.stderr());
    let records = fleet.room().records("out");
    assert!(records.iter().all(|record| record["decided_by"] == "llm"), "{records:?}");
    let seen = provider.batches();
    assert_eq!((records.len(), seen.paid.len(), seen.requests()), (24, 24, 24));
    assert!(seen.paid.values().all(|times| *times == 1));
    fleet.disband([left]);
}
