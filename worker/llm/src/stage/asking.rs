//! From a document to a validated answer: asked in one request, or in as many as the document has parts.

use std::time::Instant;

use futures::future::join_all;
use serde_json::Value;
use sheaf_common::record::Usage;

use super::{
    Stage,
    overview::{self, Overview},
    split::{MOST_PARTS, split},
};
use crate::{
    ask::Ask,
    error::{ModelError, ModelErrorKind},
    request::{ModelRequest, Target},
    schema::{AnswerProblem, Spent},
    tokens,
};

/// A context with less room for the document than this is of no use.
const LEAST_ROOM: u64 = 100;

/// A document to be assessed.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Number that ties answers to it; each of its parts is asked with the same one.
    pub id: u64,
    /// Title, where it has one.
    pub title: Option<&'a str>,
    /// Main text, whole.
    pub text: &'a str,
    /// When nobody wants the answer any more.
    pub deadline: Option<Instant>,
}

/// A model's answer about a document, held to the stage's schema, and what it took. [`Stage::apply`] makes an analysis
/// of it, for this document or for another with the same words.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The answer as the schema has it; for a document that was asked about in parts, the array of their answers in
    /// document order.
    pub value: Value,
    /// What it took.
    pub usage: Usage,
    /// Requests that were answered for it, repairs included; of a request for several documents, its share.
    pub requests: f64,
    /// Name of the model.
    pub model: String,
    /// Name of its backend.
    pub backend: String,
    /// Times anything was sent.
    pub attempts: u32,
    /// Answers that had to be mended.
    pub repairs: u32,
    /// Parts that the document was split into.
    pub parts: usize,
}

impl Reply {
    /// A validated answer with what was spent on it.
    pub(crate) fn new(value: Value, spent: Spent, parts: usize) -> Self {
        Self {
            value,
            usage: usage(&spent),
            requests: spent.requests,
            model: spent.model,
            backend: spent.backend,
            attempts: spent.attempts,
            repairs: spent.repairs,
            parts,
        }
    }
}

/// Why there is no answer, and what was spent on it all the same.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{problem}")]
pub struct AssessError {
    /// Why.
    pub problem: AnswerProblem,
    /// What was spent.
    pub usage: Usage,
    /// Requests that were answered all the same, as [`Reply::requests`] counts them.
    pub requests: f64,
    /// Times anything was sent.
    pub attempts: u32,
}

impl AssessError {
    pub(crate) fn new(problem: AnswerProblem, spent: &Spent) -> Self {
        Self { problem, usage: usage(spent), requests: spent.requests, attempts: spent.attempts }
    }

    /// What the person can do; empty when there is nothing.
    pub fn hint(&self) -> &str {
        match &self.problem {
            AnswerProblem::Model(error) => &error.hint,
            AnswerProblem::Refused(_) => "read the document yourself, or ask another model",
            AnswerProblem::Cut(_) | AnswerProblem::Invalid(_) => {
                "a larger model keeps to the schema more often"
            }
        }
    }

    /// The budget had no room: the document is incomplete, not failed.
    pub fn is_budget(&self) -> bool {
        matches!(&self.problem, AnswerProblem::Model(error) if error.kind == ModelErrorKind::Budget)
    }
}

impl Stage {
    /// Asks about a document. One that is longer than every context is split, its parts are asked about at the same
    /// time. What was spent is told in any case.
    pub async fn ask(&self, asker: &impl Ask, subject: Subject<'_>) -> Result<Reply, AssessError> {
        self.ask_after(asker, subject, Spent::default()).await
    }

    /// The same for a document on which something was spent before.
    pub(crate) async fn ask_after(
        &self,
        asker: &impl Ask,
        subject: Subject<'_>,
        before: Spent,
    ) -> Result<Reply, AssessError> {
        let parts = match self.parts(asker, subject) {
            Ok(parts) => parts,
            Err(problem) => return Err(AssessError::new(problem, &before)),
        };
        let of = parts.len();
        let answers = parts.iter().zip(1..).map(|(part, number)| {
            let request = ModelRequest {
                id: subject.id,
                stage: self.name.clone(),
                messages: self.messages(subject.title, (of > 1).then_some((number, of)), part),
                schema: None,
                most_output_tokens: self.most_output_tokens,
                target: Target::Any,
                deadline: subject.deadline,
            };
            self.check().ask(asker, request, is_usable)
        });
        let mut spent = before;
        let mut values = Vec::with_capacity(of);
        let mut problem = None;
        for answer in join_all(answers).await {
            match answer {
                Ok(checked) => {
                    spent = spent.and(&checked.spent);
                    values.push(checked.value);
                }
                Err((part_problem, part)) => {
                    spent = spent.and(&part);
                    problem.get_or_insert(part_problem);
                }
            }
        }
        if let Some(problem) = problem {
            return Err(AssessError::new(problem, &spent));
        }
        let value = match <[Value; 1]>::try_from(values) {
            Ok([only]) => only,
            Err(values) => Value::Array(values),
        };
        Ok(Reply::new(value, spent, of))
    }

    /// The document in parts that fit the largest context.
    fn parts<'a>(&self, asker: &impl Ask, subject: Subject<'a>) -> Result<Vec<&'a str>, AnswerProblem> {
        let Some(longest) = asker.longest_input(self.most_output_tokens) else {
            return Ok(vec![subject.text]);
        };
        let room = longest.saturating_sub(self.overhead());
        let too_long = |message: String| {
            let hint = "add a backend with a larger context";
            let error = ModelError::new(ModelErrorKind::TooLong, message, hint, "pool");
            AnswerProblem::Model(Box::new(error))
        };
        if room < LEAST_ROOM {
            let overhead = self.overhead() + u64::from(self.most_output_tokens);
            return Err(too_long(format!(
                "the largest context leaves {room} tokens for the document; prompt and answer take about {overhead}"
            )));
        }
        split(subject.text, room).ok_or_else(|| {
            let tokens = tokens::estimate(subject.text);
            too_long(format!(
                "the document has about {tokens} tokens and would be more than {MOST_PARTS} parts of {room} tokens"
            ))
        })
    }
}

/// What the schema cannot say.
pub(crate) fn is_usable(value: &Value) -> Result<(), String> {
    let overview: Overview = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    overview::is_usable(&overview)
}

fn usage(spent: &Spent) -> Usage {
    Usage {
        input_tokens: spent.cost.tokens.input,
        output_tokens: spent.cost.tokens.output,
        cost_usd: spent.cost.money.usd(),
    }
}
