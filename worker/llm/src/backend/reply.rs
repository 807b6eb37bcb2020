//! An answer of HTTP as it came, and how it becomes a failure for a person to read. Pure.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use reqwest::header::HeaderMap;
use url::Url;

use super::headers::{self, Advice};
use crate::{
    ModelError, ModelErrorKind,
    config::{BackendConfig, Credential, Provider},
};

/// Most characters of a provider's own words in a message.
const MOST_WORDS: usize = 300;
/// Most bytes of a provider's own words that are looked at.
const MOST_LOOKED_AT: usize = 4096;
/// Most models named in a hint.
const MOST_MODELS: usize = 8;

/// A whole answer, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// Status.
    pub(crate) status: u16,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// Body, unpacked.
    pub(crate) body: Bytes,
    /// When its head came, for headers that hold dates.
    pub(crate) received: SystemTime,
    /// From sending the request to the last byte.
    pub(crate) latency: Duration,
}

impl Reply {
    /// An empty answer: of something that is no answer of HTTP of its own.
    pub(crate) fn none() -> Self {
        Self {
            status: 200,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            received: SystemTime::UNIX_EPOCH,
            latency: Duration::ZERO,
        }
    }

    /// What its headers say of limits and waiting.
    pub(crate) fn advice(&self) -> Advice {
        headers::advice(&self.headers, self.received)
    }
}

/// Who was asked: all that a message about a failure names.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// Name of the backend.
    pub(crate) backend: Arc<str>,
    /// Whose it is.
    pub(crate) provider: Provider,
    /// The model asked for; empty when none was named.
    pub(crate) model: String,
    url: String,
    place: String,
    credential: Option<Credential>,
    known_models: Arc<[String]>,
}

impl Origin {
    /// Of a backend.
    pub(crate) fn new(config: &BackendConfig) -> Self {
        Self {
            backend: Arc::clone(&config.name),
            provider: config.provider,
            model: config.model.clone().unwrap_or_default(),
            url: shown(&config.base_url),
            place: config.place.clone(),
            credential: config.credential.clone(),
            known_models: Arc::clone(&config.known_models),
        }
    }

    /// The failure of an answer that is not a success, told by its status and by what the provider says in the body.
    pub(crate) fn refused(&self, reply: &Reply, said: &Complaint) -> ModelError {
        let status = said.status.unwrap_or(reply.status);
        let kind = said.kind.unwrap_or_else(|| kind_of(status, &said.words));
        let words = self.clean(&said.words);
        let mut message = format!("{} answered {status}", self.named());
        if !words.is_empty() {
            message.push_str(": ");
            message.push_str(&words);
        }
        let advice = reply.advice();
        ModelError {
            status: Some(status),
            retry_after: advice.retry_after,
            should_retry: advice.should_retry,
            rates: advice.rates,
            ..self.failure(kind, message)
        }
    }

    /// As [`Self::refused`], for an answer of any dialect.
    pub(crate) fn refused_plainly(&self, reply: &Reply) -> ModelError {
        let (complaint, _) = super::openai::complaint(&reply.body);
        self.refused(reply, &complaint)
    }

    /// The failure of an answer that is not what the provider's interface promises.
    pub(crate) fn malformed(&self, reply: &Reply, what: &str) -> ModelError {
        let message = format!("{} gave an answer that cannot be used: {}", self.named(), self.clean(what));
        ModelError {
            status: Some(reply.status),
            rates: reply.advice().rates,
            ..self.failure(ModelErrorKind::Malformed, message)
        }
    }

    /// A failure with this message, which must hold nothing of a provider's that was not cleaned.
    pub(crate) fn failure(&self, kind: ModelErrorKind, message: String) -> ModelError {
        ModelError {
            kind,
            message,
            hint: self.hint(kind),
            backend: Arc::clone(&self.backend),
            status: None,
            retry_after: None,
            should_retry: None,
            rates: crate::RateHeaders::default(),
        }
    }

    /// The backend as messages name it: name, address, model.
    pub(crate) fn named(&self) -> String {
        if self.model.is_empty() {
            format!("{} ({})", self.backend, self.url)
        } else {
            format!("{} ({}, model {})", self.backend, self.url, self.model)
        }
    }

    /// Words of a provider made fit for one line of a terminal: no key, no control characters, not long.
    pub(crate) fn clean(&self, words: &str) -> String {
        let mut end = words.len().min(MOST_LOOKED_AT);
        while !words.is_char_boundary(end) {
            end -= 1;
        }
        let mut line = words.get(..end).unwrap_or_default().to_owned();
        if let Some(credential) = &self.credential {
            line = credential.secret.redact(&line);
        }
        let spaced: String =
            line.chars().map(|letter| if unprintable(letter) { ' ' } else { letter }).collect();
        let line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(MOST_WORDS) {
            Some((cut, _)) => format!("{}…", line.get(..cut).unwrap_or_default()),
            None => line,
        }
    }

    fn hint(&self, kind: ModelErrorKind) -> String {
        let url = &self.url;
        match kind {
            ModelErrorKind::Unauthorized => self.key_hint(),
            ModelErrorKind::UnknownModel => self.model_hint(),
            ModelErrorKind::OutOfQuota => "Add credit to the account, or use another key or provider.".to_owned(),
            ModelErrorKind::RateLimited => {
                "Tell Sheaf the limits of the key with --rpm and --tpm, or ask the provider for higher ones."
                    .to_owned()
            }
            ModelErrorKind::Connect => match self.provider {
                Provider::Ollama => format!("Is the server up at {url}? Start it with `ollama serve`."),
                Provider::LlamaCpp => format!("Is the server up at {url}? Start llama-server there."),
                _ => format!("Is the server up at {url}, and can this machine reach it?"),
            },
            ModelErrorKind::Tls => format!(
                "Check the certificate of {url}: it may have expired, be for another name or be signed by an authority \
                 that this machine does not know; or the server speaks plain http."
            ),
            ModelErrorKind::Timeout => {
                "The server may be overloaded: send less at once (--max-parallel), or allow more time.".to_owned()
            }
            ModelErrorKind::TooLong => {
                "Give the server a longer context, or the backend's `context` in sheaf.toml so that documents are \
                 split to fit."
                    .to_owned()
            }
            ModelErrorKind::Overloaded if self.provider == Provider::LlamaCpp => {
                "The server may still be loading its model; it will answer when it is done.".to_owned()
            }
            ModelErrorKind::Malformed => {
                format!("Check that {url} is an address of {}'s interface.", self.provider)
            }
            ModelErrorKind::Overloaded
            | ModelErrorKind::Server
            | ModelErrorKind::BadRequest
            | ModelErrorKind::Budget
            | ModelErrorKind::Unavailable => String::new(),
        }
    }

    fn key_hint(&self) -> String {
        match (&self.credential, self.provider.key_variable()) {
            (Some(credential), _) => format!("Check the key in {}.", credential.variable),
            (None, Some(variable)) => format!("Set the key in LLM_API_KEY or {variable}."),
            (None, None) if self.place.starts_with("LLAMA_CPP_URL") => {
                format!("Set the key that the server was started with: {}_AUTH=\"Bearer …\".", self.place)
            }
            (None, None) => "Set the key that the server asks for in LLM_API_KEY.".to_owned(),
        }
    }

    fn model_hint(&self) -> String {
        // The variable that brought the backend about need not be the one that names its model.
        let by_variable = self.place.is_empty() || self.place.starts_with("LLM_");
        let place = if by_variable { "LLM_MODEL" } else { self.place.as_str() };
        let mut near: Vec<&str> = self.known_models.iter().map(String::as_str).collect();
        if near.is_empty() {
            let pull = match self.provider {
                Provider::Ollama if !self.model.is_empty() => {
                    format!(", or fetch it with `ollama pull {}`", self.model)
                }
                _ => String::new(),
            };
            return format!(
                "Check the model's name and the address ({}), as set in {place}{pull}.",
                self.url
            );
        }
        near.sort_by_key(|name| std::cmp::Reverse(alike(name, &self.model)));
        let more = if near.len() > MOST_MODELS { ", …" } else { "" };
        near.truncate(MOST_MODELS);
        format!("Set one that the server offers ({place}): {}{more}.", near.join(", "))
    }
}

/// An address as messages show it: no user, no password, no query.
pub(crate) fn shown(url: &Url) -> String {
    let mut clean = url.clone();
    // Both fail only for addresses that cannot have them.
    let _ = clean.set_username("");
    let _ = clean.set_password(None);
    clean.set_query(None);
    clean.set_fragment(None);
    clean.as_str().trim_end_matches('/').to_owned()
}

/// Control characters, and those that turn or hide text on a terminal.
fn unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// How many first characters two names share.
fn alike(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(left, right)| left.eq_ignore_ascii_case(right)).count()
}

/// What a provider says in the body of a failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// Its words.
    pub(crate) words: String,
    /// The kind, where the provider's own code for the failure tells more than the status.
    pub(crate) kind: Option<ModelErrorKind>,
    /// The status, where the body holds it: some gateways answer 200 and put the failure in the body.
    pub(crate) status: Option<u16>,
}

impl Complaint {
    /// The body as it stands, of a server that does not speak as it should.
    pub(crate) fn plain(body: &[u8]) -> Self {
        let start = body.get(..MOST_LOOKED_AT).unwrap_or(body);
        let text = String::from_utf8_lossy(start);
        let words = if text.trim_start().starts_with('<') { String::new() } else { text.into_owned() };
        Self { words, ..Self::default() }
    }
}

/// The kind of a failure by its status, and by the provider's words where a status means several things.
fn kind_of(status: u16, words: &str) -> ModelErrorKind {
    match status {
        401 | 403 => ModelErrorKind::Unauthorized,
        402 => ModelErrorKind::OutOfQuota,
        // An address that moved is as wrong as one that never was.
        300..=399 | 404 | 405 => ModelErrorKind::UnknownModel,
        408 => ModelErrorKind::Timeout,
        413 => ModelErrorKind::TooLong,
        429 => ModelErrorKind::RateLimited,
        503 | 529 => ModelErrorKind::Overloaded,
        400..=599 if too_long(words) => ModelErrorKind::TooLong,
        500..=599 => ModelErrorKind::Server,
        400..=499 => ModelErrorKind::BadRequest,
        _ => ModelErrorKind::Malformed,
    }
}

/// Whether a provider says that a request is longer than the model's context; each has its own words for it.
fn too_long(words: &str) -> bool {
    let words = words.to_lowercase();
    [
        "maximum context length",
        "context length exceeded",
        "exceeds the context",
        "prompt is too long",
        "input is too long",
    ]
    .iter()
    .chain(&["exceeds the available context", "exceeds maximum context", "exceed context limit"])
    .any(|phrase| words.contains(phrase))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Secret, config::Scheme};

    fn origin() -> Origin {
        let mut config =
            BackendConfig::new("box", Provider::OpenAi, Url::parse("http://u:p@h:1/v1?key=1").unwrap());
        config.model = Some("gpt-4o".to_owned());
        config.known_models = ["llama".to_owned(), "gpt-4.1".to_owned()].into();
        config.credential = Some(Credential {
            secret: Secret::new("sk-0123456789abcdef"),
            scheme: Scheme::Key,
            variable: "OPENAI_API_KEY".to_owned(),
        });
        Origin::new(&config)
    }

    fn reply(status: u16) -> Reply {
        Reply {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            received: SystemTime::UNIX_EPOCH,
            latency: Duration::ZERO,
        }
    }

    fn refused(status: u16, words: &str) -> ModelError {
        origin().refused(&reply(status), &Complaint { words: words.to_owned(), ..Complaint::default() })
    }

    #[test]
    fn kinds_by_status() {
        use ModelErrorKind as Kind;
        for (status, kind) in [
            (400, Kind::BadRequest),
            (401, Kind::Unauthorized),
            (402, Kind::OutOfQuota),
            (403, Kind::Unauthorized),
            (404, Kind::UnknownModel),
            (413, Kind::TooLong),
            (422, Kind::BadRequest),
            (429, Kind::RateLimited),
            (500, Kind::Server),
            (502, Kind::Server),
            (503, Kind::Overloaded),
            (504, Kind::Server),
            (529, Kind::Overloaded),
        ] {
            assert_eq!(refused(status, "no").kind, kind, "{status}");
        }
        assert_eq!(refused(400, "This model's maximum context length is 8192 tokens").kind, Kind::TooLong);
    }

    #[test]
    fn one_line_with_what_to_mend() {
        let error = refused(401, "Incorrect API key:\n sk-0123456789abcdef\u{1b}[31m");
        assert_eq!(
            error.message,
            "box (http://h:1/v1, model gpt-4o) answered 401: Incorrect API key: [key] [31m"
        );
        assert_eq!(error.hint, "Check the key in OPENAI_API_KEY.");
        assert!(refused(404, "").hint.contains("gpt-4.1, llama"), "nearest first");
    }

    #[test]
    fn long_words_are_cut() {
        assert!(refused(400, &"é".repeat(9000)).message.chars().count() < 400);
    }

    proptest! {
        #[test]
        fn cleaned_words_are_one_short_line_without_the_key(before in ".{0,400}", after in ".{0,400}") {
            let line = origin().clean(&format!("{before}sk-0123456789abcdef{after}"));
            prop_assert!(!line.contains("0123456789"));
            prop_assert!(line.chars().all(|letter| !letter.is_control()));
            prop_assert!(line.chars().count() <= MOST_WORDS + 1);
        }
    }
}
