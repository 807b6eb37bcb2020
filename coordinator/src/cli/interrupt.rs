//! Ctrl-C and SIGTERM: the first drains, the second stops.

use std::{io, process, sync::Arc, time::Duration};

use sheaf_common::shutdown::Shutdown;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::{INTERRUPTED, note};
use crate::progress::Tally;

/// How long the tasks of a run may take to leave after a stop. What is written is safe by then, so a program that is
/// held up, by a disk or a network drive, is ended all the same.
const LEAVE: Duration = Duration::from_secs(1);

/// Watches for signals. Returns an error when the system does not let us.
pub(super) fn watch(shutdown: Shutdown, tally: Arc<Tally>) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if shutdown.is_draining() {
                note("stopping at once; the same command carries on");
                shutdown.stop();
                tokio::time::sleep(LEAVE).await;
                process::exit(i32::from(INTERRUPTED));
            }
            note("finishing what is in flight; once more stops at once");
            tally.draining();
            shutdown.drain();
        }
    });
    Ok(())
}
