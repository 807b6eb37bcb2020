//! Documents that say almost the same, found from fingerprints alone by locality-sensitive hashing
//! (Indyk and Motwani, 1998; banding as in Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3):
//! a signature is cut into bands, and only documents that agree in a whole band are compared.
//!
//! Three steps, of which this module has the first two, in memory that does not grow with the set; where the keys of
//! many documents wait to be sorted is up to the caller:
//!
//! 1. [`Banding::keys`]: a key for each band of a document.
//! 2. [`Bucket::add`]: the documents that have the key of a band in common, in ascending order, are compared and linked.
//! 3. Documents that are linked, directly or through others, are a group of near-duplicates.
//!
//! As long as each bucket is in ascending order, the links depend on nothing but the fingerprints.

use crate::fingerprint::{POSITIONS, Signature};
use xxhash_rust::xxh3::xxh3_64;

/// Of the documents that agree in a band, how many mutually unlike ones each is compared with: bounds the work on a
/// set made to collide.
const REPRESENTATIVES_MAX: usize = 16;

/// How signatures are cut into bands, and from which similarity on documents are linked.
#[derive(Debug, Clone, Copy)]
pub struct Banding {
    threshold: f64,
    rows: usize,
}

impl Banding {
    /// Documents count as near-duplicates from this estimated Jaccard similarity on, 0 to 1 (0.8 is customary:
    /// about one word in thirty differs).
    pub fn new(threshold: f64) -> Self {
        let threshold = if threshold.is_nan() { 1.0 } else { threshold.clamp(0.0, 1.0) };
        Self { threshold, rows: rows(threshold) }
    }

    /// How many bands there are.
    pub fn bands(&self) -> usize {
        POSITIONS / self.rows
    }

    /// The keys of a signature, one for each band. Two documents are to be compared when they have the
    /// key of the same band in common.
    pub fn keys(&self, signature: &Signature) -> impl Iterator<Item = u64> + use<> {
        let (bytes, width) = (signature.to_bytes(), 2 * self.rows);
        (0..self.bands())
            .map(move |band| xxh3_64(bytes.get(band * width..(band + 1) * width).unwrap_or_default()))
    }

    /// A bucket without documents.
    pub fn bucket(&self) -> Bucket {
        Bucket { threshold: self.threshold, representatives: Vec::new() }
    }
}

/// The documents that agree in a band. Keeps at most sixteen of them, which are mutually unlike.
#[derive(Debug, Clone)]
pub struct Bucket {
    threshold: f64,
    representatives: Vec<(u64, Signature)>,
}

impl Bucket {
    /// Adds a document by its number in the set; the numbers ascend. Answers an earlier one that says almost the same.
    pub fn add(&mut self, index: u64, signature: &Signature) -> Option<u64> {
        let alike =
            self.representatives.iter().find(|(_, other)| signature.similarity(other) >= self.threshold);
        let linked = alike.map(|&(other, _)| other);
        if linked.is_none() && self.representatives.len() < REPRESENTATIVES_MAX {
            self.representatives.push((index, *signature));
        }
        linked
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::fingerprint;
    use sheaf_common::analysis::Fingerprint;

    /// The three steps for a set that fits in memory.
    struct NearDuplicates {
        banding: Banding,
        signatures: BTreeMap<usize, Signature>,
    }

    impl NearDuplicates {
        fn new(threshold: f64) -> Self {
            Self { banding: Banding::new(threshold), signatures: BTreeMap::new() }
        }

        fn add(&mut self, index: usize, fingerprint: &Fingerprint) -> bool {
            let signature = Signature::of(fingerprint);
            self.signatures.extend(signature.map(|signature| (index, signature)));
            signature.is_some()
        }

        fn groups(&self) -> Vec<Vec<usize>> {
            let mut buckets = BTreeMap::new();
            let mut group_of: BTreeMap<usize, usize> = self.signatures.keys().map(|&at| (at, at)).collect();
            for (&index, signature) in &self.signatures {
                for band in self.banding.keys(signature).enumerate() {
                    let bucket = buckets.entry(band).or_insert_with(|| self.banding.bucket());
                    if let Some(other) = bucket.add(index as u64, signature) {
                        let (one, other) = (group_of[&index], group_of[&(other as usize)]);
                        if one != other {
                            group_of
                                .values_mut()
                                .filter(|of| **of == one.max(other))
                                .for_each(|of| *of = one.min(other));
                        }
                    }
                }
            }
            let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (index, of) in group_of {
                groups.entry(of).or_default().push(index);
            }
            groups.into_values().filter(|group| group.len() > 1).collect()
        }
    }

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
        for index in 0..1_000 {
            set.add(index, &print(7, 0));
        }
        assert_eq!(set.groups(), [(0..1_000).collect::<Vec<_>>()]);
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
        assert_eq!(Banding::new(0.8).keys(&Signature([7; POSITIONS])).count(), 21);
    }
}
