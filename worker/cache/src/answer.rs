//! An answer as it is kept.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sheaf_common::{id::DocumentId, record::Usage};

/// A model's answer, already held to its stage's schema. Failures, refusals and cut answers are never made into one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What the stage's schema describes.
    pub value: Value,
    /// Name of the model that gave it.
    pub model: String,
    /// The document that it was asked for.
    pub of: DocumentId,
    /// What it took: what every hit saves.
    pub usage: Usage,
    /// Requests that it took; of a request for several documents, its share.
    pub requests: f64,
    /// Seconds since 1970 at which it was given.
    pub at: u64,
}
