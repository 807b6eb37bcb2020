//! Delivery to one worker.

use std::{sync::Arc, time::Duration};

use redis::{Cmd, cmd};
use tokio::time::Instant;

use super::{
    BLOCK, Core, Entry, Finished, LOOK, Lease, bulk, entry_number,
    parcel::{self, Fields, Unreadable, fields_of},
    script::PROMOTE,
    shard_of,
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

/// What the script answers: Redis's time, when the next delayed job is due, and the length of each lane.
type Promoted = (u64, i64, u64, u64, u64, u64);
/// What a read answers: entries by the stream's key.
type Read = Option<Vec<(String, Vec<Entry>)>>;

impl Core {
    /// Up to `most` jobs. A job that wakes a waiting worker does not come alone when others are there by then.
    ///
    /// Jobs that are here are not lost to an error that came after them.
    pub(super) async fn lease(
        &self,
        worker: &WorkerId,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<Leased>, QueueError> {
        let mut known = self.delivering.lock().await;
        let mut leased = Vec::new();
        match self.fill(worker, most, wait, &mut known, &mut leased).await {
            Err(error) if leased.is_empty() => Err(error),
            Err(error) => {
                tracing::debug!(%error, "fewer jobs were leased than there are");
                Ok(leased)
            }
            Ok(()) => Ok(leased),
        }
    }

    async fn fill(
        &self,
        worker: &WorkerId,
        most: usize,
        wait: Duration,
        known: &mut u64,
        leased: &mut Vec<Leased>,
    ) -> Result<(), QueueError> {
        let deadline = Instant::now() + wait;
        loop {
            self.look_for_strays(self.asking(leased), worker, known).await?;
            let next_due = self.deliver(worker, most, leased).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if !leased.is_empty() || left.is_zero() {
                // An answer may have been lost in this very call, and the next one may be long in coming.
                return self.look_for_strays(&self.brief, worker, known).await;
            }
            let pause = next_due.map_or(left, |due| due.min(left));
            match &self.shards[..] {
                // One wakes it; what came with it is read without waiting.
                [_] => {
                    let read = self.read(&self.reading, &self.shards[0].lanes, worker, 1, Some(pause)).await;
                    let taken = match read {
                        Ok(read) => self.take_all(worker, 0, read, None, most, leased).await,
                        Err(error) => Err(error),
                    };
                    taken.inspect_err(|_| self.suspect(worker, 0))?;
                }
                _ => tokio::time::sleep(pause.min(LOOK)).await,
            }
        }
    }

    /// Gives back what nobody works on, where there may be such: a lost answer may have carried jobs.
    async fn look_for_strays(
        &self,
        link: &Link,
        worker: &WorkerId,
        known: &mut u64,
    ) -> Result<(), QueueError> {
        let connections = self.main.connections() + self.reading.connections();
        if *known != connections {
            if *known != 0 {
                self.suspect_all(worker);
            }
            *known = connections;
        }
        match self.give_back_strays(link).await {
            // Another shard may have jobs; this one is looked at again.
            Err(error) if self.shards.len() > 1 && !matches!(error, QueueError::NoSuchRun(_)) => {
                tracing::debug!(%error, "jobs that nobody works on could not be given back yet");
                Ok(())
            }
            looked => looked,
        }
    }

    /// Asks the one shard for as long as it takes, but for a moment only while there are other shards, or jobs in hand:
    /// nobody extends their leases yet.
    fn asking(&self, leased: &[Leased]) -> &Link {
        if self.shards.len() == 1 && leased.is_empty() { &self.main } else { &self.brief }
    }

    /// Takes what is ready, shard after shard; tells when the next delayed job is due. One of several shards that does not
    /// answer keeps nobody from the others.
    async fn deliver(
        &self,
        worker: &WorkerId,
        most: usize,
        leased: &mut Vec<Leased>,
    ) -> Result<Option<Duration>, QueueError> {
        let mut next: Option<Duration> = None;
        let (mut answered, mut failed) = (false, None);
        let first = fastrand::usize(..self.shards.len());
        for step in 0..self.shards.len() {
            let shard = (first + step) % self.shards.len();
            if leased.len() >= most {
                break;
            }
            if self.rests(shard) {
                continue;
            }
            match self.deliver_from(shard, worker, most, leased).await {
                Ok(due) => {
                    answered = true;
                    next = next.into_iter().chain(due).min();
                }
                Err(error) => {
                    self.suspect(worker, shard);
                    self.let_rest(shard);
                    if self.shards.len() == 1 || matches!(error, QueueError::NoSuchRun(_)) {
                        return Err(error);
                    }
                    failed = failed.or(Some(error));
                }
            }
        }
        match failed {
            Some(error) if !answered => Err(error),
            _ => Ok(next),
        }
    }

    /// Takes what is ready in one shard.
    async fn deliver_from(
        &self,
        shard: usize,
        worker: &WorkerId,
        most: usize,
        leased: &mut Vec<Leased>,
    ) -> Result<Option<Duration>, QueueError> {
        let keys = &self.shards[shard];
        let room = most.saturating_sub(leased.len());
        let arguments = |command: &mut Cmd| {
            command.arg(room);
        };
        let mut all: Vec<&str> = keys.lanes.iter().map(String::as_str).collect();
        all.extend([keys.due.as_str(), &keys.delayed]);
        let promoted: Promoted = PROMOTE.run(self.asking(leased), &all, arguments).await?;
        let (now, due, lengths) = (promoted.0, promoted.1, [promoted.2, promoted.3, promoted.4, promoted.5]);
        for lane in (0..LANES).filter(|lane| lengths[*lane] > 0) {
            let room = most.saturating_sub(leased.len());
            if room == 0 {
                break;
            }
            let read = self.read(self.asking(leased), &keys.lanes[lane..=lane], worker, room, None).await?;
            self.take_all(worker, shard, read, Some(now), room, leased).await?;
        }
        Ok(u64::try_from(due).ok().map(|due| Duration::from_millis(due.max(1))))
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
                let link = self.asking(leased);
                let Some(job) = self.take(link, worker, (shard, lane), entry, now).await? else { continue };
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

    pub(super) fn gone(&self, error: crate::redis::RedisError) -> QueueError {
        match &error.code[..] {
            "NOGROUP" => QueueError::NoSuchRun(self.run.clone()),
            // So is told who waited while the run was removed; and who waited at a server that became a replica.
            "UNBLOCKED" if !error.reason.contains("state changed") => QueueError::NoSuchRun(self.run.clone()),
            _ => error.into(),
        }
    }

    /// An entry as a leased job. One that cannot be read is dealt with here.
    async fn take(
        &self,
        link: &Link,
        worker: &WorkerId,
        (shard, lane): (usize, usize),
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
        self.leases().insert(token, lease.clone());
        let job = self.job(link, &fields, sequence).await;
        if job.is_err() {
            // Nobody will work on it: it is found and given back.
            self.leases().remove(&token);
        }
        match job? {
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
                self.commit_unreadable(token, &outcome, &lease).await?;
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
        link: &Link,
        fields: &Fields,
        sequence: u64,
    ) -> Result<Result<Job, (Option<Job>, Unreadable)>, QueueError> {
        let mut job = match parcel::job(fields) {
            Ok(job) => job,
            Err(error) => return Ok(Err((None, error))),
        };
        let body = match parcel::body(fields) {
            Ok(None) => self.body(link, sequence).await?,
            Ok(Some(body)) => Ok(body),
            Err(error) => Err(error),
        };
        let body = match body {
            Ok(body) => bulk::done(body.to_unpack(), move || body.unpack()).await?,
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
        lease: &Lease,
    ) -> Result<(), QueueError> {
        let packed = parcel::pack_outcome(outcome).map_err(|error| QueueError::Damaged {
            doing: "committing an outcome",
            reason: error.to_string(),
        })?;
        let Lease { sequence, bytes, blob, .. } = *lease;
        let finished = Arc::new(Finished { token, sequence, outcome: packed, bytes });
        self.leases().remove(&token);
        // Without room for outcomes it is found as a job that nobody works on.
        let committed = self.commit(&[finished]).await?;
        match committed.first() {
            Some(Some(_)) if blob => self.drop_body(sequence).await,
            Some(Some(_)) => {}
            _ => self.suspect(&lease.worker, shard_of(token)),
        }
        Ok(())
    }

    /// Gives back a job that nobody looked at: nothing is counted.
    pub(super) async fn give_back_unseen(&self, token: AttemptToken) {
        if let Err(error) = self.release(token, "u", Duration::ZERO).await {
            tracing::warn!(%error, "a job could not be given back, it is tried again");
        }
    }
}
