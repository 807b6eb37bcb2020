//! What a coordinator asks of a run: its outcomes, what Redis holds of it, what was given up, and its end.

use std::{
    collections::HashSet,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use redis::{Cmd, cmd};
use tokio::time::Instant;

use super::{
    BLOCK, Core, Cursors, Entry, LOOK, RedisQueue, bulk, entry_id, entry_number,
    parcel::{self, fields_of},
    script::{COUNTS, FORGET, REPLAY},
};
use crate::{
    id::WorkerId,
    keys::GROUP,
    queue::{Collected, QueueCounts, QueueError, Receipt, given_up},
    redis::Link,
};

/// Entries read at once where all are looked at.
const PAGE: usize = 256;
/// Entries of outcomes collected at once: each holds what was committed together.
const ENTRIES: usize = 16;
/// Documents put back, or let be pushed again, in one script.
const AT_ONCE: usize = 512;
/// How long what was given up can still be replayed after its run has ended.
const DEAD_LIFE: Duration = Duration::from_hours(7 * 24);

/// What is in a queue, and what happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tallies {
    /// What is in it.
    pub counts: QueueCounts,
    /// Documents that were given up.
    pub dead: usize,
    /// Jobs taken back from silent workers so far.
    pub reclaimed: u64,
    /// Jobs handed back by workers that stopped, so far.
    pub handed_back: u64,
    /// Jobs whose payload was gone.
    pub lost: u64,
}

/// Which documents Redis holds, by sequence.
#[derive(Debug, Clone, Default)]
pub struct Held {
    pushed: Vec<Bytes>,
    done: Vec<Bytes>,
    uncollected: HashSet<u64>,
}

impl Held {
    /// Whether the document is on its way: an outcome of it will be collected, now or later.
    pub fn is_under_way(&self, sequence: u64) -> bool {
        self.is_queued(sequence) || self.uncollected.contains(&sequence)
    }

    /// Whether the document was pushed and has no outcome yet: a replay brings back even a recorded one.
    pub fn is_queued(&self, sequence: u64) -> bool {
        self.bit(&self.pushed, sequence) && !self.bit(&self.done, sequence)
    }

    /// Whether the document was ever pushed: then it must be forgotten before it is pushed again.
    pub fn was_pushed(&self, sequence: u64) -> bool {
        self.bit(&self.pushed, sequence)
    }

    fn bit(&self, maps: &[Bytes], sequence: u64) -> bool {
        let shards = self.pushed.len().max(1) as u64;
        let at = sequence / shards;
        let byte = maps.get((sequence % shards) as usize).and_then(|map| map.get((at / 8) as usize));
        byte.is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0)
    }
}

/// A document that was given up.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// Place in the input.
    pub sequence: u64,
    /// Its source.
    pub source: String,
    /// Why, in words.
    pub reason: String,
    /// What happened to it: a line each of milliseconds since 1970, what, and the worker.
    pub history: Vec<String>,
}

impl RedisQueue {
    /// What is in the queue, and what happened so far.
    pub async fn tallies(&self) -> Result<Tallies, QueueError> {
        self.core.tallies().await
    }

    /// The workers that hold jobs.
    pub async fn holders(&self) -> Result<HashSet<WorkerId>, QueueError> {
        type Summary = (u64, Option<String>, Option<String>, Option<Vec<(String, String)>>);
        let mut holders = HashSet::new();
        for lane in self.core.shards.iter().flat_map(|keys| &keys.lanes) {
            let mut pending = cmd("XPENDING");
            pending.arg(lane).arg(GROUP);
            let (_, _, _, workers): Summary = self.core.main.query("asking who holds jobs", &pending).await?;
            holders.extend(workers.unwrap_or_default().into_iter().map(|(worker, _)| WorkerId::new(worker)));
        }
        Ok(holders)
    }

    /// Which documents Redis holds: for a coordinator that takes a run up again.
    pub async fn held(&self) -> Result<Held, QueueError> {
        let mut held = Held::default();
        for keys in &self.core.shards {
            for (key, maps) in [(&keys.pushed, &mut held.pushed), (&keys.done, &mut held.done)] {
                let map: Option<Bytes> =
                    self.core.main.query("reading what was pushed", cmd("GET").arg(key)).await?;
                maps.push(map.unwrap_or_default());
            }
            let mut from = "-".to_owned();
            loop {
                let entries = range(&self.core.main, &keys.results, &from).await?;
                let Some((last, _)) = entries.last() else { break };
                from = format!("({last}");
                held.uncollected.extend(entries.into_iter().flat_map(|(_, flat)| parcel::sequences(flat)));
            }
        }
        Ok(held)
    }

    /// Lets documents be pushed again whose outcome was lost with the coordinator's disk, or that are to be done anew.
    pub async fn forget(&self, sequences: &[u64]) -> Result<(), QueueError> {
        let shards = self.core.shards.len() as u64;
        for (shard, keys) in self.core.shards.iter().enumerate() {
            let bits: Vec<u64> = sequences
                .iter()
                .filter(|sequence| self.core.shard(**sequence) == shard)
                .map(|sequence| sequence / shards)
                .collect();
            for bits in bits.chunks(AT_ONCE) {
                let arguments = |command: &mut Cmd| {
                    command.arg(bits);
                };
                let _terminal: u64 =
                    FORGET.run(&self.core.main, &[&keys.pushed, &keys.done], arguments).await?;
            }
        }
        Ok(())
    }

    /// Documents that were given up, the first `most` of them.
    pub async fn dead_letters(&self, most: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let mut letters = Vec::new();
        for keys in &self.core.shards {
            let mut from = "-".to_owned();
            while letters.len() < most {
                let entries = range(&self.core.main, &keys.dead, &from).await?;
                let Some((last, _)) = entries.last() else { break };
                from = format!("({last}");
                letters.extend(entries.into_iter().map(|(_, flat)| letter(flat)));
            }
        }
        letters.truncate(most);
        Ok(letters)
    }

    /// Puts back every document that was given up, its counters at nothing. Returns their sequences.
    pub async fn replay(&self) -> Result<Vec<u64>, QueueError> {
        let mut back = Vec::new();
        for keys in &self.core.shards {
            let all = [keys.lanes[crate::keys::AGAIN].as_str(), &keys.dead, &keys.done, &keys.counters];
            let arguments = |command: &mut Cmd| {
                command.arg(self.core.shards.len()).arg(AT_ONCE);
            };
            loop {
                let some: Vec<u64> = REPLAY.run(&self.core.main, &all, arguments).await?;
                if some.is_empty() {
                    break;
                }
                back.extend(some);
            }
        }
        Ok(back)
    }

    /// Removes the run after its end. What was given up stays for a week, to be replayed; returns how many that are.
    pub async fn finish(&self) -> Result<usize, QueueError> {
        let dead = self.tallies().await?.dead;
        if dead == 0 {
            self.purge().await?;
            return Ok(0);
        }
        for keys in &self.core.shards {
            self.core.keep_bodies(keys, Some(DEAD_LIFE)).await?;
        }
        for key in self
            .core
            .shards
            .iter()
            .flat_map(|keys| keys.all().into_iter().map(str::to_owned).collect::<Vec<_>>())
        {
            let mut expire = cmd("EXPIRE");
            expire.arg(key).arg(DEAD_LIFE.as_secs());
            let _there: u8 = self.core.main.query("letting the run expire", &expire).await?;
        }
        Ok(dead)
    }

    /// Removes everything of the run.
    pub async fn purge(&self) -> Result<(), QueueError> {
        for keys in &self.core.shards {
            self.core.drop_all_bodies(keys).await?;
            let mut unlink = cmd("UNLINK");
            unlink.arg(keys.all());
            let _gone: u64 = self.core.main.query("removing the run", &unlink).await?;
        }
        Ok(())
    }
}

async fn range(link: &Link, key: &str, from: &str) -> Result<Vec<Entry>, QueueError> {
    let mut range = cmd("XRANGE");
    range.arg(key).arg(from).arg("+").arg("COUNT").arg(PAGE);
    Ok(link.query("reading a stream", &range).await?)
}

fn letter(flat: Vec<Bytes>) -> DeadLetter {
    let fields = fields_of(flat);
    let history = parcel::history(&fields);
    let (source, reason) = match parcel::job(&fields) {
        Ok(job) => {
            let fault = given_up(&job, &parcel::workers(&history), 0.0).record.error;
            (job.source, fault.map(|fault| fault.message).unwrap_or_default())
        }
        Err(error) => (String::new(), format!("its entry cannot be read: {error}")),
    };
    DeadLetter { sequence: parcel::number(&fields, "s").unwrap_or_default(), source, reason, history }
}

impl Core {
    pub(super) async fn tallies(&self) -> Result<Tallies, QueueError> {
        let mut tallies = Tallies::default();
        for keys in &self.shards {
            let mut all: Vec<&str> = keys.lanes.iter().map(String::as_str).collect();
            all.extend([keys.due.as_str(), &keys.results, &keys.dead, &keys.counters]);
            let arguments = |command: &mut Cmd| {
                command.arg(GROUP);
            };
            let counted: Vec<u64> = COUNTS.run(&self.main, &all, arguments).await?;
            let [ready, delayed, leased, uncollected, dead, reclaimed, handed_back, lost] = counted[..]
            else {
                let reason = format!("{} numbers", counted.len());
                return Err(QueueError::Damaged { doing: "counting jobs", reason });
            };
            tallies.counts.ready += ready as usize;
            tallies.counts.delayed += delayed as usize;
            tallies.counts.leased += leased as usize;
            tallies.counts.uncollected += uncollected as usize;
            tallies.dead += dead as usize;
            tallies.reclaimed += reclaimed;
            tallies.handed_back += handed_back;
            tallies.lost += lost;
        }
        Ok(tallies)
    }

    pub(super) async fn collect(&self, most: usize, wait: Duration) -> Result<Collected, QueueError> {
        let deadline = Instant::now() + wait;
        let _alone = self.gathering.lock().await;
        let mut outcomes = Vec::new();
        loop {
            let age = self.cursors().age;
            let left = deadline.saturating_duration_since(Instant::now());
            for (shard, keys) in self.shards.iter().enumerate() {
                let room = most.saturating_sub(outcomes.len());
                if room == 0 {
                    break;
                }
                let mut read = cmd("XREAD");
                // Entries hold several outcomes: `most` may be passed by one entry's.
                read.arg("COUNT").arg(room.min(ENTRIES));
                if self.shards.len() == 1 && left >= Duration::from_millis(1) {
                    read.arg("BLOCK").arg(left.min(BLOCK).as_millis() as u64);
                }
                let from = self.cursors().at.get(shard).copied().unwrap_or_default();
                read.arg("STREAMS").arg(&keys.results).arg(entry_id(from));
                let read: Option<Vec<(String, Vec<Entry>)>> =
                    self.collecting.query("collecting outcomes", &read).await?;
                for (id, flat) in read.into_iter().flatten().flat_map(|(_, entries)| entries) {
                    let found =
                        bulk::done(parcel::outcome_bytes(&flat), move || parcel::outcomes(flat)).await?;
                    self.collected_up_to(shard, entry_number(&id), age);
                    for outcome in found {
                        match outcome {
                            Ok(outcome) => outcomes.push(outcome),
                            Err(error) => {
                                tracing::error!(id, %error, "an outcome without a document was passed over");
                            }
                        }
                    }
                }
            }
            if !outcomes.is_empty() || left.is_zero() {
                let cursors = self.cursors();
                // What was begun anew meanwhile comes again, with a receipt that counts.
                let at = if cursors.age == age { &cursors.at[..] } else { &[] };
                let receipt = at.iter().enumerate().map(|(shard, last)| (shard as u16, *last)).collect();
                return Ok(Collected { outcomes, receipt: Receipt(receipt) });
            }
            if self.shards.len() > 1 {
                tokio::time::sleep(left.min(LOOK)).await;
            }
        }
    }

    fn cursors(&self) -> MutexGuard<'_, Cursors> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn collected_up_to(&self, shard: usize, last: Option<u128>, age: u64) {
        let mut cursors = self.cursors();
        if cursors.age == age
            && let (Some(at), Some(last)) = (cursors.at.get_mut(shard), last)
        {
            *at = last;
        }
    }

    /// Has every outcome collected again that is still there.
    pub(super) fn collect_anew(&self) {
        let mut cursors = self.cursors();
        cursors.at.fill(0);
        cursors.age += 1;
    }

    pub(super) async fn confirm(&self, receipt: Receipt) -> Result<(), QueueError> {
        for (shard, last) in receipt.0 {
            let at = usize::from(shard);
            // A receipt from before collecting began anew says nothing of the entries that have such ids now.
            let reached = self.cursors().at.get(at).copied().unwrap_or_default();
            let Some(keys) = self.shards.get(at).filter(|_| last > 0 && last <= reached) else { continue };
            let mut trim = cmd("XTRIM");
            trim.arg(&keys.results).arg("MINID").arg("=").arg(entry_id(last + 1));
            let _removed: u64 = self.main.query("forgetting recorded outcomes", &trim).await?;
        }
        Ok(())
    }
}
