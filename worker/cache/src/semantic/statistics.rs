//! What a semantic cache has done.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use serde::Serialize;

use super::audit::Checks;
use crate::guard::Refusal;

/// What a semantic cache has done so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SemanticStatistics {
    /// Which embedder.
    pub embedder: String,
    /// Texts looked up.
    pub lookups: u64,
    /// Texts that were too long, too short, or had no vector.
    pub not_looked_up: u64,
    /// Earlier texts near enough to be compared.
    pub candidates: u64,
    /// Candidates refused by a guard, by what differed.
    pub refused: BTreeMap<&'static str, u64>,
    /// Candidates of other words that were not near enough for that.
    pub too_far: u64,
    /// Look-ups that found something.
    pub hits: u64,
    /// Hits asked afresh, over the fleet.
    pub checks: Checks,
    /// Share of those that were wrong; `None` before the first.
    pub wrong_rate: Option<f64>,
    /// The interval that holds the true share with 95% confidence.
    pub wrong_rate_interval: (f64, f64),
    /// Entries in memory.
    pub entries: usize,
    /// Bytes that they take.
    pub bytes: usize,
    /// Entries taken over from other workers.
    pub taken_over: u64,
    /// Entries of the stream that could not be read, or were of another version.
    pub unreadable: u64,
    /// Own entries that did not reach the stream.
    pub not_sent: u64,
    /// Why it has turned itself off; `None` while it is on.
    pub off: Option<String>,
}

/// Counters behind it.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) lookups: AtomicU64,
    pub(super) not_looked_up: AtomicU64,
    pub(super) candidates: AtomicU64,
    pub(super) too_far: AtomicU64,
    pub(super) hits: AtomicU64,
    pub(super) taken_over: AtomicU64,
    pub(super) unreadable: AtomicU64,
    pub(super) not_sent: AtomicU64,
    refused: [AtomicU64; Refusal::ALL.len()],
}

impl Counters {
    pub(super) fn refuse(&self, refusal: Refusal) {
        let place = Refusal::ALL.iter().position(|kind| *kind == refusal);
        if let Some(count) = place.and_then(|place| self.refused.get(place)) {
            one_more(count);
        }
    }

    pub(super) fn refused(&self) -> BTreeMap<&'static str, u64> {
        Refusal::ALL.iter().map(|kind| kind.name()).zip(self.refused.iter().map(read)).collect()
    }
}

pub(super) fn one_more(count: &AtomicU64) -> u64 {
    count.fetch_add(1, Ordering::Relaxed)
}

pub(super) fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
