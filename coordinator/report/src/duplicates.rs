//! Documents with the same or nearly the same content.

use std::collections::{BTreeSet, HashMap};

use sheaf_common::{analysis::Fingerprint, id::DocumentId};

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
        groups.sort_by_key(|(_, group)| (std::cmp::Reverse(group.documents), group.first.first().copied()));
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

/// Documents whose texts are nearly the same, by their fingerprints.
#[derive(Default)]
pub(crate) struct Near {
    same: HashMap<Box<str>, Group>,
    compared: usize,
    left_out: u64,
}

impl Near {
    /// Compares a document with those before it, up to [`caps::COMPARED`].
    pub(crate) fn add(&mut self, sequence: u64, fingerprint: &Fingerprint) {
        if self.compared >= caps::COMPARED {
            self.left_out += 1;
            return;
        }
        self.compared += 1;
        self.same.entry(fingerprint.0.as_str().into()).or_default().add(sequence);
    }

    /// Documents that were not compared, for lack of room.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The largest groups.
    pub(crate) fn groups(&self, labels: &Labels) -> Listed<DuplicateGroup> {
        let mut groups: Vec<_> = self.same.values().filter(|group| group.documents > 1).collect();
        groups.sort_by_key(|group| (std::cmp::Reverse(group.documents), group.first.first().copied()));
        let total = groups.len() as u64;
        let group = |group: &Group| DuplicateGroup {
            documents: group.documents,
            similarity: 1.0,
            members: group.first.iter().map(|&sequence| labels.document(sequence)).collect(),
        };
        Listed { total, items: groups.into_iter().take(caps::GROUPS).map(group).collect() }
    }
}
