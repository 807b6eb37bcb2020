//! What a cache did.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use super::{Level, frame::Refusal};
use crate::unit::UnitKey;

/// What an exact cache did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExactCounts {
    /// Answers that came from memory, or from whoever asked for them at the same time in this process.
    pub memory_hits: u64,
    /// Answers that came from Redis.
    pub redis_hits: u64,
    /// Answers that had to be asked for.
    pub misses: u64,
    /// Those, hits or misses, that waited for somebody who was asking.
    pub waits: u64,
    /// Waits that took too long: asked in spite of somebody who was asking.
    pub late: u64,
    /// Answers stored in Redis.
    pub stored: u64,
    /// Bytes of those.
    pub stored_bytes: u64,
    /// Answers that were not stored in Redis because it was away, nearly full or held one of a newer program.
    pub withheld: u64,
    /// Entries that were damaged.
    pub corrupt: u64,
    /// Entries of a newer program.
    pub newer: u64,
    /// Entries of another key.
    pub wrong_key: u64,
    /// Entries, and answers to be stored, that were too large.
    pub too_large: u64,
    /// Entries whose answer the caller had no use for.
    pub invalid: u64,
    /// Entries in memory now.
    pub memory_entries: u64,
    /// Bytes that they take.
    pub memory_bytes: u64,
}

impl ExactCounts {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            memory_hits: self.memory_hits + other.memory_hits,
            redis_hits: self.redis_hits + other.redis_hits,
            misses: self.misses + other.misses,
            waits: self.waits + other.waits,
            late: self.late + other.late,
            stored: self.stored + other.stored,
            stored_bytes: self.stored_bytes + other.stored_bytes,
            withheld: self.withheld + other.withheld,
            corrupt: self.corrupt + other.corrupt,
            newer: self.newer + other.newer,
            wrong_key: self.wrong_key + other.wrong_key,
            too_large: self.too_large + other.too_large,
            invalid: self.invalid + other.invalid,
            memory_entries: self.memory_entries + other.memory_entries,
            memory_bytes: self.memory_bytes + other.memory_bytes,
        }
    }

    /// Entries that were refused, of all kinds.
    pub fn refused(&self) -> u64 {
        self.corrupt + self.newer + self.wrong_key + self.too_large + self.invalid
    }
}

/// Counts, by whoever does what is counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    hits: [AtomicU64; 2],
    misses: AtomicU64,
    waits: AtomicU64,
    late: AtomicU64,
    stored: AtomicU64,
    stored_bytes: AtomicU64,
    withheld: AtomicU64,
    refused: [AtomicU64; Refusal::ALL.len()],
    said: [AtomicBool; Refusal::ALL.len()],
}

impl Tally {
    pub(super) fn hit(&self, level: Level) {
        self.hits[level as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn miss(&self) {
        self.misses.fetch_add(1, Relaxed);
    }

    pub(super) fn wait(&self) {
        self.waits.fetch_add(1, Relaxed);
    }

    pub(super) fn late(&self) {
        self.late.fetch_add(1, Relaxed);
    }

    pub(super) fn stored(&self, bytes: usize) {
        self.stored.fetch_add(1, Relaxed);
        self.stored_bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn withheld(&self) {
        self.withheld.fetch_add(1, Relaxed);
    }

    /// Counts an entry that is not used; the first of its kind is said.
    pub(super) fn refused(&self, why: Refusal, key: &UnitKey) {
        self.refused[why as usize].fetch_add(1, Relaxed);
        if self.said[why as usize].swap(true, Relaxed) {
            tracing::debug!(%key, %why, "an entry of the cache is not used");
        } else {
            tracing::warn!(%key, %why, "an entry of the cache is not used; others of the kind are only counted");
        }
    }

    pub(super) fn counts(&self) -> ExactCounts {
        let refused = |why: Refusal| self.refused[why as usize].load(Relaxed);
        ExactCounts {
            memory_hits: self.hits[Level::Memory as usize].load(Relaxed),
            redis_hits: self.hits[Level::Redis as usize].load(Relaxed),
            misses: self.misses.load(Relaxed),
            waits: self.waits.load(Relaxed),
            late: self.late.load(Relaxed),
            stored: self.stored.load(Relaxed),
            stored_bytes: self.stored_bytes.load(Relaxed),
            withheld: self.withheld.load(Relaxed),
            corrupt: refused(Refusal::Corrupt),
            newer: refused(Refusal::Newer),
            wrong_key: refused(Refusal::WrongKey),
            too_large: refused(Refusal::TooLarge),
            invalid: refused(Refusal::Invalid),
            memory_entries: 0,
            memory_bytes: 0,
        }
    }
}
