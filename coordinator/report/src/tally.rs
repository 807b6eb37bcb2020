//! Counting names in bounded memory.

use std::collections::HashMap;

/// Counts how many documents have a name, for as many different names as its capacity.
///
/// When full it forgets the rarest names, by lossy counting (Manku and Motwani, "Approximate frequency counts over data
/// streams", 2002) with the bucket number raised when room is needed: a name's count is then at most [`Tally::error`] too
/// low. Below its capacity it is exact, and the order in which documents arrive makes no difference.
#[derive(Debug)]
pub(crate) struct Tally {
    entries: HashMap<Box<str>, Entry>,
    capacity: usize,
    examples: usize,
    bucket: u64,
}

/// What is known of a name.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The name as the first document has it.
    pub(crate) form: Box<str>,
    /// Documents counted.
    pub(crate) count: u64,
    /// Sum of weights, in millionths; an integer, so that the order of adding makes no difference.
    pub(crate) weight: u64,
    /// The first documents that have it, in input order.
    pub(crate) examples: Vec<u64>,
    /// Documents that may have been forgotten before.
    missed: u64,
}

/// Whether a name was met before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// Never, as far as remembered.
    First,
    /// Once, in this document.
    OnceIn(u64),
    /// More often.
    Often,
}

impl Tally {
    /// Counts up to `capacity` names and keeps `examples` documents of each.
    pub(crate) fn new(capacity: usize, examples: usize) -> Self {
        Self { entries: HashMap::new(), capacity: capacity.max(2), examples: examples.max(1), bucket: 0 }
    }

    /// Counts a document that has the name `key`; call it once for each document and name. `weight` is in millionths.
    pub(crate) fn add(&mut self, key: &str, form: &str, sequence: u64, weight: u64) -> Met {
        if let Some(entry) = self.entries.get_mut(key) {
            let met = match (entry.count, entry.examples.first()) {
                (1, Some(&only)) => Met::OnceIn(only),
                _ => Met::Often,
            };
            entry.count += 1;
            entry.weight = entry.weight.saturating_add(weight);
            let at = entry.examples.partition_point(|&other| other < sequence);
            if at == 0 {
                entry.form = form.into();
            }
            if at < self.examples {
                entry.examples.insert(at, sequence);
                entry.examples.truncate(self.examples);
            }
            return met;
        }
        while self.entries.len() >= self.capacity {
            self.bucket += 1;
            let bucket = self.bucket;
            self.entries.retain(|_, entry| entry.count + entry.missed > bucket);
        }
        let entry =
            Entry { form: form.into(), count: 1, weight, examples: vec![sequence], missed: self.bucket };
        self.entries.insert(key.into(), entry);
        Met::First
    }

    /// By how much a count may be too low.
    pub(crate) fn error(&self) -> u64 {
        self.bucket
    }

    /// Different names that are remembered.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is known of a name.
    #[cfg(test)]
    fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Every name, the most frequent first, equals by name.
    pub(crate) fn by_count(&self) -> Vec<(&str, &Entry)> {
        let mut entries: Vec<_> = self.entries.iter().map(|(key, entry)| (&**key, entry)).collect();
        entries.sort_unstable_by(|a, b| (b.1.count, a.0).cmp(&(a.1.count, b.0)));
        entries
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_and_remembers_the_first_documents() {
        let mut tally = Tally::new(10, 2);
        assert_eq!(tally.add("a", "A", 7, 5), Met::First);
        assert_eq!(tally.add("a", "a", 3, 5), Met::OnceIn(7));
        assert_eq!(tally.add("a", "x", 9, 5), Met::Often);
        let entry = tally.get("a").unwrap();
        assert_eq!((entry.count, entry.weight, &*entry.form, &entry.examples[..]), (3, 15, "a", &[3, 7][..]));
    }

    #[test]
    fn frequent_names_survive_a_flood_of_rare_ones() {
        let mut tally = Tally::new(100, 1);
        for sequence in 0..10_000 {
            tally.add(&format!("rare {sequence}"), "", sequence, 0);
            if sequence % 10 == 0 {
                tally.add("frequent", "", sequence, 0);
            }
        }
        let count = tally.get("frequent").unwrap().count;
        assert!(tally.len() <= 100);
        assert!(
            count <= 1_000 && count + tally.error() >= 1_000,
            "{count} with an error of {}",
            tally.error()
        );
    }

    proptest! {
        #[test]
        fn never_over_capacity_and_never_wrong_by_more_than_its_error(
            names in proptest::collection::vec(0u8..40, 0..400), capacity in 2usize..30,
        ) {
            let mut tally = Tally::new(capacity, 1);
            let mut truth = HashMap::<u8, u64>::new();
            for (sequence, &name) in (0..).zip(&names) {
                tally.add(&name.to_string(), "", sequence, 0);
                *truth.entry(name).or_default() += 1;
                prop_assert!(tally.len() <= capacity);
            }
            for (name, &count) in &truth {
                let counted = tally.get(&name.to_string()).map_or(0, |entry| entry.count);
                prop_assert!(counted <= count && counted + tally.error() >= count);
            }
        }
    }
}
