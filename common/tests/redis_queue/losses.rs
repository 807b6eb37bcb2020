//! What is lost on the way, or done to a Redis.

use std::{sync::Arc, time::Duration};

use redis::cmd;
use sheaf_common::{
    fault::FaultKind,
    id::RunId,
    job::AttemptCounters,
    keys::ShardKeys,
    queue::{Commit, JobQueue, RedisLimits, Release, conformance::job},
    redis::{Link, Patience, stand::RedisStand},
};

use super::{SOON, ask, collect_all, commit_all, limits, opened, outcome, worker};

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
    let lane = ShardKeys::new(&RunId::new("r"), 0).lanes[2].clone();
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
async fn damage_by_hand_stops_nobody() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    let keys = ShardKeys::new(&RunId::new("r"), 0);
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
async fn outcomes_are_collected_whose_ids_were_passed_already() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    queue.push(job(0)).await.unwrap();
    let leased = queue.lease(&worker("a"), 1, SOON).await.unwrap();
    commit_all(&queue, &leased).await;
    let before = queue.collect(10, SOON).await.unwrap();
    assert_eq!(before.outcomes.len(), 1);
    let _ok: String = ask(&stand, &["FLUSHALL"]).await;
    queue.mend().await.unwrap();
    // As a Redis writes it whose clock is behind.
    let results = ShardKeys::new(&RunId::new("r"), 0).results;
    let _id: String = ask(&stand, &["XADD", &results, "1-1", "7", "{"]).await;
    queue.confirm(before.receipt).await.unwrap();
    assert_eq!(collect_all(&queue).await, [7], "a receipt from before removes nothing of it");
    assert_eq!(queue.counts().await.unwrap().uncollected, 0);
}
