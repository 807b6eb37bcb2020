//! Anthropic's: Message Batches.

use std::collections::BTreeSet;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, RawQuery, State as Given},
    http::{HeaderMap, header},
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{Batch, Creating, End, flaw_of_name, paging, refused};
use crate::provider::{
    dialect::{Dialect, rfc3339},
    server::{State, plain, response},
};

const DIALECT: Dialect = Dialect::Anthropic;
/// Most requests and bytes of a batch.
const MOST: (usize, usize) = (100_000, 256_000_000);

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/v1/messages/batches", post(create).get(list))
        .route("/v1/messages/batches/{id}", get(look))
        .route("/v1/messages/batches/{id}/results", get(results))
}

async fn create(Given(state): Given<State>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(wrong) = state.admits(DIALECT, &headers) {
        return wrong;
    }
    let bad = |words: &str| response(400, &DIALECT.error("invalid_request_error", words));
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(list) = asked["requests"].as_array().filter(|list| !list.is_empty()) else {
        return bad("requests: a list with at least one element");
    };
    if list.len() > MOST.0 || body.len() > MOST.1 {
        return response(413, &DIALECT.error("request_too_large", "the batch is too large"));
    }
    let (mut names, mut requests) = (BTreeSet::new(), Vec::new());
    for request in list {
        let id = request["custom_id"].as_str().unwrap_or_default().to_owned();
        if let Some(flaw) = flaw_of_name(&id, &mut names) {
            return bad(flaw);
        }
        requests.push((id, request["params"].clone()));
    }
    let script = state.script();
    let (shown, way) = {
        let mut entries = state.bank.entries();
        let way = entries.creating(&script);
        if let Some(Creating::Refused(status, wait)) = way {
            return refused(DIALECT, status, wait);
        }
        (shown(entries.take(&script, DIALECT, "msgbatch_", requests), false, &headers), way)
    };
    match way {
        Some(Creating::Silent) => std::future::pending().await,
        Some(Creating::TakenWith500) => refused(DIALECT, 500, None),
        _ => response(200, &shown),
    }
}

async fn look(Given(state): Given<State>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    if let Err(wrong) = state.admits(DIALECT, &headers) {
        return wrong;
    }
    match state.bank.entries().look(&state.script(), &id) {
        Some((batch, ended)) => response(200, &shown(&batch, ended, &headers)),
        None => response(404, &DIALECT.error("not_found_error", "no such batch")),
    }
}

async fn list(Given(state): Given<State>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    if let Err(wrong) = state.admits(DIALECT, &headers) {
        return wrong;
    }
    let (limit, after) = paging(query.as_deref(), "after_id");
    let (page, more) = state.bank.entries().page(&state.script(), limit, after.as_deref());
    let data: Vec<Value> = page.iter().map(|(batch, ended)| shown(batch, *ended, &headers)).collect();
    let edge = |batch: Option<&(Batch, bool)>| batch.map(|(batch, _)| batch.id.clone());
    let (first, last) = (edge(page.first()), edge(page.last()));
    response(200, &json!({"data": data, "first_id": first, "last_id": last, "has_more": more}))
}

async fn results(Given(state): Given<State>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    if let Err(wrong) = state.admits(DIALECT, &headers) {
        return wrong;
    }
    let mut entries = state.bank.entries();
    entries.seen.fetched += 1;
    let Some(batch) = entries.batches.iter().find(|known| known.id == id) else {
        return response(404, &DIALECT.error("not_found_error", "no such batch"));
    };
    let mut lines = String::new();
    // Backwards: the order of results is nobody's promise.
    for (id, end) in batch.items.iter().rev() {
        let line = |result: Value| json!({"custom_id": id, "result": result}).to_string();
        let succeeded = |message: &Value| line(json!({"type": "succeeded", "message": message}));
        let text = match end {
            End::Replied(200, message) => succeeded(message),
            End::Replied(_, error) => line(json!({"type": "errored", "error": error})),
            End::Expired => line(json!({"type": "expired"})),
            End::Cancelled => line(json!({"type": "canceled"})),
            End::Missing => continue,
            End::Garbled(message) => {
                let line = succeeded(message);
                line.chars().take(line.chars().count() / 2).collect()
            }
            End::Twice(message, other) => succeeded(message) + "\n" + &succeeded(other),
        };
        lines.push_str(&text);
        lines.push('\n');
    }
    plain(200, Body::from(lines))
}

fn shown(batch: &Batch, ended: bool, headers: &HeaderMap) -> Value {
    let count = |wanted: fn(&End) -> bool| {
        if ended { batch.items.iter().filter(|(_, end)| wanted(end)).count() } else { 0 }
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let results = ended.then(|| format!("http://{host}/v1/messages/batches/{}/results", batch.id));
    let (errored, canceled, expired) = (
        count(|end| matches!(end, End::Replied(status, _) if *status != 200)),
        count(|end| *end == End::Cancelled),
        count(|end| *end == End::Expired),
    );
    let succeeded = count(|_| true) - errored - canceled - expired;
    json!({
        "id": batch.id, "type": "message_batch",
        "processing_status": if ended { "ended" } else { "in_progress" },
        "request_counts": {
            "processing": if ended { 0 } else { batch.items.len() },
            "succeeded": succeeded, "errored": errored, "canceled": canceled, "expired": expired,
        },
        "created_at": rfc3339(batch.created), "expires_at": rfc3339(batch.created + std::time::Duration::from_hours(24)),
        "ended_at": ended.then(|| rfc3339(std::time::SystemTime::now())),
        "archived_at": null, "cancel_initiated_at": null, "results_url": results,
    })
}
