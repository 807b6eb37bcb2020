//! What every [`JobQueue`] must do, as functions a test of an implementation calls, each with a fresh queue whose
//! lease period is [`LEASE`], that holds [`ROOM`] ready jobs, and [`UNCOLLECTED`] outcomes.
//!
//! The functions sleep for real amounts of tokio's time; an implementation on tokio's clock runs them paused.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a queue that does not conform must fail the test"
)]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::{Commit, DEATHS_TO_POISON, JobQueue, Leased, Release};
use crate::{
    fault::{Fault, FaultKind},
    id::{ContentHash, DocumentId, RunId, WorkerId},
    job::{Job, Priority},
    record::Outcome,
};

/// Lease period that the queue under test must have.
pub const LEASE: Duration = Duration::from_millis(600);
/// Ready jobs that the queue under test must hold before a push waits.
pub const ROOM: usize = 4;
/// Outcomes that the queue under test must hold before a commit waits.
pub const UNCOLLECTED: usize = 4;

const SOON: Duration = Duration::from_millis(100);

/// A small job; its sequence is `number`.
pub fn job(number: u64) -> Job {
    let body = Bytes::from(format!("body {number}"));
    Job {
        run: RunId::new("conformance"),
        id: DocumentId::of_source(&number.to_be_bytes()),
        sequence: number,
        source: format!("doc-{number}"),
        final_url: None,
        declared_content_type: None,
        file_name: None,
        hash: ContentHash::of(&body),
        body,
        fetch_us: 0,
        fetch_attempts: 1,
        counters: crate::job::AttemptCounters::default(),
        priority: Priority::Normal,
    }
}

fn outcome(leased: &Leased) -> Outcome {
    let fault = Fault::new(FaultKind::Empty, "nothing in it", "");
    Outcome::of(&leased.job, &worker("w"), 0.0, Err(fault))
}

fn worker(name: &str) -> WorkerId {
    WorkerId::new(name)
}

async fn lease_one<Q: JobQueue>(queue: &Q, name: &str) -> Leased {
    let mut leased = queue.lease(&worker(name), 1, SOON).await.expect("lease");
    assert_eq!(leased.len(), 1, "a job was ready");
    leased.remove(0)
}

async fn collect<Q: JobQueue>(queue: &Q, most: usize) -> Vec<Outcome> {
    let collected = queue.collect(most, SOON).await.expect("collect");
    queue.confirm(collected.receipt).await.expect("confirm");
    collected.outcomes
}

/// Jobs come in order of pushing, each to one worker, and are gone when committed.
pub async fn delivers_in_order_and_once<Q: JobQueue>(queue: Q) {
    for number in 0..3 {
        queue.push(job(number)).await.expect("push");
    }
    let leased = queue.lease(&worker("a"), 2, SOON).await.expect("lease");
    assert_eq!(leased.iter().map(|leased| leased.job.sequence).collect::<Vec<_>>(), [0, 1]);
    let third = lease_one(&queue, "b").await;
    assert_eq!(third.job, job(2));
    assert!(queue.lease(&worker("b"), 1, SOON).await.expect("lease").is_empty());
    for leased in leased.iter().chain([&third]) {
        assert_eq!(queue.commit(leased.token, outcome(leased)).await.expect("commit"), Commit::Committed);
    }
    let collected = collect(&queue, 10).await;
    assert_eq!(collected.iter().map(|outcome| outcome.sequence).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(queue.counts().await.expect("counts"), super::QueueCounts::default());
}

/// High before normal before low, and what comes back before all of them.
pub async fn priorities_are_kept<Q: JobQueue>(queue: Q) {
    use Priority::{High, Low, Normal};
    for (number, priority) in [(0, Low), (1, Normal), (2, High)] {
        queue.push(Job { priority, ..job(number) }).await.expect("push");
    }
    let first = lease_one(&queue, "a").await;
    assert_eq!(first.job.sequence, 2);
    queue.push(Job { priority: High, ..job(3) }).await.expect("push");
    queue.release(first.token, Release::HandBack).await.expect("release");
    for number in [2, 3, 1, 0] {
        assert_eq!(lease_one(&queue, "a").await.job.sequence, number);
    }
}

/// Invariant fenced-commit: the same lease commits once.
pub async fn second_commit_is_refused<Q: JobQueue>(queue: Q) {
    queue.push(job(0)).await.expect("push");
    let leased = lease_one(&queue, "a").await;
    assert_eq!(queue.commit(leased.token, outcome(&leased)).await.expect("commit"), Commit::Committed);
    assert_eq!(queue.commit(leased.token, outcome(&leased)).await.expect("commit"), Commit::LeaseLost);
    assert_eq!(collect(&queue, 10).await.len(), 1);
}

/// Invariant fenced-commit: who lost the lease cannot commit, extend or release.
pub async fn zombie_is_fenced_off<Q: JobQueue>(queue: Q) {
    queue.push(job(0)).await.expect("push");
    let zombie = lease_one(&queue, "zombie").await;
    sleep(LEASE + SOON).await;
    assert_eq!(queue.reclaim().await.expect("reclaim"), 1);
    let heir = lease_one(&queue, "heir").await;
    assert_ne!(heir.token, zombie.token);
    assert_eq!(heir.job.counters.worker_deaths, 1);
    assert_eq!(queue.commit(zombie.token, outcome(&zombie)).await.expect("commit"), Commit::LeaseLost);
    assert_eq!(queue.extend(&[zombie.token, heir.token]).await.expect("extend"), [zombie.token]);
    assert!(!queue.release(zombie.token, Release::HandBack).await.expect("release"));
    assert_eq!(queue.commit(heir.token, outcome(&heir)).await.expect("commit"), Commit::Committed);
    assert_eq!(collect(&queue, 10).await.len(), 1);
}

/// A worker that is known to be gone loses its jobs as soon as it is silent, another one does not.
pub async fn jobs_of_a_lost_worker_come_back_at_once<Q: JobQueue>(queue: Q) {
    queue.push(job(0)).await.expect("push");
    queue.push(job(1)).await.expect("push");
    let gone = lease_one(&queue, "gone").await;
    let there = lease_one(&queue, "there").await;
    sleep(SOON).await;
    let silent = LEASE / 2;
    assert_eq!(
        queue.reclaim_from(&worker("gone"), silent).await.expect("reclaim"),
        0,
        "it was heard just now"
    );
    sleep(silent).await;
    queue.extend(&[there.token]).await.expect("extend");
    assert_eq!(queue.reclaim_from(&worker("gone"), silent).await.expect("reclaim"), 1);
    let heir = lease_one(&queue, "there").await;
    assert_eq!((heir.job.sequence, heir.job.counters.worker_deaths), (gone.job.sequence, 1));
    for leased in [&there, &heir] {
        assert_eq!(queue.commit(leased.token, outcome(leased)).await.expect("commit"), Commit::Committed);
    }
}

/// A lease that is extended is not reclaimed.
pub async fn extended_lease_holds<Q: JobQueue>(queue: Q) {
    queue.push(job(0)).await.expect("push");
    let leased = lease_one(&queue, "a").await;
    for _ in 0..5 {
        sleep(LEASE / 2).await;
        assert!(queue.extend(&[leased.token]).await.expect("extend").is_empty());
        assert_eq!(queue.reclaim().await.expect("reclaim"), 0);
    }
    assert_eq!(queue.commit(leased.token, outcome(&leased)).await.expect("commit"), Commit::Committed);
}

/// Four counters, never mixed; a delay is kept; a hand-back comes at once.
pub async fn releases_are_counted_apart<Q: JobQueue>(queue: Q) {
    queue.push(job(0)).await.expect("push");
    let delay = 3 * SOON;
    for why in [Release::DocumentError { retry_after: delay }, Release::Backpressure { retry_after: delay }] {
        let leased = lease_one(&queue, "a").await;
        assert!(queue.release(leased.token, why).await.expect("release"));
        assert!(queue.lease(&worker("a"), 1, SOON).await.expect("lease").is_empty(), "not due yet");
        sleep(delay).await;
    }
    let leased = lease_one(&queue, "a").await;
    assert!(queue.release(leased.token, Release::HandBack).await.expect("release"));
    let counters = lease_one(&queue, "b").await.job.counters;
    let found =
        [counters.document_errors, counters.backpressure_waits, counters.hand_backs, counters.worker_deaths];
    assert_eq!(found, [1, 1, 1, 0]);
}

/// A lease that waits for a delayed job gets it when it is due.
pub async fn waiting_lease_sees_a_delayed_job<Q: JobQueue>(queue: Q) {
    queue.push(job(0)).await.expect("push");
    let leased = lease_one(&queue, "a").await;
    queue.release(leased.token, Release::Backpressure { retry_after: SOON }).await.expect("release");
    assert_eq!(queue.lease(&worker("a"), 1, 50 * SOON).await.expect("lease").len(), 1);
}

/// A document that keeps killing its workers ends as one failed record.
pub async fn poison_ends_as_one_record<Q: JobQueue>(queue: Q) {
    queue.push(job(0)).await.expect("push");
    for _ in 0..DEATHS_TO_POISON {
        lease_one(&queue, "a").await;
        sleep(LEASE + SOON).await;
        assert_eq!(queue.reclaim().await.expect("reclaim"), 1);
    }
    assert!(queue.lease(&worker("a"), 1, SOON).await.expect("lease").is_empty());
    let collected = collect(&queue, 10).await;
    let kinds: Vec<_> =
        collected.iter().filter_map(|outcome| outcome.record.error.as_ref()).map(|e| e.kind).collect();
    assert_eq!(kinds, [FaultKind::Poison]);
}

/// Invariant bounded-everything: exactly [`ROOM`] pushes are admitted, the next waits for a lease.
pub async fn push_waits_for_room<Q: JobQueue>(queue: Q) {
    let queue = Arc::new(queue);
    for number in 0..ROOM as u64 {
        timeout(SOON, queue.push(job(number))).await.expect("there is room").expect("push");
    }
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.push(job(99)).await }
    });
    sleep(SOON).await;
    assert!(!waiting.is_finished(), "the queue is full");
    lease_one(&*queue, "a").await;
    timeout(SOON, waiting).await.expect("room was made").expect("no panic").expect("push");
}

/// Invariant bounded-everything: a commit waits until outcomes are collected, and fails if its lease is lost meanwhile.
pub async fn commit_waits_for_the_collector<Q: JobQueue>(queue: Q) {
    let queue = Arc::new(queue);
    for number in 0..UNCOLLECTED as u64 {
        queue.push(job(number)).await.expect("push");
        let leased = lease_one(&*queue, "a").await;
        queue.commit(leased.token, outcome(&leased)).await.expect("commit");
    }
    queue.push(job(99)).await.expect("push");
    let leased = lease_one(&*queue, "a").await;
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.commit(leased.token, outcome(&leased)).await }
    });
    sleep(SOON).await;
    assert!(!waiting.is_finished(), "too many outcomes are uncollected");
    assert_eq!(collect(&*queue, 1).await.len(), 1);
    let commit = timeout(SOON, waiting).await.expect("room was made").expect("no panic").expect("commit");
    assert_eq!(commit, Commit::Committed);
}

/// Runs the whole suite; `fresh` makes a queue for each part.
pub async fn suite<Q: JobQueue, F: AsyncFn() -> Q>(fresh: F) {
    delivers_in_order_and_once(fresh().await).await;
    priorities_are_kept(fresh().await).await;
    second_commit_is_refused(fresh().await).await;
    zombie_is_fenced_off(fresh().await).await;
    jobs_of_a_lost_worker_come_back_at_once(fresh().await).await;
    extended_lease_holds(fresh().await).await;
    releases_are_counted_apart(fresh().await).await;
    waiting_lease_sees_a_delayed_job(fresh().await).await;
    poison_ends_as_one_record(fresh().await).await;
    push_waits_for_room(fresh().await).await;
    commit_waits_for_the_collector(fresh().await).await;
}
