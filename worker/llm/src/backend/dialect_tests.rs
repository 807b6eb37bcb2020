//! The three dialects: what is asked, and what answers and failures are taken for.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use url::Url;

use super::{
    anthropic,
    ask::Ask,
    ollama, openai,
    reply::{Origin, Reply},
};
use crate::{
    AnswerSchema, Message, ModelAnswer, ModelError, ModelErrorKind, ModelRequest, Role, StopReason, Target,
    TokenUsage,
    config::{BackendConfig, Provider, Structure},
};

fn request() -> ModelRequest {
    let message = |role, text: &str| Message { role, text: text.to_owned() };
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["summary"],
        "properties": { "summary": { "type": "string", "minLength": 3 } }
    });
    ModelRequest {
        id: 7,
        stage: "overview".into(),
        messages: vec![message(Role::System, "Instructions."), message(Role::User, "A document.")].into(),
        schema: Some(Arc::new(AnswerSchema { name: "overview".to_owned(), schema })),
        most_output_tokens: 200,
        target: Target::Any,
        deadline: None,
    }
}

fn ask<'a>(request: &'a ModelRequest, model: &'a str, structure: Structure) -> Ask<'a> {
    Ask { model, request, structure, context: Some(8192) }
}

fn origin(provider: Provider) -> Origin {
    let mut config = BackendConfig::new("box", provider, Url::parse("http://h/v1").unwrap());
    config.model = Some("asked".to_owned());
    Origin::new(&config)
}

fn reply(status: u16, body: &Value) -> Reply {
    raw(status, body.to_string())
}

fn raw(status: u16, body: impl Into<Bytes>) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("retry-after"), HeaderValue::from_static("2"));
    headers.insert(HeaderName::from_static("x-ratelimit-limit-requests"), HeaderValue::from_static("600"));
    Reply {
        status,
        headers,
        body: body.into(),
        received: std::time::SystemTime::UNIX_EPOCH,
        latency: Duration::from_millis(5),
    }
}

fn openai_answer(reply: &Reply) -> Result<ModelAnswer, ModelError> {
    openai::decode(&origin(Provider::OpenAi), 7, reply)
}

fn anthropic_answer(reply: &Reply) -> Result<ModelAnswer, ModelError> {
    anthropic::decode(&origin(Provider::Anthropic), 7, reply)
}

fn ollama_answer(reply: &Reply) -> Result<ModelAnswer, ModelError> {
    ollama::decode(&origin(Provider::Ollama), 7, reply)
}

fn kind(result: &Result<ModelAnswer, ModelError>) -> ModelErrorKind {
    result.as_ref().unwrap_err().kind
}

#[test]
fn openai_asks() {
    let request = request();
    let body = openai::encode(&ask(&request, "gpt-4o", Structure::Schema));
    assert_eq!(body["model"], "gpt-4o");
    assert_eq!(body["messages"][0], json!({ "role": "system", "content": "Instructions." }));
    assert_eq!(body["max_tokens"], 200);
    assert_eq!(body["response_format"]["type"], "json_schema");
    assert_eq!(body["response_format"]["json_schema"]["name"], "overview");
    assert_eq!(body["response_format"]["json_schema"]["strict"], true);
    for model in ["o1", "o3-mini", "openai/o4-mini", "gpt-5-nano"] {
        let body = openai::encode(&ask(&request, model, Structure::Schema));
        assert_eq!(
            (&body["max_completion_tokens"], &body["max_tokens"]),
            (&json!(200), &Value::Null),
            "{model}"
        );
        assert_eq!(body["temperature"], Value::Null, "{model}");
    }
    for model in ["olmo-2", "o1x", "omni"] {
        let body = openai::encode(&ask(&request, model, Structure::Schema));
        assert_eq!(body["max_tokens"], 200, "{model}");
    }
    let body = openai::encode(&ask(&request, "", Structure::Object));
    assert_eq!((&body["model"], &body["response_format"]), (&Value::Null, &json!({ "type": "json_object" })));
    assert!(
        body["messages"][0]["content"].as_str().unwrap().contains("\"minLength\":3"),
        "the schema is told"
    );
}

#[test]
fn openai_answers() {
    let answer = openai_answer(&reply(200, &json!({
        "model": "gpt-4o-2026", "usage": { "prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15 },
        "choices": [{ "finish_reason": "stop", "message": { "role": "assistant", "content": "{}", "refusal": null } }]
    })))
    .unwrap();
    assert_eq!((answer.id, answer.text.as_str(), answer.stop), (7, "{}", StopReason::End));
    assert_eq!((answer.model.as_str(), &*answer.backend), ("gpt-4o-2026", "box"));
    assert_eq!(answer.usage, Some(TokenUsage { input: 12, output: 3 }));
    assert_eq!(answer.rates.requests.limit, Some(600));
    assert_eq!(answer.latency, Duration::from_millis(5));

    let stop = |choice: Value| openai_answer(&reply(200, &json!({ "choices": [choice] }))).unwrap().stop;
    assert_eq!(stop(json!({ "finish_reason": "length", "message": { "content": "{" } })), StopReason::Length);
    let refusal = json!({ "finish_reason": "stop", "message": { "content": null, "refusal": "I cannot." } });
    assert_eq!(stop(refusal), StopReason::Refusal("I cannot.".to_owned()));
    assert!(matches!(
        stop(json!({ "finish_reason": "content_filter", "message": {} })),
        StopReason::Refusal(_)
    ));
    let filtered = json!({ "error": { "code": "content_filter", "message": "Filtered." } });
    let filtered = openai_answer(&reply(400, &filtered)).unwrap().stop;
    assert_eq!(filtered, StopReason::Refusal("Filtered.".to_owned()));
    let parts = json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]);
    let parts = json!({ "choices": [{ "message": { "content": parts } }] });
    assert_eq!(openai_answer(&reply(200, &parts)).unwrap().text, "ab");
}

#[test]
fn openai_failures() {
    use ModelErrorKind as Kind;
    let said = |status, error: Value| kind(&openai_answer(&reply(status, &json!({ "error": error }))));
    assert_eq!(
        said(429, json!({ "code": "insufficient_quota", "message": "You exceeded" })),
        Kind::OutOfQuota
    );
    assert_eq!(said(429, json!({ "type": "insufficient_quota", "code": null })), Kind::OutOfQuota);
    assert_eq!(said(429, json!({ "code": "rate_limit_exceeded" })), Kind::RateLimited);
    assert_eq!(said(400, json!({ "code": "context_length_exceeded" })), Kind::TooLong);
    assert_eq!(said(404, json!({ "code": "model_not_found" })), Kind::UnknownModel);
    assert_eq!(said(400, json!("plain words")), Kind::BadRequest);
    assert_eq!(said(503, json!({ "code": 503, "message": "Loading model" })), Kind::Overloaded);
    // llama.cpp, as recorded.
    let long = json!({ "code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 6031, "n_ctx": 4096,
        "message": "request (6031 tokens) exceeds the available context size (4096 tokens), try increasing it" });
    let error = openai_answer(&reply(400, &json!({ "error": long }))).unwrap_err();
    assert_eq!((error.kind, error.status), (Kind::TooLong, Some(400)));
    assert!(error.message.contains("6031") && error.message.contains("4096"), "{error}");
    // vLLM.
    let long = json!({ "object": "error", "message": "This model's maximum context length is 4096 tokens.", "code": 400 });
    assert_eq!(kind(&openai_answer(&reply(400, &long))), Kind::TooLong);

    let error = openai_answer(&reply(429, &json!({ "error": { "message": "Slow down" } }))).unwrap_err();
    assert_eq!(error.retry_after, Some(Duration::from_secs(2)));
    assert_eq!(error.rates.requests.limit, Some(600));
    assert_eq!(error.message, "box (http://h/v1, model asked) answered 429: Slow down");
}

#[test]
fn failures_in_a_body_of_200() {
    use ModelErrorKind as Kind;
    let said = |body: Value| openai_answer(&reply(200, &body)).unwrap_err();
    let limited = said(json!({ "error": { "code": 429, "message": "Upstream is busy" } }));
    assert_eq!((limited.kind, limited.status), (Kind::RateLimited, Some(429)));
    assert_eq!(said(json!({ "error": { "message": "Provider returned error" } })).kind, Kind::Server);
    let choice = json!({ "error": { "code": 502, "message": "Bad gateway" }, "finish_reason": "error" });
    assert_eq!(said(json!({ "choices": [choice] })).kind, Kind::Server);
}

#[test]
fn what_is_not_promised_is_malformed() {
    for body in [
        "",
        "<html>",
        "{}",
        "[]",
        "{\"choices\":[]}",
        "{\"choices\":[{}]}",
        "{\"choices\":[{\"message\":{\"content\":null},\"finish_reason\":\"stop\"}]}",
        "{\"choices\":[{\"mess",
    ] {
        assert_eq!(kind(&openai_answer(&raw(200, body))), ModelErrorKind::Malformed, "{body}");
    }
    for body in ["", "{}", "{\"content\":[]}", "{\"content\":[{\"type\":\"text\",\"te"] {
        assert_eq!(kind(&anthropic_answer(&raw(200, body))), ModelErrorKind::Malformed, "{body}");
    }
    for body in ["", "{}", "{\"message\":{\"content\":\"x\"},\"done\":false}"] {
        assert_eq!(kind(&ollama_answer(&raw(200, body))), ModelErrorKind::Malformed, "{body}");
    }
    // A page of a proxy in front: its status counts, its page is not shown.
    let error = openai_answer(&raw(502, "<html><h1>Bad Gateway</h1></html>")).unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ModelErrorKind::Server, "box (http://h/v1, model asked) answered 502")
    );
}

#[test]
fn anthropic_asks() {
    let request = request();
    let body = anthropic::encode(&ask(&request, "claude-haiku-4-5", Structure::Schema));
    assert_eq!(body["system"], "Instructions.");
    assert_eq!(body["messages"], json!([{ "role": "user", "content": "A document." }]));
    assert_eq!(body["max_tokens"], 200);
    assert_eq!(body["output_config"]["format"]["type"], "json_schema");
    assert_eq!(
        body["output_config"]["format"]["schema"]["properties"]["summary"],
        json!({ "type": "string" })
    );
    assert_eq!(body["tools"], Value::Null);

    let body = anthropic::encode(&ask(&request, "claude-3-5-sonnet-20241022", Structure::Schema));
    assert_eq!(body["output_config"], Value::Null);
    assert_eq!(body["tools"][0]["name"], "overview");
    assert_eq!(body["tools"][0]["input_schema"]["properties"]["summary"]["minLength"], 3);
    assert_eq!(body["tool_choice"]["type"], "tool");
}

#[test]
fn anthropic_answers() {
    let answered = |stop: &str, content: Value| {
        let usage = json!({ "input_tokens": 10, "output_tokens": 4, "cache_creation_input_tokens": null,
            "cache_read_input_tokens": 90 });
        let body = json!({ "type": "message", "model": "claude-x", "content": content, "stop_reason": stop, "usage": usage });
        anthropic_answer(&reply(200, &body)).unwrap()
    };
    let text = json!([{ "type": "text", "text": "{\"a\":" }, { "type": "text", "text": "1}" }]);
    let answer = answered("end_turn", text.clone());
    assert_eq!((answer.text.as_str(), answer.stop), ("{\"a\":1}", StopReason::End));
    assert_eq!(
        answer.usage,
        Some(TokenUsage { input: 100, output: 4 }),
        "what was cached was sent all the same"
    );
    let tool = json!([{ "type": "text", "text": "Here." }, { "type": "tool_use", "name": "overview", "input": { "a": 1 } }]);
    assert_eq!(answered("tool_use", tool).text, "{\"a\":1}");
    assert_eq!(answered("max_tokens", text.clone()).stop, StopReason::Length);
    assert!(matches!(answered("refusal", json!([])).stop, StopReason::Refusal(_)));
}

#[test]
fn anthropic_failures() {
    use ModelErrorKind as Kind;
    for (status, code, words, expected) in [
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", Kind::TooLong),
        (400, "invalid_request_error", "Your credit balance is too low to access the API", Kind::OutOfQuota),
        (400, "invalid_request_error", "max_tokens: too large", Kind::BadRequest),
        (401, "authentication_error", "invalid x-api-key", Kind::Unauthorized),
        (403, "permission_error", "", Kind::Unauthorized),
        (404, "not_found_error", "model: nope", Kind::UnknownModel),
        (413, "request_too_large", "", Kind::TooLong),
        (429, "rate_limit_error", "", Kind::RateLimited),
        (500, "api_error", "", Kind::Server),
        (529, "overloaded_error", "Overloaded", Kind::Overloaded),
    ] {
        let body = json!({ "type": "error", "error": { "type": code, "message": words } });
        assert_eq!(kind(&anthropic_answer(&reply(status, &body))), expected, "{status} {code} {words}");
    }
}

#[test]
fn ollama_asks_and_answers() {
    let request = request();
    let body = ollama::encode(&ask(&request, "llama3.1", Structure::Schema));
    assert_eq!(body["stream"], false);
    assert_eq!(body["truncate"], false, "never cut in silence");
    assert_eq!(body["format"]["type"], "object");
    assert_eq!(body["options"], json!({ "num_predict": 200, "num_ctx": 8192, "temperature": 0 }));

    let answer = |reason: &str| {
        ollama_answer(&reply(
            200,
            &json!({
                "model": "llama3.1", "message": { "role": "assistant", "content": "{}" }, "done": true,
                "done_reason": reason, "prompt_eval_count": 9, "eval_count": 2
            }),
        ))
    };
    let ended = answer("stop").unwrap();
    assert_eq!((ended.text.as_str(), ended.stop), ("{}", StopReason::End));
    assert_eq!(ended.usage, Some(TokenUsage { input: 9, output: 2 }));
    assert_eq!(answer("length").unwrap().stop, StopReason::Length);
    assert_eq!(kind(&answer("load")), ModelErrorKind::Malformed);

    let said = |status, words: &str| ollama_answer(&reply(status, &json!({ "error": words }))).unwrap_err();
    let missing = said(404, "model 'asked' not found");
    assert_eq!(missing.kind, ModelErrorKind::UnknownModel);
    assert!(missing.hint.contains("ollama pull asked"), "{}", missing.hint);
    assert_eq!(said(400, "the input length exceeds the context length").kind, ModelErrorKind::TooLong);
    let full = said(503, "server busy, please try again.  maximum pending requests exceeded");
    assert_eq!(full.kind, ModelErrorKind::Overloaded);
}

#[test]
fn embeddings() {
    let origin = origin(Provider::LlamaCpp);
    let listed = json!({ "model": "mini", "usage": { "prompt_tokens": 7 }, "data": [
        { "index": 1, "embedding": [3.0, 4.0] }, { "index": 0, "embedding": [1.0, 2.0] } ] });
    let found = openai::decode_embed(&origin, 2, &reply(200, &listed)).unwrap();
    assert_eq!(found.vectors, [vec![1.0, 2.0], vec![3.0, 4.0]], "in the order of the texts");
    assert_eq!(found.usage, Some(TokenUsage { input: 7, output: 0 }));
    let malformed =
        |body: Value, texts| openai::decode_embed(&origin, texts, &reply(200, &body)).unwrap_err().kind;
    assert_eq!(malformed(listed.clone(), 3), ModelErrorKind::Malformed, "too few");
    let twice = json!({ "data": [{ "index": 0, "embedding": [1.0] }, { "index": 0, "embedding": [1.0] }] });
    assert_eq!(malformed(twice, 2), ModelErrorKind::Malformed);
    let uneven = json!({ "data": [{ "embedding": [1.0] }, { "embedding": [1.0, 2.0] }] });
    assert_eq!(malformed(uneven, 2), ModelErrorKind::Malformed);
    assert_eq!(malformed(json!({ "data": [{ "embedding": [] }] }), 1), ModelErrorKind::Malformed);
    assert_eq!(
        malformed(json!({ "data": [{ "embedding": [1e39] }] }), 1),
        ModelErrorKind::Malformed,
        "not finite"
    );

    let body = json!({ "model": "m", "embeddings": [[1.0], [2.0]], "prompt_eval_count": 3 });
    let found = ollama::decode_embed(&origin, 2, &reply(200, &body)).unwrap();
    assert_eq!(found.vectors, [vec![1.0], vec![2.0]]);
}

mod hostile {
    use proptest::prelude::*;

    use super::*;

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z ]{0,8}".prop_map(Value::from),
            Just(json!("stop")),
        ];
        let name = prop_oneof![
            Just("choices"),
            Just("message"),
            Just("content"),
            Just("error"),
            Just("usage"),
            Just("finish_reason"),
            Just("code"),
            Just("type"),
            Just("prompt_tokens"),
            Just("stop_reason"),
            Just("done"),
            Just("embeddings"),
            Just("data"),
            Just("embedding"),
            Just("index"),
            Just("model")
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..6).prop_map(|pairs| pairs
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_at_any_status_is_read_without_a_panic(body in json_value(), status in 100u16..600) {
            let reply = reply(status, &body);
            for result in [openai_answer(&reply), anthropic_answer(&reply), ollama_answer(&reply)] {
                if let Err(error) = result {
                    prop_assert!(error.message.starts_with("box ("));
                    prop_assert!(!error.message.contains('\n'));
                }
            }
            let _ = openai::decode_embed(&origin(Provider::OpenAi), 1, &reply);
            let _ = ollama::decode_embed(&origin(Provider::Ollama), 1, &reply);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..200), status in 100u16..600) {
            let reply = raw(status, body);
            let _ = (openai_answer(&reply), anthropic_answer(&reply), ollama_answer(&reply));
        }
    }
}
