//! A backend over real HTTP: what is sent, what comes back, what goes wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod server;

use std::time::{Duration, Instant};

use sheaf_llm::{
    HttpBackend, Message, ModelAnswer, ModelError, ModelErrorKind, ModelRequest, Role, Secret, Target,
    config::{BackendConfig, Credential, Provider, Scheme},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};
use tower::ServiceExt;
use url::Url;

use server::{Deed, PATIENCE, Server, reply};

const KEY: &str = "sk-test-0123456789abcdef";
const ANSWER: &str = r#"{"model":"m-1","choices":[{"finish_reason":"stop","message":{"content":"{\"a\":1}"}}],
    "usage":{"prompt_tokens":5,"completion_tokens":2}}"#;

fn config(url: &str, provider: Provider) -> BackendConfig {
    let path = if provider == Provider::OpenAi { "/v1" } else { "" };
    let mut config = BackendConfig::new("box", provider, Url::parse(&format!("{url}{path}")).unwrap());
    config.model = Some("m".to_owned());
    config.credential = Some(Credential {
        secret: Secret::new(KEY),
        scheme: Scheme::Key,
        variable: "LLM_API_KEY".to_owned(),
    });
    config
}

fn request() -> ModelRequest {
    ModelRequest {
        id: 3,
        stage: "overview".into(),
        messages: vec![Message { role: Role::User, text: "Hello.".to_owned() }].into(),
        schema: None,
        most_output_tokens: 16,
        target: Target::Any,
        deadline: None,
    }
}

async fn ask(config: &BackendConfig) -> Result<ModelAnswer, ModelError> {
    timeout(PATIENCE, HttpBackend::new(config).unwrap().oneshot(request())).await.unwrap()
}

async fn failure(deed: Deed) -> ModelError {
    let server = Server::always(deed).await;
    let error = ask(&config(&server.url, Provider::OpenAi)).await.unwrap_err();
    assert_eq!(&*error.backend, "box");
    assert!(!error.message.contains('\n'), "one line: {error}");
    assert!(!format!("{error} {error:?}").contains("0123456789"), "no key: {error:?}");
    error
}

#[tokio::test]
async fn a_request_and_its_answer() {
    let server =
        Server::always(Deed::Send(reply(200, &[("x-ratelimit-remaining-requests", "59")], ANSWER))).await;
    let backend = HttpBackend::new(&config(&server.url, Provider::OpenAi)).unwrap();
    for _ in 0..2 {
        let answer = backend.clone().oneshot(request()).await.unwrap();
        assert_eq!((answer.id, answer.text.as_str(), answer.model.as_str()), (3, "{\"a\":1}", "m-1"));
        assert_eq!(answer.rates.requests.remaining, Some(59));
    }
    let requests = server.requests.lock().unwrap();
    assert!(requests[0].starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", requests[0]);
    assert!(requests[0].contains(&format!("authorization: Bearer {KEY}\r\n")));
    assert!(requests[0].contains("\"content\":\"Hello.\""));
}

#[tokio::test]
async fn each_dialect_has_its_own_path_and_key() {
    let message = r#"{"content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn"}"#;
    let chat = r#"{"message":{"content":"hi"},"done":true,"done_reason":"stop"}"#;
    for (provider, body, line, header) in [
        (Provider::Anthropic, message, "POST /v1/messages ", format!("x-api-key: {KEY}")),
        (Provider::Ollama, chat, "POST /api/chat ", format!("authorization: Bearer {KEY}")),
    ] {
        let server = Server::always(Deed::Send(reply(200, &[], body))).await;
        assert_eq!(ask(&config(&server.url, provider)).await.unwrap().text, "hi");
        let requests = server.requests.lock().unwrap();
        assert!(requests[0].starts_with(line) && requests[0].contains(&header), "{}", requests[0]);
        assert_eq!(requests[0].contains("anthropic-version: 2023-06-01"), provider == Provider::Anthropic);
    }
}

#[tokio::test]
async fn a_wrong_key_is_told_without_showing_it() {
    let body =
        format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}","code":"invalid_api_key"}}}}"#);
    let error = failure(Deed::Send(reply(401, &[], &body))).await;
    assert_eq!((error.kind, error.status), (ModelErrorKind::Unauthorized, Some(401)));
    assert!(error.message.contains("Incorrect API key provided: [key]"), "{error}");
    assert_eq!(error.hint, "Check the key in LLM_API_KEY.");
}

#[tokio::test]
async fn statuses() {
    let body = r#"{"error":{"message":"no"}}"#;
    for (status, kind) in [
        (404, ModelErrorKind::UnknownModel),
        (500, ModelErrorKind::Server),
        (529, ModelErrorKind::Overloaded),
        (307, ModelErrorKind::UnknownModel),
    ] {
        let error = failure(Deed::Send(reply(status, &[("location", "http://127.0.0.1:1/")], body))).await;
        assert_eq!((error.kind, error.status), (kind, Some(status)));
    }
}

#[tokio::test]
async fn a_limit_is_told_with_its_headers() {
    let headers = [
        ("retry-after-ms", "1500"),
        ("x-should-retry", "false"),
        ("x-ratelimit-limit-requests", "600"),
        ("x-ratelimit-reset-requests", "1m30s"),
    ];
    let error = failure(Deed::Send(reply(429, &headers, "{}"))).await;
    assert_eq!(error.kind, ModelErrorKind::RateLimited);
    assert_eq!(error.retry_after, Some(Duration::from_millis(1500)));
    assert_eq!(error.should_retry, Some(false));
    assert_eq!(error.rates.requests.limit, Some(600));
    assert_eq!(error.rates.requests.reset, Some(Duration::from_secs(90)));
}

#[tokio::test]
async fn broken_answers() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"choices\":[".to_owned();
    let error = failure(Deed::SendAndEnd(cut)).await;
    assert_eq!((error.kind, error.status), (ModelErrorKind::Malformed, Some(200)));
    assert!(error.message.contains("broke its answer off after 12 bytes"), "{error}");
    let wrong = failure(Deed::Send(reply(200, &[], "{\"choices\":[{\"mess"))).await;
    assert_eq!(wrong.kind, ModelErrorKind::Malformed);
    assert_eq!(failure(Deed::Leave).await.kind, ModelErrorKind::Connect);
    assert_eq!(failure(Deed::SendAndEnd("what?\r\n\r\n".to_owned())).await.kind, ModelErrorKind::Connect);
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off() {
    let error = failure(Deed::Flood).await;
    assert_eq!(error.kind, ModelErrorKind::Malformed);
    assert!(error.message.contains("more than 8388608 bytes"), "{error}");
}

#[tokio::test]
async fn a_server_that_hangs_meets_the_time_limit() {
    let server = Server::always(Deed::Hang).await;
    let mut config = config(&server.url, Provider::OpenAi);
    config.request_timeout = Duration::from_millis(200);
    let error = ask(&config).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Timeout);
    assert!(error.message.ends_with("gave no answer within 0.2 s"), "{error}");
}

#[tokio::test]
async fn a_deadline_shortens_the_time_limit() {
    let server = Server::always(Deed::Hang).await;
    let backend = HttpBackend::new(&config(&server.url, Provider::OpenAi)).unwrap();
    let soon = ModelRequest { deadline: Some(Instant::now() + Duration::from_millis(100)), ..request() };
    let error = timeout(PATIENCE, backend.clone().oneshot(soon)).await.unwrap().unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Timeout);
    let past = ModelRequest { deadline: Some(Instant::now()), ..request() };
    assert_eq!(backend.oneshot(past).await.unwrap_err().kind, ModelErrorKind::Unavailable);
    assert_eq!(server.requests.lock().unwrap().len(), 1, "the second was never sent");
}

#[tokio::test]
async fn dropping_the_future_ends_the_transfer() {
    let mut server = Server::always(Deed::Hang).await;
    let backend = HttpBackend::new(&config(&server.url, Provider::OpenAi)).unwrap();
    let asked = tokio::spawn(backend.oneshot(request()));
    while server.requests.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    asked.abort();
    timeout(PATIENCE, server.left.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_there() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = ask(&config(&url, Provider::OpenAi)).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Connect);
    assert!(error.message.contains(&url) && error.hint.contains(&url), "{error:?}");
    let ollama = ask(&config(&url, Provider::Ollama)).await.unwrap_err();
    assert!(ollama.hint.contains("ollama serve"), "{}", ollama.hint);
}

#[tokio::test]
async fn plain_http_where_tls_is_expected() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            let _ = stream.read(&mut [0; 1024]).await;
        }
    });
    let error = ask(&config(&url, Provider::OpenAi)).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Tls, "{error:?}");
    assert!(error.hint.contains("certificate") && error.hint.contains("plain http"), "{}", error.hint);
}

#[tokio::test]
async fn embeddings() {
    let body = r#"{"data":[{"index":0,"embedding":[0.5,0.25]}],"model":"mini"}"#;
    let server = Server::paths(&[("/v1/embeddings", 200, body)]).await;
    let backend = HttpBackend::new(&config(&server.url, Provider::OpenAi)).unwrap();
    assert_eq!(backend.embed(&["one"]).await.unwrap().vectors, [vec![0.5, 0.25]]);
    assert_eq!(backend.embed(&["one", "two"]).await.unwrap_err().kind, ModelErrorKind::Malformed);
    let without = HttpBackend::new(&config(&server.url, Provider::Anthropic)).unwrap();
    assert_eq!(without.embed(&["one"]).await.unwrap_err().kind, ModelErrorKind::BadRequest);
}

#[test]
fn a_key_that_is_no_header_is_refused_without_showing_it() {
    let mut config = config("http://127.0.0.1:1", Provider::OpenAi);
    config.credential = Some(Credential {
        secret: Secret::new("sk-0123456789\nabc"),
        scheme: Scheme::Key,
        variable: "LLM_API_KEY".to_owned(),
    });
    let error = HttpBackend::new(&config).unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unauthorized);
    assert!(!format!("{error:?}").contains("0123456789"), "{error:?}");
}
