//! Anthropic's Message Batches: one request that carries all of them, and a file of results. Pure.
//!
//! Shapes, statuses and caps: <https://docs.anthropic.com/en/api/creating-message-batches>. A batch takes at most 100,000
//! requests and 256 MB, and ends within 24 hours; its results can be fetched for 29 days.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    id::CustomId,
    state::{Item, Sight, Stage},
};

/// An element of the list of requests.
pub(crate) fn line(id: &CustomId, body: &Value) -> String {
    json!({ "custom_id": id, "params": body }).to_string()
}

/// The body that creates a batch.
pub(crate) fn create(lines: &[String]) -> Vec<u8> {
    format!("{{\"requests\":[{}]}}", lines.join(",")).into_bytes()
}

#[derive(Deserialize)]
struct Batch {
    id: String,
    processing_status: String,
    #[serde(default)]
    request_counts: Option<Counts>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    results_url: Option<String>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    processing: u64,
    #[serde(default)]
    succeeded: u64,
    #[serde(default)]
    errored: u64,
    #[serde(default)]
    canceled: u64,
    #[serde(default)]
    expired: u64,
}

/// A batch as the provider shows it; `None` for what is none.
pub(crate) fn sight(value: Value) -> Option<Sight> {
    let batch: Batch = serde_json::from_value(value).ok()?;
    let created = batch.created_at.and_then(|at| at.parse::<Timestamp>().ok());
    let requests = batch.request_counts.map(|counts| {
        let Counts { processing, succeeded, errored, canceled, expired } = counts;
        [succeeded, errored, canceled, expired].into_iter().fold(processing, u64::saturating_add)
    });
    Some(Sight {
        id: batch.id,
        // What has expired or was cancelled is said of each request.
        stage: if batch.processing_status == "ended" { Stage::Ended } else { Stage::Working },
        results: batch.results_url.into_iter().collect(),
        created_ms: created.map_or(0, |at| u64::try_from(at.as_millisecond()).unwrap_or(0)),
        requests,
        submission: None,
    })
}

#[derive(Deserialize)]
struct Line {
    custom_id: String,
    result: Outcome,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outcome {
    Succeeded { message: Value },
    Errored { error: Value },
    Canceled,
    Expired,
}

/// What a line of results says of a request; `None` for what is no such line.
pub(crate) fn item(line: &[u8]) -> Option<(CustomId, Item)> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let id = CustomId::parse(&line.custom_id)?;
    let item = match line.result {
        Outcome::Succeeded { message } => Item::Replied(200, Bytes::from(message.to_string())),
        Outcome::Errored { error } => Item::Replied(status(&error), Bytes::from(error.to_string())),
        Outcome::Canceled => Item::Cancelled,
        Outcome::Expired => Item::Expired,
    };
    Some((id, item))
}

/// The status that a failure of this type has when it is alone: <https://docs.anthropic.com/en/api/errors>.
fn status(error: &Value) -> u16 {
    match error.pointer("/error/type").and_then(Value::as_str).unwrap_or_default() {
        "invalid_request_error" | "invalid_request" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> CustomId {
        CustomId::parse(name).unwrap()
    }

    #[test]
    fn a_batch_is_a_list_of_requests() {
        let lines = [line(&id("a"), &json!({"model": "m"})), line(&id("b"), &json!({"model": "m"}))];
        let body: Value = serde_json::from_slice(&create(&lines)).unwrap();
        assert_eq!(
            body,
            json!({"requests": [{"custom_id": "a", "params": {"model": "m"}}, {"custom_id": "b", "params": {"model": "m"}}]})
        );
    }

    #[test]
    fn a_batch_is_at_work_until_it_has_ended() {
        let seen = |status: &str, url: Value| {
            sight(json!({
                "id": "msgbatch_1", "type": "message_batch", "processing_status": status,
                "request_counts": {"processing": 1, "succeeded": 2, "errored": 3, "canceled": 4, "expired": 5},
                "ended_at": null, "created_at": "2024-09-24T18:37:24.100435Z", "results_url": url,
                "expires_at": "2024-09-25T18:37:24.100435Z", "cancel_initiated_at": null,
            }))
            .unwrap()
        };
        for status in ["in_progress", "canceling"] {
            assert_eq!(seen(status, Value::Null).stage, Stage::Working, "{status}");
        }
        let ended = seen("ended", json!("https://api.anthropic.com/v1/messages/batches/msgbatch_1/results"));
        assert_eq!(
            (ended.stage, ended.requests, ended.created_ms),
            (Stage::Ended, Some(15), 1_727_203_044_100)
        );
        assert_eq!(ended.results.len(), 1);
        assert_eq!(sight(json!({"type": "error"})), None);
    }

    #[test]
    fn lines_of_results() {
        let read = |result: Value| item(json!({"custom_id": "a", "result": result}).to_string().as_bytes());
        let succeeded = read(json!({"type": "succeeded", "message": {"x": 1}}));
        assert_eq!(succeeded, Some((id("a"), Item::Replied(200, "{\"x\":1}".into()))));
        assert_eq!(read(json!({"type": "expired"})), Some((id("a"), Item::Expired)));
        assert_eq!(read(json!({"type": "canceled"})), Some((id("a"), Item::Cancelled)));
        for (kind, status) in [("invalid_request_error", 400), ("overloaded_error", 529), ("api_error", 500)]
        {
            let error = json!({"type": "error", "error": {"type": kind, "message": "no"}});
            let found = read(json!({"type": "errored", "error": error}));
            assert!(matches!(found, Some((_, Item::Replied(found, _))) if found == status), "{kind}");
        }
        assert_eq!(read(json!({"type": "lost"})), None);
    }
}
