//! What is kept for a tenant in Redis, for an operator.

use sheaf_common::{
    keys::{CACHE_BUCKETS, CacheKeys},
    redis::{Link, RedisError, command},
};

use super::{
    frame::{self, MOST_PACKED},
    store::{PURGE, SURVEY},
};
use crate::unit::UnitKey;

/// Entries of a bucket whose size is looked at.
const LOOKED_AT: usize = 8;
/// Entries removed in one script.
const PAGE: usize = 500;

/// What is kept for a tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Holdings {
    /// Answers.
    pub entries: u64,
    /// Bytes that they take with their keys: an estimate from some of each part.
    pub bytes: u64,
    /// Seconds since 1970 at which the oldest answer was given; of each part that one is looked at which expires first.
    pub oldest: Option<u64>,
    /// Units that the semantic caches of the fleet told each other of; `None` when they never did.
    pub semantic: Option<u64>,
}

/// Looks at what Redis holds for `tenant`. Nothing is changed.
pub async fn survey(link: &Link, tenant: &str) -> Result<Holdings, RedisError> {
    let keys = CacheKeys::new(tenant);
    let mut holdings = Holdings::default();
    for bucket in buckets() {
        let keys = keys.bucket(bucket);
        let index = keys.index();
        let (entries, looked, bytes, unit, entry): (u64, u64, u64, String, Vec<u8>) = SURVEY
            .run(link, &[&index], |command| {
                command.arg(keys.entries()).arg(LOOKED_AT).arg(MOST_PACKED);
            })
            .await?;
        holdings.entries += entries;
        holdings.bytes += (entries * bytes).checked_div(looked).unwrap_or(0);
        let given =
            UnitKey::parse(&unit).and_then(|key| frame::unpack(&key, &entry).ok()).map(|answer| answer.at);
        holdings.oldest = holdings.oldest.into_iter().chain(given).min();
    }
    let mut length = command("XLEN");
    length.arg(keys.semantic());
    let units: u64 = link.query("counting units", &length).await?;
    holdings.semantic = (units > 0).then_some(units);
    Ok(holdings)
}

/// Removes what Redis holds for `tenant`, and returns how many answers that was. Workers that run keep what they have in
/// memory.
pub async fn purge(link: &Link, tenant: &str) -> Result<u64, RedisError> {
    let keys = CacheKeys::new(tenant);
    let mut removed = 0;
    for bucket in buckets() {
        let keys = keys.bucket(bucket);
        let index = keys.index();
        loop {
            let (some, left): (u64, u64) = PURGE
                .run(link, &[&index], |command| {
                    command.arg(keys.entries()).arg(PAGE);
                })
                .await?;
            removed += some;
            if left == 0 {
                break;
            }
        }
    }
    let mut unlink = command("UNLINK");
    unlink.arg(keys.semantic());
    let _there: u64 = link.query("removing units", &unlink).await?;
    Ok(removed)
}

fn buckets() -> impl Iterator<Item = u8> {
    (0..CACHE_BUCKETS).filter_map(|bucket| u8::try_from(bucket).ok())
}
