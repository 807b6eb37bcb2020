//! Structured answers: the JSON in an answer, held to its schema, with one chance to mend it.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    answer::StopReason,
    ask::Ask,
    budget::Cost,
    client::Answered,
    error::ModelError,
    request::{AnswerSchema, Message, ModelRequest, Role},
};

/// Places in an answer at which a JSON value may begin that are tried.
const MOST_STARTS: usize = 64;
/// Violations told to the model.
const MOST_VIOLATIONS: usize = 5;
/// Characters of one of them: values of the answer may stand in it.
const LONGEST_VIOLATION: usize = 300;

/// A schema, compiled once.
#[derive(Debug, Clone)]
pub struct AnswerCheck {
    schema: Arc<AnswerSchema>,
    validator: Arc<jsonschema::Validator>,
}

/// The schema itself is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema `{name}` cannot be used: {reason}")]
pub struct SchemaError {
    name: String,
    reason: String,
}

/// Why there is no usable answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AnswerProblem {
    /// The request failed.
    #[error("{0}")]
    Model(Box<ModelError>),
    /// The model refused, with its words.
    #[error("the model refused: {0}")]
    Refused(String),
    /// The answer was cut at the cap on output tokens.
    #[error("the answer was cut at {0} tokens, twice")]
    Cut(u32),
    /// The answer does not satisfy the schema.
    #[error("the answer does not satisfy its schema, and did not when asked again: {0}")]
    Invalid(String),
}

/// A usable answer, and what getting it took, a repair included.
#[derive(Debug, Clone)]
pub struct Checked<T> {
    /// The answer.
    pub value: T,
    /// What it took.
    pub spent: Spent,
}

/// What the requests for one answer took.
#[derive(Debug, Clone, Default)]
pub struct Spent {
    /// Tokens and money.
    pub cost: Cost,
    /// Requests that were answered, repairs included; of a request for several documents, its share.
    pub requests: f64,
    /// Times anything was sent.
    pub attempts: u32,
    /// Answers that had to be mended.
    pub repairs: u32,
    /// Name of the model that gave the last answer.
    pub model: String,
    /// Name of its backend.
    pub backend: String,
}

impl Spent {
    fn add(&mut self, answered: &Answered) {
        self.cost = self.cost.and(answered.cost);
        self.requests += 1.0;
        self.attempts += answered.attempts;
        self.model.clone_from(&answered.answer.model);
        self.backend = answered.answer.backend.to_string();
    }

    /// What several answers took together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.cost = self.cost.and(other.cost);
        self.requests += other.requests;
        self.attempts += other.attempts;
        self.repairs += other.repairs;
        if self.model.is_empty() {
            (self.model, self.backend) = (other.model.clone(), other.backend.clone());
        }
        self
    }
}

impl AnswerCheck {
    /// Compiles a schema.
    pub fn new(schema: AnswerSchema) -> Result<Self, SchemaError> {
        match jsonschema::validator_for(&schema.schema) {
            Ok(validator) => Ok(Self { schema: Arc::new(schema), validator: Arc::new(validator) }),
            Err(error) => Err(SchemaError { name: schema.name, reason: error.to_string() }),
        }
    }

    /// The schema.
    pub fn schema(&self) -> Arc<AnswerSchema> {
        Arc::clone(&self.schema)
    }

    /// Reads an answer, or says for the model to read what is wrong with it.
    pub fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T, String> {
        let value = first_json(text).ok_or("it holds no complete JSON value")?;
        self.hold(&value)?;
        serde_json::from_value(value).map_err(|error| clipped(&error.to_string()))
    }

    /// Holds a value to the schema, or says for the model to read what is wrong with it.
    pub fn hold(&self, value: &Value) -> Result<(), String> {
        let violations: Vec<String> = self
            .validator
            .iter_errors(value)
            .take(MOST_VIOLATIONS)
            .map(|error| {
                let path = error.instance_path().to_string();
                let place = if path.is_empty() { "the answer".to_owned() } else { format!("`{path}`") };
                clipped(&format!("at {place}: {error}"))
            })
            .collect();
        if violations.is_empty() { Ok(()) } else { Err(violations.join("; ")) }
    }

    /// Asks, holds the answer to the schema and to `accept`, and gives the model one chance to mend it. What was spent
    /// is told in any case.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        asker: &impl Ask,
        mut request: ModelRequest,
        accept: impl Fn(&T) -> Result<(), String>,
    ) -> Result<Checked<T>, (AnswerProblem, Spent)> {
        request.schema = Some(self.schema());
        let most = request.most_output_tokens;
        let mut spent = Spent::default();
        loop {
            let answered = match asker.ask(request.clone()).await {
                Ok(answered) => answered,
                Err(error) => return Err((AnswerProblem::Model(Box::new(error)), spent)),
            };
            spent.add(&answered);
            let (problem, complaint) = match answered.answer.stop {
                StopReason::Refusal(words) => return Err((AnswerProblem::Refused(clipped(&words)), spent)),
                StopReason::Length => (AnswerProblem::Cut(most), None),
                StopReason::End => {
                    let read = self.read(&answered.answer.text);
                    match read.and_then(|value: T| accept(&value).map(|()| value)) {
                        Ok(value) => return Ok(Checked { value, spent }),
                        Err(wrong) => (AnswerProblem::Invalid(wrong.clone()), Some(wrong)),
                    }
                }
            };
            if spent.repairs > 0 {
                return Err((problem, spent));
            }
            spent.repairs += 1;
            request.messages = mended(&request.messages, &answered.answer.text, complaint.as_deref());
        }
    }
}

/// The conversation, with the wrong answer and what is wrong with it. An answer that was cut is left out: it is long,
/// and nothing in it has to be kept.
fn mended(messages: &[Message], answer: &str, complaint: Option<&str>) -> Arc<[Message]> {
    let mut messages = messages.to_vec();
    let text = match complaint {
        Some(wrong) => {
            messages.push(Message { role: Role::Assistant, text: answer.to_owned() });
            format!(
                "That answer cannot be used: {wrong}. Give the whole answer again, corrected, as one JSON value that \
                 satisfies the schema, and nothing else."
            )
        }
        None => "An earlier answer to this was too long and was cut off. Answer again, with fewer and shorter entries, \
                 as one complete JSON value."
            .to_owned(),
    };
    // Many chat templates refuse two turns of the same side in a row.
    match messages.last_mut() {
        Some(last) if last.role == Role::User => {
            last.text.push_str("\n\n");
            last.text.push_str(&text);
        }
        _ => messages.push(Message { role: Role::User, text }),
    }
    messages.into()
}

/// The first JSON object or array in an answer: the whole of it, or what stands in a code fence or after words.
pub(crate) fn first_json(text: &str) -> Option<Value> {
    let trimmed = text.trim();
    if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(trimmed) {
        return Some(value);
    }
    let starts = trimmed.match_indices(['{', '[']).take(MOST_STARTS);
    starts.into_iter().find_map(|(at, _)| {
        let rest = trimmed.get(at..)?;
        let value = serde_json::Deserializer::from_str(rest).into_iter::<Value>().next()?.ok()?;
        // `[1]` or `{}` in a sentence before the answer is not the answer.
        let is_empty = match &value {
            Value::Object(fields) => fields.is_empty(),
            Value::Array(items) => items.iter().all(Value::is_number),
            _ => true,
        };
        (!is_empty).then_some(value)
    })
}

fn clipped(text: &str) -> String {
    if text.chars().count() <= LONGEST_VIOLATION {
        return text.to_owned();
    }
    let mut clipped: String = text.chars().take(LONGEST_VIOLATION).collect();
    clipped.push('…');
    clipped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check() -> AnswerCheck {
        let schema = json!({
            "type": "object",
            "required": ["kind", "share"],
            "properties": {"kind": {"enum": ["a", "b"]}, "share": {"type": "number", "maximum": 1}},
        });
        AnswerCheck::new(AnswerSchema { name: "test".to_owned(), schema }).unwrap()
    }

    #[test]
    fn json_is_found_where_models_put_it() {
        let right = json!({"kind": "a", "share": 0.5});
        for text in [
            "{\"kind\": \"a\", \"share\": 0.5}",
            "```json\n{\"kind\": \"a\", \"share\": 0.5}\n```",
            "Here you are [1]: {\"kind\": \"a\", \"share\": 0.5} I hope {this} helps.",
            "<think>{hm}</think>\n{\"kind\": \"a\", \"share\": 0.5}",
        ] {
            assert_eq!(first_json(text), Some(right.clone()), "{text}");
        }
        for text in ["", "no", "{\"kind\": \"a\"", "\"a\"", "12"] {
            assert_eq!(first_json(text), None, "{text}");
        }
    }

    #[test]
    fn violations_name_their_place() {
        let wrong = check().read::<Value>(r#"{"kind": "c", "share": 2}"#).unwrap_err();
        assert!(wrong.contains("`/kind`") && wrong.contains("`/share`"), "{wrong}");
        assert_eq!(check().read::<Value>("sorry").unwrap_err(), "it holds no complete JSON value");
        let schema = AnswerSchema { name: "broken".to_owned(), schema: json!({"type": 7}) };
        assert!(
            AnswerCheck::new(schema)
                .unwrap_err()
                .to_string()
                .starts_with("the schema `broken` cannot be used")
        );
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused_without_a_panic(text: String) {
            let _ = check().read::<Value>(&text);
        }

        #[test]
        fn brackets_without_end_take_no_time(depth in 0usize..50_000) {
            prop_assert_eq!(first_json(&"[{\"a\":".repeat(depth)), None);
        }
    }
}
