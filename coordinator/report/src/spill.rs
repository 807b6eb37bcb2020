//! Files that the caller lends, for what would not fit in memory.

use std::io;

/// Lends files for what grows with the set, so that memory need not: on a disk, or [`InMemory`] for a set that is known to
/// be small.
pub trait Spill {
    /// Lends an empty file of its own. It is given back by dropping it; nothing in it is kept.
    fn file(&self) -> io::Result<Box<dyn SpillFile>>;
}

/// Bytes at places from 0, all of them zero until they are written; there is no end.
///
/// No call is left half done: it reads or writes all of `bytes`, or fails. Places may be written in any order and with
/// gaps between them, which should take no room.
pub trait SpillFile: Send {
    /// Reads the bytes from place `at` on.
    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Writes the bytes from place `at` on.
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
}

/// Files in memory, for tests and for sets that are known to be small.
#[derive(Debug, Clone, Copy, Default)]
pub struct InMemory;

impl Spill for InMemory {
    fn file(&self) -> io::Result<Box<dyn SpillFile>> {
        Ok(Box::new(Vec::new()))
    }
}

impl SpillFile for Vec<u8> {
    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(at).unwrap_or(usize::MAX).min(self.len());
        let known = self.get(start..).unwrap_or_default();
        let (read, beyond) = bytes.split_at_mut(known.len().min(bytes.len()));
        read.copy_from_slice(known.get(..read.len()).unwrap_or_default());
        beyond.fill(0);
        Ok(())
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let start = usize::try_from(at).map_err(io::Error::other)?;
        let end = start.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        if self.len() < end {
            self.resize(end, 0);
        }
        if let Some(place) = self.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_written_is_zero() {
        let mut file = InMemory.file().unwrap();
        file.write(3, &[7, 8]).unwrap();
        let mut bytes = [9; 4];
        for (at, expected) in [(0, [0, 0, 0, 7]), (2, [0, 7, 8, 0]), (4, [8, 0, 0, 0]), (u64::MAX, [0; 4])] {
            file.read(at, &mut bytes).unwrap();
            assert_eq!(bytes, expected);
        }
    }
}
