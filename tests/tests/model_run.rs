//! Whole runs with a model: who decides, what it may cost, and what happens when the provider will not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeSet, fs, path::Path, process::Command, time::Duration};

use serde_json::Value;
use sheaf_tests::{
    program::{Ended, Room, Running, Signal, assert_same},
    provider::{Content, Deed, Provider, Script, When},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coordinator-under-test");
const KEY: &str = "sk-never-to-be-seen-4711";

/// Documents of the same length that the rules are unsure of, or not.
fn documents(room: &Room, count: usize) {
    for number in 0..count {
        let text = format!(
            "Notice {number:03}\n\nThe board of the harbour met on the east quay and agreed to replace crane {number:03}. \
             It will cost four million euros, of which the state pays one half. The work begins in May."
        );
        room.write(format!("set/{number:03}.txt"), text);
    }
}

/// The program with a provider configured by the environment alone, which is asked about one document at a time, so that
/// documents can be told by requests.
fn command(room: &Room, provider: &str, arguments: &[&str]) -> Command {
    let alone = ["run", "set", "--out", "out", "--progress", "none", "--batch-size", "1"];
    let mut command = room.command(alone.iter().chain(arguments));
    command
        .env("LLM_PROVIDER", "custom")
        .env("LLM_BASE_URL", provider)
        .env("LLM_MODEL", "scripted-model")
        .env("LLM_API_KEY", KEY);
    command
}

fn run(room: &Room, provider: &Provider, arguments: &[&str]) -> Ended {
    Running::of(command(room, &provider.v1(), arguments).spawn().unwrap()).end()
}

fn sources(records: &[Value], wanted: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    records.iter().filter(|record| wanted(record)).map(|record| record["source"].to_string()).collect()
}

#[test]
fn a_model_decides_every_document_that_has_text() {
    let (room, provider) = (Room::new(PROGRAM), Provider::start(Script::default()));
    documents(&room, 12);
    room.write("set/copy.txt", fs::read(room.path().join("set/003.txt")).unwrap());
    room.write("set/empty.txt", "");
    room.write("set/broken.pdf", "%PDF-1.7\nnothing");
    let ended = run(&room, &provider, &["--llm", "always"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("decided by rules: 0, by a model: 13"), "{}", ended.stdout);
    assert!(ended.stdout.contains("model requests: 12 (200: 12), 0 of them refused"), "{}", ended.stdout);
    let records = room.records("out");
    let (mut sent, mut received) = (0, 0);
    for record in records.iter().filter(|record| record["status"] == "ok") {
        assert_eq!((&record["decided_by"], &record["model"]), (&"llm".into(), &"scripted-model".into()));
        assert!(!record["analysis"]["summary"].as_str().unwrap().is_empty());
        assert!(record["document"].get("text").is_none(), "the text was not asked for");
        sent += record["usage"]["input_tokens"].as_u64().unwrap();
        received += record["usage"]["output_tokens"].as_u64().unwrap();
    }
    let seen = provider.seen();
    assert_eq!((seen.requests, seen.status(200)), (12, 12), "the copy and what has no text cost nothing");
    assert_eq!((sent, received), (seen.input_tokens, seen.output_tokens));
    let run: Value =
        serde_json::from_str(&fs::read_to_string(room.path().join("out/run.json")).unwrap()).unwrap();
    assert!(run.to_string().contains("\"200\":12"), "{run}");
}

#[test]
fn a_model_is_asked_only_where_the_rules_are_unsure() {
    let (room, provider) = (Room::new(PROGRAM), Provider::start(Script::default()));
    documents(&room, 3);
    let report = "# Annual report\n\n## Summary\n\nThe harbour board reports on the year 2025. ".to_owned()
        + &"The dredging of the north channel was finished in June, and the depth at low water is now nine metres. "
            .repeat(3)
        + "\n\n## Accounts\n\nThe board spent 4.2 million euros and took 4.9 million in fees.\n";
    room.write("set/report.md", &report);
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/documents");
    let examples = examples.to_str().unwrap();
    let alone = room.run(["run", "set", examples, "--out", "alone", "--llm", "never", "--progress", "none"]);
    assert_eq!(alone.status, Some(3), "{alone:?}");
    let arguments = ["run", "set", examples, "--out", "asked", "--progress", "none"];
    let mut command = room.command(arguments);
    command.env("LLAMA_CPP_URL", provider.root()).env("LLAMA_CPP_URL_AUTH", format!("Bearer {KEY}"));
    let asked = Running::of(command.spawn().unwrap()).end();
    assert_eq!(asked.status, Some(3), "{asked:?}");
    let advised = sources(&room.records("alone"), |record| record["analysis"]["review"]["advised"] == true);
    let decided = sources(&room.records("asked"), |record| record["decided_by"] == "llm");
    assert_eq!(advised, decided);
    let by_rules = sources(&room.records("asked"), |record| record["decided_by"] == "rules");
    assert!(!decided.is_empty() && !by_rules.is_empty(), "{decided:?} {by_rules:?}");
}

#[test]
fn the_four_modes_agree_with_a_model_too() {
    let (room, provider) = (Room::new(PROGRAM), Provider::start(Script::latency(Duration::from_millis(5))));
    documents(&room, 30);
    let mut expected = None;
    for mode in ["sync", "async", "process", "hybrid"] {
        let before = provider.seen().requests;
        let ended = run(&room, &provider, &["--llm", "always", "--parallelism-mode", mode, "--fresh"]);
        assert_eq!(ended.status, Some(0), "{mode}: {ended:?}");
        assert_eq!(provider.seen().requests - before, 30, "{mode}");
        match &expected {
            None => expected = Some(room.records("out")),
            Some(expected) => assert_same(mode, room.records("out"), expected.clone()),
        }
    }
}

#[test]
fn a_budget_is_never_exceeded_and_what_did_not_fit_is_done_when_it_is_raised() {
    let (room, provider) = (Room::new(PROGRAM), Provider::start(Script::latency(Duration::from_millis(5))));
    documents(&room, 100);
    // What one document costs, from a run over one.
    let mut probe =
        room.command(["run", "set/000.txt", "--out", "probe", "--llm", "always", "--progress", "none"]);
    probe.env("LLAMA_CPP_URL", provider.root());
    assert_eq!(Running::of(probe.spawn().unwrap()).end().status, Some(0));
    let one = provider.seen().tokens();
    let before = provider.seen();
    // Room for the worst case of a fortieth answer, and not of a forty-first.
    let ceiling = 40 * one + 1_800;
    let budget = ceiling.to_string();
    let ended = run(&room, &provider, &["--llm", "always", "--budget-tokens", &budget]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    let spent = provider.seen().tokens() - before.tokens();
    assert!(spent <= ceiling, "{spent} of {ceiling} tokens");
    let records = room.records("out");
    let incomplete = sources(&records, |record| record["status"] == "incomplete");
    assert_eq!((records.len(), incomplete.len()), (100, 60), "{}", ended.stdout);
    for record in records.iter().filter(|record| record["status"] == "incomplete") {
        assert_eq!(record["error"]["kind"], "budget");
        assert_eq!(record["decided_by"], "rules", "the rules' analysis stands meanwhile");
    }

    // The same ceiling allows no more than it did.
    let asked = provider.seen().requests;
    let again = run(&room, &provider, &["--llm", "always", "--budget-tokens", &budget]);
    assert_eq!((again.status, provider.seen().requests), (Some(3), asked), "{again:?}");
    assert_eq!(sources(&room.records("out"), |record| record["status"] == "incomplete"), incomplete);

    let more = (200 * one + 1_800).to_string();
    let ended = run(&room, &provider, &["--llm", "always", "--budget-tokens", &more]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(provider.seen().requests, asked + 60, "only what was incomplete is asked about");
    let records = room.records("out");
    assert_eq!(sources(&records, |record| record["decided_by"] == "llm").len(), 100);
    assert_eq!(records.len(), 100);
}

#[test]
fn a_budget_in_dollars_keeps_to_the_prices_it_is_given() {
    let (room, provider) = (Room::new(PROGRAM), Provider::start(Script::default()));
    documents(&room, 10);
    room.write(
        "prices.toml",
        "[table]\ndate = \"2026-11-01\"\nsource = \"a test\"\n\n[models]\nscripted-model = { input = 1000.0, output = 1000.0 }\n",
    );
    let arguments = ["--llm", "always", "--budget-usd", "3.5", "--prices", "prices.toml"];
    let ended = run(&room, &provider, &arguments);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    // A thousand dollars for a million tokens is a thousandth of a dollar for each.
    let spent = provider.seen().tokens() as f64 / 1e3;
    assert!(spent <= 3.5 && spent > 0.0, "${spent}");
    let records = room.records("out");
    let said: f64 = records.iter().map(|record| record["usage"]["cost_usd"].as_f64().unwrap()).sum();
    assert!((said - spent).abs() < 1e-6, "{said} {spent}");
    assert!(!sources(&records, |record| record["status"] == "incomplete").is_empty());
}

/// Runs that cannot begin say why in one line, send no document anywhere, and leave nothing.
#[test]
fn what_no_waiting_mends_is_said_before_anything_is_spent() {
    let room = Room::new(PROGRAM);
    documents(&room, 5);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let wrong_key = Provider::start(Script { key: Some("another".to_owned()), ..Script::default() });
    let other_model = Provider::start(Script { models: vec!["other-model".to_owned()], ..Script::default() });
    let plain = other_model.v1().replace("http://", "https://");
    for (what, address, says) in [
        ("a wrong key", wrong_key.v1(), &["401", "LLM_API_KEY"][..]),
        ("an unknown model", other_model.v1(), &["404", "scripted-model", "LLM_MODEL", "other-model"]),
        ("no server", format!("http://{nobody}/v1"), &["no model can be reached", "Is the server up"]),
        ("no TLS", plain, &["no model can be reached", "no secure connection"]),
    ] {
        let ended = Running::of(command(&room, &address, &["--llm", "always"]).spawn().unwrap()).end();
        assert_eq!(ended.status, Some(1), "{what}: {ended:?}");
        let said: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("error")).collect();
        assert_eq!(said.len(), 1, "{what}: {}", ended.stderr);
        for part in says {
            assert!(said[0].contains(part), "{what}: {said:?} does not say {part}");
        }
        // A model that a server does not list it may have all the same, so that it is asked once.
        assert_eq!(room.path().join("out").exists(), what == "an unknown model", "{what}");
        fs::remove_dir_all(room.path().join("out")).ok();
    }
    assert_eq!(wrong_key.seen().tokens() + other_model.seen().tokens(), 0, "nothing was spent");
}

#[test]
fn a_key_that_is_withdrawn_stops_the_run_and_the_same_command_carries_on() {
    let (room, provider) = (Room::new(PROGRAM), Provider::start(Script::latency(Duration::from_millis(5))));
    documents(&room, 30);
    provider
        .change(Script::latency(Duration::from_millis(5)).rule(When::Numbers(10..10_000), Deed::error(401)));
    let ended = run(&room, &provider, &["--llm", "always", "--max-parallel", "2"]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("401") && ended.stderr.contains("carries on"), "{}", ended.stderr);
    assert!(provider.seen().requests <= 12, "{}", provider.seen().requests);
    provider.change(Script::default());
    let ended = run(&room, &provider, &["--llm", "always", "--max-parallel", "2"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(sources(&room.records("out"), |record| record["decided_by"] == "llm").len(), 30);
}

#[test]
fn a_document_that_the_model_fails_keeps_the_rules_analysis() {
    let room = Room::new(PROGRAM);
    documents(&room, 6);
    let refuses = Deed::says(Content::Refusal("I would rather not read this.".to_owned()));
    let bent = Deed::says(Content::Bent("/confidence", "very".into()));
    let script = Script::default()
        .rule(When::Holds("crane 002".to_owned()), refuses)
        .rule(When::Holds("crane 004".to_owned()), bent);
    let provider = Provider::start(script);
    let ended = run(&room, &provider, &["--llm", "always"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    for (number, record) in room.records("out").iter().enumerate() {
        let failed = number == 2 || number == 4;
        assert_eq!(record["status"], if failed { "failed" } else { "ok" }, "{record}");
        assert_eq!(record["decided_by"], if failed { "rules" } else { "llm" });
        assert!(!record["analysis"]["summary"].as_str().unwrap().is_empty());
        if failed {
            assert_eq!(record["error"]["kind"], "model");
            assert!(!record["error"]["hint"].as_str().unwrap().is_empty());
        }
    }
}

#[test]
fn a_key_appears_nowhere() {
    let room = Room::new(PROGRAM);
    documents(&room, 4);
    // A provider that repeats the key in its errors and answers.
    let echo = Deed::error(500).header("x-echo", KEY);
    let words =
        Deed { status: 400, ..Deed::says(Content::Error("invalid_request_error", format!("bad key {KEY}"))) };
    let script = Script::latency(Duration::from_millis(300))
        .rule(When::Holds("crane 001".to_owned()), echo)
        .rule(When::Holds("crane 002".to_owned()), words);
    let provider = Provider::start(script);
    let mut command = command(&room, &provider.v1(), &["--llm", "always", "-vv"]);
    command.env("RUST_BACKTRACE", "1");
    let mut running = Running::of(command.spawn().unwrap());
    assert!(running.until(|_| provider.seen().requests > 0));
    for process in room.processes() {
        assert!(!process.contains(KEY), "{process}");
    }
    let ended = running.end();
    assert_eq!(provider.seen().keys.iter().collect::<Vec<_>>(), [&format!("Bearer {KEY}")], "it was sent");
    for (what, text) in [("standard output", &ended.stdout), ("standard error", &ended.stderr)] {
        assert!(!text.contains(KEY), "{what}: {text}");
    }
    let mut folders = vec![room.path().join("out")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                files += 1;
                assert!(!String::from_utf8_lossy(&bytes).contains(KEY), "{}", path.display());
            }
        }
    }
    assert!(files >= 5, "{files}");
}

#[test]
fn a_run_that_is_killed_while_models_answer_loses_and_doubles_nothing() {
    let room = Room::new(PROGRAM);
    documents(&room, 60);
    let provider = Provider::start(Script::latency(Duration::from_millis(40)));
    for kill in 1..=3 {
        let mut running = Running::of(command(&room, &provider.v1(), &["--llm", "always"]).spawn().unwrap());
        let goal = provider.seen().requests + 10 * kill;
        running.until(|_| provider.seen().requests >= goal);
        running.signal(Signal::KILL);
        running.end();
        room.until_deserted();
    }
    let ended = run(&room, &provider, &["--llm", "always"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let records = room.records("out");
    let ids: BTreeSet<String> = records.iter().map(|record| record["id"].to_string()).collect();
    assert_eq!((records.len(), ids.len()), (60, 60));
    assert_eq!(sources(&records, |record| record["decided_by"] == "llm").len(), 60);
}

#[test]
fn a_model_that_is_wanted_and_not_configured_is_said() {
    let room = Room::new(PROGRAM);
    documents(&room, 1);
    for llm in ["auto", "always"] {
        let ended = room.run(["run", "set", "--llm", llm]);
        assert_eq!(ended.status, Some(2), "{ended:?}");
        assert!(
            ended.stderr.contains("LLM_PROVIDER") && ended.stderr.contains("sheaf.toml"),
            "{}",
            ended.stderr
        );
    }
    let mut command = room.command(["run", "set"]);
    let ended = Running::of(command.env("LLM_PROVIDER", "nobody").spawn().unwrap()).end();
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("LLM_PROVIDER: not a provider"), "{}", ended.stderr);
    room.write("sheaf.toml", "[[backend]]\nname = \"a\"\nprovider = \"ollama\"\nbase_url = 3\n");
    let ended = room.run(["run", "set"]);
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("sheaf.toml") && ended.stderr.contains("line 4"), "{}", ended.stderr);
}

#[test]
fn the_doctor_says_what_it_found_and_what_to_mend() {
    let room = Room::new(PROGRAM);
    let ended = room.run(["doctor"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains("no model is configured") && ended.stdout.contains("LLAMA_CPP_URL"),
        "{ended:?}"
    );
    let provider =
        Provider::start(Script { models: vec!["gpt-4o-scripted".to_owned()], ..Script::default() });
    let strict = Provider::start(Script { key: Some("another".to_owned()), ..Script::default() });
    let doctor = |provider: &Provider| {
        let mut command = room.command(["doctor"]);
        command
            .env("LLM_BASE_URL", provider.v1())
            .env("LLM_MODEL", "gpt-4o-scripted")
            .env("LLM_API_KEY", KEY);
        Running::of(command.spawn().unwrap()).end()
    };
    let well = doctor(&provider);
    assert_eq!(well.status, Some(0), "{well:?}");
    assert!(well.stdout.contains("at once: "), "{well:?}");
    let ill = doctor(&strict);
    assert_eq!(ill.status, Some(1), "{ill:?}");
    assert!(ill.stdout.contains("mend: ") && ill.stdout.contains("LLM_API_KEY"), "{ill:?}");
    assert!(!well.stdout.contains(KEY) && !ill.stdout.contains(KEY));
    assert_eq!(provider.seen().requests, 0, "the doctor asks no model anything");
}
