//! Documents whose texts are nearly the same, by their fingerprints.

use std::io;

use sheaf_common::analysis::Fingerprint;
use sheaf_rules::{Banding, Signature};

use crate::{
    caps,
    duplicates::Groups,
    forest::Forest,
    index::{Entry, Index, Table, Tables},
    sorter::Sorter,
    spill::{Spill, SpillFile},
};

/// Estimated Jaccard similarity of word sequences from which on documents count as nearly the same.
pub(crate) const NEARLY: f64 = 0.8;
/// Members of groups that are sorted in memory at a time: 256 KiB.
const MEMBERS_BUFFER: usize = 1 << 14;

/// Keeps the signatures of documents in a file, by their place in the input, and the keys of their bands in the index.
pub(crate) struct Near {
    banding: Banding,
    signatures: Box<dyn SpillFile>,
    compared: u64,
    left_out: u64,
}

impl Near {
    /// No documents yet.
    pub(crate) fn new(signatures: Box<dyn SpillFile>) -> Self {
        Self { banding: Banding::new(NEARLY), signatures, compared: 0, left_out: 0 }
    }

    /// Takes in a document, up to [`caps::COMPARED`]; one whose fingerprint cannot be read is left out.
    pub(crate) fn add(&mut self, document: u32, print: &Fingerprint, index: &mut Index) -> io::Result<()> {
        let Some(signature) = Signature::of(print) else { return Ok(()) };
        if self.compared >= caps::COMPARED {
            self.left_out += 1;
            return Ok(());
        }
        self.compared += 1;
        self.signatures.write(place(document), &signature.to_bytes())?;
        for (band, key) in (0..).zip(self.banding.keys(&signature)) {
            index.add(Table::Band(band), Entry { key, document, more: 0 })?;
        }
        Ok(())
    }

    /// Documents that were not compared, for lack of room.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The groups. A document is in at most one; two members of a large group need not be alike themselves as long as
    /// others link them.
    pub(crate) fn groups(&self, tables: &mut Tables, spill: &dyn Spill) -> io::Result<Groups> {
        let mut forest = Forest::new(spill.file()?);
        for (band, _) in (0..).zip(0..self.banding.bands()) {
            self.link(Table::Band(band), tables, &mut forest)?;
        }
        let mut members = Sorter::new(spill.file()?, MEMBERS_BUFFER);
        forest.members(|root, member| members.add(u128::from(root) << 32 | u128::from(member)))?;
        drop(forest);

        let mut members = members.sorted()?;
        let mut groups = Groups::default();
        while let Some(first) = members.peek() {
            let root = (first >> 32) as u32;
            let (mut documents, mut named) = (1, vec![u64::from(root)]);
            while let Some(number) = members.peek().filter(|number| (number >> 32) as u32 == root) {
                members.advance()?;
                documents += 1;
                if named.len() < caps::MEMBERS {
                    named.push(u64::from(number as u32));
                }
            }
            groups.add(documents, u64::from(root), named);
        }
        Ok(groups)
    }

    /// Joins the documents that agree in a band and say almost the same.
    fn link(&self, band: Table, tables: &mut Tables, forest: &mut Forest) -> io::Result<()> {
        // Most documents are alone in their bucket: their signatures are not read.
        let mut alone: Option<Entry> = None;
        let mut bucket = self.banding.bucket();
        let mut key = None;
        while let Some(entry) = tables.next(band)? {
            if key != Some(entry.key) {
                (key, alone, bucket) = (Some(entry.key), Some(entry), self.banding.bucket());
                continue;
            }
            if let Some(Entry { document, .. }) = alone.take() {
                bucket.add(u64::from(document), &self.signature(document)?);
            }
            let other = bucket.add(u64::from(entry.document), &self.signature(entry.document)?);
            if let Some(other) = other.and_then(|other| u32::try_from(other).ok()) {
                forest.join(entry.document, other)?;
            }
        }
        Ok(())
    }

    fn signature(&self, document: u32) -> io::Result<Signature> {
        let mut bytes = [0; Signature::BYTES];
        self.signatures.read(place(document), &mut bytes)?;
        Ok(Signature::from_bytes(&bytes))
    }
}

/// Where the signature of a document is.
fn place(document: u32) -> u64 {
    u64::from(document) * Signature::BYTES as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use sheaf_rules::similarity;

    use super::*;
    use crate::spill::InMemory;

    /// Values of a position in these tests: few, so that bands agree by accident too.
    const SYMBOLS: &[u8] = b"ABCD";

    /// A fingerprint that is the `family`'s own but for the positions in `changed`.
    fn print(family: u8, changed: &[u8]) -> Fingerprint {
        let symbol = |at: u8| {
            let own = at.wrapping_mul(31).wrapping_add(family.wrapping_mul(at / 8 + 7)) / 5;
            let turned = changed.iter().filter(|&&other| other % 128 == at).count() as u8;
            SYMBOLS.iter().copied().cycle().nth(usize::from(own % 4 + turned % 4)).map_or('A', char::from)
        };
        Fingerprint((0..128).flat_map(|at| ['A', symbol(at)]).collect())
    }

    /// The groups of a set that is added in the order in which it stands here.
    fn groups(prints: &[(u32, Fingerprint)]) -> (Groups, Near) {
        let mut index = Index::new(InMemory.file().unwrap());
        let mut near = Near::new(InMemory.file().unwrap());
        for (document, print) in prints {
            near.add(*document, print, &mut index).unwrap();
        }
        (near.groups(&mut index.tables().unwrap(), &InMemory).unwrap(), near)
    }

    /// What the groups are, found in memory: all documents in order, band by band, each compared with the first sixteen
    /// mutually unlike ones before it that agree in the band.
    fn model(prints: &BTreeMap<u32, Fingerprint>) -> Vec<Vec<u64>> {
        let mut set_of: BTreeMap<u32, u32> = prints.keys().map(|&document| (document, document)).collect();
        for band in 0..128 / 6 {
            let mut buckets: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
            for (&document, print) in prints {
                let first = buckets.entry(&print.0[band * 12..(band + 1) * 12]).or_default();
                match first.iter().find(|other| similarity(print, &prints[other]) >= NEARLY) {
                    Some(other) => {
                        let (one, other) = (set_of[&document], set_of[other]);
                        let (low, high) = (one.min(other), one.max(other));
                        set_of.values_mut().filter(|set| **set == high).for_each(|set| *set = low);
                    }
                    None if first.len() < 16 => first.push(document),
                    None => {}
                }
            }
        }
        let mut groups: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for (document, set) in set_of {
            groups.entry(set).or_default().push(u64::from(document));
        }
        groups.into_values().filter(|group| group.len() > 1).collect()
    }

    proptest! {
        #[test]
        fn groups_are_those_found_in_memory(
            set in proptest::collection::btree_map(
                0u32..100_000,
                (0u8..6, proptest::collection::vec(any::<u8>(), 0..40)),
                0..60,
            ),
            backwards: bool,
        ) {
            let prints: BTreeMap<_, _> =
                set.iter().map(|(&document, (family, changed))| (document, print(*family, changed))).collect();
            let mut expected = model(&prints);
            let mut prints: Vec<_> = prints.into_iter().collect();
            if backwards {
                prints.reverse();
            }
            let (groups, _) = groups(&prints);
            prop_assert_eq!(groups.documents(), expected.iter().map(|group| group.len() as u64).sum::<u64>());
            expected.sort_by_key(|group| (std::cmp::Reverse(group.len()), group[0]));
            for group in &mut expected {
                group.truncate(caps::MEMBERS);
            }
            let found: Vec<Vec<u64>> = groups
                .listed(NEARLY)
                .items
                .iter()
                .map(|group| group.members.iter().map(|member| member.sequence).collect())
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_set_of_one_text_is_one_group() {
        let prints: Vec<_> = (0..20_000).map(|document| (document, print(1, &[]))).collect();
        let groups = groups(&prints).0.listed(NEARLY);
        assert_eq!((groups.total, groups.items[0].documents), (1, 20_000));
    }

    #[test]
    fn what_is_no_fingerprint_is_left_out_and_a_document_is_no_duplicate_of_itself() {
        let odd = [(0, Fingerprint("no".into())), (1, print(1, &[])), (1, print(1, &[]))];
        let (groups, near) = groups(&odd);
        assert_eq!((groups.documents(), near.left_out(), near.compared), (0, 0, 2));
    }
}
