//! The semantic cache of a fleet, over a real Redis.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use std::{sync::Arc, time::Duration};

use serde_json::json;
use sheaf_cache::{
    Scope, SemanticCache, SemanticHit, SemanticSettings, UnitKey, embedder::Lexical, semantic::Fleet,
};
use sheaf_common::{
    id::{DocumentId, RunId},
    keys::CacheKeys,
    redis::{Link, Patience, command, stand::RedisStand},
};
use tokio::time::{Instant, sleep, timeout};

const TEXT: &str =
    "The mill of Orrin sold 5,000 sacks of flour on 12 March 2026 and was then closed for repairs.";
const NEAR: &str =
    "The mill of Orrin sold 5000 sacks of flour on March 12, 2026, and was then closed for repairs!";
const BARGES: &str = "Another text about barges that lie at the quay.";

async fn fleet(stand: &RedisStand, run: &str) -> Fleet {
    let link = Link::new(stand.connector().await, Patience::For(Duration::from_secs(10)));
    Fleet { link, keys: CacheKeys::new("tenant").semantic(&RunId::new(run)) }
}

fn open(fleet: &Fleet) -> SemanticCache {
    SemanticCache::open(SemanticSettings::default(), Arc::new(Lexical::new()), Some(fleet))
}

fn scope() -> Scope {
    Scope::new("tenant", "overview", b"1", ["model"])
}

async fn insert(cache: &SemanticCache, text: &str) {
    let probe = cache.probe(None, text).await.unwrap();
    cache.insert(UnitKey::new(scope(), None, text), probe, &DocumentId::of_source(b"a")).await;
}

async fn lookup(cache: &SemanticCache, text: &str) -> Option<SemanticHit> {
    let probe = cache.probe(None, text).await?;
    cache.lookup(&UnitKey::new(scope(), None, text), &probe).await
}

async fn until<F: Future<Output = bool>>(what: &str, reached: impl Fn() -> F) {
    let reached = async {
        while !reached().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), reached).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_worker_answered_another_finds_within_a_second() {
    let stand = RedisStand::start(&[]);
    let fleet = fleet(&stand, "run").await;
    let (one, other) = (open(&fleet), open(&fleet));
    // Both follow.
    insert(&one, BARGES).await;
    until("the stream is followed", || async { other.statistics().taken_over == 1 }).await;

    let begun = Instant::now();
    insert(&one, TEXT).await;
    until("the entry arrives", || async { lookup(&other, NEAR).await.is_some() }).await;
    let taken = begun.elapsed();
    assert!(taken < Duration::from_secs(1), "{taken:?}");
    println!("found by another worker after {:.1} ms", 1_000.0 * taken.as_secs_f64());
    assert_eq!(lookup(&other, &NEAR.replace("5000", "6000")).await, None);

    // Own entries come back and are not taken over; a worker that starts later reads what is there.
    let third = open(&fleet);
    until("the stream is read back", || async { third.statistics().entries == 2 }).await;
    assert_eq!((one.statistics().entries, one.statistics().taken_over), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_by_hand_is_ignored_and_counted() {
    let stand = RedisStand::start(&[]);
    let fleet = fleet(&stand, "run").await;
    let one = open(&fleet);
    insert(&one, TEXT).await;
    let read = || async {
        let mut read = command("XRANGE");
        read.arg(&fleet.keys.units).arg("-").arg("+");
        let found: Vec<(String, Vec<Vec<u8>>)> = fleet.link.query("reading", &read).await.unwrap();
        found
    };
    until("the entry is in the stream", || async { read().await.len() == 1 }).await;
    let fields = read().await.remove(0).1;
    let (embedder, whole) = (fields[1].clone(), fields[3].clone());

    let mut flipped = whole.clone();
    flipped[40] ^= 1;
    let mut later = whole.clone();
    later[0] = 2;
    let cut = whole[..whole.len() / 2].to_vec();
    let bad = [cut, flipped, later, Vec::new(), b"garbage".to_vec(), vec![0xff; 100_000]];
    let write = async |fields: &[&[u8]]| {
        let mut add = command("XADD");
        add.arg(&fleet.keys.units).arg("*").arg(fields);
        let _id: String = fleet.link.query("writing by hand", &add).await.unwrap();
    };
    for frame in &bad {
        write(&[b"e", &embedder, b"f", frame]).await;
    }
    write(&[b"something", b"else"]).await;
    // Another embedder's is well made.
    write(&[b"e", b"other/3", b"f", &whole]).await;
    insert(&one, BARGES).await;

    let other = open(&fleet);
    until("what follows is still read", || async { other.statistics().entries == 2 }).await;
    let statistics = other.statistics();
    assert_eq!((statistics.unreadable, statistics.taken_over), (bad.len() as u64 + 1, 2));
    assert!(lookup(&other, NEAR).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_fleet_turns_off_for_this_run_and_not_the_next() {
    let stand = RedisStand::start(&[]);
    let this = fleet(&stand, "run").await;
    let (one, other) = (open(&this), open(&this));
    let (right, wrong) = (json!({ "summary": "yes" }), json!({ "summary": "no" }));
    for _ in 0..2 {
        one.judge(&right, &wrong).await;
    }
    other.judge(&right, &wrong).await;
    until("both are off", || async { one.is_off() && other.is_off() }).await;
    let next = open(&fleet(&stand, "next").await);
    sleep(Duration::from_millis(300)).await;
    assert!(!next.is_off());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_own_entries_are_found_and_those_of_others_come_when_it_is_back() {
    let mut stand = RedisStand::start(&[]);
    let fleet = fleet(&stand, "run").await;
    let (one, other) = (open(&fleet), open(&fleet));
    stand.kill();
    insert(&one, TEXT).await;
    assert!(lookup(&one, NEAR).await.is_some());
    assert!(lookup(&other, NEAR).await.is_none());
    until("sending is given up", || async { one.statistics().not_sent == 1 }).await;
    stand.begin();
    insert(&one, BARGES).await;
    until("followed again", || async { other.statistics().taken_over == 1 }).await;
}
