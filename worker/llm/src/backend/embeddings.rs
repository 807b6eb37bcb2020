//! Vectors of texts.

use std::{sync::Arc, time::Duration};

use super::reply::{Origin, Reply};
use crate::{ModelError, RateHeaders, TokenUsage};

/// Vectors of texts, in the order of the texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// A vector for each text, all of one length, every number finite.
    pub vectors: Vec<Vec<f32>>,
    /// Name of the model, as the provider gives it.
    pub model: String,
    /// Name of the backend.
    pub backend: Arc<str>,
    /// Tokens, as the provider counts them.
    pub usage: Option<TokenUsage>,
    /// What the headers say of the key's limits.
    pub rates: RateHeaders,
    /// From sending the request to the answer's last byte.
    pub latency: Duration,
}

impl Embeddings {
    /// Checked against the texts: as many vectors as texts, of one length, without holes.
    pub(super) fn checked(
        origin: &Origin,
        reply: &Reply,
        texts: usize,
        vectors: Vec<Vec<f32>>,
        model: Option<String>,
        usage: Option<TokenUsage>,
    ) -> Result<Self, ModelError> {
        if vectors.len() != texts {
            let what = format!("{} vectors for {texts} texts", vectors.len());
            return Err(origin.malformed(reply, &what));
        }
        let length = vectors.first().map_or(0, Vec::len);
        if texts > 0 && (length == 0 || vectors.iter().any(|vector| vector.len() != length)) {
            return Err(origin.malformed(reply, "its vectors are empty or of different lengths"));
        }
        if vectors.iter().flatten().any(|number| !number.is_finite()) {
            return Err(origin.malformed(reply, "its vectors hold numbers that are not finite"));
        }
        Ok(Self {
            vectors,
            model: model.filter(|name| !name.is_empty()).unwrap_or_else(|| origin.model.clone()),
            backend: Arc::clone(&origin.backend),
            usage,
            rates: reply.advice().rates,
            latency: reply.latency,
        })
    }
}
