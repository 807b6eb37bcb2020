//! The recipe `overview`: a model's answer about a document, as an analysis.

use serde::Deserialize;
use serde_json::Value;
use sheaf_common::{
    analysis::{Analysis, KeyPoint, Keyword, Review},
    record::Usage,
};

use super::{
    Stage,
    asking::{AssessError, Reply, Subject},
    merge::{MOST_KEY_POINTS, MOST_KEYWORDS, merge},
    split::MOST_PARTS,
};
use crate::{ask::Ask, quote::Quotable, schema::AnswerProblem};

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
    asker: &impl Ask,
    stage: &Stage,
    subject: Subject<'_>,
    rules: &Analysis,
) -> Result<Assessed, AssessError> {
    let reply = stage.ask(asker, subject).await?;
    let Reply { value, usage, requests, model, backend, attempts, repairs, parts } = reply;
    match stage.apply(&value, subject.text, rules) {
        Ok((analysis, dropped_quotes)) => {
            Ok(Assessed { analysis, usage, model, backend, attempts, repairs, parts, dropped_quotes })
        }
        // What was asked for and validated a moment ago applies; a stage that is not an overview's does not.
        Err(wrong) => Err(AssessError { problem: AnswerProblem::Invalid(wrong), usage, requests, attempts }),
    }
}

impl Stage {
    /// An answer about a document (a [`Reply::value`], fresh or kept) as an analysis of it, and how many key points were
    /// dropped because their quotes do not stand in `text`. Nothing is taken on trust: the value is held to the schema
    /// and its quotes to this document. Of `rules`, the rules' own analysis, what they know better is kept.
    ///
    /// # Errors
    ///
    /// What is wrong with the value.
    pub fn apply(&self, value: &Value, text: &str, rules: &Analysis) -> Result<(Analysis, usize), String> {
        let parts = match value {
            Value::Array(parts) if parts.is_empty() || parts.len() > MOST_PARTS => {
                return Err(format!("it has {} parts, not 1 to {MOST_PARTS}", parts.len()));
            }
            Value::Array(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        let overviews = parts.iter().map(|part| {
            self.check().hold(part)?;
            let overview: Overview = Overview::deserialize(part).map_err(|error| error.to_string())?;
            is_usable(&overview).map(|()| overview)
        });
        let overviews = overviews.collect::<Result<Vec<_>, String>>()?;
        Ok(analysis(merge(overviews), text, rules))
    }
}

/// What the schema cannot say.
pub(super) fn is_usable(overview: &Overview) -> Result<(), String> {
    if overview.summary.trim().is_empty() { Err("`summary` is empty".to_owned()) } else { Ok(()) }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(quote: &str) -> Value {
        json!({
            "summary": "The harbour was dredged.",
            "key_points": [{"text": "It was dredged.", "quote": quote}],
            "keywords": ["harbour"],
            "document_type": "news",
            "confidence": 0.8,
        })
    }

    #[test]
    fn a_kept_value_is_trusted_no_more_than_a_models() {
        let (stage, rules) = (Stage::overview().unwrap(), Analysis::default());
        let apply = |value: &Value, text: &str| stage.apply(value, text, &rules);
        let (analysis, dropped) = apply(&value("was dredged"), "The harbour was dredged.").unwrap();
        assert_eq!((analysis.key_points.len(), dropped), (1, 0));
        let (analysis, dropped) = apply(&value("was dredged"), "The quay was mended.").unwrap();
        assert_eq!((analysis.key_points.len(), dropped), (0, 1), "held to this document");
        let mut sure = value("");
        sure["confidence"] = json!(2);
        let mut empty = value("");
        empty["summary"] = json!(" ");
        let parts = |count: usize| Value::Array(vec![value("dredged"); count]);
        for wrong in [sure, empty, json!("sorry"), json!(null), json!([1]), parts(0), parts(MOST_PARTS + 1)] {
            assert!(apply(&wrong, "The harbour was dredged.").is_err(), "{wrong}");
        }
        let (analysis, _) = apply(&parts(2), "The harbour was dredged.").unwrap();
        assert_eq!(analysis.key_points.len(), 2);
    }
}
