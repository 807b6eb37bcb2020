//! `results.jsonl`: appended to while a run goes on, put into input order at its end.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    path::Path,
};

use sheaf_common::{
    id::{ContentHash, DocumentId},
    record::{CacheKind, CacheUse, Record, Status, Usage},
};

use super::{
    AcceptedLog, FolderError, RunFolder,
    lines::{Lines, Span},
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

impl ResultsFile {
    /// Opens the file of a run and gives each record in it to `seen`.
    pub fn open(folder: &RunFolder, mut seen: impl FnMut(Recorded, Record)) -> Result<Self, FolderError> {
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
        read_at(&mut self.reader, recorded.0, self.lines.path())
    }

    /// Puts the file into input order and gives each record to `each` on the way.
    ///
    /// Of documents with the same content and the same answer the first in the input becomes the one that was analysed,
    /// whichever finished first and whatever was done again after a crash: a record says the same in every mode.
    pub fn finish(
        mut self,
        accepted: &AcceptedLog,
        mut each: impl FnMut(u64, &Record),
    ) -> Result<(), FolderError> {
        self.lines.sync()?;
        let path = self.lines.path().to_owned();
        drop(self.lines);
        let mut places = Vec::new();
        let (mut met, mut repeated) = (HashSet::new(), HashSet::new());
        Lines::open(&path, |span, record: Record| {
            // A record of no accepted document cannot be: the log is written first.
            places.push((accepted.sequence(&record.id).unwrap_or(u64::MAX), Reverse(span.offset), span));
            if let Some(answer) = answer(&record).filter(|answer| !met.insert(*answer)) {
                repeated.insert(answer);
            }
        })?;
        drop(met);
        places.sort_unstable_by_key(|(sequence, offset, _)| (*sequence, *offset));
        // One terminal record each, whatever happened before: the last one.
        places.dedup_by_key(|(sequence, ..)| *sequence);

        let ordered = path.with_added_extension("tmp");
        let file = File::create(&ordered).map_err(FolderError::io(&ordered, "creating it"))?;
        let mut writer = BufWriter::with_capacity(1 << 16, file);
        let mut first_of: HashMap<[u8; 16], DocumentId> = HashMap::new();
        for (sequence, _, span) in places {
            let mut record = read_at(&mut self.reader, span, &path)?;
            if let Some(answer) = answer(&record) {
                record.cache = match first_of.get(&answer) {
                    Some(first) => CacheUse::copy_of(first.clone()),
                    None if record.cache.is_copy() => CacheUse::default(),
                    None => record.cache,
                };
                if !record.cache.is_copy() && repeated.contains(&answer) {
                    first_of.insert(answer, record.id.clone());
                }
            }
            serde_json::to_writer(&mut writer, &record)
                .map_err(std::io::Error::from)
                .and_then(|()| writer.write_all(b"\n"))
                .map_err(FolderError::io(&ordered, "writing a line"))?;
            each(sequence, &record);
        }
        let synced =
            writer.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        synced.map_err(FolderError::io(&ordered, "writing it to the disk"))?;
        fs::rename(&ordered, &path).map_err(FolderError::io(&path, "putting it in its place"))
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

fn read_at(file: &mut File, span: Span, path: &Path) -> Result<Record, FolderError> {
    let mut line = vec![0; span.bytes as usize];
    file.seek(SeekFrom::Start(span.offset))
        .and_then(|_| file.read_exact(&mut line))
        .map_err(FolderError::io(path, "reading a record back"))?;
    serde_json::from_slice(&line).map_err(|error| FolderError::Damaged {
        path: path.to_owned(),
        line: 0,
        reason: format!("the record at byte {}: {error}", span.offset),
    })
}
