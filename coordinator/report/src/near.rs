//! Documents whose texts are nearly the same, by their fingerprints.

use std::io;

use sheaf_common::analysis::Fingerprint;
use sheaf_rules::{Banding, Signature};

use crate::{
    caps,
    duplicates::Groups,
    forest::Forest,
    index::{Entry, Index, Table, Tables},
    scratch::{Scratch, ScratchFile},
    sorter::Sorter,
};

/// Estimated Jaccard similarity of word sequences from which on documents count as nearly the same.
pub(crate) const NEARLY: f64 = 0.8;
/// Members of groups that are sorted in memory at a time: 256 KiB.
const MEMBERS_BUFFER: usize = 1 << 14;

/// Keeps the signatures of documents in a file, by their place in the input, and the keys of their bands in the index.
pub(crate) struct Near {
    banding: Banding,
    signatures: Box<dyn ScratchFile>,
    compared: u64,
    left_out: u64,
}

impl Near {
    /// No documents yet.
    pub(crate) fn new(signatures: Box<dyn ScratchFile>) -> Self {
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
    pub(crate) fn groups(&self, tables: &mut Tables, scratch: &dyn Scratch) -> io::Result<Groups> {
        let mut forest = Forest::new(scratch.file()?);
        let bands = self.banding.keys(&Signature::from_bytes(&[0; Signature::BYTES])).count();
        for (band, _) in (0..).zip(0..bands) {
            self.link(Table::Band(band), tables, &mut forest)?;
        }
        let mut members = Sorter::new(scratch.file()?, MEMBERS_BUFFER);
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
