//! Which documents the run has accepted: each gets exactly one terminal record.

use std::{
    fs::File,
    io::{BufRead, BufReader},
};

use sheaf_common::id::DocumentId;
use sheaf_table::Table;

use super::{FolderError, RunFolder, lines::Lines};
use crate::source::Candidate;

/// An accepted document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Place in the input, from 0.
    pub sequence: u64,
    /// The document.
    pub id: DocumentId,
    /// Where it is and where it came from.
    pub candidate: Candidate,
    /// How many earlier sources name the same document; 0 for the first, which is the one that is analysed.
    pub repeats: u32,
}

/// The log of accepted documents. What it knows of each of them is in a table.
#[derive(Debug)]
pub struct AcceptedLog {
    lines: Lines,
    /// By the number of the id.
    known: Table<u64, StoredKnown>,
    documents: u64,
}

/// What is known of an accepted document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    sequence: u64,
    /// How often this enumeration has met its source.
    met: u32,
}

type StoredKnown = (u64, u32);

impl AcceptedLog {
    /// Opens the log of a run.
    pub fn open(folder: &RunFolder) -> Result<Self, FolderError> {
        let known = folder.tables().table("accepted documents")?;
        let mut documents = 0;
        let lines = Lines::open(&folder.state_file("accepted.jsonl"), |_, line: LogLine| {
            known.put(number(&line.id), &Known { sequence: documents, met: 0 }.stored())?;
            documents += 1;
            Ok(())
        })?;
        Ok(Self { lines, known, documents })
    }

    /// Accepts a candidate unless the run accepted it before. Not safe before [`flush`](Self::flush).
    pub fn accept(&mut self, candidate: Candidate) -> Result<Option<Accepted>, FolderError> {
        let Some((id, repeats)) = self.meet(&candidate.canonical())? else { return Ok(None) };
        let line = LogLine { id, repeats, candidate };
        self.lines.append(&line)?;
        let sequence = self.documents;
        self.documents += 1;
        let LogLine { id, repeats, candidate } = line;
        Ok(Some(Accepted { sequence, id, candidate, repeats }))
    }

    /// Whether a document with this canonical source was accepted.
    pub fn knows(&self, canonical: &[u8]) -> Result<bool, FolderError> {
        Ok(self.known(&DocumentId::of_source(canonical))?.is_some())
    }

    /// Meets a source in the enumeration: the id under which it is the next document, and how many earlier sources name
    /// the same; `None` when it was accepted before. The second and later meetings get ids of their own, the same ones
    /// in every enumeration of the same sources.
    fn meet(&mut self, canonical: &[u8]) -> Result<Option<(DocumentId, u32)>, FolderError> {
        let id = DocumentId::of_source(canonical);
        let next = Known { sequence: self.documents, met: 1 };
        if self.known.insert(number(&id), &next.stored())? {
            return Ok(Some((id, 0)));
        }
        let Some(known) = self.known(&id)? else { return Ok(None) };
        self.known.put(number(&id), &Known { met: known.met.saturating_add(1), ..known }.stored())?;
        if known.met == 0 {
            return Ok(None);
        }
        let again = [canonical, b"\0again:", known.met.to_string().as_bytes()].concat();
        let id = DocumentId::of_source(&again);
        let is_new = self.known.insert(number(&id), &Known { met: 0, ..next }.stored())?;
        Ok(is_new.then_some((id, known.met)))
    }

    fn known(&self, id: &DocumentId) -> Result<Option<Known>, FolderError> {
        Ok(self.known.get(number(id))?.map(Known::of))
    }

    /// Makes what was accepted survive the end of this process.
    pub fn flush(&mut self) -> Result<(), FolderError> {
        self.lines.flush()
    }

    /// Documents accepted so far.
    pub fn len(&self) -> u64 {
        self.documents
    }

    /// Whether nothing was accepted yet.
    pub fn is_empty(&self) -> bool {
        self.documents == 0
    }

    /// Place of a document in the input.
    pub fn sequence(&self, id: &DocumentId) -> Result<Option<u64>, FolderError> {
        Ok(self.known(id)?.map(|known| known.sequence))
    }

    /// The accepted documents in order, read back from the file.
    pub fn replay(&self) -> Result<impl Iterator<Item = Result<Accepted, FolderError>> + use<>, FolderError> {
        let path = self.lines.path().to_owned();
        let file = File::open(&path).map_err(FolderError::io(&path, "reading it"))?;
        Ok(BufReader::new(file).lines().enumerate().map(move |(index, line)| {
            let line = line.map_err(FolderError::io(&path, "reading it"))?;
            let LogLine { id, repeats, candidate } = serde_json::from_str(&line).map_err(|error| {
                FolderError::Damaged { path: path.clone(), line: index + 1, reason: error.to_string() }
            })?;
            Ok(Accepted { sequence: index as u64, id, candidate, repeats })
        }))
    }
}

impl Known {
    fn stored(self) -> StoredKnown {
        (self.sequence, self.met)
    }

    fn of((sequence, met): StoredKnown) -> Self {
        Self { sequence, met }
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct LogLine {
    id: DocumentId,
    #[serde(default, skip_serializing_if = "no_repeats")]
    repeats: u32,
    #[serde(flatten)]
    candidate: Candidate,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn no_repeats(repeats: &u32) -> bool {
    *repeats == 0
}

/// Ids are made by [`DocumentId::of_source`] and are numbers; anything else in a log shares one slot.
fn number(id: &DocumentId) -> u64 {
    id.number().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::Configuration, *};

    fn folder(room: &tempfile::TempDir) -> RunFolder {
        RunFolder::open(room.path(), Configuration::new([]), false).unwrap()
    }

    #[test]
    fn the_second_enumeration_accepts_only_what_is_new() {
        let room = tempfile::tempdir().unwrap();
        let folder = folder(&room);
        let names = ["a", "b", "a", "a"];
        let accept = |log: &mut AcceptedLog, name: &str| log.accept(Candidate::file(name.into())).unwrap();
        let mut log = AcceptedLog::open(&folder).unwrap();
        let first: Vec<_> = names.iter().map(|name| accept(&mut log, name).unwrap()).collect();
        assert_eq!(first.iter().map(|accepted| accepted.repeats).collect::<Vec<_>>(), [0, 0, 1, 2]);
        log.flush().unwrap();
        drop(log);

        let mut log = AcceptedLog::open(&folder).unwrap();
        assert!(names.iter().all(|name| accept(&mut log, name).is_none()));
        assert_eq!(accept(&mut log, "c").unwrap().sequence, 4);
        log.flush().unwrap();
        let replayed: Vec<_> = log.replay().unwrap().map(Result::unwrap).collect();
        assert_eq!(replayed[..4], first);
        assert_eq!(log.sequence(&replayed[4].id).unwrap(), Some(4));
    }
}
