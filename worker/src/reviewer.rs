//! Asks a model for what the rules are unsure of.

use std::time::{Duration, Instant};

use sheaf_common::{
    fault::{Fault, FaultKind},
    record::{CacheUse, Finding, Review},
};
use sheaf_llm::{Client, ModelError, Stage, Subject, assess};
use tokio_util::sync::CancellationToken;

/// How long a document may wait for models, limits and retries together.
const DEADLINE: Duration = Duration::from_mins(30);

/// Documents that a worker of a fleet takes before any is at a model.
const FEW: usize = 8;

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
    client: Client,
    stage: Stage,
    policy: Policy,
    at_once: usize,
    /// Others share the work: no more is taken than is sent on at once.
    modest: bool,
    halted: CancellationToken,
}

impl Reviewer {
    /// A reviewer that asks about at most `at_once` documents at the same time. The client may allow fewer.
    pub fn new(client: Client, stage: Stage, policy: Policy, at_once: usize) -> Self {
        Self {
            client,
            stage,
            policy,
            at_once: at_once.max(1),
            modest: false,
            halted: CancellationToken::new(),
        }
    }

    /// The same for a fleet, whose other workers are to have their part of the work: it takes twice as many documents as
    /// there are requests at the models, and a few to begin with. So one that waits for a limit holds few, and one whose
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
        if self.modest { (2 * self.client.at_backends()).max(FEW).min(self.at_once) } else { self.at_once }
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Cancelled when no further request can succeed before a person has mended something: a wrong key, an unknown
    /// model, no money left. [`Client::stopped`] says what.
    pub fn halted(&self) -> &CancellationToken {
        &self.halted
    }

    /// Why the client can ask nothing more, if so.
    pub fn stopped(&self) -> Option<ModelError> {
        self.client.stopped()
    }

    /// Whether a model is to decide this document.
    pub fn wants(&self, finding: &Finding) -> bool {
        let has_text = finding.document.text.as_deref().is_some_and(|text| !text.trim().is_empty());
        has_text && (self.policy == Policy::Every || finding.analysis.review.advised)
    }

    /// Asks about a document; `None` when the client has stopped, so that the document is still to be done. Dropping the
    /// future ends the request.
    pub async fn review(&self, sequence: u64, finding: &Finding) -> Option<Review> {
        let begun = Instant::now();
        let subject = Subject {
            id: sequence,
            title: finding.document.title.as_deref(),
            text: finding.document.text.as_deref().unwrap_or_default(),
            deadline: Some(begun + DEADLINE),
        };
        let assessed = assess(&self.client, &self.stage, subject, &finding.analysis).await;
        let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
        Some(match assessed {
            Ok(assessed) => Review {
                verdict: Ok((assessed.analysis, assessed.model)),
                usage: assessed.usage,
                cache: CacheUse::default(),
                milliseconds,
            },
            Err(error) => {
                if self.client.stopped().is_some() {
                    self.halted.cancel();
                    return None;
                }
                let kind = if error.is_budget() { FaultKind::Budget } else { FaultKind::Model };
                let fault = Fault::new(kind, error.to_string(), error.hint());
                Review { verdict: Err(fault), usage: error.usage, cache: CacheUse::default(), milliseconds }
            }
        })
    }
}
