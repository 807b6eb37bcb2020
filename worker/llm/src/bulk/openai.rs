//! OpenAI's endpoint for batches: a file of requests, a batch over it, files of results. Pure.
//!
//! Shapes, statuses and caps: <https://platform.openai.com/docs/api-reference/batch>. A batch takes at most 50,000 requests
//! and 200 MB, all of one model, and ends within 24 hours.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    id::{CustomId, SubmissionId},
    state::{Flaw, Item, Sight, Stage},
};
use crate::backend::openai::complaint;

/// Where the requests of a batch go, as the batch names it.
const TARGET: &str = "/v1/chat/completions";
/// The key of a batch's metadata that holds our name for it.
const METADATA: &str = "sheaf_submission";
/// The code of a batch that was refused because the account's queue is full: "Enqueued token limit reached".
const CROWDED: &str = "token_limit_exceeded";

/// A line of the file of requests.
pub(crate) fn line(id: &CustomId, body: &Value) -> String {
    json!({ "custom_id": id, "method": "POST", "url": TARGET, "body": body }).to_string()
}

/// The body of an upload (`multipart/form-data`) and its content type.
pub(crate) fn upload(submission: &SubmissionId, lines: &[String]) -> (String, Vec<u8>) {
    // No line of JSON begins with a hyphen, so the boundary stands nowhere else.
    let boundary = format!("sheaf-{submission}");
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"sheaf-{submission}.jsonl\"\r\n\
         Content-Type: application/jsonl\r\n\r\n"
    );
    for line in lines {
        body.push_str(line);
        body.push('\n');
    }
    body.push_str(&format!("\r\n--{boundary}--\r\n"));
    (format!("multipart/form-data; boundary={boundary}"), body.into_bytes())
}

/// The body that creates a batch.
pub(crate) fn create(submission: &SubmissionId, file: &str) -> Value {
    json!({
        "input_file_id": file,
        "endpoint": TARGET,
        "completion_window": "24h",
        "metadata": { METADATA: submission },
    })
}

#[derive(Deserialize)]
struct Batch {
    id: String,
    status: String,
    #[serde(default)]
    errors: Option<Errors>,
    #[serde(default)]
    output_file_id: Option<String>,
    #[serde(default)]
    error_file_id: Option<String>,
    #[serde(default)]
    created_at: u64,
    #[serde(default)]
    request_counts: Option<Counts>,
    #[serde(default)]
    metadata: Option<Value>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    total: u64,
}

#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    data: Vec<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    line: Option<u64>,
}

/// A batch as the provider shows it; `None` for what is none.
pub(crate) fn sight(value: Value) -> Option<Sight> {
    let batch: Batch = serde_json::from_value(value).ok()?;
    let files: Vec<String> =
        batch.output_file_id.into_iter().chain(batch.error_file_id).filter(|id| !id.is_empty()).collect();
    let errors = batch.errors.map(|errors| errors.data).unwrap_or_default();
    let stage = match batch.status.as_str() {
        "failed" if errors.iter().any(|error| error.code.as_deref() == Some(CROWDED)) => {
            Stage::Crowded(errors.into_iter().find_map(|error| error.message).unwrap_or_default())
        }
        "failed" => Stage::Refused(
            errors
                .into_iter()
                .map(|error| Flaw {
                    line: error.line,
                    code: error.code.unwrap_or_default(),
                    words: error.message.unwrap_or_default(),
                })
                .collect(),
        ),
        "completed" => Stage::Ended,
        "expired" => Stage::Expired,
        "cancelled" => Stage::Cancelled,
        // A status that is not known yet is one on the way to a known one.
        _ => Stage::Working,
    };
    let submission =
        batch.metadata.as_ref().and_then(|metadata| metadata.get(METADATA)).and_then(Value::as_str);
    Some(Sight {
        id: batch.id,
        stage,
        results: files,
        created_ms: batch.created_at.saturating_mul(1_000),
        requests: batch.request_counts.map(|counts| counts.total),
        submission: submission.map(SubmissionId::new),
    })
}

#[derive(Deserialize)]
struct Line {
    custom_id: String,
    #[serde(default)]
    response: Option<Response>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    status_code: u16,
    #[serde(default)]
    body: Value,
}

/// What a line of results says of a request; `None` for what is no such line.
pub(crate) fn item(line: &[u8]) -> Option<(CustomId, Item)> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let id = CustomId::parse(&line.custom_id)?;
    let item = match (line.response, line.error.filter(|error| !error.is_null())) {
        (Some(response), None) => Item::Replied(response.status_code, Bytes::from(response.body.to_string())),
        (_, Some(error)) => {
            let (said, code) = complaint(json!({ "error": error }).to_string().as_bytes());
            match code.as_deref() {
                Some("batch_expired") => Item::Expired,
                Some("batch_cancelled") => Item::Cancelled,
                _ => Item::Replied(said.status.unwrap_or(500), json!({ "error": error }).to_string().into()),
            }
        }
        (None, None) => return None,
    };
    Some((id, item))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> CustomId {
        CustomId::parse(name).unwrap()
    }

    #[test]
    fn an_upload_is_a_form_with_the_purpose_and_a_line_a_request() {
        let submission = SubmissionId::new("0a");
        let lines = [line(&id("a"), &json!({"model": "m"})), line(&id("b"), &json!({"x": "--sheaf-0a"}))];
        let (kind, body) = upload(&submission, &lines);
        let body = String::from_utf8(body).unwrap();
        assert_eq!(kind, "multipart/form-data; boundary=sheaf-0a");
        let parts: Vec<&str> = body.split("--sheaf-0a\r\n").collect();
        assert!(parts[1].ends_with("name=\"purpose\"\r\n\r\nbatch\r\n"), "{body}");
        assert!(
            parts[2].contains("\r\n\r\n{\"body\":{\"model\":\"m\"},\"custom_id\":\"a\",\"method\":\"POST\""),
            "{body}"
        );
        assert!(body.ends_with("\n\r\n--sheaf-0a--\r\n"));
    }

    #[test]
    fn every_status_is_known() {
        let seen = |status: &str, errors: Value| {
            sight(json!({
                "id": "batch_1", "object": "batch", "endpoint": TARGET, "errors": errors, "status": status,
                "input_file_id": "file-1", "completion_window": "24h", "output_file_id": "file-2",
                "error_file_id": null, "created_at": 1_714_508_499, "expires_at": 1_714_536_634,
                "request_counts": {"total": 2, "completed": 2, "failed": 0},
                "metadata": {"sheaf_submission": "0a"},
            }))
            .unwrap()
        };
        for status in ["validating", "in_progress", "finalizing", "cancelling", "some_day"] {
            assert_eq!(seen(status, Value::Null).stage, Stage::Working, "{status}");
        }
        let ended = seen("completed", Value::Null);
        assert_eq!((ended.stage, ended.results), (Stage::Ended, vec!["file-2".to_owned()]));
        assert_eq!((ended.submission, ended.requests), (Some(SubmissionId::new("0a")), Some(2)));
        assert_eq!(seen("expired", Value::Null).stage, Stage::Expired);
        assert_eq!(seen("cancelled", Value::Null).stage, Stage::Cancelled);
        let flaws = json!({"object": "list", "data": [{"code": "mismatched_model", "message": "No.", "param": null, "line": 3}]});
        let flaw = Flaw { line: Some(3), code: "mismatched_model".into(), words: "No.".into() };
        assert_eq!(seen("failed", flaws).stage, Stage::Refused(vec![flaw]));
        let crowded = json!({"data": [{"code": CROWDED, "message": "Later.", "line": null}]});
        assert_eq!(seen("failed", crowded).stage, Stage::Crowded("Later.".into()));
        assert_eq!(sight(json!({"error": {}})), None);
    }

    #[test]
    fn lines_of_results() {
        let read = |value: Value| item(value.to_string().as_bytes());
        let replied = read(
            json!({"id": "r", "custom_id": "a", "response": {"status_code": 200, "request_id": "q", "body": {"x": 1}}, "error": null}),
        );
        assert_eq!(replied, Some((id("a"), Item::Replied(200, "{\"x\":1}".into()))));
        let expired =
            json!({"custom_id": "a", "response": null, "error": {"code": "batch_expired", "message": "…"}});
        assert_eq!(read(expired), Some((id("a"), Item::Expired)));
        let cancelled = json!({"custom_id": "a", "error": {"code": "batch_cancelled", "message": "…"}});
        assert_eq!(read(cancelled), Some((id("a"), Item::Cancelled)));
        let failed = read(json!({"custom_id": "a", "error": {"code": "server_error", "message": "oh"}}));
        assert!(matches!(failed, Some((_, Item::Replied(500, _)))), "{failed:?}");
        assert_eq!(read(json!({"custom_id": "a"})), None);
        assert_eq!(item(b"{\"custom_id\": \"a\", \"resp"), None);
    }
}
