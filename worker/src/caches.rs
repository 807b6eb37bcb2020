//! Answers that were given before, opened for a run.

use std::{path::Path, sync::Arc, time::Duration};

use sheaf_cache::{
    CacheCounts, ExactCache, ExactSettings, MemoryCache, ResultCache, Scope, SemanticCache, SemanticSettings,
    embedder::{BackendEmbedder, Embedder, Lexical, StaticModel},
    semantic::Fleet,
};
use sheaf_common::{
    fleet::{CacheMode, CacheSettings},
    id::RunId,
    keys::CacheKeys,
    redis::{Connector, Link, Patience, RedisUrl},
};
use sheaf_llm::{
    EmbeddingClient, EmbeddingSettings, HttpBackend, Limiter, MemoryLimiter, Stage, ToldLimits,
    config::{BackendConfig, PoolConfig},
    detect::Detection,
};

use crate::models::{self, Sharing};

/// How long a run waits for a Redis that only its caches need.
const FIRST_ANSWER: Duration = Duration::from_secs(2);
/// How long a run waits for the first vector of an embedding backend.
const FIRST_VECTOR: Duration = Duration::from_secs(10);
/// Tokens that an embedding backend takes in at once where it does not say: fewer than any in use.
const CONTEXT: u32 = 256;

/// Whose caches, and where they are.
#[derive(Debug)]
pub struct Place<'p> {
    /// Mode, expiry and tenant.
    pub settings: &'p CacheSettings,
    /// The run.
    pub run: &'p RunId,
    /// Answers in memory, of all runs of the process.
    pub memory: MemoryCache,
    /// The Redis that keeps them for others.
    pub redis: Option<RedisUrl>,
    /// Folder of a static embedding model.
    pub embedding_model: Option<&'p Path>,
}

/// The models of a run, and what is known of them.
#[derive(Debug, Clone, Copy)]
pub struct Models<'m> {
    /// The backends.
    pub config: &'m PoolConfig,
    /// What they said of themselves.
    pub found: &'m [Detection],
    /// Limits of a fleet.
    pub sharing: Option<&'m Sharing>,
}

/// The caches of a stage; `None` when they are off. A Redis that is away is said once, and the cache goes on in memory; so is
/// an embedding backend, and texts are compared by their words.
///
/// # Errors
///
/// One line that says what is wrong with the folder of the embedding model.
pub async fn open(
    place: Place<'_>,
    stage: &Stage,
    models: Models<'_>,
) -> Result<Option<ResultCache>, String> {
    let Place { settings, run, memory, redis, embedding_model } = place;
    if settings.mode == CacheMode::Off {
        return Ok(None);
    }
    let names = models::names(models.config, models.found);
    let names = names.iter().map(String::as_str);
    let scope = Scope::new(&settings.tenant, &stage.name, &stage.semantics(), names);
    let exact = ExactCache::open(&ExactSettings::from(settings), memory, redis.clone()).await;
    let mut semantic = None;
    if settings.semantic {
        let embedder = embedder(embedding_model, models).await?;
        let fleet = fleet(redis, &settings.tenant, run).await;
        semantic = Some(SemanticCache::open(SemanticSettings::default(), embedder, fleet.as_ref()));
    }
    Ok(Some(ResultCache::new(exact, semantic, scope)))
}

/// The fleet with which entries are shared. That Redis is away is said by the exact cache.
async fn fleet(redis: Option<RedisUrl>, tenant: &str, run: &RunId) -> Option<Fleet> {
    let connector = Connector::find_quietly(redis?, Patience::For(FIRST_ANSWER)).await.ok()?;
    let link = Link::new(connector, Patience::For(FIRST_ANSWER)).quiet();
    Some(Fleet { link, keys: CacheKeys::new(tenant).semantic(run) })
}

/// What makes vectors of texts: the person's own model, else the backend for embeddings, else words.
async fn embedder(folder: Option<&Path>, models: Models<'_>) -> Result<Arc<dyn Embedder>, String> {
    if let Some(folder) = folder {
        let folder = folder.to_owned();
        let opened = tokio::task::spawn_blocking(move || StaticModel::open(&folder)).await;
        let model = opened.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        return Ok(Arc::new(model));
    }
    let Some(backend) = models.config.embedding() else { return Ok(Arc::new(Lexical::new())) };
    match over_backend(backend.clone(), models).await {
        Ok(embedder) => Ok(embedder),
        Err(error) => {
            tracing::warn!(backend = %backend.name, error, "no vectors can be had: texts are compared by their words");
            Ok(Arc::new(Lexical::new()))
        }
    }
}

async fn over_backend(mut backend: BackendConfig, models: Models<'_>) -> Result<Arc<dyn Embedder>, String> {
    if let Some(found) = models.found.iter().find(|detection| detection.backend == backend.name) {
        found.apply(&mut backend);
    }
    let told = ToldLimits { requests_per_minute: backend.rpm, tokens_per_minute: backend.tpm };
    let limiter: Arc<dyn Limiter> = match models.sharing {
        Some(sharing) => sharing.limits.limiter(&backend.quota_name(&sharing.host), told),
        None => Arc::new(MemoryLimiter::new(told)),
    };
    let source = HttpBackend::new(&backend).map_err(|error| error.to_string())?;
    let client = EmbeddingClient::new(source, limiter, EmbeddingSettings::default());
    let model = backend.model.unwrap_or_else(|| backend.base_url.to_string());
    let context = backend.context.unwrap_or(CONTEXT);
    let opening = tokio::time::timeout(FIRST_VECTOR, BackendEmbedder::open(client, &model, context)).await;
    let embedder = opening.map_err(|_| format!("no vector within {} s", FIRST_VECTOR.as_secs()))?;
    Ok(Arc::new(embedder.map_err(|error| error.to_string())?))
}

/// What caches have done, in one line for a person.
pub fn told(counts: &CacheCounts) -> String {
    let CacheCounts { exact, semantic } = counts;
    let mut line = format!(
        "answers kept: {} from memory, {} from Redis, {} looked for in vain; {} new ones; {} that could not be used",
        exact.memory_hits,
        exact.redis_hits,
        exact.misses,
        exact.stored,
        exact.refused()
    );
    if let Some(semantic) = semantic {
        line += &format!(
            "; texts that say the same: {} of {} look-ups, {} entries, {} that could not be read",
            semantic.hits, semantic.lookups, semantic.entries, semantic.unreadable
        );
        if let Some(why) = &semantic.off {
            line += &format!("; turned off: {why}");
        }
    }
    line
}

/// Whether there is something that a person should hear of: entries that somebody damaged, or a cache that gave up.
pub fn is_worth_telling(counts: &CacheCounts) -> bool {
    let semantic = counts.semantic.as_ref();
    counts.exact.refused() > 0
        || semantic.is_some_and(|semantic| semantic.unreadable > 0 || semantic.off.is_some())
}
