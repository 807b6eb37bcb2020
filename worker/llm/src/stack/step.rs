//! A layer as one async function.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tower::{Layer, Service};

use crate::error::ModelError;

/// What lies below a step.
pub(crate) trait Below<Request, Response>:
    Service<Request, Response = Response, Error = ModelError, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S, Request, Response> Below<Request, Response> for S where
    S: Service<Request, Response = Response, Error = ModelError, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// A layer as one async function from what it is asked, and what lies below, to its answer.
pub(crate) trait Step<Request, B>: Clone + Send + Sync + 'static {
    /// What it answers.
    type Response;

    /// Passes `request` on to `below` in its own way.
    fn run(
        self,
        below: B,
        request: Request,
    ) -> impl Future<Output = Result<Self::Response, ModelError>> + Send + 'static;
}

/// The tower layer of a step.
pub(crate) fn stepped<T>(step: T) -> StepLayer<T> {
    StepLayer(step)
}

/// See [`stepped`].
#[derive(Debug, Clone)]
pub(crate) struct StepLayer<T>(T);

impl<T: Clone, B> Layer<B> for StepLayer<T> {
    type Service = Stepped<T, B>;

    fn layer(&self, below: B) -> Self::Service {
        Stepped { step: self.0.clone(), below }
    }
}

/// The tower service of a step.
#[derive(Debug, Clone)]
pub(crate) struct Stepped<T, B> {
    step: T,
    below: B,
}

impl<T: Step<Request, B>, B: Clone, Request> Service<Request> for Stepped<T, B> {
    type Response = T::Response;
    type Error = ModelError;
    type Future = Pin<Box<dyn Future<Output = Result<T::Response, ModelError>> + Send>>;

    /// Always ready: waiting is done inside, where it can be given up.
    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ModelError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Box::pin(self.step.clone().run(self.below.clone(), request))
    }
}
