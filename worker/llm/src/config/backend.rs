//! One backend, as configured.

use std::{sync::Arc, time::Duration};

use sheaf_common::id::{ContentHash, hex};
use url::Url;

use super::Provider;
use crate::Secret;

/// Time limit of one request unless configured.
pub const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);
/// Time limit of making a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// One backend: where it is, what it is asked for, and what the person said of its limits.
#[derive(Debug, Clone)]
pub struct BackendConfig {
    /// Its name in logs, results and errors; unique in a pool.
    pub name: Arc<str>,
    /// Whose it is.
    pub provider: Provider,
    /// Its address, without a user name, password, query or fragment. For the dialect of OpenAI it ends where
    /// `/chat/completions` begins; for the others where `/v1/messages` or `/api/chat` begin.
    pub base_url: Url,
    /// The model to ask for; `None` where the server has the one it has.
    pub model: Option<String>,
    /// What it is authorised with.
    pub credential: Option<Credential>,
    /// What it is for.
    pub role: BackendRole,
    /// Requests per minute that its key allows, if the person said.
    pub rpm: Option<u64>,
    /// Tokens per minute that its key allows, if the person said.
    pub tpm: Option<u64>,
    /// Most requests at once, if the person said so for this backend.
    pub most_parallel: Option<Said>,
    /// Tokens of context that one request may use, input and output together, if the person said.
    pub context: Option<u32>,
    /// How an answer of a certain shape is asked for.
    pub structure: Structure,
    /// Time limit of one request, from sending to the answer's last byte.
    pub request_timeout: Duration,
    /// Time limit of making a connection.
    pub connect_timeout: Duration,
    /// Names of models that the server is known to offer, for hints; found by detection.
    pub known_models: Arc<[String]>,
    /// Where it is configured: a variable, or a file and its line.
    pub place: String,
}

impl BackendConfig {
    /// A backend with nothing said but where it is.
    pub fn new(name: impl Into<Arc<str>>, provider: Provider, base_url: Url) -> Self {
        Self {
            name: name.into(),
            provider,
            structure: Structure::usual(&base_url),
            base_url,
            model: None,
            credential: None,
            role: BackendRole::Chat,
            rpm: None,
            tpm: None,
            most_parallel: None,
            context: None,
            request_timeout: REQUEST_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            known_models: Arc::default(),
            place: String::new(),
        }
    }

    /// Whether both spend from one quota: limits belong to a key, and without a key to a server.
    pub fn shares_quota_with(&self, other: &Self) -> bool {
        let key = |config: &Self| config.credential.as_ref().map(|credential| credential.secret.clone());
        self.base_url.host_str() == other.base_url.host_str()
            && self.base_url.port_or_known_default() == other.base_url.port_or_known_default()
            && key(self) == key(other)
    }

    /// Name of the quota that it spends from, the same in every process that spends from it: of server and key. `host`
    /// names this machine, whose own servers are no other machine's. The key cannot be told from it.
    pub fn quota_name(&self, host: &str) -> String {
        let key = self.credential.as_ref().map_or("", |credential| credential.secret.expose());
        let server = self.base_url.host_str().unwrap_or_default();
        let port = self.base_url.port_or_known_default().unwrap_or_default();
        let owner = if self.is_local() && key.is_empty() { host } else { "" };
        let hash = ContentHash::of(format!("{owner}\0{server}\0{port}\0{key}").as_bytes());
        format!("{server}:{port}-{}", hex(&hash.0[..8]))
    }

    /// Whether the backend runs on this machine.
    pub fn is_local(&self) -> bool {
        match self.base_url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

/// What a backend is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum BackendRole {
    /// Answers requests.
    #[default]
    Chat,
    /// Turns texts into vectors, and nothing else.
    Embedding,
}

/// What a backend is authorised with.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The key, or the whole header.
    pub secret: Secret,
    /// How it is sent.
    pub scheme: Scheme,
    /// The variable that holds it, for hints.
    pub variable: String,
}

/// How a credential is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// A key, in the header that the dialect has for it.
    Key,
    /// The whole value of `Authorization`, such as `Basic …`.
    Authorization,
}

/// A number with who said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The number.
    pub number: u32,
    /// Where: an option, a variable, or a file and its line.
    pub place: String,
}

/// How an answer of a certain shape is asked for. Whatever the backend does, answers are validated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Structure {
    /// Natively, by the JSON schema.
    #[default]
    Schema,
    /// As some JSON object, with the schema in the instructions.
    Object,
    /// By the instructions alone, which then hold the schema.
    Instructions,
}

impl Structure {
    /// What the server at this address is known to take.
    fn usual(url: &Url) -> Self {
        // DeepSeek's API knows `json_object` and refuses a schema.
        match url.host_str() {
            Some("api.deepseek.com") => Self::Object,
            _ => Self::Schema,
        }
    }
}
