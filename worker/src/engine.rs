//! Decides by mode and document where a job is analysed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sheaf_common::{
    fault::{Fault, FaultKind, said},
    job::{AnalysisOptions, Job},
    mode::Mode,
    record::Finding,
    threads::Threads,
};

use tokio::sync::Semaphore;

use crate::{
    analyst,
    child::{ChildCommand, ChildPool},
};

/// Stack of a thread that analyses, in bytes: pages are parsed on it, nested up to the parser's trusted depth.
const STACK_BYTES: usize = 16 << 20;

/// Caps on the analysis of one document.
#[derive(Debug, Clone, Copy)]
pub struct EngineLimits {
    /// Documents analysed at once.
    pub slots: usize,
    /// Wall clock for one document.
    pub parse_timeout: Duration,
    /// Memory of a child process beyond its own code and stack, in bytes.
    pub parse_memory_bytes: u64,
}

/// Analyses jobs in the mode of the run.
///
/// A document whose parser is other people's code on binary input (PDF, DOCX), or that is larger or nested deeper
/// than a thread should be trusted with, goes to a child process in every mode: a thread that hangs cannot be killed
/// and a stack that overflows takes the process with it.
#[derive(Debug)]
pub struct Engine {
    mode: Mode,
    limits: EngineLimits,
    children: ChildPool,
    /// Documents under analysis; those that wait for a model are not.
    busy: Arc<Semaphore>,
    threads: Arc<Threads>,
    /// Threads that ran out of time and cannot be killed.
    abandoned: AtomicUsize,
}

/// Where one job is analysed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Thread,
    Child,
}

impl Engine {
    /// An engine whose child processes are started with `command`.
    pub fn new(mode: Mode, limits: EngineLimits, command: ChildCommand) -> Self {
        Self {
            mode,
            limits,
            children: ChildPool::new(command, limits),
            busy: Arc::new(Semaphore::new(if mode == Mode::Sync { 1 } else { limits.slots.max(1) })),
            threads: analysis_threads(limits.slots.max(1)),
            abandoned: AtomicUsize::new(0),
        }
    }

    /// The same, sharing its slots and threads with the engines of other runs in the same process.
    #[must_use]
    pub(crate) fn sharing(mut self, busy: Arc<Semaphore>, threads: Arc<Threads>) -> Self {
        self.threads = threads;
        if self.mode != Mode::Sync {
            self.busy = busy;
        }
        self
    }

    /// Gives back what is not needed any more; called now and then.
    pub fn tend(&self) {
        self.children.shrink();
    }

    /// Documents analysed at once.
    pub fn slots(&self) -> usize {
        if self.mode == Mode::Sync { 1 } else { self.limits.slots.max(1) }
    }

    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Analyses one job within the caps, when a slot is free.
    pub async fn analyse(&self, job: &Job, options: AnalysisOptions) -> Result<Finding, Fault> {
        let _busy = self.busy.acquire().await;
        match self.place(job, options) {
            Place::Child => self.children.analyse(job, options).await,
            Place::Thread => self.on_a_thread(job, options).await,
        }
    }

    fn place(&self, job: &Job, options: AnalysisOptions) -> Place {
        if self.mode == Mode::Process {
            return Place::Child;
        }
        let cost = sheaf_parse::cost(&analyst::input(job, options));
        if !cost.is_trusted() || (self.mode == Mode::Hybrid && cost.is_cpu_bound()) {
            Place::Child
        } else {
            Place::Thread
        }
    }

    async fn on_a_thread(&self, job: &Job, options: AnalysisOptions) -> Result<Finding, Fault> {
        let owned = job.clone();
        let begun = self.threads.begin(move || analyst::analyse(&owned, options));
        let work = begun.map_err(|error| {
            Fault::new(
                FaultKind::Internal,
                format!("no thread could be started to analyse this document: {}", said(&error)),
                "check ulimit -u and the memory that is left, or analyse fewer documents at once",
            )
        })?;
        match tokio::time::timeout(self.limits.parse_timeout, work).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Fault::new(
                FaultKind::Internal,
                "the thread that analysed this document ended without an answer",
                "run again; if it happens again, try --parallelism-mode process",
            )),
            Err(_) => {
                let abandoned = self.abandoned.fetch_add(1, Ordering::Relaxed) + 1;
                tracing::warn!(
                    source = job.source,
                    abandoned,
                    "a thread ran out of time and was left behind"
                );
                Err(timed_out(self.limits.parse_timeout))
            }
        }
    }
}

/// Threads for `most` documents under analysis at once.
pub(crate) fn analysis_threads(most: usize) -> Arc<Threads> {
    Threads::new("analysis", STACK_BYTES, most)
}

/// The fault of a document whose analysis ran into the wall-clock cap.
pub(crate) fn timed_out(limit: Duration) -> Fault {
    Fault::new(
        FaultKind::ParseTimeout,
        format!("parsing was stopped after {} s", limit.as_secs_f64()),
        "raise --parse-timeout if the document is worth the time",
    )
}
