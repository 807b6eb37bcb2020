//! Requests through a provider's endpoint for batches: handed in once and paid for once, whatever happens in between.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "model_bulk/bench.rs"]
mod bench;
#[path = "model_bulk/crashes.rs"]
mod crashes;
#[path = "model_bulk/failures.rs"]
mod failures;
#[path = "model_bulk/fleet.rs"]
mod fleet;
#[path = "model_bulk/limits.rs"]
mod limits;
#[path = "models/mod.rs"]
mod models;
#[path = "model_bulk/whole.rs"]
mod whole;
