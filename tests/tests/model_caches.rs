//! Answers that were paid for once: what operators see of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use serde_json::json;
use sheaf_cache::{Answer, Begun, ExactCache, ExactSettings, MemoryCache, Scope, UnitKey};
use sheaf_common::{
    fleet::CacheSettings,
    id::DocumentId,
    record::Usage,
    redis::stand::{RedisStand, free_port},
};
use sheaf_tests::program::{Ended, Room};
use tokio::{runtime::Runtime, time::Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coordinator-under-test");

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
