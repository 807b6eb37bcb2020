//! What is to be brought together from all documents: entries of several tables in one sorted file.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io,
};

use crate::{
    sorter::{BUFFER, Sorted, Sorter},
    spill::SpillFile,
};

/// Which table an entry is in. Tables are read one after the other, in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// Documents by a band of their signature.
    Band(u8),
    /// Documents by their id, and their copies by the id of the original.
    Id,
    /// Documents by a key phrase.
    Phrase,
    /// Documents by an entity.
    Entity,
}

impl Table {
    fn number(self) -> u8 {
        match self {
            Self::Band(band) => band.min(127),
            Self::Id => 128,
            Self::Phrase => 129,
            Self::Entity => 130,
        }
    }
}

/// An entry of a table: a key, and what is known under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: u64,
    /// The place of a document in the input.
    pub(crate) document: u32,
    /// More that is known of the document under this key, in 24 bits.
    pub(crate) more: u32,
}

/// Bits of [`Entry::more`].
pub(crate) const MORE_BITS: u32 = 24;

/// The key of a text.
pub(crate) fn key(text: &str) -> u64 {
    // Always the same within a process, which is as long as an index lives.
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Gathers entries, in any order. Keeps 512 KiB of them in memory and the rest in a file, sixteen bytes each.
pub(crate) struct Index(Sorter);

impl Index {
    /// No entries yet.
    pub(crate) fn new(file: Box<dyn SpillFile>) -> Self {
        Self(Sorter::new(file, BUFFER))
    }

    /// Adds an entry.
    pub(crate) fn add(&mut self, table: Table, entry: Entry) -> io::Result<()> {
        let more = u128::from(entry.more) & ((1 << MORE_BITS) - 1);
        let table = u128::from(table.number()) << 120;
        self.0.add(table | u128::from(entry.key) << 56 | u128::from(entry.document) << MORE_BITS | more)
    }

    /// The tables, each sorted by key, document and more.
    pub(crate) fn tables(self) -> io::Result<Tables> {
        self.0.sorted().map(Tables)
    }
}

/// The tables of an index, to be read in their order.
pub(crate) struct Tables(Sorted);

impl Tables {
    /// The next entry of `table`; `None` behind its last one.
    pub(crate) fn next(&mut self, table: Table) -> io::Result<Option<Entry>> {
        let Some(number) = self.0.peek().filter(|number| (number >> 120) as u8 == table.number()) else {
            return Ok(None);
        };
        self.0.advance()?;
        Ok(Some(Entry {
            key: (number >> 56) as u64,
            document: (number >> MORE_BITS) as u32,
            more: number as u32 & ((1 << MORE_BITS) - 1),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spill::{InMemory, Spill};

    #[test]
    fn entries_come_back_whole_table_by_table() {
        let entries = [
            (Table::Band(0), Entry { key: u64::MAX, document: 0, more: 0 }),
            (Table::Band(1), Entry { key: 0, document: u32::MAX, more: 1 }),
            (Table::Id, Entry { key: 5, document: 1, more: (1 << MORE_BITS) - 1 }),
            (Table::Id, Entry { key: 5, document: 2, more: 0 }),
            (Table::Entity, Entry { key: 1, document: 7, more: 3 }),
        ];
        let mut index = Index::new(InMemory.file().unwrap());
        for (table, entry) in entries.into_iter().rev() {
            index.add(table, entry).unwrap();
        }
        let mut tables = index.tables().unwrap();
        for (table, entry) in entries {
            assert_eq!(tables.next(table).unwrap(), Some(entry));
        }
        assert_eq!(tables.next(Table::Entity).unwrap(), None);
    }
}
