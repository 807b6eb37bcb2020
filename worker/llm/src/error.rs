//! Why a backend gave no answer.

use std::{sync::Arc, time::Duration};

use crate::answer::RateHeaders;

/// One failed attempt, as a backend reports it. What follows from it is decided by the one owner of retries.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// What kind of failure.
    pub kind: ModelErrorKind,
    /// One sentence for a person: which backend, what was asked of it, what it said. Never holds a key.
    pub message: String,
    /// What the person can do; empty when there is nothing.
    pub hint: String,
    /// Name of the backend.
    pub backend: Arc<str>,
    /// HTTP status, when an answer came.
    pub status: Option<u16>,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
    /// What the provider itself says about trying again (`x-should-retry`).
    pub should_retry: Option<bool>,
    /// What the headers say of the key's limits.
    pub rates: RateHeaders,
}

impl ModelError {
    /// A failure of which no more is known than this.
    pub fn new(
        kind: ModelErrorKind,
        message: impl Into<String>,
        hint: impl Into<String>,
        backend: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: hint.into(),
            backend: backend.into(),
            status: None,
            retry_after: None,
            should_retry: None,
            rates: RateHeaders::default(),
        }
    }
}

impl ModelErrorKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::RateLimited,
        Self::Overloaded,
        Self::Server,
        Self::Timeout,
        Self::Connect,
        Self::Tls,
        Self::Malformed,
        Self::Unauthorized,
        Self::UnknownModel,
        Self::OutOfQuota,
        Self::TooLong,
        Self::BadRequest,
        Self::Budget,
        Self::Unavailable,
    ];

    /// Snake-case name, for statistics.
    pub fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Server => "server",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Malformed => "malformed",
            Self::Unauthorized => "unauthorized",
            Self::UnknownModel => "unknown_model",
            Self::OutOfQuota => "out_of_quota",
            Self::TooLong => "too_long",
            Self::BadRequest => "bad_request",
            Self::Budget => "budget",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelErrorKind {
    /// 429: a limit of the key.
    RateLimited,
    /// 503 or 529: the provider has no room for anybody.
    Overloaded,
    /// Any other 5xx.
    Server,
    /// No answer within the time limit.
    Timeout,
    /// No connection could be made, or it was lost before an answer began.
    Connect,
    /// The TLS handshake or the certificate failed.
    Tls,
    /// The answer broke off or is not what the provider's interface promises.
    Malformed,
    /// 401 or 403: the key is wrong or may not do this. Stops the run.
    Unauthorized,
    /// 404: the model or the address does not exist. Stops the run.
    UnknownModel,
    /// The account has no money or quota left, which no waiting mends. Stops the run.
    OutOfQuota,
    /// The request is longer than the model's context.
    TooLong,
    /// Any other 4xx: the request itself is wrong.
    BadRequest,
    /// The budget of the run has no room for the request.
    Budget,
    /// Every backend is out of order, or the deadline of the document has passed.
    Unavailable,
}
