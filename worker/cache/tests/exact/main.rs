//! The exact cache over a Redis that the test starts, stops and writes nonsense into.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod away;
mod entries;
mod fleet;
mod levels;
mod operator;

use std::{fmt::Debug, time::Duration};

use serde_json::{Value, json};
use sheaf_cache::{Answer, Begun, Claim, ExactCache, ExactSettings, Hit, Level, MemoryCache, Scope, UnitKey};
use sheaf_common::{
    fleet::{CacheMode, CacheSettings},
    id::DocumentId,
    keys::{CacheBucketKeys, CacheKeys},
    record::Usage,
    redis::{Connector, Link, Patience, command, stand::RedisStand},
};
use tokio::time::Instant;

const TENANT: &str = "acme";

/// With a patience that a busy machine does not exhaust.
fn settings(mode: CacheMode) -> ExactSettings {
    let tenant = TENANT.to_owned();
    let settings = ExactSettings::from(&CacheSettings { mode, tenant, ..CacheSettings::default() });
    ExactSettings { patience: Duration::from_secs(30), ..settings }
}

/// With the patience of users.
fn impatient(mode: CacheMode) -> ExactSettings {
    ExactSettings { patience: ExactSettings::PATIENCE, ..settings(mode) }
}

/// The cache of a worker of its own.
async fn worker(stand: &RedisStand) -> ExactCache {
    worker_with(stand, &settings(CacheMode::On)).await
}

async fn worker_with(stand: &RedisStand, settings: &ExactSettings) -> ExactCache {
    ExactCache::open(settings, MemoryCache::default(), Some(stand.url())).await
}

fn key(text: &str) -> UnitKey {
    UnitKey::new(Scope::new(TENANT, "overview", b"1", ["m"]), None, text)
}

fn answer(value: Value) -> Answer {
    Answer {
        value,
        model: "m".to_owned(),
        of: DocumentId::new("d1"),
        usage: Usage { input_tokens: 900, output_tokens: 120, cost_usd: 0.25 },
        requests: 0.5,
        at: 1_800_000_000,
    }
}

fn right() -> Answer {
    answer(json!({ "summary": "The lamp was lit at noon." }))
}

/// Longer than anything here takes.
fn late() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

#[track_caller]
fn hit(begun: Begun, level: Level) -> Hit {
    match begun {
        Begun::Hit(hit) if hit.level == level => hit,
        other => panic!("not a hit in {level:?}: {other:?}"),
    }
}

#[track_caller]
fn ask(begun: Begun) -> Claim {
    match begun {
        Begun::Ask(claim) => claim,
        Begun::Hit(hit) => panic!("nobody has answered: {hit:?}"),
    }
}

/// Asks and answers.
async fn fill(cache: &ExactCache, text: &str, answer: Answer) {
    ask(cache.begin(&key(text), late()).await).fill(answer).await;
}

fn bucket(key: &UnitKey) -> CacheBucketKeys {
    CacheKeys::new(TENANT).bucket(key.content[0])
}

fn entry(text: &str) -> String {
    let key = key(text);
    bucket(&key).entry(&key.to_string())
}

fn claim_key(text: &str) -> String {
    let key = key(text);
    bucket(&key).claim(&key.to_string())
}

/// A person's hand in Redis.
struct Hand(Link);

impl Hand {
    async fn of(stand: &RedisStand) -> Self {
        Self(Link::new(stand.connector().await, Patience::For(Duration::from_secs(30))))
    }

    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.0.query("test", command("GET").arg(key)).await.unwrap()
    }

    async fn set(&self, key: &str, value: &[u8]) {
        self.0.query::<()>("test", command("SET").arg(key).arg(value)).await.unwrap();
    }

    async fn number(&self, words: &[&str]) -> i64 {
        let mut asked = command(words[0]);
        asked.arg(&words[1..]);
        self.0.query("test", &asked).await.unwrap()
    }

    async fn run(&self, words: &[&str]) {
        let mut asked = command(words[0]);
        asked.arg(&words[1..]);
        self.0.query::<Option<String>>("test", &asked).await.unwrap();
    }
}

/// Waits for something that happens by itself.
async fn until<F: Future<Output = bool>>(what: impl Debug, happens: impl Fn() -> F) {
    let begun = Instant::now();
    while !happens().await {
        assert!(begun.elapsed() < Duration::from_mins(1), "never: {what:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn link(stand: &RedisStand) -> Link {
    let connector = Connector::find(stand.url(), Patience::For(Duration::from_secs(30))).await.unwrap();
    Link::new(connector, Patience::For(Duration::from_secs(30)))
}
