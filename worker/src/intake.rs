//! Leases jobs, keeps at most N in flight, commits outcomes.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use sheaf_common::{
    id::WorkerId,
    job::{AnalysisOptions, Job},
    queue::{Commit, JobQueue, Leased, QueueError, Release},
    record::Outcome,
    shutdown::Shutdown,
};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{
    Engine, Mode, Reviewer,
    heartbeat::Heartbeat,
    inflow::{Inflow, Upstream},
};

/// How long one lease call waits for work; also how fast an idle worker sees that it should drain.
const LEASE_WAIT: Duration = Duration::from_millis(500);
/// Wait for room when as many documents wait for their model as may.
const ROOM_WAIT: Duration = Duration::from_millis(10);
/// Wait after an error of the queue; the queue's own client has retried before.
const QUEUE_ERROR_WAIT: Duration = Duration::from_secs(1);
/// How long an outcome may still wait for its commit after a stop: the work is done, and may have been paid for.
const LAST_COMMIT: Duration = Duration::from_secs(1);

/// A worker: leases jobs from a queue, has its engine analyse them, commits the outcomes.
#[derive(Debug)]
pub struct Worker<Q> {
    /// Its name, unique for each start of a process.
    pub id: WorkerId,
    /// Where jobs come from and outcomes go.
    pub queue: Arc<Q>,
    /// What analyses them.
    pub engine: Arc<Engine>,
    /// Equal for every document of the run.
    pub options: AnalysisOptions,
    /// Asks a model where the rules are unsure; `None`: the rules decide every document.
    pub reviewer: Option<Arc<Reviewer>>,
    /// Keeps the leases.
    pub heartbeat: Heartbeat,
    /// While it says true, no new work is taken.
    pub paused: watch::Receiver<bool>,
    /// While it says true, nothing more is pushed to the queue.
    pub closing: watch::Receiver<bool>,
    /// Counts what was committed.
    pub done: Arc<AtomicU64>,
}

/// Why a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// It was asked to.
    Asked,
    /// The queue knows the run no more.
    NoSuchRun,
}

impl<Q: JobQueue> Worker<Q> {
    /// Works until asked to drain, then finishes what is in flight; when asked to stop, hands it back.
    pub async fn run(self, shutdown: Shutdown) -> Leave {
        let mut paused = self.paused.clone();
        let mut leave = Leave::Asked;
        let worker = Arc::new(self);
        // Beside those under analysis, documents wait for their model.
        let slots = worker.engine.slots() + reviewed_now(&worker).map_or(0, Reviewer::at_once);
        let slots = Arc::new(Semaphore::new(slots));
        let inflow = Inflow::new(worker.reviewer.clone());
        let mut tasks = JoinSet::new();
        while !shutdown.is_draining() {
            while tasks.try_join_next().is_some() {}
            worker.engine.tend();
            // Until another lease is asked for, none comes.
            inflow.set_open(false);
            if *paused.borrow_and_update() {
                // Without a sender nobody can pause.
                let _resumed = shutdown.draining().run_until_cancelled(paused.changed()).await;
                continue;
            }
            let Some(Ok(first)) =
                shutdown.draining().run_until_cancelled(slots.clone().acquire_owned()).await
            else {
                break;
            };
            let room = worker.engine.slots() + reviewed_now(&worker).map_or(0, Reviewer::room);
            if tasks.len() >= room {
                drop(first);
                // More may be taken when one is done, or when more are at their model.
                let done = tokio::time::timeout(ROOM_WAIT, tasks.join_next());
                let _looked = shutdown.draining().run_until_cancelled(done).await;
                continue;
            }
            let most = (1 + slots.available_permits()).min(room - tasks.len());
            inflow.set_open(true);
            let leasing = worker.lease(most, &inflow);
            let leased = match shutdown.draining().run_until_cancelled(leasing).await {
                None => break,
                Some(Ok(leased)) => leased,
                Some(Err(QueueError::NoSuchRun(_))) => {
                    leave = Leave::NoSuchRun;
                    break;
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "no jobs could be leased, trying again");
                    shutdown.draining().run_until_cancelled(tokio::time::sleep(QUEUE_ERROR_WAIT)).await;
                    continue;
                }
            };
            let mut first = Some(first);
            for leased in leased {
                let slot = match first.take() {
                    Some(slot) => Ok(slot),
                    None => slots.clone().try_acquire_owned(),
                };
                let (worker, shutdown, upstream) = (worker.clone(), shutdown.clone(), inflow.document());
                tasks.spawn(async move {
                    worker.attend(leased, upstream, &shutdown).await;
                    drop(slot);
                });
            }
        }
        inflow.set_open(false);
        while tasks.join_next().await.is_some() {}
        leave
    }

    /// Leases, and says so when a queue to which nothing more is pushed has nothing more to lease.
    async fn lease(&self, most: usize, inflow: &Inflow) -> Result<Vec<Leased>, QueueError> {
        let mut closing = self.closing.clone();
        if *closing.borrow() {
            let leased = self.queue.lease(&self.id, most, Duration::ZERO).await?;
            if !leased.is_empty() {
                return Ok(leased);
            }
            inflow.set_open(false);
            return self.queue.lease(&self.id, most, LEASE_WAIT).await;
        }
        let mut leasing = pin!(self.queue.lease(&self.id, most, LEASE_WAIT));
        tokio::select! {
            biased;
            leased = &mut leasing => return leased,
            // A call that still waits has found nothing.
            Ok(_) = closing.wait_for(|closing| *closing) => inflow.set_open(false),
        }
        leasing.await
    }

    /// One job, from lease to commit.
    async fn attend(&self, leased: Leased, upstream: Upstream, shutdown: &Shutdown) {
        let lease = self.heartbeat.hold(leased.token);
        let Leased { job, token, waited } = leased;
        let source = job.source.clone();
        let outcome = tokio::select! {
            outcome = self.work(job, waited, upstream) => outcome,
            () = lease.lost() => {
                tracing::warn!(source, "the lease was lost, the work is dropped");
                return;
            }
            () = shutdown.stopping().cancelled() => None,
            // A batch may take a day: whoever is given the document next finds it in the store.
            () = shutdown.draining().cancelled(), if self.asks_in_bulk() => None,
        };
        let Some(outcome) = outcome else {
            report(self.queue.release(token, Release::HandBack).await.map(|_| ()));
            return;
        };
        // Nobody may be collecting, or the queue may be away: that must not keep the worker.
        let overdue = async {
            shutdown.stopping().cancelled().await;
            tokio::time::sleep(LAST_COMMIT).await;
        };
        let commit = tokio::select! {
            commit = self.queue.commit(token, outcome) => commit,
            () = overdue => {
                // Where the commit came through after all, there is nothing left to give back.
                report(self.queue.release(token, Release::HandBack).await.map(|_| ()));
                return;
            }
        };
        match commit {
            Ok(Commit::Committed) => {
                self.done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Commit::AlreadyTerminal) => {
                tracing::debug!(source, "another job for this document was committed before");
            }
            Ok(Commit::LeaseLost) => {
                tracing::warn!(source, "the lease was lost before the commit");
            }
            Err(error) => report(Err(error)),
        }
    }

    fn asks_in_bulk(&self) -> bool {
        self.reviewer.as_ref().is_some_and(|reviewer| reviewer.bulk().is_some())
    }

    /// From job to outcome; `None` when the job is to be done later.
    async fn work(&self, mut job: Job, waited: Duration, upstream: Upstream) -> Option<Outcome> {
        let text_wanted = self.options.include_text;
        let options =
            AnalysisOptions { include_text: text_wanted || self.reviewer.is_some(), ..self.options };
        let mut result = self.engine.analyse(&job, options).await;
        // While the document waits for a model, only its text is needed.
        job.body = Bytes::new();
        let mut review = None;
        if let (Some(reviewer), Ok(finding)) = (&self.reviewer, &mut result) {
            if reviewer.wants(finding) {
                review = Some(reviewer.review(job.sequence, &job.id, finding, upstream).await?);
            }
            if !text_wanted {
                finding.document.text = None;
            }
        }
        let outcome = Outcome::of(&job, &self.id, waited.as_secs_f64() * 1e3, result);
        Some(match review {
            Some(review) => outcome.reviewed(review),
            None => outcome,
        })
    }
}

/// Who asks about documents while others are analysed; in order, one after the other, when the mode is.
fn reviewed_now<Q>(worker: &Worker<Q>) -> Option<&Reviewer> {
    worker.reviewer.as_deref().filter(|_| worker.engine.mode() != Mode::Sync)
}

/// A job whose queue fails is delivered again when its lease runs out.
fn report(result: Result<(), QueueError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "the queue failed; the job will be delivered again");
    }
}

#[cfg(test)]
mod tests {
    use sheaf_common::queue::{MemoryQueue, QueueLimits, conformance};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{EngineLimits, child::ChildCommand};

    /// Longer than anything here takes.
    const PATIENCE: Duration = Duration::from_mins(1);

    fn worker(queue: &Arc<MemoryQueue>, stopped: &CancellationToken) -> Worker<MemoryQueue> {
        let limits = EngineLimits { slots: 2, parse_timeout: PATIENCE, parse_memory_bytes: 1 << 30 };
        let child = ChildCommand { program: "/nowhere".into(), arguments: Vec::new() };
        Worker {
            id: WorkerId::new("w"),
            queue: queue.clone(),
            engine: Arc::new(Engine::new(Mode::Async, limits, child)),
            options: AnalysisOptions::default(),
            reviewer: None,
            heartbeat: Heartbeat::start(queue.clone(), PATIENCE, stopped.clone()).unwrap(),
            paused: watch::channel(false).1,
            closing: watch::channel(false).1,
            done: Arc::default(),
        }
    }

    /// Nobody collects, so that the second commit waits for ever.
    #[tokio::test]
    async fn a_commit_that_waits_does_not_hold_up_a_stop() {
        let queue = Arc::new(MemoryQueue::new(QueueLimits { uncollected: 1, ..QueueLimits::default() }));
        for sequence in 0..2 {
            queue.push(conformance::job(sequence)).await.unwrap();
        }
        let (stopped, shutdown) = (CancellationToken::new(), Shutdown::new());
        let _ends_the_heartbeat = stopped.clone().drop_guard();
        let worker = worker(&queue, &stopped);
        let (done, heartbeat) = (worker.done.clone(), worker.heartbeat.clone());
        let mut working = tokio::spawn(worker.run(shutdown.clone()));
        while done.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(ROOM_WAIT).await;
        }
        shutdown.drain();
        let drained = tokio::time::timeout(LAST_COMMIT, &mut working).await;
        assert!(drained.is_err() && heartbeat.leases() == 1, "a drain alone waits for the commit");
        shutdown.stop();
        assert_eq!(tokio::time::timeout(PATIENCE, working).await.unwrap().unwrap(), Leave::Asked);
        let back = queue.lease(&WorkerId::new("other"), 2, Duration::ZERO).await.unwrap();
        assert_eq!(back.len(), 1);
        assert_eq!((back[0].job.counters.hand_backs, back[0].job.counters.worker_deaths), (1, 0));
    }
}
