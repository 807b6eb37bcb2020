//! One request, from its first byte to the answer's last.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State as Given},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
    routing::{any, get, post},
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    bulk::{self, Bank},
    dialect::{Asked, Dialect, End, tokens},
    fitting::answer_to,
    limit::Left,
    script::{Content, Deed, Delivery, Script, Waits},
    seen::Ledger,
};

/// Most bytes of a request.
const MOST_BODY: usize = 256 << 20;

/// What all requests share.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) script: Arc<Mutex<Arc<Script>>>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) bank: Arc<Bank>,
}

pub(super) fn router(state: State) -> Router {
    let in_dialect = |dialect| {
        post(async move |Given(state): Given<State>, headers: HeaderMap, body: Bytes| {
            answer(&state, dialect, &headers, &body).await
        })
    };
    Router::new()
        .route("/v1/chat/completions", in_dialect(Dialect::OpenAi))
        .route("/v1/messages", in_dialect(Dialect::Anthropic))
        .route("/api/chat", in_dialect(Dialect::Ollama))
        .route("/v1/models", get(models))
        .merge(bulk::router())
        .fallback(any(nothing))
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .with_state(state)
}

impl State {
    pub(super) fn script(&self) -> Arc<Script> {
        Arc::clone(&self.script.lock().expect("a script"))
    }

    /// Whether the key is right; else the answer that says that it is not.
    pub(super) fn admits(&self, dialect: Dialect, headers: &HeaderMap) -> Result<(), Response> {
        if is_right(self.script().key.as_deref(), headers) {
            return Ok(());
        }
        Err(response(401, &dialect.error("invalid_api_key", "there is no such key")))
    }
}

/// A request that is admitted and not yet answered.
struct InFlight(Arc<Ledger>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.entries().in_flight -= 1;
    }
}

async fn models(Given(state): Given<State>, headers: HeaderMap) -> Response {
    state.ledger.entries().seen.looks += 1;
    let script = state.script();
    if !is_right(script.key.as_deref(), &headers) {
        return response(401, &Dialect::OpenAi.error("invalid_api_key", "there is no such key"));
    }
    let list: Vec<Value> =
        script.models.iter().map(|model| json!({"id": model, "object": "model"})).collect();
    response(200, &json!({"object": "list", "data": list}))
}

async fn nothing(Given(state): Given<State>) -> Response {
    state.ledger.entries().seen.looks += 1;
    response(404, &json!({"error": {"message": "nothing is here", "type": "not_found_error"}}))
}

async fn answer(state: &State, dialect: Dialect, headers: &HeaderMap, body: &Bytes) -> Response {
    let number = {
        let mut entries = state.ledger.entries();
        let keys = [header::AUTHORIZATION.as_str(), "x-api-key"];
        let keys = keys.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
        entries.seen.keys.extend(keys.map(str::to_owned));
        entries.arrives()
    };
    let script = state.script();
    let ends = |status: u16, body: &Value| {
        state.ledger.entries().answered(status);
        response(status, body)
    };
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return ends(400, &dialect.error("invalid_request_error", "the body is not JSON"));
    };
    let asked = dialect.read(&value);
    if !is_right(script.key.as_deref(), headers) {
        return ends(401, &dialect.error("invalid_api_key", "there is no such key"));
    }
    if !script.models.is_empty() && !script.models.iter().any(|model| model == asked.model) {
        let words = format!("the model `{}` does not exist", asked.model);
        return ends(404, &dialect.error("model_not_found", &words));
    }
    let deed = script.deed(number, &String::from_utf8_lossy(body));
    let (text, output) = spoken(dialect, &asked, &deed, number);
    let total = asked.tokens + output;
    let (admitted, left) = {
        let entries = &mut *state.ledger.entries();
        let (limit, now) = (script.limit_at(number), Instant::now());
        // What fails by its script fails whatever is left of the limit, and takes nothing of it.
        let admitted = match deed.status {
            200 => entries.gate.admit(limit, total, entries.in_flight, now),
            _ => Ok(()),
        };
        if admitted.is_ok() {
            entries.enters();
        }
        (admitted, entries.gate.left(limit, now).filter(|_| script.announces))
    };
    let rates = left.map_or(Vec::new(), |left: Left| dialect.rates(&left));
    if let Err(wait) = admitted {
        let refused = dialect.error("rate_limit_exceeded", "too many requests");
        let response = with_headers(ends(429, &refused), waiting(script.waits, wait));
        return with_headers(response, rates);
    }
    let in_flight = InFlight(Arc::clone(&state.ledger));
    let tokens = u32::try_from(output).unwrap_or(u32::MAX);
    sleep(deed.latency.unwrap_or(script.latency) + script.latency_per_token * tokens).await;
    if deed.delivery == Delivery::Never {
        std::future::pending::<()>().await;
    }
    {
        let mut entries = state.ledger.entries();
        if deed.delivery != Delivery::Cut {
            entries.answered(deed.status);
        }
        if deed.status == 200 {
            entries.seen.input_tokens += asked.tokens;
            entries.seen.output_tokens += output;
        }
    }
    let headers = deed.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let headers = headers.chain(rates).collect();
    with_headers(deliver(deed.status, text, deed.delivery, in_flight), headers)
}

/// The body of an answer as its deed wants it, and the tokens of what the model says.
pub(super) fn spoken(dialect: Dialect, asked: &Asked<'_>, deed: &Deed, number: usize) -> (String, u64) {
    let fits = || match asked.schema {
        Some(schema) => answer_to(schema, asked.prompt),
        None => Value::String(format!("You said: {}", asked.last)),
    };
    let plain = |value: Value| match value {
        Value::String(text) => text,
        value => value.to_string(),
    };
    let (text, end) = match &deed.content {
        Content::Raw(text) => return (text.clone(), 0),
        Content::Error(kind, words) => return (dialect.error(kind, words).to_string(), 0),
        Content::Fitting => (plain(fits()), End::Done),
        Content::Text(text) => (text.clone(), End::Done),
        Content::Bent(place, value) => {
            let mut fits = fits();
            if let Some(at) = fits.pointer_mut(place) {
                *at = value.clone();
            }
            (plain(fits), End::Done)
        }
        Content::Edited(edit) => {
            let mut fits = fits();
            edit.apply(number, &mut fits);
            (plain(fits), End::Done)
        }
        Content::OutOfLength => {
            let text = plain(fits());
            let half = text.chars().count() / 2;
            (text.chars().take(half).collect(), End::Length)
        }
        Content::Refusal(words) => (words.clone(), End::Refusal),
    };
    let output = tokens(text.len());
    (dialect.answer(asked, &text, end, output).to_string(), output)
}

fn waiting(waits: Waits, wait: Duration) -> Vec<(String, String)> {
    match waits {
        Waits::WholeSeconds => {
            vec![("retry-after".to_owned(), wait.as_secs_f64().ceil().max(1.0).to_string())]
        }
        Waits::Milliseconds => vec![("retry-after-ms".to_owned(), (wait.as_millis() + 1).to_string())],
        Waits::Unsaid => Vec::new(),
    }
}

fn is_right(wanted: Option<&str>, headers: &HeaderMap) -> bool {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    wanted.is_none_or(|key| {
        value("x-api-key") == key || value("authorization").strip_prefix("Bearer ") == Some(key)
    })
}

pub(super) fn response(status: u16, body: &Value) -> Response {
    plain(status, Body::from(body.to_string()))
}

pub(super) fn plain(status: u16, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn with_headers(mut response: Response, headers: Vec<(String, String)>) -> Response {
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        response.headers_mut().insert(name, HeaderValue::from_str(&value).expect("a header's value"));
    }
    response
}

fn deliver(status: u16, text: String, delivery: Delivery, in_flight: InFlight) -> Response {
    let length = HeaderValue::from(text.len());
    let text = Bytes::from(text);
    let stream = match delivery {
        Delivery::Whole | Delivery::Never => return plain(status, Body::from(text)),
        Delivery::Cut => {
            let half = text.slice(..text.len() / 2);
            // An error in the middle of a body ends its connection.
            let cut = stream::once(async { sleep(Duration::from_millis(5)).await }).map(|()| Err("cut off"));
            stream::once(async move { Ok(half) }).chain(cut).boxed()
        }
        Delivery::Slow(pieces, pause) => {
            let size = text.len().div_ceil(pieces.max(1)).max(1);
            let starts = (0..text.len()).step_by(size);
            let pieces: Vec<_> = starts.map(|from| text.slice(from..(from + size).min(text.len()))).collect();
            let paused = stream::iter(pieces).then(move |piece| async move {
                sleep(pause).await;
                Ok::<_, &str>(piece)
            });
            paused.boxed()
        }
    };
    // Until its last byte is sent, the request is in flight.
    let stream = stream.inspect(move |_| {
        let _ = &in_flight;
    });
    let mut response = plain(status, Body::from_stream(stream));
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    response
}
