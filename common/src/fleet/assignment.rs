//! A run as a worker is given it.

use std::{fmt, time::Duration};

use url::Url;

use crate::{id::RunId, job::AnalysisOptions, mode::Mode};

/// The configuration of a run. It never holds a key of a model's provider: each worker has its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The run.
    pub run: RunId,
    /// Where its jobs are.
    pub redis: RedisAccess,
    /// Parts into which its queue is split.
    pub shards: u16,
    /// How its documents are analysed.
    pub options: AnalysisOptions,
    /// Where they are analysed.
    pub mode: Mode,
    /// Wall clock for one document.
    pub parse_timeout: Duration,
    /// Memory of a child process beyond its own code and stack, in bytes.
    pub parse_memory_bytes: u64,
    /// Which documents a model is asked about.
    pub llm: LlmPolicy,
    /// How models are asked.
    pub models: ModelSettings,
    /// What the whole run may cost.
    pub budget: Budget,
    /// Whether answers that were given before serve again.
    pub cache: CacheSettings,
}

#[cfg(any(test, feature = "conformance"))]
impl Assignment {
    /// A run of which nothing special is asked, for tests.
    pub fn sample(run: &str, shards: u16) -> Self {
        Self {
            run: RunId::new(run),
            redis: RedisAccess { url: "redis://127.0.0.1".to_owned(), host_is_coordinator: true },
            shards,
            options: AnalysisOptions::default(),
            mode: Mode::Async,
            parse_timeout: Duration::from_secs(30),
            parse_memory_bytes: 1 << 30,
            llm: LlmPolicy::Never,
            models: ModelSettings::default(),
            budget: Budget::default(),
            cache: CacheSettings::default(),
        }
    }
}

/// Which documents of a run a model is asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LlmPolicy {
    /// None.
    Never,
    /// Those that the rules are unsure of.
    #[default]
    Unsure,
    /// Every one that has text.
    Every,
}

/// How the models of a run are asked; each limit is the whole fleet's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ModelSettings {
    /// One request at a time.
    pub no_parallel: bool,
    /// Most requests at once; `None`: what the backends take.
    pub max_parallel: Option<u32>,
    /// Requests a minute that the key allows; `None`: learned.
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute that the key allows; `None`: learned.
    pub tokens_per_minute: Option<u64>,
    /// Documents in one request; 0: chosen by how the backend responds.
    pub batch_size: u32,
    /// Requests go through the provider's endpoint for batches, which answers within a day at a lower price.
    pub batch_api: bool,
}

/// Whether answers that were given before serve again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// Whether, and whether new ones are kept.
    pub mode: CacheMode,
    /// How long an answer is kept.
    pub ttl: Duration,
    /// Whose answers: those of one tenant never serve another.
    pub tenant: String,
    /// Answers about texts that say the same serve too.
    pub semantic: bool,
}

impl CacheSettings {
    /// How long an answer is kept unless said otherwise.
    pub const TTL: Duration = Duration::from_hours(30 * 24);
    /// Whose answers, unless said otherwise.
    pub const TENANT: &str = "default";
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { mode: CacheMode::default(), ttl: Self::TTL, tenant: Self::TENANT.to_owned(), semantic: true }
    }
}

/// What caches are used for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CacheMode {
    /// Nothing: every answer is asked for.
    Off,
    /// Answers that are there serve; nothing is added.
    Read,
    /// Answers that are there serve, and new ones are kept.
    #[default]
    On,
}

/// Ceilings of a run, over all its workers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budget {
    /// US dollars.
    pub usd: Option<f64>,
    /// Tokens, input and output together.
    pub tokens: Option<u64>,
    /// What earlier parts of the run spent, in billionths of a US dollar.
    pub spent_nano_usd: u64,
    /// Tokens that earlier parts sent.
    pub spent_input_tokens: u64,
    /// Tokens that earlier parts received.
    pub spent_output_tokens: u64,
}

/// Where a run's Redis is. The URL may hold a password, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisAccess {
    /// As the coordinator reaches it.
    pub url: String,
    /// Redis runs beside the coordinator: a worker reaches it at the host at which it reaches the coordinator.
    pub host_is_coordinator: bool,
}

/// Why a worker cannot tell where Redis is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the address of Redis that the coordinator gave cannot be used: {why}; start the coordinator with a \
     --redis-url that its workers can reach"
)]
pub struct RedisAccessError {
    why: String,
}

impl RedisAccess {
    /// The URL for a worker that reaches the coordinator at `coordinator_host` (a name, or an address without
    /// brackets).
    ///
    /// # Errors
    ///
    /// When the host is to be replaced in something that is no URL with a host.
    pub fn reached_from(&self, coordinator_host: &str) -> Result<String, RedisAccessError> {
        if !self.host_is_coordinator {
            return Ok(self.url.clone());
        }
        // The URL itself stays out of the message: it may hold a password.
        let unusable = |why: &dyn fmt::Display| RedisAccessError { why: why.to_string() };
        let mut url = Url::parse(&self.url).map_err(|error| unusable(&error))?;
        if !url.has_host() {
            return Err(unusable(&"it names no host"));
        }
        let host = if coordinator_host.contains(':') && !coordinator_host.starts_with('[') {
            format!("[{coordinator_host}]")
        } else {
            coordinator_host.to_owned()
        };
        url.set_host(Some(&host)).map_err(|error| unusable(&error))?;
        Ok(url.into())
    }
}

impl fmt::Debug for RedisAccess {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match Url::parse(&self.url) {
            Ok(url) => {
                format!("{}://{}:{}", url.scheme(), url.host_str().unwrap_or("-"), url.port().unwrap_or(6379))
            }
            Err(_) => "unreadable".to_owned(),
        };
        out.debug_struct("RedisAccess")
            .field("at", &shown)
            .field("host_is_coordinator", &self.host_is_coordinator)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(url: &str, host_is_coordinator: bool) -> RedisAccess {
        RedisAccess { url: url.to_owned(), host_is_coordinator }
    }

    #[test]
    fn the_host_is_replaced_and_nothing_else() {
        let beside = access("redis://user:pass@127.0.0.1:6390/2?protocol=resp3", true);
        assert_eq!(beside.reached_from("hub").unwrap(), "redis://user:pass@hub:6390/2?protocol=resp3");
        assert_eq!(beside.reached_from("::1").unwrap(), "redis://user:pass@[::1]:6390/2?protocol=resp3");
        assert_eq!(access("redis://[::1]:1", true).reached_from("fd00::5").unwrap(), "redis://[fd00::5]:1");
        assert_eq!(access("redis://localhost", true).reached_from("hub").unwrap(), "redis://hub");
        assert_eq!(access("redis://a:1", false).reached_from("hub").unwrap(), "redis://a:1");
    }

    #[test]
    fn what_is_no_url_with_a_host_is_refused_without_being_shown() {
        for url in ["nonsense", "unix:/run/redis.sock", ""] {
            let said = access(url, true).reached_from("hub").unwrap_err().to_string();
            assert!(said.contains("--redis-url") && !said.contains("redis.sock"), "{said}");
        }
    }

    #[test]
    fn the_password_is_not_shown() {
        let shown = format!("{:?}", access("redis://user:secret@redis.internal:6390", false));
        assert!(shown.contains("redis.internal:6390") && !shown.contains("secret"), "{shown}");
    }
}
