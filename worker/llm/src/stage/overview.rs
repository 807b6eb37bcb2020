//! The recipe `overview`: a model's answer about a document, as an analysis.

use std::time::Instant;

use futures::future::join_all;
use serde::Deserialize;
use sheaf_common::{
    analysis::{Analysis, KeyPoint, Keyword, Review},
    record::Usage,
};

use super::{
    Stage,
    merge::{MOST_KEY_POINTS, MOST_KEYWORDS, merge},
    split::{MOST_PARTS, split},
};
use crate::{
    client::Client,
    error::{ModelError, ModelErrorKind},
    quote::Quotable,
    request::{ModelRequest, Target},
    schema::{AnswerProblem, Checked, Spent},
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

/// What a model says of a document.
#[derive(Debug, Clone)]
pub struct Assessed {
    /// The analysis: the model's, with what the rules know better kept.
    pub analysis: Analysis,
    /// What it took.
    pub usage: Usage,
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
    /// Key points dropped because their quotes do not stand in the document.
    pub dropped_quotes: usize,
}

/// Why there is no assessment, and what was spent on it all the same.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{problem}")]
pub struct AssessError {
    /// Why.
    pub problem: AnswerProblem,
    /// What was spent.
    pub usage: Usage,
    /// Times anything was sent.
    pub attempts: u32,
}

impl AssessError {
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

/// An answer, as the schema has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Overview {
    pub(crate) summary: String,
    pub(crate) key_points: Vec<Point>,
    pub(crate) keywords: Vec<String>,
    pub(crate) document_type: String,
    pub(crate) confidence: f64,
}

/// A key point of an answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Point {
    pub(crate) text: String,
    pub(crate) quote: String,
}

/// Asks for an overview of a document and makes an analysis of it. Of `rules`, the rules' own analysis, entities,
/// readability and flags are kept: rules find them more reliably than a model does.
pub async fn assess(
    client: &Client,
    stage: &Stage,
    subject: Subject<'_>,
    rules: &Analysis,
) -> Result<Assessed, AssessError> {
    let parts = parts(client, stage, subject)?;
    let of = parts.len();
    let asked = parts.iter().zip(1..).map(|(part, number)| {
        let request = ModelRequest {
            id: subject.id,
            stage: stage.name.clone(),
            messages: stage.messages(subject.title, (of > 1).then_some((number, of)), part),
            schema: None,
            most_output_tokens: stage.most_output_tokens,
            target: Target::Any,
            deadline: subject.deadline,
        };
        stage.check().ask(client, request, is_usable)
    });
    let mut spent = Spent::default();
    let mut overviews = Vec::with_capacity(of);
    let mut problem = None;
    for answer in join_all(asked).await {
        match answer {
            Ok(Checked { value, spent: part }) => {
                spent = spent.and(&part);
                overviews.push(value);
            }
            Err((part_problem, part)) => {
                spent = spent.and(&part);
                problem.get_or_insert(part_problem);
            }
        }
    }
    let usage = usage(&spent);
    if let Some(problem) = problem {
        return Err(AssessError { problem, usage, attempts: spent.attempts });
    }
    let (analysis, dropped_quotes) = analysis(merge(overviews), subject.text, rules);
    Ok(Assessed {
        analysis,
        usage,
        model: spent.model,
        backend: spent.backend,
        attempts: spent.attempts,
        repairs: spent.repairs,
        parts: of,
        dropped_quotes,
    })
}

/// The document in parts that fit the largest context.
fn parts<'a>(client: &Client, stage: &Stage, subject: Subject<'a>) -> Result<Vec<&'a str>, AssessError> {
    let Some(longest) = client.longest_input(stage.most_output_tokens) else { return Ok(vec![subject.text]) };
    let room = longest.saturating_sub(stage.overhead());
    let too_long = |message: String| {
        let hint = "add a backend with a larger context";
        let error = ModelError::new(ModelErrorKind::TooLong, message, hint, "pool");
        AssessError { problem: AnswerProblem::Model(Box::new(error)), usage: Usage::default(), attempts: 0 }
    };
    if room < LEAST_ROOM {
        let overhead = stage.overhead() + u64::from(stage.most_output_tokens);
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

/// What the schema cannot say.
fn is_usable(overview: &Overview) -> Result<(), String> {
    if overview.summary.trim().is_empty() { Err("`summary` is empty".to_owned()) } else { Ok(()) }
}

fn usage(spent: &Spent) -> Usage {
    Usage {
        input_tokens: spent.cost.tokens.input,
        output_tokens: spent.cost.tokens.output,
        cost_usd: spent.cost.money.usd(),
    }
}

/// The analysis, and how many key points had no quote in the document. The model's word on its own confidence counts
/// for as much as its quotes hold.
fn analysis(overview: Overview, text: &str, rules: &Analysis) -> (Analysis, usize) {
    let quotable = Quotable::new(text);
    let stated = overview.key_points.len();
    let key_points: Vec<KeyPoint> = overview
        .key_points
        .into_iter()
        .filter_map(|point| {
            let (place, quote) = quotable.find(&point.quote)?;
            let text = point.text.trim();
            let text = if text.is_empty() { quote } else { text };
            Some(KeyPoint { text: text.to_owned(), quote: quote.to_owned(), place })
        })
        .take(MOST_KEY_POINTS)
        .collect();
    let dropped = stated - key_points.len();
    let held = if stated == 0 { 1.0 } else { key_points.len() as f64 / stated as f64 };
    let mut keywords: Vec<Keyword> = Vec::new();
    for keyword in
        overview.keywords.iter().map(|keyword| keyword.trim()).filter(|keyword| !keyword.is_empty())
    {
        let known = keywords.iter().any(|other| other.text.eq_ignore_ascii_case(keyword));
        if !known && keywords.len() < MOST_KEYWORDS {
            // A model gives an order and no weights: evenly falling ones keep it.
            let score = 1.0 - keywords.len() as f64 / MOST_KEYWORDS as f64;
            keywords.push(Keyword { text: keyword.to_owned(), score: (score * 1e3).round() / 1e3 });
        }
    }
    if keywords.is_empty() {
        keywords.clone_from(&rules.keywords);
    }
    let document_type = if overview.document_type == "unknown" {
        rules.document_type.clone()
    } else {
        overview.document_type
    };
    let analysis = Analysis {
        summary: overview.summary.trim().to_owned(),
        key_points,
        keywords,
        entities: rules.entities.clone(),
        document_type,
        confidence: (overview.confidence * held * 1e3).round() / 1e3,
        review: Review::default(),
        flags: rules.flags.clone(),
        readability: rules.readability.clone(),
    };
    (analysis, dropped)
}
