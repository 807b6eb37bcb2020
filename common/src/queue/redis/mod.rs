//! The queue of a fleet: in Redis, where it outlives every process.
//!
//! A run has one or more *shards*; a document's shard and its bit follow from its sequence. Each shard has streams of ready
//! jobs, one for each priority and one for jobs that come back, and one consumer group over them. An entry is delivered
//! once, ever: whoever takes a job back (reclaim, release) acknowledges and deletes the entry and adds the job anew. So an
//! entry's id is the attempt token, and acknowledging it is the fence. Two bitmaps, *pushed* and *done*, make pushing and
//! committing idempotent at a bit a document each.
//!
//! | module | noun |
//! | --- | --- |
//! | `script` | the operations, one Lua script each |
//! | `parcel` | jobs and outcomes as they stand in streams |
//! | `body` | bodies that are too large for their entries |
//! | `bulk` | packing and unpacking of what is large, beside the async runtime |
//! | `courier` | many callers, few round trips |
//! | `operation` | what is behind the door's operations, but for |
//! | `lease` | delivery to one worker, |
//! | `stray` | what was delivered and nobody works on, |
//! | `absence` | when Redis was away, which is no worker's silence, and |
//! | `ledger` | what a coordinator asks of a run: what Redis holds, what it gave up |

mod absence;
mod body;
mod bulk;
mod courier;
mod lease;
mod ledger;
mod operation;
mod parcel;
mod script;
mod stray;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::oneshot, time::Instant};

pub use self::ledger::{DeadLetter, Held, Tallies};
use self::{courier::Courier, parcel::Parcel};
use super::{Collected, Commit, JobQueue, Leased, QueueCounts, QueueError, Receipt, Release};
use crate::{
    id::{AttemptToken, RunId, WorkerId},
    job::Job,
    keys::{LANES, ShardKeys},
    record::Outcome,
    redis::{Away, Connector, Link, Patience},
};

/// The longest that a read waits in Redis; a longer wait is several reads.
const BLOCK: Duration = Duration::from_secs(5);
/// Between looks where there is nothing to block on: with several shards.
const LOOK: Duration = Duration::from_millis(25);
/// How long a shard may keep a lease call that could have jobs of another.
const BRIEF: Duration = Duration::from_secs(2);
/// Shortest time for a heartbeat's answer: less, and a busy network looks like one that is cut.
const SHORTEST_BEAT: Duration = Duration::from_millis(500);
/// Jobs taken back in one script, a lane.
const TAKEN_BACK: usize = 64;

/// Bounds and periods of a [`RedisQueue`]; equal for every process of a run.
#[derive(Debug, Clone, Copy)]
pub struct RedisLimits {
    /// Jobs waiting to be leased, a shard; a push beyond it waits.
    pub ready_jobs: usize,
    /// Bytes of unfinished jobs in a shard, their bodies among them; a push beyond it waits.
    pub ready_bytes: usize,
    /// Batches of outcomes waiting to be collected, a shard; a commit beyond it waits. What is committed while another
    /// batch is on its way makes one batch.
    pub uncollected: usize,
    /// How long a lease holds without being extended.
    pub lease: Duration,
    /// Bytes up to which a body stands in its stream's entry; a larger one has its own key.
    pub inline_bytes: usize,
}

impl Default for RedisLimits {
    fn default() -> Self {
        Self {
            ready_jobs: 10_000,
            ready_bytes: 256 << 20,
            uncollected: 256,
            lease: Duration::from_secs(30),
            inline_bytes: 64 << 10,
        }
    }
}

/// A queue in Redis. Clones are the same queue.
#[derive(Debug, Clone)]
pub struct RedisQueue {
    core: Arc<Core>,
    pushes: Arc<Courier<Parcel, ()>>,
    commits: Arc<Courier<Finished, Commit>>,
}

#[derive(Debug)]
struct Core {
    run: RunId,
    shards: Vec<ShardKeys>,
    limits: RedisLimits,
    /// Scripts, which never wait.
    main: Link,
    /// The same, given up soon: for whoever has other shards to ask.
    brief: Link,
    /// Waits for ready jobs.
    reading: Link,
    /// Waits for outcomes.
    collecting: Link,
    /// Extends leases, on the runtime of whoever does so.
    beating: Link,
    leases: Mutex<HashMap<AttemptToken, Lease>>,
    /// One lease call at a time; how often the links had connected when it last knew of every delivery.
    delivering: tokio::sync::Mutex<u64>,
    /// Where leases may be that nobody works on: a worker, and a shard.
    suspects: Mutex<HashSet<(WorkerId, usize)>>,
    /// Until when a shard is left alone that did not answer.
    resting: Mutex<Vec<Option<Instant>>>,
    /// Held for reading by each lease call, until what nobody waited for has been given back.
    leasing: Arc<tokio::sync::RwLock<()>>,
    /// Where collecting goes on.
    cursors: Mutex<Cursors>,
    /// One collector at a time.
    gathering: tokio::sync::Mutex<()>,
    /// The last look whether Redis is there: how often `main` had connected by then, and when its answer came.
    looked: Mutex<Option<(u64, Instant)>>,
}

/// How far outcomes were collected.
#[derive(Debug)]
struct Cursors {
    /// The last entry, a shard each.
    at: Vec<u128>,
    /// How often collecting has begun anew.
    age: u64,
}

/// What is known of a job while it is leased.
#[derive(Debug, Clone)]
struct Lease {
    worker: WorkerId,
    sequence: u64,
    bytes: u64,
    blob: bool,
}

/// An outcome on its way.
#[derive(Debug)]
struct Finished {
    token: AttemptToken,
    sequence: u64,
    outcome: Vec<u8>,
    bytes: u64,
}

impl RedisQueue {
    /// Opens the queue of `run`. The coordinator makes what is missing; a worker meets [`QueueError::NoSuchRun`] when the
    /// run is not there. Operations are tried again for as long as `patience` says.
    pub async fn open(
        connector: Connector,
        run: RunId,
        shards: u16,
        limits: RedisLimits,
        make: bool,
        patience: Patience,
    ) -> Result<Self, QueueError> {
        let main = Link::new(connector.clone(), patience);
        let waiting = connector.waiting(BLOCK);
        let shards: Vec<_> = (0..shards.max(1)).map(|shard| ShardKeys::new(&run, shard)).collect();
        let core = Arc::new(Core {
            run,
            limits,
            brief: main.patient(Patience::For(BRIEF)),
            reading: main.separate(waiting.clone(), patience),
            collecting: main.separate(waiting, patience),
            // A heartbeat that is late is of no use: the next one comes in any case.
            beating: main.separate(
                connector.answering_within((limits.lease / 3).max(SHORTEST_BEAT)),
                Patience::For(limits.lease / 3),
            ),
            leases: Mutex::default(),
            delivering: tokio::sync::Mutex::new(0),
            suspects: Mutex::default(),
            resting: Mutex::new(vec![None; shards.len()]),
            leasing: Arc::default(),
            cursors: Mutex::new(Cursors { at: vec![0; shards.len()], age: 0 }),
            gathering: tokio::sync::Mutex::default(),
            looked: Mutex::default(),
            shards,
            main,
        });
        core.begin(make).await?;
        if make {
            core.look_first().await?;
        }
        let (pushing, committing) = (core.clone(), core.clone());
        Ok(Self {
            pushes: Arc::new(Courier::start(move |parcels| {
                let core = pushing.clone();
                async move { core.push(&parcels).await }
            })),
            commits: Arc::new(Courier::start(move |finished| {
                let core = committing.clone();
                async move { core.commit(&finished).await }
            })),
            core,
        })
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.core.run
    }

    /// How long a lease holds without being extended.
    pub fn lease_period(&self) -> Duration {
        self.core.limits.lease
    }

    /// How often this process has connected to Redis. A number that grew means that Redis was away.
    pub fn connections(&self) -> u64 {
        self.core.main.connections()
    }

    /// Whether Redis knows the run: it was emptied when it does not.
    pub async fn is_there(&self) -> Result<bool, QueueError> {
        match self.core.begin(false).await {
            Ok(()) => Ok(true),
            Err(QueueError::NoSuchRun(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes what is missing of the run again, after a Redis that lost it. Outcomes that were not confirmed are collected
    /// again: a Redis that was emptied, or whose clock is behind, gives new ones ids that were passed already.
    pub async fn mend(&self) -> Result<(), QueueError> {
        self.core.begin(true).await?;
        self.core.collect_anew();
        Ok(())
    }

    /// Waits until no lease call is under way, and until jobs have been given back that came for callers who had gone
    /// away. A program that leaves earlier leaves them to be counted as its death.
    ///
    /// It takes as long as the longest lease call waits, and longer when Redis is away: set a limit to it.
    pub async fn settled(&self) {
        let _no_lease_call = self.core.leasing.write().await;
        let _no_delivery = self.core.delivering.lock().await;
        if let Err(error) = self.core.give_back_strays(&self.core.main).await {
            tracing::warn!(%error, "jobs could not be given back; they are delivered again when their lease has run out");
        }
    }

    /// Whether Redis can be used now.
    pub fn away(&self) -> tokio::sync::watch::Receiver<Option<Away>> {
        self.core.main.away()
    }
}

impl JobQueue for RedisQueue {
    async fn push(&self, job: Job) -> Result<(), QueueError> {
        let inline = self.core.limits.inline_bytes;
        let parcel = bulk::done(job.body.len(), move || Parcel::of(&job, inline)).await?;
        if parcel.size > self.core.limits.ready_bytes {
            return Err(QueueError::JobTooLarge { bytes: parcel.size, limit: self.core.limits.ready_bytes });
        }
        let parcel = self.core.store_body(parcel).await?;
        self.pushes.send(parcel).await
    }

    /// A caller that goes away while jobs are on their way to it does not take them along: they are given back.
    async fn lease(&self, worker: &WorkerId, most: usize, wait: Duration) -> Result<Vec<Leased>, QueueError> {
        let (core, worker) = (self.core.clone(), worker.clone());
        let leasing = core.leasing.clone().read_owned().await;
        let (answer, answered) = oneshot::channel();
        tokio::spawn(async move {
            let leased = core.lease(&worker, most, wait).await;
            if let Err(Ok(unwanted)) = answer.send(leased) {
                for leased in unwanted {
                    core.give_back_unseen(leased.token).await;
                }
            }
            drop(leasing);
        });
        answered.await.unwrap_or(Err(QueueError::Closed))
    }

    async fn extend(&self, leases: &[AttemptToken]) -> Result<Vec<AttemptToken>, QueueError> {
        self.core.extend(leases).await
    }

    async fn commit(&self, token: AttemptToken, outcome: Outcome) -> Result<Commit, QueueError> {
        let Some(lease) = self.core.leases().get(&token).cloned() else { return Ok(Commit::LeaseLost) };
        let text =
            outcome.record.document.as_ref().and_then(|facts| facts.text.as_deref()).map_or(0, str::len);
        let packed = bulk::done(text, move || parcel::pack_outcome(&outcome)).await?;
        let packed = packed.map_err(|error| QueueError::Damaged {
            doing: "committing an outcome",
            reason: error.to_string(),
        })?;
        let finished = Finished { token, sequence: lease.sequence, outcome: packed, bytes: lease.bytes };
        let committed = self.commits.send(finished).await;
        self.core.leases().remove(&token);
        if committed.is_err() {
            // Whether it was carried out is not known; if not, the job is to be done by somebody.
            self.core.suspect(&lease.worker, shard_of(token));
        }
        let commit = committed?;
        if lease.blob && commit != Commit::LeaseLost {
            self.core.drop_body(lease.sequence).await;
        }
        Ok(commit)
    }

    async fn release(&self, token: AttemptToken, why: Release) -> Result<bool, QueueError> {
        let (reason, delay) = match why {
            Release::DocumentError { retry_after } => ("e", retry_after),
            Release::Backpressure { retry_after } => ("b", retry_after),
            Release::HandBack => ("h", Duration::ZERO),
        };
        self.core.release(token, reason, delay).await
    }

    async fn reclaim(&self) -> Result<usize, QueueError> {
        self.core.reclaim(None, self.core.limits.lease).await
    }

    async fn reclaim_from(&self, worker: &WorkerId, silent: Duration) -> Result<usize, QueueError> {
        self.core.reclaim(Some(worker), silent).await
    }

    async fn collect(&self, most: usize, wait: Duration) -> Result<Collected, QueueError> {
        self.core.collect(most, wait).await
    }

    async fn confirm(&self, receipt: Receipt) -> Result<(), QueueError> {
        self.core.confirm(receipt).await
    }

    async fn counts(&self) -> Result<QueueCounts, QueueError> {
        Ok(self.core.tallies().await?.counts)
    }
}

/// The shard that a job was leased from.
fn shard_of(token: AttemptToken) -> usize {
    usize::from(token.place) / LANES
}

/// An entry's id as Redis writes it.
fn entry_id(number: u128) -> String {
    format!("{}-{}", (number >> 64) as u64, number as u64)
}

/// Reads an entry's id.
fn entry_number(id: &str) -> Option<u128> {
    let (milliseconds, sequence) = id.split_once('-')?;
    Some(u128::from(milliseconds.parse::<u64>().ok()?) << 64 | u128::from(sequence.parse::<u64>().ok()?))
}

/// An entry as Redis answers it: its id, and fields and values in turn.
type Entry = (String, Vec<Bytes>);
