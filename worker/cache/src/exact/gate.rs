//! Whether Redis is asked. Pure: who calls says when.
//!
//! After a failure nobody asks it but a probe now and then, so that no request pays the wait for a Redis that is away. An
//! outage is said once; those that follow each other closely are one to a person.

use std::time::Duration;

use sheaf_common::backoff::Backoff;
use tokio::time::Instant;

/// Between probes.
const PROBES: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
/// An outage that begins so soon after the last one was said is said only when it lasts as long.
const CLOSE: Duration = Duration::from_mins(1);

/// Open, or shut since a failure.
#[derive(Debug, Default)]
pub(super) struct Gate {
    shut: Option<Shut>,
    said: Option<Instant>,
}

#[derive(Debug)]
struct Shut {
    since: Instant,
    why: String,
    /// What failed, and is tried again.
    bucket: u8,
    probes: u32,
    probe: Instant,
    said: bool,
}

impl Gate {
    pub(super) fn is_open(&self) -> bool {
        self.shut.is_none()
    }

    /// A request for a bucket, or a probe, has failed. Returns what is to be said, if anything is.
    pub(super) fn failed(&mut self, bucket: u8, why: String, now: Instant, jitter: f64) -> Option<&str> {
        let shut = self.shut.get_or_insert(Shut {
            since: now,
            why: String::new(),
            bucket,
            probes: 0,
            probe: now,
            said: false,
        });
        shut.why = why;
        // Requests that were under way fail with the first one, and put the probe off no further.
        if now >= shut.probe {
            shut.probes += 1;
            shut.probe = now + PROBES.delay(shut.probes, jitter);
        }
        let close = self.said.is_some_and(|said| now.duration_since(said) < CLOSE);
        if shut.said || close {
            return None;
        }
        shut.said = true;
        self.said = Some(now);
        Some(&shut.why)
    }

    /// The bucket to be probed, when it is time.
    pub(super) fn due(&self, now: Instant) -> Option<u8> {
        self.shut.as_ref().filter(|shut| shut.probe <= now).map(|shut| shut.bucket)
    }

    /// When it is time for a probe; `None` while it is open.
    pub(super) fn probe(&self) -> Option<Instant> {
        self.shut.as_ref().map(|shut| shut.probe)
    }

    /// A probe was answered. Returns for how long Redis was away, when that is to be said.
    pub(super) fn opened(&mut self, now: Instant) -> Option<Duration> {
        let shut = self.shut.take()?;
        shut.said.then(|| now.duration_since(shut.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(gate: &mut Gate, now: Instant) -> bool {
        gate.failed(7, "refused".to_owned(), now, 1.0).is_some()
    }

    #[test]
    fn an_outage_is_said_once_and_its_end_once() {
        let (mut gate, begun) = (Gate::default(), Instant::now());
        assert!(gate.is_open() && failed(&mut gate, begun) && !gate.is_open());
        for second in 0..300 {
            assert!(!failed(&mut gate, begun + Duration::from_secs(second)));
        }
        let end = begun + Duration::from_mins(6);
        assert_eq!(gate.opened(end), Some(Duration::from_mins(6)));
        assert_eq!(gate.opened(end), None);
        assert!(failed(&mut gate, end), "the next one is said");
    }

    #[test]
    fn outages_that_follow_closely_are_one_unless_they_last() {
        let (mut gate, begun) = (Gate::default(), Instant::now());
        assert!(failed(&mut gate, begun));
        gate.opened(begun + Duration::from_secs(1));
        assert!(!failed(&mut gate, begun + Duration::from_secs(2)));
        assert_eq!(gate.opened(begun + Duration::from_secs(3)), None, "its end is not said either");
        assert!(!failed(&mut gate, begun + Duration::from_secs(4)));
        assert!(failed(&mut gate, begun + CLOSE), "one that lasts is said");
    }

    #[test]
    fn probes_go_to_what_failed_and_grow_rare() {
        let (mut gate, begun) = (Gate::default(), Instant::now());
        failed(&mut gate, begun);
        let first = gate.probe().unwrap();
        // Others that were under way.
        gate.failed(8, String::new(), begun + Duration::from_millis(1), 1.0);
        assert_eq!((gate.probe(), gate.due(begun), gate.due(first)), (Some(first), None, Some(7)));
        let mut now = first;
        for _ in 0..10 {
            failed(&mut gate, now);
            now = gate.probe().unwrap();
        }
        failed(&mut gate, now);
        assert_eq!(gate.probe(), Some(now + Duration::from_secs(5)));
    }
}
