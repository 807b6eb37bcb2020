//! A value a key.

use std::{fmt, marker::PhantomData, sync::Arc};

use rusqlite::{OptionalExtension, Row};

use crate::{
    Field, Key, Scan, TableError,
    field::sealed::Stored,
    scan::PAGE,
    scratch::{Database, Doing},
};

/// A table with a value a key.
pub struct Table<K, V> {
    file: Arc<Database>,
    what: &'static str,
    statements: Statements,
    entries: PhantomData<fn(K) -> V>,
}

/// The text of each statement, made once.
struct Statements {
    get: String,
    put: String,
    insert: String,
    remove: String,
    first: String,
    after: String,
}

impl<K: Key, V: Field> Table<K, V> {
    pub(crate) fn create(file: Arc<Database>, what: &'static str) -> Result<Self, TableError> {
        let name = file.next_name();
        let create = format!("CREATE TABLE {name} {}", K::COLUMNS);
        file.with(what, Doing::Creating, |database| database.execute(&create, ()))?;
        let statements = Statements {
            get: format!("SELECT value FROM {name} WHERE key = ?1"),
            put: format!(
                "INSERT INTO {name} VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            ),
            insert: format!("INSERT INTO {name} VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING"),
            remove: format!("DELETE FROM {name} WHERE key = ?1"),
            first: format!("SELECT key, value FROM {name} ORDER BY key LIMIT {PAGE}"),
            after: format!("SELECT key, value FROM {name} WHERE key > ?1 ORDER BY key LIMIT {PAGE}"),
        };
        Ok(Self { file, what, statements, entries: PhantomData })
    }

    /// The value of a key.
    pub fn get(&self, key: K) -> Result<Option<V>, TableError> {
        self.file.with(self.what, Doing::Reading, |database| {
            let mut statement = database.prepare_cached(&self.statements.get)?;
            statement.query_row([key.store()], |row| loaded(row, 0)).optional()
        })
    }

    /// Gives a key this value, whether it had one or not.
    pub fn put(&self, key: K, value: &V) -> Result<(), TableError> {
        self.write(&self.statements.put, key, value).map(drop)
    }

    /// Gives a key this value unless it has one; whether it had none.
    pub fn insert(&self, key: K, value: &V) -> Result<bool, TableError> {
        self.write(&self.statements.insert, key, value)
    }

    /// Removes a key; whether it was there.
    pub fn remove(&self, key: K) -> Result<bool, TableError> {
        self.file.with(self.what, Doing::Writing, |database| {
            database.prepare_cached(&self.statements.remove)?.execute([key.store()]).map(|rows| rows > 0)
        })
    }

    /// All entries in the order of their keys.
    pub fn scan(&self) -> Scan<'_, (K, V)>
    where
        K: Send,
    {
        let mut last: Option<K> = None;
        Scan::new(move || {
            let page = self.page(last)?;
            last = page.last().map(|(key, _)| *key).or(last);
            Ok(page)
        })
    }

    /// The entries after `last`, at most [`PAGE`] of them.
    fn page(&self, last: Option<K>) -> Result<Vec<(K, V)>, TableError> {
        let entry = |row: &Row<'_>| Ok((loaded(row, 0)?, loaded(row, 1)?));
        self.file.with(self.what, Doing::Reading, |database| match last {
            None => database.prepare_cached(&self.statements.first)?.query_map((), entry)?.collect(),
            Some(last) => {
                database.prepare_cached(&self.statements.after)?.query_map([last.store()], entry)?.collect()
            }
        })
    }

    /// Whether an entry was written.
    fn write(&self, statement: &str, key: K, value: &V) -> Result<bool, TableError> {
        self.file.with(self.what, Doing::Writing, |database| {
            let mut statement = database.prepare_cached(statement)?;
            statement.execute([key.store(), value.store()]).map(|rows| rows > 0)
        })
    }
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Table").field(&self.what).finish()
    }
}

/// A column of a row.
pub(crate) fn loaded<T: Stored>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    Ok(T::load(row.get_ref(column)?)?)
}
