//! The questions that each kind of server is asked.

use serde_json::json;

use super::{
    Problem, Server,
    gpu::Gpus,
    listing::{Offered, listing},
    llamacpp, ollama,
    parallelism::{Engine, Memory},
    probe::{Probe, success, unauthorized, unreached},
    vllm,
};
use crate::{
    ModelError, ModelErrorKind,
    backend::Reply,
    config::{BackendConfig, Provider},
};

/// Tokens of context asked of an Ollama server that has the model not loaded, unless it was made for less. The server
/// would take 4,096, which a document of ten pages does not fit.
const OLLAMA_CONTEXT: u32 = 8192;

/// What the questions found.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) server: Server,
    pub(super) reached: bool,
    pub(super) loading: bool,
    pub(super) model: Option<String>,
    pub(super) offered: Vec<Offered>,
    pub(super) slots: Option<u32>,
    pub(super) context: Option<u32>,
    pub(super) engine: Option<Engine>,
    pub(super) embeds_only: bool,
    pub(super) problems: Vec<Problem>,
}

impl Default for Findings {
    fn default() -> Self {
        Self {
            server: Server::Other,
            reached: false,
            loading: false,
            model: None,
            offered: Vec::new(),
            slots: None,
            context: None,
            engine: None,
            embeds_only: false,
            problems: Vec::new(),
        }
    }
}

impl Findings {
    fn of(server: Server, probe: &Probe, replies: &[&Result<Reply, ModelError>]) -> Self {
        let unreached = unreached(replies);
        let refused = replies.iter().find_map(|reply| unauthorized(probe.origin(), reply));
        Self {
            server,
            reached: unreached.is_none(),
            problems: unreached.into_iter().chain(refused).map(Problem::from).collect(),
            ..Self::default()
        }
    }
}

/// A llama.cpp server.
pub(super) async fn llamacpp(probe: &Probe) -> Findings {
    let (health, props, slots, models) = tokio::join!(
        probe.get_root("health"),
        probe.get_root("props"),
        probe.get_root("slots"),
        probe.get("models"),
    );
    // `/slots` may be switched off, which is said with 403 or 501: no sign of a wrong key.
    let mut findings = Findings::of(Server::LlamaCpp, probe, &[&health, &props, &models]);
    findings.engine = Some(Engine::LlamaCpp);
    if let Ok(health) = &health
        && llamacpp::loading(health.status, &health.body)
    {
        findings.loading = true;
        let message = format!("{} is loading its model", probe.origin().named());
        findings.problems.push(probe.origin().failure(ModelErrorKind::Overloaded, message).into());
    }
    let props = success(&props).and_then(llamacpp::props).unwrap_or_default();
    let slots = success(&slots).and_then(llamacpp::slots);
    findings.offered = success(&models).and_then(listing).unwrap_or_default();
    findings.slots = props.slots.or(slots.map(|slots| slots.count));
    findings.context = slots.and_then(|slots| slots.context).or(props.context);
    findings.model = findings.offered.first().map(|offered| offered.id.clone()).or(props.model);
    findings
}

/// A server of somebody's own that speaks as OpenAI's does: which one it is shows in what it tells of itself.
pub(super) async fn openai_like(probe: &Probe, provider: Provider) -> Findings {
    let (models, props, metrics) =
        tokio::join!(probe.get("models"), probe.get_root("props"), probe.get_root("metrics"));
    let offered = success(&models).and_then(listing).unwrap_or_default();
    let owned_by = |name: &str| offered.iter().any(|offered| offered.owner == name);
    if owned_by("llamacpp") || success(&props).and_then(llamacpp::props).is_some() {
        return llamacpp(probe).await;
    }
    let load = success(&metrics).map(String::from_utf8_lossy).and_then(|text| vllm::load(&text));
    let is_vllm = provider == Provider::Vllm || owned_by("vllm") || load.is_some();
    // The other two are asked of any server: only the list of models tells of a wrong key.
    let mut findings = Findings::of(if is_vllm { Server::Vllm } else { Server::Other }, probe, &[&models]);
    if props.is_ok() || metrics.is_ok() {
        findings.reached = true;
        findings.problems.retain(Problem::stops);
    }
    findings.engine = is_vllm.then_some(Engine::Vllm(load));
    findings.model = match offered.as_slice() {
        // With one model there is nothing to choose; with more, a person must.
        [only] => Some(only.id.clone()),
        [first, ..] if is_vllm => Some(first.id.clone()),
        _ => None,
    };
    findings.offered = offered;
    findings
}

/// A provider's own API.
pub(super) async fn official(probe: &Probe, provider: Provider) -> Findings {
    let (server, models) = match provider {
        Provider::Anthropic => (Server::Anthropic, probe.get("v1/models").await),
        Provider::OpenRouter => (Server::OpenRouter, probe.get("models").await),
        _ => (Server::OpenAi, probe.get("models").await),
    };
    let mut findings = if provider == Provider::OpenRouter {
        // Its list of models is open to everybody; this is not.
        let key = probe.get("key").await;
        Findings::of(server, probe, &[&models, &key])
    } else {
        Findings::of(server, probe, &[&models])
    };
    findings.offered = success(&models).and_then(listing).unwrap_or_default();
    // Anthropic lists a page at a time: what is not on it may be offered all the same.
    if provider == Provider::Anthropic {
        findings.offered.clear();
    }
    findings
}

/// A server of somebody's own that speaks as Anthropic's does.
pub(super) async fn other_anthropic(probe: &Probe) -> Findings {
    let models = probe.get("v1/models").await;
    Findings::of(Server::Other, probe, &[&models])
}

/// An Ollama server.
pub(super) async fn ollama(
    probe: &Probe,
    config: &BackendConfig,
    gpus: impl Future<Output = Option<Gpus>>,
) -> Findings {
    let wanted = config.model.clone().unwrap_or_default();
    let show = json!({ "model": wanted });
    let gpus = async { if config.is_local() { Some(gpus.await) } else { None } };
    let (tags, ps, show, gpus) = tokio::join!(
        probe.get_root("api/tags"),
        probe.get_root("api/ps"),
        probe.post_root("api/show", &show),
        gpus
    );
    let mut findings = Findings::of(Server::Ollama, probe, &[&tags, &ps]);
    let stored = success(&tags).and_then(ollama::stored).unwrap_or_default();
    let loaded = success(&ps).and_then(ollama::loaded).unwrap_or_default();
    let shown = success(&show).and_then(ollama::shown).unwrap_or_default();
    let model = if wanted.is_empty() {
        loaded
            .first()
            .map(|model| model.name.clone())
            .or_else(|| stored.first().map(|model| model.name.clone()))
    } else {
        Some(wanted)
    };
    let is_it = |name: &str| model.as_deref().is_some_and(|model| ollama::same_model(name, model));
    let here = loaded.iter().find(|model| is_it(&model.name));
    let on_disk = stored.iter().find(|model| is_it(&model.name)).map(|model| model.size);
    let size = on_disk.or(here.map(|model| model.size)).filter(|size| *size > 0);
    let memory = match (here, gpus, size) {
        (Some(here), _, _) if here.size_vram == 0 => Memory::Processor,
        (_, Some(Some(gpus)), Some(size)) => Memory::Gpus(gpus, size),
        (_, Some(None), _) => Memory::NoGpus,
        _ => Memory::Unknown,
    };
    findings.engine = Some(Engine::Ollama(memory));
    findings.embeds_only = !shown.capabilities.is_empty()
        && !shown.capabilities.iter().any(|capability| capability == "completion");
    findings.context = here
        .and_then(|here| here.context_length)
        .or_else(|| Some(shown.context.map_or(OLLAMA_CONTEXT, |made_for| made_for.min(OLLAMA_CONTEXT))));
    findings.offered = stored
        .into_iter()
        .map(|model| Offered { id: model.name, owner: String::new(), context: None })
        .collect();
    findings.model = model;
    findings
}
