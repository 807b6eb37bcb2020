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

use std::{future::Future, time::Duration};

pub use memory::{MemoryQueue, QueueLimits};

use crate::{
    id::{AttemptToken, WorkerId},
    job::Job,
    record::Outcome,
};

/// Deaths of a worker while it held the same document after which the document is given up as poison.
pub const DEATHS_TO_POISON: u32 = 3;

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

    /// Takes up to `most` outcomes, waiting up to `wait` for the first.
    fn collect(
        &self,
        most: usize,
        wait: Duration,
    ) -> impl Future<Output = Result<Vec<Outcome>, QueueError>> + Send;

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

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// The outcome is the document's terminal record.
    Committed,
    /// The lease was no longer the caller's; the outcome was dropped.
    LeaseLost,
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
}
