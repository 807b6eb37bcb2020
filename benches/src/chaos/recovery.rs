//! From a blow to its recovery: what is missed, and when all of it is back. Pure: what was seen and when is given.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::plan::Blow;

/// The documents that are committed: a bit each, as Redis counts them.
#[derive(Debug, Clone, Default)]
pub(super) struct Done(pub(super) Vec<u8>);

impl Done {
    pub(super) fn contains(&self, document: u64) -> bool {
        let byte = usize::try_from(document / 8).ok().and_then(|at| self.0.get(at));
        byte.is_some_and(|byte| byte & (0x80 >> (document % 8)) != 0)
    }

    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|byte| byte.count_ones() as usize).sum()
    }
}

/// A run's state as seen at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Sight {
    /// Documents under lease, by worker.
    pub(super) leases: BTreeMap<String, BTreeSet<u64>>,
    /// Documents that are committed.
    pub(super) done: Done,
    /// Size of the results file.
    pub(super) results_bytes: u64,
}

/// What must be seen until all is back.
#[derive(Debug, Clone)]
enum Missed {
    /// Each document that the worker holds: committed, or with another worker.
    Jobs { worker: String, held: BTreeSet<u64> },
    /// A longer results file.
    Records { bytes: u64 },
    /// More documents committed.
    Commits { done: usize },
}

/// A blow and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) blow: Blow,
    pub(super) at: Instant,
    /// From the blow until all was back.
    pub(super) back: Option<Duration>,
    missed: Missed,
}

impl Case {
    /// A blow that a worker took.
    pub(super) fn of_worker(blow: Blow, worker: String, at: Instant) -> Self {
        Self { blow, at, back: None, missed: Missed::Jobs { worker, held: BTreeSet::new() } }
    }

    /// The coordinator was killed when the results file had so many bytes.
    pub(super) fn of_coordinator(results_bytes: u64, at: Instant) -> Self {
        Self { blow: Blow::KillCoordinator, at, back: None, missed: Missed::Records { bytes: results_bytes } }
    }

    /// Redis was killed when so many documents were committed.
    pub(super) fn of_redis(done: usize, at: Instant) -> Self {
        Self { blow: Blow::KillRedis, at, back: None, missed: Missed::Commits { done } }
    }

    /// Documents that the victim held; `None` where it is no worker.
    pub(super) fn held(&self) -> Option<usize> {
        match &self.missed {
            Missed::Jobs { held, .. } => Some(held.len()),
            Missed::Records { .. } | Missed::Commits { .. } => None,
        }
    }

    /// Looks whether all is back.
    pub(super) fn look(&mut self, sight: &Sight, now: Instant) {
        if self.back.is_some() {
            return;
        }
        let is_back = match &mut self.missed {
            Missed::Records { bytes } => sight.results_bytes > *bytes,
            Missed::Commits { done } => sight.done.count() > *done,
            Missed::Jobs { worker, held } => {
                let holds = sight.leases.get(worker).filter(|leases| !leases.is_empty());
                if let Some(leases) = holds {
                    held.extend(leases);
                }
                let elsewhere =
                    |document: &u64| sight.leases.values().any(|leases| leases.contains(document));
                holds.is_none()
                    && held.iter().all(|document| sight.done.contains(*document) || elsewhere(document))
            }
        };
        if is_back {
            self.back = Some(now.saturating_duration_since(self.at));
        }
    }

    /// The run is complete: whatever was missed is back by now.
    pub(super) fn complete(&mut self, now: Instant) {
        self.back.get_or_insert_with(|| now.saturating_duration_since(self.at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(leases: &[(&str, &[u64])], documents: &[u64]) -> Sight {
        let mut done = Done(vec![0; 2]);
        for document in documents {
            done.0[(document / 8) as usize] |= 0x80 >> (document % 8);
        }
        Sight {
            leases: leases
                .iter()
                .map(|(worker, held)| ((*worker).to_owned(), held.iter().copied().collect()))
                .collect(),
            done,
            results_bytes: 0,
        }
    }

    #[test]
    fn documents_are_counted_as_redis_counts_them() {
        let done = Done(vec![0b1000_0001, 0, 0b0100_0000]);
        assert_eq!((0..100).filter(|document| done.contains(*document)).collect::<Vec<_>>(), [0, 7, 17]);
        assert_eq!(done.count(), 3);
    }

    #[test]
    fn a_workers_jobs_are_back_when_the_last_of_them_is() {
        let at = Instant::now();
        let mut case = Case::of_worker(Blow::KillWorker, "a".to_owned(), at);
        let after = |millis| at + Duration::from_millis(millis);
        case.look(&sight(&[("a", &[1, 2, 3]), ("b", &[4])], &[]), after(50));
        assert_eq!((case.held(), case.back), (Some(3), None), "still the victim's");
        case.look(&sight(&[("b", &[4, 1])], &[2]), after(3_400));
        assert_eq!(case.back, None, "3 waits for a worker");
        case.look(&sight(&[("b", &[5])], &[1, 2, 4]), after(3_500));
        assert_eq!(case.back, None, "3 still waits for a worker");
        case.look(&sight(&[("b", &[5]), ("c", &[3])], &[1, 2, 4]), after(3_600));
        assert_eq!(case.back, Some(Duration::from_millis(3_600)));
        case.look(&sight(&[], &[]), after(9_000));
        assert_eq!(case.back, Some(Duration::from_millis(3_600)), "it stays");
    }

    #[test]
    fn a_worker_that_held_nothing_is_not_missed() {
        let at = Instant::now();
        let mut case = Case::of_worker(Blow::StopWorker, "a".to_owned(), at);
        case.look(&sight(&[("b", &[4])], &[]), at);
        assert_eq!((case.held(), case.back), (Some(0), Some(Duration::ZERO)));
    }

    #[test]
    fn the_coordinator_is_back_with_a_record_and_redis_with_a_commit() {
        let at = Instant::now();
        let (mut coordinator, mut redis) = (Case::of_coordinator(100, at), Case::of_redis(2, at));
        let mut look = |bytes, done: &[u64]| {
            let sight = Sight { results_bytes: bytes, ..sight(&[], done) };
            coordinator.look(&sight, at);
            redis.look(&sight, at);
            (coordinator.back.is_some(), redis.back.is_some())
        };
        assert_eq!(look(90, &[1]), (false, false), "a torn line was cut off");
        assert_eq!(look(100, &[1, 2]), (false, false));
        assert_eq!(look(101, &[1, 2]), (true, false));
        assert_eq!(look(101, &[1, 2, 3]), (true, true));
    }
}
