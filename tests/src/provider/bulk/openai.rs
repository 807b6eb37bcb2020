//! OpenAI's: files, and batches over them.

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

use super::{Batch, Creating, End, Entries, Fate, flaw_of_name, paging, refused, seconds};
use crate::provider::{
    dialect::Dialect,
    server::{State, plain, response},
};

const DIALECT: Dialect = Dialect::OpenAi;
/// Most requests and bytes of a file.
const MOST: (usize, usize) = (50_000, 200_000_000);

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/v1/files", post(upload))
        .route("/v1/files/{id}/content", get(content))
        .route("/v1/batches", post(create).get(list))
        .route("/v1/batches/{id}", get(look))
}

async fn upload(Given(state): Given<State>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(wrong) = state.admits(DIALECT, &headers) {
        return wrong;
    }
    let bad = |words: &str| response(400, &DIALECT.error("invalid_request_error", words));
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let Some(boundary) = kind.strip_prefix("multipart/form-data; boundary=") else {
        return bad("not a form");
    };
    let text = String::from_utf8_lossy(&body);
    let part = |name: &str| {
        let named = format!("name=\"{name}\"");
        let part = text.split(&format!("--{boundary}")).find(|part| part.contains(&named))?;
        Some(part.split_once("\r\n\r\n")?.1.strip_suffix("\r\n")?.to_owned())
    };
    if part("purpose").as_deref() != Some("batch") {
        return bad("the purpose is not batch");
    }
    let Some(file) = part("file").filter(|file| file.len() <= MOST.1) else {
        return bad("no file, or one that is too large");
    };
    let mut entries = state.bank.entries();
    entries.seen.uploads += 1;
    let id = format!("file-in-{:04}", entries.seen.uploads);
    let shown =
        json!({"id": id, "object": "file", "bytes": file.len(), "purpose": "batch", "status": "processed"});
    entries.files.insert(id, file);
    response(200, &shown)
}

async fn create(Given(state): Given<State>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(wrong) = state.admits(DIALECT, &headers) {
        return wrong;
    }
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let bad = |words: &str| response(400, &DIALECT.error("invalid_request_error", words));
    if asked["completion_window"] != "24h" || asked["endpoint"] != "/v1/chat/completions" {
        return bad("an endpoint or a window that is not known");
    }
    let script = state.script();
    let (shown, way) = {
        let mut entries = state.bank.entries();
        let way = entries.creating(&script);
        if let Some(Creating::Refused(status, wait)) = way {
            return refused(DIALECT, status, wait);
        }
        let name = asked["input_file_id"].as_str().unwrap_or_default();
        let Some(file) = entries.files.get(name).cloned() else { return bad("no such file") };
        let (requests, flaw) = read(&file);
        let batch = entries.take(&script, DIALECT, "batch_", requests);
        batch.metadata = asked["metadata"].clone();
        name.clone_into(&mut batch.file);
        if let (Some((line, words)), None) = (flaw, &batch.fate) {
            batch.fate = Some(Fate::Refused(line, "invalid_request", words));
        }
        (shown(batch, false), way)
    };
    match way {
        Some(Creating::Silent) => std::future::pending().await,
        Some(Creating::TakenWith500) => refused(DIALECT, 500, None),
        _ => response(200, &shown),
    }
}

/// A line, from 1, and what is wrong with it.
type Wrong = (u64, &'static str);

/// The requests of a file, and the first line that is none, with why.
fn read(file: &str) -> (Vec<(String, Value)>, Option<Wrong>) {
    let (mut requests, mut names, mut models) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let mut flaw = (file.lines().count() > MOST.0).then_some((1, "too many requests"));
    for (line, number) in file.lines().zip(1..) {
        let Ok(request) = serde_json::from_str::<Value>(line) else {
            flaw = flaw.or(Some((number, "the line is not JSON")));
            continue;
        };
        let id = request["custom_id"].as_str().unwrap_or_default().to_owned();
        models.insert(request["body"]["model"].to_string());
        let wrong = if request["method"] != "POST" || request["url"] != "/v1/chat/completions" {
            Some("method or url are not the batch's")
        } else if models.len() > 1 {
            Some("all requests of a batch must be of one model")
        } else {
            flaw_of_name(&id, &mut names)
        };
        flaw = flaw.or(wrong.map(|words| (number, words)));
        requests.push((id, request["body"].clone()));
    }
    (requests, flaw)
}

async fn look(Given(state): Given<State>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    if let Err(wrong) = state.admits(DIALECT, &headers) {
        return wrong;
    }
    match state.bank.entries().look(&state.script(), &id) {
        Some((batch, ended)) => response(200, &shown(&batch, ended)),
        None => response(404, &DIALECT.error("invalid_request_error", "no such batch")),
    }
}

async fn list(Given(state): Given<State>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    if let Err(wrong) = state.admits(DIALECT, &headers) {
        return wrong;
    }
    let (limit, after) = paging(query.as_deref(), "after");
    let (page, more) = state.bank.entries().page(&state.script(), limit, after.as_deref());
    let data: Vec<Value> = page.iter().map(|(batch, ended)| shown(batch, *ended)).collect();
    let edge = |batch: Option<&(Batch, bool)>| batch.map(|(batch, _)| batch.id.clone());
    let (first, last) = (edge(page.first()), edge(page.last()));
    response(
        200,
        &json!({"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": more}),
    )
}

async fn content(Given(state): Given<State>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    if let Err(wrong) = state.admits(DIALECT, &headers) {
        return wrong;
    }
    let mut entries = state.bank.entries();
    entries.seen.fetched += 1;
    match results(&entries, &id) {
        Some(lines) => plain(200, Body::from(lines)),
        None => response(404, &DIALECT.error("invalid_request_error", "no such file")),
    }
}

/// A file of results: `file-out-` or `file-err-` and the batch's name.
fn results(entries: &Entries, id: &str) -> Option<String> {
    let (wants_errors, batch) = match id.strip_prefix("file-err-") {
        Some(batch) => (true, batch),
        None => (false, id.strip_prefix("file-out-")?),
    };
    let batch = entries.batches.iter().find(|known| known.id == batch)?;
    let mut lines = String::new();
    // Backwards: the order of results is nobody's promise.
    for (id, end) in batch.items.iter().rev() {
        let replied = |status: u16, body: &Value| {
            let response = json!({"status_code": status, "request_id": "req_1", "body": body});
            json!({"id": "batch_req_1", "custom_id": id, "response": response, "error": null}).to_string()
        };
        let failed = |code: &str, words: &str| {
            let error = json!({"code": code, "message": words});
            json!({"id": "batch_req_1", "custom_id": id, "response": null, "error": error}).to_string()
        };
        let text = match end {
            End::Replied(status, body) if (*status != 200) == wants_errors => replied(*status, body),
            End::Expired if wants_errors => failed(
                "batch_expired",
                "This request could not be executed before the completion window expired.",
            ),
            End::Cancelled if wants_errors => failed("batch_cancelled", "The batch was cancelled."),
            End::Garbled(body) if !wants_errors => {
                let line = replied(200, body);
                line.chars().take(line.chars().count() / 2).collect()
            }
            End::Twice(body, other) if !wants_errors => replied(200, body) + "\n" + &replied(200, other),
            _ => continue,
        };
        lines.push_str(&text);
        lines.push('\n');
    }
    Some(lines)
}

fn shown(batch: &Batch, ended: bool) -> Value {
    let (mut errors, mut output, mut error) = (Value::Null, Value::Null, Value::Null);
    let flaw = |line: Option<u64>, code: &str, words: &str| json!({"object": "list", "data": [{"code": code, "message": words, "param": null, "line": line}]});
    let status = match &batch.fate {
        Some(Fate::Refused(line, code, words)) => {
            errors = flaw(Some(*line), code, words);
            "failed"
        }
        Some(Fate::Crowded) => {
            errors = flaw(None, "token_limit_exceeded", "Enqueued token limit reached for the model.");
            "failed"
        }
        _ if !ended => ["validating", "in_progress", "finalizing"][batch.looks.min(2)],
        fate => {
            output = json!(format!("file-out-{}", batch.id));
            error = json!(format!("file-err-{}", batch.id));
            match fate {
                Some(Fate::Expired) => "expired",
                Some(Fate::Cancelled) => "cancelled",
                _ => "completed",
            }
        }
    };
    let done = batch.items.iter().filter(|(_, end)| matches!(end, End::Replied(200, _))).count();
    let total = batch.items.len();
    json!({
        "id": batch.id, "object": "batch", "endpoint": "/v1/chat/completions", "errors": errors,
        "input_file_id": batch.file, "completion_window": "24h", "status": status, "output_file_id": output,
        "error_file_id": error, "created_at": seconds(batch.created), "expires_at": seconds(batch.created) + 86_400,
        "in_progress_at": null, "finalizing_at": null, "completed_at": null, "failed_at": null, "expired_at": null,
        "cancelling_at": null, "cancelled_at": null, "metadata": batch.metadata,
        "request_counts": {"total": total, "completed": if ended { done } else { 0 }, "failed": if ended { total - done } else { 0 }},
    })
}
