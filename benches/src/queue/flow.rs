//! Pushing jobs to a queue and draining it, with a ledger of what came of them. Any queue will do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sheaf_common::{
    id::{RunId, WorkerId},
    queue::{Commit, JobQueue, Leased, QueueError},
    record::Outcome,
};
use tokio::{task::JoinSet, time::Instant};

use super::job::{carried, job};
use crate::{AnyError, ledger::Ledger};

/// Tasks that push at once in bulk.
const PUSHERS: usize = 512;
/// Jobs that a worker leases and works on at once.
pub(super) const SLOTS: usize = 256;
/// How long a lease call waits.
const WAIT: Duration = Duration::from_millis(200);
/// When nothing has come for so long, what is missing is called lost.
pub(super) const QUIET: Duration = Duration::from_secs(30);

/// A queue that was drained.
pub(super) struct Drained {
    /// Jobs a second, from the first lease to the last outcome.
    pub(super) rate: f64,
    pub(super) ledger: Ledger,
}

/// Pushes jobs from many tasks; how many a second.
pub(super) async fn push_all<Q: JobQueue>(queue: &Arc<Q>, run: &RunId, jobs: usize) -> Result<f64, AnyError> {
    let at = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut pushers = JoinSet::new();
    for _ in 0..PUSHERS {
        let (queue, next, run) = (queue.clone(), next.clone(), run.clone());
        pushers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= jobs {
                    return Ok::<_, QueueError>(());
                }
                queue.push(job(&run, number as u64)).await?;
            }
        });
    }
    while let Some(ended) = pushers.join_next().await {
        ended??;
    }
    Ok(jobs as f64 / at.elapsed().as_secs_f64())
}

/// Pushes jobs, each after the one before; how many a second.
pub(super) async fn push_one_by_one<Q: JobQueue>(
    queue: &Q,
    run: &RunId,
    jobs: usize,
) -> Result<f64, AnyError> {
    let at = Instant::now();
    for number in 0..jobs {
        queue.push(job(run, number as u64)).await?;
    }
    Ok(jobs as f64 / at.elapsed().as_secs_f64())
}

/// Has `workers` answer every job by `answer`, and collects until every job has an outcome or none has come for `quiet`.
pub(super) async fn drain<Q: JobQueue>(
    collector: &Arc<Q>,
    workers: &[Arc<Q>],
    jobs: usize,
    answer: fn(&Leased, &WorkerId) -> Outcome,
    quiet: Duration,
) -> Result<Drained, AnyError> {
    let begun = Instant::now();
    let mut working = JoinSet::new();
    for (number, queue) in workers.iter().enumerate() {
        working.spawn(work(queue.clone(), WorkerId::new(format!("worker-{number}")), answer));
    }
    let mut ledger = Ledger::new(jobs);
    let mut last = begun;
    while ledger.given() < jobs && last.elapsed() < quiet {
        let batch = collector.collect(512, WAIT).await?;
        for outcome in &batch.outcomes {
            ledger.take(outcome.sequence, carried(outcome));
        }
        if !batch.outcomes.is_empty() {
            last = Instant::now();
        }
        collector.confirm(batch.receipt).await?;
    }
    let seconds = (last - begun).as_secs_f64();
    // What comes after the last job's outcome was one too many.
    let more = collector.collect(512, WAIT).await?;
    for outcome in &more.outcomes {
        ledger.take(outcome.sequence, carried(outcome));
    }
    collector.confirm(more.receipt).await?;
    while let Some(ended) = working.join_next().await {
        ended??;
    }
    Ok(Drained { rate: jobs as f64 / seconds, ledger })
}

/// Leases, answers, commits, until nothing has come for a while.
async fn work<Q: JobQueue>(
    queue: Arc<Q>,
    id: WorkerId,
    answer: fn(&Leased, &WorkerId) -> Outcome,
) -> Result<(), AnyError> {
    let mut commits = JoinSet::new();
    loop {
        let leased = queue.lease(&id, SLOTS, WAIT).await?;
        if leased.is_empty() {
            break;
        }
        while commits.len() > SLOTS {
            commits.join_next().await.transpose()?.transpose()?;
        }
        for leased in leased {
            let (queue, id) = (queue.clone(), id.clone());
            commits.spawn(async move {
                match queue.commit(leased.token, answer(&leased, &id)).await? {
                    Commit::Committed => Ok::<_, AnyError>(()),
                    other => Err(format!("a commit was answered with {other:?}").into()),
                }
            });
        }
    }
    while let Some(ended) = commits.join_next().await {
        ended??;
    }
    Ok(())
}

#[cfg(test)]
#[path = "flow_tests.rs"]
mod tests;
