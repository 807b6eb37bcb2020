//! A model decides, wherever the worker is.

use sheaf_tests::{
    fleet::{Fleet, by_anybody},
    program::{Running, assert_same},
    provider::{Provider, Script},
};

use super::fleet;

const KEY: &str = "sk-never-to-be-seen-4711";
const COUNT: usize = 40;

/// A worker whose environment names the provider.
fn worker(fleet: &Fleet, provider: &Provider) -> Running {
    let mut command = fleet.worker_command(&[]);
    command
        .env("LLM_PROVIDER", "custom")
        .env("LLM_BASE_URL", provider.v1())
        .env("LLM_MODEL", "scripted-model")
        .env("LLM_API_KEY", KEY);
    Running::of(command.spawn().unwrap())
}

#[test]
fn a_model_decides_every_document_of_a_fleet() {
    let (fleet, provider) = (fleet(), Provider::start(Script::default()));
    for number in 0..COUNT {
        let text = format!(
            "Notice {number:03}\n\nThe board of the harbour met on the east quay and agreed to replace crane {number:03}. \
             It will cost four million euros, of which the state pays one half. The work begins in May."
        );
        fleet.room().write(format!("set/{number:03}.txt"), text);
    }
    let mut coordinator = fleet.run(&["set", "--llm", "always"]);
    let [mut without] = fleet.workers(&[]);
    let missing = "the run asks models, and none is configured on this host";
    assert!(without.until(|worker| worker.stderr().contains(missing)), "{}", without.stderr());
    assert_eq!((fleet.recorded(), coordinator.has_ended()), (0, false), "nobody has worked yet");

    let workers = [worker(&fleet, &provider), worker(&fleet, &provider)];
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let records = fleet.room().records("out");
    assert_eq!(records.len(), COUNT);
    for record in &records {
        assert_eq!((&record["decided_by"], &record["model"]), (&"llm".into(), &"scripted-model".into()));
    }
    let seen = provider.seen();
    assert_eq!((seen.requests, seen.status(200)), (COUNT, COUNT), "each document is asked about once");
    let everything =
        format!("{records:?}{}{}", ended.stderr, workers.iter().map(Running::stderr).collect::<String>());
    assert!(!everything.contains(KEY), "the key stays where it is");
    fleet.disband(workers.into_iter().chain([without]));

    let mut alone =
        fleet.room().command(["run", "set", "--out", "alone", "--llm", "always", "--progress", "none"]);
    alone.env("LLM_BASE_URL", provider.v1()).env("LLM_MODEL", "scripted-model").env("LLM_API_KEY", KEY);
    let ended = Running::of(alone.env("LLM_PROVIDER", "custom").spawn().unwrap()).end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_same("by a fleet with models", by_anybody(records), by_anybody(fleet.room().records("alone")));
}
