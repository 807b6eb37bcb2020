//! The models of a run: which may be asked, what they can do, and the client that asks them.

use std::{env, fs, io, path::Path, sync::Arc};

use futures::future::join_all;
use sheaf_common::{fault::said, record::Usage};
use sheaf_llm::{
    BackendSpec, Client, ClientSettings, Cost, HttpBackend, Parallelism, Price, PriceTable, SharedBudget,
    SharedLimits, StatisticsSnapshot, ToldLimits,
    bulk::{Bulk, BulkSettings, Store, Teller},
    config::{BackendConfig, ModelOptions, PoolConfig, Sources},
    detect::{Detection, detect},
};

/// Where settings stand beside the environment, relative to the folder in which the program is started.
const DOTENV: &str = ".env";
const FILE: &str = "sheaf.toml";
/// Largest of these files, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// Documents asked about at once where nobody knows better. Each has its text in memory.
const MOST_AT_ONCE: usize = 1_000;

/// The configured backends; `None` when no model is configured at all.
///
/// # Errors
///
/// One line that names the place: an option, a variable, or a file and its line.
pub fn configured(options: &ModelOptions) -> Result<Option<PoolConfig>, String> {
    let (dotenv, file) = (read(DOTENV)?, read(FILE)?);
    let environment = |name: &str| env::var(name).ok();
    PoolConfig::resolve(&Sources {
        options,
        environment: &environment,
        dotenv: dotenv.as_deref().map(|text| (DOTENV, text)),
        file: file.as_deref().map(|text| (FILE, text)),
    })
    .map_err(|error| error.to_string())
}

/// What models cost: the built-in table, and the person's own, which goes before it.
#[derive(Debug)]
pub struct Prices {
    built_in: PriceTable,
    own: Option<PriceTable>,
}

impl Prices {
    /// The built-in table with the person's file, if there is one.
    pub fn read(own: Option<&Path>) -> Result<Self, String> {
        let built_in = PriceTable::built_in().map_err(|error| error.to_string())?;
        let own = match own {
            None => None,
            Some(path) => {
                let text = fs::read_to_string(path).map_err(|error| {
                    format!("the prices {} cannot be read: {}", path.display(), said(&error))
                })?;
                let table = PriceTable::parse(&text);
                Some(table.map_err(|error| format!("the prices {}: {error}", path.display()))?)
            }
        };
        Ok(Self { built_in, own })
    }

    /// What a model costs; on a server of one's own nothing, unless one's own table says otherwise.
    fn of(&self, model: &str, local: bool) -> Option<Price> {
        let own = self.own.as_ref().and_then(|own| own.find(model));
        own.or_else(|| if local { Some(Price::FREE) } else { self.built_in.find(model) })
    }
}

fn read(name: &str) -> Result<Option<String>, String> {
    let unreadable = |why: String| format!("{name} cannot be read: {why}");
    match fs::metadata(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(metadata) if metadata.len() > LARGEST_FILE => {
            return Err(unreadable(format!("it has more than {} MiB", LARGEST_FILE >> 20)));
        }
        _ => {}
    }
    fs::read_to_string(name).map(Some).map_err(|error| unreadable(said(&error)))
}

/// Asks every backend what it is and can do, all together.
pub async fn look(config: &PoolConfig) -> Vec<Detection> {
    join_all(config.backends.iter().map(detect)).await
}

/// What a fleet's workers share of models.
#[derive(Debug, Clone)]
pub struct Sharing {
    /// Limits of keys.
    pub limits: SharedLimits,
    /// The run's budget.
    pub budget: SharedBudget,
    /// Name of this machine, whose own model servers are no other machine's.
    pub host: String,
}

/// A client for the backends that answer requests, and how many requests at once it is worth having documents for. With `sharing`
/// limits and budget are the whole fleet's, and the ceilings of `settings` do not count.
///
/// # Errors
///
/// One line that says why no request should be sent: a wrong key, an unknown model, no server at all.
pub fn client(
    config: &PoolConfig,
    found: &[Detection],
    prices: &Prices,
    settings: &ClientSettings,
    sharing: Option<&Sharing>,
) -> Result<(Client, usize), String> {
    if let Some(problem) = found.iter().find_map(Detection::stopper) {
        return Err(problem.to_string());
    }
    if !found.iter().any(|detection| detection.reached) {
        let problems: Vec<String> =
            found.iter().flat_map(|detection| &detection.problems).map(ToString::to_string).collect();
        return Err(format!("no model can be reached: {}", problems.join("; ")));
    }
    let mut config = config.clone();
    for backend in &mut config.backends {
        if let Some(detection) = found.iter().find(|detection| detection.backend == backend.name) {
            detection.apply(backend);
        }
    }
    let most = config.parallel.most().map(|most| most as usize);
    let longest = config.chat().map(|backend| backend.request_timeout).max();
    let time_limit = longest.unwrap_or(settings.time_limit);
    let mut builder = Client::builder(ClientSettings { most, time_limit, ..settings.clone() });
    if let Some(sharing) = sharing {
        builder = builder.shared(sharing.limits.clone()).with_budget(sharing.budget.clone());
    }
    let mut at_once = 0_usize;
    for (place, backend) in config.chat().enumerate() {
        let detection = found.iter().find(|detection| detection.backend == backend.name);
        let (start, cap) = detection.map_or((1, None), |detection| {
            (detection.parallelism.start as usize, detection.parallelism.most)
        });
        at_once = at_once.saturating_add(cap.map_or(MOST_AT_ONCE, |cap| cap as usize));
        let model = backend.model.clone().unwrap_or_default();
        let price = prices.of(&model, backend.is_local());
        let spec = BackendSpec {
            name: backend.name.clone(),
            model,
            primary: place == 0,
            context: backend.context.map(u64::from),
            price,
            parallelism: match cap {
                Some(cap) => Parallelism::Fixed(cap as usize),
                None => Parallelism::Adaptive { start, most: most.unwrap_or(MOST_AT_ONCE) },
            },
            key: match sharing {
                Some(sharing) => backend.quota_name(&sharing.host),
                None => config.quota_of(backend).to_string(),
            },
            limits: ToldLimits { requests_per_minute: backend.rpm, tokens_per_minute: backend.tpm },
        };
        let service = HttpBackend::new(backend).map_err(|error| error.to_string())?;
        builder = builder.backend(spec, service);
    }
    let client = builder.build().map_err(|error| error.to_string())?;
    Ok((client, at_once.min(most.unwrap_or(MOST_AT_ONCE)).min(MOST_AT_ONCE)))
}

/// Names of the models any of which may answer; where a server does not tell its model, of the server.
pub fn names(config: &PoolConfig, found: &[Detection]) -> Vec<String> {
    let name = |backend: &BackendConfig| {
        let detected = found.iter().find(|detection| detection.backend == backend.name);
        let model = backend.model.clone().or_else(|| detected.and_then(|detection| detection.model.clone()));
        model.unwrap_or_else(|| format!("{} at {}", backend.provider.name(), backend.base_url))
    };
    config.chat().map(name).collect()
}

/// Says whether the first of the configured backends, which batches go to, has an endpoint for them, as far as that is known
/// without asking it.
pub fn may_bulk(config: &PoolConfig) -> Result<(), String> {
    let Some(backend) = config.chat().next() else { return Ok(()) };
    Bulk::is_offered(backend).map_err(|error| format!("{error}. {}", error.hint))
}

/// What asks the first of the backends through its endpoint for batches. With `sharing` the budget is the whole fleet's, and
/// the ceilings of `settings` do not count.
///
/// # Errors
///
/// One line that says why no request should be sent.
pub async fn bulk(
    config: &PoolConfig,
    found: &[Detection],
    prices: &Prices,
    settings: &ClientSettings,
    sharing: Option<&Sharing>,
    store: Arc<dyn Store>,
    tell: Option<Teller>,
) -> Result<Bulk, String> {
    if let Some(problem) = found.iter().find_map(Detection::stopper) {
        return Err(problem.to_string());
    }
    let mut backend = config.chat().next().cloned().ok_or("no model is configured")?;
    if let Some(detection) = found.iter().find(|detection| detection.backend == backend.name) {
        detection.apply(&mut backend);
    }
    let usual = BulkSettings::default();
    let settings = BulkSettings {
        price: prices.of(backend.model.as_deref().unwrap_or_default(), backend.is_local()),
        context: backend.context.map(u64::from),
        ceilings: settings.ceilings,
        spent: settings.spent,
        budget: sharing.map(|sharing| sharing.budget.clone()),
        tell: tell.unwrap_or_else(|| usual.tell.clone()),
        ..usual
    };
    Bulk::start(&backend, settings, store).await.map_err(|error| format!("{error}. {}", error.hint))
}

/// What was spent, as records say it.
pub fn usage(spent: Cost) -> Usage {
    Usage {
        input_tokens: spent.tokens.input,
        output_tokens: spent.tokens.output,
        cost_usd: spent.money.usd(),
    }
}

/// What a client has done, in one line for a person.
pub fn told(statistics: &StatisticsSnapshot) -> String {
    let requests: u64 = statistics.statuses.values().sum();
    let statuses: Vec<String> =
        statistics.statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
    let latency = &statistics.latency_ms;
    // Documents that share requests; otherwise each has its own, and those that had to be asked twice are said below.
    let documents = match (statistics.units, statistics.batches) {
        (_, 0) => String::new(),
        (units, batches) => format!(
            "{units} documents in {requests} requests, {batches} of them for several, {} documents asked about again alone; ",
            statistics.units_retried
        ),
    };
    format!(
        "{documents}model requests: {requests} ({}), {} of them refused with 429, {} retries; p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms; \
         {} tokens sent, {} received, ${:.4}",
        if statuses.is_empty() { "none".to_owned() } else { statuses.join(", ") },
        statistics.rate_limited,
        statistics.retries,
        latency.p50,
        latency.p95,
        latency.p99,
        statistics.input_tokens,
        statistics.output_tokens,
        statistics.cost_usd,
    )
}
