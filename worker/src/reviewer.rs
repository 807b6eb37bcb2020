//! Asks a model for what the rules are unsure of.

use std::{
    pin::pin,
    time::{Duration, Instant, SystemTime},
};

use sheaf_cache::{Answer, CacheHit, Looked, ResultCache, Shown};
use sheaf_common::{
    analysis::Analysis,
    fault::{Fault, FaultKind},
    id::DocumentId,
    record::{CacheUse, Finding, Review, Usage},
};
use sheaf_llm::{
    AnswerProblem, AssessError, BatchSize, Batcher, Client, Cost, ModelError, Reply, Stage,
    StatisticsSnapshot, Subject,
    bulk::{self, Bulk},
};
use tokio_util::sync::CancellationToken;

/// How long a document may wait for models, limits and retries together.
const DEADLINE: Duration = Duration::from_mins(30);

/// A look-up that takes longer waits for somebody else's answer.
const LOOK: Duration = Duration::from_millis(20);

/// Documents that a worker of a fleet takes before any is at a model.
const FEW: usize = 8;
/// Documents that wait for their model at once. Each has its text in memory.
const MOST_HELD: usize = 1_000;

/// Documents that wait for a provider's batches at once: as many as a run has in flight.
const MOST_IN_BULK: usize = 4_096;

/// Which documents a model is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Those that the rules are unsure of.
    Unsure,
    /// Every one that has text.
    Every,
}

/// A client for models, what to ask, and about which documents.
#[derive(Debug)]
pub struct Reviewer {
    way: Way,
    cache: Option<ResultCache>,
    policy: Policy,
    at_once: usize,
    /// Others share the work: no more is taken than is sent on at once.
    modest: bool,
    halted: CancellationToken,
}

/// How models are asked.
#[derive(Debug)]
enum Way {
    /// Each request at once, about one document or several.
    Now(Batcher),
    /// Through a provider's endpoint for batches: minutes to a day later.
    Later(Bulk, Box<Stage>),
}

impl Reviewer {
    /// A reviewer that sends at most `at_once` requests at the same time, each about as many documents as `size` says. The
    /// client may allow fewer.
    pub fn new(client: Client, stage: Stage, policy: Policy, size: BatchSize, at_once: usize) -> Self {
        let batcher = Batcher::new(client, stage, size);
        Self {
            at_once: batcher.units_for(at_once).clamp(1, MOST_HELD),
            way: Way::Now(batcher),
            cache: None,
            policy,
            modest: false,
            halted: CancellationToken::new(),
        }
    }

    /// A reviewer that asks through a provider's endpoint for batches.
    pub fn in_bulk(bulk: Bulk, stage: Stage, policy: Policy) -> Self {
        Self {
            at_once: MOST_IN_BULK,
            way: Way::Later(bulk, Box::new(stage)),
            cache: None,
            policy,
            modest: false,
            halted: CancellationToken::new(),
        }
    }

    /// The same, which asks for no answer that was given before.
    #[must_use]
    pub fn with_cache(self, cache: Option<ResultCache>) -> Self {
        Self { cache, ..self }
    }

    /// The answers that were given before.
    pub fn cache(&self) -> Option<&ResultCache> {
        self.cache.as_ref()
    }

    /// The same for a fleet, whose other workers are to have their part of the work: it takes twice as many documents as
    /// there are at the models, and a few to begin with. So one that waits for a limit holds few, and one whose
    /// models answer has soon as many as they take.
    #[must_use]
    pub fn modest(self) -> Self {
        Self { modest: true, ..self }
    }

    /// Most documents asked about at once.
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// Documents that may be asked about at once now.
    pub fn room(&self) -> usize {
        let (true, Way::Now(batcher)) = (self.modest, &self.way) else { return self.at_once };
        let at_models = batcher.client().at_backends().saturating_mul(batcher.usual_units());
        at_models.saturating_mul(2).max(FEW).min(self.at_once)
    }

    /// What has been spent, earlier sessions included.
    pub fn spent(&self) -> Cost {
        match &self.way {
            Way::Now(batcher) => batcher.client().spent(),
            Way::Later(bulk, _) => bulk.spent(),
        }
    }

    /// What has been asked so far.
    pub fn statistics(&self) -> StatisticsSnapshot {
        match &self.way {
            Way::Now(batcher) => batcher.client().statistics(),
            Way::Later(bulk, _) => bulk.statistics(),
        }
    }

    /// What waits at the provider, where requests go through its endpoint for batches. Whoever leaves does not wait for it.
    pub fn bulk(&self) -> Option<&Bulk> {
        match &self.way {
            Way::Now(_) => None,
            Way::Later(bulk, _) => Some(bulk),
        }
    }

    /// Whether more documents may come before one that is here is answered. While none may, none waits for others.
    pub fn set_coming(&self, coming: bool) {
        match &self.way {
            Way::Now(batcher) => batcher.set_coming(coming),
            Way::Later(bulk, _) => bulk.nothing_more(!coming),
        }
    }

    /// Cancelled when no further request can succeed before a person has mended something: a wrong key, an unknown
    /// model, no money left. [`Client::stopped`] says what.
    pub fn halted(&self) -> &CancellationToken {
        &self.halted
    }

    /// Why the client can ask nothing more, if so.
    pub fn stopped(&self) -> Option<ModelError> {
        match &self.way {
            Way::Now(batcher) => batcher.client().stopped(),
            Way::Later(bulk, _) => bulk.stopped(),
        }
    }

    /// Whether a model is to decide this document.
    pub fn wants(&self, finding: &Finding) -> bool {
        let has_text = finding.document.text.as_deref().is_some_and(|text| !text.trim().is_empty());
        has_text && (self.policy == Policy::Every || finding.analysis.review.advised)
    }

    fn stage(&self) -> &Stage {
        match &self.way {
            Way::Now(batcher) => batcher.stage(),
            Way::Later(_, stage) => stage,
        }
    }

    /// How long a document may wait for its answer.
    fn patience(&self) -> Duration {
        match self.way {
            Way::Now(_) => DEADLINE,
            Way::Later(..) => bulk::DEADLINE,
        }
    }

    /// The answer about a document: one that was given before, or a model's; `None` when the client has stopped, so that the
    /// document is still to be done. Dropping the future ends the request. `upstream` is dropped as soon as the document no
    /// longer has to come.
    pub async fn review(
        &self,
        sequence: u64,
        id: &DocumentId,
        finding: &Finding,
        upstream: impl Send,
    ) -> Option<Review> {
        let begun = Instant::now();
        let subject = Subject {
            id: sequence,
            title: finding.document.title.as_deref(),
            text: finding.document.text.as_deref().unwrap_or_default(),
            deadline: Some(begun + self.patience()),
        };
        let answered = self.answer(id, subject, &finding.analysis, upstream).await;
        let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
        Some(match answered {
            Ok(Answered { analysis, model, usage, cache }) => {
                Review { verdict: Ok((analysis, model)), usage, cache, milliseconds }
            }
            Err(error) => {
                if self.stopped().is_some() {
                    self.halted.cancel();
                    return None;
                }
                let kind = if error.is_budget() { FaultKind::Budget } else { FaultKind::Model };
                let fault = Fault::new(kind, error.to_string(), error.hint());
                Review { verdict: Err(fault), usage: error.usage, cache: CacheUse::default(), milliseconds }
            }
        })
    }

    /// From the caches, or else from a model, whose answer is then kept.
    async fn answer(
        &self,
        id: &DocumentId,
        subject: Subject<'_>,
        rules: &Analysis,
        upstream: impl Send,
    ) -> Result<Answered, AssessError> {
        let shown = Shown { title: subject.title, text: subject.text };
        let (mut task, mut upstream) = (None, Some(upstream));
        if let Some(cache) = &self.cache {
            // Whoever waits for another's answer in vain still has time for its own.
            let deadline = tokio::time::Instant::now() + self.patience() / 4;
            let mut looking = pin!(cache.look(shown, deadline));
            let mut looked = if let Ok(looked) = tokio::time::timeout(LOOK, &mut looking).await {
                looked
            } else {
                // It waits for somebody else's answer, and nobody is to wait for it.
                upstream = None;
                looking.await
            };
            loop {
                looked = match looked {
                    Looked::Ask(asking) => break task = Some((cache, asking)),
                    Looked::Hit(hit) => match self.served(&hit, subject.text, rules) {
                        Some(answered) => return Ok(answered),
                        None => cache.reject(hit, deadline).await,
                    },
                };
            }
        }
        let reply = match &self.way {
            Way::Now(batcher) => batcher.ask(subject, upstream).await,
            Way::Later(bulk, stage) => {
                drop(upstream);
                stage.ask(bulk, subject).await
            }
        };
        let Reply { value, usage, requests, model, attempts, .. } = match reply {
            Ok(reply) => reply,
            Err(error) => {
                // What was only to be checked serves where there is nothing to check it by.
                let instead = task.and_then(|(_, task)| task.instead());
                let served = instead.and_then(|hit| self.served(&hit, subject.text, rules));
                return served.map(|served| Answered { usage: error.usage, ..served }).ok_or(error);
            }
        };
        let (analysis, _dropped_quotes) =
            self.stage().apply(&value, subject.text, rules).map_err(|wrong| AssessError {
                problem: AnswerProblem::Invalid(wrong),
                usage,
                requests,
                attempts,
            })?;
        let cache = match task {
            Some((cache, task)) => {
                let answer =
                    Answer { value, model: model.clone(), of: id.clone(), usage, requests, at: now() };
                cache.fill(task, answer).await
            }
            None => CacheUse::default(),
        };
        Ok(Answered { analysis, model, usage, cache })
    }

    /// An answer that was given before, for this document; `None` when it does not do. It must satisfy the stage's schema as
    /// a fresh one does; and one about another text is of no use whose quotes are mostly not in this one.
    fn served(&self, hit: &CacheHit, text: &str, rules: &Analysis) -> Option<Answered> {
        let (analysis, dropped) = self.stage().apply(&hit.answer.value, text, rules).ok()?;
        if !hit.is_exact() && dropped > analysis.key_points.len() {
            return None;
        }
        let (model, usage, cache) = (hit.answer.model.clone(), Usage::default(), hit.used());
        Some(Answered { analysis, model, usage, cache })
    }
}

/// An answer, wherever it came from.
struct Answered {
    analysis: Analysis,
    model: String,
    usage: Usage,
    cache: CacheUse,
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
