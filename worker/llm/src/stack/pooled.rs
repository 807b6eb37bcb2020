//! A slot of a backend.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tower::{Service, ServiceExt};

use super::{Attempt, BackendStack, Call, Parts};
use crate::{
    client::Answered,
    error::{ModelError, ModelErrorKind},
    pool::{NoBackend, Pool},
};

/// A backend of the pool.
#[derive(Clone)]
pub(crate) struct Backend {
    pub(crate) name: Arc<str>,
    pub(crate) stack: BackendStack,
}

/// Waits for a slot and hands the request to its backend.
#[derive(Clone)]
pub(crate) struct Pooled {
    pool: Arc<Pool>,
    backends: Arc<[Backend]>,
}

impl Pooled {
    pub(crate) fn new(parts: &Parts, backends: Arc<[Backend]>) -> Self {
        Self { pool: Arc::clone(&parts.pool), backends }
    }

    async fn run(self, call: Call) -> Result<Answered, ModelError> {
        let journal = Arc::clone(&call.journal);
        let lease = self.pool.lease(call.need).await.map_err(|none| self.nobody(none, &call))?;
        let Some(backend) = self.backends.get(lease.member()) else {
            return Err(self.nobody(NoBackend::NobodyThere, &call));
        };
        let reply = backend.stack.clone().oneshot(Attempt { call, lease }).await?;
        Ok(Answered {
            answer: reply.answer,
            attempts: journal.attempts(),
            waited: journal.waited(),
            cost: reply.cost,
        })
    }

    fn nobody(&self, none: NoBackend, call: &Call) -> ModelError {
        let names: Vec<&str> = self.backends.iter().map(|backend| &*backend.name).collect();
        let (names, history) = (names.join(", "), call.journal.history());
        match none {
            NoBackend::Stopped(error) => *error,
            NoBackend::TooLong(largest) => ModelError::new(
                ModelErrorKind::TooLong,
                format!(
                    "the request has about {} tokens and asks for up to {} more; the largest context it may go to is {}",
                    call.need.input,
                    call.need.output,
                    largest.map_or("not known".to_owned(), |tokens| format!("{tokens} tokens")),
                ),
                "split the document, or add a backend with a larger context",
                "pool",
            ),
            NoBackend::NobodyThere => ModelError::new(
                ModelErrorKind::Unavailable,
                format!("no model backend of {names} has answered even once{history}"),
                "check that the server runs and its address is right: `coordinator doctor` tries each backend",
                "pool",
            ),
            NoBackend::Broken(since) => ModelError::new(
                ModelErrorKind::Unavailable,
                format!(
                    "every model backend ({names}) has been out of order for {:.0} s{history}",
                    since.as_secs_f64()
                ),
                "run again when one is back: what is done is kept",
                "pool",
            ),
        }
    }
}

impl Service<Call> for Pooled {
    type Response = Answered;
    type Error = ModelError;
    type Future = Pin<Box<dyn Future<Output = Result<Answered, ModelError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ModelError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        Box::pin(self.clone().run(call))
    }
}
