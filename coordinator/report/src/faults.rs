//! What failed or was skipped, by kind.

use std::collections::BTreeMap;

use sheaf_common::{
    fault::{Fault, FaultKind},
    record::Status,
};

use crate::{
    caps,
    shown::Shown,
    summary::{DocumentRef, FaultGroup},
};

/// Counts faults by kind and keeps the first of each as examples.
#[derive(Default)]
pub(crate) struct Faults {
    kinds: BTreeMap<(Status, FaultKind), Kind>,
}

#[derive(Default)]
struct Kind {
    documents: u64,
    /// Messages of the first documents, by place in the input.
    examples: BTreeMap<u64, Shown>,
    hints: BTreeMap<u64, Shown>,
}

impl Faults {
    /// Counts a document.
    pub(crate) fn add(&mut self, sequence: u64, status: Status, fault: &Fault) {
        let kind = self.kinds.entry((status, fault.kind)).or_default();
        kind.documents += 1;
        keep_first(&mut kind.examples, sequence, &fault.message, caps::FAULT_EXAMPLES);
        let hint = Shown::new(&fault.hint, caps::MESSAGE);
        if hint.is_empty() {
            return;
        }
        match kind.hints.iter().find(|(_, known)| **known == hint).map(|(&at, _)| at) {
            Some(at) if at <= sequence => {}
            known => {
                known.map(|at| kind.hints.remove(&at));
                keep_first(&mut kind.hints, sequence, &fault.hint, caps::HINTS);
            }
        }
    }

    /// The groups: failures before what was skipped, then the most frequent first.
    pub(crate) fn groups(&self) -> Vec<FaultGroup> {
        let group = |(&(status, kind), of): (&(Status, FaultKind), &Kind)| FaultGroup {
            kind,
            documents: of.documents,
            status,
            hints: of.hints.values().cloned().collect(),
            examples: of
                .examples
                .iter()
                .map(|(&sequence, text)| (DocumentRef::unnamed(sequence), text.clone()))
                .collect(),
        };
        let mut groups: Vec<_> = self.kinds.iter().map(group).collect();
        groups.sort_by_key(|group| (group.status, std::cmp::Reverse(group.documents), group.kind));
        groups
    }
}

/// Keeps the `cap` entries with the lowest places.
fn keep_first(entries: &mut BTreeMap<u64, Shown>, sequence: u64, text: &str, cap: usize) {
    if entries.len() < cap || entries.last_key_value().is_some_and(|(&last, _)| sequence < last) {
        entries.insert(sequence, Shown::new(text, caps::MESSAGE));
        while entries.len() > cap {
            entries.pop_last();
        }
    }
}
