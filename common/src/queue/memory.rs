//! The queue of a run on one machine: in memory, bounded in jobs and bytes.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::{
    Collected, Commit, DEATHS_TO_POISON, JobQueue, Leased, QueueCounts, QueueError, Receipt, Release,
    given_up,
};
use crate::{
    id::{AttemptToken, WorkerId},
    job::{Job, Priority},
    record::Outcome,
};

/// Bounds of a [`MemoryQueue`].
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Jobs waiting to be leased; a push beyond it waits.
    pub ready_jobs: usize,
    /// Bytes of the bodies of jobs waiting to be leased; a push beyond it waits.
    pub ready_bytes: usize,
    /// Outcomes waiting to be collected; a commit beyond it waits.
    pub uncollected: usize,
    /// How long a lease holds without being extended.
    pub lease: Duration,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { ready_jobs: 64, ready_bytes: 32 << 20, uncollected: 256, lease: Duration::from_secs(30) }
    }
}

/// A queue in the memory of one process. Clocks are tokio's, so tests can pause them.
#[derive(Debug)]
pub struct MemoryQueue {
    limits: QueueLimits,
    state: Mutex<State>,
    /// A job became ready, or there is one to come.
    ready: Notify,
    /// A job was leased: there is room for a push.
    room: Notify,
    /// An outcome was committed.
    outcome: Notify,
    /// Outcomes were collected: there is room for a commit.
    collected: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Jobs that came back, then high, normal and low priority.
    ready: [VecDeque<Waiting>; 4],
    ready_bytes: usize,
    delayed: BinaryHeap<Reverse<Delayed>>,
    leases: HashMap<AttemptToken, Held>,
    outcomes: VecDeque<Outcome>,
    /// Last token and delayed-entry number given out.
    last: u64,
}

#[derive(Debug)]
struct Waiting {
    job: Job,
    pushed: Instant,
    /// Those that fell silent while they had it.
    workers: Vec<WorkerId>,
}

/// Ordered by due time, then by order of release.
#[derive(Debug)]
struct Delayed {
    due: Instant,
    number: u64,
    waiting: Waiting,
}

impl PartialEq for Delayed {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Delayed {}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Delayed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

#[derive(Debug)]
struct Held {
    waiting: Waiting,
    worker: WorkerId,
    expires: Instant,
}

impl State {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Makes a job ready for the first time.
    fn make_ready(&mut self, waiting: Waiting) {
        let lane = match waiting.job.priority {
            Priority::High => 1,
            Priority::Normal => 2,
            Priority::Low => 3,
        };
        self.put(lane, waiting);
    }

    /// Makes a job ready that came back.
    fn make_ready_again(&mut self, waiting: Waiting) {
        self.put(0, waiting);
    }

    fn put(&mut self, lane: usize, waiting: Waiting) {
        self.ready_bytes += waiting.job.body.len();
        self.ready[lane].push_back(waiting);
    }

    fn ready_jobs(&self) -> usize {
        self.ready.iter().map(VecDeque::len).sum()
    }

    fn promote_due(&mut self, now: Instant) {
        while self.delayed.peek().is_some_and(|Reverse(delayed)| delayed.due <= now) {
            if let Some(Reverse(delayed)) = self.delayed.pop() {
                self.make_ready_again(delayed.waiting);
            }
        }
    }

    fn take_ready(&mut self, worker: &WorkerId, most: usize, lease: Duration) -> Vec<Leased> {
        let now = Instant::now();
        self.promote_due(now);
        let mut leased = Vec::new();
        while leased.len() < most
            && let Some(waiting) = self.ready.iter_mut().find_map(VecDeque::pop_front)
        {
            self.ready_bytes -= waiting.job.body.len();
            let token = AttemptToken { place: 0, number: self.number().into() };
            leased.push(Leased { job: waiting.job.clone(), token, waited: now - waiting.pushed });
            self.leases.insert(token, Held { waiting, worker: worker.clone(), expires: now + lease });
        }
        leased
    }
}

impl MemoryQueue {
    /// An empty queue.
    pub fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
            ready: Notify::new(),
            room: Notify::new(),
            outcome: Notify::new(),
            collected: Notify::new(),
        }
    }

    /// Every change under the lock is complete before anything that could panic, so a poisoned lock is sound.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back the leases that are `over`, each a death of its worker.
    fn take_back(&self, over: impl Fn(&Held, Instant) -> bool) -> usize {
        let reclaimed = {
            let now = Instant::now();
            let mut state = self.state();
            let mut expired: Vec<_> =
                state.leases.iter().filter(|(_, held)| over(held, now)).map(|(token, _)| *token).collect();
            expired.sort_unstable();
            for token in &expired {
                let Some(mut held) = state.leases.remove(token) else { continue };
                held.waiting.job.counters.worker_deaths += 1;
                if held.waiting.job.counters.worker_deaths >= DEATHS_TO_POISON {
                    let waited = (now - held.waiting.pushed).as_secs_f64() * 1e3;
                    held.waiting.workers.push(held.worker);
                    let workers: Vec<&str> = held.waiting.workers.iter().map(WorkerId::as_str).collect();
                    state.outcomes.push_back(given_up(&held.waiting.job, &workers, waited));
                } else {
                    held.waiting.workers.push(held.worker);
                    state.make_ready_again(held.waiting);
                }
            }
            expired.len()
        };
        if reclaimed > 0 {
            self.ready.notify_waiters();
            self.outcome.notify_one();
            // Whoever waits to commit a reclaimed job must learn that its lease is gone.
            self.collected.notify_waiters();
        }
        reclaimed
    }

    /// Waits until `attempt` gives something, trying again after each notification; `None` after `deadline`.
    async fn until<T>(
        &self,
        changed: &Notify,
        deadline: Option<Instant>,
        mut attempt: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        loop {
            let change = changed.notified();
            tokio::pin!(change);
            // Registered before the look at the state, so that no notification falls between.
            change.as_mut().enable();
            let next_due = {
                let mut state = self.state();
                if let Some(done) = attempt(&mut state) {
                    return Some(done);
                }
                state.delayed.peek().map(|Reverse(delayed)| delayed.due)
            };
            let wake = [deadline, next_due].into_iter().flatten().min();
            match wake {
                None => change.await,
                Some(wake) => {
                    let woken = timeout_at(wake, change).await.is_ok();
                    if !woken && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                        return attempt(&mut self.state());
                    }
                }
            }
        }
    }
}

impl JobQueue for MemoryQueue {
    async fn push(&self, job: Job) -> Result<(), QueueError> {
        let bytes = job.body.len();
        let QueueLimits { ready_jobs, ready_bytes, .. } = self.limits;
        if bytes > ready_bytes {
            return Err(QueueError::JobTooLarge { bytes, limit: ready_bytes });
        }
        let mut waiting = Some(Waiting { job, pushed: Instant::now(), workers: Vec::new() });
        self.until(&self.room, None, |state| {
            let room = state.ready_jobs() < ready_jobs && state.ready_bytes + bytes <= ready_bytes;
            if room && let Some(waiting) = waiting.take() {
                state.make_ready(waiting);
            }
            room.then_some(())
        })
        .await;
        self.ready.notify_one();
        Ok(())
    }

    async fn lease(&self, worker: &WorkerId, most: usize, wait: Duration) -> Result<Vec<Leased>, QueueError> {
        let deadline = Instant::now() + wait;
        let leased = self
            .until(&self.ready, Some(deadline), |state| {
                let leased = state.take_ready(worker, most, self.limits.lease);
                (!leased.is_empty()).then_some(leased)
            })
            .await
            .unwrap_or_default();
        if !leased.is_empty() {
            self.room.notify_waiters();
            // Another worker may wait for what this one left.
            self.ready.notify_one();
        }
        Ok(leased)
    }

    async fn extend(&self, leases: &[AttemptToken]) -> Result<Vec<AttemptToken>, QueueError> {
        let expires = Instant::now() + self.limits.lease;
        let mut state = self.state();
        let mut lost = Vec::new();
        for token in leases {
            match state.leases.get_mut(token) {
                Some(held) => held.expires = expires,
                None => lost.push(*token),
            }
        }
        Ok(lost)
    }

    async fn commit(&self, lease: AttemptToken, outcome: Outcome) -> Result<Commit, QueueError> {
        let mut outcome = Some(outcome);
        let commit = self
            .until(&self.collected, None, |state| {
                if !state.leases.contains_key(&lease) {
                    return Some(Commit::LeaseLost);
                }
                if state.outcomes.len() >= self.limits.uncollected {
                    return None;
                }
                state.leases.remove(&lease);
                state.outcomes.extend(outcome.take());
                Some(Commit::Committed)
            })
            .await;
        self.outcome.notify_one();
        Ok(commit.unwrap_or(Commit::LeaseLost))
    }

    async fn release(&self, lease: AttemptToken, why: Release) -> Result<bool, QueueError> {
        {
            let mut state = self.state();
            let Some(mut held) = state.leases.remove(&lease) else { return Ok(false) };
            let counters = &mut held.waiting.job.counters;
            let delay = match why {
                Release::DocumentError { retry_after } => {
                    counters.document_errors += 1;
                    retry_after
                }
                Release::Backpressure { retry_after } => {
                    counters.backpressure_waits += 1;
                    retry_after
                }
                Release::HandBack => {
                    counters.hand_backs += 1;
                    Duration::ZERO
                }
            };
            if delay.is_zero() {
                state.make_ready_again(held.waiting);
            } else {
                let number = state.number();
                let delayed = Delayed { due: Instant::now() + delay, number, waiting: held.waiting };
                state.delayed.push(Reverse(delayed));
            }
        }
        self.ready.notify_waiters();
        Ok(true)
    }

    async fn reclaim(&self) -> Result<usize, QueueError> {
        Ok(self.take_back(|held, now| held.expires <= now))
    }

    async fn reclaim_from(&self, worker: &WorkerId, silent: Duration) -> Result<usize, QueueError> {
        let lease = self.limits.lease;
        Ok(self.take_back(|held, now| held.worker == *worker && held.expires + silent <= now + lease))
    }

    async fn collect(&self, most: usize, wait: Duration) -> Result<Collected, QueueError> {
        let deadline = Instant::now() + wait;
        let outcomes = self
            .until(&self.outcome, Some(deadline), |state| {
                let count = state.outcomes.len().min(most);
                (count > 0).then(|| state.outcomes.drain(..count).collect::<Vec<_>>())
            })
            .await
            .unwrap_or_default();
        if !outcomes.is_empty() {
            self.collected.notify_waiters();
        }
        Ok(Collected { outcomes, receipt: Receipt::default() })
    }

    /// What is in memory is gone with the process: there is nothing to keep until then.
    async fn confirm(&self, _: Receipt) -> Result<(), QueueError> {
        Ok(())
    }

    async fn counts(&self) -> Result<QueueCounts, QueueError> {
        let state = self.state();
        Ok(QueueCounts {
            ready: state.ready_jobs(),
            delayed: state.delayed.len(),
            leased: state.leases.len(),
            uncollected: state.outcomes.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::conformance, *};

    async fn fresh() -> MemoryQueue {
        MemoryQueue::new(QueueLimits {
            ready_jobs: conformance::ROOM,
            uncollected: conformance::UNCOLLECTED,
            lease: conformance::LEASE,
            ..QueueLimits::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn conforms() {
        conformance::suite(fresh).await;
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_are_bounded_too() {
        let queue = MemoryQueue::new(QueueLimits { ready_bytes: 10, ..QueueLimits::default() });
        queue.push(conformance::job(1)).await.unwrap();
        let second = queue.push(conformance::job(2));
        assert!(
            tokio::time::timeout(Duration::from_secs(1), second).await.is_err(),
            "12 bytes do not fit 10"
        );
        let mut large = conformance::job(3);
        large.body = vec![0; 11].into();
        let refused = queue.push(large).await.unwrap_err().to_string();
        assert_eq!(refused, "a job of 11 bytes does not fit the queue's 10 bytes");
    }
}
