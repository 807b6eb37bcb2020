//! Answers that were given before, opened for a run.

use sheaf_cache::{ExactCache, ExactSettings, MemoryCache, ResultCache, Scope};
use sheaf_common::{
    fleet::{CacheMode, CacheSettings},
    redis::RedisUrl,
};
use sheaf_llm::{Stage, config::PoolConfig, detect::Detection};

use crate::models;

/// The caches of a stage, in `memory` and in the Redis at `redis`; `None` when they are off. A Redis that is away is said once,
/// and the cache goes on in memory.
pub async fn open(
    settings: &CacheSettings,
    memory: MemoryCache,
    redis: Option<RedisUrl>,
    stage: &Stage,
    config: &PoolConfig,
    found: &[Detection],
) -> Option<ResultCache> {
    if settings.mode == CacheMode::Off {
        return None;
    }
    let models = models::names(config, found);
    let models = models.iter().map(String::as_str);
    let scope = Scope::new(&settings.tenant, &stage.name, &stage.semantics(), models);
    let exact = ExactCache::open(&ExactSettings::from(settings), memory, redis).await;
    Some(ResultCache::new(exact, scope))
}
