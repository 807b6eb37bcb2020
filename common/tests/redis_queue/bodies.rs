//! Bodies with keys of their own.

use sheaf_common::{
    job::Job,
    queue::{JobQueue, RedisLimits, conformance::job},
    redis::stand::RedisStand,
};

use super::{LEASE, SOON, ask, collect_all, commit_all, opened, worker};

/// Larger than what stands in an entry, and nothing that shrinks.
const LARGE: usize = 300_000;

fn large(sequence: u64) -> Job {
    let body: Vec<u8> = (0..LARGE).map(|_| fastrand::u8(..)).collect();
    Job { body: body.into(), ..job(sequence) }
}

async fn bodies(stand: &RedisStand) -> Vec<String> {
    ask(stand, &["KEYS", "*blob*"]).await
}

async fn life(stand: &RedisStand, key: &str) -> i64 {
    ask(stand, &["TTL", key]).await
}

#[tokio::test]
async fn a_large_body_travels_beside_the_stream_and_is_removed() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    let sent = large(9);
    queue.push(sent.clone()).await.unwrap();
    let leased = queue.lease(&worker("a"), 1, SOON).await.unwrap();
    assert_eq!(leased[0].job, sent);
    let stored = bodies(&stand).await;
    assert_eq!(stored.len(), 1);
    assert_eq!(life(&stand, &stored[0]).await, -1, "it waits for as long as its document does");
    commit_all(&queue, &leased).await;
    assert!(bodies(&stand).await.is_empty());
    queue.push(sent).await.unwrap();
    assert!(bodies(&stand).await.is_empty(), "nothing is stored for a document that is done");
}

#[tokio::test]
async fn bodies_of_megabytes_come_back_as_they_went() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    let packed_in_its_entry = Job { body: vec![b'a'; 3 << 20].into(), ..job(1) };
    let noise: Vec<u8> = (0..3 << 20).map(|_| fastrand::u8(..)).collect();
    let packed_beside_it = Job { body: [&noise[..], &noise].concat().into(), ..job(2) };
    for sent in [packed_in_its_entry, packed_beside_it, Job { body: noise.into(), ..job(3) }] {
        queue.push(sent.clone()).await.unwrap();
        let leased = queue.lease(&worker("a"), 1, SOON).await.unwrap();
        assert!(leased[0].job == sent, "document {} came back as another", sent.sequence);
        commit_all(&queue, &leased).await;
    }
}

#[tokio::test]
async fn a_body_beside_the_stream_counts_against_the_bound() {
    let stand = RedisStand::start(&[]);
    let limits = RedisLimits { ready_bytes: 3 * LARGE + LARGE / 2, ..RedisLimits::default() };
    let queue = opened(&stand, "r", 1, limits).await;
    for sequence in 0..3 {
        queue.push(large(sequence)).await.unwrap();
    }
    let pushing = tokio::spawn({
        let queue = queue.clone();
        async move { queue.push(large(3)).await }
    });
    tokio::time::sleep(SOON).await;
    assert!(!pushing.is_finished(), "there is no room for a fourth");
    let leased = queue.lease(&worker("a"), 1, SOON).await.unwrap();
    commit_all(&queue, &leased).await;
    pushing.await.unwrap().unwrap();
    assert_eq!(queue.counts().await.unwrap().ready, 3);
}

#[tokio::test]
async fn bodies_go_with_their_run() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 2, RedisLimits::default()).await;
    for sequence in 0..4 {
        queue.push(large(sequence)).await.unwrap();
    }
    assert_eq!(bodies(&stand).await.len(), 4);
    queue.purge().await.unwrap();
    let left: Vec<String> = ask(&stand, &["KEYS", "*"]).await;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_document_given_up_keeps_its_body_until_it_is_replayed() {
    let stand = RedisStand::start(&[]);
    let limits = RedisLimits { lease: LEASE, ..RedisLimits::default() };
    let queue = opened(&stand, "r", 1, limits).await;
    let sent = large(4);
    queue.push(sent.clone()).await.unwrap();
    for name in ["a", "b", "c"] {
        assert_eq!(queue.lease(&worker(name), 1, SOON).await.unwrap().len(), 1);
        tokio::time::sleep(SOON).await;
        assert_eq!(queue.reclaim_from(&worker(name), SOON).await.unwrap(), 1);
    }
    assert_eq!(collect_all(&queue).await, [4]);
    assert_eq!(queue.finish().await.unwrap(), 1);
    let stored = bodies(&stand).await.remove(0);
    assert!(life(&stand, &stored).await > 0, "it goes when the dead letter goes");

    let queue = opened(&stand, "r", 1, limits).await;
    assert_eq!(life(&stand, &stored).await, -1, "a run that is taken up again is kept whole");
    assert_eq!(queue.replay().await.unwrap(), [4]);
    let leased = queue.lease(&worker("d"), 1, SOON).await.unwrap();
    assert_eq!(leased[0].job.body, sent.body);
    commit_all(&queue, &leased).await;
    assert!(bodies(&stand).await.is_empty());
}

#[tokio::test]
async fn a_body_that_was_removed_by_hand_is_a_failure_of_its_document() {
    let stand = RedisStand::start(&[]);
    let queue = opened(&stand, "r", 1, RedisLimits::default()).await;
    queue.push(large(9)).await.unwrap();
    let stored = bodies(&stand).await.remove(0);
    assert_eq!(ask::<u8>(&stand, &["DEL", &stored]).await, 1);
    assert!(queue.lease(&worker("a"), 1, SOON).await.unwrap().is_empty());
    let outcomes = queue.collect(10, SOON).await.unwrap().outcomes;
    let error = outcomes[0].record.error.as_ref().unwrap();
    assert!(error.message.contains("its body is no longer in Redis"), "{}", error.message);
}
