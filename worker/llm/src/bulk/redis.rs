//! A journal of batches in Redis: for every worker of a fleet.

use std::{collections::HashMap, sync::LazyLock, time::Duration};

use futures::future::{BoxFuture, FutureExt};
use sheaf_common::{
    id::RunId,
    keys::BatchKeys,
    redis::{Link, Script, command},
};

use super::{
    id::{CustomId, SubmissionId},
    store::{Known, Outcome, Step, Store, StoreError, Submission},
};

static BEGIN: LazyLock<Script> =
    LazyLock::new(|| Script::new("beginning a batch", include_str!("scripts/begin.lua")));
static NOTE: LazyLock<Script> =
    LazyLock::new(|| Script::new("noting a batch's progress", include_str!("scripts/note.lua")));
static KEEP: LazyLock<Script> =
    LazyLock::new(|| Script::new("keeping answers of a batch", include_str!("scripts/keep.lua")));
static END: LazyLock<Script> =
    LazyLock::new(|| Script::new("closing a batch", include_str!("scripts/end.lua")));
static LEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new("leasing a batch", include_str!("scripts/lease.lua")));

/// How long the keys live after the last change: as long as providers keep results (Anthropic: 29 days after the batch was
/// created). A run that is taken up later than that asks anew.
const LIFE: Duration = Duration::from_hours(29 * 24);
/// Most bytes of outcomes in one call.
const CALL_BYTES: usize = 1 << 20;
/// Most outcomes in one call.
const CALL_ITEMS: usize = 256;

/// Five hashes in one slot. An outcome takes what its answer has in bytes, some kilobytes; they stay until the run is
/// finished, or for 29 days.
#[derive(Debug)]
pub struct RedisStore {
    link: Link,
    keys: BatchKeys,
}

impl RedisStore {
    /// The journal of `run`. How long calls are tried again while Redis is away is the link's business.
    pub fn new(link: Link, run: &RunId) -> Self {
        Self { link, keys: BatchKeys::new(run) }
    }

    async fn values(&self, key: &str, ids: &[CustomId]) -> Result<Vec<Option<String>>, StoreError> {
        let mut command = command("HMGET");
        command.arg(key);
        for id in ids {
            command.arg(id.as_str());
        }
        Ok(self.link.query("looking for answers of batches", &command).await?)
    }

    async fn look_all(&self, ids: &[CustomId]) -> Result<Vec<Known>, StoreError> {
        let mut all = Vec::with_capacity(ids.len());
        for ids in ids.chunks(CALL_ITEMS) {
            // In this order: an outcome is kept before its request is let go, so none is missed in between.
            let held = self.values(&self.keys.held, ids).await?;
            let outcomes = self.values(&self.keys.outcomes, ids).await?;
            let tries = self.values(&self.keys.tries, ids).await?;
            for ((held, outcome), tries) in held.into_iter().zip(outcomes).zip(tries) {
                let tries = tries.and_then(|tries| tries.parse().ok()).unwrap_or(0);
                all.push(match (outcome.as_deref().map(read::<Outcome>), held) {
                    (Some(Ok(outcome)), _) => Known::Done(outcome),
                    // Written by hand, or by another version: it is as good as none, but its request is not free either.
                    (Some(Err(error)), _) => return Err(error),
                    (None, Some(_)) => Known::Held(tries),
                    (None, None) => Known::Free(tries),
                });
            }
        }
        Ok(all)
    }

    async fn end_with(
        &self,
        id: &SubmissionId,
        outcomes: &[(CustomId, Outcome)],
        tried: &[CustomId],
    ) -> Result<bool, StoreError> {
        let mut rest = outcomes;
        while !rest.is_empty() {
            let (mut call, mut bytes) = (Vec::new(), 0);
            while let Some(((of, outcome), others)) = rest.split_first()
                && bytes < CALL_BYTES
                && call.len() < CALL_ITEMS
            {
                let outcome = written(outcome)?;
                bytes += outcome.len();
                call.push((of.as_str(), outcome));
                rest = others;
            }
            let keys = [self.keys.open.as_str(), &self.keys.outcomes];
            let keep = KEEP.run::<u8>(&self.link, &keys, |command| {
                command.arg(id.as_str()).arg(LIFE.as_millis() as u64);
                for (of, outcome) in &call {
                    command.arg(*of).arg(outcome);
                }
            });
            if keep.await? == 0 {
                return Ok(false);
            }
        }
        let keys = self.keys.all();
        let ended = END.run::<u8>(&self.link, &keys, |command| {
            command.arg(id.as_str()).arg(LIFE.as_millis() as u64);
            for item in tried {
                command.arg(item.as_str());
            }
        });
        Ok(ended.await? == 1)
    }

    async fn all_open(&self) -> Result<Vec<Submission>, StoreError> {
        let mut all = command("HGETALL");
        all.arg(&self.keys.open);
        let mut fields: HashMap<String, String> = self.link.query("looking for open batches", &all).await?;
        let ids: Vec<String> = fields.keys().filter(|field| !field.contains(':')).cloned().collect();
        let mut all = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(head) = fields.remove(&id) else { continue };
            let mut field = |name: &str| fields.remove(&format!("{id}:{name}"));
            let items = field("items").unwrap_or_default();
            all.push(Submission {
                items: items.split(' ').filter_map(CustomId::parse).collect(),
                file: field("file"),
                batch: field("batch"),
                ..read(&head)?
            });
        }
        Ok(all)
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Unreadable(error.to_string()))
}

fn written<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unreadable(error.to_string()))
}

impl Store for RedisStore {
    fn is_shared(&self) -> bool {
        true
    }

    fn look<'a>(&'a self, ids: &'a [CustomId]) -> BoxFuture<'a, Result<Vec<Known>, StoreError>> {
        self.look_all(ids).boxed()
    }

    fn begin<'a>(
        &'a self,
        submission: &'a Submission,
        holder: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Vec<CustomId>, StoreError>> {
        async move {
            let head = written(&Submission { items: Vec::new(), ..submission.clone() })?;
            let keys = self.keys.all();
            let begun = BEGIN.run::<String>(&self.link, &keys, |command| {
                command.arg(submission.id.as_str()).arg(holder).arg(lease.as_millis() as u64);
                command.arg(LIFE.as_millis() as u64).arg(&head);
                for item in &submission.items {
                    command.arg(item.as_str());
                }
            });
            Ok(begun.await?.split(' ').filter_map(CustomId::parse).collect())
        }
        .boxed()
    }

    fn note<'a>(&'a self, id: &'a SubmissionId, step: &'a Step) -> BoxFuture<'a, Result<bool, StoreError>> {
        let (field, name) = match step {
            Step::Uploaded(file) => ("file", file),
            Step::Accepted(batch) => ("batch", batch),
        };
        async move {
            let keys = [self.keys.open.as_str()];
            let noted = NOTE.run::<u8>(&self.link, &keys, |command| {
                command.arg(id.as_str()).arg(field).arg(name);
            });
            Ok(noted.await? == 1)
        }
        .boxed()
    }

    fn end<'a>(
        &'a self,
        id: &'a SubmissionId,
        outcomes: &'a [(CustomId, Outcome)],
        tried: &'a [CustomId],
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.end_with(id, outcomes, tried).boxed()
    }

    fn open(&self) -> BoxFuture<'_, Result<Vec<Submission>, StoreError>> {
        self.all_open().boxed()
    }

    fn lease<'a>(
        &'a self,
        id: &'a SubmissionId,
        holder: &'a str,
        life: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        async move {
            let keys = [self.keys.open.as_str(), &self.keys.leases];
            let leased = LEASE.run::<u8>(&self.link, &keys, |command| {
                command.arg(id.as_str()).arg(holder).arg(life.as_millis() as u64);
            });
            Ok(leased.await? == 1)
        }
        .boxed()
    }

    fn forget(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let mut unlink = command("UNLINK");
            for key in self.keys.all() {
                unlink.arg(key);
            }
            let _removed: u64 = self.link.query("forgetting a run's batches", &unlink).await?;
            Ok(())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use sheaf_common::redis::{Patience, stand::RedisStand};

    use super::*;
    use crate::bulk::conformance::{answer, submission, suite};

    async fn store(stand: &RedisStand) -> RedisStore {
        let link = Link::new(stand.connector().await, Patience::For(Duration::from_secs(10)));
        RedisStore::new(link, &RunId::new("run"))
    }

    #[tokio::test]
    async fn redis_does_as_every_store() {
        let stand = RedisStand::start(&[]);
        suite(&store(&stand).await).await;
    }

    #[tokio::test]
    async fn workers_see_what_the_others_handed_in_and_every_key_expires() {
        let stand = RedisStand::start(&[]);
        let (one, other) = (store(&stand).await, store(&stand).await);
        let begun = submission(0..600);
        one.begin(&begun, "one", Duration::from_mins(1)).await.unwrap();
        assert_eq!(other.open().await.unwrap(), std::slice::from_ref(&begun));
        assert!(!other.lease(&begun.id, "other", Duration::from_mins(1)).await.unwrap());
        let outcomes: Vec<_> =
            begun.items[..500].iter().map(|id| (id.clone(), answer(&"long ".repeat(2_000)))).collect();
        one.end(&begun.id, &outcomes, &begun.items[500..550]).await.unwrap();
        let known = other.look(&begun.items).await.unwrap();
        let done = known.iter().filter(|known| matches!(known, Known::Done(_))).count();
        let tried = known.iter().filter(|known| **known == Known::Free(1)).count();
        assert_eq!((done, tried, known.len()), (500, 50, 600));
        for key in [&one.keys.outcomes, &one.keys.tries] {
            let ttl: i64 = one.link.query("asking", command("PTTL").arg(key)).await.unwrap();
            assert!(ttl > 0, "{key} stays for ever");
        }
    }
}
