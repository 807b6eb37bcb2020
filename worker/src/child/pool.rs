//! The parent's end: keeps children, gives each one document at a time, ends those that break a cap.

use std::{
    ffi::OsString,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use sheaf_common::{
    fault::{Fault, FaultKind},
    job::{AnalysisOptions, Job},
    record::Finding,
    wire,
};
use tokio::{
    io::AsyncReadExt,
    net::UnixStream,
    process::{Child, ChildStderr, Command},
    sync::Semaphore,
    time::timeout,
};

use super::{
    FRAME_LIMIT,
    frame::{self, FrameError},
};
use crate::engine::{EngineLimits, timed_out};

/// Memory that every child may have at the same time, in bytes. A document that needs more is analysed again with the
/// whole cap of `--parse-memory`, one such document at a time: all children together stay near one cap, not at as many
/// caps as there are slots.
const COMMON_MEMORY: u64 = 48 << 20;
/// How many times its own size a document takes at least; where that is over the common memory the first try is spared.
const GROWTH: u64 = 4;
/// Documents after which a child is replaced, so that what a parser leaks stays bounded.
const DOCUMENTS_A_CHILD: usize = 1_000;
/// How long a child without work is kept. Starting one takes some 5 ms.
const IDLE_LIFE: Duration = Duration::from_secs(20);
/// A dead child's last words that are read, in bytes.
const LAST_WORDS: u64 = 4_096;
/// How long a child that closed its end may take to be gone.
const DEATH_WAIT: Duration = Duration::from_secs(2);

/// How a child process is started: the program and its arguments; `--memory-bytes N` is added.
#[derive(Debug, Clone)]
pub struct ChildCommand {
    /// The program; it calls [`serve`](super::serve) when started with `arguments`.
    pub program: PathBuf,
    /// Arguments that make it a child.
    pub arguments: Vec<OsString>,
}

/// Child processes that analyse documents: at most as many as there are slots, started when first needed.
#[derive(Debug)]
pub struct ChildPool {
    command: ChildCommand,
    limits: EngineLimits,
    slots: Semaphore,
    /// Held by the one child that has the whole cap.
    whole_cap: Semaphore,
    idle: Mutex<Vec<Running>>,
}

#[derive(Debug)]
struct Running {
    process: Child,
    socket: UnixStream,
    stderr: ChildStderr,
    documents: usize,
    memory_bytes: u64,
    idle_since: Instant,
}

impl ChildPool {
    /// A pool without children.
    pub fn new(command: ChildCommand, limits: EngineLimits) -> Self {
        Self {
            command,
            limits,
            slots: Semaphore::new(limits.slots.max(1)),
            whole_cap: Semaphore::new(1),
            idle: Mutex::default(),
        }
    }

    /// Analyses one job in a child. When it breaks a cap or dies, the job alone fails.
    pub async fn analyse(&self, job: &Job, options: AnalysisOptions) -> Result<Finding, Fault> {
        let _slot = self.slots.acquire().await;
        let common = COMMON_MEMORY.min(self.limits.parse_memory_bytes);
        let whole = self.limits.parse_memory_bytes;
        let begun = Instant::now();
        if job.body.len() as u64 * GROWTH < common || common == whole {
            let child = match self.idle_child() {
                Some(child) => child,
                None => self.start(common).map_err(|error| self.not_started(&error))?,
            };
            match self.exchange(child, job, options, self.limits.parse_timeout).await {
                Err(fault) if fault.kind == FaultKind::ParseMemory && common < whole => {}
                result => return result,
            }
        }
        let left = self.limits.parse_timeout.saturating_sub(begun.elapsed());
        let _whole_cap = self.whole_cap.acquire().await;
        let child = self.start(whole).map_err(|error| self.not_started(&error))?;
        self.exchange(child, job, options, left).await
    }

    /// Gives a child the job. It is kept for another unless it had the whole cap or has grown.
    async fn exchange(
        &self,
        mut child: Running,
        job: &Job,
        options: AnalysisOptions,
        time: Duration,
    ) -> Result<Finding, Fault> {
        // Dropping `child` on any early return kills the process.
        let exchange = async {
            let task = wire::encode_task(job, options);
            frame::write(&mut child.socket, &task, FRAME_LIMIT).await.map_err(|_| FrameError::Closed)?;
            // The child has it now; while it works, one copy is enough.
            drop(task);
            frame::read(&mut child.socket, FRAME_LIMIT).await
        };
        match timeout(time, exchange).await {
            Err(_) => Err(timed_out(self.limits.parse_timeout)),
            Ok(Err(FrameError::TooLarge(bytes))) => Err(Fault::new(
                FaultKind::OutputTooLarge,
                format!("the parser's answer has {bytes} bytes, the cap is {FRAME_LIMIT}"),
                "the other documents are not affected; leave this document out",
            )),
            Ok(Err(FrameError::Closed)) => Err(self.cause_of_death(child).await),
            Ok(Ok(bytes)) => {
                let reply = wire::decode_reply(bytes.into()).map_err(|error| {
                    Fault::new(
                        FaultKind::Internal,
                        format!("the answer of a child process could not be read: {error}"),
                        "parent and child must be the same program; was it replaced while it ran?",
                    )
                })?;
                child.documents += 1;
                // A child that has grown would fail a later document for what an earlier one left behind.
                let fresh = reply.resident_bytes < child.memory_bytes / 2;
                if child.memory_bytes <= COMMON_MEMORY && fresh && child.documents < DOCUMENTS_A_CHILD {
                    child.idle_since = Instant::now();
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(child);
                }
                reply.outcome
            }
        }
    }

    /// Ends children that had nothing to do for a while: the pool grows with the load and shrinks with it.
    pub fn shrink(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|child| child.idle_since.elapsed() < IDLE_LIFE);
    }

    fn idle_child(&self) -> Option<Running> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn start(&self, memory_bytes: u64) -> io::Result<Running> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let socket = UnixStream::from_std(ours)?;
        let mut process = Command::new(&self.command.program)
            .args(&self.command.arguments)
            .arg("--memory-bytes")
            .arg(memory_bytes.to_string())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal reaches the whole group; children belong to the parent's drain.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let stderr =
            process.stderr.take().ok_or_else(|| io::Error::other("the child has no standard error"))?;
        Ok(Running { process, socket, stderr, documents: 0, memory_bytes, idle_since: Instant::now() })
    }

    fn not_started(&self, error: &io::Error) -> Fault {
        Fault::new(
            FaultKind::Internal,
            format!("no child process could be started with {}: {error}", self.command.program.display()),
            "check the limits on processes and open files (ulimit -u, ulimit -n) and run again",
        )
    }

    async fn cause_of_death(&self, mut child: Running) -> Fault {
        let status = match timeout(DEATH_WAIT, child.process.wait()).await {
            Ok(Ok(status)) => Some(status),
            Ok(Err(_)) | Err(_) => None,
        };
        let mut words = Vec::new();
        let mut stderr = child.stderr.take(LAST_WORDS);
        let reading = stderr.read_to_end(&mut words);
        // Nothing more comes from a dead process; the limit is for a grandchild that holds the pipe open.
        let _last_words = timeout(DEATH_WAIT, reading).await;
        let words = String::from_utf8_lossy(&words);
        if words.contains("memory allocation of") {
            return Fault::new(
                FaultKind::ParseMemory,
                format!("parsing needed more than {} MiB of memory", self.limits.parse_memory_bytes >> 20),
                "raise --parse-memory if the document is worth it",
            );
        }
        let cause = if words.contains("overflowed its stack") {
            "its stack overflowed".to_owned()
        } else {
            status.map_or_else(|| "it closed its pipe and did not end".to_owned(), describe)
        };
        Fault::new(
            FaultKind::ParserCrash,
            format!("the child process that parsed this document died: {cause}"),
            "the other documents are not affected; please report the document as a defect of Sheaf",
        )
    }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it left with status {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "the cause is not known".to_owned(),
    }
}
