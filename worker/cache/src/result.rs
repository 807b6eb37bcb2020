//! The cache as the data path sees it, for one stage of one run: the very same text first, then one that says the same.

use std::{fmt, sync::Arc};

use serde::Serialize;
use sheaf_common::record::{CacheKind, CacheUse, Checked, Saved};
use tokio::time::Instant;

use crate::{
    answer::Answer,
    exact::{self, Claim, ExactCache, ExactCounts},
    semantic::{Probe, SemanticCache, SemanticHit, SemanticStatistics},
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

/// Answers of one stage that were given before, and the task of asking for the others. Clones are the same cache.
#[derive(Clone)]
pub struct ResultCache {
    exact: ExactCache,
    semantic: Option<Arc<SemanticCache>>,
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
    from: From,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one at a time, on its way to a record")]
enum From {
    /// The very same text.
    Exact(exact::Hit),
    /// A text that says the same. The task is kept in case the answer does not do.
    Semantic(SemanticHit, Task),
}

/// The task of asking a model. Dropped without an answer, it passes to whoever waits for the same one.
#[derive(Debug)]
pub struct Task {
    claim: Claim,
    /// By which later texts find this one; `None` where those are not looked for.
    probe: Option<Probe>,
    /// What would have served, to be compared with the fresh answer.
    shadow: Option<(SemanticHit, Arc<Answer>)>,
}

impl Task {
    /// What would have served, had it not been chosen to be checked: for when no fresh answer can be had.
    pub fn instead(self) -> Option<CacheHit> {
        let Self { claim, probe, shadow } = self;
        let (similar, answer) = shadow?;
        let task = Self { claim, probe, shadow: None };
        Some(CacheHit { answer, from: From::Semantic(similar, task) })
    }
}

/// What a cache did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CacheCounts {
    /// About the very same text.
    pub exact: ExactCounts,
    /// About texts that say the same; `None` where those are not looked for.
    pub semantic: Option<SemanticStatistics>,
}

impl ResultCache {
    /// The answers of a scope.
    pub fn new(exact: ExactCache, semantic: Option<SemanticCache>, scope: Scope) -> Self {
        Self { exact, semantic: semantic.map(Arc::new), scope }
    }

    /// Looks an answer up. Where somebody asks for the same one already, waits for it until `deadline` at most.
    pub async fn look(&self, shown: Shown<'_>, deadline: Instant) -> Looked {
        let key = UnitKey::new(self.scope, shown.title, shown.text);
        match self.exact.begin(&key, deadline).await {
            exact::Begun::Hit(hit) => Looked::Hit(CacheHit::exact(hit)),
            exact::Begun::Ask(claim) => self.look_around(shown, claim).await,
        }
    }

    /// Looks for a text that says the same.
    async fn look_around(&self, shown: Shown<'_>, claim: Claim) -> Looked {
        let mut task = Task { claim, probe: None, shadow: None };
        let Some(semantic) = &self.semantic else { return Looked::Ask(task) };
        task.probe = semantic.probe(shown.title, shown.text).await;
        let Some(probe) = &task.probe else { return Looked::Ask(task) };
        let Some(similar) = semantic.lookup(task.claim.key(), probe).await else { return Looked::Ask(task) };
        // The index remembers more than there may still be answers to.
        let Some(found) = self.exact.find(&similar.key).await else { return Looked::Ask(task) };
        if similar.check {
            task.shadow = Some((similar, found.answer));
            return Looked::Ask(task);
        }
        Looked::Hit(CacheHit { answer: found.answer, from: From::Semantic(similar, task) })
    }

    /// An answer does not do for this document; what comes next is as with [`look`](Self::look). One about the very same text
    /// breaks the stage's schema, for everybody: it is removed.
    pub async fn reject(&self, hit: CacheHit, deadline: Instant) -> Looked {
        match hit.from {
            From::Exact(hit) => match self.exact.reject(hit, deadline).await {
                exact::Begun::Hit(hit) => Looked::Hit(CacheHit::exact(hit)),
                exact::Begun::Ask(claim) => Looked::Ask(Task { claim, probe: None, shadow: None }),
            },
            From::Semantic(_, task) => Looked::Ask(task),
        }
    }

    /// Keeps a fresh answer, and compares it with what would have served in its place; returns what the document's record
    /// says of that.
    pub async fn fill(&self, task: Task, answer: Answer) -> CacheUse {
        let Task { claim, probe, shadow } = task;
        let key = *claim.key();
        let answer = claim.fill(answer).await;
        let Some(semantic) = &self.semantic else { return CacheUse::default() };
        if let Some(probe) = probe.filter(|_| self.exact.keeps()) {
            semantic.insert(key, probe, &answer.of).await;
        }
        let Some((similar, earlier)) = shadow else { return CacheUse::default() };
        let Some(agreed) = semantic.judge(&earlier.value, &answer.value).await else {
            return CacheUse::default();
        };
        let checked = Checked { of: earlier.of.clone(), similarity: rounded(similar.similarity), agreed };
        CacheUse { checked: Some(checked), ..CacheUse::default() }
    }

    /// What was done so far.
    pub fn counts(&self) -> CacheCounts {
        let semantic = self.semantic.as_ref().map(|semantic| semantic.statistics());
        CacheCounts { exact: self.exact.counts(), semantic }
    }
}

impl CacheHit {
    fn exact(hit: exact::Hit) -> Self {
        Self { answer: hit.answer.clone(), from: From::Exact(hit) }
    }

    /// Whether it is about the very same text.
    pub fn is_exact(&self) -> bool {
        matches!(self.from, From::Exact(_))
    }

    /// What the document's record says of it.
    pub fn used(&self) -> CacheUse {
        let Answer { of, usage, requests, .. } = &*self.answer;
        let (kind, similarity) = match &self.from {
            From::Exact(_) => (CacheKind::Exact, 1.0),
            From::Semantic(similar, _) => (CacheKind::Semantic, rounded(similar.similarity)),
        };
        CacheUse {
            kind,
            similarity: Some(similarity),
            of: Some(of.clone()),
            saved: Some(Saved { requests: *requests, usage: *usage }),
            checked: None,
        }
    }
}

/// Four decimals: the vectors are not more exact.
fn rounded(similarity: f32) -> f64 {
    (f64::from(similarity) * 1e4).round() / 1e4
}

impl fmt::Debug for ResultCache {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ResultCache").field("scope", &self.scope).finish_non_exhaustive()
    }
}
