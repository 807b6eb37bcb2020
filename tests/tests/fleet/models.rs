//! A model decides, wherever the worker is.

use std::{collections::HashSet, time::Duration};

use sheaf_tests::{
    fleet::{Fleet, by_anybody},
    program::{Running, assert_same},
    provider::{Limit, Provider, Script},
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

/// A set of so many notices, no two alike.
fn notices(fleet: &Fleet, count: usize) {
    for number in 0..count {
        fleet.room().write(format!("set/{number:03}.txt"), notice(number));
    }
}

fn notice(number: usize) -> String {
    format!(
        "Notice {number:03}\n\nThe board of the harbour met on the east quay and agreed to replace crane {number:03}. \
         It will cost four million euros, of which the state pays one half. The work begins in May."
    )
}

/// Four processes send what one key allows, without one refusal.
#[test]
fn four_workers_keep_the_limit_of_one_key() {
    const REQUESTS: usize = 120;
    let limit = Limit::Requests { per_minute: 600.0, bucket: 10.0 };
    let script = Script { limit, latency: Duration::from_millis(20), ..Script::default() };
    let (fleet, provider) = (fleet(), Provider::start(script));
    notices(&fleet, REQUESTS);
    let coordinator = fleet.run(&["set", "--llm", "always", "--batch-size", "1", "--rpm", "600"]);
    let workers: [_; 4] = std::array::from_fn(|_| worker(&fleet, &provider));
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let seen = provider.seen();
    assert_eq!((seen.status(200), seen.status(429)), (REQUESTS, 0));
    let records = fleet.room().records("out");
    let hands: HashSet<_> = records.iter().map(|record| record["worker"].to_string()).collect();
    assert!(hands.len() > 1, "the work was shared: {hands:?}");
    let took = seen.arrivals.last().unwrap().duration_since(seen.arrivals[0]).as_secs_f64();
    let ideal = (REQUESTS - 10) as f64 / 10.0;
    println!("{REQUESTS} requests of four workers in {took:.2} s, {:.3} of the ideal", took / ideal);
    fleet.disband(workers);
}

#[test]
fn a_fleet_never_exceeds_its_budget_and_does_the_rest_when_it_is_raised() {
    let (fleet, provider) = (fleet(), Provider::start(Script::latency(Duration::from_millis(5))));
    notices(&fleet, COUNT);
    // A notice of its own: whoever answers it keeps the answer.
    fleet.room().write("probe/one.txt", notice(COUNT));
    let mut workers = vec![worker(&fleet, &provider), worker(&fleet, &provider)];
    let one = {
        let ended = fleet.run(&["probe", "--llm", "always", "--batch-size", "1", "--fresh"]).end();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        provider.seen().tokens()
    };
    let before = provider.seen();
    let ceiling = 20 * one + 1_800;
    let ended = fleet
        .run(&[
            "set",
            "--llm",
            "always",
            "--batch-size",
            "1",
            "--fresh",
            "--budget-tokens",
            &ceiling.to_string(),
        ])
        .end();
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    let spent = provider.seen().tokens() - before.tokens();
    assert!(spent <= ceiling, "{spent} of {ceiling} tokens");
    let records = fleet.room().records("out");
    let incomplete = records.iter().filter(|record| record["error"]["kind"] == "budget").count();
    let asked = provider.seen().requests;
    assert_eq!((records.len(), incomplete), (COUNT, COUNT - (asked - before.requests)), "{}", ended.stdout);
    assert!(incomplete > 0 && incomplete < COUNT, "{incomplete} of {COUNT}");

    // Another worker knows what was spent, too.
    workers.push(worker(&fleet, &provider));
    let more = (100 * one + 1_800).to_string();
    let ended = fleet.run(&["set", "--llm", "always", "--batch-size", "1", "--budget-tokens", &more]).end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(provider.seen().requests, asked + incomplete, "only what was incomplete is asked about");
    fleet.disband(workers);
}

#[test]
fn a_model_decides_every_document_of_a_fleet() {
    let (fleet, provider) = (fleet(), Provider::start(Script::default()));
    notices(&fleet, COUNT);
    let mut coordinator = fleet.run(&["set", "--llm", "always", "--batch-size", "1"]);
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

    let mut alone = fleet.room().command([
        "run",
        "set",
        "--out",
        "alone",
        "--llm",
        "always",
        "--batch-size",
        "1",
        "--progress",
        "none",
    ]);
    alone.env("LLM_BASE_URL", provider.v1()).env("LLM_MODEL", "scripted-model").env("LLM_API_KEY", KEY);
    let ended = Running::of(alone.env("LLM_PROVIDER", "custom").spawn().unwrap()).end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_same("by a fleet with models", by_anybody(records), by_anybody(fleet.room().records("alone")));
}
