//! When it goes wrong between Sheaf and a model: each way that it can, against a provider over real HTTP that does it.
//!
//! Nothing here depends on something being fast: times have lower bounds, counts have both.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod models;

#[path = "model_failures/answers.rs"]
mod answers;
#[path = "model_failures/breaker.rs"]
mod breaker;
#[path = "model_failures/limits.rs"]
mod limits;
#[path = "model_failures/mistakes.rs"]
mod mistakes;
#[path = "model_failures/retries.rs"]
mod retries;
#[path = "model_failures/time.rs"]
mod time;
