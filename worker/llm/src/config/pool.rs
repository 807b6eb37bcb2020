//! All backends, as configured.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{BackendConfig, BackendRole};
use crate::backend::shown;

/// All backends and what holds for them together.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// Backends that answer requests, the primary first; then those for embeddings.
    pub backends: Vec<BackendConfig>,
    /// What the person said of requests at once, over all backends.
    pub parallel: Parallel,
    /// What the person should know of how the configuration was read; for the log.
    pub notes: Vec<String>,
}

/// What the person said of requests at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Parallel {
    /// Nothing: to be found out.
    #[default]
    Automatic,
    /// One at a time; said where.
    Off(String),
    /// At most so many over all backends; said where.
    AtMost(u32, String),
}

impl Parallel {
    /// Most requests at once that the person allows.
    pub fn most(&self) -> Option<u32> {
        match self {
            Self::Automatic => None,
            Self::Off(_) => Some(1),
            Self::AtMost(most, _) => Some(*most),
        }
    }
}

impl PoolConfig {
    /// Backends that answer requests, the primary first.
    pub fn chat(&self) -> impl Iterator<Item = &BackendConfig> {
        self.backends.iter().filter(|backend| backend.role == BackendRole::Chat)
    }

    /// The backend for a synthesis.
    pub fn primary(&self) -> Option<&BackendConfig> {
        self.chat().next()
    }

    /// The backend for embeddings.
    pub fn embedding(&self) -> Option<&BackendConfig> {
        self.backends.iter().find(|backend| backend.role == BackendRole::Embedding)
    }

    /// Name of the quota that a backend spends from: that of the first backend with the same server and key. Backends
    /// with the same name share one limiter.
    pub fn quota_of(&self, backend: &BackendConfig) -> Arc<str> {
        let first = self.backends.iter().find(|one| one.shares_quota_with(backend)).unwrap_or(backend);
        Arc::clone(&first.name)
    }

    /// Which way it runs, in one sentence for the log: a single backend, or a pool with its addresses.
    pub fn sentence(&self) -> String {
        let named = |backend: &BackendConfig| format!("{} ({})", backend.name, shown(&backend.base_url));
        let chat: Vec<String> = self.chat().map(named).collect();
        let mut sentence = match chat.as_slice() {
            [] => "no backend answers requests".to_owned(),
            [one] => format!("a single backend: {one}"),
            many => format!("a pool of {} backends: {}", many.len(), many.join(", ")),
        };
        if let Some(embedding) = self.embedding() {
            sentence.push_str(&format!("; embeddings by {}", named(embedding)));
        }
        sentence
    }

    /// The configuration as `run.json` shows it: every setting, no key.
    pub fn redacted(&self) -> Value {
        let backends: Vec<Value> = self
            .backends
            .iter()
            .map(|backend| {
                json!({
                    "name": &*backend.name,
                    "provider": backend.provider.name(),
                    "base_url": shown(&backend.base_url),
                    "model": backend.model,
                    "key": backend.credential.as_ref().map(|credential| format!("from {}", credential.variable)),
                    "embedding": backend.role == BackendRole::Embedding,
                    "rpm": backend.rpm,
                    "tpm": backend.tpm,
                    "max_parallel": backend.most_parallel.as_ref().map(|said| said.number),
                    "context": backend.context,
                    "request_timeout_s": backend.request_timeout.as_secs(),
                    "configured_in": backend.place,
                })
            })
            .collect();
        json!({ "backends": backends, "max_parallel": self.parallel.most() })
    }
}
