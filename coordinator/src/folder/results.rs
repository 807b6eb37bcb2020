//! `results.jsonl`: appended to while a run goes on, put into input order at its end.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use sheaf_common::{
    id::{ContentHash, DocumentId},
    record::{CacheKind, CacheUse, Record, Status, Usage},
};
use sheaf_table::Table;

use super::{
    AcceptedLog, FolderError, RunFolder,
    lines::{Lines, Span, StoredSpan},
};

/// The file of records while a run goes on.
#[derive(Debug)]
pub struct ResultsFile {
    lines: Lines,
    reader: File,
}

/// A record that is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded(Span);

impl Recorded {
    /// As a table keeps it.
    pub(crate) fn stored(self) -> StoredSpan {
        self.0.stored()
    }

    pub(crate) fn of(stored: StoredSpan) -> Self {
        Self(Span::of(stored))
    }
}

impl ResultsFile {
    /// Opens the file of a run and gives each record in it to `seen`, whose first error ends it.
    pub fn open(
        folder: &RunFolder,
        mut seen: impl FnMut(Recorded, Record) -> Result<(), FolderError>,
    ) -> Result<Self, FolderError> {
        let path = folder.file("results.jsonl");
        let lines = Lines::open(&path, |span, record| seen(Recorded(span), record))?;
        let reader = File::open(&path).map_err(FolderError::io(&path, "reading it"))?;
        Ok(Self { lines, reader })
    }

    /// What the records of a run say was spent on models.
    pub fn spent(folder: &RunFolder) -> Result<Usage, FolderError> {
        let mut spent = Usage::default();
        Lines::open(&folder.file("results.jsonl"), |_, record: Record| {
            spent.input_tokens = spent.input_tokens.saturating_add(record.usage.input_tokens);
            spent.output_tokens = spent.output_tokens.saturating_add(record.usage.output_tokens);
            spent.cost_usd += record.usage.cost_usd;
            Ok(())
        })?;
        Ok(spent)
    }

    /// Appends a record. Not safe before [`flush`](Self::flush).
    pub fn append(&mut self, record: &Record) -> Result<Recorded, FolderError> {
        self.lines.append(record).map(Recorded)
    }

    /// Makes what was appended survive the end of this process.
    pub fn flush(&mut self) -> Result<(), FolderError> {
        self.lines.flush()
    }

    /// Reads a record back.
    pub fn read(&mut self, recorded: Recorded) -> Result<Record, FolderError> {
        self.lines.flush()?;
        recorded.0.read(&mut self.reader, self.lines.path())
    }

    /// Puts the file into input order and gives each record to `each` on the way.
    ///
    /// Of documents with the same content and the same answer the first in the input becomes the one that was analysed,
    /// whichever finished first and whatever was done again after a crash: a record says the same in every mode.
    pub fn finish<E: From<FolderError>>(
        mut self,
        folder: &RunFolder,
        accepted: &AcceptedLog,
        mut each: impl FnMut(u64, &Record) -> Result<(), E>,
    ) -> Result<(), E> {
        self.lines.sync()?;
        let path = self.lines.path().to_owned();
        drop(self.lines);
        let places = Places::find(folder, accepted, &path)?;

        let ordered = path.with_added_extension("tmp");
        let file = File::create(&ordered).map_err(FolderError::io(&ordered, "creating it"))?;
        let mut writer = BufWriter::with_capacity(1 << 16, file);
        for place in places.spans.scan() {
            let (sequence, span) = place.map_err(FolderError::from)?;
            let mut record: Record = Span::of(span).read(&mut self.reader, &path)?;
            places.tell_copy(&mut record)?;
            serde_json::to_writer(&mut writer, &record)
                .map_err(std::io::Error::from)
                .and_then(|()| writer.write_all(b"\n"))
                .map_err(FolderError::io(&ordered, "writing a line"))?;
            each(sequence, &record)?;
        }
        let synced =
            writer.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        synced.map_err(FolderError::io(&ordered, "writing it to the disk"))?;
        fs::rename(&ordered, &path).map_err(FolderError::io(&path, "putting it in its place"))?;
        Ok(())
    }
}

/// Where the records of a run stand, and which of their answers there are more than once.
struct Places {
    /// By place in the input.
    spans: Table<u64, StoredSpan>,
    answers: Table<[u8; 16], Vec<u8>>,
    /// Some answer is there more than once.
    any_repeated: bool,
}

impl Places {
    fn find(folder: &RunFolder, accepted: &AcceptedLog, path: &Path) -> Result<Self, FolderError> {
        let tables = folder.tables();
        let mut places = Self {
            spans: tables.table("places of records")?,
            answers: tables.table("answers")?,
            any_repeated: false,
        };
        Lines::open(path, |span, record: Record| {
            // A record of no accepted document cannot be: the log is written first.
            let sequence = accepted.sequence(&record.id)?.unwrap_or(u64::MAX);
            // One terminal record each, whatever happened before: the last one.
            places.spans.put(sequence, &span.stored())?;
            if let Some(answer) = answer(&record)
                && !places.answers.insert(answer, &Met::Once.stored())?
            {
                places.answers.put(answer, &Met::Repeatedly.stored())?;
                places.any_repeated = true;
            }
            Ok(())
        })?;
        Ok(places)
    }

    /// Has a record say whether it is a copy of an earlier one. Records are given in input order.
    fn tell_copy(&self, record: &mut Record) -> Result<(), FolderError> {
        let Some(answer) = answer(record) else { return Ok(()) };
        let met = if self.any_repeated { self.answers.get(answer)?.as_deref().map(Met::of) } else { None };
        if let Some(Met::First(first)) = met {
            record.cache = CacheUse::copy_of(first);
            return Ok(());
        }
        if record.cache.is_copy() {
            record.cache = CacheUse::default();
        }
        if let Some(Met::Repeatedly) = met {
            self.answers.put(answer, &Met::First(record.id.clone()).stored())?;
        }
        Ok(())
    }
}

/// What is known of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Met {
    Once,
    /// More than once, and the first in the input is still to come.
    Repeatedly,
    /// This document has it first.
    First(DocumentId),
}

impl Met {
    /// An id is never a single byte.
    const REPEATEDLY: &[u8] = b"+";

    fn stored(&self) -> Vec<u8> {
        match self {
            Self::Once => Vec::new(),
            Self::Repeatedly => Self::REPEATEDLY.to_vec(),
            Self::First(id) => id.as_str().into(),
        }
    }

    fn of(stored: &[u8]) -> Self {
        match stored {
            [] => Self::Once,
            Self::REPEATEDLY => Self::Repeatedly,
            id => Self::First(DocumentId::new(String::from_utf8_lossy(id))),
        }
    }
}

/// Stands for the content of an analysed document (its hash is one of its facts) and what was found in it.
fn answer(record: &Record) -> Option<[u8; 16]> {
    let analysed = record.status == Status::Ok && record.cache.kind != CacheKind::Semantic;
    let said = serde_json::to_vec(&(&record.document, &record.analysis)).ok().filter(|_| analysed)?;
    let mut half = [0; 16];
    half.copy_from_slice(&ContentHash::of(&said).0[..16]);
    Some(half)
}

#[cfg(test)]
mod tests {
    use super::{super::Configuration, *};
    use crate::{sample::analysed, source::Candidate};

    #[test]
    fn records_end_in_input_order_and_the_first_of_an_answer_is_no_copy() {
        let room = tempfile::tempdir().unwrap();
        let folder = RunFolder::open(room.path(), Configuration::new([]), false).unwrap();
        let mut log = AcceptedLog::open(&folder).unwrap();
        let ids: Vec<DocumentId> = (0..600)
            .map(|index| log.accept(Candidate::file(index.to_string().into())).unwrap().unwrap().id)
            .collect();
        let mut results = ResultsFile::open(&folder, |_, _| Ok(())).unwrap();
        // The last one finished first; of each three with one answer it was the one that was analysed.
        for (index, id) in ids.iter().enumerate().rev() {
            let mut record = analysed(id, "a", &(index % 200).to_string(), "final");
            if index < 400 {
                record.cache = CacheUse::copy_of(ids[index % 200 + 400].clone());
            }
            results.append(&record).unwrap();
        }
        // Done again, with an answer of its own: this record counts.
        results.append(&analysed(&ids[3], "a", "alone", "again")).unwrap();
        let mut seen = Vec::new();
        let each = |sequence, record: &Record| {
            assert_eq!(record.id, ids[sequence as usize]);
            seen.push((sequence, record.cache.of.clone()));
            Ok::<(), FolderError>(())
        };
        results.finish(&folder, &log, each).unwrap();
        let first = |index: usize| match index {
            3 => None,
            _ if index % 200 == 3 => (index > 203).then(|| ids[203].clone()),
            _ => (index >= 200).then(|| ids[index % 200].clone()),
        };
        let expected: Vec<_> = (0..600).map(|index| (index as u64, first(index))).collect();
        assert_eq!(seen, expected);
        let mut lines = Vec::new();
        ResultsFile::open(&folder, |_, record| {
            lines.push((record.id, record.cache.of));
            Ok(())
        })
        .unwrap();
        assert!(lines.into_iter().eq(ids.iter().cloned().zip(expected.into_iter().map(|(_, of)| of))));
    }

    #[test]
    fn what_is_known_of_an_answer_is_read_as_it_was_stored() {
        for met in [Met::Once, Met::Repeatedly, Met::First(DocumentId::of_source(b"a"))] {
            assert_eq!(Met::of(&met.stored()), met);
        }
    }
}
