//! Reads files, each on a thread of a few.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use sheaf_common::{
    fault::{Fault, FaultKind, said},
    threads::Threads,
};

use super::{
    Location,
    walk::{no_file, unreadable},
};

/// Stack of a thread that reads, in bytes: it holds a path at a time.
const STACK_BYTES: usize = 256 << 10;

/// Reads what is at a location.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    threads: Arc<Threads>,
    max_bytes: u64,
}

impl Reader {
    /// For `at_once` files at once, none of more than `max_bytes`.
    pub(crate) fn new(at_once: usize, max_bytes: u64) -> Self {
        Self { threads: Threads::new("reading", STACK_BYTES, at_once), max_bytes }
    }

    /// The bytes of the file at `location`.
    ///
    /// # Errors
    ///
    /// The fault of a document that is no file, cannot be read or is too large.
    pub(crate) async fn read(&self, location: &Location) -> Result<Bytes, Fault> {
        let path = match location {
            Location::File(path) => path.clone(),
            Location::Nowhere(fault) => return Err(fault.clone()),
            Location::Url(_) => {
                return Err(Fault::new(FaultKind::Internal, "an address was taken for a file", "run again"));
            }
        };
        let max_bytes = self.max_bytes;
        let reading = self.threads.begin(move || read(&path, max_bytes)).map_err(|error| {
            Fault::new(
                FaultKind::Internal,
                format!("no thread could be started to read the file: {}", said(&error)),
                "check ulimit -u and the memory that is left, then run again",
            )
        })?;
        reading.await.unwrap_or_else(|_| {
            Err(Fault::new(
                FaultKind::Internal,
                "the thread that read the file ended without an answer",
                "run again",
            ))
        })
    }
}

fn read(path: &Path, max_bytes: u64) -> Result<Bytes, Fault> {
    let too_large = |bytes: u64| {
        Fault::new(
            FaultKind::TooLarge,
            format!("the file has {bytes} bytes, the cap is {max_bytes}"),
            "raise --max-document if the document is worth it",
        )
    };
    // Before it is opened: opening a pipe would wait for somebody who writes to it.
    if !fs::metadata(path).map_err(|error| unreadable(&error))?.is_file() {
        return Err(no_file());
    }
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let length = file.metadata().map_err(|error| unreadable(&error))?.len();
    if length > max_bytes {
        return Err(too_large(length));
    }
    let mut body = Vec::with_capacity(length as usize);
    // A file may grow while it is read, and some have no length.
    file.take(max_bytes + 1).read_to_end(&mut body).map_err(|error| unreadable(&error))?;
    if body.len() as u64 > max_bytes { Err(too_large(body.len() as u64)) } else { Ok(body.into()) }
}
