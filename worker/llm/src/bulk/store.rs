//! The door to where it is kept what was handed in and what came of it.

use std::{path::PathBuf, time::Duration};

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use sheaf_common::{fault::said, redis::RedisError};

use super::id::{CustomId, SubmissionId};
use crate::{
    answer::{ModelAnswer, StopReason, TokenUsage},
    budget::{Cost, NanoDollars},
    error::{ModelError, ModelErrorKind},
};

/// Keeps submissions and outcomes so that no request is handed in twice, whatever ends this process.
///
/// What a call has answered with success survives the end of the process (a folder: of the machine; Redis: as its own
/// persistence has it). Calls may be repeated: a second one changes nothing. `bulk::conformance` runs over every
/// implementation.
pub trait Store: std::fmt::Debug + Send + Sync + 'static {
    /// Whether other processes use it too. What such a store says of outcomes was settled by whoever collected them.
    fn is_shared(&self) -> bool;

    /// What is known of these requests, in their order.
    fn look<'a>(&'a self, ids: &'a [CustomId]) -> BoxFuture<'a, Result<Vec<Known>, StoreError>>;

    /// Writes down the intention to hand `submission` in, with those of its requests that nobody has handed in and that
    /// have no outcome, and leases it to `holder`. Answers with these requests; where there are none, nothing was begun.
    fn begin<'a>(
        &'a self,
        submission: &'a Submission,
        holder: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Vec<CustomId>, StoreError>>;

    /// Writes down how far a submission has come; `false` when it is not open any more.
    fn note<'a>(&'a self, id: &'a SubmissionId, step: &'a Step) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Keeps the outcomes and closes the submission. Of its other requests, those in `tried` count as handed in for
    /// nothing once more; all of them may be handed in again. `false` when it was not open any more.
    fn end<'a>(
        &'a self,
        id: &'a SubmissionId,
        outcomes: &'a [(CustomId, Outcome)],
        tried: &'a [CustomId],
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Every submission that is open.
    fn open(&self) -> BoxFuture<'_, Result<Vec<Submission>, StoreError>>;

    /// Has `holder` look after an open submission for `life` from now: a lease that nobody has, that has run out, or that
    /// `holder` has already. `false`: another one has it, or the submission is not open.
    fn lease<'a>(
        &'a self,
        id: &'a SubmissionId,
        holder: &'a str,
        life: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Forgets everything: the run is finished.
    fn forget(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// What is handed in together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Our name for it.
    pub id: SubmissionId,
    /// Where it is handed in: the address of the interface.
    pub endpoint: String,
    /// When it was begun, in milliseconds since 1970.
    pub begun_ms: u64,
    /// What it may cost at most.
    pub most: Worst,
    /// Its requests.
    pub items: Vec<CustomId>,
    /// The provider's name for the uploaded file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The provider's name for the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
}

/// A worst case, as it is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worst {
    /// Billionths of a US dollar.
    pub nano_usd: u64,
    /// Tokens sent.
    pub input: u64,
    /// Tokens received.
    pub output: u64,
}

impl From<Cost> for Worst {
    fn from(cost: Cost) -> Self {
        Self { nano_usd: cost.money.0, input: cost.tokens.input, output: cost.tokens.output }
    }
}

impl From<Worst> for Cost {
    fn from(worst: Worst) -> Self {
        let tokens = TokenUsage { input: worst.input, output: worst.output };
        Self { money: NanoDollars(worst.nano_usd), tokens }
    }
}

/// A step of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The provider has the file and calls it so.
    Uploaded(String),
    /// The provider has accepted the batch and calls it so.
    Accepted(String),
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// It may be handed in; so often it was for nothing.
    Free(u32),
    /// An open submission has it; so often it was for nothing before.
    Held(u32),
    /// What came of it.
    Done(Outcome),
}

/// What came of a request, for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was answered.
    Answer(KeptAnswer),
    /// It failed.
    Failure(KeptFailure),
}

/// An answer, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptAnswer {
    text: String,
    stop: KeptStop,
    model: String,
    /// Input and output tokens.
    usage: Option<(u64, u64)>,
    cost: Worst,
    tries: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptStop {
    End,
    Length,
    Refusal(String),
}

impl KeptAnswer {
    /// Of an answer that cost so much, when it was handed in for the `tries`th time.
    pub(crate) fn new(answer: ModelAnswer, cost: Cost, tries: u32) -> Self {
        Self {
            text: answer.text,
            stop: match answer.stop {
                StopReason::End => KeptStop::End,
                StopReason::Length => KeptStop::Length,
                StopReason::Refusal(words) => KeptStop::Refusal(words),
            },
            model: answer.model,
            usage: answer.usage.map(|usage| (usage.input, usage.output)),
            cost: cost.into(),
            tries,
        }
    }

    /// What it cost.
    pub(crate) fn cost(&self) -> Cost {
        self.cost.into()
    }

    /// Times it was handed in.
    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }

    /// The answer to the request numbered `id`, by `backend`.
    pub(crate) fn answer(&self, id: u64, backend: std::sync::Arc<str>, latency: Duration) -> ModelAnswer {
        ModelAnswer {
            id,
            text: self.text.clone(),
            stop: match &self.stop {
                KeptStop::End => StopReason::End,
                KeptStop::Length => StopReason::Length,
                KeptStop::Refusal(words) => StopReason::Refusal(words.clone()),
            },
            model: self.model.clone(),
            backend,
            usage: self.usage.map(|(input, output)| TokenUsage { input, output }),
            rates: crate::RateHeaders::default(),
            latency,
        }
    }
}

/// A failure, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFailure {
    kind: String,
    message: String,
    hint: String,
    status: Option<u16>,
}

impl KeptFailure {
    /// Of an error.
    pub(crate) fn new(error: &ModelError) -> Self {
        Self {
            kind: error.kind.name().to_owned(),
            message: error.message.clone(),
            hint: error.hint.clone(),
            status: error.status,
        }
    }

    /// The error.
    pub(crate) fn error(&self, backend: std::sync::Arc<str>) -> ModelError {
        let kind = ModelErrorKind::ALL.into_iter().find(|kind| kind.name() == self.kind);
        let kind = kind.unwrap_or(ModelErrorKind::Malformed);
        let error = ModelError::new(kind, self.message.clone(), self.hint.clone(), backend);
        ModelError { status: self.status, ..error }
    }
}

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Reading or writing the file failed.
    #[error(
        "the journal of batches {} cannot be used: {doing} failed: {}; make room or give leave to write there, and run \
         the same command again: what was handed in is kept",
        path.display(), said(error)
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        error: std::io::Error,
    },
    /// A line of the file is not as it was written.
    #[error(
        "the journal of batches {}, line {line}: {why}; was it edited, or written by another version? Put it elsewhere to \
         go on without it: what it names is then asked, and paid, again",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// Redis does not do as it is asked.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// What Redis holds was not written by this program.
    #[error(
        "what Redis holds of the run's batches cannot be read: {0}; does another version of Sheaf use it?"
    )]
    Unreadable(String),
    /// The runtime is ending.
    #[error("the program is ending")]
    Ending,
}
