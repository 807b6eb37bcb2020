//! Groups of documents that say almost the same, found from fingerprints alone by locality-sensitive hashing
//! (Indyk and Motwani, 1998; banding as in Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3):
//! a signature is cut into bands, and only documents that agree in a whole band are compared.

use crate::fingerprint::{POSITIONS, Signature, alike, decode};
use sheaf_common::analysis::Fingerprint;
use xxhash_rust::xxh3::Xxh3;

/// Of the documents that agree in a band, how many mutually unlike ones each is compared with: bounds the work on a
/// set made to collide.
const REPRESENTATIVES_MAX: usize = 16;

/// Collects fingerprints and groups the near-duplicates among them. Keeps 264 bytes a document; grouping takes
/// another 24 bytes a document while it lasts and O(n log n) time. The groups depend neither on the order of
/// adding nor on anything but the fingerprints.
#[derive(Debug, Clone)]
pub struct NearDuplicates {
    threshold: f64,
    rows: usize,
    entries: Vec<(usize, Signature)>,
}

impl NearDuplicates {
    /// Documents count as near-duplicates from this estimated Jaccard similarity on, 0 to 1 (0.8 is customary:
    /// about one word in thirty differs).
    pub fn new(threshold: f64) -> Self {
        let threshold = if threshold.is_nan() { 1.0 } else { threshold.clamp(0.0, 1.0) };
        Self { threshold, rows: rows(threshold), entries: Vec::new() }
    }

    /// Adds a document by its number in the set. Answers whether the fingerprint could be read; one that could not
    /// is left out.
    pub fn add(&mut self, index: usize, fingerprint: &Fingerprint) -> bool {
        let signature = decode(fingerprint);
        self.entries.extend(signature.map(|signature| (index, signature)));
        signature.is_some()
    }

    /// Groups of two or more documents, each in ascending order, the groups in the order of their first document.
    /// A document is in at most one group; two members of a large group need not be alike themselves as long as
    /// others link them.
    pub fn groups(&self) -> Vec<Vec<usize>> {
        let mut entries: Vec<&(usize, Signature)> = self.entries.iter().collect();
        entries.sort_unstable();
        entries.dedup_by_key(|entry| entry.0);
        let mut forest = Forest::new(entries.len());
        let mut keys: Vec<(u64, usize)> = Vec::with_capacity(entries.len());
        for band in 0..POSITIONS / self.rows {
            keys.clear();
            let positions = band * self.rows..(band + 1) * self.rows;
            keys.extend(
                entries
                    .iter()
                    .enumerate()
                    .map(|(at, (_, signature))| (key(signature, positions.clone()), at)),
            );
            keys.sort_unstable();
            for bucket in keys.chunk_by(|a, b| a.0 == b.0).filter(|bucket| bucket.len() > 1) {
                self.link(bucket, &entries, &mut forest);
            }
        }
        let mut groups: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
        for (at, (index, _)) in entries.iter().enumerate() {
            groups.entry(forest.root(at)).or_default().push(*index);
        }
        groups.into_values().filter(|group| group.len() > 1).collect()
    }

    fn link(&self, bucket: &[(u64, usize)], entries: &[&(usize, Signature)], forest: &mut Forest) {
        let mut representatives: Vec<usize> = Vec::new();
        for &(_, at) in bucket {
            let alike = |&&other: &&usize| match (entries.get(at), entries.get(other)) {
                (Some(one), Some(other)) => alike(&one.1, &other.1) >= self.threshold,
                _ => false,
            };
            match representatives.iter().find(alike) {
                Some(&other) => forest.join(at, other),
                None if representatives.len() < REPRESENTATIVES_MAX => representatives.push(at),
                None => {}
            }
        }
    }
}

/// Rows of a band: the most with which two documents at the threshold still share a band with a probability of at
/// least 0.99, `1 - (1 - threshold^rows)^bands`; more rows mean fewer comparisons in vain.
fn rows(threshold: f64) -> usize {
    (1_u8..=16)
        .rev()
        .find(|&rows| {
            let bands = (POSITIONS / usize::from(rows)).min(128) as u8;
            1.0 - (1.0 - threshold.powi(i32::from(rows))).powi(i32::from(bands)) >= 0.99
        })
        .map_or(1, usize::from)
}

fn key(signature: &Signature, positions: std::ops::Range<usize>) -> u64 {
    let mut hasher = Xxh3::new();
    for bits in signature.get(positions).unwrap_or_default() {
        hasher.update(&bits.to_le_bytes());
    }
    hasher.digest()
}

/// Disjoint sets; the root of a set is its smallest member.
struct Forest(Vec<usize>);

impl Forest {
    fn new(size: usize) -> Self {
        Self((0..size).collect())
    }

    fn root(&mut self, mut at: usize) -> usize {
        while let Some(&parent) = self.0.get(at).filter(|&&parent| parent != at) {
            let grandparent = self.0.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.0.get_mut(at) {
                *slot = grandparent;
            }
            at = grandparent;
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if let Some(slot) = self.0.get_mut(one.max(other)) {
            *slot = one.min(other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint;

    /// A text of 400 words of its own, with every `changed`th word replaced.
    fn print(seed: usize, changed: usize) -> Fingerprint {
        let words = (0..400).map(|n| {
            if changed > 0 && n % changed == 0 { format!("x{changed}y{n} ") } else { format!("s{seed}n{n} ") }
        });
        fingerprint::of(&words.collect::<String>()).0.unwrap()
    }

    #[test]
    fn finds_edited_copies_and_nothing_else() {
        let mut set = NearDuplicates::new(0.8);
        for (index, (seed, changed)) in
            [(1, 0), (2, 0), (1, 100), (3, 0), (2, 5), (1, 80)].into_iter().enumerate()
        {
            assert!(set.add(index, &print(seed, changed)));
        }
        assert_eq!(set.groups(), [vec![0, 2, 5]]);
    }

    #[test]
    fn the_order_of_adding_does_not_matter() {
        let prints: Vec<Fingerprint> =
            (0..60).map(|n| print(n % 20, if n < 20 { 0 } else { 70 + n })).collect();
        let mut forwards = NearDuplicates::new(0.8);
        let mut backwards = NearDuplicates::new(0.8);
        for (index, print) in prints.iter().enumerate() {
            forwards.add(index, print);
        }
        for (index, print) in prints.iter().enumerate().rev() {
            backwards.add(index, print);
        }
        assert_eq!(forwards.groups(), backwards.groups());
        assert_eq!(forwards.groups().len(), 20);
    }

    #[test]
    fn a_set_of_one_text_is_one_group() {
        let mut set = NearDuplicates::new(0.8);
        for index in 0..20_000 {
            set.add(index, &print(7, 0));
        }
        assert_eq!(set.groups(), [(0..20_000).collect::<Vec<_>>()]);
    }

    #[test]
    fn odd_input_is_left_out() {
        let mut set = NearDuplicates::new(f64::NAN);
        assert!(!set.add(0, &Fingerprint("no".into())));
        assert!(set.groups().is_empty());
        set.add(1, &print(1, 0));
        set.add(1, &print(1, 0));
        assert!(set.groups().is_empty(), "a document is no duplicate of itself");
    }

    #[test]
    fn bands_are_as_wide_as_recall_allows() {
        assert_eq!(rows(0.8), 6);
        assert_eq!(rows(1.0), 16);
        assert_eq!(rows(0.0), 1);
    }
}
