//! Disjoint sets in bounded memory.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
};

use crate::spill::SpillFile;

/// Numbers in a page.
const PAGE: u32 = 256;
/// Pages in memory: 256 KiB.
const PAGES: u32 = 256;
/// Bytes of a page in the file.
const BYTES: usize = 4 * PAGE as usize;

/// Disjoint sets of numbers (Galler and Fischer, 1964; with path halving: Tarjan and van Leeuwen, 1984). The root of a set
/// is its smallest member.
///
/// Of each number it keeps how far below it its parent is: nothing for a root, and so for a number never met. Keeps 64 Ki
/// numbers in memory and the rest in a file, four bytes each.
pub(crate) struct Forest {
    file: Box<dyn SpillFile>,
    /// A page for each remainder of its place; pages with the same one push each other out.
    pages: HashMap<u32, Page>,
    /// The largest number that was joined to another.
    largest: u32,
}

struct Page {
    place: u32,
    changed: bool,
    distances: Vec<u32>,
}

impl Forest {
    /// Every number in a set of its own; `file` is empty.
    pub(crate) fn new(file: Box<dyn SpillFile>) -> Self {
        Self { file, pages: HashMap::new(), largest: 0 }
    }

    /// The smallest member of the set that `at` is in.
    pub(crate) fn root(&mut self, mut at: u32) -> io::Result<u32> {
        loop {
            let parent = self.parent(at)?;
            let grandparent = self.parent(parent)?;
            if grandparent == parent {
                return Ok(parent);
            }
            self.hang(at, grandparent)?;
            at = grandparent;
        }
    }

    /// Makes the sets of two numbers one.
    pub(crate) fn join(&mut self, one: u32, other: u32) -> io::Result<()> {
        self.largest = self.largest.max(one).max(other);
        let (one, other) = (self.root(one)?, self.root(other)?);
        if one == other { Ok(()) } else { self.hang(one.max(other), one.min(other)) }
    }

    /// Gives every number that is not a root to `each`, the root of its set first.
    pub(crate) fn members(&mut self, mut each: impl FnMut(u32, u32) -> io::Result<()>) -> io::Result<()> {
        for at in 0..=self.largest {
            let root = self.root(at)?;
            if root != at {
                each(root, at)?;
            }
        }
        Ok(())
    }

    fn parent(&mut self, at: u32) -> io::Result<u32> {
        let distance = self.page(at / PAGE)?.distances.get((at % PAGE) as usize).copied();
        Ok(at.saturating_sub(distance.unwrap_or(0)))
    }

    fn hang(&mut self, at: u32, parent: u32) -> io::Result<()> {
        let page = self.page(at / PAGE)?;
        if let Some(distance) = page.distances.get_mut((at % PAGE) as usize) {
            (*distance, page.changed) = (at - parent, true);
        }
        Ok(())
    }

    fn page(&mut self, place: u32) -> io::Result<&mut Page> {
        let slot = match self.pages.entry(place % PAGES) {
            Entry::Occupied(page) if page.get().place == place => return Ok(page.into_mut()),
            slot => slot,
        };
        let offset = |place: u32| u64::from(place) * BYTES as u64;
        if let Entry::Occupied(old) = &slot
            && old.get().changed
        {
            let old = old.get();
            let bytes: Vec<u8> = old.distances.iter().flat_map(|distance| distance.to_le_bytes()).collect();
            self.file.write(offset(old.place), &bytes)?;
        }
        let mut bytes = [0; BYTES];
        self.file.read(offset(place), &mut bytes)?;
        let distances = bytes.as_chunks().0.iter().map(|&distance| u32::from_le_bytes(distance)).collect();
        Ok(slot.insert_entry(Page { place, changed: false, distances }).into_mut())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::spill::{InMemory, Spill};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn sets_are_those_of_a_forest_in_memory(
            // Far apart, so that pages push each other out.
            joins in proptest::collection::vec((0u32..24, 0u32..24), 0..60),
        ) {
            let joins = joins.into_iter().map(|(one, other)| (one * PAGE * PAGES / 3, other * PAGE * PAGES / 3));
            let mut forest = Forest::new(InMemory.file().unwrap());
            let mut model: BTreeMap<u32, u32> = BTreeMap::new();
            for (one, other) in joins {
                forest.join(one, other).unwrap();
                let (one_set, other_set) = (*model.entry(one).or_insert(one), *model.entry(other).or_insert(other));
                let (low, high) = (one_set.min(other_set), one_set.max(other_set));
                model.values_mut().filter(|set| **set == high).for_each(|set| *set = low);
                prop_assert!(forest.pages.len() <= PAGES as usize);
            }
            for (&at, &root) in &model {
                prop_assert_eq!(forest.root(at).unwrap(), root);
            }
            let mut members = BTreeMap::new();
            forest.members(|root, member| { members.insert(member, root); Ok(()) }).unwrap();
            model.retain(|at, root| at != root);
            prop_assert_eq!(members, model);
        }
    }
}
