//! Models behind one door: backends, how many requests at once, limits, failures, cost.
//!
//! | module | noun |
//! | --- | --- |
//! | [`request`], [`answer`], [`error`] | what passes through the door |
//! | [`config`] | which models may be asked: options, environment, `.env`, `sheaf.toml` |
//! | [`backend`] | backends over HTTP, in three dialects |
//! | [`detect`] | what a backend can do, and how many requests at once that means |
//! | [`secret`] | a key: used, never shown |

pub mod answer;
pub mod backend;
pub mod config;
//pub mod detect;
pub mod error;
pub mod request;
pub mod secret;

use std::future::Future;

use tower::Service;

pub use answer::{ModelAnswer, RateHeaders, RateWindow, StopReason, TokenUsage};
pub use backend::{Embeddings, HttpBackend};
pub use error::{ModelError, ModelErrorKind};
pub use request::{AnswerSchema, Message, ModelRequest, Role, Target};
pub use secret::Secret;

/// A model backend: any service from [`ModelRequest`] to [`ModelAnswer`].
///
/// Implementers: never retry (a layer does), never wait for a limit (a layer does), and stop the transfer when the
/// future is dropped.
pub trait ModelBackend:
    Service<ModelRequest, Response = ModelAnswer, Error = ModelError, Future: Future + Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> ModelBackend for S where
    S: Service<ModelRequest, Response = ModelAnswer, Error = ModelError, Future: Future + Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}
