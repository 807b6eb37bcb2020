//! The dialect of Anthropic: `/v1/messages`. Pure.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ask::Ask,
    reply::{Complaint, Origin, Reply},
    schema,
};
use crate::{ModelAnswer, ModelError, ModelErrorKind, Role, StopReason, TokenUsage, config::Structure};

/// Version of the interface, sent as `anthropic-version`.
pub(crate) const VERSION: &str = "2023-06-01";

/// The body that asks.
pub(crate) fn encode(ask: &Ask<'_>) -> Value {
    let request = ask.request;
    let mut system = String::new();
    let mut messages: Vec<Value> = Vec::with_capacity(request.messages.len());
    for (role, text) in ask.messages() {
        let role = match role {
            Role::System => {
                if !system.is_empty() {
                    system.push_str("\n\n");
                }
                system.push_str(&text);
                continue;
            }
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        messages.push(json!({ "role": role, "content": text }));
    }
    let mut body = json!({
        "model": ask.model,
        "max_tokens": request.most_output_tokens,
        "messages": messages,
    });
    if !system.is_empty() {
        body["system"] = json!(system);
    }
    match (&request.schema, ask.structure) {
        (Some(wanted), Structure::Schema) if takes_schema(ask.model) => {
            body["output_config"] = json!({ "format": { "type": "json_schema", "schema": schema::for_anthropic(&wanted.schema) } });
        }
        // Older models: a tool that the model must call, whose input has the shape of the answer.
        (Some(wanted), Structure::Schema | Structure::Object) => {
            body["tools"] = json!([{
                "name": wanted.name,
                "description": "Takes the answer.",
                "input_schema": wanted.schema,
            }]);
            body["tool_choice"] =
                json!({ "type": "tool", "name": wanted.name, "disable_parallel_tool_use": true });
        }
        _ => {}
    }
    body
}

/// Whether the model has structured outputs: those from Claude Sonnet 4.5, Opus 4.1 and Haiku 4.5 on.
fn takes_schema(model: &str) -> bool {
    const WITHOUT: [&str; 7] = [
        "claude-2",
        "claude-3",
        "claude-instant",
        "claude-opus-4-2",
        "claude-opus-4-0",
        "claude-sonnet-4-2",
        "claude-sonnet-4-0",
    ];
    !WITHOUT.iter().any(|old| model.contains(old))
}

#[derive(Deserialize)]
struct Reached {
    content: Vec<Block>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    input: Option<Value>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(rename = "input_tokens", default)]
    input: u64,
    #[serde(rename = "output_tokens", default)]
    output: u64,
    /// Both counts of the provider's own cache may be `null`.
    #[serde(rename = "cache_creation_input_tokens", default)]
    cached: Option<u64>,
    #[serde(rename = "cache_read_input_tokens", default)]
    from_cache: Option<u64>,
}

/// The answer that a reply holds.
pub(crate) fn decode(origin: &Origin, id: u64, reply: &Reply) -> Result<ModelAnswer, ModelError> {
    if !(200..300).contains(&reply.status) {
        return Err(origin.refused(reply, &complaint(&reply.body)));
    }
    let Ok(reached) = serde_json::from_slice::<Reached>(&reply.body) else {
        let said = complaint(&reply.body);
        return Err(if said.words.is_empty() || said.status.is_none() {
            origin.malformed(reply, "not the JSON of a message")
        } else {
            origin.refused(reply, &said)
        });
    };
    let called =
        reached.content.iter().find(|block| block.kind == "tool_use").and_then(|block| block.input.as_ref());
    let spoken: String = reached.content.iter().filter_map(|block| block.text.as_deref()).collect();
    let text = called.map_or(spoken, Value::to_string);
    let stop = match reached.stop_reason.as_deref() {
        Some("max_tokens" | "model_context_window_exceeded") => StopReason::Length,
        Some("refusal") => StopReason::Refusal(match origin.clean(&text) {
            words if words.is_empty() => "the model refused to answer".to_owned(),
            words => words,
        }),
        Some("pause_turn") => return Err(origin.malformed(reply, "it paused in the middle of its turn")),
        _ if text.is_empty() => return Err(origin.malformed(reply, "its message has no text")),
        _ => StopReason::End,
    };
    Ok(ModelAnswer {
        id,
        text,
        stop,
        model: reached.model.filter(|name| !name.is_empty()).unwrap_or_else(|| origin.model.clone()),
        backend: origin.backend.clone(),
        usage: reached.usage.map(|usage| TokenUsage {
            // What came from the provider's cache is apart from `input_tokens`, and was sent all the same.
            input: usage
                .input
                .saturating_add(usage.cached.unwrap_or(0))
                .saturating_add(usage.from_cache.unwrap_or(0)),
            output: usage.output,
        }),
        rates: reply.advice().rates,
        latency: reply.latency,
    })
}

/// What the body of a failure says: `{"type":"error","error":{"type":…,"message":…}}`.
pub(crate) fn complaint(body: &[u8]) -> Complaint {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return Complaint::plain(body) };
    let text = |name: &str| {
        value.get("error").and_then(|error| error.get(name)).and_then(Value::as_str).unwrap_or_default()
    };
    let words = text("message").to_owned();
    let (kind, status) = match text("type") {
        "billing_error" => (Some(ModelErrorKind::OutOfQuota), Some(402)),
        "overloaded_error" => (Some(ModelErrorKind::Overloaded), Some(529)),
        "rate_limit_error" => (Some(ModelErrorKind::RateLimited), Some(429)),
        "request_too_large" => (Some(ModelErrorKind::TooLong), Some(413)),
        // Told as a bad request, with words alone to tell it by.
        "invalid_request_error" if words.contains("credit balance is too low") => {
            (Some(ModelErrorKind::OutOfQuota), None)
        }
        _ => (None, None),
    };
    Complaint { words, kind, status }
}
