//! What a model is asked.

use std::{sync::Arc, time::Instant};

/// One request. Cheap to clone: a retry or a failover sends the same again.
#[derive(Debug, Clone)]
pub struct ModelRequest {
    /// Ties the answer to its request.
    pub id: u64,
    /// Name of the recipe's stage that asks, for statistics.
    pub stage: Arc<str>,
    /// The conversation, oldest first: instructions, then the document as data, then, for a repair, the answer that was
    /// wrong and why.
    pub messages: Arc<[Message]>,
    /// JSON schema that the answer must satisfy; asked for natively where the backend can.
    pub schema: Option<Arc<AnswerSchema>>,
    /// Most tokens the answer may have.
    pub most_output_tokens: u32,
    /// Which backends may answer.
    pub target: Target,
    /// When nobody wants the answer any more.
    pub deadline: Option<Instant>,
}

/// A turn of the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub text: String,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions: ours.
    System,
    /// The person's side: the document, as data.
    User,
    /// The model's own earlier answer.
    Assistant,
}

/// A JSON schema with the name that providers want beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerSchema {
    /// Letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// The schema (JSON Schema, draft 2020-12).
    pub schema: serde_json::Value,
}

/// Which backends may answer a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Target {
    /// The least loaded healthy one that fits.
    #[default]
    Any,
    /// The first one named, as for a synthesis.
    Primary,
}
