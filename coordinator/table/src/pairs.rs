//! Numbers under numbers.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::Row;

use crate::{
    Scan, TableError,
    field::sealed::Stored,
    scan::PAGE,
    scratch::{Database, Doing},
    table::loaded,
};

/// Pairs of numbers, sorted by the first; of those with the same first one, the one that was added earlier comes first.
/// The same pair may be in it more than once.
pub struct Pairs {
    file: Arc<Database>,
    what: &'static str,
    /// Pairs added so far: tells those with the same first number apart.
    added: AtomicU64,
    add: String,
    first: String,
    after: String,
}

impl Pairs {
    pub(crate) fn create(file: Arc<Database>, what: &'static str) -> Result<Self, TableError> {
        let name = file.next_name();
        let create =
            format!("CREATE TABLE {name} (key, added, value, PRIMARY KEY (key, added)) WITHOUT ROWID");
        file.with(what, Doing::Creating, |database| database.execute(&create, ()))?;
        let select = format!("SELECT key, value, added FROM {name}");
        let order = format!("ORDER BY key, added LIMIT {PAGE}");
        Ok(Self {
            file,
            what,
            added: AtomicU64::new(0),
            add: format!("INSERT INTO {name} VALUES (?1, ?2, ?3)"),
            first: format!("{select} {order}"),
            after: format!("{select} WHERE (key, added) > (?1, ?2) {order}"),
        })
    }

    /// Adds a pair.
    pub fn add(&self, key: u64, value: u64) -> Result<(), TableError> {
        let added = self.added.fetch_add(1, Ordering::Relaxed);
        self.file.with(self.what, Doing::Writing, |database| {
            let mut statement = database.prepare_cached(&self.add)?;
            statement.execute([key.store(), added.store(), value.store()]).map(drop)
        })
    }

    /// All pairs in the order of their first numbers.
    pub fn scan(&self) -> Scan<'_, (u64, u64)> {
        let mut last = None;
        Scan::new(move || {
            let page = self.page(last)?;
            last = page.last().map(|(key, _, added)| (*key, *added)).or(last);
            Ok(page.into_iter().map(|(key, value, _)| (key, value)).collect())
        })
    }

    /// Pairs after the one that `last` names, each with the number that tells it apart.
    fn page(&self, last: Option<(u64, u64)>) -> Result<Vec<(u64, u64, u64)>, TableError> {
        let pair = |row: &Row<'_>| Ok((loaded(row, 0)?, loaded(row, 1)?, loaded(row, 2)?));
        self.file.with(self.what, Doing::Reading, |database| match last {
            None => database.prepare_cached(&self.first)?.query_map((), pair)?.collect(),
            Some((key, added)) => {
                database.prepare_cached(&self.after)?.query_map([key.store(), added.store()], pair)?.collect()
            }
        })
    }
}

impl fmt::Debug for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pairs").field(&self.what).finish()
    }
}
