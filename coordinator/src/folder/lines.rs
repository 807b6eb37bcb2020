//! Files of JSON lines that are appended to and survive a crash.

use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use super::FolderError;

/// A file to which whole lines are appended.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    writer: BufWriter<File>,
    end: u64,
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    /// Without the line feed.
    pub(super) bytes: u32,
}

/// A span as a table keeps it.
pub(crate) type StoredSpan = (u64, u32);

impl Span {
    pub(super) fn stored(self) -> StoredSpan {
        (self.offset, self.bytes)
    }

    pub(super) fn of((offset, bytes): StoredSpan) -> Self {
        Self { offset, bytes }
    }

    /// Reads the line at this place of `file`, which is at `path`.
    pub(super) fn read<T: DeserializeOwned>(self, file: &mut File, path: &Path) -> Result<T, FolderError> {
        let mut line = vec![0; self.bytes as usize];
        file.seek(SeekFrom::Start(self.offset))
            .and_then(|_| file.read_exact(&mut line))
            .map_err(FolderError::io(path, "reading a line back"))?;
        serde_json::from_slice(&line).map_err(|error| FolderError::Damaged {
            path: path.to_owned(),
            line: 0,
            reason: format!("what is at byte {}: {error}", self.offset),
        })
    }
}

impl Lines {
    /// Opens or creates the file, gives each line to `seen`, and cuts off a torn last one. Ends with the first error
    /// of `seen`.
    pub(super) fn open<T: DeserializeOwned>(
        path: &Path,
        mut seen: impl FnMut(Span, T) -> Result<(), FolderError>,
    ) -> Result<Self, FolderError> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(FolderError::io(path, "opening it"))?;
        let mut end = 0;
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            reader.read_until(b'\n', &mut line).map_err(FolderError::io(path, "reading it"))?;
            // Without its line feed a line was being written when the program ended.
            let Some(text) = line.strip_suffix(b"\n") else { break };
            let value = serde_json::from_slice(text).map_err(|error| FolderError::Damaged {
                path: path.to_owned(),
                line: number,
                reason: error.to_string(),
            })?;
            seen(Span { offset: end, bytes: text.len() as u32 }, value)?;
            end += line.len() as u64;
        }
        file.set_len(end).map_err(FolderError::io(path, "cutting off a torn line"))?;
        let mut writer = BufWriter::with_capacity(1 << 16, file);
        writer.seek(SeekFrom::Start(end)).map_err(FolderError::io(path, "reading it"))?;
        Ok(Self { path: path.to_owned(), writer, end })
    }

    /// Appends a line; it is not safe before [`flush`](Self::flush).
    pub(super) fn append<T: Serialize>(&mut self, value: &T) -> Result<Span, FolderError> {
        let mut line = serde_json::to_vec(value)
            .map_err(std::io::Error::from)
            .map_err(FolderError::io(&self.path, "writing a line"))?;
        let span = Span { offset: self.end, bytes: line.len() as u32 };
        line.push(b'\n');
        self.writer.write_all(&line).map_err(FolderError::io(&self.path, "writing a line"))?;
        self.end += line.len() as u64;
        Ok(span)
    }

    /// Hands everything to the operating system: it survives the end of this process, however it comes.
    pub(super) fn flush(&mut self) -> Result<(), FolderError> {
        self.writer.flush().map_err(FolderError::io(&self.path, "writing it"))
    }

    /// Hands everything to the disk: it survives the end of the machine.
    pub(super) fn sync(&mut self) -> Result<(), FolderError> {
        self.flush()?;
        self.writer.get_ref().sync_data().map_err(FolderError::io(&self.path, "writing it to the disk"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn reopen(path: &Path) -> (Lines, Vec<u32>) {
        let mut found = Vec::new();
        let lines = Lines::open(path, |_, value| {
            found.push(value);
            Ok(())
        })
        .unwrap();
        (lines, found)
    }

    #[test]
    fn a_torn_line_is_cut_off_and_what_follows_is_whole() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("lines");
        for torn in ["", "1", "12", "12\n3"] {
            fs::write(&path, format!("7\n8\n{torn}")).unwrap();
            let (mut lines, found) = reopen(&path);
            assert_eq!(found.len(), if torn == "12\n3" { 3 } else { 2 });
            lines.append(&99).unwrap();
            lines.flush().unwrap();
            assert_eq!(reopen(&path).1.last(), Some(&99));
        }
    }

    #[test]
    fn a_line_is_found_where_it_was_put() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("lines");
        let mut lines = reopen(&path).0;
        let spans = [7_u64, u64::MAX, 9].map(|value| lines.append(&value).unwrap());
        lines.flush().unwrap();
        let mut file = File::open(&path).unwrap();
        for (span, value) in spans.into_iter().zip([7_u64, u64::MAX, 9]).rev() {
            assert_eq!(span.read::<u64>(&mut file, &path).unwrap(), value);
        }
    }

    #[test]
    fn a_damaged_line_is_named_not_dropped() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("lines");
        fs::write(&path, "7\nx\n8\n").unwrap();
        let error = Lines::open(&path, |_, _: u32| Ok(())).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}
