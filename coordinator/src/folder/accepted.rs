//! Which documents the run has accepted: each gets exactly one terminal record.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs::File,
    io::{BufRead, BufReader},
};

use sheaf_common::id::DocumentId;

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

/// The log of accepted documents. In memory it keeps 12 bytes a document.
#[derive(Debug)]
pub struct AcceptedLog {
    lines: Lines,
    /// Sequence by the number of the id.
    sequences: HashMap<u64, u32>,
    /// How often this enumeration met each document more than once.
    repeats: HashMap<u64, u32>,
    /// Documents this enumeration has met.
    met: std::collections::HashSet<u64>,
}

impl AcceptedLog {
    /// Opens the log of a run.
    pub fn open(folder: &RunFolder) -> Result<Self, FolderError> {
        let mut sequences = HashMap::new();
        let lines = Lines::open(&folder.state_file("accepted.jsonl"), |_, line: LogLine| {
            let sequence = sequences.len() as u32;
            sequences.insert(number(&line.id), sequence);
        })?;
        Ok(Self { lines, sequences, repeats: HashMap::new(), met: std::collections::HashSet::new() })
    }

    /// Accepts a candidate unless the run accepted it before. Not safe before [`flush`](Self::flush).
    pub fn accept(&mut self, candidate: Candidate) -> Result<Option<Accepted>, FolderError> {
        let canonical = candidate.canonical();
        let (id, repeats) = self.name(&canonical);
        let sequence = self.sequences.len() as u32;
        match self.sequences.entry(number(&id)) {
            Entry::Occupied(_) => Ok(None),
            Entry::Vacant(vacant) => {
                vacant.insert(sequence);
                let line = LogLine { id, repeats, candidate };
                self.lines.append(&line)?;
                let LogLine { id, repeats, candidate } = line;
                Ok(Some(Accepted { sequence: u64::from(sequence), id, candidate, repeats }))
            }
        }
    }

    /// Whether a document with this canonical source was accepted.
    pub fn knows(&self, canonical: &[u8]) -> bool {
        self.sequences.contains_key(&number(&DocumentId::of_source(canonical)))
    }

    /// The id of this meeting of a document: the second and later meetings get ids of their own, the same ones in
    /// every enumeration of the same sources.
    fn name(&mut self, canonical: &[u8]) -> (DocumentId, u32) {
        let id = DocumentId::of_source(canonical);
        if self.met.insert(number(&id)) {
            return (id, 0);
        }
        let repeats = self.repeats.entry(number(&id)).or_default();
        *repeats += 1;
        let repeats = *repeats;
        let again = [canonical, b"\0again:", repeats.to_string().as_bytes()].concat();
        (DocumentId::of_source(&again), repeats)
    }

    /// Makes what was accepted survive the end of this process.
    pub fn flush(&mut self) -> Result<(), FolderError> {
        self.lines.flush()
    }

    /// Documents accepted so far.
    pub fn len(&self) -> usize {
        self.sequences.len()
    }

    /// Whether nothing was accepted yet.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// Place of a document in the input.
    pub fn sequence(&self, id: &DocumentId) -> Option<u64> {
        self.sequences.get(&number(id)).copied().map(u64::from)
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
        assert_eq!(log.sequence(&replayed[4].id), Some(4));
    }
}
