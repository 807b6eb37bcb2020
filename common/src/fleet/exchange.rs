//! What a worker reports and what it is ordered.

use std::collections::BTreeMap;

use super::Assignment;
use crate::id::RunId;

/// What comes up from a worker.
#[derive(Debug, Clone, PartialEq)]
pub enum FromWorker {
    /// How it is, each second.
    Report(Report),
    /// It leaves on purpose and holds nothing any more.
    Goodbye,
}

/// How a worker is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// What it is doing.
    pub load: Load,
    /// Leases it holds, by run.
    pub leases: BTreeMap<RunId, u32>,
    /// Documents done since it started.
    pub done: u64,
    /// What it has seen of the limits of the keys it uses.
    pub rates: Vec<KeyRate>,
    /// Whether it can work.
    pub health: Health,
    /// Whether it takes new work.
    pub intake: Intake,
}

/// What a worker is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Load {
    /// Documents in flight.
    pub in_flight: u32,
    /// Documents that it takes at once.
    pub slots: u32,
    /// Child processes that are alive.
    pub children: u32,
    /// Share of its cores in use, 0 to 1.
    pub cpu_share: f64,
    /// Its resident memory with that of its children, in bytes.
    pub resident_bytes: u64,
}

/// Requests a minute in force for a key.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyRate {
    /// Name of the key: a backend and a variable, never the key itself.
    pub key: String,
    /// Requests a minute.
    pub requests_per_minute: f64,
}

/// Whether a worker can work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Health {
    /// It can.
    #[default]
    Well,
    /// It cannot, or not fully, and why.
    Unwell(String),
}

/// Whether a worker takes new work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Intake {
    /// It does.
    #[default]
    Open,
    /// It will again when it is told to.
    Paused,
    /// It finishes what it holds and leaves.
    Draining,
}

/// What a worker is told to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Take no new work, finish what is in flight, leave.
    Drain,
    /// Take no new work until told to resume.
    Pause,
    /// Take work again.
    Resume,
    /// The limits of keys are shared by this many workers.
    Share {
        /// Workers, at least one.
        workers: u32,
    },
    /// Work on this run too; where it is known, this is its configuration from now on.
    Assign(Box<Assignment>),
    /// Work on this run no more.
    Withdraw(RunId),
    /// Whether nothing more is pushed to a run's queue: then its last documents need not wait for others.
    Closing {
        /// The run.
        run: RunId,
        /// Nothing more is pushed. It may be pushed again later: the pages of a crawl lead to others.
        closing: bool,
    },
}
