//! Answers that were paid for once, over whole programs: they serve later runs and other workers, and operators see and remove
//! them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{process::Command, time::Duration};

use serde_json::{Value, json};
use sheaf_cache::{Answer, Begun, ExactCache, ExactSettings, MemoryCache, Scope, UnitKey};
use sheaf_common::{
    fleet::CacheSettings,
    id::DocumentId,
    record::Usage,
    redis::stand::{RedisStand, free_port},
};
use sheaf_tests::{
    fleet::Fleet,
    program::{Ended, Room, Running},
    provider::{Provider, Script},
};
use tokio::{runtime::Runtime, time::Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coordinator-under-test");
const WORKER: &str = env!("CARGO_BIN_EXE_worker-under-test");
const COUNT: usize = 20;

/// Documents that the rules are unsure of, no two alike.
fn documents(room: &Room) {
    for number in 0..COUNT {
        let text = format!(
            "Notice {number:03}\n\nThe board of the harbour met on the east quay and agreed to replace crane {number:03}. \
             It will cost four million euros, of which the state pays one half. The work begins in May."
        );
        room.write(format!("set/{number:03}.txt"), text);
    }
}

/// Has a program find the provider in its environment.
fn run(mut command: Command, provider: &Provider) -> Running {
    command
        .env("LLM_PROVIDER", "custom")
        .env("LLM_BASE_URL", provider.v1())
        .env("LLM_MODEL", "scripted-model")
        .env("LLM_API_KEY", "sk-scripted");
    Running::of(command.spawn().unwrap())
}

/// Answers of the run by kind of hit.
fn of_kind(records: &[Value], kind: &str) -> usize {
    records.iter().filter(|record| record["cache"]["kind"] == kind).count()
}

/// What a record says without where its answer came from, and what that took.
fn without_cost(records: Vec<Value>) -> Vec<Value> {
    let told = |mut record: Value| {
        for name in ["cache", "usage", "timings_ms", "worker"] {
            record[name] = Value::Null;
        }
        record
    };
    records.into_iter().map(told).collect()
}

#[test]
fn another_process_asks_nothing_that_was_answered_before() {
    let (stand, provider) = (RedisStand::start(&[]), Provider::start(Script::default()));
    let room = Room::new(PROGRAM);
    documents(&room);
    let url = stand.url().expose().to_owned();
    let again = |out: &str, more: &[&str]| {
        let before = provider.seen().requests;
        let fixed =
            ["run", "set", "--progress", "none", "--llm", "always", "--no-semantic-cache", "--out", out];
        let ended = run(room.command(fixed.iter().chain(more)), &provider).end();
        assert_eq!(ended.status, Some(0), "{ended:?}");
        (provider.seen().requests - before, room.records(out))
    };
    let (_, first) = again("first", &["--redis-url", &url]);
    assert_eq!((first.len(), of_kind(&first, "exact")), (COUNT, 0));
    let (requests, second) = again("second", &["--redis-url", &url]);
    assert_eq!((requests, of_kind(&second, "exact")), (0, COUNT), "{second:#?}");
    assert_eq!(without_cost(first), without_cost(second), "the answers are the same");
    let (requests, read) = again("read", &["--redis-url", &url, "--cache", "read"]);
    assert_eq!((requests, of_kind(&read, "exact")), (0, COUNT));

    // Whoever has no part in it asks again: another tenant, no cache, no Redis.
    let apart: [&[&str]; 3] =
        [&["--redis-url", &url, "--tenant", "other"], &["--redis-url", &url, "--cache", "off"], &[]];
    for (number, more) in apart.iter().enumerate() {
        let (requests, records) = again(&format!("apart-{number}"), more);
        assert!(requests > 0 && of_kind(&records, "exact") == 0, "{more:?}: {requests}");
    }
}

#[test]
fn the_same_worker_serves_a_second_run_from_memory() {
    let (stand, provider) = (RedisStand::start(&[]), Provider::start(Script::default()));
    let fleet = Fleet::new(PROGRAM, WORKER);
    documents(fleet.room());
    let url = stand.url().expose().to_owned();
    let worker = run(fleet.worker_command(&[]), &provider);
    let set = ["set", "--llm", "always", "--no-semantic-cache", "--fresh", "--redis-url", &url];
    let ended = fleet.run(&set).end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let before = provider.seen().requests;
    // Nothing of it is in Redis any more.
    let flushed =
        Command::new("redis-cli").args(["-p", &stand.port().to_string(), "flushall"]).output().unwrap();
    assert!(flushed.status.success());
    let ended = fleet.run(&set).end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let records = fleet.room().records("out");
    assert_eq!((provider.seen().requests, of_kind(&records, "exact")), (before, COUNT));
    fleet.disband([worker]);
}

#[test]
fn of_a_hundred_documents_that_say_the_same_one_is_asked_about() {
    const SAME: usize = 100;
    let provider = Provider::start(Script::latency(Duration::from_millis(500)));
    let fleet = Fleet::new(PROGRAM, WORKER);
    for number in 0..SAME {
        // No two have the same bytes, which would be told before anybody is asked.
        let page = format!(
            "<!doctype html><!-- {number} --><title>Crane</title><main><h1>Crane</h1><p>The board of the harbour met on the \
             east quay and agreed to replace the crane. It will cost four million euros, of which the state pays one \
             half. The work begins in May, and ends in the autumn of the year after.</p></main>"
        );
        fleet.room().write(format!("set/{number:03}.html"), page);
    }
    let coordinator = fleet.run(&["set", "--llm", "always", "--no-semantic-cache"]);
    let workers: [_; 4] = std::array::from_fn(|_| run(fleet.worker_command(&[]), &provider));
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let records = fleet.room().records("out");
    assert_eq!((provider.seen().requests, of_kind(&records, "exact")), (1, SAME - 1), "{}", ended.stdout);
    fleet.disband(workers);
}

/// Has a worker store answers for a tenant.
fn store(stand: &RedisStand, tenant: &str, count: u64) {
    let cache = CacheSettings { tenant: tenant.to_owned(), ..CacheSettings::default() };
    let settings = ExactSettings { patience: Duration::from_secs(30), ..ExactSettings::from(&cache) };
    Runtime::new().unwrap().block_on(async {
        let cache = ExactCache::open(&settings, MemoryCache::default(), Some(stand.url())).await;
        for number in 0..count {
            let key = UnitKey::new(Scope::new(tenant, "overview", b"1", ["m"]), None, &number.to_string());
            let Begun::Ask(claim) = cache.begin(&key, Instant::now() + Duration::from_mins(1)).await else {
                panic!("{number} is there already");
            };
            let answer = Answer {
                value: json!({ "summary": "The lamp was lit at noon." }),
                model: "m".to_owned(),
                of: DocumentId::new("d"),
                usage: Usage::default(),
                requests: 1.0,
                at: 1_700_000_000 + number,
            };
            claim.fill(answer).await;
        }
        assert_eq!(cache.counts().stored, count);
    });
}

#[test]
fn answers_are_counted_and_removed_tenant_by_tenant() {
    let (stand, room) = (RedisStand::start(&[]), Room::new(PROGRAM));
    let url = stand.url().expose().to_owned();
    let cache = |words: &[&str]| {
        let ended = room.run([&["cache"], words, &["--redis-url", &url]].concat());
        assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{words:?}");
        ended.stdout
    };
    assert_eq!(cache(&["stats"]), "tenant:   default\nanswers:  0\n");
    store(&stand, "default", 30);
    store(&stand, "acme", 1);
    let told = cache(&["stats"]);
    assert!(told.starts_with("tenant:   default\nanswers:  30\nsize:     about "), "{told}");
    assert!(told.ends_with("KiB\noldest:   2023-11-14T22:13:20Z\n"), "{told}");
    assert!(cache(&["stats", "--tenant", "acme"]).contains("answers:  1\n"));
    assert_eq!(cache(&["purge", "--tenant", "default"]), "30 answers of tenant default were removed\n");
    assert_eq!(cache(&["purge", "--tenant", "default"]), "there were no answers of tenant default\n");
    assert_eq!(cache(&["purge", "--tenant", "acme"]), "1 answer of tenant acme was removed\n");
}

#[track_caller]
fn one_line(ended: &Ended, status: i32, says: &[&str]) {
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(status), ""), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    for part in says {
        assert!(ended.stderr.contains(part), "{:?} does not say {part:?}", ended.stderr);
    }
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let room = Room::new(PROGRAM);
    let cache = |words: &[&str]| room.run([&["cache"], words].concat());
    one_line(&cache(&["stats"]), 2, &["none is named", "--redis-url"]);
    one_line(&cache(&["stats", "--redis-url", "http://u:secret@h"]), 2, &["not the URL of a Redis", "***@h"]);
    one_line(&cache(&["purge", "--redis-url", "redis://127.0.0.1"]), 2, &["--tenant"]);
    let spaced = ["purge", "--redis-url", "redis://127.0.0.1", "--tenant", "a b"];
    one_line(&cache(&spaced), 2, &["--tenant", "letters"]);
    let nowhere = format!("redis://127.0.0.1:{}", free_port());
    let away = cache(&["stats", "--redis-url", &nowhere]);
    assert_eq!(away.status, Some(1));
    let errors: Vec<_> = away.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(errors.len() == 1 && errors[0].contains("connection refused"), "{}", away.stderr);
}
