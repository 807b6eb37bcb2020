//! The `Fleet` door.

use std::{future::Future, net::SocketAddr};

use futures::Stream;

use super::{Command, Counts, FromWorker, Order, Refusal, Registration, RosterEntry, Welcome};
use crate::id::WorkerId;

/// The door between a coordinator, its workers and its operators.
///
/// Implementers: nothing here waits for a worker. A worker registers, then opens its session; what it held before it
/// lost its session stays its own while it extends its leases, so a session says nothing about leases. Whatever a caller
/// sends has passed the checks of the wire, and may still be about a worker that nobody knows.
pub trait Fleet: Send + Sync + 'static {
    /// Orders to one worker. The stream ends when a newer session of the worker takes its place, when the worker has said
    /// goodbye, and when the coordinator ends.
    type Orders: Stream<Item = Order> + Send + 'static;

    /// A worker introduces itself, for the first time or again under the same id. `peer` is where its request came
    /// from, as far as that is known.
    fn register(
        &self,
        registration: Registration,
        peer: Option<SocketAddr>,
    ) -> impl Future<Output = Result<Welcome, Refusal>> + Send;

    /// A registered worker opens its session. The end of `said` is the end of the session, and no goodbye.
    fn session<S>(
        &self,
        worker: WorkerId,
        said: S,
    ) -> impl Future<Output = Result<Self::Orders, Refusal>> + Send
    where
        S: Stream<Item = FromWorker> + Send + 'static;

    /// Every worker that is known, by name.
    fn workers(&self) -> impl Future<Output = Vec<RosterEntry>> + Send;

    /// An operator asks something of a worker; it is told at once, or as soon as it is back.
    fn command(&self, worker: WorkerId, command: Command)
    -> impl Future<Output = Result<(), Refusal>> + Send;

    /// The fleet in numbers.
    fn counts(&self) -> impl Future<Output = Counts> + Send;
}
