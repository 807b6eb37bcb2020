//! The door through which a stage asks: a client, or whatever stands before one.

use std::future::Future;

use crate::{
    client::{Answered, Client},
    error::ModelError,
    request::ModelRequest,
};

/// Takes one request to its answer.
///
/// Implementers: a dropped future gives the request up, and nothing is tried again above a [`Client`], which owns the
/// retries.
pub trait Ask: Send + Sync {
    /// Asks, and waits for the answer; it is not yet validated.
    fn ask(&self, request: ModelRequest) -> impl Future<Output = Result<Answered, ModelError>> + Send;

    /// The most tokens (by [`tokens::estimate`](crate::tokens::estimate)) that a request's input may have with so many
    /// tokens of output; `None`: no limit is known.
    fn longest_input(&self, _output: u32) -> Option<u64> {
        None
    }
}

impl Ask for Client {
    async fn ask(&self, request: ModelRequest) -> Result<Answered, ModelError> {
        Client::ask(self, request).await
    }

    fn longest_input(&self, output: u32) -> Option<u64> {
        Client::longest_input(self, output)
    }
}
