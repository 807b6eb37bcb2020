//! HTTP to one backend: connections kept, time limited, bodies capped. Never retries.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Client, Method, Response,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use sheaf_common::cause;
use url::Url;

use super::{
    anthropic,
    reply::{Origin, Reply},
};
use crate::{
    ModelError, ModelErrorKind,
    config::{BackendConfig, Credential, Dialect, Scheme},
};

/// Most bytes of an answer, unpacked.
pub(crate) const MOST_ANSWER: usize = 8 << 20;
/// Connections that a pool keeps open while nothing is asked.
const MOST_IDLE: usize = 1024;
/// Requests on one connection of HTTP/2 before another is opened; providers allow about this many streams, and what
/// is beyond waits unseen.
const STREAMS: usize = 100;
/// Most connections of HTTP/2, with room for a thousand requests in flight.
const MOST_SHARDS: usize = 10;
/// Self-hosted servers drop idle connections after five seconds (llama.cpp, vLLM): they are left before that, as a
/// request on a dying connection is lost.
const IDLE_SELF_HOSTED: Duration = Duration::from_secs(4);
const IDLE: Duration = Duration::from_mins(1);

/// The kind of most bodies.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a request carries.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    /// Its content type.
    pub(crate) kind: HeaderValue,
    /// Its bytes; clones share them.
    pub(crate) bytes: Bytes,
}

/// Connections to one backend, with the headers that each request carries. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Where HTTP/2 may be spoken, a client is a connection: another one is opened for each hundred in flight.
    clients: [OnceLock<Client>; MOST_SHARDS],
    shards: usize,
    in_flight: AtomicUsize,
    headers: HeaderMap,
    self_hosted: bool,
    local: bool,
    connect_timeout: Duration,
}

impl Transport {
    /// For a backend. Fails when the credential cannot be sent as a header, or the system has no certificates.
    pub(crate) fn new(config: &BackendConfig, origin: &Origin) -> Result<Self, ModelError> {
        let shared = Shared {
            clients: [const { OnceLock::new() }; MOST_SHARDS],
            shards: if config.base_url.scheme() == "https" { MOST_SHARDS } else { 1 },
            in_flight: AtomicUsize::new(0),
            headers: headers(config, origin)?,
            self_hosted: config.provider.self_hosted(),
            local: config.is_local(),
            connect_timeout: config.connect_timeout,
        };
        let transport = Self { shared: Arc::new(shared) };
        // A system without certificates is told at once, not at the first request.
        transport.client(origin)?;
        Ok(transport)
    }

    /// Sends `body` and reads the whole answer, within `limit`. Dropping the future ends the transfer.
    pub(crate) async fn send(
        &self,
        origin: &Origin,
        method: Method,
        url: Url,
        body: Option<Vec<u8>>,
        limit: Duration,
        most: usize,
    ) -> Result<Reply, ModelError> {
        let body = body.map(|body| Body { kind: JSON, bytes: body.into() });
        self.send_body(origin, method, url, body, limit, most).await
    }

    /// As [`Self::send`], with a body of any kind.
    pub(crate) async fn send_body(
        &self,
        origin: &Origin,
        method: Method,
        url: Url,
        body: Option<Body>,
        limit: Duration,
        most: usize,
    ) -> Result<Reply, ModelError> {
        let _guard = InFlight::enter(&self.shared.in_flight);
        let client = self.client(origin)?;
        let started = Instant::now();
        let exchange = async {
            let mut request = client.request(method, url).headers(self.shared.headers.clone());
            if let Some(Body { kind, bytes }) = body {
                request = request.header(header::CONTENT_TYPE, kind).body(bytes);
            }
            let response = request.send().await.map_err(|error| self.no_answer(origin, &error))?;
            let received = SystemTime::now();
            let status = response.status().as_u16();
            let headers = response.headers().clone();
            let body = read(origin, response, most).await.map_err(|mut error| {
                error.status = Some(status);
                error
            })?;
            Ok(Reply { status, headers, body, received, latency: started.elapsed() })
        };
        tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| {
            let seconds = limit.as_secs_f64();
            let message = format!("{} gave no answer within {seconds:.1} s", origin.named());
            Err(origin.failure(ModelErrorKind::Timeout, message))
        })
    }

    /// The client for one more request.
    fn client(&self, origin: &Origin) -> Result<&Client, ModelError> {
        let shard = (self.shared.in_flight.load(Ordering::Relaxed) / STREAMS).min(self.shared.shards - 1);
        let Some(slot) = self.shared.clients.get(shard) else {
            return Err(origin.failure(ModelErrorKind::Connect, "no connection left".to_owned()));
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let built = self.shared.build().map_err(|error| {
            let why = origin.clean(&cause::root(&error));
            let message = format!(
                "the HTTP client for {} could not be set up (are the system's certificates in place?): {why}",
                origin.named()
            );
            origin.failure(ModelErrorKind::Tls, message)
        })?;
        Ok(slot.get_or_init(|| built))
    }

    fn no_answer(&self, origin: &Origin, error: &reqwest::Error) -> ModelError {
        if let Some(tls) = cause::find::<rustls::Error>(error) {
            let why = origin.clean(&tls.to_string());
            let message = format!("no secure connection to {}: {why}", origin.named());
            return origin.failure(ModelErrorKind::Tls, message);
        }
        let why = origin.clean(&cause::root(error));
        let message = if error.is_connect() && error.is_timeout() {
            let seconds = self.shared.connect_timeout.as_secs_f64();
            format!("no connection to {} within {seconds:.0} s", origin.named())
        } else if error.is_connect() {
            format!("no connection to {}: {why}", origin.named())
        } else {
            format!("{} ended the connection before it answered: {why}", origin.named())
        };
        origin.failure(ModelErrorKind::Connect, message)
    }
}

impl Shared {
    fn build(&self) -> Result<Client, reqwest::Error> {
        let mut builder = Client::builder()
            .user_agent(concat!("sheaf/", env!("CARGO_PKG_VERSION")))
            // A redirect would carry the key and the document to an address that nobody named.
            .redirect(redirect::Policy::none())
            .referer(false)
            // A layer above is the one owner of retries.
            .retry(reqwest::retry::never())
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(30))
            .pool_max_idle_per_host(MOST_IDLE)
            .pool_idle_timeout(if self.self_hosted { IDLE_SELF_HOSTED } else { IDLE });
        if self.local {
            builder = builder.no_proxy();
        }
        builder.build()
    }
}

/// Counts a request while it is under way, however it ends.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Headers that each request carries.
fn headers(config: &BackendConfig, origin: &Origin) -> Result<HeaderMap, ModelError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let dialect = config.provider.dialect();
    if dialect == Dialect::Anthropic {
        let name = HeaderName::from_static("anthropic-version");
        headers.insert(name, HeaderValue::from_static(anthropic::VERSION));
    }
    if let Some(credential) = &config.credential {
        let (name, value) = authorization(dialect, credential);
        let mut value = HeaderValue::from_str(&value).map_err(|_| {
            let message = format!("the key in {} cannot be sent as a header", credential.variable);
            let hint =
                format!("Check {}: it holds line ends or other control characters.", credential.variable);
            ModelError { hint, ..origin.failure(ModelErrorKind::Unauthorized, message) }
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn authorization(dialect: Dialect, credential: &Credential) -> (HeaderName, String) {
    let secret = credential.secret.expose();
    match (credential.scheme, dialect) {
        (Scheme::Authorization, _) => (header::AUTHORIZATION, secret.to_owned()),
        (Scheme::Key, Dialect::Anthropic) => (HeaderName::from_static("x-api-key"), secret.to_owned()),
        (Scheme::Key, Dialect::OpenAi | Dialect::Ollama) => {
            (header::AUTHORIZATION, format!("Bearer {secret}"))
        }
    }
}

/// The whole body, if it is no longer than `most`.
async fn read(origin: &Origin, mut response: Response, most: usize) -> Result<Bytes, ModelError> {
    let too_large = || {
        let message = format!("{} sent an answer of more than {most} bytes", origin.named());
        origin.failure(ModelErrorKind::Malformed, message)
    };
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    if announced > most {
        return Err(too_large());
    }
    let mut body = BytesMut::with_capacity(announced);
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(body.freeze()),
            Ok(Some(chunk)) if body.len() + chunk.len() > most => return Err(too_large()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) => {
                let why = origin.clean(&cause::root(&error));
                let message =
                    format!("{} broke its answer off after {} bytes: {why}", origin.named(), body.len());
                return Err(origin.failure(ModelErrorKind::Malformed, message));
            }
        }
    }
}
