//! What the door and the fleet's tasks share.

use std::sync::{Arc, Once};

use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{
    audit::Audit,
    entry::{Entry, Packed},
    index::Index,
    segment::{AT_ONCE, Held},
    settings::SemanticSettings,
    statistics::Counters,
};
use crate::{embedder::Embedder, unit::Scope};

/// Candidates that the guards look at.
const NEAREST: usize = 8;

pub(super) struct Inner {
    pub(super) settings: SemanticSettings,
    pub(super) embedder: Arc<dyn Embedder>,
    /// Tells this cache's own entries in the stream.
    pub(super) worker: u64,
    pub(super) index: Arc<Index>,
    pub(super) audit: Audit,
    pub(super) counters: Counters,
    at_once: Semaphore,
    failed: Once,
}

impl Inner {
    pub(super) fn new(settings: SemanticSettings, embedder: Arc<dyn Embedder>, worker: u64) -> Self {
        let index = Index::new(embedder.id().dimension(), settings.entries, settings.bytes);
        Self {
            audit: Audit::new(settings.allowed),
            settings,
            embedder,
            worker,
            index: Arc::new(index),
            counters: Counters::default(),
            at_once: Semaphore::new(AT_ONCE),
            failed: Once::new(),
        }
    }

    /// Adds an entry; whether it is new.
    pub(super) async fn add(&self, entry: Entry) -> bool {
        let Ok(_place) = self.at_once.acquire().await else { return false };
        let index = Arc::clone(&self.index);
        let added = spawn_blocking(move || index.add(entry)).await;
        self.told(added.unwrap_or(Ok(false))).unwrap_or(false)
    }

    /// The nearest entries, the nearest first. It is done where it stands: among a million it takes about a millisecond.
    pub(super) async fn nearest(&self, scope: Scope, vector: &Packed) -> Vec<(f32, Held)> {
        let Ok(_place) = self.at_once.acquire().await else { return Vec::new() };
        let found = self.index.nearest(&scope, vector, NEAREST);
        self.told(found).unwrap_or_default()
    }

    /// An engine that fails does so each time: it is said once, and nothing is found.
    fn told<T>(&self, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.failed.call_once(|| {
                    tracing::warn!(
                        error,
                        "the semantic cache's index fails; what it does not find is asked anew"
                    );
                });
                None
            }
        }
    }
}
