//! The dialect of Ollama: `/api/chat` and `/api/embed`. Pure.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ask::Ask,
    embeddings::Embeddings,
    reply::{Complaint, Origin, Reply},
};
use crate::{ModelAnswer, ModelError, ModelErrorKind, Role, StopReason, TokenUsage, config::Structure};

/// The body that asks.
pub(crate) fn encode(ask: &Ask<'_>) -> Value {
    let request = ask.request;
    let messages: Vec<Value> = ask
        .messages()
        .map(|(role, text)| {
            let role = match role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            json!({ "role": role, "content": text })
        })
        .collect();
    let mut options = json!({ "num_predict": request.most_output_tokens, "temperature": 0 });
    if let Some(context) = ask.context {
        options["num_ctx"] = json!(context);
    }
    let mut body = json!({
        "model": ask.model,
        "messages": messages,
        "stream": false,
        // Without these an input that is too long is cut in silence, and a model that can think spends output on it.
        "truncate": false,
        "shift": false,
        "think": false,
        "options": options,
    });
    match (&request.schema, ask.structure) {
        (Some(schema), Structure::Schema) => body["format"] = schema.schema.clone(),
        (Some(_), Structure::Object) => body["format"] = json!("json"),
        _ => {}
    }
    body
}

#[derive(Deserialize)]
struct Chat {
    message: Said,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    done_reason: Option<String>,
    /// Left out when the whole prompt was in the server's cache.
    #[serde(default)]
    prompt_eval_count: Option<u64>,
    #[serde(default)]
    eval_count: Option<u64>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    content: String,
}

/// The answer that a reply holds.
pub(crate) fn decode(origin: &Origin, id: u64, reply: &Reply) -> Result<ModelAnswer, ModelError> {
    if !(200..300).contains(&reply.status) {
        return Err(origin.refused(reply, &complaint(&reply.body)));
    }
    let chat: Chat = serde_json::from_slice(&reply.body).map_err(|error| match complaint(&reply.body) {
        said if said.words.is_empty() || !reply.body.starts_with(b"{\"error\"") => {
            origin.malformed(reply, &format!("not the JSON of a chat ({error})"))
        }
        said => origin.refused(reply, &Complaint { status: Some(500), ..said }),
    })?;
    let stop = match (chat.done, chat.done_reason.as_deref()) {
        (false, _) => return Err(origin.malformed(reply, "it says that it is not done")),
        (true, Some("length")) => StopReason::Length,
        (true, Some("load" | "unload")) => {
            return Err(origin.malformed(reply, "it loaded the model and answered nothing"));
        }
        (true, _) => StopReason::End,
    };
    Ok(ModelAnswer {
        id,
        text: chat.message.content,
        stop,
        model: chat.model.filter(|name| !name.is_empty()).unwrap_or_else(|| origin.model.clone()),
        backend: origin.backend.clone(),
        usage: chat
            .eval_count
            .map(|output| TokenUsage { input: chat.prompt_eval_count.unwrap_or(0), output }),
        rates: reply.advice().rates,
        latency: reply.latency,
    })
}

/// What the body of a failure says: `{"error":"…"}`.
pub(crate) fn complaint(body: &[u8]) -> Complaint {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return Complaint::plain(body) };
    let words = match value.get("error") {
        Some(Value::String(words)) => words.clone(),
        Some(error) => error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned(),
        None => String::new(),
    };
    let lower = words.to_lowercase();
    let kind = if lower.contains("input length exceeds") || lower.contains("exceeds maximum context") {
        Some(ModelErrorKind::TooLong)
    } else if lower.contains("maximum pending requests exceeded") {
        Some(ModelErrorKind::Overloaded)
    } else {
        None
    };
    Complaint { words, kind, status: None }
}

/// The body that asks for vectors.
pub(crate) fn encode_embed(model: &str, texts: &[&str]) -> Value {
    json!({ "model": model, "input": texts, "truncate": false })
}

#[derive(Deserialize)]
struct Embedded {
    embeddings: Vec<Vec<f32>>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    prompt_eval_count: Option<u64>,
}

/// The vectors that a reply holds, in the order of the texts.
pub(crate) fn decode_embed(origin: &Origin, texts: usize, reply: &Reply) -> Result<Embeddings, ModelError> {
    if !(200..300).contains(&reply.status) {
        return Err(origin.refused(reply, &complaint(&reply.body)));
    }
    let embedded: Embedded = serde_json::from_slice(&reply.body)
        .map_err(|error| origin.malformed(reply, &format!("not the JSON of embeddings ({error})")))?;
    let usage = embedded.prompt_eval_count.map(|input| TokenUsage { input, output: 0 });
    Embeddings::checked(origin, reply, texts, embedded.embeddings, embedded.model, usage)
}
