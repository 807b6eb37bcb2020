//! The model's door.
//!
//! A [`ModelBackend`] is a `tower::Service`, so that limits, retries and breakers are layers around it rather than
//! code within it. No backend is built in yet: the rules decide every document.

use std::future::Future;

use tower::Service;

/// What a model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRequest {
    /// Ties the answer to its request.
    pub id: u64,
    /// What the model is to do, from the recipe.
    pub instructions: String,
    /// The document or a part of it: data, never instructions.
    pub content: String,
    /// JSON schema that the answer must satisfy.
    pub schema: String,
    /// Most tokens the answer may have.
    pub most_output_tokens: u32,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAnswer {
    /// The request's id.
    pub id: u64,
    /// The answer's text, not yet validated.
    pub content: String,
    /// Name of the model that answered, as the provider gives it.
    pub model: String,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
}

/// Why a backend gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It may pass: a limit, an overload, a lost connection. Whoever owns the retries decides.
    #[error("{0}")]
    Transient(String),
    /// It will not pass by itself: a wrong key, an unknown model, a request the backend refuses.
    #[error("{0}")]
    Permanent(String),
}

/// A model backend: any service from [`ModelRequest`] to [`ModelAnswer`].
///
/// Implementers: never retry (a layer does), never wait for a limit (a layer does), and stop the transfer when the
/// future is dropped.
pub trait ModelBackend:
    Service<ModelRequest, Response = ModelAnswer, Error = ModelError, Future: Future + Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> ModelBackend for S where
    S: Service<ModelRequest, Response = ModelAnswer, Error = ModelError, Future: Future + Send>
        + Clone
        + Send
        + 'static
{
}
