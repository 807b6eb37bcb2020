//! Names of requests and of submissions.

use std::fmt;

use serde::{Deserialize, Serialize};
use sheaf_common::id::{ContentHash, hex};

use crate::request::{ModelRequest, Role};

/// The name of a request in a batch, made of what it asks: the same request has the same name in every process, so that one
/// that was handed in before is recognised.
///
/// 54 of the characters that providers take: letters, digits and `-`, at most 64 (Anthropic allows no others).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomId(String);

impl CustomId {
    /// The name of `request`, asked of `model`: 192 bits of SHA-256 over model, messages, schema and most output tokens.
    pub fn of(model: &str, request: &ModelRequest) -> Self {
        let mut asked = Vec::new();
        // Each part with its length before it: no two requests have the same bytes.
        let mut part = |text: &str| {
            asked.extend_from_slice(&(text.len() as u64).to_le_bytes());
            asked.extend_from_slice(text.as_bytes());
        };
        part(model);
        for message in request.messages.iter() {
            part(match message.role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
            });
            part(&message.text);
        }
        if let Some(schema) = &request.schema {
            part("schema");
            part(&schema.name);
            part(&schema.schema.to_string());
        }
        part(&request.most_output_tokens.to_string());
        Self(format!("sheaf-{}", hex(&ContentHash::of(&asked).0[..24])))
    }

    /// A name as a provider or a journal gives it; `None` for what is no such name.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let is_name = (1..=64).contains(&text.len()) && text.bytes().all(fits);
        is_name.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CustomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Our own name of what is handed in together, known before the provider has given it one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubmissionId(String);

impl SubmissionId {
    /// A name that nothing else has: 96 random bits.
    pub fn fresh() -> Self {
        Self(format!("{:016x}{:08x}", fastrand::u64(..), fastrand::u32(..)))
    }

    /// Takes a name as it stands in a journal.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubmissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::request::{AnswerSchema, Message, Target};

    fn request(texts: &[&str], most: u32) -> ModelRequest {
        ModelRequest {
            id: fastrand::u64(..),
            stage: Arc::from("test"),
            messages: texts
                .iter()
                .map(|text| Message { role: Role::User, text: (*text).to_owned() })
                .collect(),
            schema: None,
            most_output_tokens: most,
            target: Target::Any,
            deadline: None,
        }
    }

    #[test]
    fn a_name_is_of_all_that_is_asked_and_of_nothing_else() {
        let first = CustomId::of("m", &request(&["a", "b"], 5));
        assert_eq!(first, CustomId::of("m", &request(&["a", "b"], 5)), "whatever its number and deadline");
        let with_schema = |name: &str| {
            let schema =
                AnswerSchema { name: name.to_owned(), schema: serde_json::json!({"type": "object"}) };
            CustomId::of("m", &ModelRequest { schema: Some(Arc::new(schema)), ..request(&["a", "b"], 5) })
        };
        let others = [
            CustomId::of("n", &request(&["a", "b"], 5)),
            CustomId::of("m", &request(&["ab"], 5)),
            CustomId::of("m", &request(&["a", "c"], 5)),
            CustomId::of("m", &request(&["a", "b"], 6)),
            with_schema("x"),
            with_schema("y"),
        ];
        for (place, other) in others.iter().enumerate() {
            assert!(*other != first && !others[..place].contains(other), "{place}");
        }
    }

    proptest! {
        #[test]
        fn providers_take_every_name(model in ".{0,20}", text in ".{0,200}", most: u32) {
            let name = CustomId::of(&model, &request(&[&text], most));
            prop_assert_eq!(CustomId::parse(name.as_str()), Some(name));
        }
    }
}
