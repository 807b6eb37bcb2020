//! The dialect of OpenAI: `/chat/completions` and `/embeddings`, as OpenAI, OpenRouter, DeepSeek, vLLM and llama.cpp's
//! `llama-server` speak it. Pure.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ask::Ask,
    embeddings::Embeddings,
    reply::{Complaint, Origin, Reply},
    schema,
};
use crate::{
    ModelAnswer, ModelError, ModelErrorKind, Role, StopReason, TokenUsage,
    config::{Provider, Structure},
};

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
    let mut body = json!({ "messages": messages });
    if !ask.model.is_empty() {
        body["model"] = json!(ask.model);
    }
    if reasons(ask.model) {
        // These count their thinking as output, refuse `max_tokens` and take no temperature but their own.
        body["max_completion_tokens"] = json!(request.most_output_tokens);
    } else {
        body["max_tokens"] = json!(request.most_output_tokens);
        body["temperature"] = json!(0);
    }
    match (&request.schema, ask.structure) {
        (Some(schema), Structure::Schema) => {
            body["response_format"] = json!({
                "type": "json_schema",
                "json_schema": {
                    "name": schema.name,
                    "strict": schema::is_strict(&schema.schema),
                    "schema": schema.schema,
                },
            });
        }
        (Some(_), Structure::Object) => body["response_format"] = json!({ "type": "json_object" }),
        _ => {}
    }
    body
}

/// Whether the model is one of OpenAI's that think before they answer: o1, o3, o4, gpt-5 and their kin.
fn reasons(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or_default();
    let series = |prefix: char| {
        let mut letters = name.chars();
        letters.next() == Some(prefix)
            && letters.next().is_some_and(|digit| digit.is_ascii_digit())
            && letters.next().is_none_or(|end| end == '-')
    };
    series('o') || name.starts_with("gpt-5")
}

#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    message: Option<Said>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    content: Value,
    #[serde(default)]
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

/// The answer that a reply holds.
pub(crate) fn decode(origin: &Origin, id: u64, reply: &Reply) -> Result<ModelAnswer, ModelError> {
    let answer = |text: String, stop: StopReason, model: Option<String>, usage: Option<Usage>| ModelAnswer {
        id,
        text,
        stop,
        model: model.filter(|name| !name.is_empty()).unwrap_or_else(|| origin.model.clone()),
        backend: origin.backend.clone(),
        usage: usage.map(|usage| TokenUsage { input: usage.prompt_tokens, output: usage.completion_tokens }),
        rates: reply.advice().rates,
        latency: reply.latency,
    };
    if !(200..300).contains(&reply.status) {
        return match complaint(&reply.body) {
            (complaint, Some(code)) if filtered(&code) => {
                Ok(answer(String::new(), StopReason::Refusal(origin.clean(&complaint.words)), None, None))
            }
            (complaint, _) => Err(origin.refused(reply, &complaint)),
        };
    }
    let completion: Completion = serde_json::from_slice(&reply.body)
        .map_err(|error| origin.malformed(reply, &format!("not the JSON of a completion ({error})")))?;
    let Some(choice) = completion.choices.into_iter().next() else {
        // OpenRouter answers 200 and puts the failure of the provider behind it in the body.
        return Err(match complaint(&reply.body) {
            (complaint, _) if complaint.status.is_some() || !complaint.words.is_empty() => {
                origin.refused(reply, &Complaint { status: complaint.status.or(Some(502)), ..complaint })
            }
            _ => origin.malformed(reply, "it has no choices"),
        });
    };
    if let Some(error) = choice.error.filter(|error| !error.is_null()) {
        let (complaint, _) = of_error(&error);
        return Err(origin.refused(reply, &Complaint { status: complaint.status.or(Some(502)), ..complaint }));
    }
    let Some(said) = choice.message else {
        return Err(origin.malformed(reply, "its choice has no message"));
    };
    let text = text_of(&said.content);
    let stop = match (said.refusal.filter(|refusal| !refusal.is_empty()), choice.finish_reason.as_deref()) {
        (Some(refusal), _) => StopReason::Refusal(origin.clean(&refusal)),
        (None, Some("content_filter")) => {
            StopReason::Refusal("the provider's content filter stopped the answer".to_owned())
        }
        (None, Some("length")) => StopReason::Length,
        (None, Some("error")) => {
            return Err(origin.malformed(reply, "it ended with an error of the provider"));
        }
        (None, _) if text.is_none() => return Err(origin.malformed(reply, "its message has no content")),
        (None, _) => StopReason::End,
    };
    Ok(answer(text.unwrap_or_default(), stop, completion.model, completion.usage))
}

/// Text of a message: a string, or parts of which some are text.
fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            Some(parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect::<String>())
        }
        _ => None,
    }
}

/// Whether a code of a failure means that a filter refused the content.
fn filtered(code: &str) -> bool {
    matches!(code, "content_filter" | "content_policy_violation")
}

/// What the body of a failure says, with its code.
pub(crate) fn complaint(body: &[u8]) -> (Complaint, Option<String>) {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => match value.get("error") {
            Some(error) if !error.is_null() => of_error(error),
            // vLLM puts the failure at the top; FastAPI in front of a model, in `detail`.
            _ => match value.get("message").or_else(|| value.get("detail")) {
                Some(_) => of_error(&value),
                None => (Complaint::default(), None),
            },
        },
        Err(_) => (Complaint::plain(body), None),
    }
}

fn of_error(error: &Value) -> (Complaint, Option<String>) {
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let code = match text("code") {
        "" => text("type"),
        code => code,
    };
    let mut words = match error {
        Value::String(words) => words.clone(),
        _ => match (text("message"), text("detail")) {
            ("", detail) => detail.to_owned(),
            (message, _) => message.to_owned(),
        },
    };
    let kind = match (code, text("type")) {
        ("insufficient_quota", _) | (_, "insufficient_quota") => Some(ModelErrorKind::OutOfQuota),
        ("context_length_exceeded" | "exceed_context_size_error", _) | (_, "exceed_context_size_error") => {
            Some(ModelErrorKind::TooLong)
        }
        ("model_not_found", _) => Some(ModelErrorKind::UnknownModel),
        _ => None,
    };
    let count = |name: &str| error.get(name).and_then(Value::as_u64);
    if let (Some(prompt), Some(context)) = (count("n_prompt_tokens"), count("n_ctx"))
        && words.is_empty()
    {
        words = format!("{prompt} tokens do not fit a context of {context}");
    }
    let status =
        count("code").and_then(|code| u16::try_from(code).ok()).filter(|code| (400..600).contains(code));
    let code = (!code.is_empty()).then(|| code.to_owned());
    (Complaint { words, kind, status }, code)
}

/// The body that asks for vectors.
pub(crate) fn encode_embed(model: &str, texts: &[&str], provider: Provider) -> Value {
    let mut body = json!({ "input": texts });
    if !model.is_empty() {
        body["model"] = json!(model);
    }
    if provider != Provider::LlamaCpp {
        body["encoding_format"] = json!("float");
    }
    body
}

#[derive(Deserialize)]
struct EmbeddingList {
    data: Vec<Embedding>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Embedding {
    #[serde(default)]
    index: Option<usize>,
    embedding: Vec<f32>,
}

/// The vectors that a reply holds, in the order of the texts.
pub(crate) fn decode_embed(origin: &Origin, texts: usize, reply: &Reply) -> Result<Embeddings, ModelError> {
    if !(200..300).contains(&reply.status) {
        return Err(origin.refused(reply, &complaint(&reply.body).0));
    }
    let list: EmbeddingList = serde_json::from_slice(&reply.body)
        .map_err(|error| origin.malformed(reply, &format!("not the JSON of embeddings ({error})")))?;
    let mut data = list.data;
    // The order is promised by `index`, not by the place in the list.
    data.sort_by_key(|embedding| embedding.index.unwrap_or(usize::MAX));
    if data.iter().enumerate().any(|(place, embedding)| embedding.index.is_some_and(|index| index != place)) {
        return Err(origin.malformed(reply, "its embeddings are not numbered from 0 on"));
    }
    let vectors = data.into_iter().map(|embedding| embedding.embedding).collect();
    let usage = list.usage.map(|usage| TokenUsage { input: usage.prompt_tokens, output: 0 });
    Embeddings::checked(origin, reply, texts, vectors, list.model, usage)
}
