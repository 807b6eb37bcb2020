//! The file and its settings.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use rusqlite::{Connection, OpenFlags};

use crate::{Field, Key, Table, TableError};

/// Statements that are kept prepared: more than all tables of a run have.
const STATEMENTS: usize = 64;

/// The database's way to files that does without locks.
const WITHOUT_LOCKS: &str = "unix-none";

/// How the file is used.
///
/// There is nothing to roll back to and nobody else to see it, so one transaction lasts for ever: pages are written
/// when the cache has no room for them, not at the end of each statement. The cache, in KiB, is shared by all tables.
const SETTINGS: &str = "
    PRAGMA page_size = 4096;
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA mmap_size = 0;
    PRAGMA cache_size = -1024;
    BEGIN;
";

/// A file for tables, which ends with the process. Clones are the same file.
///
/// The tables may be used from several threads: each call holds a lock for the microseconds of one statement.
#[derive(Debug, Clone)]
pub struct Scratch {
    pub(crate) file: Arc<Database>,
}

/// The open file.
pub(crate) struct Database {
    path: PathBuf,
    tables: AtomicU32,
    state: Mutex<State>,
}

struct State {
    connection: Connection,
    /// What failed first: nothing took back the half that it had written.
    ruined: Option<String>,
}

impl Scratch {
    /// Makes the file at `path`, in the place of one that is there, and takes its name away at once.
    pub fn create(path: &Path) -> Result<Self, TableError> {
        let file = |doing| move |error| TableError::File { path: path.to_owned(), doing, error };
        let statement = |error| TableError::Statement {
            path: path.to_owned(),
            table: "all tables",
            doing: "creating it",
            error,
        };
        remove(path).map_err(file("removing an earlier one"))?;
        // Nobody else has the file, and not every file system knows locks.
        let connection = Connection::open_with_flags_and_vfs(path, OpenFlags::default(), WITHOUT_LOCKS);
        let connection = connection.map_err(statement)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.execute_batch(SETTINGS).map_err(statement)?;
        // Where an open file cannot lose its name it keeps it, until the next one takes its place.
        let _keeps_its_name = remove(path);
        let state = Mutex::new(State { connection, ruined: None });
        let file = Database { path: path.to_owned(), tables: AtomicU32::new(0), state };
        Ok(Self { file: Arc::new(file) })
    }

    /// An empty table of `what`, which names it in errors.
    pub fn table<K: Key, V: Field>(&self, what: &'static str) -> Result<Table<K, V>, TableError> {
        Table::create(self.file.clone(), what)
    }

    /// Frees the cache: what is in it is written first. The tables stay as they are, and fill it again when they are used.
    pub fn rest(&self) -> Result<(), TableError> {
        self.file.with("all tables", Doing::Writing, |database| {
            database.cache_flush()?;
            database.execute_batch("PRAGMA shrink_memory")
        })
    }
}

/// What a statement is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Doing {
    Creating,
    Reading,
    Writing,
}

impl Database {
    /// A name that no table has.
    pub(crate) fn next_name(&self) -> String {
        format!("t{}", self.tables.fetch_add(1, Ordering::Relaxed))
    }

    /// Does something with the database; an error says of which table it is.
    pub(crate) fn with<T>(
        &self,
        table: &'static str,
        doing: Doing,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, TableError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = &state.ruined {
            return Err(TableError::Ruined { path: self.path.clone(), why: why.clone() });
        }
        work(&state.connection).map_err(|error| {
            // Reading may write, too: it makes room in the cache.
            let error = TableError::Statement { path: self.path.clone(), table, doing: doing.name(), error };
            state.ruined = Some(error.to_string());
            error
        })
    }
}

impl Doing {
    fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating it",
            Self::Reading => "reading it",
            Self::Writing => "writing it",
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("path", &self.path).finish_non_exhaustive()
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_rested_have_all_they_had_and_take_more() {
        let room = tempfile::tempdir().unwrap();
        let scratch = Scratch::create(&room.path().join("tables")).unwrap();
        let table = scratch.table::<u64, Vec<u8>>("things").unwrap();
        for round in 0..3 {
            for key in 0..1_000 {
                table.put(round * 1_000 + key, &vec![round as u8; 100]).unwrap();
            }
            scratch.rest().unwrap();
            let all: Vec<_> = table.scan().map(Result::unwrap).collect();
            assert_eq!(all.len() as u64, (round + 1) * 1_000);
            assert!(all.iter().all(|(key, value)| value == &vec![(key / 1_000) as u8; 100]));
        }
    }

    #[test]
    fn a_full_disk_is_said_and_nothing_is_believed_after_it() {
        let room = tempfile::tempdir().unwrap();
        let scratch = Scratch::create(&room.path().join("tables")).unwrap();
        let table = scratch.table::<u64, Vec<u8>>("great things").unwrap();
        // As large as a disk may be: two hundred pages.
        let full = |database: &Connection| database.execute_batch("PRAGMA max_page_count = 200");
        scratch.file.with("all", Doing::Creating, full).unwrap();
        let mut writes = (0..10_000).map(|key| table.put(key, &vec![7; 1_000]));
        let error = writes.find_map(Result::err).unwrap().to_string();
        assert!(error.contains("great things") && error.contains("make room on the disk"), "{error}");
        assert!(matches!(table.get(0), Err(TableError::Ruined { why, .. }) if why.contains("make room")));
        assert!(matches!(scratch.table::<u64, u64>("more"), Err(TableError::Ruined { .. })));
    }
}
