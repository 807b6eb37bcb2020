//! Counting names in bounded memory.

use std::collections::HashMap;

/// Counts how many documents have a name, for as many different names as its capacity.
///
/// When full it forgets the rarest names, by lossy counting (Manku and Motwani, "Approximate frequency counts over data
/// streams", 2002) with the bucket number raised when room is needed: a name's count is then at most the bucket number too
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
    /// Documents counted.
    pub(crate) count: u64,
    /// The first documents that have it, in input order.
    pub(crate) examples: Vec<u64>,
    /// Documents that may have been forgotten before.
    missed: u64,
}

impl Tally {
    /// Counts up to `capacity` names and keeps `examples` documents of each.
    pub(crate) fn new(capacity: usize, examples: usize) -> Self {
        Self { entries: HashMap::new(), capacity: capacity.max(2), examples, bucket: 0 }
    }

    /// Counts a document that has the name; call it once for each document and name.
    pub(crate) fn add(&mut self, name: &str, sequence: u64) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.count += 1;
            let at = entry.examples.partition_point(|&other| other < sequence);
            if at < self.examples {
                entry.examples.insert(at, sequence);
                entry.examples.truncate(self.examples);
            }
            return;
        }
        while self.entries.len() >= self.capacity {
            self.bucket += 1;
            let bucket = self.bucket;
            self.entries.retain(|_, entry| entry.count + entry.missed > bucket);
        }
        let examples = if self.examples > 0 { vec![sequence] } else { Vec::new() };
        self.entries.insert(name.into(), Entry { count: 1, examples, missed: self.bucket });
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
        for sequence in [7, 3, 9] {
            tally.add("a", sequence);
        }
        let entry = tally.get("a").unwrap();
        assert_eq!((entry.count, &entry.examples[..]), (3, &[3, 7][..]));
    }

    #[test]
    fn frequent_names_survive_a_flood_of_rare_ones() {
        let mut tally = Tally::new(100, 1);
        for sequence in 0..10_000 {
            tally.add(&format!("rare {sequence}"), sequence);
            if sequence % 10 == 0 {
                tally.add("frequent", sequence);
            }
        }
        let count = tally.get("frequent").unwrap().count;
        assert!(tally.len() <= 100);
        assert!(count <= 1_000 && count + tally.bucket >= 1_000, "{count} with an error of {}", tally.bucket);
    }

    proptest! {
        #[test]
        fn never_over_capacity_and_never_wrong_by_more_than_its_error(
            names in proptest::collection::vec(0u8..40, 0..400), capacity in 2usize..30,
        ) {
            let mut tally = Tally::new(capacity, 1);
            let mut truth = HashMap::<u8, u64>::new();
            for (sequence, &name) in (0..).zip(&names) {
                tally.add(&name.to_string(), sequence);
                *truth.entry(name).or_default() += 1;
                prop_assert!(tally.len() <= capacity);
            }
            for (name, &count) in &truth {
                let counted = tally.get(&name.to_string()).map_or(0, |entry| entry.count);
                prop_assert!(counted <= count && counted + tally.bucket >= count);
            }
        }
    }
}
