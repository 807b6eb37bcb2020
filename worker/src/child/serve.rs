//! The child's end: reads tasks, answers each, leaves when the parent does.

use std::{
    io,
    os::{fd::AsFd, unix::net::UnixStream},
    process,
    sync::mpsc,
    thread,
};

use rlimit::{Resource, setrlimit};
use sheaf_common::{
    fault::{Fault, FaultKind},
    wire::{self, Reply},
};

use super::{FRAME_LIMIT, STACK_BYTES, frame};
use crate::analyst;

/// Serves the parent over standard input until it closes.
///
/// `memory_bytes` caps the private memory of this process beyond its stack: an allocation beyond it ends the process,
/// and the parent sees why.
pub fn serve(memory_bytes: u64) -> io::Result<()> {
    // Counted by the kernel: private writable memory, which includes the parsing thread's stack. Enforced on Linux.
    let limit = memory_bytes.saturating_add(STACK_BYTES as u64);
    setrlimit(Resource::DATA, limit, limit)?;
    // A crash must not leave a memory image of somebody's document on disk.
    setrlimit(Resource::CORE, 0, 0)?;
    // The parent says in one line what happened; a back-trace of the parser would bury it.
    std::panic::set_hook(Box::new(|_| {}));

    let mut tasks_in = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut replies_out = tasks_in.try_clone()?;
    // One task at a time: the parent waits for each reply.
    let (tasks, queued) = mpsc::sync_channel::<Vec<u8>>(1);
    thread::Builder::new().name("parse".to_owned()).stack_size(STACK_BYTES).spawn(move || {
        for task in queued {
            let sent =
                answer(task).and_then(|reply| frame::write_blocking(&mut replies_out, &reply, FRAME_LIMIT));
            if sent.is_err() {
                process::exit(1);
            }
        }
    })?;
    // This thread sees the parent go even while the other one hangs in a parser.
    while let Some(task) = frame::read_blocking(&mut tasks_in, FRAME_LIMIT)? {
        if tasks.send(task).is_err() {
            break;
        }
    }
    process::exit(0)
}

fn answer(task: Vec<u8>) -> io::Result<Vec<u8>> {
    let outcome = match wire::decode_task(task.into()) {
        Ok((job, options)) => analyst::analyse(&job, options),
        Err(error) => Err(Fault::new(
            FaultKind::Internal,
            format!("a child process could not read its task: {error}"),
            "parent and child must be the same program; was it replaced while it ran?",
        )),
    };
    wire::encode_reply(&Reply { outcome, resident_bytes: resident_bytes() }).map_err(io::Error::other)
}

/// Resident memory of this process; 0 where it cannot be told, so that the child is kept.
fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split_whitespace().nth(1)?.parse::<u64>().ok())
        .map_or(0, |pages| pages * PAGE_BYTES)
}
