//! A journal of batches in a folder: for the one process that has the folder.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};

use super::{
    id::{CustomId, SubmissionId},
    store::{Known, Outcome, Step, Store, StoreError, Submission},
};

/// The one file in the folder.
const FILE: &str = "batches.jsonl";
/// Longest line that is believed to be ours: an answer is far below it.
const LONGEST_LINE: u64 = 64 << 20;

/// A file of JSON lines that is only ever appended to, and synced to the disk before a call is answered. A torn last line,
/// which a crash may leave, is cut off: it was never answered for.
///
/// Answers stay in the file; in memory there are some 100 bytes a request.
#[derive(Debug)]
pub struct FolderStore {
    journal: Arc<Mutex<Journal>>,
}

#[derive(Debug)]
struct Journal {
    path: PathBuf,
    file: File,
    end: u64,
    open: BTreeMap<SubmissionId, Submission>,
    /// Requests of open submissions.
    held: HashMap<CustomId, SubmissionId>,
    /// Where the line of an outcome stands: its offset, and its bytes without the line feed.
    outcomes: HashMap<CustomId, (u64, usize)>,
    tries: HashMap<CustomId, u32>,
    /// Who looks after a submission, and until when. They end with this process, as do all who could hold one.
    leases: HashMap<SubmissionId, (String, Instant)>,
}

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Begun(Submission),
    Uploaded { id: SubmissionId, file: String },
    Accepted { id: SubmissionId, batch: String },
    Outcome { of: CustomId, outcome: Outcome },
    Ended { id: SubmissionId, tried: Vec<CustomId> },
}

impl FolderStore {
    /// Opens the journal in `folder`, which is made where it is not there. Reads the whole file: call it where blocking
    /// does no harm. The caller sees to it that no other process has the folder.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written, or has a line that is not one of ours.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let failed =
            |doing| move |path: &Path, error| StoreError::File { path: path.to_owned(), doing, error };
        fs::create_dir_all(folder).map_err(|error| failed("making its folder")(folder, error))?;
        let opening = File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let file = opening.map_err(|error| failed("opening it")(&path, error))?;
        // A file that was just made is in its folder for good only when the folder is synced too.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| failed("syncing its folder")(folder, error))?;
        let mut journal = Journal {
            path,
            file,
            end: 0,
            open: BTreeMap::new(),
            held: HashMap::new(),
            outcomes: HashMap::new(),
            tries: HashMap::new(),
            leases: HashMap::new(),
        };
        journal.read()?;
        Ok(Self { journal: Arc::new(Mutex::new(journal)) })
    }

    /// Does something with the journal where blocking does no harm.
    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Journal) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let journal = Arc::clone(&self.journal);
        let work = move || work(&mut journal.lock().unwrap_or_else(PoisonError::into_inner));
        async move { tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Ending)) }.boxed()
    }
}

impl Store for FolderStore {
    fn is_shared(&self) -> bool {
        false
    }

    fn look<'a>(&'a self, ids: &'a [CustomId]) -> BoxFuture<'a, Result<Vec<Known>, StoreError>> {
        let ids = ids.to_vec();
        self.with(move |journal| ids.iter().map(|id| journal.look(id)).collect())
    }

    fn begin<'a>(
        &'a self,
        submission: &'a Submission,
        holder: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Vec<CustomId>, StoreError>> {
        let (mut submission, holder) = (submission.clone(), holder.to_owned());
        self.with(move |journal| {
            if let Some(begun) = journal.open.get(&submission.id) {
                return Ok(begun.items.clone());
            }
            submission
                .items
                .retain(|id| !journal.held.contains_key(id) && !journal.outcomes.contains_key(id));
            let items = submission.items.clone();
            if !items.is_empty() {
                let id = submission.id.clone();
                journal.append(&[Entry::Begun(submission)])?;
                journal.leases.insert(id, (holder, Instant::now() + lease));
            }
            Ok(items)
        })
    }

    fn note<'a>(&'a self, id: &'a SubmissionId, step: &'a Step) -> BoxFuture<'a, Result<bool, StoreError>> {
        let id = id.clone();
        let entry = match step.clone() {
            Step::Uploaded(file) => Entry::Uploaded { id: id.clone(), file },
            Step::Accepted(batch) => Entry::Accepted { id: id.clone(), batch },
        };
        self.with(move |journal| {
            let is_open = journal.open.contains_key(&id);
            if is_open {
                journal.append(&[entry])?;
            }
            Ok(is_open)
        })
    }

    fn end<'a>(
        &'a self,
        id: &'a SubmissionId,
        outcomes: &'a [(CustomId, Outcome)],
        tried: &'a [CustomId],
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        let mut entries: Vec<Entry> = outcomes
            .iter()
            .map(|(of, outcome)| Entry::Outcome { of: of.clone(), outcome: outcome.clone() })
            .collect();
        entries.push(Entry::Ended { id: id.clone(), tried: tried.to_vec() });
        let id = id.clone();
        self.with(move |journal| {
            let is_open = journal.open.contains_key(&id);
            if is_open {
                journal.append(&entries)?;
            }
            Ok(is_open)
        })
    }

    fn open(&self) -> BoxFuture<'_, Result<Vec<Submission>, StoreError>> {
        self.with(|journal| Ok(journal.open.values().cloned().collect()))
    }

    fn lease<'a>(
        &'a self,
        id: &'a SubmissionId,
        holder: &'a str,
        life: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        let (id, holder) = (id.clone(), holder.to_owned());
        self.with(move |journal| {
            let now = Instant::now();
            let others = journal.leases.get(&id).is_some_and(|(by, until)| *by != holder && *until > now);
            let granted = !others && journal.open.contains_key(&id);
            if granted {
                journal.leases.insert(id, (holder, now + life));
            }
            Ok(granted)
        })
    }

    fn forget(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|journal| {
            journal.file.set_len(0).map_err(|error| journal.failed("emptying it", error))?;
            journal.end = 0;
            journal.open.clear();
            journal.held.clear();
            journal.outcomes.clear();
            journal.tries.clear();
            journal.leases.clear();
            Ok(())
        })
    }
}

impl Journal {
    fn failed(&self, doing: &'static str, error: std::io::Error) -> StoreError {
        StoreError::File { path: self.path.clone(), doing, error }
    }

    /// Reads every line and cuts off a torn last one.
    fn read(&mut self) -> Result<(), StoreError> {
        let copy = self.file.try_clone().map_err(|error| self.failed("reading it", error))?;
        let mut reader = BufReader::new(copy);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let mut bounded = std::io::Read::take(&mut reader, LONGEST_LINE);
            bounded.read_until(b'\n', &mut line).map_err(|error| self.failed("reading it", error))?;
            let Some(text) = line.strip_suffix(b"\n") else {
                if line.len() as u64 == LONGEST_LINE {
                    return Err(self.damaged(number, "it is too long"));
                }
                break;
            };
            let entry =
                serde_json::from_slice(text).map_err(|error| self.damaged(number, &error.to_string()))?;
            self.apply(entry, self.end, text.len());
            self.end += line.len() as u64;
        }
        self.file.set_len(self.end).map_err(|error| self.failed("cutting off a torn line", error))
    }

    fn damaged(&self, line: usize, why: &str) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), line, why: why.to_owned() }
    }

    /// Writes lines, syncs them to the disk, and only then takes them for true.
    fn append(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let mut lines = Vec::new();
        let mut spans = Vec::with_capacity(entries.len());
        for entry in entries {
            let line =
                serde_json::to_vec(entry).map_err(|error| self.failed("writing a line", error.into()))?;
            spans.push((self.end + lines.len() as u64, line.len()));
            lines.extend_from_slice(&line);
            lines.push(b'\n');
        }
        let written = self.file.write_all_at(&lines, self.end).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // What was written of it must not stand before the next line. Should this fail too, the next write covers it.
            let _ = self.file.set_len(self.end);
            return Err(self.failed("writing it to the disk", error));
        }
        self.end += lines.len() as u64;
        for (entry, (offset, bytes)) in entries.iter().zip(spans) {
            self.apply_copy(entry, offset, bytes);
        }
        Ok(())
    }

    fn apply_copy(&mut self, entry: &Entry, offset: u64, bytes: usize) {
        match entry {
            // An outcome is large and stays in the file.
            Entry::Outcome { of, .. } => {
                self.outcomes.entry(of.clone()).or_insert((offset, bytes));
            }
            Entry::Begun(submission) => self.begun(submission.clone()),
            Entry::Uploaded { id, file } => self.uploaded(id, file.clone()),
            Entry::Accepted { id, batch } => self.accepted(id, batch.clone()),
            Entry::Ended { id, tried } => self.ended(id, tried),
        }
    }

    fn apply(&mut self, entry: Entry, offset: u64, bytes: usize) {
        match entry {
            Entry::Begun(submission) => self.begun(submission),
            other => self.apply_copy(&other, offset, bytes),
        }
    }

    fn begun(&mut self, submission: Submission) {
        for item in &submission.items {
            self.held.insert(item.clone(), submission.id.clone());
        }
        self.open.insert(submission.id.clone(), submission);
    }

    fn uploaded(&mut self, id: &SubmissionId, file: String) {
        if let Some(submission) = self.open.get_mut(id) {
            submission.file = Some(file);
        }
    }

    fn accepted(&mut self, id: &SubmissionId, batch: String) {
        if let Some(submission) = self.open.get_mut(id) {
            submission.batch = Some(batch);
        }
    }

    fn ended(&mut self, id: &SubmissionId, tried: &[CustomId]) {
        let Some(submission) = self.open.remove(id) else { return };
        self.leases.remove(id);
        let tried: HashSet<&CustomId> = tried.iter().collect();
        for item in &submission.items {
            self.held.remove(item);
            if self.outcomes.contains_key(item) {
                self.tries.remove(item);
            } else if tried.contains(item) {
                *self.tries.entry(item.clone()).or_default() += 1;
            }
        }
    }

    fn look(&self, id: &CustomId) -> Result<Known, StoreError> {
        if let Some((offset, bytes)) = self.outcomes.get(id) {
            let mut line = vec![0; *bytes];
            let reading = self.file.read_exact_at(&mut line, *offset);
            reading.map_err(|error| self.failed("reading an outcome", error))?;
            return match serde_json::from_slice(&line) {
                Ok(Entry::Outcome { outcome, .. }) => Ok(Known::Done(outcome)),
                _ => Err(self.damaged(0, "an outcome is not where it was written")),
            };
        }
        let tries = self.tries.get(id).copied().unwrap_or_default();
        Ok(if self.held.contains_key(id) { Known::Held(tries) } else { Known::Free(tries) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::conformance::{answer, submission, suite};

    #[tokio::test]
    async fn what_was_answered_for_is_there_after_a_crash_at_any_byte() {
        let room = tempfile::tempdir().unwrap();
        let (first, second) = (submission(0..3), submission(3..5));
        let store = FolderStore::open(room.path()).unwrap();
        let mut ends = vec![0];
        let length = || fs::metadata(room.path().join(FILE)).unwrap().len();
        store.begin(&first, "a", Duration::ZERO).await.unwrap();
        ends.push(length());
        store.note(&first.id, &Step::Accepted("batch_1".to_owned())).await.unwrap();
        ends.push(length());
        store.begin(&second, "a", Duration::ZERO).await.unwrap();
        ends.push(length());
        let outcomes = [(first.items[0].clone(), answer("zero"))];
        store.end(&first.id, &outcomes, &first.items[1..2]).await.unwrap();
        ends.push(length());
        let whole = fs::read(room.path().join(FILE)).unwrap();
        drop(store);
        // Around the end of every call, and here and there in between.
        let cuts = (0..=whole.len())
            .filter(|cut| cut % 29 == 0 || ends.iter().any(|end| end.abs_diff(*cut as u64) < 2));
        for cut in cuts {
            fs::write(room.path().join(FILE), &whole[..cut]).unwrap();
            let store = FolderStore::open(room.path()).unwrap();
            let calls = ends.iter().filter(|end| **end > 0 && **end <= cut as u64).count();
            let open = store.open().await.unwrap();
            assert_eq!(open.len(), [0, 1, 1, 2, 1][calls], "cut at {cut}");
            if calls == 2 || calls == 3 {
                let of_first = open.iter().find(|open| open.id == first.id).unwrap();
                assert_eq!(of_first.batch.as_deref(), Some("batch_1"), "cut at {cut}");
            }
            if calls == 4 {
                let known = store.look(&first.items).await.unwrap();
                assert_eq!(known, [Known::Done(answer("zero")), Known::Free(1), Known::Free(0)]);
            }
            // And it can be gone on with.
            let third = submission(9..10);
            store.begin(&third, "a", Duration::ZERO).await.unwrap();
            drop(store);
            let store = FolderStore::open(room.path()).unwrap();
            assert_eq!(store.look(&third.items).await.unwrap(), [Known::Held(0)], "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn a_folder_does_as_every_store() {
        let room = tempfile::tempdir().unwrap();
        suite(&FolderStore::open(room.path()).unwrap()).await;
    }

    #[test]
    fn a_damaged_line_is_named() {
        let room = tempfile::tempdir().unwrap();
        fs::write(room.path().join(FILE), "{\"ended\":{\"id\":\"x\",\"tried\":[]}}\nnonsense\n{}\n").unwrap();
        let said = FolderStore::open(room.path()).unwrap_err().to_string();
        assert!(said.contains("line 2") && said.contains("batches.jsonl"), "{said}");
    }
}
