//! The output folder of a run.
//!
//! ```text
//! OUT/results.jsonl          a record a line: in order of completion while the run goes on, in input order at its end
//! OUT/report.html, report.md, run.json             written at the end
//! OUT/.sheaf/state.json      the run's id and configuration: another configuration must not be mixed in
//! OUT/.sheaf/accepted.jsonl  a candidate a line: its line number is its place in the input
//! OUT/.sheaf/frontier.jsonl  links found by a crawl, written before the record of the page they stand on
//! OUT/.sheaf/batches/        what was handed in to a provider's endpoint for batches, with --llm-batch-api
//! OUT/.sheaf/redis/          the run's own Redis, with --enable-queue and no --redis-url
//! OUT/.sheaf/tables          what is looked up of each document while the run goes on; without a name once it is open
//! OUT/.sheaf/lock            held while a run writes here
//! ```
//!
//! The three `.jsonl` files are only ever appended to while a run goes on. A torn last line, which a crash may leave,
//! is cut off when the run is taken up again; what it said is done again.

mod accepted;
mod frontier;
mod lines;
mod results;
mod state;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

pub use accepted::{Accepted, AcceptedLog};
pub use frontier::{Frontier, FrontierEntry, Level};
pub(crate) use lines::StoredSpan;
pub use results::{Recorded, ResultsFile};
use sheaf_common::fault::said;
use sheaf_table::{Scratch, TableError};
pub use state::{Configuration, State};

/// Files that a run writes into its folder; `--fresh` removes these, half-written ones of their names, and nothing else.
const WRITTEN: [&str; 4] = ["results.jsonl", "report.html", "report.md", "run.json"];
/// The same of the run's own state.
const STATE: [&str; 4] = ["state.json", "accepted.jsonl", "frontier.jsonl", TABLES];

/// The tables of the run.
const TABLES: &str = "tables";
/// The folder of the run's own Redis.
const REDIS: &str = "redis";
/// The folder of the journal of batches.
const BATCHES: &str = "batches";

/// How long the lock of a run that has just ended may still be held: a process that is being started has the files of the
/// one that starts it until it becomes another program.
const LETTING_GO: Duration = Duration::from_millis(200);

/// An open output folder, locked for one run.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// What is known of the run.
    pub state: State,
    /// Whether the folder holds an earlier part of the same run.
    pub resumed: bool,
    /// The run that `--fresh` made the folder forget.
    pub forgotten: Option<State>,
    /// The folder was made for this run.
    made: bool,
    tables: Scratch,
    _lock: File,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Reading or writing failed.
    #[error("the output folder {path} cannot be used: {doing} failed: {}; {}", said(.error), advice(.error))]
    Io {
        /// The folder or the file in it.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        error: io::Error,
    },
    /// The tables of the run failed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// There is no run in it.
    #[error("there is no run in {0}; name the folder that was given to --out")]
    NoRun(PathBuf),
    /// Another run writes into it.
    #[error(
        "the output folder {0} is in use by another run; wait for it to end or give --out another folder"
    )]
    InUse(PathBuf),
    /// It holds a run with other options.
    #[error(
        "the output folder {path} holds a run with another configuration ({difference}); give the same options to \
         carry it on, --fresh to start over, or --out another folder"
    )]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// It was written by a program that this one does not understand.
    #[error(
        "{path}, line {line}: {reason}; was it edited, or written by another version? --fresh starts over"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its line.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "give --out a folder that you may write to"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on the disk and run the same command again: what is done is kept"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "give --out the name of a folder, not of a file"
        }
        // Folders are made as needed, so this comes from a place that has none, such as /proc.
        io::ErrorKind::NotFound => "give --out a folder on a disk",
        _ => "check the folder and the disk it is on",
    }
}

impl FolderError {
    fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, doing, error }
    }
}

impl RunFolder {
    /// Opens `path` for a run with this configuration, creating it if needed; `fresh` forgets an earlier run.
    pub fn open(path: &Path, configuration: Configuration, fresh: bool) -> Result<Self, FolderError> {
        let state_folder = path.join(".sheaf");
        let made = !path.exists();
        fs::create_dir_all(&state_folder).map_err(FolderError::io(path, "creating it"))?;
        let lock_path = state_folder.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(FolderError::io(&lock_path, "creating its lock"))?;
        if !locked(&lock).map_err(FolderError::io(&lock_path, "locking it"))? {
            return Err(FolderError::InUse(path.to_owned()));
        }
        let state_path = state_folder.join("state.json");
        let mut forgotten = None;
        if fresh {
            // One that cannot be read is forgotten all the same.
            forgotten = State::read(&state_path).ok().flatten();
            forget(path, &state_folder)?;
        }
        let earlier = State::read(&state_path)?;
        let resumed = earlier.is_some();
        let state = if let Some(state) = earlier {
            if let Some(difference) = state.configuration.difference(&configuration) {
                return Err(FolderError::OtherRun { path: path.to_owned(), difference });
            }
            state
        } else {
            let state = State::begin(configuration);
            state.write(&state_path)?;
            state
        };
        let tables = Scratch::create(&state_folder.join(TABLES))?;
        Ok(Self { path: path.to_owned(), state, resumed, forgotten, made, tables, _lock: lock })
    }

    /// Opens the folder of a run that was begun before, whatever its configuration.
    pub fn reopen(path: &Path) -> Result<Self, FolderError> {
        let state = State::read(&path.join(".sheaf").join("state.json"))?;
        let state = state.ok_or_else(|| FolderError::NoRun(path.to_owned()))?;
        Self::open(path, state.configuration, false)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A file of the run's own state.
    pub(crate) fn state_file(&self, name: &str) -> PathBuf {
        self.path.join(".sheaf").join(name)
    }

    /// Room for what is known of each document.
    pub fn tables(&self) -> &Scratch {
        &self.tables
    }

    /// The folder of the journal of batches.
    pub fn batches(&self) -> PathBuf {
        self.state_file(BATCHES)
    }

    /// The folder of the run's own Redis.
    pub(crate) fn redis_folder(&self) -> PathBuf {
        self.state_file(REDIS)
    }

    /// Removes the run's own Redis, which is not needed any more.
    pub(crate) fn remove_redis(&self) -> Result<(), FolderError> {
        remove_folder(&self.redis_folder())
    }

    /// Keeps the state as it is now.
    pub fn save_state(&self) -> Result<(), FolderError> {
        self.state.write(&self.state_file("state.json"))
    }

    /// The error of a file whose contents could not be made.
    pub(crate) fn unwritten(&self, name: &str, error: io::Error) -> FolderError {
        FolderError::io(&self.file(name), "writing it")(error)
    }

    /// Removes what this run wrote, and the folder if it was made for it: for a run without documents.
    pub fn discard(self) -> Result<(), FolderError> {
        let state_folder = self.path.join(".sheaf");
        forget(&self.path, &state_folder)?;
        // A folder that stays has something of somebody else in it.
        let _stays = fs::remove_file(state_folder.join("lock"))
            .and_then(|()| fs::remove_dir(&state_folder))
            .and_then(|()| if self.made { fs::remove_dir(&self.path) } else { Ok(()) });
        Ok(())
    }

    /// Writes a whole file so that a reader sees the old one or the new one, never a part.
    pub fn write_whole(&self, name: &str, contents: &[u8]) -> Result<(), FolderError> {
        write_whole(&self.file(name), contents)
    }
}

fn write_whole(path: &Path, contents: &[u8]) -> Result<(), FolderError> {
    let fresh = path.with_added_extension("tmp");
    fs::write(&fresh, contents).map_err(FolderError::io(&fresh, "writing it"))?;
    fs::rename(&fresh, path).map_err(FolderError::io(path, "putting it in its place"))
}

/// Removes what a run wrote; anything else in the folder is somebody's and stays.
fn forget(path: &Path, state_folder: &Path) -> Result<(), FolderError> {
    let results = WRITTEN.iter().map(|name| path.join(name));
    let states = STATE.iter().map(|name| state_folder.join(name));
    for file in results.chain(states).flat_map(|file| [file.with_added_extension("tmp"), file]) {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(FolderError::io(&file, "removing it")(error));
            }
            _ => {}
        }
    }
    remove_folder(&state_folder.join(BATCHES))?;
    remove_folder(&state_folder.join(REDIS))
}

fn remove_folder(path: &Path) -> Result<(), FolderError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FolderError::io(path, "removing it")(error))
        }
        _ => Ok(()),
    }
}

/// Locks a file, unless somebody else holds it and goes on doing so.
fn locked(file: &File) -> io::Result<bool> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if begun.elapsed() >= LETTING_GO => return Ok(false),
            Err(TryLockError::WouldBlock) => thread::sleep(LETTING_GO / 20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(extraction: &str) -> Configuration {
        Configuration::new([("extraction", extraction.to_owned())])
    }

    #[test]
    fn a_folder_belongs_to_one_run_at_a_time_and_to_one_configuration() {
        let room = tempfile::tempdir().unwrap();
        let folder = RunFolder::open(room.path(), configuration("auto"), false).unwrap();
        assert!(!folder.resumed);
        let run = folder.state.run.clone();
        let error = RunFolder::open(room.path(), configuration("auto"), false).unwrap_err();
        assert!(matches!(error, FolderError::InUse(_)), "{error}");
        drop(folder);
        let again = RunFolder::open(room.path(), configuration("auto"), false).unwrap();
        assert!(again.resumed && again.state.run == run);
        drop(again);
        let error = RunFolder::open(room.path(), configuration("best"), false).unwrap_err().to_string();
        assert!(error.contains("extraction was auto and is now best"), "{error}");
    }

    #[test]
    fn fresh_forgets_the_run_and_nothing_else() {
        let room = tempfile::tempdir().unwrap();
        let run = RunFolder::open(room.path(), configuration("auto"), false).unwrap().state.run;
        fs::write(room.path().join("results.jsonl"), "{}\n").unwrap();
        fs::write(room.path().join("notes.txt"), "mine").unwrap();
        let fresh = RunFolder::open(room.path(), configuration("best"), true).unwrap();
        assert_ne!(fresh.state.run, run);
        assert!(!room.path().join("results.jsonl").exists() && room.path().join("notes.txt").exists());
    }

    #[test]
    fn a_file_in_its_place_is_said() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("out");
        fs::write(&path, "").unwrap();
        let error = RunFolder::open(&path, configuration("auto"), false).unwrap_err().to_string();
        assert!(error.contains("not of a file"), "{error}");
    }
}
