//! The queue in Redis against a real server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod absences;
mod bodies;
mod cluster;
mod leases;
mod losses;
mod server;

use std::time::Duration;

use redis::{FromRedisValue, cmd};
use sheaf_common::{
    fault::{Fault, FaultKind},
    id::{RunId, WorkerId},
    queue::{
        Commit, JobQueue, Leased, QueueError, RedisLimits, RedisQueue,
        conformance::{self, LEASE, ROOM, UNCOLLECTED, job},
    },
    record::Outcome,
    redis::{Link, Patience, stand::RedisStand},
};

const SOON: Duration = Duration::from_millis(100);

fn limits() -> RedisLimits {
    RedisLimits { ready_jobs: ROOM, uncollected: UNCOLLECTED, lease: LEASE, ..RedisLimits::default() }
}

async fn opened(stand: &RedisStand, run: &str, shards: u16, limits: RedisLimits) -> RedisQueue {
    let connector = stand.connector().await;
    let patience = Patience::For(Duration::from_secs(30));
    RedisQueue::open(connector, RunId::new(run), shards, limits, true, patience).await.unwrap()
}

fn worker(name: &str) -> WorkerId {
    WorkerId::new(name)
}

fn outcome(leased: &Leased) -> Outcome {
    let fault = Fault::new(FaultKind::Empty, "nothing in it", "");
    Outcome::of(&leased.job, &worker("w"), 0.0, Err(fault))
}

async fn commit_all(queue: &RedisQueue, leased: &[Leased]) {
    for leased in leased {
        assert_eq!(queue.commit(leased.token, outcome(leased)).await.unwrap(), Commit::Committed);
    }
}

async fn collect_all(queue: &RedisQueue) -> Vec<u64> {
    let mut sequences = Vec::new();
    loop {
        let collected = queue.collect(1_000, SOON).await.unwrap();
        if collected.outcomes.is_empty() {
            sequences.sort_unstable();
            return sequences;
        }
        sequences.extend(collected.outcomes.iter().map(|outcome| outcome.sequence));
        queue.confirm(collected.receipt).await.unwrap();
    }
}

/// Asks the server something that the queue does not.
async fn ask<T: FromRedisValue>(stand: &RedisStand, words: &[&str]) -> T {
    let link = Link::new(stand.connector().await, Patience::Endless);
    let mut command = cmd(words[0]);
    command.arg(&words[1..]);
    link.query("asking beside the queue", &command).await.unwrap()
}

#[tokio::test]
async fn conforms() {
    let stand = RedisStand::start(&[]);
    let number = std::sync::atomic::AtomicU64::new(0);
    conformance::suite(async || {
        let run = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        opened(&stand, &format!("run-{run}"), 1, limits()).await
    })
    .await;
}

#[tokio::test]
async fn several_shards_hold_one_run() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 3, RedisLimits::default()).await;
    for number in 0..30 {
        queue.push(job(number)).await.unwrap();
    }
    let mut leased = Vec::new();
    while leased.len() < 30 {
        leased.extend(queue.lease(&worker("a"), 7, SOON).await.unwrap());
    }
    commit_all(&queue, &leased).await;
    assert_eq!(collect_all(&queue).await, (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_document_that_is_pushed_twice_is_done_once() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    queue.push(job(5)).await.unwrap();
    queue.push(job(5)).await.unwrap();
    let leased = queue.lease(&worker("a"), 10, SOON).await.unwrap();
    assert_eq!(leased.len(), 1);
    commit_all(&queue, &leased).await;
    queue.push(job(5)).await.unwrap();
    assert!(queue.lease(&worker("a"), 10, SOON).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_not_confirmed_is_collected_again_by_a_new_coordinator() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    for number in 0..3 {
        queue.push(job(number)).await.unwrap();
    }
    let leased = queue.lease(&worker("a"), 3, SOON).await.unwrap();
    commit_all(&queue, &leased[..2]).await;
    assert_eq!(queue.collect(10, SOON).await.unwrap().outcomes.len(), 2);
    let again = opened(&stand, "r", 1, RedisLimits::default()).await;
    let held = again.held().await.unwrap();
    assert_eq!([0, 1, 2, 3].map(|sequence| held.is_under_way(sequence)), [true, true, true, false]);
    assert_eq!(collect_all(&again).await, [0, 1]);
    let held = again.held().await.unwrap();
    assert_eq!(
        [0, 2].map(|sequence| held.is_under_way(sequence)),
        [false, true],
        "a recorded one is not on its way"
    );
    again.forget(&[0]).await.unwrap();
    again.push(job(0)).await.unwrap();
    assert_eq!(again.lease(&worker("b"), 3, SOON).await.unwrap()[0].job.sequence, 0);
}

#[tokio::test]
async fn a_document_given_up_has_its_history_and_can_be_replayed() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits { lease: LEASE, ..RedisLimits::default() }).await;
    queue.push(job(4)).await.unwrap();
    for name in ["a", "b", "c"] {
        assert_eq!(queue.lease(&worker(name), 1, SOON).await.unwrap().len(), 1);
        tokio::time::sleep(SOON).await;
        assert_eq!(queue.reclaim_from(&worker(name), SOON).await.unwrap(), 1);
    }
    assert_eq!(collect_all(&queue).await, [4]);
    let letters = queue.dead_letters(10).await.unwrap();
    assert_eq!((letters.len(), letters[0].source.as_str()), (1, "doc-4"));
    let workers: Vec<_> = letters[0].history.iter().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(workers, ["a", "b", "c"]);
    assert!(letters[0].reason.starts_with("3 workers died"), "{}", letters[0].reason);
    assert_eq!(queue.finish().await.unwrap(), 1, "the dead letter outlives the run");

    assert_eq!(queue.replay().await.unwrap(), [4]);
    assert!(queue.held().await.unwrap().is_under_way(4));
    let leased = queue.lease(&worker("d"), 1, SOON).await.unwrap();
    assert_eq!(leased[0].job.counters.worker_deaths, 0);
    commit_all(&queue, &leased).await;
    assert_eq!(collect_all(&queue).await, [4]);
    assert_eq!(queue.finish().await.unwrap(), 0);
    let link = Link::new(stand.connector().await, Patience::Endless);
    let left: Vec<String> = link.query("keys", cmd("KEYS").arg("*")).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_worker_meets_a_run_that_is_not_there() {
    let stand = RedisStand::start(&[]);
    let connector = stand.connector().await;
    let run = RunId::new("gone");
    let opening =
        RedisQueue::open(connector.clone(), run.clone(), 1, RedisLimits::default(), false, Patience::Endless);
    assert!(matches!(opening.await, Err(QueueError::NoSuchRun(_))));
    let queue = opened(&stand, "gone", 1, RedisLimits::default()).await;
    queue.purge().await.unwrap();
    assert!(matches!(queue.lease(&worker("a"), 1, SOON).await, Err(QueueError::NoSuchRun(_))));
}
