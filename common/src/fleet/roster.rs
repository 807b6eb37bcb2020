//! What an operator sees and asks.

use std::{fmt, time::Duration};

use super::Load;
use crate::id::WorkerId;

/// How the coordinator sees a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkerState {
    /// It has registered and its session is not open yet.
    Joining,
    /// It takes work.
    Working,
    /// It takes no new work until told to resume.
    Paused,
    /// It finishes what it holds and leaves.
    Draining,
    /// Nothing was heard from it for too long.
    Lost,
}

impl WorkerState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Joining, Self::Working, Self::Paused, Self::Draining, Self::Lost];

    /// In one lower-case word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Working => "working",
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for WorkerState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A worker in the list of workers.
#[derive(Debug, Clone, PartialEq)]
pub struct RosterEntry {
    /// Its id.
    pub worker: WorkerId,
    /// What people call it.
    pub name: String,
    /// The host it runs on.
    pub host: String,
    /// Version of its program.
    pub version: String,
    /// How the coordinator sees it.
    pub state: WorkerState,
    /// What it was doing when it last said so.
    pub load: Load,
    /// Documents done since it started.
    pub done: u64,
    /// How long ago it was last heard.
    pub silent_for: Duration,
    /// Why it is not well, if so.
    pub unwell: Option<String>,
}

/// What an operator asks of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Take no new work, finish what is in flight, leave.
    Drain,
    /// Take no new work until told to resume.
    Pause,
    /// Take work again; a worker that drains does not come back.
    Resume,
}

/// The fleet in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Workers that are not lost.
    pub workers: u32,
    /// Workers that are lost and not yet forgotten.
    pub lost: u32,
    /// Of the workers, those that take no new work: paused or draining.
    pub closed: u32,
    /// Documents in flight.
    pub in_flight: u64,
    /// Documents that the workers take at once.
    pub slots: u64,
    /// Documents done by the workers that are known now, since they started.
    pub done: u64,
    /// Jobs that wait.
    pub backlog: u64,
    /// Workers that the backlog wants; see the coordinator's `wanted_workers`.
    pub wanted_workers: u32,
}
