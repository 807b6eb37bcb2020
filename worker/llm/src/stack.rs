//! What a request passes through, from the asker to the backend and back.

mod budgeted;
mod due;
mod paced;
mod pooled;
mod retrying;
mod step;
mod timed;

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::{Duration, Instant},
};

use tower::{ServiceBuilder, util::BoxCloneSyncService};

pub(crate) use self::pooled::Backend;
use self::{
    budgeted::Budgeted, due::Due, paced::Paced, pooled::Pooled, retrying::Retrying, step::stepped,
    timed::Timed,
};
use crate::{
    answer::ModelAnswer,
    budget::{Budget, Cost},
    client::Answered,
    error::ModelError,
    limiter::{Limiter, now},
    pool::{Lease, Need, Pool},
    price::Price,
    request::ModelRequest,
    retry::RetryPolicy,
    statistics::Statistics,
};

/// A request on its way down.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) request: ModelRequest,
    /// What it asks of a backend.
    pub(crate) need: Need,
    /// What it has been through.
    pub(crate) journal: Arc<Journal>,
    /// To be set when it leaves for a provider.
    pub(crate) sent: Arc<AtomicBool>,
}

/// What a request has been through.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) began: Instant,
    entries: Mutex<Entries>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entries {
    attempts: u32,
    at_backends: Duration,
    last: Option<usize>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self { began: now(), entries: Mutex::default() }
    }

    fn edit<T>(&self, edit: impl FnOnce(&mut Entries) -> T) -> T {
        edit(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The request leaves for a backend.
    pub(crate) fn leaves(&self, member: usize) {
        self.edit(|entries| {
            entries.attempts += 1;
            entries.last = Some(member);
        });
    }

    /// It was at a backend for so long.
    pub(crate) fn returns(&self, spent: Duration) {
        self.edit(|entries| entries.at_backends += spent);
    }

    /// Times it was sent.
    pub(crate) fn attempts(&self) -> u32 {
        self.edit(|entries| entries.attempts)
    }

    /// The backend it was last sent to.
    pub(crate) fn last(&self) -> Option<usize> {
        self.edit(|entries| entries.last)
    }

    /// Time that it was not at a backend.
    pub(crate) fn waited(&self) -> Duration {
        let whole = now().saturating_duration_since(self.began);
        whole.saturating_sub(self.edit(|entries| entries.at_backends))
    }

    /// `, after 3 attempts in 4.2 s`, for messages.
    pub(crate) fn history(&self) -> String {
        let seconds = now().saturating_duration_since(self.began).as_secs_f64();
        match self.attempts() {
            0 => format!(", not sent yet after {seconds:.1} s"),
            1 => format!(", after 1 attempt in {seconds:.1} s"),
            attempts => format!(", after {attempts} attempts in {seconds:.1} s"),
        }
    }
}

/// A request that has a backend.
pub(crate) struct Attempt {
    pub(crate) call: Call,
    pub(crate) lease: Lease,
}

/// What the layers share.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) pool: Arc<Pool>,
    pub(crate) budget: Budget,
    /// The dearest price among the backends.
    pub(crate) dearest: Price,
    pub(crate) policy: RetryPolicy,
    pub(crate) time_limit: Duration,
    pub(crate) statistics: Arc<Statistics>,
}

/// From the asker down to the pool.
pub(crate) type Stack = BoxCloneSyncService<Call, Answered, ModelError>;

/// From the pool down to one backend.
pub(crate) type BackendStack = BoxCloneSyncService<Attempt, Reply, ModelError>;

/// An answer with what it cost.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) answer: ModelAnswer,
    pub(crate) cost: Cost,
}

/// The layers, outermost first.
pub(crate) fn stack(parts: &Parts, backends: Arc<[Backend]>) -> Stack {
    BoxCloneSyncService::new(
        ServiceBuilder::new()
            // Nobody waits beyond the document's deadline.
            .layer(stepped(Due))
            // The only layer that tries again, here or at another backend.
            .layer(stepped(Retrying::new(parts)))
            // Each attempt has its worst case set aside before it may be sent.
            .layer(stepped(Budgeted::new(parts)))
            // A free slot of a backend that fits and is in order: its breaker and its limit of requests at once decide.
            .service(Pooled::new(parts, backends)),
    )
}

/// The layers of one backend, outermost first.
pub(crate) fn backend_stack(
    parts: &Parts,
    member: usize,
    price: Option<Price>,
    limiter: Arc<dyn Limiter>,
    backend: BoxCloneSyncService<ModelRequest, ModelAnswer, ModelError>,
) -> BackendStack {
    BoxCloneSyncService::new(
        ServiceBuilder::new()
            // The key's requests and tokens a minute; here it is told apart how the request ended.
            .layer(stepped(Paced::new(parts, member, price, limiter)))
            // No single request takes longer than this.
            .layer(stepped(Timed::new(parts)))
            // One HTTP request, never tried again.
            .service(backend),
    )
}
