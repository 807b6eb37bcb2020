//! Strays: leases that Redis keeps for a worker of this process, and that nobody works on. An answer that carried jobs was
//! lost, or a commit or a release failed for good. Were they left alone, they would run out and be counted as deaths.

use std::{
    collections::HashSet,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use redis::cmd;
use tokio::time::Instant;

use super::{Core, entry_id, entry_number};
use crate::{
    id::{AttemptToken, WorkerId},
    keys::{GROUP, LANES},
    queue::QueueError,
    redis::Link,
};

/// Leases looked at in one question.
const PAGE: usize = 1_000;
/// How long a shard that does not answer is left alone where there are others.
const REST: Duration = Duration::from_secs(5);

impl Core {
    /// Where a worker may have strays, by shard. Every change under the lock is complete.
    fn suspects(&self) -> MutexGuard<'_, HashSet<(WorkerId, usize)>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that `worker` may have a stray in `shard`.
    pub(super) fn suspect(&self, worker: &WorkerId, shard: usize) {
        if shard < self.shards.len() {
            self.suspects().insert((worker.clone(), shard));
        }
    }

    /// The same of every shard.
    pub(super) fn suspect_all(&self, worker: &WorkerId) {
        self.suspects().extend((0..self.shards.len()).map(|shard| (worker.clone(), shard)));
    }

    /// Gives back every stray that there may be. The caller holds `delivering`: what is being delivered is no stray.
    ///
    /// A shard that fails is looked at again next time; the first error is returned when all is done.
    pub(super) async fn give_back_strays(&self, link: &Link) -> Result<(), QueueError> {
        let suspects: Vec<_> = self.suspects().iter().cloned().collect();
        let mut failed = None;
        for (worker, shard) in suspects {
            if self.rests(shard) {
                continue;
            }
            // Whoever suspects it from now on wants another look.
            self.suspects().remove(&(worker.clone(), shard));
            if let Err(error) = self.give_back_strays_of(link, &worker, shard).await {
                self.suspect(&worker, shard);
                self.let_rest(shard);
                failed = failed.or(Some(error));
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// The same from the heartbeat, which comes by where nobody leases for long: a worker may have its hands full.
    pub(super) async fn give_back_strays_by_the_way(&self) {
        if self.suspects().is_empty() {
            return;
        }
        // A lease call that is under way looks itself.
        let Ok(_delivering) = self.delivering.try_lock() else { return };
        if let Err(error) = self.give_back_strays(&self.beating).await {
            tracing::debug!(%error, "jobs that nobody works on could not be given back yet");
        }
    }

    async fn give_back_strays_of(
        &self,
        link: &Link,
        worker: &WorkerId,
        shard: usize,
    ) -> Result<(), QueueError> {
        for (lane, key) in self.shards[shard].lanes.iter().enumerate() {
            let mut from = "-".to_owned();
            loop {
                let mut pending = cmd("XPENDING");
                pending.arg(key).arg(GROUP).arg(&from).arg("+").arg(PAGE).arg(worker.as_str());
                let pending: Vec<(String, String, u64, u64)> = link
                    .query("looking for jobs that nobody works on", &pending)
                    .await
                    .map_err(|error| self.gone(error))?;
                let Some((last, ..)) = pending.last() else { break };
                from = format!("({last}");
                for (id, ..) in &pending {
                    let Some(number) = entry_number(id) else { continue };
                    let token = AttemptToken { place: (shard * LANES + lane) as u16, number };
                    if !self.leases().contains_key(&token) {
                        self.release_entry(link, token, worker, "u", Duration::ZERO).await?;
                        tracing::debug!(id = entry_id(number), "a job that nobody worked on was given back");
                    }
                }
            }
        }
        Ok(())
    }

    /// Leaves a shard alone for a while: each question to one that does not answer keeps the others waiting.
    pub(super) fn let_rest(&self, shard: usize) {
        if self.shards.len() > 1
            && let Some(until) = self.resting().get_mut(shard)
        {
            *until = Some(Instant::now() + REST);
        }
    }

    /// Whether a shard is left alone.
    pub(super) fn rests(&self, shard: usize) -> bool {
        self.resting().get(shard).copied().flatten().is_some_and(|until| Instant::now() < until)
    }

    fn resting(&self) -> MutexGuard<'_, Vec<Option<Instant>>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
