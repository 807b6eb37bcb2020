//! Looks at a run in Redis from outside, and disturbs nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
    time::Duration,
};

use redis::{
    Cmd, cmd,
    streams::{StreamPendingCountReply, StreamRangeReply},
};
use sheaf_common::{
    id::RunId,
    keys::{GROUP, ShardKeys},
    queue::{DeadLetter, RedisLimits, RedisQueue, Tallies},
    redis::{Connector, Link, Patience},
};

use super::recovery::Done;
use crate::AnyError;

/// Leases looked at, a lane: far more than workers have slots.
const LEASES: usize = 10_000;
/// What is not answered now is asked again with the next look.
const ONCE: Patience = Patience::For(Duration::ZERO);

/// A run in Redis.
pub(super) struct Watch {
    link: Link,
    queue: RedisQueue,
    keys: ShardKeys,
    /// The documents of entries that are under lease: an entry's never changes.
    documents: HashMap<String, u64>,
}

impl Watch {
    /// The run that keeps its state in `out`; an error while it has none or is not in Redis yet.
    pub(super) async fn open(connector: Connector, out: &Path) -> Result<Self, AnyError> {
        let state = fs::read_to_string(out.join(".sheaf").join("state.json"))?;
        let state: serde_json::Value = serde_json::from_str(&state)?;
        let run = RunId::new(state["run"].as_str().ok_or("the run has no name")?);
        let link = Link::new(connector.clone(), ONCE);
        let queue = RedisQueue::open(connector, run.clone(), 1, RedisLimits::default(), false, ONCE).await?;
        Ok(Self { link, queue, keys: ShardKeys::new(&run, 0), documents: HashMap::new() })
    }

    /// The documents that are committed; `None` when nothing was, and when the run has been removed after its end.
    pub(super) async fn done(&self) -> Result<Option<Done>, AnyError> {
        let map: Option<Vec<u8>> = self.ask(cmd("GET").arg(&self.keys.done)).await?;
        Ok(map.map(Done))
    }

    /// The documents under lease, by worker.
    pub(super) async fn leases(&mut self) -> Result<BTreeMap<String, BTreeSet<u64>>, AnyError> {
        let mut leases: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        let mut documents = HashMap::new();
        for lane in &self.keys.lanes {
            let mut pending = cmd("XPENDING");
            pending.arg(lane).arg(GROUP).arg("-").arg("+").arg(LEASES);
            let pending: StreamPendingCountReply = self.ask(&pending).await?;
            for lease in pending.ids {
                let entry = format!("{lane} {}", lease.id);
                let document = match self.documents.get(&entry) {
                    Some(document) => Some(*document),
                    None => self.document(lane, &lease.id).await?,
                };
                // Committed between the two questions.
                let Some(document) = document else { continue };
                documents.insert(entry, document);
                leases.entry(lease.consumer).or_default().insert(document);
            }
        }
        self.documents = documents;
        Ok(leases)
    }

    async fn document(&self, lane: &str, entry: &str) -> Result<Option<u64>, AnyError> {
        let mut range = cmd("XRANGE");
        range.arg(lane).arg(entry).arg(entry);
        let found: StreamRangeReply = self.ask(&range).await?;
        Ok(found.ids.first().and_then(|entry| entry.get("s")))
    }

    /// What happened so far.
    pub(super) async fn tallies(&self) -> Result<Tallies, AnyError> {
        Ok(self.queue.tallies().await?)
    }

    /// Documents that were given up; they outlive the run.
    pub(super) async fn dead_letters(&self) -> Result<Vec<DeadLetter>, AnyError> {
        Ok(self.queue.dead_letters(LEASES).await?)
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &Cmd) -> Result<T, AnyError> {
        Ok(self.link.query("watching the run", command).await?)
    }
}
