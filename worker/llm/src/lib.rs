//! Models behind one door: backends, how many requests at once, limits, failures, cost.
//!
//! | module | noun |
//! | --- | --- |
//! | [`request`], [`answer`], [`error`] | what passes through the door |
//! | `ask` | the door through which a stage asks |
//! | [`batch`] | several documents, or texts to be embedded, in one request |
//! | `client`, `stack` | the one client, and what a request passes through on its way |
//! | `pool` | the backends and the one queue before them |
//! | `breaker` | whether a backend is worth asking |
//! | `concurrency` | how many requests a backend works on at once |
//! | `limiter` | requests and tokens a minute of a key |
//! | `retry` | what follows from a failure |
//! | `budget`, `price`, [`tokens`] | ceilings, what models cost, estimates of tokens |
//! | [`bulk`] | requests through a provider's endpoint for batches: at half the price, within a day |
//! | `statistics` | what a client has done |
//! | `schema`, `quote` | answers held to their schema and to the document |
//! | `stage` | a recipe's stage: prompt, schema, and what becomes of the answer |
//! | [`config`] | which models may be asked: options, environment, `.env`, `sheaf.toml` |
//! | [`backend`] | backends over HTTP, in three dialects |
//! | [`detect`] | what a backend can do, and how many requests at once that means |
//! | [`secret`] | a key: used, never shown |

pub mod answer;
pub mod backend;
pub mod batch;
pub mod bulk;
pub mod config;
pub mod detect;
pub mod error;
pub mod request;
pub mod secret;

mod ask;
mod breaker;
mod budget;
mod client;
mod concurrency;
mod limiter;
mod pool;
mod price;
mod quote;
mod retry;
mod schema;
mod stack;
mod stage;
mod statistics;
pub mod tokens;

use std::future::Future;

use tower::Service;

pub use answer::{ModelAnswer, RateHeaders, RateWindow, StopReason, TokenUsage};
pub use ask::Ask;
pub use backend::{Embeddings, HttpBackend};
pub use batch::{BatchSize, Batcher, EmbeddingClient, EmbeddingSettings};
pub use budget::{Ceilings, Cost, NanoDollars, SharedBudget};
pub use client::{Answered, BackendSpec, Client, ClientBuilder, ClientError, ClientSettings};
pub use concurrency::Parallelism;
pub use error::{ModelError, ModelErrorKind};
pub use limiter::{Cause, Limiter, MemoryLimiter, Refusal, Reservation, SharedLimits, ToldLimits};
pub use price::{Price, PriceError, PriceTable};
pub use quote::Quotable;
pub use request::{AnswerSchema, Message, ModelRequest, Role, Target};
pub use retry::RetryPolicy;
pub use schema::{AnswerCheck, AnswerProblem, Checked, SchemaError, Spent};
pub use secret::Secret;
pub use stage::{AssessError, Assessed, Reply, Stage, StageError, Subject, assess};
pub use statistics::{BackendStatistics, Percentiles, StatisticsSnapshot};

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
