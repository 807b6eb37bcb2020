//! The queue in Redis against a real server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{sync::Arc, time::Duration};

use redis::cmd;
use sheaf_common::{
    fault::FaultKind,
    id::{RunId, WorkerId},
    job::{AttemptCounters, Job},
    queue::{
        Commit, JobQueue, Leased, QueueError, RedisLimits, RedisQueue, Release,
        conformance::{self, LEASE, ROOM, UNCOLLECTED, job},
    },
    record::Outcome,
    redis::{Link, Patience, inspect, stand::RedisStand},
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
    let fault = sheaf_common::fault::Fault::new(FaultKind::Empty, "nothing in it", "");
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

#[tokio::test]
async fn conforms() {
    let stand = RedisStand::start(&[]);
    let number = std::sync::atomic::AtomicU64::new(0);
    conformance::suite(async || {
        let run = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let queue = opened(&stand, &format!("run-{run}"), 1, limits()).await;
        // Taking back waits until Redis has answered for a third of a lease.
        let _settled = queue.reclaim().await.unwrap();
        tokio::time::sleep(LEASE / 3).await;
        queue
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
async fn a_large_body_travels_beside_the_stream_and_is_removed() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    let body: Vec<u8> = (0..300_000).map(|_| fastrand::u8(..)).collect();
    let sent = Job { body: body.into(), ..job(9) };
    queue.push(sent.clone()).await.unwrap();
    let leased = queue.lease(&worker("a"), 1, SOON).await.unwrap();
    assert_eq!(leased[0].job, sent);
    let link = Link::new(stand.connector().await, Patience::Endless);
    let keys = async || link.query::<Vec<String>>("keys", cmd("KEYS").arg("*blob*")).await.unwrap().len();
    assert_eq!(keys().await, 1);
    commit_all(&queue, &leased).await;
    assert_eq!(keys().await, 0);
}

#[tokio::test]
async fn a_body_that_expired_is_a_failure_of_its_document() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    let body: Vec<u8> = (0..300_000).map(|_| fastrand::u8(..)).collect();
    queue.push(Job { body: body.into(), ..job(9) }).await.unwrap();
    let link = Link::new(stand.connector().await, Patience::Endless);
    let key: Vec<String> = link.query("keys", cmd("KEYS").arg("*blob*")).await.unwrap();
    let _removed: u8 = link.query("del", cmd("DEL").arg(&key)).await.unwrap();
    assert!(queue.lease(&worker("a"), 1, SOON).await.unwrap().is_empty());
    let outcomes = queue.collect(10, SOON).await.unwrap().outcomes;
    let error = outcomes[0].record.error.as_ref().unwrap();
    assert!(error.message.contains("its body is no longer in Redis"), "{}", error.message);
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
async fn a_redis_killed_and_restarted_loses_nothing() {
    let mut stand = RedisStand::start(&["--appendfsync", "always"]);
    let queue = Arc::new(opened(&stand, "r", 1, RedisLimits::default()).await);
    for number in 0..20 {
        queue.push(job(number)).await.unwrap();
    }
    let leased = queue.lease(&worker("a"), 5, SOON).await.unwrap();
    commit_all(&queue, &leased[..2]).await;
    stand.kill();
    let waiting = tokio::spawn({
        let (queue, leased) = (queue.clone(), leased[2].clone());
        async move { queue.commit(leased.token, outcome(&leased)).await }
    });
    tokio::time::sleep(SOON).await;
    assert!(!waiting.is_finished(), "a commit waits for Redis to come back");
    stand.begin();
    assert_eq!(waiting.await.unwrap().unwrap(), Commit::Committed);
    commit_all(&queue, &leased[3..]).await;
    let mut rest = Vec::new();
    while rest.len() < 15 {
        rest.extend(queue.lease(&worker("a"), 100, SOON).await.unwrap());
    }
    commit_all(&queue, &rest).await;
    assert_eq!(collect_all(&queue).await, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_delivery_whose_answer_was_lost_comes_back_uncounted() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    queue.push(job(0)).await.unwrap();
    let first = queue.lease(&worker("a"), 1, SOON).await.unwrap();
    // Redis delivers to this worker's name what the worker never hears of.
    queue.push(job(1)).await.unwrap();
    let link = Link::new(stand.connector().await, Patience::Endless);
    let lane = sheaf_common::keys::ShardKeys::new(&RunId::new("r"), 0).lanes[2].clone();
    let mut read = cmd("XREADGROUP");
    read.arg("GROUP").arg("workers").arg("a").arg("STREAMS").arg(lane).arg(">");
    let _unheard: redis::Value = link.query("read", &read).await.unwrap();
    let _cut: u64 = link.query("kill", cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal")).await.unwrap();
    let again = queue.lease(&worker("a"), 5, SOON).await.unwrap();
    assert_eq!(again.iter().map(|leased| leased.job.sequence).collect::<Vec<_>>(), [1]);
    assert_eq!(again[0].job.counters, AttemptCounters::default());
    commit_all(&queue, &first).await;
}

#[tokio::test]
async fn a_lease_call_that_is_given_up_loses_no_job() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    let worker = worker("a");
    let waiting = queue.lease(&worker, 1, Duration::from_secs(2));
    assert!(tokio::time::timeout(SOON, waiting).await.is_err());
    queue.push(job(0)).await.unwrap();
    let mut leased = Vec::new();
    while leased.is_empty() {
        leased = queue.lease(&worker, 1, SOON).await.unwrap();
    }
    assert_eq!(leased[0].job.counters, AttemptCounters::default(), "it was given back uncounted");
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

#[tokio::test]
async fn damage_by_hand_stops_nobody() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    let keys = sheaf_common::keys::ShardKeys::new(&RunId::new("r"), 0);
    let link = Link::new(stand.connector().await, Patience::Endless);
    let mut broken = cmd("XADD");
    broken
        .arg(&keys.lanes[2])
        .arg("*")
        .arg("s")
        .arg("77")
        .arg("j")
        .arg(&b"\xff\xfe"[..])
        .arg("b")
        .arg("x")
        .arg("n")
        .arg("3");
    let _id: String = link.query("add", &broken).await.unwrap();
    let mut result = cmd("XADD");
    result.arg(&keys.results).arg("*").arg("78").arg("{");
    let _id: String = link.query("add", &result).await.unwrap();
    queue.push(job(1)).await.unwrap();
    let leased = queue.lease(&worker("a"), 5, SOON).await.unwrap();
    assert_eq!(leased.iter().map(|leased| leased.job.sequence).collect::<Vec<_>>(), [1]);
    let outcomes = queue.collect(10, SOON).await.unwrap().outcomes;
    assert_eq!(
        (outcomes[0].sequence, outcomes[0].record.error.as_ref().unwrap().kind),
        (78, FaultKind::Internal)
    );
    // What cannot be read is tried three times and then given up with its history.
    let mut tries = 0;
    while queue.dead_letters(5).await.unwrap().is_empty() {
        queue.lease(&worker("a"), 5, Duration::from_secs(2)).await.unwrap();
        tries += 1;
        assert!(tries < 10, "an entry that cannot be read goes round for ever");
    }
    assert_eq!(queue.dead_letters(5).await.unwrap()[0].sequence, 77);
    assert!(!queue.release(leased[0].token, Release::HandBack).await.unwrap() || tries > 0);
}

#[tokio::test]
async fn a_run_that_was_emptied_takes_no_jobs_before_it_is_mended() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "run", 1, limits()).await;
    assert!(queue.is_there().await.unwrap());
    let link = Link::new(stand.connector().await, Patience::For(SOON));
    let _ok: () = link.query("emptying it", &cmd("FLUSHALL")).await.unwrap();
    let pushing = tokio::spawn({
        let queue = queue.clone();
        async move { queue.push(job(1)).await }
    });
    tokio::time::sleep(SOON).await;
    assert!(!pushing.is_finished() && !queue.is_there().await.unwrap());
    queue.mend().await.unwrap();
    pushing.await.unwrap().unwrap();
    let leased = queue.lease(&worker("w"), 1, Duration::from_secs(30)).await.unwrap();
    assert_eq!((leased.len(), queue.is_there().await.unwrap()), (1, true));
}

#[tokio::test]
async fn a_full_redis_takes_outcomes_and_holds_back_jobs() {
    let stand = RedisStand::start(&["--maxmemory-policy", "noeviction"]);
    let queue = Arc::new(opened(&stand, "r", 1, RedisLimits::default()).await);
    queue.push(job(0)).await.unwrap();
    let leased = queue.lease(&worker("a"), 1, SOON).await.unwrap();
    let link = Link::new(stand.connector().await, Patience::Endless);
    let set = async |value: &str| {
        let mut set = cmd("CONFIG");
        set.arg("SET").arg("maxmemory").arg(value);
        let _ok: () = link.query("set", &set).await.unwrap();
    };
    set("1").await;
    let pushing = tokio::spawn({
        let queue = queue.clone();
        async move { queue.push(job(1)).await }
    });
    commit_all(&queue, &leased).await;
    assert_eq!(collect_all(&queue).await, [0]);
    assert!(!pushing.is_finished());
    let away = queue.away().borrow().clone().expect("it is said that Redis takes nothing");
    assert!(away.why.starts_with("OOM"), "{}", away.why);
    set("0").await;
    pushing.await.unwrap().unwrap();
    assert!(queue.away().borrow().is_none());
}

#[tokio::test]
async fn a_wrong_password_is_one_clear_line() {
    let stand = RedisStand::start(&["--requirepass", "right"]);
    let url = format!("redis://:wrong@127.0.0.1:{}", stand.port());
    let url = sheaf_common::redis::RedisUrl::parse(&url).unwrap();
    let error = sheaf_common::redis::Connector::find(url, Patience::Endless).await.unwrap_err().to_string();
    assert!(error.contains("***@127.0.0.1") && error.contains("password"), "{error}");
    assert!(!error.contains("wrong@"), "{error}");
}

#[tokio::test]
async fn a_server_that_would_lose_jobs_is_told_apart() {
    let stand = RedisStand::start(&["--maxmemory-policy", "allkeys-lru", "--appendonly", "no"]);
    let link = Link::new(stand.connector().await, Patience::Endless);
    let found = inspect(&link, Duration::from_secs(30)).await.unwrap();
    assert!(found.refusal().unwrap().contains("allkeys-lru"));
    assert_eq!(found.warnings().count(), 1);
}
