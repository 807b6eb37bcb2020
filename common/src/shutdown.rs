//! Stopping in two steps: first drain, then stop at once.

use tokio_util::sync::CancellationToken;

/// Two tokens that every task of a program watches.
///
/// `drain` means: take no new work, finish what is in flight. `stop` means: hand back what is in flight and leave;
/// it is a child of nothing, and stopping implies draining.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    stop: CancellationToken,
}

impl Shutdown {
    /// A program that runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// A part of the program: it stops when the whole does, and may be stopped alone.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { drain: self.drain.child_token(), stop: self.stop.child_token() }
    }

    /// Asks every task to take no new work.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Asks every task to leave at once.
    pub fn stop(&self) {
        self.drain.cancel();
        self.stop.cancel();
    }

    /// The token that is cancelled when draining begins.
    pub fn draining(&self) -> &CancellationToken {
        &self.drain
    }

    /// The token that is cancelled when everything must stop.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Whether the program was asked to drain or stop.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stops_with_the_whole_and_not_the_reverse() {
        let whole = Shutdown::new();
        let (one, other) = (whole.part(), whole.part());
        one.drain();
        assert!(one.is_draining() && !other.is_draining() && !whole.is_draining());
        whole.stop();
        assert!(other.is_draining() && other.stopping().is_cancelled());
    }

    #[test]
    fn stopping_implies_draining_but_not_the_reverse() {
        let shutdown = Shutdown::new();
        shutdown.drain();
        assert!(shutdown.is_draining() && !shutdown.stopping().is_cancelled());
        let shutdown = Shutdown::new();
        shutdown.stop();
        assert!(shutdown.is_draining() && shutdown.stopping().is_cancelled());
    }
}
