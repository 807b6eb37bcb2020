//! What a run counts.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use serde::Serialize;
use sheaf_common::record::Status;

/// Counters of a run, written by its tasks and read by whoever shows them.
#[derive(Debug, Default)]
pub struct Tally {
    accepted: AtomicU64,
    enumerated: AtomicBool,
    draining: AtomicBool,
    downloading: AtomicU64,
    waiting: AtomicU64,
    ok: AtomicU64,
    failed: AtomicU64,
    skipped: AtomicU64,
    incomplete: AtomicU64,
    earlier: AtomicU64,
    bytes: AtomicU64,
    fleet: Mutex<Option<FleetSnapshot>>,
}

/// The fleet's part of a run at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FleetSnapshot {
    /// Workers that are there.
    pub workers: u32,
    /// Jobs that workers hold.
    pub leased: u64,
    /// Jobs that wait for a worker.
    pub ready: u64,
    /// Jobs taken back from workers that died or fell silent, so far.
    pub redelivered: u64,
    /// Jobs handed back by workers that stopped, so far.
    pub handed_back: u64,
    /// Documents that were given up.
    pub given_up: u64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Documents accepted so far, earlier parts of the run included.
    pub accepted: u64,
    /// `accepted` is all there is.
    pub enumerated: bool,
    /// The run was asked to stop.
    pub draining: bool,
    /// Being downloaded or read.
    pub downloading: u64,
    /// Waiting to be analysed or being analysed.
    pub analysing: u64,
    /// Records by status, earlier parts included.
    pub ok: u64,
    /// See [`Status::Failed`].
    pub failed: u64,
    /// See [`Status::Skipped`].
    pub skipped: u64,
    /// See [`Status::Incomplete`].
    pub incomplete: u64,
    /// Records that an earlier part of the run wrote.
    pub earlier: u64,
    /// Bytes downloaded or read.
    pub bytes: u64,
    /// The fleet, when the run is done by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetSnapshot>,
}

impl Snapshot {
    /// Documents with a terminal record.
    pub fn recorded(&self) -> u64 {
        self.ok + self.failed + self.skipped + self.incomplete
    }
}

impl Tally {
    /// A document was accepted.
    pub fn accepted(&self, documents: u64) {
        self.accepted.fetch_add(documents, Ordering::Relaxed);
    }

    /// There are no more documents than were accepted.
    pub fn enumerated(&self) {
        self.enumerated.store(true, Ordering::Relaxed);
    }

    /// The run was asked to stop.
    pub fn draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// A download began.
    pub fn download_begun(&self) {
        self.downloading.fetch_add(1, Ordering::Relaxed);
    }

    /// A download ended with so many bytes.
    pub fn download_ended(&self, bytes: u64) {
        self.downloading.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A document was given to the queue.
    pub fn queued(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// A document came back from the queue.
    pub fn analysed(&self) {
        // An outcome may come twice to a coordinator that was started again.
        let left = |waiting: u64| Some(waiting.saturating_sub(1));
        let _before = self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
    }

    /// How the fleet stands.
    pub fn fleet(&self, fleet: FleetSnapshot) {
        *self.fleet.lock().unwrap_or_else(PoisonError::into_inner) = Some(fleet);
    }

    /// A terminal record was written.
    pub fn recorded(&self, status: Status) {
        self.of(status).fetch_add(1, Ordering::Relaxed);
    }

    /// An earlier part of the run wrote a record.
    pub fn recorded_earlier(&self, status: Status) {
        self.recorded(status);
        self.earlier.fetch_add(1, Ordering::Relaxed);
    }

    fn of(&self, status: Status) -> &AtomicU64 {
        match status {
            Status::Ok => &self.ok,
            Status::Failed => &self.failed,
            Status::Skipped => &self.skipped,
            Status::Incomplete => &self.incomplete,
        }
    }

    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            accepted: read(&self.accepted),
            enumerated: self.enumerated.load(Ordering::Relaxed),
            draining: self.draining.load(Ordering::Relaxed),
            downloading: read(&self.downloading),
            analysing: read(&self.waiting),
            ok: read(&self.ok),
            failed: read(&self.failed),
            skipped: read(&self.skipped),
            incomplete: read(&self.incomplete),
            earlier: read(&self.earlier),
            bytes: read(&self.bytes),
            fleet: *self.fleet.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}
