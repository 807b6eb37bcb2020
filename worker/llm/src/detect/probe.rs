//! Short questions to a server about itself: each bounded in time and size.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use url::Url;

use crate::{
    ModelError, ModelErrorKind,
    backend::{Origin, Reply, Transport, below},
    config::BackendConfig,
};

/// Time limit of a question.
const LIMIT: Duration = Duration::from_secs(3);
/// Most bytes of an answer; OpenRouter's list of models is about a megabyte.
const MOST_ANSWER: usize = 4 << 20;

/// Asks one server.
pub(crate) struct Probe {
    transport: Transport,
    origin: Origin,
    /// Where the dialect's paths begin.
    base: Url,
    /// The same without `/v1`: where servers tell of themselves.
    root: Url,
}

impl Probe {
    pub(crate) fn new(config: &BackendConfig) -> Result<Self, ModelError> {
        let origin = Origin::new(config);
        let mut root = config.base_url.clone();
        let path = root.path().trim_end_matches('/');
        let path = path.strip_suffix("/v1").unwrap_or(path).to_owned();
        root.set_path(&path);
        Ok(Self { transport: Transport::new(config, &origin)?, origin, base: config.base_url.clone(), root })
    }

    /// The backend as messages name it.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Asks below the base.
    pub(crate) async fn get(&self, path: &str) -> Result<Reply, ModelError> {
        self.send(Method::GET, below(&self.base, path), None).await
    }

    /// Asks below the root.
    pub(crate) async fn get_root(&self, path: &str) -> Result<Reply, ModelError> {
        self.send(Method::GET, below(&self.root, path), None).await
    }

    /// Asks below the root with a body.
    pub(crate) async fn post_root(&self, path: &str, body: &Value) -> Result<Reply, ModelError> {
        self.send(Method::POST, below(&self.root, path), Some(body.to_string().into_bytes())).await
    }

    async fn send(&self, method: Method, url: Url, body: Option<Vec<u8>>) -> Result<Reply, ModelError> {
        self.transport.send(&self.origin, method, url, body, LIMIT, MOST_ANSWER).await
    }
}

/// The body of an answer that is a success.
pub(crate) fn success(reply: &Result<Reply, ModelError>) -> Option<&[u8]> {
    let reply = reply.as_ref().ok()?;
    (200..300).contains(&reply.status).then_some(&reply.body[..])
}

/// The failure of an answer that says that the key is wrong.
pub(crate) fn unauthorized(origin: &Origin, reply: &Result<Reply, ModelError>) -> Option<ModelError> {
    let reply = reply.as_ref().ok()?;
    matches!(reply.status, 401 | 403).then(|| origin.refused_plainly(reply))
}

/// The failure to reach a server at all. A question that took too long counts only where no other was answered.
pub(crate) fn unreached(replies: &[&Result<Reply, ModelError>]) -> Option<ModelError> {
    if replies.iter().any(|reply| reply.is_ok()) {
        return None;
    }
    let errors = || replies.iter().filter_map(|reply| reply.as_ref().err());
    errors().find(|error| error.kind != ModelErrorKind::Timeout).or_else(|| errors().next()).cloned()
}
