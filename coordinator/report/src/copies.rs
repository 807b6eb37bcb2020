//! Documents that are copies of an earlier one.

use std::io;

use sheaf_common::id::DocumentId;

use crate::{
    caps,
    duplicates::Groups,
    index::{Entry, Index, Table, Tables, key},
};

/// What an entry says of its document: that it has the id.
const ORIGINAL: u32 = 0;
/// What an entry says of its document: that it is a copy of the one with the id.
const COPY: u32 = 1;

/// Takes in a document, which may be a copy of another.
pub(crate) fn add(
    document: u32,
    id: &DocumentId,
    copy_of: Option<&DocumentId>,
    index: &mut Index,
) -> io::Result<()> {
    index.add(Table::Id, Entry { key: key(id.as_str()), document, more: ORIGINAL })?;
    match copy_of {
        Some(original) => index.add(Table::Id, Entry { key: key(original.as_str()), document, more: COPY }),
        None => Ok(()),
    }
}

/// The copies, grouped by the document they are copies of, which is the first member.
pub(crate) fn groups(tables: &mut Tables) -> io::Result<Groups> {
    let mut groups = Groups::default();
    let mut group = Group::default();
    while let Some(entry) = tables.next(Table::Id)? {
        if entry.key != group.key {
            std::mem::replace(&mut group, Group { key: entry.key, ..Group::default() }).close(&mut groups);
        }
        group.add(&entry);
    }
    group.close(&mut groups);
    Ok(groups)
}

/// An original and its copies.
#[derive(Default)]
struct Group {
    key: u64,
    original: Option<u64>,
    copies: u64,
    first: Vec<u64>,
}

impl Group {
    fn add(&mut self, entry: &Entry) {
        let document = u64::from(entry.document);
        if entry.more == ORIGINAL {
            self.original.get_or_insert(document);
            return;
        }
        self.copies += 1;
        if self.first.len() < caps::MEMBERS {
            self.first.push(document);
        }
    }

    fn close(self, groups: &mut Groups) {
        if let Some(&first) = self.first.first() {
            let members = self.original.into_iter().chain(self.first).take(caps::MEMBERS);
            groups.add(self.copies + 1, first, members.collect());
        }
    }
}
