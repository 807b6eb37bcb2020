//! Backends over HTTP: three dialects, each a pair of pure functions, over one transport.

pub(crate) mod anthropic;
pub(crate) mod ask;
mod embeddings;
mod headers;
mod ollama;
pub(crate) mod openai;
mod reply;
mod schema;
mod transport;

#[cfg(test)]
mod dialect_tests;

use std::{
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::Value;
use tower::Service;
use url::Url;

pub use embeddings::Embeddings;
pub(crate) use reply::{Origin, Reply, shown};
#[cfg(test)]
pub(crate) use schema::is_strict;
pub(crate) use transport::{Body, JSON, Transport};

use crate::{
    ModelAnswer, ModelError, ModelErrorKind, ModelRequest,
    config::{BackendConfig, Dialect, Structure},
};
use ask::Ask;

/// A backend over HTTP. Clones share connections. Always ready: limits belong to the layers above it.
///
/// Each request is sent once; dropping its future ends the transfer, with its connection where HTTP/1.1 is spoken.
#[derive(Debug, Clone)]
pub struct HttpBackend {
    shared: Arc<Backend>,
}

#[derive(Debug)]
struct Backend {
    transport: Transport,
    origin: Origin,
    dialect: Dialect,
    structure: Structure,
    context: Option<u32>,
    timeout: Duration,
    ask_url: Url,
    embed_url: Option<Url>,
}

impl HttpBackend {
    /// A backend as configured. Connects to nothing yet.
    ///
    /// Fails when the key cannot be sent as a header or the system has no certificates to check servers by.
    pub fn new(config: &BackendConfig) -> Result<Self, ModelError> {
        let origin = Origin::new(config);
        let dialect = config.provider.dialect();
        let (ask, embed) = match dialect {
            Dialect::OpenAi => ("chat/completions", Some("embeddings")),
            Dialect::Anthropic => ("v1/messages", None),
            Dialect::Ollama => ("api/chat", Some("api/embed")),
        };
        let shared = Backend {
            transport: Transport::new(config, &origin)?,
            dialect,
            structure: config.structure,
            context: config.context,
            timeout: config.request_timeout,
            ask_url: below(&config.base_url, ask),
            embed_url: embed.map(|path| below(&config.base_url, path)),
            origin,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Its name in logs, results and errors.
    pub fn name(&self) -> &Arc<str> {
        &self.shared.origin.backend
    }

    /// The model that it asks for; empty where the server has the one it has.
    pub fn model(&self) -> &str {
        &self.shared.origin.model
    }

    /// Turns texts into vectors, in the order of the texts. As for requests: sent once, never cut.
    ///
    /// Fails with `BadRequest` where the provider has no embeddings (Anthropic).
    pub async fn embed(&self, texts: &[&str]) -> Result<Embeddings, ModelError> {
        let backend = &*self.shared;
        let Some(url) = backend.embed_url.clone() else {
            let message = format!("{} makes no embeddings", backend.origin.named());
            let hint =
                "Name a backend for embeddings (LLAMA_CPP_URL_EMBEDDING, or embedding = true in sheaf.toml)."
                    .to_owned();
            return Err(ModelError { hint, ..backend.origin.failure(ModelErrorKind::BadRequest, message) });
        };
        let body = match backend.dialect {
            Dialect::Ollama => ollama::encode_embed(&backend.origin.model, texts),
            _ => openai::encode_embed(&backend.origin.model, texts, backend.origin.provider),
        };
        // Vectors are long in JSON: about 12 bytes a number, some thousand numbers a text.
        let most = transport::MOST_ANSWER.max(texts.len().saturating_mul(64 << 10)).min(64 << 20);
        let reply = backend.post(url, &body, backend.timeout, most).await?;
        match backend.dialect {
            Dialect::Ollama => ollama::decode_embed(&backend.origin, texts.len(), &reply),
            _ => openai::decode_embed(&backend.origin, texts.len(), &reply),
        }
    }
}

impl Service<ModelRequest> for HttpBackend {
    type Response = ModelAnswer;
    type Error = ModelError;
    type Future = Pin<Box<dyn Future<Output = Result<ModelAnswer, ModelError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ModelError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ModelRequest) -> Self::Future {
        let backend = Arc::clone(&self.shared);
        // A deadline shortens the time limit, never lengthens it.
        let left = request.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            let message = format!("{} was not asked: the deadline has passed", backend.origin.named());
            return Box::pin(ready(Err(backend.origin.failure(ModelErrorKind::Unavailable, message))));
        }
        let limit = left.map_or(backend.timeout, |left| left.min(backend.timeout));
        Box::pin(async move { backend.ask(&request, limit).await })
    }
}

impl Backend {
    async fn ask(&self, request: &ModelRequest, limit: Duration) -> Result<ModelAnswer, ModelError> {
        let ask =
            Ask { model: &self.origin.model, request, structure: self.structure, context: self.context };
        let body = match self.dialect {
            Dialect::OpenAi => openai::encode(&ask),
            Dialect::Anthropic => anthropic::encode(&ask),
            Dialect::Ollama => ollama::encode(&ask),
        };
        let reply = self.post(self.ask_url.clone(), &body, limit, transport::MOST_ANSWER).await?;
        match self.dialect {
            Dialect::OpenAi => openai::decode(&self.origin, request.id, &reply),
            Dialect::Anthropic => anthropic::decode(&self.origin, request.id, &reply),
            Dialect::Ollama => ollama::decode(&self.origin, request.id, &reply),
        }
    }

    async fn post(&self, url: Url, body: &Value, limit: Duration, most: usize) -> Result<Reply, ModelError> {
        let body = body.to_string().into_bytes();
        self.transport.send(&self.origin, Method::POST, url, Some(body), limit, most).await
    }
}

/// An address below another one. The base has no query or fragment.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}
