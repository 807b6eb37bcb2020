//! The lock of a private Redis's folder.
//!
//! The server inherits it, as its standard input, so that the system keeps it held for as long as anything of the server
//! runs, whoever else was killed.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::FileExt,
    path::Path,
    process::Stdio,
};

/// Its file; what is in it is the server's process id, for a person.
const FILE: &str = "redis.lock";

/// A lock that is held until the last of those who have it has ended.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock; `None` while somebody has it.
    pub(super) fn take(folder: &Path) -> io::Result<Option<Self>> {
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(folder.join(FILE))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// For a process that is to hold it, too.
    pub(super) fn handed_on(&self) -> io::Result<Stdio> {
        Ok(self.0.try_clone()?.into())
    }

    /// Says which process holds it.
    pub(super) fn name(&self, process: u32) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.write_all_at(format!("{process}\n").as_bytes(), 0)
    }
}

/// The process that holds the lock, as far as it has said so.
pub(super) fn holder(folder: &Path) -> Option<u32> {
    fs::read_to_string(folder.join(FILE)).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn whoever_was_handed_the_lock_holds_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap().unwrap();
        let mut holding = Command::new("sleep").arg("600").stdin(lock.handed_on().unwrap()).spawn().unwrap();
        lock.name(holding.id()).unwrap();
        drop(lock);
        let meanwhile = Lock::take(folder.path()).unwrap();
        let named = holder(folder.path());
        holding.kill().unwrap();
        holding.wait().unwrap();
        assert!(meanwhile.is_none());
        assert_eq!(named, Some(holding.id()));
        assert!(Lock::take(folder.path()).unwrap().is_some());
    }
}
