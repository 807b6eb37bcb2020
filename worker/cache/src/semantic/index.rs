//! The entries of every scope.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    entry::{Entry, Packed},
    segment::{Held, Segment},
};
use crate::unit::{Scope, UnitKey};

/// Scopes at once. A run has as many as it has stages; more than these make room by the oldest entries leaving.
const SCOPES: usize = 64;
/// A segment has at most this part of all entries, so that no more leave at once. Each is searched by itself: more parts
/// make look-ups slower.
const PARTS: usize = 3;
/// Entries of a segment at the least, however small the cap.
const LEAST: usize = 64;
/// Bytes that the table of what is known takes for an entry.
const KNOWN_BYTES: usize = 20;

/// The entries of every scope of one embedder, in memory, never more than the caps.
///
/// Entries are added beside each other, and looked for one at a time in a segment. Only making room and throwing out hold up the rest, for microseconds.
pub(super) struct Index {
    dimension: usize,
    most: usize,
    most_bytes: usize,
    shelves: RwLock<Shelves>,
    /// Hashes of the keys that are in it: nothing is indexed twice.
    known: Mutex<HashSet<u64>>,
}

#[derive(Default)]
struct Shelves {
    scopes: HashMap<Scope, VecDeque<Segment>>,
    /// Counted while others read; taken back while nobody does.
    entries: AtomicUsize,
    bytes: AtomicUsize,
    born: u64,
}

impl Shelves {
    fn size(&self) -> (usize, usize) {
        (self.entries.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

impl Index {
    /// An empty one.
    pub(super) fn new(dimension: usize, most: usize, most_bytes: usize) -> Self {
        Self {
            dimension,
            most: most.max(LEAST),
            most_bytes,
            shelves: RwLock::default(),
            known: Mutex::default(),
        }
    }

    /// Entries and bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        let shelves = self.shelves.read().unwrap_or_else(PoisonError::into_inner);
        shelves.size()
    }

    /// Adds an entry; `false` when it was there. Takes about a millisecond where there are many.
    pub(super) fn add(&self, entry: Entry) -> Result<bool, String> {
        let bytes = Segment::entry_bytes(self.dimension, &entry.signature) + KNOWN_BYTES;
        if bytes > self.most_bytes {
            return Ok(false);
        }
        if !self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(known(&entry.key)) {
            return Ok(false);
        }
        let scope = entry.key.scope;
        loop {
            let shelves = self.shelves.read().unwrap_or_else(PoisonError::into_inner);
            let full = self.is_full(&shelves, bytes);
            let segment = shelves.scopes.get(&scope).and_then(VecDeque::back);
            if let Some(segment) = segment.filter(|segment| !full && !segment.is_full()) {
                shelves.entries.fetch_add(1, Ordering::Relaxed);
                shelves.bytes.fetch_add(bytes, Ordering::Relaxed);
                segment.add(entry)?;
                return Ok(true);
            }
            drop(shelves);
            self.make_room(scope, bytes)?;
        }
    }

    fn is_full(&self, shelves: &Shelves, bytes: usize) -> bool {
        let (entries, held) = shelves.size();
        entries >= self.most || held + bytes > self.most_bytes
    }

    /// The entries of `scope` nearest to `vector`, the nearest first, with their likeness.
    pub(super) fn nearest(
        &self,
        scope: &Scope,
        vector: &Packed,
        most: usize,
    ) -> Result<Vec<(f32, Held)>, String> {
        let shelves = self.shelves.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for segment in shelves.scopes.get(scope).into_iter().flatten() {
            found.extend(segment.nearest(vector, most)?);
        }
        found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        found.truncate(most);
        Ok(found)
    }

    /// Sees to it that the next entry of `scope` finds a segment with room, and the caps are kept.
    fn make_room(&self, scope: Scope, bytes: usize) -> Result<(), String> {
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        let crowded = |shelves: &Shelves| {
            self.is_full(shelves, bytes)
                || (shelves.scopes.len() >= SCOPES && !shelves.scopes.contains_key(&scope))
        };
        while crowded(&shelves) && self.drop_oldest(&mut shelves) {}
        let Shelves { scopes, born, .. } = &mut *shelves;
        let segments = scopes.entry(scope).or_default();
        let part = (self.most / PARTS).max(LEAST);
        match segments.back_mut() {
            Some(last) if !last.is_full() => Ok(()),
            Some(last) if last.len() < part => last.grow(),
            _ => {
                *born += 1;
                segments.push_back(Segment::new(self.dimension, *born)?);
                Ok(())
            }
        }
    }

    /// Throws out the oldest segment of all; `false` when there is none.
    fn drop_oldest(&self, shelves: &mut Shelves) -> bool {
        let oldest = shelves
            .scopes
            .iter()
            .filter_map(|(scope, segments)| Some((segments.front()?.born, *scope)))
            .min();
        let Some((_, scope)) = oldest else { return false };
        let Some(segments) = shelves.scopes.get_mut(&scope) else { return false };
        let Some(gone) = segments.pop_front() else { return false };
        if segments.is_empty() {
            shelves.scopes.remove(&scope);
        }
        let mut table = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for held in gone.held() {
            table.remove(&known(&UnitKey { scope, content: held.content }));
            *shelves.entries.get_mut() -= 1;
            *shelves.bytes.get_mut() -= Segment::entry_bytes(self.dimension, &held.signature) + KNOWN_BYTES;
        }
        true
    }
}

fn known(key: &UnitKey) -> u64 {
    let mut bytes = [0; 32];
    let (scope, content) = bytes.split_at_mut(16);
    scope.copy_from_slice(key.scope.bytes());
    content.copy_from_slice(&key.content);
    xxh3_64(&bytes)
}
