//! The worker's health, for whoever restarts what is not well.

use std::sync::Arc;

use axum::{Router, http::StatusCode, routing::get};

use crate::host::Status;

/// `/healthz`: the program runs. `/readyz`: it is in the fleet and can work.
pub(super) fn router(status: Arc<Status>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(move || async move { readiness(&status) }))
}

fn readiness(status: &Status) -> (StatusCode, String) {
    match status.unready() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}
