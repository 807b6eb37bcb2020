//! Documents with the same or nearly the same content.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
};

use sheaf_common::{analysis::Fingerprint, id::DocumentId};
use sheaf_rules::NearDuplicates;

use crate::{
    caps,
    labels::Labels,
    summary::{DuplicateGroup, Listed},
};

/// Copies of documents, grouped by the document they are copies of.
#[derive(Default)]
pub(crate) struct Copies {
    of: HashMap<DocumentId, Group>,
    total: u64,
}

#[derive(Default)]
struct Group {
    documents: u64,
    first: BTreeSet<u64>,
}

impl Copies {
    /// Counts a copy of `original`; groups beyond [`caps::COPIED`] are counted without their members.
    pub(crate) fn add(&mut self, sequence: u64, original: &DocumentId) {
        self.total += 1;
        if let Some(group) = self.of.get_mut(original) {
            group.add(sequence);
        } else if self.of.len() < caps::COPIED {
            let mut group = Group::default();
            group.add(sequence);
            self.of.insert(original.clone(), group);
        }
    }

    /// Copies counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The largest groups, each with its original first.
    pub(crate) fn groups(&self, labels: &Labels) -> Listed<DuplicateGroup> {
        let mut groups: Vec<_> = self.of.iter().collect();
        groups.sort_by_key(|(_, group)| (Reverse(group.documents), group.first.first().copied()));
        let group = |(id, group): (&DocumentId, &Group)| {
            let original = labels.sequence(id);
            let members = original.into_iter().chain(group.first.iter().copied());
            DuplicateGroup {
                documents: group.documents + 1,
                similarity: 1.0,
                members: members.take(caps::MEMBERS).map(|sequence| labels.document(sequence)).collect(),
            }
        };
        let total = groups.len() as u64;
        Listed { total, items: groups.into_iter().take(caps::GROUPS).map(group).collect() }
    }
}

impl Group {
    fn add(&mut self, sequence: u64) {
        self.documents += 1;
        self.first.insert(sequence);
        if self.first.len() > caps::MEMBERS {
            self.first.pop_last();
        }
    }
}

/// Estimated Jaccard similarity of word sequences from which on documents count as nearly the same.
const NEARLY: f64 = 0.8;

/// Documents whose texts are nearly the same, by their fingerprints.
pub(crate) struct Near {
    set: NearDuplicates,
    compared: usize,
    left_out: u64,
}

impl Near {
    /// No documents yet.
    pub(crate) fn new() -> Self {
        Self { set: NearDuplicates::new(NEARLY), compared: 0, left_out: 0 }
    }

    /// Takes in a document, up to [`caps::COMPARED`].
    pub(crate) fn add(&mut self, sequence: u64, fingerprint: &Fingerprint) {
        match usize::try_from(sequence) {
            Ok(index) if self.compared < caps::COMPARED => {
                self.compared += usize::from(self.set.add(index, fingerprint));
            }
            _ => self.left_out += 1,
        }
    }

    /// Documents that were not compared, for lack of room.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The largest groups; and how many documents are in any group.
    pub(crate) fn groups(&self, labels: &Labels) -> (Listed<DuplicateGroup>, u64) {
        let mut groups = self.set.groups();
        let documents = groups.iter().map(|group| group.len() as u64).sum();
        groups.sort_by_key(|group| (Reverse(group.len()), group.first().copied()));
        let group = |group: &Vec<usize>| DuplicateGroup {
            documents: group.len() as u64,
            similarity: NEARLY,
            members: group.iter().take(caps::MEMBERS).map(|&index| labels.document(index as u64)).collect(),
        };
        let items = groups.iter().take(caps::GROUPS).map(group).collect();
        (Listed { total: groups.len() as u64, items }, documents)
    }
}
