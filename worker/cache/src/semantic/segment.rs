//! A part of an index: entries that came one after the other, and leave together.

use std::sync::{PoisonError, RwLock};

use usearch::{Index, IndexOptions, MetricKind, ScalarKind, new_index};

use super::entry::{Entry, Packed};
use crate::guard::Signature;

/// Neighbours of an entry in the graph. With 32 the links take twice the memory.
const NEIGHBOURS: usize = 16;
/// Candidates looked at when an entry is added, and when one is looked for. Among a million entries (`bench cache`) the
/// nearest is found in 99.1% of look-ups, at 1.2 ms of processor time in the 99th percentile; in 97.1% with 96
/// candidates and in 99.6% with 256. Adding with 64 and looking with 40 finds 70%.
const EFFORT: (usize, usize) = (128, 192);
/// Entries for which room is made at first.
const FIRST: usize = 256;
/// Operations at once: the engine has a place for each.
pub(super) const AT_ONCE: usize = 32;

/// What is kept of an entry beside its vector.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) content: [u8; 16],
    pub(super) of: u64,
    pub(super) signature: Signature,
}

/// Entries of one scope, and a graph over their vectors (HNSW, by the `usearch` crate).
pub(super) struct Segment {
    graph: Index,
    /// Keeps looking and adding apart. Entries may be added beside each other, but the engine counts a node before it is
    /// there, and reads its entry point and its height one after the other: who looks meanwhile may read what is not yet
    /// written. So adding shares, and looking excludes.
    still: RwLock<()>,
    held: RwLock<Vec<Held>>,
    room: usize,
    /// When it was made: the smallest is the oldest.
    pub(super) born: u64,
}

impl Segment {
    /// Makes one for vectors of `dimension` numbers.
    pub(super) fn new(dimension: usize, born: u64) -> Result<Self, String> {
        let options = IndexOptions {
            dimensions: dimension,
            metric: MetricKind::Cos,
            quantization: ScalarKind::I8,
            connectivity: NEIGHBOURS,
            expansion_add: EFFORT.0,
            expansion_search: EFFORT.1,
            multi: false,
        };
        let graph = new_index(&options).map_err(|error| error.to_string())?;
        let mut segment = Self { graph, still: RwLock::default(), held: RwLock::default(), room: 0, born };
        segment.make_room(FIRST)?;
        Ok(segment)
    }

    /// Entries that it has.
    pub(super) fn len(&self) -> usize {
        self.held.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether another entry needs [`Segment::grow`] first. Those that are being added count already.
    pub(super) fn is_full(&self) -> bool {
        self.len() + AT_ONCE >= self.room
    }

    /// Makes room for twice as many.
    pub(super) fn grow(&mut self) -> Result<(), String> {
        self.make_room(self.room * 2)
    }

    fn make_room(&mut self, room: usize) -> Result<(), String> {
        self.graph.reserve_capacity_and_threads(room, AT_ONCE).map_err(|error| error.to_string())?;
        self.room = room;
        Ok(())
    }

    /// Adds an entry.
    pub(super) fn add(&self, entry: Entry) -> Result<(), String> {
        let Entry { key, of, vector, signature } = entry;
        let place = {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            held.push(Held { content: key.content, of, signature });
            held.len() as u64 - 1
        };
        let _beside_others = self.still.read().unwrap_or_else(PoisonError::into_inner);
        self.graph.add(place, &vector.0).map_err(|error| error.to_string())
    }

    /// The entries nearest to `vector`, with their likeness.
    pub(super) fn nearest(&self, vector: &Packed, most: usize) -> Result<Vec<(f32, Held)>, String> {
        let alone = self.still.write().unwrap_or_else(PoisonError::into_inner);
        let found = self.graph.search(&vector.0, most).map_err(|error| error.to_string())?;
        drop(alone);
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let places = found.keys.iter().zip(&found.distances);
        Ok(places
            .filter_map(|(place, distance)| Some((1.0 - distance, held.get(*place as usize)?.clone())))
            .collect())
    }

    /// Its entries, when it is thrown out.
    pub(super) fn held(self) -> Vec<Held> {
        self.held.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of an entry in the graph: its vector, its number, its links on the lowest level and, once in sixteen, above,
    /// and what the allocator, tables that double and lists that are partly empty add: as measured among a million.
    pub(super) fn entry_bytes(dimension: usize, signature: &Signature) -> usize {
        let links = 4 * (2 * NEIGHBOURS + 1) + 4;
        dimension + links + 40 + size_of::<Held>() + signature.heap_bytes() + 130
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::unit::{Scope, UnitKey};

    fn entry(number: usize) -> Entry {
        let text = format!("Barge {number} lies at the quay with timber for the mill.");
        let mut random = fastrand::Rng::with_seed(number as u64);
        let vector: Vec<f32> = (0..64).map(|_| random.f32() - 0.5).collect();
        Entry {
            key: UnitKey::new(Scope::new("t", "s", b"1", []), None, &text),
            of: 1,
            vector: Packed::new(&vector),
            signature: Signature::of(None, &text),
        }
    }

    /// The engine itself does not keep the two apart: without the lock this ends the process, now and then.
    #[test]
    fn who_looks_while_the_first_are_added_finds_some_or_none() {
        for _ in 0..200 {
            let segment = Segment::new(64, 0).unwrap();
            thread::scope(|scope| {
                for part in 0..2 {
                    let segment = &segment;
                    scope.spawn(move || {
                        for number in 0..8 {
                            segment.add(entry(part * 8 + number)).unwrap();
                        }
                    });
                }
                scope.spawn(|| {
                    for _ in 0..40 {
                        assert!(segment.nearest(&entry(3).vector, 2).unwrap().len() <= 2);
                    }
                });
            });
            let found = segment.nearest(&entry(3).vector, 1).unwrap();
            assert_eq!(found[0].1.content, entry(3).key.content);
        }
    }
}
