//! Leases that nobody works on, and leases that must be kept.

use std::{process::Command, time::Duration};

use futures::future::join_all;
use sheaf_common::{
    id::RunId,
    job::AttemptCounters,
    keys::ShardKeys,
    queue::{Commit, JobQueue, Leased, QueueError, RedisLimits, RedisQueue, conformance::job},
    redis::{Patience, stand::RedisStand},
};

use super::{LEASE, SOON, ask, opened, outcome, worker};

/// Names the consumers of a stream.
const CONSUMERS: &str = "
    local names = {}
    for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], 'workers')) do
        names[#names + 1] = consumer[2]
    end
    table.sort(names)
    return table.concat(names, ' ')";

/// A queue that soon gives up on a Redis that is away.
async fn impatient(stand: &RedisStand, shards: u16, limits: RedisLimits) -> RedisQueue {
    let connector = stand.connector().await;
    RedisQueue::open(connector, RunId::new("r"), shards, limits, true, Patience::For(SOON)).await.unwrap()
}

fn sequences(leased: &[Leased]) -> Vec<u64> {
    let mut all: Vec<_> = leased.iter().map(|leased| leased.job.sequence).collect();
    all.sort_unstable();
    all
}

fn lane(shard: u16) -> String {
    ShardKeys::new(&RunId::new("r"), shard).lanes[2].clone()
}

/// What a stream is not.
async fn break_stream(stand: &RedisStand, key: &str) {
    let _gone: u8 = ask(stand, &["DEL", key]).await;
    let _ok: String = ask(stand, &["SET", key, "no stream"]).await;
}

#[tokio::test]
async fn a_commit_that_failed_for_good_leaves_no_lease_behind() {
    let mut stand = RedisStand::start(&["--appendfsync", "always"]);
    let queue = impatient(&stand, 1, RedisLimits::default()).await;
    queue.push(job(0)).await.unwrap();
    let leased = queue.lease(&worker("a"), 1, SOON).await.unwrap();
    stand.kill();
    queue.commit(leased[0].token, outcome(&leased[0])).await.unwrap_err();
    stand.begin();
    let again = queue.lease(&worker("a"), 1, Duration::from_secs(30)).await.unwrap();
    assert_eq!(sequences(&again), [0]);
    assert_eq!(again[0].job.counters, AttemptCounters::default(), "nobody has died of it");
    assert_eq!(queue.commit(leased[0].token, outcome(&leased[0])).await.unwrap(), Commit::LeaseLost);
}

#[tokio::test]
async fn the_heartbeat_gives_back_what_a_busy_worker_does_not_work_on() {
    let mut stand = RedisStand::start(&["--appendfsync", "always"]);
    let queue = impatient(&stand, 1, RedisLimits::default()).await;
    queue.push(job(0)).await.unwrap();
    queue.push(job(1)).await.unwrap();
    let leased = queue.lease(&worker("a"), 2, SOON).await.unwrap();
    stand.kill();
    queue.commit(leased[0].token, outcome(&leased[0])).await.unwrap_err();
    stand.begin();
    while queue.counts().await.unwrap().ready == 0 {
        assert!(queue.extend(&[leased[1].token]).await.unwrap().is_empty(), "the other one is kept");
    }
    let other = opened(&stand, "r", 1, RedisLimits::default()).await;
    let again = other.lease(&worker("b"), 2, SOON).await.unwrap();
    assert_eq!(sequences(&again), [0]);
    assert_eq!(again[0].job.counters, AttemptCounters::default());
}

#[tokio::test]
async fn jobs_in_hand_outlive_an_error_that_comes_after_them() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    queue.push(job(0)).await.unwrap();
    let low = ShardKeys::new(&RunId::new("r"), 0).lanes[3].clone();
    let _id: String = ask(&stand, &["XADD", &low, "*", "s", "1"]).await;
    let _gone: u8 = ask(&stand, &["XGROUP", "DESTROY", &low, "workers"]).await;
    let leased = queue.lease(&worker("a"), 5, SOON).await.unwrap();
    assert_eq!(sequences(&leased), [0], "the stream after it has no group any more");
    assert!(matches!(queue.lease(&worker("a"), 5, SOON).await, Err(QueueError::NoSuchRun(_))));
}

#[tokio::test]
async fn a_shard_that_fails_keeps_nobody_from_the_others() {
    let stand = RedisStand::start(&[]);
    let queue = impatient(&stand, 2, RedisLimits::default()).await;
    for number in [0, 2, 4] {
        queue.push(job(number)).await.unwrap();
    }
    break_stream(&stand, &lane(1)).await;
    let mut leased = Vec::new();
    while leased.len() < 3 {
        // The first time that all there is fails, it is said.
        leased.extend(queue.lease(&worker("a"), 1, SOON).await.unwrap_or_default());
    }
    assert_eq!(sequences(&leased), [0, 2, 4]);
}

#[tokio::test]
async fn a_loss_is_told_while_another_shard_fails() {
    let stand = RedisStand::start(&[]);
    let queue = impatient(&stand, 2, RedisLimits::default()).await;
    for number in 0..4 {
        queue.push(job(number)).await.unwrap();
    }
    let mut leased = Vec::new();
    while leased.len() < 4 {
        leased.extend(queue.lease(&worker("a"), 4, SOON).await.unwrap());
    }
    let tokens: Vec<_> = leased.iter().map(|leased| leased.token).collect();
    let pending: Vec<(String, String, u64, u64)> =
        ask(&stand, &["XPENDING", &lane(0), "workers", "-", "+", "1"]).await;
    assert_eq!(ask::<u8>(&stand, &["XACK", &lane(0), "workers", &pending[0].0]).await, 1);
    break_stream(&stand, &lane(1)).await;
    let lost = queue.extend(&tokens).await.unwrap();
    let lost: Vec<_> = leased.iter().filter(|leased| lost.contains(&leased.token)).cloned().collect();
    assert_eq!(sequences(&lost), [0]);
    let rest: Vec<_> = leased.iter().filter(|leased| leased.job.sequence != 0).collect();
    let rest: Vec<_> = rest.iter().map(|leased| leased.token).collect();
    queue.extend(&rest).await.unwrap_err();
}

#[tokio::test]
async fn ten_thousand_leases_are_extended() {
    const MANY: usize = 10_000;
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    for pushed in join_all((0..MANY).map(|number| queue.push(job(number as u64)))).await {
        pushed.unwrap();
    }
    let leased = queue.lease(&worker("a"), MANY, SOON).await.unwrap();
    assert_eq!(leased.len(), MANY);
    let tokens: Vec<_> = leased.iter().map(|leased| leased.token).collect();
    assert!(queue.extend(&tokens).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_heartbeat_does_not_wait_a_whole_lease_for_its_answer() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits { lease: LEASE, ..RedisLimits::default() }).await;
    queue.push(job(0)).await.unwrap();
    let leased = queue.lease(&worker("a"), 1, SOON).await.unwrap();
    assert!(queue.extend(&[leased[0].token]).await.unwrap().is_empty());
    let signal = |name: &str| {
        let id = stand.id().unwrap().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    };
    signal("-STOP");
    let beat = tokio::time::timeout(Duration::from_secs(8), queue.extend(&[leased[0].token])).await;
    signal("-CONT");
    assert!(beat.expect("every other command waits for ten seconds").is_err());
}

#[tokio::test]
async fn a_worker_that_leaves_can_wait_for_what_it_gave_back() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    let worker = worker("a");
    let waiting = queue.lease(&worker, 1, Duration::from_secs(2));
    assert!(tokio::time::timeout(SOON, waiting).await.is_err());
    queue.push(job(0)).await.unwrap();
    queue.settled().await;
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.ready, counts.leased), (1, 0));
}

#[tokio::test]
async fn a_lost_worker_is_forgotten_when_nothing_is_left_of_it() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits { lease: LEASE, ..RedisLimits::default() }).await;
    for number in [0, 1] {
        queue.push(job(number)).await.unwrap();
    }
    for name in ["gone", "here"] {
        assert_eq!(queue.lease(&worker(name), 1, SOON).await.unwrap().len(), 1);
    }
    let known = async || ask::<String>(&stand, &["EVAL", CONSUMERS, "1", &lane(0)]).await;
    assert_eq!(known().await, "gone here");
    tokio::time::sleep(SOON).await;
    assert_eq!(queue.reclaim_from(&worker("gone"), SOON).await.unwrap(), 1);
    assert_eq!(known().await, "here");
    // It was only slow: it is known again.
    queue.push(job(2)).await.unwrap();
    assert_eq!(queue.lease(&worker("gone"), 2, SOON).await.unwrap().len(), 2);
    assert_eq!(known().await, "gone here");
}
