//! Asks a model for what the rules are unsure of.

use std::time::{Duration, Instant};

use sheaf_common::{
    analysis::Analysis,
    fault::{Fault, FaultKind},
    record::{Finding, Review, Usage},
};
use sheaf_llm::{
    AnswerProblem, AssessError, BatchSize, Batcher, Client, Cost, ModelError, Stage, StatisticsSnapshot,
    Subject, assess,
    bulk::{self, Bulk},
};
use tokio_util::sync::CancellationToken;

/// How long a document may wait for models, limits and retries together.
const DEADLINE: Duration = Duration::from_mins(30);

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
            policy,
            modest: false,
            halted: CancellationToken::new(),
        }
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

    /// Asks about a document; `None` when the client has stopped, so that the document is still to be done. Dropping the
    /// future ends the request. `upstream` is dropped as soon as the document no longer has to come.
    pub async fn review(&self, sequence: u64, finding: &Finding, upstream: impl Send) -> Option<Review> {
        let begun = Instant::now();
        let subject = |deadline| Subject {
            id: sequence,
            title: finding.document.title.as_deref(),
            text: finding.document.text.as_deref().unwrap_or_default(),
            deadline: Some(begun + deadline),
        };
        let reviewed = match &self.way {
            Way::Now(batcher) => now(batcher, subject(DEADLINE), finding, upstream).await,
            Way::Later(bulk, stage) => {
                let assessed = assess(bulk, stage, subject(bulk::DEADLINE), &finding.analysis).await;
                assessed.map(|assessed| (assessed.analysis, assessed.model, assessed.usage))
            }
        };
        let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
        Some(match reviewed {
            Ok((analysis, model, usage)) => Review { verdict: Ok((analysis, model)), usage, milliseconds },
            Err(error) => {
                if self.stopped().is_some() {
                    self.halted.cancel();
                    return None;
                }
                let kind = if error.is_budget() { FaultKind::Budget } else { FaultKind::Model };
                let fault = Fault::new(kind, error.to_string(), error.hint());
                Review { verdict: Err(fault), usage: error.usage, milliseconds }
            }
        })
    }
}

/// Asks at once, about this document or about several.
async fn now(
    batcher: &Batcher,
    subject: Subject<'_>,
    finding: &Finding,
    upstream: impl Send,
) -> Result<(Analysis, String, Usage), AssessError> {
    let reply = batcher.ask(subject, upstream).await?;
    let applied = batcher.stage().apply(&reply.value, subject.text, &finding.analysis);
    let (usage, requests, attempts) = (reply.usage, reply.requests, reply.attempts);
    let invalid = |wrong| AssessError { problem: AnswerProblem::Invalid(wrong), usage, requests, attempts };
    let (analysis, _dropped_quotes) = applied.map_err(invalid)?;
    Ok((analysis, reply.model, usage))
}
