//! The operations behind the door: each a script for each shard that it concerns.

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use redis::Cmd;
use tokio::time::Instant;

use super::{
    Core, Finished, Lease, TAKEN_BACK,
    absence::Absences,
    entry_id,
    parcel::Parcel,
    script::{COMMIT, EXTEND, LOOK, OPEN, PUSH, RECLAIM, RELEASE},
    shard_of,
};
use crate::{
    id::{AttemptToken, WorkerId},
    keys::{GROUP, LANES, ShardKeys},
    queue::{Commit, DEATHS_TO_POISON, ERRORS_TO_POISON, QueueError},
    redis::{Link, Patience, RedisError},
};

/// An answer that takes longer than this comes from a Redis that was hanging: a heartbeat is missed by then.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Sent once: who asks wants to know when it fails.
const ONCE: Patience = Patience::For(Duration::ZERO);
/// Leases extended in one script: Lua takes only some 7,900 arguments to a command.
const EXTENDED: usize = 1_000;

impl Core {
    /// Looks whether the run is there, and makes it when told to.
    pub(super) async fn begin(&self, make: bool) -> Result<(), QueueError> {
        for keys in &self.shards {
            let mut all: Vec<&str> = keys.lanes.iter().map(String::as_str).collect();
            all.push(&keys.counters);
            all.extend([
                keys.due.as_str(),
                &keys.delayed,
                &keys.results,
                &keys.dead,
                &keys.pushed,
                &keys.done,
                &keys.bodies,
            ]);
            let arguments = |command: &mut Cmd| {
                command.arg(GROUP).arg(u8::from(make));
            };
            let there: u8 = OPEN.run(&self.main, &all, arguments).await?;
            if there == 0 {
                return Err(QueueError::NoSuchRun(self.run.clone()));
            }
            if make {
                self.keep_bodies(keys, None).await?;
            }
        }
        Ok(())
    }

    /// The leases of this process. Every change under the lock is complete before anything that could panic.
    pub(super) fn leases(&self) -> MutexGuard<'_, HashMap<AttemptToken, Lease>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shard of a sequence.
    pub(super) fn shard(&self, sequence: u64) -> usize {
        (sequence % self.shards.len() as u64) as usize
    }

    /// The shard and lane (from 1) of a token.
    fn place(&self, token: AttemptToken) -> Option<(&ShardKeys, usize)> {
        Some((self.shards.get(shard_of(token))?, usize::from(token.place) % LANES + 1))
    }

    pub(super) async fn push(&self, parcels: &[Arc<Parcel>]) -> Result<Vec<Option<()>>, RedisError> {
        let mut answers = vec![None; parcels.len()];
        for (shard, keys) in self.shards.iter().enumerate() {
            let mine: Vec<usize> =
                (0..parcels.len()).filter(|at| self.shard(parcels[*at].sequence) == shard).collect();
            if mine.is_empty() {
                continue;
            }
            let mut all: Vec<&str> = keys.lanes.iter().map(String::as_str).collect();
            all.extend([keys.pushed.as_str(), &keys.counters]);
            let arguments = |command: &mut Cmd| {
                let limits = &self.limits;
                command.arg(GROUP).arg(limits.ready_jobs).arg(limits.ready_bytes).arg(self.shards.len());
                for at in &mine {
                    let parcel = &parcels[*at];
                    command.arg(parcel.lane).arg(parcel.sequence).arg(&parcel.job).arg(parcel.place.field());
                    command.arg(&parcel.body[..]).arg(parcel.size);
                }
            };
            let taken: usize = PUSH.run(&self.main, &all, arguments).await?;
            for at in mine.into_iter().take(taken) {
                answers[at] = Some(());
            }
        }
        Ok(answers)
    }

    pub(super) async fn commit(&self, finished: &[Arc<Finished>]) -> Result<Vec<Option<Commit>>, RedisError> {
        let mut answers = vec![None; finished.len()];
        for (shard, keys) in self.shards.iter().enumerate() {
            let mine: Vec<usize> =
                (0..finished.len()).filter(|at| shard_of(finished[*at].token) == shard).collect();
            if mine.is_empty() {
                continue;
            }
            let mut all: Vec<&str> = keys.lanes.iter().map(String::as_str).collect();
            all.extend([keys.results.as_str(), &keys.done, &keys.counters]);
            let arguments = |command: &mut Cmd| {
                command.arg(GROUP).arg(self.limits.uncollected).arg(self.shards.len());
                for at in &mine {
                    let Finished { token, sequence, outcome, bytes } = &*finished[*at];
                    let lane = usize::from(token.place) % LANES + 1;
                    command.arg(lane).arg(entry_id(token.number)).arg(sequence).arg(outcome).arg(bytes);
                }
            };
            let codes: Vec<u8> = COMMIT
                .run::<Vec<u64>>(&self.main, &all, arguments)
                .await?
                .iter()
                .map(|code| *code as u8)
                .collect();
            for (at, code) in mine.into_iter().zip(codes) {
                answers[at] = match code {
                    1 => Some(Commit::Committed),
                    2 => Some(Commit::AlreadyTerminal),
                    0 => Some(Commit::LeaseLost),
                    _ => None,
                };
            }
        }
        Ok(answers)
    }

    pub(super) async fn release(
        &self,
        token: AttemptToken,
        why: &str,
        delay: Duration,
    ) -> Result<bool, QueueError> {
        let Some(lease) = self.leases().get(&token).cloned() else { return Ok(false) };
        let released = self.release_entry(&self.main, token, &lease.worker, why, delay).await;
        // Only now: until here it is no stray.
        self.leases().remove(&token);
        if released.is_err() {
            self.suspect(&lease.worker, shard_of(token));
        }
        released
    }

    pub(super) async fn release_entry(
        &self,
        link: &Link,
        token: AttemptToken,
        worker: &WorkerId,
        why: &str,
        delay: Duration,
    ) -> Result<bool, QueueError> {
        let Some((keys, lane)) = self.place(token) else { return Ok(false) };
        let mut all: Vec<&str> = keys.lanes.iter().map(String::as_str).collect();
        all.extend([keys.results.as_str(), &keys.dead, &keys.done, &keys.counters, &keys.due, &keys.delayed]);
        let arguments = |command: &mut Cmd| {
            command.arg(GROUP).arg(self.shards.len()).arg(lane).arg(entry_id(token.number)).arg(why);
            command.arg(delay.as_millis() as u64).arg(worker.as_str()).arg(ERRORS_TO_POISON);
        };
        let code: i64 = RELEASE.run(link, &all, arguments).await?;
        Ok(code > 0)
    }

    pub(super) async fn extend(&self, leases: &[AttemptToken]) -> Result<Vec<AttemptToken>, QueueError> {
        let mut lost = Vec::new();
        let mut held: HashMap<(usize, WorkerId), Vec<AttemptToken>> = HashMap::new();
        {
            let known = self.leases();
            for token in leases {
                match known.get(token) {
                    Some(lease) => {
                        held.entry((shard_of(*token), lease.worker.clone())).or_default().push(*token);
                    }
                    None => lost.push(*token),
                }
            }
        }
        let some = held.iter().flat_map(|((shard, worker), tokens)| {
            tokens.chunks(EXTENDED).map(|tokens| self.extend_some(*shard, worker, tokens))
        });
        // All at once: one shard that does not answer must not cost the leases in the others.
        let mut failed = None;
        for answer in join_all(some).await {
            match answer {
                Ok(some) => lost.extend(some),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        {
            let mut known = self.leases();
            for token in &lost {
                known.remove(token);
            }
        }
        match failed {
            Some(error) if lost.is_empty() => return Err(error.into()),
            Some(error) => tracing::warn!(%error, "some leases could not be extended, trying again"),
            None => self.give_back_strays_by_the_way().await,
        }
        Ok(lost)
    }

    /// Extends leases of one worker in one shard; returns those that are lost.
    async fn extend_some(
        &self,
        shard: usize,
        worker: &WorkerId,
        tokens: &[AttemptToken],
    ) -> Result<Vec<AttemptToken>, RedisError> {
        let Some(keys) = self.shards.get(shard) else { return Ok(tokens.to_vec()) };
        let all: Vec<&str> = keys.lanes.iter().map(String::as_str).collect();
        let arguments = |command: &mut Cmd| {
            command.arg(GROUP).arg(worker.as_str());
            for token in tokens {
                command.arg(usize::from(token.place) % LANES + 1).arg(entry_id(token.number));
            }
        };
        let codes: Vec<u64> = EXTEND.run(&self.beating, &all, arguments).await?;
        Ok(tokens.iter().zip(codes).filter(|(_, code)| *code == 0).map(|(token, _)| *token).collect())
    }

    /// Takes back the jobs of `worker`, or of all, that nobody has extended for `silent` while Redis was there.
    pub(super) async fn reclaim(
        &self,
        worker: Option<&WorkerId>,
        silent: Duration,
    ) -> Result<usize, QueueError> {
        let known = self.known_there();
        let mut all_taken = 0;
        for keys in &self.shards {
            let since = self.look(keys, known).await?.since(silent);
            let mut all: Vec<&str> = keys.lanes.iter().map(String::as_str).collect();
            all.extend([keys.results.as_str(), &keys.dead, &keys.done, &keys.counters]);
            let arguments = |command: &mut Cmd| {
                command.arg(GROUP).arg(self.shards.len()).arg(since.as_millis() as u64).arg(TAKEN_BACK);
                command.arg(DEATHS_TO_POISON).arg(worker.map_or("", WorkerId::as_str));
            };
            loop {
                let (taken, dead, lost, more): (usize, usize, usize, u8) =
                    RECLAIM.run(&self.main, &all, arguments).await?;
                all_taken += taken;
                if dead > 0 {
                    tracing::warn!(dead, "documents were given up: each had cost {DEATHS_TO_POISON} workers");
                }
                if lost > 0 {
                    tracing::error!(
                        lost,
                        "entries were deleted from the streams while they were leased, by none of Sheaf's programs; their documents are done again once nothing else of the run is under way"
                    );
                }
                if more == 0 || taken == 0 {
                    break;
                }
            }
        }
        Ok(all_taken)
    }

    /// Begins to know when Redis is there. What is known of it from a coordinator before stays; that nobody looked since is
    /// an absence.
    pub(super) async fn look_first(&self) -> Result<(), QueueError> {
        let known = self.known_there();
        for keys in &self.shards {
            self.look(keys, known).await?;
        }
        Ok(())
    }

    /// Sees that Redis is there, which it was for `known` before, and tells when it was not.
    ///
    /// A look that is sent to a Redis that hangs is carried out when it goes on, before anybody's heartbeat: it finds that
    /// more time has passed than was known.
    async fn look(&self, keys: &ShardKeys, known: Duration) -> Result<Absences, QueueError> {
        let looked = async |link: &Link, known: Duration| {
            let arguments = |command: &mut Cmd| {
                command.arg(known.as_millis() as u64);
            };
            LOOK.run::<Vec<u64>>(link, &[&keys.counters], arguments).await
        };
        // What has to be tried again has found Redis away: nothing is known of the time before.
        let answer = match looked(&self.main.patient(ONCE), known).await {
            Ok(answer) => answer,
            Err(_) => looked(&self.main, Duration::ZERO).await?,
        };
        *self.looked() = Some((self.main.connections(), Instant::now()));
        Absences::read(&answer)
    }

    /// For how long before a look that is sent now Redis was there, for all that this process knows: since its last look, if
    /// the connection is still the same, and as long as an answer may take.
    fn known_there(&self) -> Duration {
        let is_there = self.main.away().borrow().is_none();
        let connections = self.main.connections();
        let looked = self.looked().filter(|(then, _)| is_there && *then == connections);
        looked.map_or(Duration::ZERO, |(_, at)| at.elapsed() + AT_ONCE)
    }

    fn looked(&self) -> MutexGuard<'_, Option<(u64, Instant)>> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
