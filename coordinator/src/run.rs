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

mod acceptor;
mod collector;
mod earlier;

use std::{future, path::PathBuf, sync::Arc, time::Duration};

use sheaf_common::{
    id::WorkerId,
    job::AnalysisOptions,
    queue::{Held, JobQueue, MemoryQueue, QueueError, QueueLimits, RedisQueue},
    shutdown::Shutdown,
};
use sheaf_fetch::{FetchLimits, HttpFetcher, Lookup, SetupError};
use sheaf_worker::{Engine, EngineLimits, Mode, Reviewer, Worker, child::ChildCommand, heartbeat::Heartbeat};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use self::{
    acceptor::Acceptor,
    collector::collect,
    earlier::{Earlier, resume},
};
use crate::{
    contents::{ContentKey, Contents},
    dispatch::{Dispatch, LOSSES, Tender},
    downloads::{Desk, Downloads},
    folder::{Accepted, AcceptedLog, FolderError, Frontier, ResultsFile, RunFolder},
    progress::Tally,
    recorder::{InFlight, Recorder},
    source::Sources,
};

/// Documents between acceptance and record. More would only lengthen what a drain has to give back; the fetch pool
/// needs to look this far ahead so that one slow host does not hide the others.
const ADMITTED: u32 = 4_096;
/// Outcomes on their way to the recorder.
const ARRIVALS: usize = 256;

/// How long Redis may hold up the end of a run of which everything is recorded.
const LAST_WORDS: Duration = Duration::from_secs(5);

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
    /// The fleet that does the work; `None`: this process does it.
    pub dispatch: Option<Dispatch>,
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
    /// The queue failed.
    #[error("{0} — what is done is kept, the same command carries on")]
    Queue(#[from] QueueError),
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
    mut plan: Plan,
    folder: &RunFolder,
    tally: Arc<Tally>,
    shutdown: &Shutdown,
) -> Result<Ended, RunError> {
    let in_flight = Arc::new(InFlight::default());
    let contents = Arc::new(Contents::new(folder.tables()).map_err(FolderError::from)?);
    let ended = CancellationToken::new();
    // The workers outlive the drain of the sources: they are told to end when nothing is in flight any more.
    let work = Shutdown::new();
    let closing = watch::Sender::new(false);
    match plan.dispatch.take() {
        None => {
            let limits = QueueLimits::default();
            let queue = Arc::new(MemoryQueue::new(limits));
            let command = child_command(plan.program.clone());
            let worker = Worker {
                id: WorkerId::new("local"),
                queue: queue.clone(),
                engine: Arc::new(Engine::new(plan.mode, plan.engine, command)),
                options: plan.options,
                reviewer: plan.reviewer.clone(),
                heartbeat: Heartbeat::start(queue.clone(), limits.lease / 3, ended.clone())
                    .map_err(RunError::Heartbeat)?,
                paused: watch::channel(false).1,
                closing: closing.subscribe(),
                done: Arc::default(),
            };
            tokio::spawn(reclaim(queue.clone(), limits.lease / 3, ended.clone()));
            let working = tokio::spawn({
                let work = work.clone();
                async move {
                    worker.run(work).await;
                }
            });
            let (elsewhere, lost) = (None, None);
            let hands = Hands { queue, working, work, ended, in_flight, contents, closing, elsewhere, lost };
            conduct(plan, folder, tally, shutdown, hands).await
        }
        Some(dispatch) => {
            let queue = dispatch.queue.clone();
            let held = queue.held().await?;
            let (tell, losses) = mpsc::channel(LOSSES);
            let lost = Some(tell.downgrade());
            let tender = Tender {
                dispatch,
                in_flight: in_flight.clone(),
                tally: tally.clone(),
                contents: contents.clone(),
                lost: tell,
                closing: closing.subscribe(),
            };
            let working = tokio::spawn(tender.tend(work.draining().clone()));
            let elsewhere = Some(Elsewhere { queue: queue.clone(), held, losses });
            let queue = Arc::new(queue);
            let hands = Hands { queue, working, work, ended, in_flight, contents, closing, elsewhere, lost };
            conduct(plan, folder, tally, shutdown, hands).await
        }
    }
}

/// Who works on a run, and over which queue.
struct Hands<Q> {
    queue: Arc<Q>,
    /// The worker, or who looks after the fleet; ends when `work` drains.
    working: JoinHandle<()>,
    work: Shutdown,
    /// Cancelled when nothing more is to be collected.
    ended: CancellationToken,
    in_flight: Arc<InFlight>,
    contents: Arc<Contents>,
    /// Says whether nothing more is pushed to the queue.
    closing: watch::Sender<bool>,
    elsewhere: Option<Elsewhere>,
    /// Where documents go that are to be done again, while somebody looks after a queue that may lose them.
    lost: Option<mpsc::WeakSender<Vec<Accepted>>>,
}

/// A queue that outlives this process.
struct Elsewhere {
    queue: RedisQueue,
    /// What it held when this process began.
    held: Held,
    /// Documents whose jobs were lost, to be done again.
    losses: mpsc::Receiver<Vec<Accepted>>,
}

async fn conduct<Q: JobQueue>(
    plan: Plan,
    folder: &RunFolder,
    tally: Arc<Tally>,
    shutdown: &Shutdown,
    hands: Hands<Q>,
) -> Result<Ended, RunError> {
    let Hands { queue, mut working, work, ended, in_flight, contents, closing, elsewhere, lost } = hands;
    let earlier = Earlier::new(folder.tables()).map_err(FolderError::from)?;
    let results = look_back(folder, &earlier, &contents)?;
    let log = AcceptedLog::open(folder)?;
    tally.accepted(log.len());

    let mut admitted = if plan.mode == Mode::Sync { 1 } else { ADMITTED };
    let admission = Arc::new(Semaphore::new(admitted as usize));
    let mut losses = None;
    if let Some(elsewhere) = elsewhere {
        admitted += resume(&elsewhere.queue, &elsewhere.held, &log, &earlier, &in_flight, &tally).await?;
        losses = Some((elsewhere.queue, elsewhere.losses));
    }
    earlier.count(&tally)?;
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
    let collecting = tokio::spawn(collect(
        queue.clone(),
        if losses.is_some() { collector::PACE } else { Duration::ZERO },
        arrivals.clone(),
        in_flight.clone(),
        tally.clone(),
        ended.clone(),
    ));

    let downloads = Downloads {
        run: folder.state.run.clone(),
        queue,
        contents,
        in_flight: in_flight.clone(),
        admission: admission.clone(),
        arrivals: arrivals.clone(),
        tally: tally.clone(),
        lost,
        max_workers: if plan.mode == Mode::Sync { 1 } else { plan.max_workers },
        max_bytes: plan.fetch.body_bytes,
        shutdown: shutdown.clone(),
    };
    let desk = downloads.start(HttpFetcher::with_lookup(plan.fetch, plan.lookup)?, shutdown);
    let remote = losses.map(|(queue, losses)| {
        // Ends with the tender.
        tokio::spawn(hand_in_again(losses, desk.clone()));
        queue
    });
    let acceptor = Acceptor {
        log,
        earlier,
        desk,
        admission,
        admitted,
        in_flight,
        arrivals,
        tally,
        crawl_depth: plan.crawl_depth,
        remote: remote.is_some(),
        closing,
    };

    let parts = Parts { recording: &mut recording, working: &mut working };
    let accepted = match parts
        .see_through(acceptor.run(folder, plan.sources, shutdown), plan.reviewer.as_deref(), shutdown)
        .await
    {
        Ok(Some(accepted)) => accepted,
        unfinished => {
            ended.cancel();
            work.stop();
            return unfinished.map(|_| Ended::Interrupted);
        }
    };
    ended.cancel();
    work.drain();
    working.await?;
    // Redis may be away by now; what was recorded is safe without its knowing.
    if let Ok(ended) = tokio::time::timeout(LAST_WORDS, collecting).await {
        ended?;
    }
    if remote.is_some() && shutdown.is_draining() {
        // What waits to be pushed is still to be done, what was pushed is collected by the next part.
        return Ok(Ended::Interrupted);
    }
    let results = recording.await??;
    if shutdown.is_draining() {
        return Ok(Ended::Interrupted);
    }
    if let Some(queue) = remote {
        leave(&queue).await;
    }
    Ok(Ended::Complete { accepted, results })
}

/// The records of earlier parts of the run, seen, and to be continued.
fn look_back(folder: &RunFolder, earlier: &Earlier, contents: &Contents) -> Result<ResultsFile, FolderError> {
    ResultsFile::open(folder, |recorded, record| {
        earlier.see(&record)?;
        if let Some(content) = ContentKey::of_record(&record) {
            contents.remember(content, recorded)?;
        }
        Ok(())
    })
}

/// Removes a complete run from Redis, as far as Redis lets it.
async fn leave(queue: &RedisQueue) {
    match tokio::time::timeout(LAST_WORDS, queue.finish()).await {
        Ok(Ok(_given_up)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the run could not be removed from Redis"),
        Err(_) => tracing::warn!("the run could not be removed from Redis, which does not answer"),
    }
}

/// The tasks that must not end before the documents do.
struct Parts<'r> {
    recording: &'r mut JoinHandle<Result<ResultsFile, FolderError>>,
    working: &'r mut JoinHandle<()>,
}

impl Parts<'_> {
    /// Waits until every document that was let in has left; `None` when the run is stopped before.
    async fn see_through(
        self,
        accepting: impl Future<Output = Result<AcceptedLog, FolderError>>,
        reviewer: Option<&Reviewer>,
        shutdown: &Shutdown,
    ) -> Result<Option<AcceptedLog>, RunError> {
        tokio::select! {
            accepted = accepting => Ok(Some(accepted?)),
            // Records are flushed as they are written; what was on its way is done again.
            () = shutdown.stopping().cancelled() => Ok(None),
            // The recorder ends early only when the folder fails; then nothing else can go on.
            failed = self.recording => Err(failed.map_or_else(RunError::from, |ended| match ended {
                Err(error) => error.into(),
                Ok(_) => RunError::EndedEarly("recorder"),
            })),
            // Batches may take a day: nobody who asks for an end waits for them.
            () = shutdown.draining().cancelled(), if reviewer.is_some_and(|asks| asks.bulk().is_some()) => Ok(None),
            stopped = halted(reviewer) => Err(RunError::Model(stopped)),
            failed = self.working => {
                Err(failed.map_or_else(RunError::from, |()| RunError::EndedEarly("worker")))
            }
        }
    }
}

/// Has documents done again whose jobs were lost.
async fn hand_in_again(mut losses: mpsc::Receiver<Vec<Accepted>>, desk: Desk) {
    while let Some(lost) = losses.recv().await {
        for accepted in lost {
            if desk.hand_in(accepted).await.is_err() {
                return;
            }
        }
    }
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
