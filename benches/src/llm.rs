//! The client of models: makespan beside a bare loop and beside what arithmetic allows, limits told and not told, and
//! backends of different speeds. The provider is a process of its own.

use std::{
    fmt, fs,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
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
    figures::Figures,
    program,
    provider::{MARK, Provider, Settings, TOKENS},
};

/// A part of the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Makespan beside a bare loop
    Makespan,
    /// Limits that were told and limits that were not
    Limits,
    /// Backends of different speeds
    Backends,
}

impl Part {
    pub(crate) const ALL: [Self; 3] = [Self::Makespan, Self::Limits, Self::Backends];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Makespan => "makespan",
            Self::Limits => "limits",
            Self::Backends => "backends",
        })
    }
}

/// Measures on a runtime of its own.
pub(crate) fn measure(parts: &[Part], rounds: usize, limit_rounds: usize) -> Result<(), AnyError> {
    tokio::runtime::Runtime::new()?.block_on(async {
        for part in parts {
            match part {
                Part::Makespan => makespan(rounds).await?,
                Part::Limits => limits(limit_rounds).await?,
                Part::Backends => backends(limit_rounds).await?,
            }
            println!();
        }
        Ok(())
    })
}

/// One backend of a client.
struct Backend<'a> {
    provider: &'a Provider,
    parallelism: Parallelism,
    told: ToldLimits,
}

impl<'a> Backend<'a> {
    fn fixed(provider: &'a Provider, slots: usize) -> Self {
        Self { provider, parallelism: Parallelism::Fixed(slots), told: ToldLimits::default() }
    }
}

fn client(backends: &[Backend<'_>]) -> Result<Client, AnyError> {
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

/// What asking took.
struct Asked {
    seconds: f64,
    answered: usize,
}

/// Asks, each request in a task of its own as documents are, and checks that each answer is its request's.
async fn through_the_client(client: &Client, count: u64) -> Result<Asked, AnyError> {
    let requests: Vec<_> = (0..count).map(request).collect();
    let began = Instant::now();
    let ask = |request| {
        let client = client.clone();
        tokio::spawn(async move { client.ask(request).await })
    };
    let tasks: Vec<_> = requests.into_iter().map(ask).collect();
    let mut answers = Vec::with_capacity(tasks.len());
    for task in tasks {
        answers.push(task.await?);
    }
    let seconds = began.elapsed().as_secs_f64();
    for (id, answer) in (0..).zip(&answers) {
        let Ok(answered) = answer else { continue };
        if answered.answer.text != format!("{MARK}{id}") {
            return Err(format!("request {id} was answered with `{}`", answered.answer.text).into());
        }
    }
    Ok(Asked { seconds, answered: answers.iter().filter(|answer| answer.is_ok()).count() })
}

/// What the client is measured against: the same requests by reqwest and nothing else.
async fn bare_loop(url: &str, count: u64, at_once: usize) -> Result<Asked, AnyError> {
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(at_once).build()?;
    let url = Url::parse(&format!("{url}/chat/completions"))?;
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..at_once {
        let (client, url, next) = (client.clone(), url.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            let mut answered = 0;
            loop {
                let id = next.fetch_add(1, Ordering::Relaxed) as u64;
                if id >= count {
                    return Ok::<_, AnyError>(answered);
                }
                let body = serde_json::json!({
                    "model": "bench",
                    "messages": [{"role": "user", "content": format!("{MARK}{id}. What is it about?")}],
                });
                let sent = client.post(url.clone()).body(body.to_string()).send().await?;
                let ok = sent.status().is_success();
                let _: serde_json::Value = serde_json::from_slice(&sent.bytes().await?)?;
                answered += usize::from(ok);
            }
        });
    }
    let mut answered = 0;
    while let Some(done) = tasks.join_next().await {
        answered += done??;
    }
    Ok(Asked { seconds: began.elapsed().as_secs_f64(), answered })
}

async fn makespan(rounds: usize) -> Result<(), AnyError> {
    const LATENCY: f64 = 0.5;
    println!("Answers after 500 ms: makespan ÷ ideal, {rounds} rounds, median (lowest to highest)");
    println!(
        "{:>6}  {:>7}  {:>6}  {:<24}  {:<24}  client ÷ bare loop",
        "calls", "at once", "ideal", "bare loop", "client"
    );
    for (count, at_once) in [(91u64, 10), (1_000, 100), (5_000, 500)] {
        let ideal = count.div_ceil(at_once as u64) as f64 * LATENCY;
        let provider = Provider::start(Settings::default())?;
        let (mut bare, mut own) = (Figures::default(), Figures::default());
        for round in 0..rounds {
            // Whichever goes first, neither always follows the other.
            for turn in 0..2 {
                let asked = if (round + turn) % 2 == 0 {
                    let asked = bare_loop(&provider.url(), count, at_once).await?;
                    bare.push(asked.seconds / ideal);
                    asked
                } else {
                    let client = client(&[Backend::fixed(&provider, at_once)])?;
                    let asked = through_the_client(&client, count).await?;
                    own.push(asked.seconds / ideal);
                    asked
                };
                if asked.answered as u64 != count {
                    return Err(format!("{} of {count} were answered", asked.answered).into());
                }
            }
        }
        let (ratio, bare, own) = (own.per(&bare), bare.to_string(), own.to_string());
        println!("{count:>6}  {at_once:>7}  {ideal:>5.1}s  {bare:<24}  {own:<24}  {ratio}");
    }
    println!("\nThe whole process, from its start to its end: 1,000 calls at 100 at once");
    let provider = Provider::start(Settings::default())?;
    let (mut bare, mut own) = (Figures::default(), Figures::default());
    for _ in 0..rounds {
        bare.push(whole_process(&provider.url(), true).await? / 5.0);
        own.push(whole_process(&provider.url(), false).await? / 5.0);
    }
    println!("bare loop {bare}, client {own}");

    println!(
        "\nA whole run of the coordinator over 1,000 documents at 100 at once, from its start to its end"
    );
    let mut own = Figures::default();
    for _ in 0..rounds {
        own.push(whole_run(&provider.url()).await? / 5.0);
    }
    println!("{own} of the ideal");

    println!("\nOne in ten fails for good: 1,000 calls at 100 at once");
    let provider = Provider::start(Settings { fails: Some(10), ..Settings::default() })?;
    let mut own = Figures::default();
    for _ in 0..rounds {
        let client = client(&[Backend::fixed(&provider, 100)])?;
        let asked = through_the_client(&client, 1_000).await?;
        own.push(asked.seconds / 5.0);
        let told = client.statistics();
        if (asked.answered, told.failed, told.retries) != (900, 100, 0) {
            return Err(format!("{} were answered; {told:?}", asked.answered).into());
        }
    }
    println!("900 answered, in order, each sent once: {own} of the ideal");
    Ok(())
}

/// A process that asks, and is done.
#[derive(Debug, clap::Args)]
pub(crate) struct Ask {
    /// Where OpenAI's interface begins
    url: String,
    /// Whether by the bare loop
    #[arg(long)]
    bare: bool,
}

impl Ask {
    /// Asks a thousand times, a hundred at once.
    pub(crate) fn run(&self) -> Result<(), AnyError> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let asked = if self.bare {
                bare_loop(&self.url, 1_000, 100).await?
            } else {
                let builder = Client::builder(ClientSettings::default());
                let slots = Parallelism::Fixed(100);
                let client = with(builder, 1, &self.url, slots, ToldLimits::default())?.build()?;
                through_the_client(&client, 1_000).await?
            };
            if asked.answered == 1_000 { Ok(()) } else { Err("not all were answered".into()) }
        })
    }
}

async fn whole_process(url: &str, bare: bool) -> Result<f64, AnyError> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["ask", url]).stdout(Stdio::null());
    if bare {
        command.arg("--bare");
    }
    let began = Instant::now();
    let status = tokio::task::spawn_blocking(move || command.status()).await??;
    let seconds = began.elapsed().as_secs_f64();
    if status.success() {
        Ok(seconds)
    } else {
        Err(format!("a process that asks ended with {status}").into())
    }
}

/// Seconds of `coordinator run --llm always` over 1,000 short documents, each of which must be decided by the model.
async fn whole_run(url: &str) -> Result<f64, AnyError> {
    const DOCUMENTS: usize = 1_000;
    let (folder, url) = (tempfile::tempdir()?, url.to_owned());
    let set = folder.path().join("set");
    fs::create_dir(&set)?;
    for number in 0..DOCUMENTS {
        let text =
            format!("The board of the harbour met on the quay and agreed to replace crane {number}.\n");
        fs::write(set.join(format!("{number:04}.txt")), text)?;
    }
    let program = program::coordinator()?;
    tokio::task::spawn_blocking(move || {
        let out = folder.path().join("out");
        let mut command = Command::new(program);
        command.arg("run").arg(&set).arg("--out").arg(&out);
        // What is measured is requests: each document has its own.
        command.args(["--llm", "always", "--max-parallel", "100", "--batch-size", "1", "--progress", "none"]);
        // The folder holds no configuration that would be read beside these.
        command.current_dir(folder.path()).stdout(Stdio::null());
        command.env("LLM_PROVIDER", "custom").env("LLM_BASE_URL", url).env("LLM_MODEL", "bench");
        let began = Instant::now();
        let status = command.status()?;
        let seconds = began.elapsed().as_secs_f64();
        let decided = program::records(&out)?.iter().filter(|record| record["decided_by"] == "llm").count();
        if !status.success() || decided != DOCUMENTS {
            return Err(format!("the run ended with {status}; the model decided {decided} documents").into());
        }
        Ok(seconds)
    })
    .await?
}

async fn limits(rounds: usize) -> Result<(), AnyError> {
    const CALLS: u64 = 200;
    let requests = Settings { requests: Some(600.0), ..Settings::default() };
    // A bucket of one second, as that of requests is.
    let tokens =
        Settings { tokens: Some(600.0 * TOKENS as f64), bucket: 10.0 * TOKENS as f64, ..Settings::default() };
    let slots = Settings { in_flight: Some(10), ..Settings::default() };
    let nothing = ToldLimits::default();
    let told_requests = ToldLimits { requests_per_minute: Some(600), tokens_per_minute: None };
    let told_tokens = ToldLimits { requests_per_minute: None, tokens_per_minute: Some(600 * TOKENS) };
    println!("{CALLS} calls of 500 ms against a limit, {rounds} rounds, the worst of them");
    println!("{:<34}  {:>7}  {:>8}  {:>5}  {:>7}  ideal", "limit", "at once", "answered", "429s", "seconds");
    for (name, settings, told, at_once, ideal) in [
        ("600 requests/min, told", requests, told_requests, 10, 19.5),
        ("600 requests/min, told", requests, told_requests, 100, 19.5),
        ("18,000 tokens/min, told", tokens, told_tokens, 10, 19.5),
        ("18,000 tokens/min, told", tokens, told_tokens, 100, 19.5),
        ("600 requests/min, not told", requests, nothing, 10, 19.5),
        ("600 requests/min, not told", requests, nothing, 100, 19.5),
        ("18,000 tokens/min, not told", tokens, nothing, 100, 19.5),
        ("10 in flight, not told", slots, nothing, 50, 10.0),
    ] {
        let (mut answered, mut refused, mut seconds) = (usize::MAX, 0, 0.0f64);
        for _ in 0..rounds.max(1) {
            let provider = Provider::start(settings)?;
            let parallelism = Parallelism::Adaptive { start: at_once, most: at_once };
            let client = client(&[Backend { provider: &provider, parallelism, told }])?;
            let asked = through_the_client(&client, CALLS).await?;
            answered = answered.min(asked.answered);
            refused = refused.max(provider.seen().await?.refused);
            seconds = seconds.max(asked.seconds);
        }
        println!("{name:<34}  {at_once:>7}  {answered:>8}  {refused:>5}  {seconds:>7.2}  {ideal:.1}");
    }
    Ok(())
}

async fn backends(rounds: usize) -> Result<(), AnyError> {
    const CALLS: u64 = 300;
    println!("{CALLS} calls over backends of different speeds, {} rounds", rounds.max(1));
    println!("{:<44}  {:>7}  makespan ÷ ideal split", "slots × latency", "ideal");
    let cases: [&[(usize, u64)]; 4] = [
        &[(10, 500), (10, 1_500)],
        &[(1, 100), (1, 1_000)],
        &[(4, 300), (8, 1_000), (2, 3_000)],
        &[(10, 200), (10, 500), (10, 1_000)],
    ];
    for speeds in cases {
        let settings =
            speeds.iter().map(|(_, latency_ms)| Settings { latency_ms: *latency_ms, ..Settings::default() });
        let rate: f64 =
            speeds.iter().map(|(slots, ms)| *slots as f64 / Duration::from_millis(*ms).as_secs_f64()).sum();
        let ideal = CALLS as f64 / rate;
        let mut ratios = Figures::default();
        for _ in 0..rounds.max(1) {
            let providers = settings.clone().map(Provider::start).collect::<Result<Vec<_>, _>>()?;
            let pool: Vec<_> = providers
                .iter()
                .zip(speeds)
                .map(|(provider, (slots, _))| Backend::fixed(provider, *slots))
                .collect();
            let asked = through_the_client(&client(&pool)?, CALLS).await?;
            if asked.answered as u64 != CALLS {
                return Err(format!("{} of {CALLS} were answered", asked.answered).into());
            }
            ratios.push(asked.seconds / ideal);
        }
        let named: Vec<_> = speeds.iter().map(|(slots, ms)| format!("{slots} × {ms} ms")).collect();
        println!("{:<44}  {ideal:>6.2}s  {ratios}", named.join(", "));
    }
    Ok(())
}
