//! Ctrl-C and SIGTERM: the first drains, the second stops.

use std::{io, sync::Arc};

use sheaf_common::shutdown::Shutdown;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::note;
use crate::progress::Tally;

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
                return;
            }
            note("finishing what is in flight; once more stops at once");
            tally.draining();
            shutdown.drain();
        }
    });
    Ok(())
}
