//! Bodies that have keys of their own, because they are too large for their entries.
//!
//! A set in each shard says which they are. They stay as long as their run: a document that waits for a week still has its
//! body. A commit removes its document's, the end of the run what is left.

use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, cmd};

use super::{
    Core,
    parcel::{Parcel, Place, Stored, Unreadable},
    script::{DROP, KEEP, STORE},
};
use crate::{
    keys::ShardKeys,
    queue::QueueError,
    redis::{Link, RedisError},
};

/// Bodies looked at in one script.
const PAGE: usize = 256;

impl Core {
    /// Stores the body of a parcel that has no room for it, and takes it out.
    pub(super) async fn store_body(&self, parcel: Parcel) -> Result<Parcel, QueueError> {
        if parcel.place != Place::Blob {
            return Ok(parcel);
        }
        let keys = &self.shards[self.shard(parcel.sequence)];
        let body = keys.blob(parcel.sequence);
        let arguments = |command: &mut Cmd| {
            command.arg(parcel.sequence).arg(self.shards.len()).arg(&parcel.body[..]);
        };
        let _stored: u8 = STORE.run(&self.main, &[&body, &keys.bodies, &keys.done], arguments).await?;
        Ok(Parcel { body: Bytes::new(), ..parcel })
    }

    /// The body of a document, as it is stored.
    pub(super) async fn body(
        &self,
        link: &Link,
        sequence: u64,
    ) -> Result<Result<Stored, Unreadable>, QueueError> {
        let key = self.shards[self.shard(sequence)].blob(sequence);
        let stored: Option<Bytes> = link.query("reading a body", cmd("GET").arg(key)).await?;
        Ok(stored.map(Stored::of).ok_or(Unreadable::Gone))
    }

    /// Removes the body of a document that is terminal. One that stays behind is removed at the end of the run.
    pub(super) async fn drop_body(&self, sequence: u64) {
        let keys = &self.shards[self.shard(sequence)];
        if let Err(error) = self.drop_bodies(keys, &[sequence]).await {
            tracing::debug!(%error, "a body stays until its run ends");
        }
    }

    /// Removes the bodies that are left in a shard.
    pub(super) async fn drop_all_bodies(&self, keys: &ShardKeys) -> Result<(), RedisError> {
        loop {
            let mut some = cmd("SRANDMEMBER");
            some.arg(&keys.bodies).arg(PAGE);
            let some: Vec<u64> = self.main.query("looking for bodies", &some).await?;
            if some.is_empty() {
                return Ok(());
            }
            self.drop_bodies(keys, &some).await?;
        }
    }

    async fn drop_bodies(&self, keys: &ShardKeys, sequences: &[u64]) -> Result<(), RedisError> {
        let bodies: Vec<String> = sequences.iter().map(|sequence| keys.blob(*sequence)).collect();
        let mut all = vec![keys.bodies.as_str()];
        all.extend(bodies.iter().map(String::as_str));
        let arguments = |command: &mut Cmd| {
            command.arg(sequences);
        };
        let _there: u64 = DROP.run(&self.main, &all, arguments).await?;
        Ok(())
    }

    /// Has the bodies of a shard expire after `life`; `None` keeps them.
    pub(super) async fn keep_bodies(
        &self,
        keys: &ShardKeys,
        life: Option<Duration>,
    ) -> Result<(), RedisError> {
        let mut cursor = 0_u64;
        loop {
            let mut scan = cmd("SSCAN");
            scan.arg(&keys.bodies).arg(cursor).arg("COUNT").arg(PAGE);
            let (next, some): (u64, Vec<u64>) = self.main.query("looking for bodies", &scan).await?;
            let bodies: Vec<String> = some.into_iter().map(|sequence| keys.blob(sequence)).collect();
            for page in bodies.chunks(PAGE) {
                let page: Vec<&str> = page.iter().map(String::as_str).collect();
                let arguments = |command: &mut Cmd| {
                    command.arg(life.map_or(0, |life| life.as_secs().max(1)));
                };
                let _there: u64 = KEEP.run(&self.main, &page, arguments).await?;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }
}
