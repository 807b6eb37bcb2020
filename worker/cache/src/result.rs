//! The cache as the data path sees it, for one stage of one run.

use std::{fmt, sync::Arc};

use serde::Serialize;
use sheaf_common::record::{CacheKind, CacheUse, Saved};
use tokio::time::Instant;

use crate::{
    answer::Answer,
    exact::{self, Claim, ExactCache, ExactCounts},
    unit::{Scope, UnitKey},
};

/// What a document shows of itself to a model, and so to a cache.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'u> {
    /// Title, where it has one.
    pub title: Option<&'u str>,
    /// Main text, whole.
    pub text: &'u str,
}

/// Answers of one stage that were given before, and the task of asking for the others.
#[derive(Clone)]
pub struct ResultCache {
    exact: ExactCache,
    scope: Scope,
}

/// What a look-up ends with.
#[derive(Debug)]
pub enum Looked {
    /// There is an answer. One that cannot be used is handed back with [`ResultCache::reject`].
    Hit(CacheHit),
    /// The caller asks, and says what it was with [`ResultCache::fill`].
    Ask(Task),
}

/// An answer that was given before.
#[derive(Debug)]
pub struct CacheHit {
    /// The answer, to be held to the stage's schema and to the document like a fresh one.
    pub answer: Arc<Answer>,
    from: exact::Hit,
}

/// The task of asking a model. Dropped without an answer, it passes to whoever waits for the same one.
#[derive(Debug)]
pub struct Task {
    claim: Claim,
}

/// What a cache did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CacheCounts {
    /// About the very same text.
    pub exact: ExactCounts,
}

impl ResultCache {
    /// The answers of a scope.
    pub fn new(exact: ExactCache, scope: Scope) -> Self {
        Self { exact, scope }
    }

    /// Looks an answer up. Where somebody asks for the same one already, waits for it until `deadline` at most.
    pub async fn look(&self, shown: Shown<'_>, deadline: Instant) -> Looked {
        let key = UnitKey::new(self.scope, shown.title, shown.text);
        match self.exact.begin(&key, deadline).await {
            exact::Begun::Hit(hit) => Looked::Hit(CacheHit::exact(hit)),
            exact::Begun::Ask(claim) => Looked::Ask(Task { claim }),
        }
    }

    /// An answer does not do for this document; what comes next is as with [`look`](Self::look). It is removed: it breaks the
    /// stage's schema, for everybody.
    pub async fn reject(&self, hit: CacheHit, deadline: Instant) -> Looked {
        match self.exact.reject(hit.from, deadline).await {
            exact::Begun::Hit(hit) => Looked::Hit(CacheHit::exact(hit)),
            exact::Begun::Ask(claim) => Looked::Ask(Task { claim }),
        }
    }

    /// Keeps a fresh answer; returns what the document's record says of it.
    pub async fn fill(&self, task: Task, answer: Answer, _shown: Shown<'_>) -> CacheUse {
        task.claim.fill(answer).await;
        CacheUse::default()
    }

    /// What was done so far.
    pub fn counts(&self) -> CacheCounts {
        CacheCounts { exact: self.exact.counts() }
    }
}

impl CacheHit {
    fn exact(hit: exact::Hit) -> Self {
        Self { answer: hit.answer.clone(), from: hit }
    }

    /// Whether it is about the very same text.
    pub fn is_exact(&self) -> bool {
        true
    }

    /// What the document's record says of it.
    pub fn used(&self) -> CacheUse {
        let Answer { of, usage, requests, .. } = &*self.answer;
        CacheUse {
            kind: CacheKind::Exact,
            similarity: Some(1.0),
            of: Some(of.clone()),
            saved: Some(Saved { requests: *requests, usage: *usage }),
            checked: None,
        }
    }
}

impl fmt::Debug for ResultCache {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ResultCache").field("scope", &self.scope).finish_non_exhaustive()
    }
}
