//! Asking many times, through the client and by a bare loop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use sheaf_llm::{
    BackendSpec, Client, ClientSettings, HttpBackend, Message, ModelRequest, Parallelism, Price, Role,
    Target, ToldLimits,
    config::{BackendConfig, Provider as Whose},
};
use tokio::task::JoinSet;
use url::Url;

use crate::{
    AnyError,
    ledger::Ledger,
    provider::{MARK, Provider, digest_of},
    sheet::Sheet,
};

/// One backend of a client.
pub(super) struct Backend<'a> {
    pub(super) provider: &'a Provider,
    pub(super) parallelism: Parallelism,
    pub(super) told: ToldLimits,
}

impl<'a> Backend<'a> {
    pub(super) fn fixed(provider: &'a Provider, slots: usize) -> Self {
        Self { provider, parallelism: Parallelism::Fixed(slots), told: ToldLimits::default() }
    }
}

pub(super) fn client(backends: &[Backend<'_>]) -> Result<Client, AnyError> {
    let urls = backends.iter().map(|backend| backend.provider.url());
    let mut builder = Client::builder(ClientSettings::default());
    for (number, (backend, url)) in (1..).zip(backends.iter().zip(urls)) {
        builder = with(builder, number, &url, backend.parallelism, backend.told)?;
    }
    Ok(builder.build()?)
}

fn with(
    builder: sheaf_llm::ClientBuilder,
    number: usize,
    url: &str,
    parallelism: Parallelism,
    limits: ToldLimits,
) -> Result<sheaf_llm::ClientBuilder, AnyError> {
    let name = format!("provider-{number}");
    let mut config = BackendConfig::new(name.as_str(), Whose::Custom, Url::parse(url)?);
    config.model = Some("bench".to_owned());
    let spec = BackendSpec {
        name: Arc::from(name.as_str()),
        model: "bench".to_owned(),
        primary: false,
        context: None,
        price: Some(Price::FREE),
        parallelism,
        key: name,
        limits,
    };
    Ok(builder.backend(spec, HttpBackend::new(&config)?))
}

fn request(id: u64) -> ModelRequest {
    ModelRequest {
        id,
        stage: Arc::from("bench"),
        messages: Arc::from([Message { role: Role::User, text: format!("{MARK}{id}. What is it about?") }]),
        schema: None,
        most_output_tokens: 20,
        target: Target::Any,
        deadline: None,
    }
}

/// What asking took, and the answers.
pub(super) struct Asked {
    pub(super) seconds: f64,
    ledger: Ledger,
}

impl Asked {
    /// Answers by request; those without one are not among them.
    fn new(seconds: f64, count: u64, answers: impl IntoIterator<Item = (u64, String)>) -> Self {
        let mut ledger = Ledger::new(count as usize);
        answers.into_iter().for_each(|(id, text)| ledger.take(id, digest_of(MARK, &text, id)));
        Self { seconds, ledger }
    }

    pub(super) fn answered(&self) -> usize {
        self.ledger.given()
    }

    /// Holds all answers to what the provider, and only it, knows.
    pub(super) fn check(&self, provider: &Provider, sheet: &mut Sheet) {
        sheet
            .check("every request has its own answer, once", &self.ledger.breaches(|id| provider.secret(id)));
    }

    /// The same where requests may stay unanswered: those that are answered must be right.
    pub(super) fn check_answered(&self, of: impl Fn(u64) -> u64, sheet: &mut Sheet) {
        let mut breaches = self.ledger.breaches(of);
        breaches.retain(|breach| !matches!(breach, crate::breach::Breach::Lost { .. }));
        sheet.check("every answer is its request's own", &breaches);
    }
}

/// Asks, each request in a task of its own as documents are.
pub(super) async fn through_the_client(client: &Client, count: u64) -> Result<Asked, AnyError> {
    let requests: Vec<_> = (0..count).map(request).collect();
    let began = Instant::now();
    let ask = |request: ModelRequest| {
        let client = client.clone();
        tokio::spawn(async move { (request.id, client.ask(request).await) })
    };
    let tasks: Vec<_> = requests.into_iter().map(ask).collect();
    let mut answers = Vec::with_capacity(tasks.len());
    for task in tasks {
        if let (id, Ok(answered)) = task.await? {
            answers.push((id, answered.answer.text.clone()));
        }
    }
    Ok(Asked::new(began.elapsed().as_secs_f64(), count, answers))
}

/// What the client is measured against: the same requests by reqwest and nothing else.
pub(super) async fn bare_loop(url: &str, count: u64, at_once: usize) -> Result<Asked, AnyError> {
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(at_once).build()?;
    let url = Url::parse(&format!("{url}/chat/completions"))?;
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..at_once {
        let (client, url, next) = (client.clone(), url.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            let mut answers = Vec::new();
            loop {
                let id = next.fetch_add(1, Ordering::Relaxed) as u64;
                if id >= count {
                    return Ok::<_, AnyError>(answers);
                }
                let body = serde_json::json!({
                    "model": "bench",
                    "messages": [{"role": "user", "content": format!("{MARK}{id}. What is it about?")}],
                });
                let sent = client.post(url.clone()).body(body.to_string()).send().await?;
                let ok = sent.status().is_success();
                let answer: serde_json::Value = serde_json::from_slice(&sent.bytes().await?)?;
                if ok {
                    let text = answer.pointer("/choices/0/message/content").and_then(|text| text.as_str());
                    answers.push((id, text.unwrap_or_default().to_owned()));
                }
            }
        });
    }
    let mut answers = Vec::with_capacity(count as usize);
    while let Some(done) = tasks.join_next().await {
        answers.append(&mut done??);
    }
    Ok(Asked::new(began.elapsed().as_secs_f64(), count, answers))
}

/// A process that asks, and is done.
#[derive(Debug, clap::Args)]
pub(crate) struct Ask {
    /// Where OpenAI's interface begins
    url: String,
    /// Whether by the bare loop
    #[arg(long)]
    bare: bool,
    /// How often
    #[arg(long, default_value_t = 1_000)]
    calls: u64,
}

impl Ask {
    /// Asks, a hundred at once.
    pub(crate) fn run(&self) -> Result<(), AnyError> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let asked = if self.bare {
                bare_loop(&self.url, self.calls, 100).await?
            } else {
                let builder = Client::builder(ClientSettings::default());
                let slots = Parallelism::Fixed(100);
                let client = with(builder, 1, &self.url, slots, ToldLimits::default())?.build()?;
                through_the_client(&client, self.calls).await?
            };
            if asked.answered() as u64 == self.calls { Ok(()) } else { Err("not all were answered".into()) }
        })
    }
}
