//! What a model answered.

use std::{sync::Arc, time::Duration};

/// An answer, not yet validated.
#[derive(Debug, Clone)]
pub struct ModelAnswer {
    /// The request's id.
    pub id: u64,
    /// The answer's text.
    pub text: String,
    /// Why it ended.
    pub stop: StopReason,
    /// Name of the model that answered, as the provider gives it.
    pub model: String,
    /// Name of the backend that answered.
    pub backend: Arc<str>,
    /// Tokens, as the provider counts them; `None` when it does not say.
    pub usage: Option<TokenUsage>,
    /// What the answer's headers say of the key's limits.
    pub rates: RateHeaders,
    /// From sending the request to the answer's last byte.
    pub latency: Duration,
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// The model was done.
    End,
    /// The cap on output tokens was reached: the answer is cut and must not be used.
    Length,
    /// The model or a filter of the provider's refused, with its words.
    Refusal(String),
}

/// Tokens of one request, as the provider counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// Tokens sent.
    pub input: u64,
    /// Tokens received.
    pub output: u64,
}

/// What an answer's headers say of the limits of the key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateHeaders {
    /// Requests.
    pub requests: RateWindow,
    /// Tokens, input and output together where the provider does not tell them apart.
    pub tokens: RateWindow,
    /// Input tokens, where the provider counts them apart.
    pub input_tokens: RateWindow,
    /// Output tokens, where the provider counts them apart.
    pub output_tokens: RateWindow,
}

/// One limit: what is allowed in a window, what is left of it, and when it is whole again. `None` where the provider does
/// not say or says that it does not know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateWindow {
    /// Allowed in a window.
    pub limit: Option<u64>,
    /// Left of it now.
    pub remaining: Option<u64>,
    /// Time until it is whole again.
    pub reset: Option<Duration>,
}
