//! A provider's endpoint for batches, over HTTP. Never retries: what follows from a failure is decided by who tends.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Method,
    header::{HeaderMap, HeaderValue},
};
use serde_json::Value;
use url::Url;

use super::{
    anthropic,
    id::CustomId,
    openai,
    state::{Item, Sight},
    store::Submission,
};
use crate::{
    answer::ModelAnswer,
    backend::{
        Body, JSON, Origin, Reply, Transport, anthropic as messages, ask::Ask, below, openai as completions,
        shown,
    },
    config::{BackendConfig, Dialect, Provider, Structure},
    error::{ModelError, ModelErrorKind},
    request::ModelRequest,
};

/// How long a batch may take to go up, or its results to come down: 150 MB over 2 Mbit/s.
const TRANSFER: Duration = Duration::from_mins(10);
/// How long any other answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// Most bytes of an answer that is not results: a page of a list has a hundred batches.
const MOST_ANSWER: usize = 4 << 20;
/// Most bytes of results. A batch has 4,096 requests at most, so an answer may have 64 KiB on average.
const MOST_RESULTS: usize = 256 << 20;
/// Batches on a page of a list: the most that both providers give.
const PAGE: usize = 100;
/// Most pages that are looked through.
const MOST_PAGES: usize = 50;

/// Which of the two interfaces is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    OpenAi,
    Anthropic,
}

/// One endpoint. Clones share connections.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    transport: Transport,
    origin: Origin,
    kind: Kind,
    base: Url,
    structure: Structure,
}

impl Endpoint {
    /// The endpoint of a backend. Connects to nothing yet.
    ///
    /// # Errors
    ///
    /// When the backend is one that has no such endpoint, or cannot be spoken with at all.
    pub(crate) fn new(config: &BackendConfig) -> Result<Self, ModelError> {
        let origin = Origin::new(config);
        let kind = match (config.provider, config.provider.dialect()) {
            (Provider::OpenAi | Provider::Custom, Dialect::OpenAi) => Kind::OpenAi,
            (_, Dialect::Anthropic) => Kind::Anthropic,
            _ => return Err(without(&origin)),
        };
        let shared = Shared {
            transport: Transport::new(config, &origin)?,
            kind,
            base: config.base_url.clone(),
            structure: config.structure,
            origin,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Asks whether the endpoint is there and the key may use it.
    pub(crate) async fn check(&self) -> Result<(), ModelError> {
        match self.page(1, None).await {
            Err(error) if matches!(error.status, Some(404 | 405 | 501)) => {
                Err(ModelError { status: error.status, ..without(self.origin()) })
            }
            other => other.map(drop),
        }
    }

    /// Who is asked.
    pub(crate) fn origin(&self) -> &Origin {
        &self.shared.origin
    }

    /// Its address, by which a journal knows it.
    pub(crate) fn address(&self) -> String {
        shown(&self.shared.base)
    }

    /// The line that hands a request in.
    pub(crate) fn line(&self, id: &CustomId, request: &ModelRequest) -> String {
        let Shared { kind, origin, structure, .. } = &*self.shared;
        let ask = Ask { model: &origin.model, request, structure: *structure, context: None };
        match kind {
            Kind::OpenAi => openai::line(id, &completions::encode(&ask)),
            Kind::Anthropic => anthropic::line(id, &messages::encode(&ask)),
        }
    }

    /// Whether a file goes up before the batch is created.
    pub(crate) fn wants_file(&self) -> bool {
        self.shared.kind == Kind::OpenAi
    }

    /// What hands `lines` in: the file for [`upload`](Self::upload), or the whole of [`create`](Self::create). Takes some
    /// milliseconds a megabyte.
    pub(crate) fn parcel(&self, submission: &Submission, lines: &[String]) -> Parcel {
        let (kind, bytes) = match self.shared.kind {
            Kind::OpenAi => openai::upload(&submission.id, lines),
            Kind::Anthropic => (String::new(), anthropic::create(lines)),
        };
        let kind = HeaderValue::try_from(kind).ok().filter(|kind| !kind.is_empty()).unwrap_or(JSON);
        Parcel(Body { kind, bytes: bytes.into() })
    }

    /// Hands the file in; answers with the provider's name for it.
    pub(crate) async fn upload(&self, parcel: &Parcel) -> Result<String, ModelError> {
        let reply = self.send(Method::POST, "files", Some(parcel.0.clone()), TRANSFER, MOST_ANSWER).await?;
        let id = json(&reply).and_then(|value| value.get("id")?.as_str().map(str::to_owned));
        id.ok_or_else(|| self.origin().malformed(&reply, "an uploaded file without an id"))
    }

    /// Creates the batch, over the file where there is one.
    pub(crate) async fn create(&self, submission: &Submission, parcel: &Parcel) -> Result<Sight, ModelError> {
        let body = match &submission.file {
            Some(file) => {
                let body = openai::create(&submission.id, file).to_string().into_bytes();
                Body { kind: JSON, bytes: body.into() }
            }
            None => parcel.0.clone(),
        };
        let reply = self.send(Method::POST, self.batches(), Some(body), TRANSFER, MOST_ANSWER).await?;
        self.sight(&reply)
    }

    /// Looks how far a batch is.
    pub(crate) async fn look(&self, batch: &str) -> Result<Sight, ModelError> {
        let path = format!("{}/{}", self.batches(), self.segment(batch)?);
        let reply = self.send(Method::GET, &path, None, ANSWER, MOST_ANSWER).await?;
        self.sight(&reply)
    }

    /// The results of a batch, file by file, as they came: a JSON object a line.
    pub(crate) async fn results(&self, sight: &Sight) -> Result<Vec<Reply>, ModelError> {
        let paths = match self.shared.kind {
            Kind::OpenAi => {
                let path = |file: &String| Ok(format!("files/{}/content", self.segment(file)?));
                sight.results.iter().map(path).collect::<Result<Vec<_>, ModelError>>()?
            }
            // `results_url` names this very path, at the provider's own address. Behind a gateway that address is another
            // one than where the key belongs, so the path is asked for at the address that was configured.
            Kind::Anthropic => vec![format!("{}/{}/results", self.batches(), self.segment(&sight.id)?)],
        };
        let mut replies = Vec::with_capacity(paths.len());
        for path in paths {
            replies.push(self.send(Method::GET, &path, None, TRANSFER, MOST_RESULTS).await?);
        }
        Ok(replies)
    }

    /// What a line of results says of a request; `None` for what is no such line.
    pub(crate) fn item(&self, line: &[u8]) -> Option<(CustomId, Item)> {
        match self.shared.kind {
            Kind::OpenAi => openai::item(line),
            Kind::Anthropic => anthropic::item(line),
        }
    }

    /// The answer that a request was replied to with, as it would be were the request alone.
    pub(crate) fn decode(
        &self,
        status: u16,
        body: bytes::Bytes,
        of: &Reply,
    ) -> Result<ModelAnswer, ModelError> {
        let reply =
            Reply { status, headers: HeaderMap::new(), body, received: of.received, latency: Duration::ZERO };
        match self.shared.kind {
            Kind::OpenAi => completions::decode(self.origin(), 0, &reply),
            Kind::Anthropic => messages::decode(self.origin(), 0, &reply),
        }
    }

    /// Batches created at `since_ms` or later, newest first.
    pub(crate) async fn since(&self, since_ms: u64) -> Result<Vec<Sight>, ModelError> {
        let mut found: Vec<Sight> = Vec::new();
        for _ in 0..MOST_PAGES {
            let after = found.last().map(|sight| sight.id.clone());
            let (page, more) = self.page(PAGE, after.as_deref()).await?;
            let count = page.len();
            let fresh = page.into_iter().take_while(|sight| sight.created_ms >= since_ms);
            let before = found.len();
            found.extend(fresh);
            if !more || count == 0 || found.len() - before < count {
                break;
            }
        }
        Ok(found)
    }

    async fn page(&self, limit: usize, after: Option<&str>) -> Result<(Vec<Sight>, bool), ModelError> {
        let mut path = format!("{}?limit={limit}", self.batches());
        if let Some(after) = after {
            let name = if self.shared.kind == Kind::OpenAi { "after" } else { "after_id" };
            path.push_str(&format!("&{name}={}", self.segment(after)?));
        }
        let reply = self.send(Method::GET, &path, None, ANSWER, MOST_ANSWER).await?;
        let page = json(&reply).and_then(|mut value| {
            let more = value.get("has_more").and_then(Value::as_bool).unwrap_or(false);
            let Value::Array(batches) = value.get_mut("data")?.take() else { return None };
            Some((batches.into_iter().filter_map(|batch| self.read(batch)).collect(), more))
        });
        page.ok_or_else(|| self.origin().malformed(&reply, "not a list of batches"))
    }

    fn read(&self, batch: Value) -> Option<Sight> {
        match self.shared.kind {
            Kind::OpenAi => openai::sight(batch),
            Kind::Anthropic => anthropic::sight(batch),
        }
    }

    fn sight(&self, reply: &Reply) -> Result<Sight, ModelError> {
        let sight = json(reply).and_then(|value| self.read(value));
        sight.ok_or_else(|| self.origin().malformed(reply, "not a batch"))
    }

    fn batches(&self) -> &'static str {
        match self.shared.kind {
            Kind::OpenAi => "batches",
            Kind::Anthropic => "v1/messages/batches",
        }
    }

    /// A name of the provider's as a part of a path: nothing in it leads elsewhere.
    fn segment<'a>(&self, name: &'a str) -> Result<&'a str, ModelError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !name.is_empty() && name.len() <= 256 && name.bytes().all(fits) {
            return Ok(name);
        }
        let words = self.origin().clean(name);
        let message =
            format!("{} named a batch or a file `{words}`, which is no name", self.origin().named());
        Err(self.origin().failure(ModelErrorKind::Malformed, message))
    }

    /// One exchange; an answer that is no success is an error.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Body>,
        limit: Duration,
        most: usize,
    ) -> Result<Reply, ModelError> {
        let Shared { transport, origin, base, kind, .. } = &*self.shared;
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = below(base, path);
        url.set_query(query);
        let reply = transport.send_body(origin, method, url, body, limit, most).await?;
        if (200..300).contains(&reply.status) {
            return Ok(reply);
        }
        let said = match kind {
            Kind::OpenAi => completions::complaint(&reply.body).0,
            Kind::Anthropic => messages::complaint(&reply.body),
        };
        Err(origin.refused(&reply, &said))
    }
}

/// What hands requests in.
#[derive(Debug, Clone)]
pub(crate) struct Parcel(Body);

fn json(reply: &Reply) -> Option<Value> {
    serde_json::from_slice(&reply.body).ok()
}

/// The error of a backend that has no endpoint for batches.
fn without(origin: &Origin) -> ModelError {
    let message = format!("{} has no endpoint for batches, which --llm-batch-api asks for", origin.named());
    let hint = "Leave --llm-batch-api away: requests then go to it one by one, several at once. Or name a model of OpenAI or \
                Anthropic, which have one.";
    ModelError { hint: hint.to_owned(), ..origin.failure(ModelErrorKind::BadRequest, message) }
}
