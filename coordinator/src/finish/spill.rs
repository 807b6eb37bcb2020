//! Files for what a report brings together.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use sheaf_report::{Spill, SpillFile};

/// Lends files that have a name only while they are made: however the process ends, their room comes back.
#[derive(Debug)]
pub(super) struct DiskSpill {
    path: PathBuf,
    made: AtomicU32,
}

impl DiskSpill {
    /// Lends files that are made at `path` with a number, where nobody else makes any.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, made: AtomicU32::new(0) }
    }
}

impl Spill for DiskSpill {
    fn file(&self) -> io::Result<Box<dyn SpillFile>> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let path = self.path.with_added_extension(number.to_string());
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&path)?;
        // Where an open file cannot lose its name it keeps it, until the next report is made there.
        let _keeps_its_name = fs::remove_file(&path);
        Ok(Box::new(Unnamed(file)))
    }
}

struct Unnamed(File);

impl SpillFile for Unnamed {
    fn read(&self, mut at: u64, mut bytes: &mut [u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.0.read_at(bytes, at) {
                Ok(0) => break,
                Ok(read) => {
                    at += read as u64;
                    bytes = bytes.get_mut(read..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // Behind the end nothing was written.
        bytes.fill(0);
        Ok(())
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_no_name_and_read_as_zero_where_nothing_was_written() {
        let room = tempfile::tempdir().unwrap();
        let spill = DiskSpill::at(room.path().join("report"));
        let (mut one, other) = (spill.file().unwrap(), spill.file().unwrap());
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 0);
        one.write(5_000, &[7, 8]).unwrap();
        let mut bytes = [9; 4];
        for (at, expected) in [(0, [0; 4]), (4_999, [0, 7, 8, 0]), (5_001, [8, 0, 0, 0]), (9_000, [0; 4])] {
            one.read(at, &mut bytes).unwrap();
            assert_eq!(bytes, expected);
        }
        other.read(5_000, &mut bytes).unwrap();
        assert_eq!(bytes, [0; 4]);
    }
}
