//! One run on one machine, from sources to a finished folder.
//!
//! ```text
//!  Sources ─(256)─► accept ─(admission: N in flight)─► downloads ─(queue: 64 jobs, 32 MiB)─► worker
//!                     ▲                                    │                                   │
//!                     │ next level of a crawl              └──────────► recorder ◄─(256)───────┘
//!                     └────────── frontier ◄──────────────────────────── │ ──► results.jsonl
//! ```
//!
//! `accept` writes a document into the accepted log before anything else happens to it; the recorder writes its one
//! record. In between the document is *in flight* and holds a permit of the admission. Whoever acquires every permit
//! knows that nothing is in flight: so ends a level of a crawl, and so ends the run.

use std::{collections::HashSet, future, path::PathBuf, sync::Arc, time::Duration};

use sheaf_common::{
    fault::{Fault, FaultKind},
    id::WorkerId,
    job::AnalysisOptions,
    queue::{Collected, JobQueue, MemoryQueue, QueueLimits, Receipt},
    record::{Outcome, Record, Status},
    shutdown::Shutdown,
};
use sheaf_fetch::{FetchLimits, HttpFetcher, Lookup, SetupError};
use sheaf_worker::{Engine, EngineLimits, Mode, Reviewer, Worker, child::ChildCommand, heartbeat::Heartbeat};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    contents::{ContentKey, Contents},
    downloads::{Closed, Desk, Downloads},
    folder::{Accepted, AcceptedLog, FolderError, Frontier, ResultsFile, RunFolder},
    progress::Tally,
    recorder::{Arrival, InFlight, Recorder},
    source::{Candidate, Location, Sources},
};

/// Documents between acceptance and record. More would only lengthen what a drain has to give back; the fetch pool
/// needs to look this far ahead so that one slow host does not hide the others.
const ADMITTED: u32 = 4_096;
/// Outcomes on their way to the recorder.
const ARRIVALS: usize = 256;
/// Outcomes collected at once.
const COLLECTED: usize = 64;
/// Collected batches whose recording is still under way.
const UNCONFIRMED: usize = 16;
/// How long one call waits for outcomes.
const COLLECT_WAIT: Duration = Duration::from_millis(500);

/// Everything a run is told.
pub struct Plan {
    /// What to analyse.
    pub sources: Sources,
    /// Where documents are analysed.
    pub mode: Mode,
    /// Documents downloaded at once.
    pub max_workers: usize,
    /// Caps on the analysis of a document, and how many are analysed at once.
    pub engine: EngineLimits,
    /// Asks a model where the rules are unsure; `None`: the rules decide every document.
    pub reviewer: Option<Arc<Reviewer>>,
    /// Caps on downloads.
    pub fetch: FetchLimits,
    /// From names to addresses.
    pub lookup: Arc<dyn Lookup>,
    /// How documents are analysed.
    pub options: AnalysisOptions,
    /// Levels of links that are followed.
    pub crawl_depth: u32,
    /// The program that parses in child processes, started with `parse-child`.
    pub program: PathBuf,
}

/// Why a run could not complete.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The output folder failed.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The fetcher cannot be set up.
    #[error(transparent)]
    Fetcher(#[from] SetupError),
    /// The system refused a thread.
    #[error("the heartbeat thread could not be started: {0}; check the limit on processes (ulimit -u)")]
    Heartbeat(std::io::Error),
    /// No model can be asked any more before a person has mended something.
    #[error("{0} — what is done is kept, the same command carries on")]
    Model(String),
    /// A task of the run ended by a defect.
    #[error("a part of the run ended by a defect ({0}); what is done is kept, the same command carries on")]
    Defect(#[from] tokio::task::JoinError),
    /// The recorder or the worker ended before the documents did.
    #[error("the {0} ended before the documents did; what is done is kept, the same command carries on")]
    EndedEarly(&'static str),
}

/// How a run ended.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one in a run")]
pub enum Ended {
    /// Every accepted document has its record.
    Complete {
        /// The accepted documents.
        accepted: AcceptedLog,
        /// Their records.
        results: ResultsFile,
    },
    /// Drained or stopped before that; the same command carries on.
    Interrupted,
}

/// Runs `plan` in `folder` until every document has its record or `shutdown` drains it.
pub async fn run(
    plan: Plan,
    folder: &RunFolder,
    tally: Arc<Tally>,
    shutdown: &Shutdown,
) -> Result<Ended, RunError> {
    let contents = Arc::new(Contents::default());
    let mut done = HashSet::new();
    let results = ResultsFile::open(folder, |recorded, record| {
        // What the budget had no room for is done again; the later record counts.
        if record.status == Status::Incomplete {
            return;
        }
        tally.recorded_earlier(record.status);
        done.extend(record.id.number());
        if let Some(content) = ContentKey::of_record(&record) {
            contents.remember(content, recorded);
        }
    })?;
    let log = AcceptedLog::open(folder)?;
    tally.accepted(log.len() as u64);

    let admitted = if plan.mode == Mode::Sync { 1 } else { ADMITTED };
    let admission = Arc::new(Semaphore::new(admitted as usize));
    let in_flight = Arc::new(InFlight::default());
    let (arrivals, arriving) = mpsc::channel(ARRIVALS);
    let recorder = Recorder {
        results,
        frontier: Frontier::open(folder)?,
        contents: contents.clone(),
        in_flight: in_flight.clone(),
        admission: admission.clone(),
        tally: tally.clone(),
        crawl_depth: plan.crawl_depth,
        filter: plan.sources.filter.clone(),
    };
    let mut recording = tokio::spawn(recorder.run(arriving));

    let limits = QueueLimits::default();
    let queue = Arc::new(MemoryQueue::new(limits));
    // The worker outlives the drain of the sources: it is told to end when nothing is in flight any more.
    let worker_shutdown = Shutdown::new();
    let ended = CancellationToken::new();
    let worker = Worker {
        id: WorkerId::new("local"),
        queue: queue.clone(),
        engine: Arc::new(Engine::new(plan.mode, plan.engine, child_command(plan.program))),
        options: plan.options,
        reviewer: plan.reviewer.clone(),
        heartbeat: Heartbeat::start(queue.clone(), limits.lease / 3, ended.clone())
            .map_err(RunError::Heartbeat)?,
    };
    let mut working = tokio::spawn(worker.run(worker_shutdown.clone()));
    tokio::spawn(collect(queue.clone(), arrivals.clone(), in_flight.clone(), tally.clone(), ended.clone()));
    tokio::spawn(reclaim(queue.clone(), limits.lease / 3, ended.clone()));

    let downloads = Downloads {
        run: folder.state.run.clone(),
        queue,
        contents,
        in_flight: in_flight.clone(),
        admission: admission.clone(),
        arrivals: arrivals.clone(),
        tally: tally.clone(),
        max_workers: if plan.mode == Mode::Sync { 1 } else { plan.max_workers },
        max_bytes: plan.fetch.body_bytes,
    };
    let desk = downloads.start(HttpFetcher::with_lookup(plan.fetch, plan.lookup)?, shutdown);
    let acceptor = Acceptor {
        log,
        done,
        desk,
        admission,
        admitted,
        in_flight,
        arrivals,
        tally,
        crawl_depth: plan.crawl_depth,
    };

    let accepted = tokio::select! {
        accepted = acceptor.run(folder, plan.sources, shutdown) => accepted?,
        // Records are flushed as they are written; what was on its way is done again.
        () = shutdown.stopping().cancelled() => {
            ended.cancel();
            worker_shutdown.stop();
            return Ok(Ended::Interrupted);
        }
        // The recorder ends early only when the folder fails; then nothing else can go on.
        failed = &mut recording => {
            ended.cancel();
            worker_shutdown.stop();
            return Err(failed.map_or_else(RunError::from, |ended| match ended {
                Err(error) => error.into(),
                Ok(_) => RunError::EndedEarly("recorder"),
            }));
        }
        stopped = halted(plan.reviewer.as_deref()) => {
            ended.cancel();
            worker_shutdown.stop();
            return Err(RunError::Model(stopped));
        }
        failed = &mut working => {
            ended.cancel();
            return Err(failed.map_or_else(RunError::from, |()| RunError::EndedEarly("worker")));
        }
    };
    ended.cancel();
    worker_shutdown.drain();
    working.await?;
    let results = recording.await??;
    if shutdown.is_draining() { Ok(Ended::Interrupted) } else { Ok(Ended::Complete { accepted, results }) }
}

/// Waits until no model can be asked any more before a person has mended something; says what.
async fn halted(reviewer: Option<&Reviewer>) -> String {
    let Some(reviewer) = reviewer else { return future::pending().await };
    reviewer.halted().cancelled().await;
    reviewer.stopped().map_or_else(String::new, |error| format!("{error}; {}", error.hint))
}

fn child_command(program: PathBuf) -> ChildCommand {
    ChildCommand { program, arguments: vec!["parse-child".into()] }
}

/// Carries outcomes from the queue to the recorder, and confirms them to the queue when they are recorded.
async fn collect<Q: JobQueue>(
    queue: Arc<Q>,
    arrivals: mpsc::Sender<Arrival>,
    in_flight: Arc<InFlight>,
    tally: Arc<Tally>,
    ended: CancellationToken,
) {
    let (safe, mut confirming) = mpsc::channel::<(Receipt, oneshot::Receiver<()>)>(UNCONFIRMED);
    let confirmed = tokio::spawn({
        let queue = queue.clone();
        async move {
            while let Some((receipt, recorded)) = confirming.recv().await {
                // A recorder that is gone has failed: what it did not record is collected again.
                if recorded.await.is_ok()
                    && let Err(error) = queue.confirm(receipt).await
                {
                    tracing::warn!(%error, "recorded outcomes could not be confirmed; the next ones confirm them too");
                }
            }
        }
    });
    while let Some(collected) = ended.run_until_cancelled(queue.collect(COLLECTED, COLLECT_WAIT)).await {
        match collected {
            Err(error) => {
                tracing::warn!(%error, "no outcomes could be collected, trying again");
                tokio::time::sleep(COLLECT_WAIT).await;
            }
            Ok(Collected { outcomes, .. }) if outcomes.is_empty() => {}
            Ok(Collected { outcomes, receipt }) => {
                for outcome in outcomes {
                    tally.analysed();
                    let content = in_flight.content(outcome.sequence);
                    if arrivals.send(Arrival::Ended(Box::new(outcome), content)).await.is_err() {
                        return;
                    }
                }
                let (recorded, waiting) = oneshot::channel();
                if arrivals.send(Arrival::Recorded(recorded)).await.is_err()
                    || safe.send((receipt, waiting)).await.is_err()
                {
                    return;
                }
            }
        }
    }
    drop(safe);
    drop(arrivals);
    if confirmed.await.is_err() {
        tracing::warn!("confirming outcomes ended by a defect");
    }
}

/// Takes back the jobs of a worker that fell silent.
async fn reclaim<Q: JobQueue>(queue: Arc<Q>, period: Duration, ended: CancellationToken) {
    while ended.run_until_cancelled(tokio::time::sleep(period)).await.is_some() {
        match queue.reclaim().await {
            Ok(0) => {}
            Ok(jobs) => tracing::warn!(jobs, "jobs of a silent worker were taken back"),
            Err(error) => tracing::warn!(%error, "silent workers could not be looked for, trying again"),
        }
    }
}

/// Accepts documents and lets them into the run.
struct Acceptor {
    log: AcceptedLog,
    /// Documents that an earlier part of the run recorded.
    done: HashSet<u64>,
    desk: Desk,
    admission: Arc<Semaphore>,
    admitted: u32,
    in_flight: Arc<InFlight>,
    arrivals: mpsc::Sender<Arrival>,
    tally: Arc<Tally>,
    crawl_depth: u32,
}

impl Acceptor {
    /// Returns when everything that was let in has left.
    async fn run(
        mut self,
        folder: &RunFolder,
        sources: Sources,
        shutdown: &Shutdown,
    ) -> Result<AcceptedLog, FolderError> {
        self.all(folder, sources, shutdown).await?;
        self.nothing_in_flight().await;
        Ok(self.log)
    }

    /// Ends early on a drain. A document that is accepted and not let in is still to be done.
    async fn all(
        &mut self,
        folder: &RunFolder,
        sources: Sources,
        shutdown: &Shutdown,
    ) -> Result<(), FolderError> {
        let begun = Instant::now();
        for accepted in self.log.replay()? {
            let accepted = accepted?;
            if !accepted.id.number().is_some_and(|number| self.done.contains(&number))
                && self.admit(accepted, shutdown).await.is_err()
            {
                return Ok(());
            }
        }
        // Everything before this was accepted by an earlier part; its records are no longer asked for.
        self.done = HashSet::new();
        let mut candidates = sources.enumerate(self.desk.clone());
        while let Some(Some(candidate)) = shutdown.draining().run_until_cancelled(candidates.recv()).await {
            if self.accept(candidate, shutdown).await?.is_err() {
                return Ok(());
            }
        }
        for depth in 1..=self.crawl_depth {
            self.nothing_in_flight().await;
            if shutdown.is_draining() {
                return Ok(());
            }
            for page in Frontier::level(folder, depth)? {
                for url in page.links {
                    let source = sheaf_fetch::displayed(&url);
                    let private_allowed = page.private_allowed;
                    let candidate = Candidate { source, at: Location::Url(url), depth, private_allowed };
                    // A link to a page that the run knows is no second source.
                    if !self.log.knows(&candidate.canonical())
                        && self.accept(candidate, shutdown).await?.is_err()
                    {
                        return Ok(());
                    }
                }
            }
        }
        if !shutdown.is_draining() {
            self.tally.enumerated();
        }
        tracing::info!(
            documents = self.log.len(),
            seconds = begun.elapsed().as_secs_f64(),
            "every source was enumerated"
        );
        Ok(())
    }

    async fn nothing_in_flight(&self) {
        drop(self.admission.acquire_many(self.admitted).await);
    }

    async fn accept(
        &mut self,
        candidate: Candidate,
        shutdown: &Shutdown,
    ) -> Result<Result<(), Closed>, FolderError> {
        let Some(accepted) = self.log.accept(candidate)? else { return Ok(Ok(())) };
        self.log.flush()?;
        self.tally.accepted(1);
        Ok(self.admit(accepted, shutdown).await)
    }

    /// Lets a document in when there is room.
    async fn admit(&self, accepted: Accepted, shutdown: &Shutdown) -> Result<(), Closed> {
        let room = shutdown.draining().run_until_cancelled(self.admission.acquire()).await;
        let Some(Ok(permit)) = room else { return Err(Closed) };
        // Returned by the recorder with the document's record.
        permit.forget();
        self.in_flight.enter(accepted.clone());
        if accepted.repeats > 0 {
            return self.again(accepted).await;
        }
        let sequence = accepted.sequence;
        let handed_in = self.desk.hand_in(accepted).await;
        if handed_in.is_err() {
            self.in_flight.leave(sequence);
            self.admission.add_permits(1);
        }
        handed_in
    }

    /// The record of a source that names a document once more.
    async fn again(&self, accepted: Accepted) -> Result<(), Closed> {
        let fault =
            Fault::new(FaultKind::Duplicate, "an earlier source of the run names the same document", "");
        let mut record = Record::without_answer(accepted.id, accepted.candidate.source, Some(fault));
        record.attempts = 0;
        let outcome = Outcome {
            sequence: accepted.sequence,
            record,
            links: Vec::new(),
            base_href: None,
            final_url: None,
        };
        self.arrivals.send(Arrival::Ended(Box::new(outcome), None)).await.map_err(|_| Closed)
    }
}
