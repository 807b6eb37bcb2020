//! From an accepted document to a job in the queue: files are read, addresses downloaded, at most `--max-workers` of
//! each at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sheaf_common::{
    fault::{Fault, FaultKind},
    id::{ContentHash, RunId},
    job::{AttemptCounters, Job, Priority},
    queue::{JobQueue, QueueError},
    record::{Outcome, Record, Timings},
    shutdown::Shutdown,
};
use sheaf_fetch::{
    Accept, Fetch, FetchFailure, FetchRequest, Fetched, HttpFetcher, Order, Pool, PoolInput, PoolOutput,
    PoolSettings, Terms,
};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    contents::{Claim, ContentKey, Contents, Copy},
    folder::Accepted,
    progress::Tally,
    recorder::{Arrival, InFlight},
    source::{Download, Location, Reader},
};

/// Bytes from which hashing leaves the runtime's threads, and a document is analysed before others.
const LARGE: usize = 1 << 20;

/// Between attempts at a queue that takes nothing.
const PUSH_WAIT: Duration = Duration::from_secs(1);

/// What became of a push.
enum Pushed {
    Yes,
    /// The job does not fit, ever.
    Never(QueueError),
    /// The run is draining: the document is still to be done.
    NotNow,
}

/// What is downloaded through the pool.
#[derive(Debug)]
enum Errand {
    /// A document of the run.
    Document(Accepted),
    /// Something that the enumeration waits for.
    Sitemap(oneshot::Sender<Result<Fetched, FetchFailure>>),
}

/// A body and how it was come by.
struct Arrived {
    body: Bytes,
    final_url: Option<String>,
    declared_content_type: Option<String>,
    file_name: Option<String>,
    attempts: u32,
    fetch_ms: f64,
}

/// What downloads are made with and where they go.
pub(crate) struct Downloads<Q> {
    pub(crate) run: RunId,
    pub(crate) queue: Arc<Q>,
    pub(crate) contents: Arc<Contents>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) admission: Arc<Semaphore>,
    pub(crate) arrivals: mpsc::Sender<Arrival>,
    pub(crate) tally: Arc<Tally>,
    /// Where documents go that are to be done again; `None` where no queue can lose a job.
    pub(crate) lost: Option<mpsc::WeakSender<Vec<Accepted>>>,
    pub(crate) max_workers: usize,
    pub(crate) max_bytes: u64,
    pub(crate) shutdown: Shutdown,
}

/// Where accepted documents and sitemaps are handed in.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    files: mpsc::Sender<Accepted>,
    pool: PoolInput<Errand>,
}

/// The run is draining: what was not taken in is still to be done.
#[derive(Debug)]
pub(crate) struct Closed;

impl Desk {
    /// Hands in a document; waits while there is no room.
    pub(crate) async fn hand_in(&self, accepted: Accepted) -> Result<(), Closed> {
        match &accepted.candidate.at {
            Location::Url(url) => {
                let request = FetchRequest {
                    url: url.clone(),
                    private_allowed: accepted.candidate.private_allowed,
                    accept: Accept::Documents,
                };
                let order = Order { request, payload: Errand::Document(accepted) };
                self.pool.send(order).await.map_err(|_| Closed)
            }
            Location::File(_) | Location::Nowhere(_) => self.files.send(accepted).await.map_err(|_| Closed),
        }
    }
}

impl Download for Desk {
    async fn download(&self, request: FetchRequest) -> Result<Fetched, FetchFailure> {
        let (answer, answered) = oneshot::channel();
        let stopped = || {
            let what = "the run was asked to stop before this was downloaded";
            FetchFailure::new(FaultKind::Internal, what, "run again", sheaf_fetch::Advice::TryAgain)
        };
        let order = Order { request, payload: Errand::Sitemap(answer) };
        self.pool.send(order).await.map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl<Q: JobQueue> Downloads<Q> {
    /// Starts downloading. Ends when the desk is dropped and everything taken in has been passed on.
    pub(crate) fn start(self, fetcher: HttpFetcher, shutdown: &Shutdown) -> Desk {
        let settings = PoolSettings { max_workers: self.max_workers, ..PoolSettings::default() };
        let counted = Counted { fetcher, tally: self.tally.clone() };
        let (pool, outcomes) = Pool::start(counted, settings, shutdown.clone());
        let (files, waiting) = mpsc::channel(self.max_workers);
        let downloads = Arc::new(self);
        tokio::spawn(downloads.clone().read_files(waiting, shutdown.clone()));
        tokio::spawn(downloads.take_in(outcomes));
        Desk { files, pool }
    }

    /// Reads files, `max_workers` at once.
    async fn read_files(self: Arc<Self>, mut waiting: mpsc::Receiver<Accepted>, shutdown: Shutdown) {
        let slots = Arc::new(Semaphore::new(self.max_workers));
        let reader = Reader::new(self.max_workers, self.max_bytes);
        while let Some(accepted) = waiting.recv().await {
            if shutdown.is_draining() {
                self.give_back(&accepted);
                continue;
            }
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let (downloads, reader) = (self.clone(), reader.clone());
            tokio::spawn(async move {
                downloads.file(accepted, &reader).await;
                drop(slot);
            });
        }
    }

    async fn file(&self, accepted: Accepted, reader: &Reader) {
        let begun = Instant::now();
        self.tally.download_begun();
        let read = reader.read(&accepted.candidate.at).await;
        let fetch_ms = milliseconds(begun.elapsed());
        self.tally.download_ended(read.as_ref().map_or(0, |body| body.len() as u64));
        let file_name = match &accepted.candidate.at {
            Location::File(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
            _ => None,
        };
        match read {
            Err(fault) => self.fail(accepted, fault, 1, fetch_ms).await,
            Ok(body) => {
                let arrived = Arrived {
                    body,
                    final_url: None,
                    declared_content_type: None,
                    file_name,
                    attempts: 1,
                    fetch_ms,
                };
                self.submit(accepted, arrived).await;
            }
        }
    }

    /// Passes on what the pool brings. Waiting for room in the queue here is what holds the pool back.
    async fn take_in(self: Arc<Self>, mut outcomes: PoolOutput<Errand>) {
        use sheaf_fetch::Outcome::{Failed, Fetched, HandedBack};
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Fetched(Errand::Document(accepted), fetched) => {
                    let arrived = Arrived {
                        file_name: fetched
                            .final_url
                            .path_segments()
                            .and_then(|mut segments| segments.next_back())
                            .filter(|name| !name.is_empty())
                            .map(str::to_owned),
                        body: fetched.body,
                        final_url: Some(fetched.final_url.to_string()),
                        declared_content_type: fetched.content_type,
                        attempts: fetched.attempts,
                        fetch_ms: milliseconds(fetched.elapsed),
                    };
                    self.submit(accepted, arrived).await;
                }
                Failed(Errand::Document(accepted), failure) => {
                    let fetch_ms = milliseconds(failure.elapsed);
                    self.fail(accepted, failure.fault(), failure.attempts, fetch_ms).await;
                }
                HandedBack(Errand::Document(accepted)) => self.give_back(&accepted),
                // The enumeration may have stopped waiting.
                Fetched(Errand::Sitemap(answer), fetched) => drop(answer.send(Ok(fetched))),
                Failed(Errand::Sitemap(answer), failure) => drop(answer.send(Err(failure))),
                HandedBack(Errand::Sitemap(_)) => {}
            }
        }
    }

    /// A document with its body: a job, unless the run has met the same bytes before.
    async fn submit(&self, accepted: Accepted, arrived: Arrived) {
        let body = arrived.body;
        let keyed = {
            let (body, declared) = (body.clone(), arrived.declared_content_type.clone());
            let name = arrived.file_name.clone();
            move || {
                let hash = ContentHash::of(&body);
                (hash, ContentKey::of(&hash, &body, declared.as_deref(), name.as_deref()))
            }
        };
        let (hash, key) = if body.len() < LARGE {
            keyed()
        } else {
            match tokio::task::spawn_blocking(keyed).await {
                Ok(keyed) => keyed,
                Err(error) => {
                    let fault = Fault::new(
                        FaultKind::Internal,
                        format!("looking at its content ended by a defect: {error}"),
                        "tell the developers which document it was",
                    );
                    return self.fail(accepted, fault, arrived.attempts, arrived.fetch_ms).await;
                }
            }
        };
        let timings = Timings { fetch: arrived.fetch_ms, ..Timings::default() };
        let copy = Copy { accepted: accepted.clone(), attempts: arrived.attempts, timings };
        // Redis had lost its job and has it after all: it was recorded meanwhile.
        if !self.in_flight.has(accepted.sequence) {
            return;
        }
        match self.contents.claim(key, copy) {
            Err(error) => self.arrive(Arrival::Broken(error.into())).await,
            Ok(Claim::Waiting) => self.in_flight.waits(accepted.sequence),
            Ok(Claim::Answered(recorded, copy)) => self.arrive(Arrival::Copied(copy, recorded)).await,
            Ok(Claim::Fresh) => {
                if let Err(waiting) = self.in_flight.claimed(accepted.sequence, key, &self.contents) {
                    return self.do_again(waiting);
                }
                // The longest first: begun last, one would keep a run waiting for one worker (Graham 1969).
                let priority = if body.len() >= LARGE { Priority::High } else { Priority::Normal };
                let job = Job {
                    run: self.run.clone(),
                    id: accepted.id.clone(),
                    sequence: accepted.sequence,
                    source: accepted.candidate.source.clone(),
                    final_url: arrived.final_url,
                    declared_content_type: arrived.declared_content_type,
                    file_name: arrived.file_name,
                    body,
                    hash,
                    fetch_us: (arrived.fetch_ms * 1e3) as u64,
                    fetch_attempts: arrived.attempts,
                    counters: AttemptCounters::default(),
                    priority,
                };
                self.tally.queued();
                match self.push(job).await {
                    Pushed::Yes => self.in_flight.pushed(accepted.sequence),
                    Pushed::Never(error) => {
                        self.tally.analysed();
                        self.fail(accepted, unqueued(&error), arrived.attempts, arrived.fetch_ms).await;
                    }
                    Pushed::NotNow => {
                        self.tally.analysed();
                        self.give_back(&accepted);
                    }
                }
            }
        }
    }

    /// Gives a job to the queue. That a queue cannot take anything now is no fault of the document: it is tried again until
    /// the run drains.
    async fn push(&self, job: Job) -> Pushed {
        let mut said = false;
        loop {
            match self.queue.push(job.clone()).await {
                Ok(()) => return Pushed::Yes,
                Err(error @ QueueError::JobTooLarge { .. }) => return Pushed::Never(error),
                Err(error) if said => tracing::debug!(%error, "still nothing can be queued"),
                Err(error) => {
                    tracing::warn!(%error, "nothing can be queued, trying again");
                    said = true;
                }
            }
            let waited = self.shutdown.draining().run_until_cancelled(tokio::time::sleep(PUSH_WAIT)).await;
            if waited.is_none() {
                return Pushed::NotNow;
            }
        }
    }

    /// Has documents done for themselves that waited for the answer of one that had its record already.
    fn do_again(&self, waiting: Vec<Copy>) {
        // Nobody takes them when the run has ended.
        let Some(lost) = self.lost.as_ref().and_then(mpsc::WeakSender::upgrade) else { return };
        let again: Vec<_> = waiting.into_iter().map(|copy| copy.accepted).collect();
        if !again.is_empty() {
            // Not waited for: what is handed in may wait for room that this task makes.
            tokio::spawn(async move { lost.send(again).await });
        }
    }

    async fn fail(&self, accepted: Accepted, fault: Fault, attempts: u32, fetch_ms: f64) {
        let content = self.in_flight.content(accepted.sequence);
        let mut record = Record::without_answer(accepted.id, accepted.candidate.source, Some(fault));
        record.attempts = attempts;
        record.timings_ms.fetch = fetch_ms;
        let outcome = Outcome {
            sequence: accepted.sequence,
            record,
            links: Vec::new(),
            base_href: None,
            final_url: None,
        };
        self.arrive(Arrival::Ended(Box::new(outcome), content)).await;
    }

    async fn arrive(&self, arrival: Arrival) {
        // The recorder is gone only when the run is over or has failed; then the document is still to be done.
        let _run_is_over = self.arrivals.send(arrival).await;
    }

    /// A document that was taken in and will not be done by this part of the run.
    fn give_back(&self, accepted: &Accepted) {
        self.in_flight.leave(accepted.sequence);
        self.admission.add_permits(1);
    }
}

fn unqueued(error: &QueueError) -> Fault {
    Fault::new(FaultKind::Internal, format!("the document could not be queued: {error}"), "run again")
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// A fetcher that counts what is under way.
struct Counted {
    fetcher: HttpFetcher,
    tally: Arc<Tally>,
}

/// Counts a download as ended however it ends, its future being dropped included.
struct Underway<'t> {
    tally: &'t Tally,
    bytes: u64,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.tally.download_ended(self.bytes);
    }
}

impl Fetch for Counted {
    async fn fetch(&self, request: FetchRequest) -> Result<Fetched, FetchFailure> {
        self.tally.download_begun();
        let mut underway = Underway { tally: &self.tally, bytes: 0 };
        let fetched = self.fetcher.fetch(request).await?;
        underway.bytes = fetched.body.len() as u64;
        Ok(fetched)
    }

    async fn terms(&self, request: FetchRequest) -> Result<Terms, FetchFailure> {
        self.fetcher.terms(request).await
    }
}
