//! What a backend is and can do, asked of the server itself: kind, models, slots, context, and from these how many
//! requests at once. Every question is bounded in time and size; a server that answers none of them is still used.

mod family;
mod gpu;
mod listing;
mod llamacpp;
mod ollama;
mod parallelism;
mod probe;
mod server;
mod vllm;

use std::{fmt, sync::Arc};

pub use gpu::Gpus;
pub use parallelism::Parallelism;

use crate::{
    ModelError, ModelErrorKind,
    backend::shown,
    config::{BackendConfig, BackendRole, Provider},
};
use listing::Offered;
use parallelism::{Evidence, choose};
use probe::Probe;

/// What was found of a backend.
#[derive(Debug, Clone)]
pub struct Detection {
    /// Name of the backend.
    pub backend: Arc<str>,
    /// Its address, without secrets.
    pub url: String,
    /// What answers there.
    pub server: Server,
    /// Whether anything answers there.
    pub reached: bool,
    /// Whether the server is still loading its model.
    pub loading: bool,
    /// The model that will answer, as far as it is known.
    pub model: Option<String>,
    /// Models that the server offers, at most 1000; empty where it does not tell.
    pub models: Vec<String>,
    /// Requests that the server works on at once, where it has such a number.
    pub slots: Option<u32>,
    /// Tokens of context of one request, input and output together.
    pub context: Option<u32>,
    /// Requests per minute, tokens per minute: what the person said.
    pub limits: (Option<u64>, Option<u64>),
    /// How many requests at once, and why.
    pub parallelism: Parallelism,
    /// What is wrong, worst first.
    pub problems: Vec<Problem>,
}

/// What answers at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Server {
    /// llama.cpp's `llama-server`.
    LlamaCpp,
    /// vLLM.
    Vllm,
    /// Ollama.
    Ollama,
    /// OpenAI's own API.
    OpenAi,
    /// OpenRouter.
    OpenRouter,
    /// Anthropic's own API.
    Anthropic,
    /// Some other server that speaks the dialect of its provider.
    Other,
}

/// Something wrong with a backend, in one line, with what to mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub kind: ModelErrorKind,
    /// One sentence. Holds no key.
    pub what: String,
    /// What to do; empty when there is nothing.
    pub hint: String,
}

impl Problem {
    /// Whether every request would fail until a person mends it, so that a run should not begin.
    pub fn stops(&self) -> bool {
        matches!(
            self.kind,
            ModelErrorKind::Unauthorized | ModelErrorKind::UnknownModel | ModelErrorKind::OutOfQuota
        )
    }
}

impl From<ModelError> for Problem {
    fn from(error: ModelError) -> Self {
        Self { kind: error.kind, what: error.message, hint: error.hint }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.what)?;
        if !self.hint.is_empty() {
            write!(out, " — {}", self.hint)?;
        }
        Ok(())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::LlamaCpp => "llama.cpp",
            Self::Vllm => "vLLM",
            Self::Ollama => "Ollama",
            Self::OpenAi => "OpenAI",
            Self::OpenRouter => "OpenRouter",
            Self::Anthropic => "Anthropic",
            Self::Other => "a server of unknown kind",
        })
    }
}

impl fmt::Display for Detection {
    /// One line: what was found, and how many at once with the reason.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({}): ", self.backend, self.url)?;
        if !self.reached {
            return write!(out, "not reached");
        }
        write!(out, "{}", self.server)?;
        if self.loading {
            write!(out, ", loading its model")?;
        }
        if let Some(model) = &self.model {
            write!(out, ", model {model}")?;
        }
        match (self.slots, self.context) {
            (Some(slots), Some(context)) => write!(out, ", {slots} slots of {context} tokens")?,
            (Some(slots), None) => write!(out, ", {slots} slots")?,
            (None, Some(context)) => write!(out, ", context of {context} tokens")?,
            (None, None) => {}
        }
        for (limit, what) in [(self.limits.0, "requests/min"), (self.limits.1, "tokens/min")] {
            if let Some(limit) = limit {
                write!(out, ", {limit} {what}")?;
            }
        }
        write!(out, ", {} at once: {}", self.parallelism.start, self.parallelism.reason)
    }
}

impl Detection {
    /// Puts what was found where the person said nothing: model, context, names for hints.
    pub fn apply(&self, config: &mut BackendConfig) {
        if config.model.is_none() {
            config.model.clone_from(&self.model);
        }
        config.context = config.context.or(self.context);
        if !self.models.is_empty() {
            config.known_models = self.models.clone().into();
        }
    }

    /// The problem for which a run should not begin, if there is one.
    pub fn stopper(&self) -> Option<&Problem> {
        self.problems.iter().find(|problem| problem.stops())
    }
}

/// Asks a backend what it is and can do, within about six seconds. Never fails: what is wrong is among the problems.
pub async fn detect(config: &BackendConfig) -> Detection {
    detect_with_gpus(config, gpu::installed()).await
}

/// As [`detect`], with the GPUs of the machine told by `gpus`, which is asked for a local Ollama only.
pub async fn detect_with_gpus(config: &BackendConfig, gpus: impl Future<Output = Option<Gpus>>) -> Detection {
    let mut findings = match Probe::new(config) {
        Ok(probe) => match config.provider {
            Provider::LlamaCpp => server::llamacpp(&probe).await,
            Provider::Ollama => server::ollama(&probe, config, gpus).await,
            _ if Provider::of_url(&config.base_url) == Some(config.provider) => {
                server::official(&probe, config.provider).await
            }
            Provider::Anthropic => server::other_anthropic(&probe).await,
            _ => server::openai_like(&probe, config.provider).await,
        },
        Err(error) => server::Findings { problems: vec![error.into()], ..server::Findings::default() },
    };
    let model = config.model.clone().or_else(|| findings.model.clone());
    check_model(config, &mut findings);
    let offered = model.as_deref().and_then(|model| findings.offered.iter().find(|one| one.id == model));
    let context = config.context.or(findings.context).or_else(|| offered.and_then(|offered| offered.context));
    let parallelism = choose(&Evidence {
        said: config.most_parallel.clone(),
        slots: findings.slots,
        engine: findings.engine,
        model: model.clone().unwrap_or_default(),
    });
    Detection {
        backend: Arc::clone(&config.name),
        url: shown(&config.base_url),
        server: findings.server,
        reached: findings.reached,
        loading: findings.loading,
        model,
        models: findings.offered.into_iter().map(|offered| offered.id).collect(),
        slots: findings.slots,
        context,
        limits: (config.rpm, config.tpm),
        parallelism,
        problems: findings.problems,
    }
}

/// Adds a problem where the model that is asked for is not among those offered.
fn check_model(config: &BackendConfig, findings: &mut server::Findings) {
    let Some(model) = &config.model else { return };
    // llama.cpp answers with the model that it has, whatever is asked for; others may offer more than they list.
    let lists_all = !matches!(findings.server, Server::LlamaCpp | Server::Other);
    let offered = |offered: &Offered| offered.id == *model || ollama::same_model(&offered.id, model);
    if lists_all && !findings.offered.is_empty() && !findings.offered.iter().any(offered) {
        let mut known = config.clone();
        known.known_models = findings.offered.iter().map(|offered| offered.id.clone()).collect();
        let origin = crate::backend::Origin::new(&known);
        let message = format!("{} does not offer this model", origin.named());
        findings.problems.push(origin.failure(ModelErrorKind::UnknownModel, message).into());
    }
    if config.role == BackendRole::Chat && findings.embeds_only {
        let what = format!("{} has a model for embeddings, which answers no requests", config.name);
        let hint = "Name another model, or set embedding = true for this backend.".to_owned();
        findings.problems.push(Problem { kind: ModelErrorKind::UnknownModel, what, hint });
    }
}
