//! Several documents in one request: as many answers, each its document's own, for fewer requests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use std::{
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sheaf_tests::{
    program::{Ended, Room, Running, assert_same},
    provider::{Content, Deed, Edit, Provider, Script, When},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coordinator-under-test");
/// Documents of the set that must be shown.
const COUNT: usize = 400;

/// Short documents, each of which begins with a line that no other one has: what the provider quotes.
fn documents(room: &Room, count: usize) {
    for number in 0..count {
        let text = format!(
            "Crane-{number:03} of the harbour\n\nThe board met on the east quay and agreed to replace crane {number:03}. \
             It will cost four million euros, of which the state pays one half. The work begins in May."
        );
        room.write(format!("set/{number:03}.txt"), text);
    }
}

fn run(room: &Room, provider: &Provider, out: &str, arguments: &[&str]) -> Ended {
    let always = ["run", "set", "--out", out, "--progress", "none", "--llm", "always"];
    let mut command: Command = room.command(always.iter().chain(arguments));
    command
        .env("LLM_PROVIDER", "custom")
        .env("LLM_BASE_URL", provider.v1())
        .env("LLM_MODEL", "scripted-model")
        .env("LLM_API_KEY", "sk-scripted");
    Running::of(command.spawn().unwrap()).end()
}

/// Records without what a shared request changes: what a document took.
fn answers(room: &Room, out: &str) -> Vec<Value> {
    let mut records = room.records(out);
    for record in &mut records {
        for changed in ["usage", "attempts"] {
            record.as_object_mut().unwrap().remove(changed);
        }
    }
    records
}

fn sum(records: &[Value], field: &str) -> u64 {
    records.iter().map(|record| record["usage"][field].as_u64().unwrap()).sum()
}

#[test]
fn the_same_answers_for_a_fifth_of_the_requests() {
    let room = Room::new(PROGRAM);
    documents(&room, COUNT);
    // 200 ms, and 2 ms for each 10 tokens of output.
    let script = || Script {
        latency_per_token: Duration::from_micros(200),
        ..Script::latency(Duration::from_millis(200))
    };
    let (alone, together) = (Provider::start(script()), Provider::start(script()));
    let mut took = Vec::new();
    let mut run = |provider, out, arguments: &[&str]| {
        let began = Instant::now();
        let ended = run(&room, provider, out, arguments);
        took.push(began.elapsed().as_secs_f64());
        assert_eq!(ended.status, Some(0), "{ended:?}");
        ended
    };
    run(&alone, "alone", &["--max-parallel", "10", "--batch-size", "1"]);
    let ended = run(&together, "together", &["--max-parallel", "10"]);
    assert!(ended.stdout.contains("400 documents in "), "{}", ended.stdout);
    assert_same("together", answers(&room, "together"), answers(&room, "alone"));
    let (alone, together) = (alone.seen(), together.seen());
    assert_eq!(alone.requests, COUNT);
    println!(
        "seconds and requests: {:.2} and {COUNT} alone, {:.2} and {} together",
        took[0], took[1], together.requests
    );
    assert!(5 * together.requests <= COUNT, "{} requests", together.requests);
    assert!(together.most_in_flight <= 10, "{}", together.most_in_flight);
    let records = room.records("together");
    let sums = (sum(&records, "input_tokens"), sum(&records, "output_tokens"));
    assert_eq!(sums, (together.input_tokens, together.output_tokens), "shares add up to what was sent");
    assert!(together.input_tokens < alone.input_tokens, "instructions are sent once a request");
}

/// Drops, doubles, exchanges the contents of, or breaks one item in ten each, and turns their order round.
fn harm(number: usize, answer: &mut Value) {
    let Some(items) = answer.get_mut("answers").and_then(Value::as_array_mut) else { return };
    // Numbers that look random and are the same in every run (Knuth's multiplicative hashing).
    let random = |salt: usize| (number * 131 + salt).wrapping_mul(2_654_435_761) >> 7;
    for place in (0..items.len()).rev() {
        let other = random(place + 17) % items.len();
        match random(place) % 10 {
            0 => drop(items.remove(place)),
            1 => items.push(items[place].clone()),
            2 if other != place => {
                let (one, two) = (items[place]["answer"].take(), items[other]["answer"].take());
                (items[place]["answer"], items[other]["answer"]) = (two, one);
            }
            3 => items[place]["answer"]["confidence"] = json!("very"),
            _ => {}
        }
    }
    items.reverse();
}

#[test]
fn every_document_ends_with_its_own_answer_whatever_a_provider_does_to_items() {
    let room = Room::new(PROGRAM);
    documents(&room, 200);
    let good = Provider::start(Script::default());
    let ended = run(&room, &good, "alone", &["--batch-size", "1"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    for (out, size) in [("automatic", "0"), ("ten", "10")] {
        let harms = Deed::says(Content::Edited(Edit::new(harm)));
        let bad = Provider::start(Script::latency(Duration::from_millis(20)).rule(When::Always, harms));
        let ended = run(&room, &bad, out, &["--max-parallel", "4", "--batch-size", size]);
        assert_eq!(ended.status, Some(0), "{out}: {ended:?}");
        assert_same(out, answers(&room, out), answers(&room, "alone"));
        assert!(ended.stdout.contains("asked about again alone"), "{}", ended.stdout);
        assert!(!ended.stdout.contains(" 0 documents asked about again"), "{}", ended.stdout);
        let records = room.records(out);
        let sums = (sum(&records, "input_tokens"), sum(&records, "output_tokens"));
        assert_eq!(sums, (bad.seen().input_tokens, bad.seen().output_tokens), "{out}");
    }
}

#[test]
fn a_document_that_a_provider_refuses_takes_no_other_with_it() {
    let room = Room::new(PROGRAM);
    documents(&room, 40);
    let refuses = Deed::says(Content::Refusal("I would rather not read this.".to_owned()));
    let script =
        Script::latency(Duration::from_millis(20)).rule(When::Holds("Crane-017".to_owned()), refuses);
    let provider = Provider::start(script);
    let ended = run(&room, &provider, "out", &["--max-parallel", "2", "--batch-size", "8"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    for (number, record) in room.records("out").iter().enumerate() {
        assert_eq!(record["status"], if number == 17 { "failed" } else { "ok" }, "{record}");
    }
    assert!(provider.seen().requests < 20, "{}", provider.seen().requests);
}
