//! Groups of documents with the same or nearly the same content.

use std::{cmp::Reverse, collections::BTreeMap};

use crate::{
    caps,
    summary::{DocumentRef, DuplicateGroup, Listed},
};

/// Counts groups, and keeps the largest.
#[derive(Default)]
pub(crate) struct Groups {
    total: u64,
    documents: u64,
    /// The first members of a group, by its size, the largest first, and the place of a document of its own.
    largest: BTreeMap<(Reverse<u64>, u64), Vec<u64>>,
}

impl Groups {
    /// Adds a group: how many documents it has, the place of one that no other group has, and its first members.
    pub(crate) fn add(&mut self, documents: u64, own: u64, members: Vec<u64>) {
        self.total += 1;
        self.documents += documents;
        self.largest.insert((Reverse(documents), own), members);
        if self.largest.len() > caps::GROUPS {
            self.largest.pop_last();
        }
    }

    /// Documents in any group.
    pub(crate) fn documents(&self) -> u64 {
        self.documents
    }

    /// The largest groups.
    pub(crate) fn listed(self, similarity: f64) -> Listed<DuplicateGroup> {
        let group = |((Reverse(documents), _), members): (_, Vec<u64>)| DuplicateGroup {
            documents,
            similarity,
            members: members.into_iter().map(DocumentRef::unnamed).collect(),
        };
        Listed { total: self.total, items: self.largest.into_iter().map(group).collect() }
    }
}
