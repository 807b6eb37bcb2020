//! The harness cannot flatter: queues and workers that lie are called out.

use std::sync::atomic::AtomicBool;

use sheaf_common::{
    id::AttemptToken,
    queue::{Collected, MemoryQueue, QueueCounts, QueueLimits, Receipt, Release},
};

use super::{
    super::job::{carrying, outcome, right},
    *,
};
use crate::breach::Breach;

/// The job that the lie is about.
const VICTIM: u64 = 7;
const JOBS: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    None,
    /// A commit is confirmed and forgotten.
    Loses,
    /// An outcome is given twice.
    Doubles,
}

/// A queue that lies about one job.
struct Liar {
    queue: MemoryQueue,
    lie: Lie,
    told: AtomicBool,
}

impl Liar {
    fn lies_about(&self, sequence: u64, lie: Lie) -> bool {
        sequence == VICTIM && self.lie == lie && !self.told.swap(true, Ordering::Relaxed)
    }
}

impl JobQueue for Liar {
    async fn push(&self, job: sheaf_common::job::Job) -> Result<(), QueueError> {
        self.queue.push(job).await
    }

    async fn lease(&self, worker: &WorkerId, most: usize, wait: Duration) -> Result<Vec<Leased>, QueueError> {
        self.queue.lease(worker, most, wait).await
    }

    async fn extend(&self, leases: &[AttemptToken]) -> Result<Vec<AttemptToken>, QueueError> {
        self.queue.extend(leases).await
    }

    async fn commit(&self, lease: AttemptToken, outcome: Outcome) -> Result<Commit, QueueError> {
        if self.lies_about(outcome.sequence, Lie::Loses) {
            return Ok(Commit::Committed);
        }
        self.queue.commit(lease, outcome).await
    }

    async fn release(&self, lease: AttemptToken, why: Release) -> Result<bool, QueueError> {
        self.queue.release(lease, why).await
    }

    async fn reclaim(&self) -> Result<usize, QueueError> {
        self.queue.reclaim().await
    }

    async fn reclaim_from(&self, worker: &WorkerId, silent: Duration) -> Result<usize, QueueError> {
        self.queue.reclaim_from(worker, silent).await
    }

    async fn collect(&self, most: usize, wait: Duration) -> Result<Collected, QueueError> {
        let mut collected = self.queue.collect(most, wait).await?;
        let again = collected.outcomes.iter().find(|outcome| self.lies_about(outcome.sequence, Lie::Doubles));
        if let Some(again) = again.cloned() {
            collected.outcomes.push(again);
        }
        Ok(collected)
    }

    async fn confirm(&self, receipt: Receipt) -> Result<(), QueueError> {
        self.queue.confirm(receipt).await
    }

    async fn counts(&self) -> Result<QueueCounts, QueueError> {
        self.queue.counts().await
    }
}

async fn drained(lie: Lie, answer: fn(&Leased, &WorkerId) -> Outcome) -> Vec<Breach> {
    let queue = MemoryQueue::new(QueueLimits::default());
    let queue = Arc::new(Liar { queue, lie, told: AtomicBool::new(false) });
    let run = RunId::new("lies");
    let pushing = tokio::spawn({
        let (queue, run) = (queue.clone(), run.clone());
        async move { push_all(&queue, &run, JOBS).await.map_err(|error| error.to_string()) }
    });
    pushing.await.unwrap().unwrap();
    let drained = drain(&queue, std::slice::from_ref(&queue), JOBS, answer, Duration::from_secs(2)).await;
    drained.unwrap().ledger.breaches(right)
}

#[tokio::test(start_paused = true)]
async fn an_honest_queue_keeps_every_promise() {
    assert_eq!(drained(Lie::None, outcome).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_loses_jobs_is_called_out() {
    assert_eq!(drained(Lie::Loses, outcome).await, [Breach::Lost { job: format!("job {VICTIM}") }]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_doubles_jobs_is_called_out() {
    let breaches = drained(Lie::Doubles, outcome).await;
    assert!(breaches.contains(&Breach::Doubled { job: format!("job {VICTIM}"), results: 2 }), "{breaches:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_answers_before_the_work_is_done_is_called_out() {
    let early = |leased: &Leased, worker: &WorkerId| match leased.job.sequence {
        // It knows everything of the job but its body.
        VICTIM => carrying(leased, worker, crate::ledger::digest(leased.job.source.as_bytes())),
        _ => outcome(leased, worker),
    };
    let breaches = drained(Lie::None, early).await;
    let job = format!("job {VICTIM}");
    assert!(matches!(&breaches[..], [Breach::Unworked { job: early, .. }] if *early == job), "{breaches:?}");
}
