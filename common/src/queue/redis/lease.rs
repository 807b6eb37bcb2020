//! Delivery to one worker.

use std::time::Duration;

use redis::{Cmd, cmd};
use tokio::time::Instant;

use super::{
    BLOCK, Core, Entry, LOOK, Lease, entry_number,
    parcel::{self, Fields, Unreadable, fields_of},
    script::PROMOTE,
};
use crate::{
    fault::{Fault, FaultKind},
    id::{AttemptToken, WorkerId},
    job::Job,
    keys::{GROUP, LANES},
    queue::{Leased, QueueError},
    record::Outcome,
    redis::Link,
    wire::WireError,
};

/// Where a job goes on that this program is too old for: another worker may be newer.
const NEWER_WAIT: Duration = Duration::from_secs(30);
/// Between attempts at an entry that cannot be read.
const UNREADABLE_WAIT: Duration = Duration::from_secs(1);
/// Entries of one's own looked at once after a lost answer.
const OWN: usize = 1_000;

/// What the script answers: Redis's time, when the next delayed job is due, and the length of each lane.
type Promoted = (u64, i64, u64, u64, u64, u64);
/// What a read answers: entries by the stream's key.
type Read = Option<Vec<(String, Vec<Entry>)>>;

impl Core {
    /// Up to `most` jobs. A job that wakes a waiting worker does not come alone when others are there by then.
    pub(super) async fn lease(
        &self,
        worker: &WorkerId,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<Leased>, QueueError> {
        let mut known = self.delivering.lock().await;
        let deadline = Instant::now() + wait;
        let mut leased = Vec::new();
        loop {
            // An answer that was lost may have carried jobs that nobody works on.
            let connections = self.main.connections() + self.reading.connections();
            if *known != connections {
                if *known != 0 {
                    self.give_back_unknown(worker).await?;
                }
                *known = connections;
            }
            let next_due = self.deliver(worker, most, &mut leased).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if !leased.is_empty() || left.is_zero() {
                return Ok(leased);
            }
            let pause = next_due.map_or(left, |due| due.min(left));
            match &self.shards[..] {
                // One wakes it; what came with it is read without waiting.
                [_] => {
                    let read =
                        self.read(&self.reading, &self.shards[0].lanes, worker, 1, Some(pause)).await?;
                    self.take_all(worker, 0, read, None, most, &mut leased).await?;
                }
                _ => tokio::time::sleep(pause.min(LOOK)).await,
            }
        }
    }

    /// Takes what is ready, shard after shard; tells when the next delayed job is due.
    async fn deliver(
        &self,
        worker: &WorkerId,
        most: usize,
        leased: &mut Vec<Leased>,
    ) -> Result<Option<Duration>, QueueError> {
        let mut next: Option<Duration> = None;
        let first = fastrand::usize(..self.shards.len());
        for step in 0..self.shards.len() {
            let shard = (first + step) % self.shards.len();
            let room = most.saturating_sub(leased.len());
            if room == 0 {
                break;
            }
            let keys = &self.shards[shard];
            let due = |command: &mut Cmd| {
                command.arg(room);
            };
            let mut all: Vec<&str> = keys.lanes.iter().map(String::as_str).collect();
            all.extend([keys.due.as_str(), &keys.delayed]);
            let promoted: Promoted = PROMOTE.run(&self.main, &all, due).await?;
            let (now, due, lengths) =
                (promoted.0, promoted.1, [promoted.2, promoted.3, promoted.4, promoted.5]);
            if let Ok(due) = u64::try_from(due) {
                let due = Duration::from_millis(due.max(1));
                next = Some(next.map_or(due, |next| next.min(due)));
            }
            for lane in (0..LANES).filter(|lane| lengths[*lane] > 0) {
                let room = most.saturating_sub(leased.len());
                if room == 0 {
                    break;
                }
                let lanes = &keys.lanes[lane..=lane];
                let read = self.read(&self.main, lanes, worker, room, None).await?;
                self.take_all(worker, shard, read, Some(now), room, leased).await?;
            }
        }
        Ok(next)
    }

    /// Reads up to `most` jobs from each of these lanes.
    async fn read(
        &self,
        link: &Link,
        lanes: &[String],
        worker: &WorkerId,
        most: usize,
        block: Option<Duration>,
    ) -> Result<Read, QueueError> {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(worker.as_str()).arg("COUNT").arg(most);
        if let Some(block) = block {
            read.arg("BLOCK").arg(block.min(BLOCK).as_millis().max(1) as u64);
        }
        read.arg("STREAMS").arg(lanes).arg(&[">"; LANES][..lanes.len()]);
        link.query("leasing jobs", &read).await.map_err(|error| self.gone(error))
    }

    /// Takes up to `room` of the jobs that were read, lane after lane; the others go back, which is rare: only where several
    /// lanes had something for a worker that waited.
    async fn take_all(
        &self,
        worker: &WorkerId,
        shard: usize,
        read: Read,
        now: Option<u64>,
        room: usize,
        leased: &mut Vec<Leased>,
    ) -> Result<(), QueueError> {
        let mut taken = 0;
        let mut read = read.unwrap_or_default();
        for (lane, key) in self.shards[shard].lanes.iter().enumerate() {
            let Some(at) = read.iter().position(|(name, _)| name == key) else { continue };
            for entry in read.swap_remove(at).1 {
                let Some(job) = self.take(worker, shard, lane, entry, now).await? else { continue };
                if taken < room {
                    leased.push(job);
                    taken += 1;
                } else {
                    self.give_back_unseen(job.token).await;
                }
            }
        }
        Ok(())
    }

    fn gone(&self, error: crate::redis::RedisError) -> QueueError {
        // The second comes to whoever waited while the run was removed.
        if matches!(&error.code[..], "NOGROUP" | "UNBLOCKED") {
            QueueError::NoSuchRun(self.run.clone())
        } else {
            error.into()
        }
    }

    /// An entry as a leased job. One that cannot be read is dealt with here.
    async fn take(
        &self,
        worker: &WorkerId,
        shard: usize,
        lane: usize,
        (id, flat): Entry,
        now: Option<u64>,
    ) -> Result<Option<Leased>, QueueError> {
        let Some(number) = entry_number(&id) else {
            return Err(QueueError::Damaged {
                doing: "leasing jobs",
                reason: format!("an entry has the id {id}"),
            });
        };
        let token = AttemptToken { place: (shard * LANES + lane) as u16, number };
        let fields = fields_of(flat);
        let sequence = parcel::number(&fields, "s").unwrap_or_default();
        let bytes = parcel::number(&fields, "n").unwrap_or_default();
        let lease = Lease { worker: worker.clone(), sequence, bytes, blob: fields.contains_key("r") };
        self.leases().insert(token, lease);
        match self.job(&fields, sequence).await? {
            Ok(job) => {
                let now = now.unwrap_or((number >> 64) as u64);
                let pushed = parcel::number(&fields, "t").unwrap_or(now);
                let waited = Duration::from_millis(now.saturating_sub(pushed));
                Ok(Some(Leased { job, token, waited }))
            }
            Err((_, Unreadable::Wire(error @ WireError::NewerFormat { .. }))) => {
                tracing::warn!(id, %error, "a job was given back");
                self.release(token, "b", NEWER_WAIT).await?;
                Ok(None)
            }
            Err((Some(job), error)) => {
                let hint = "run the same command again with --fresh";
                let fault = Fault::new(FaultKind::Internal, format!("the job cannot be done: {error}"), hint);
                let outcome = Outcome::of(&job, worker, 0.0, Err(fault));
                self.commit_unreadable(token, &outcome, sequence, bytes).await?;
                Ok(None)
            }
            Err((None, error)) => {
                tracing::error!(id, %error, "an entry of the queue cannot be read");
                self.release(token, "e", UNREADABLE_WAIT).await?;
                Ok(None)
            }
        }
    }

    /// The job of an entry with its body; where only the body is missing, the job without it and why.
    async fn job(
        &self,
        fields: &Fields,
        sequence: u64,
    ) -> Result<Result<Job, (Option<Job>, Unreadable)>, QueueError> {
        let mut job = match parcel::job(fields) {
            Ok(job) => job,
            Err(error) => return Ok(Err((None, error))),
        };
        let body = match parcel::body(fields) {
            Ok(None) => self.body(&self.main, sequence).await?,
            Ok(Some(body)) => Ok(body),
            Err(error) => Err(error),
        };
        Ok(match body {
            Ok(body) => {
                job.body = body;
                Ok(job)
            }
            Err(error) => Err((Some(job), error)),
        })
    }

    async fn commit_unreadable(
        &self,
        token: AttemptToken,
        outcome: &Outcome,
        sequence: u64,
        bytes: u64,
    ) -> Result<(), QueueError> {
        let packed = parcel::pack_outcome(outcome).map_err(|error| QueueError::Damaged {
            doing: "committing an outcome",
            reason: error.to_string(),
        })?;
        let finished = std::sync::Arc::new(super::Finished { token, sequence, outcome: packed, bytes });
        self.leases().remove(&token);
        // Without room for outcomes it is delivered again when its lease has run out.
        self.commit(&[finished]).await?;
        Ok(())
    }

    /// Gives back a job that nobody looked at: nothing is counted.
    pub(super) async fn give_back_unseen(&self, token: AttemptToken) {
        if let Err(error) = self.release(token, "u", Duration::ZERO).await {
            tracing::warn!(%error, "a job could not be given back; it is delivered again when its lease has run out");
        }
    }

    /// Gives back what Redis delivered to this worker in answers that it never got.
    async fn give_back_unknown(&self, worker: &WorkerId) -> Result<(), QueueError> {
        for (shard, keys) in self.shards.iter().enumerate() {
            for (lane, key) in keys.lanes.iter().enumerate() {
                let mut pending = cmd("XPENDING");
                pending.arg(key).arg(GROUP).arg("-").arg("+").arg(OWN).arg(worker.as_str());
                let pending: Vec<(String, String, u64, u64)> = self
                    .main
                    .query("looking for lost deliveries", &pending)
                    .await
                    .map_err(|error| self.gone(error))?;
                for (id, ..) in pending {
                    let Some(number) = entry_number(&id) else { continue };
                    let token = AttemptToken { place: (shard * LANES + lane) as u16, number };
                    if !self.leases().contains_key(&token) {
                        self.release_entry(token, worker, "u", Duration::ZERO).await?;
                    }
                }
            }
        }
        Ok(())
    }
}
