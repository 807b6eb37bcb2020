//! A run's progress over HTTP: `/healthz`, `/readyz`, `/progress`.

use std::{net::SocketAddr, sync::Arc};

use axum::{Json, Router, http::StatusCode, routing::get};
use tokio::net::TcpListener;

use crate::progress::{Snapshot, Tally};

/// Opens the port, so that one that is taken is told before the run begins.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until the runtime ends.
pub async fn serve(listener: TcpListener, tally: Arc<Tally>) -> std::io::Result<()> {
    axum::serve(listener, router(tally)).await
}

/// What is served.
pub fn router(tally: Arc<Tally>) -> Router {
    let ready = tally.clone();
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(move || async move { readiness(ready.snapshot()) }))
        .route("/progress", get(move || async move { Json(tally.snapshot()) }))
}

/// Ready while the run takes documents in.
fn readiness(snapshot: Snapshot) -> (StatusCode, &'static str) {
    if snapshot.draining {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}
