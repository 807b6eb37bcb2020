//! The queue's door.
//!
//! A job is *ready*, then *leased* to one worker under an [`AttemptToken`], then *terminal*: its outcome is committed
//! and waits for the coordinator to collect it. A lease that is not extended in time is reclaimed and the job is
//! ready again under a new token, so that whoever held the old one can no longer commit.
//!
//! Whoever implements [`JobQueue`] runs [`conformance`] over the implementation.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod memory;
mod redis;

use std::{future::Future, time::Duration};

pub use memory::{MemoryQueue, QueueLimits};
pub use redis::{DeadLetter, Held, RedisLimits, RedisQueue, Tallies};

use crate::{
    fault::{Fault, FaultKind},
    id::{AttemptToken, RunId, WorkerId},
    job::Job,
    record::Outcome,
    redis::RedisError,
};

/// Deaths of a worker while it held the same document after which the document is given up as poison.
pub const DEATHS_TO_POISON: u32 = 3;
/// Errors of a document itself after which it is given up.
pub const ERRORS_TO_POISON: u32 = 3;

/// A job queue: between the coordinator, which pushes and collects, and workers, which lease and commit.
///
/// Every operation may be called from any number of tasks at once.
pub trait JobQueue: Send + Sync + 'static {
    /// Adds a job, waiting while the queue is full.
    fn push(&self, job: Job) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Leases up to `most` jobs to `worker`, waiting up to `wait` for the first. Empty when none came.
    fn lease(
        &self,
        worker: &WorkerId,
        most: usize,
        wait: Duration,
    ) -> impl Future<Output = Result<Vec<Leased>, QueueError>> + Send;

    /// Extends leases by the lease period from now. Returns those that are no longer the caller's: their work is
    /// lost and should be dropped.
    fn extend(
        &self,
        leases: &[AttemptToken],
    ) -> impl Future<Output = Result<Vec<AttemptToken>, QueueError>> + Send;

    /// In one step: checks that the lease is still the caller's, stores the outcome, marks the document terminal.
    /// Waits while too many outcomes are uncollected.
    fn commit(
        &self,
        lease: AttemptToken,
        outcome: Outcome,
    ) -> impl Future<Output = Result<Commit, QueueError>> + Send;

    /// Gives a leased job back. Returns whether the lease was still the caller's.
    fn release(
        &self,
        lease: AttemptToken,
        why: Release,
    ) -> impl Future<Output = Result<bool, QueueError>> + Send;

    /// Makes jobs whose lease has run out ready again, each counted as a death of its worker; one that has killed
    /// [`DEATHS_TO_POISON`] workers gets its terminal outcome instead. Returns how many jobs were taken back.
    fn reclaim(&self) -> impl Future<Output = Result<usize, QueueError>> + Send;

    /// The same for the jobs of one worker that is known to be gone, as soon as it has not extended their leases for
    /// `silent`, in which the queue was there to extend them. Returns how many were taken back.
    fn reclaim_from(
        &self,
        worker: &WorkerId,
        silent: Duration,
    ) -> impl Future<Output = Result<usize, QueueError>> + Send;

    /// Up to `most` outcomes that were not collected yet, waiting up to `wait` for the first. Until they are confirmed
    /// they may be collected again by a collector that is started anew.
    fn collect(
        &self,
        most: usize,
        wait: Duration,
    ) -> impl Future<Output = Result<Collected, QueueError>> + Send;

    /// What was collected is safe: the queue may forget it, and everything collected before it.
    fn confirm(&self, receipt: Receipt) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// How much is in the queue.
    fn counts(&self) -> impl Future<Output = Result<QueueCounts, QueueError>> + Send;
}

/// A job and the right to commit its outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased {
    /// The job.
    pub job: Job,
    /// Proof of this delivery.
    pub token: AttemptToken,
    /// How long the job waited since it was first pushed.
    pub waited: Duration,
}

/// Outcomes, and what confirms them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Collected {
    /// The outcomes.
    pub outcomes: Vec<Outcome>,
    /// Given to [`JobQueue::confirm`] when they are safe.
    pub receipt: Receipt,
}

/// How far outcomes were collected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt(Vec<(u16, u128)>);

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// The outcome is the document's terminal record.
    Committed,
    /// The lease was no longer the caller's; the outcome was dropped.
    LeaseLost,
    /// The document was terminal already, by a second job for it; the outcome was dropped.
    AlreadyTerminal,
}

/// Why a worker gives a job back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// The document failed in a way that may pass: ready again after the delay, counted against the document.
    DocumentError {
        /// Earliest next delivery.
        retry_after: Duration,
    },
    /// There is no room for it now (a rate limit, a full pool): ready again after the delay, never counted against
    /// the document.
    Backpressure {
        /// Earliest next delivery.
        retry_after: Duration,
    },
    /// The worker is stopping: ready again at once, never counted against the document.
    HandBack,
}

/// How much is in a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Jobs that can be leased now.
    pub ready: usize,
    /// Jobs that become ready later.
    pub delayed: usize,
    /// Jobs that are leased.
    pub leased: usize,
    /// Outcomes that were not collected yet.
    pub uncollected: usize,
}

/// The queue cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The job alone is larger than the queue may be.
    #[error("a job of {bytes} bytes does not fit the queue's {limit} bytes")]
    JobTooLarge {
        /// Bytes of the job's body.
        bytes: usize,
        /// Bytes that all waiting jobs together may have.
        limit: usize,
    },
    /// Redis did not carry it out.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// The run is not in Redis, or no longer: it has ended, was purged, or its data was lost.
    #[error(
        "the run {0} is not in Redis: it has ended, was purged, or Redis lost its data; the same coordinator run carries on"
    )]
    NoSuchRun(RunId),
    /// What is in Redis is not what this program wrote.
    #[error(
        "Redis answered {doing} with something that cannot be read: {reason}; is another program using these keys?"
    )]
    Damaged {
        /// What was asked.
        doing: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The part of the program that speaks with Redis has ended.
    #[error("the queue was closed")]
    Closed,
}

/// The outcome of a document that was given up; `workers` are those that had it, the last of them last.
fn given_up(job: &Job, workers: &[&str], queue_ms: f64) -> Outcome {
    let (deaths, errors) = (job.counters.worker_deaths, job.counters.document_errors);
    let names = workers.join(", ");
    let fault = if deaths >= DEATHS_TO_POISON {
        Fault::new(
            FaultKind::Poison,
            format!("{deaths} workers died or fell silent while they analysed this document: {names}"),
            "look at the document; the other documents of the run are not affected",
        )
    } else {
        Fault::new(
            FaultKind::Poison,
            format!("the document was given up after {errors} failed attempts, by {names}"),
            "look at the document and at the workers' logs; coordinator replay tries it again",
        )
    };
    let last = WorkerId::new(*workers.last().unwrap_or(&"unknown"));
    Outcome::of(job, &last, queue_ms, Err(fault))
}
