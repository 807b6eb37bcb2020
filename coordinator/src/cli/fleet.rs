//! What a run by a fleet needs before it begins: a Redis that may be trusted, a port for workers, and what they are told.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use sheaf_common::{
    fleet::{Assignment, Budget, LlmPolicy, ModelSettings, RedisAccess},
    queue::{QueueError, RedisLimits, RedisQueue},
    quota::{Amount, Ledger, Totals},
    redis::{Connector, Link, Patience, RedisUrl, inspect},
};
use sheaf_llm::{
    Cost, NanoDollars, TokenUsage,
    bulk::{RedisStore, Store},
};
use sheaf_worker::{cli::token, models};
use tokio_util::sync::CancellationToken;

use super::{
    arguments::{FleetArguments, GuardArguments, LlmArgument, RunArguments},
    asked::Asked,
    exit::note,
};
use crate::{
    dispatch::Dispatch,
    fleet::{FleetService, FleetSettings, GuardSettings, TlsFiles, WorkerBounds},
    folder::RunFolder,
    private_redis::PrivateRedis,
    progress::Tally,
    status,
};

/// Where workers register.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7_700);
/// How long a lease holds without being extended. Workers extend each second, on a thread of its own: whoever misses ten in
/// a row is not there.
pub(super) const LEASE: Duration = Duration::from_secs(10);
/// How often leases are extended.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long the Redis that a person named may take to answer before the run is given up.
pub(super) const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// How a run's state calls the Redis of its own.
const PRIVATE: &str = "private";
/// Shards for each master of a cluster: so that hardly one is left without.
const SHARDS_A_MASTER: u16 = 2;

/// A run's fleet.
pub(super) struct Fleet {
    /// Goes into the run's plan.
    pub(super) dispatch: Option<Dispatch>,
    /// Where workers register, as a URL.
    address: String,
    /// What the fleet has spent on models; `None` when it asks none.
    ledger: Option<Ledger>,
    /// The journal of what was handed in at a provider, where requests go through its batches.
    batches: Option<RedisStore>,
    private: Option<PrivateRedis>,
    service: FleetService,
    ending: CancellationToken,
}

/// The port is opened first: a port that is taken is told before anything is begun.
pub(super) struct Port {
    service: FleetService,
    ending: CancellationToken,
    address: SocketAddr,
    tls: bool,
}

impl Port {
    /// Opens the port where workers register.
    pub(super) async fn open(arguments: &FleetArguments, tally: Arc<Tally>) -> Result<Self, String> {
        let settings = FleetSettings {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            lease: LEASE,
            heartbeat: HEARTBEAT,
            bounds: WorkerBounds::default(),
        };
        let ending = CancellationToken::new();
        let (service, mut events) = FleetService::new(settings, ending.clone());
        // What happens in the fleet is in the log and in the progress.
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        let guard = guard(&arguments.guard)?;
        let router = status::router(tally).merge(fleet_router(&service));
        let listening = service.listen(arguments.listen.unwrap_or(LISTEN), &guard, router).await;
        let address = listening.map_err(|error| error.to_string())?.address;
        Ok(Self { service, ending, address, tls: guard.tls.is_some() })
    }
}

/// The numbers that an autoscaler reads.
fn fleet_router(service: &FleetService) -> Router {
    let snapshots = service.snapshots();
    let counts = move || {
        let counts = snapshots.borrow().counts;
        async move {
            axum::Json(serde_json::json!({
                "workers": counts.workers,
                "workers_lost": counts.lost,
                "workers_wanted": counts.wanted_workers,
                "backlog": counts.backlog,
                "in_flight": counts.in_flight,
                "slots": counts.slots,
            }))
        }
    };
    Router::new().route("/fleet", axum::routing::get(counts))
}

impl Fleet {
    /// Connects the run with its Redis and prepares what workers are told.
    pub(super) async fn begin(
        arguments: &RunArguments,
        port: Port,
        folder: &mut RunFolder,
        program: &Path,
        asked: Option<&Asked>,
    ) -> Result<Self, String> {
        let (connector, private) = if let Some(url) = &arguments.fleet.redis_url {
            let url = RedisUrl::parse(url).map_err(|error| error.to_string())?;
            let found = Connector::find(url, Patience::For(FIRST_ANSWER)).await;
            (found.map_err(|error| error.to_string())?, None)
        } else {
            let started = PrivateRedis::start(&folder.redis_folder(), program, port.address.ip()).await;
            let private = started.map_err(|error| error.to_string())?;
            note(&format!("started a private Redis in {}", folder.redis_folder().display()));
            (private.connector().clone(), Some(private))
        };
        trust(&connector).await?;
        let place = if private.is_some() { PRIVATE.to_owned() } else { connector.url().to_string() };
        forget_old_run(folder, &connector, &place).await;
        if let Some(before) = folder.state.redis.replace(place.clone()).filter(|before| *before != place) {
            note(&format!(
                "the queue of this run was at {before}: what is under way there is done again here, and paid for again; \
                 coordinator purge removes it there"
            ));
            folder.state.shards = 0;
        }
        if folder.state.shards == 0 {
            folder.state.shards = shards(&connector).await?;
        }
        folder.save_state().map_err(|error| error.to_string())?;
        let shards = folder.state.shards;
        let limits = RedisLimits { lease: LEASE, ..RedisLimits::default() };
        let run = folder.state.run.clone();
        let url = connector.url().clone();
        let patience = Patience::For(FIRST_ANSWER);
        let ledger = Ledger::new(Link::new(connector.clone(), patience), &run, Amount::default());
        let batches = RedisStore::new(Link::new(connector.clone(), patience), &run);
        let batches = Some(batches).filter(|_| arguments.llm_batch_api);
        let queue = RedisQueue::open(connector, run.clone(), shards, limits, true, Patience::Endless).await;
        let queue = queue.map_err(|error| error.to_string())?;
        let assignment = Assignment {
            run,
            redis: RedisAccess { host_is_coordinator: url.is_loopback(), url: url.expose().to_owned() },
            shards,
            options: super::run::analysis_options(arguments),
            mode: arguments.parallelism_mode.into(),
            parse_timeout: arguments.parse_timeout,
            parse_memory_bytes: arguments.parse_memory << 20,
            llm: policy(arguments, asked),
            models: ModelSettings {
                no_parallel: arguments.models.no_parallel,
                max_parallel: arguments.models.max_parallel,
                requests_per_minute: arguments.models.rpm,
                tokens_per_minute: arguments.models.tpm,
                batch_size: arguments.batch_size,
                batch_api: arguments.llm_batch_api,
            },
            budget: budget(arguments, folder)?,
            cache: arguments.cache.settings(),
        };
        let scheme = if port.tls { "https" } else { "http" };
        let address = format!("{scheme}://{}", shown(port.address));
        let dispatch = Dispatch { queue, fleet: port.service.clone(), assignment };
        let ledger = Some(ledger).filter(|_| dispatch.assignment.llm != LlmPolicy::Never);
        let (service, ending) = (port.service, port.ending);
        Ok(Self { dispatch: Some(dispatch), address, ledger, batches, private, service, ending })
    }

    /// Says how workers join. Whoever reads it may also stop the run: signals are watched by then.
    pub(super) fn invite(&self) {
        note(&format!("workers join with: worker start --coordinator {}", self.address));
    }

    /// Ends the fleet's service, and the private Redis; `done` removes what was kept in Redis. What was spent on models goes
    /// into the run's state.
    pub(super) async fn end(self, folder: &mut RunFolder, done: bool) {
        self.service.settled().await;
        if let Some(ledger) = &self.ledger {
            match ledger.totals().await {
                // Without a request there is no ledger, and it says nothing of earlier parts.
                Ok(totals) if totals.spent.money + totals.spent.input > 0 => {
                    folder.state.spent = models::usage(all_of(totals));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "what was spent could not be read: the records have most of it");
                }
            }
            if done && let Err(error) = ledger.remove().await {
                tracing::warn!(%error, "the ledger stays until it expires");
            }
        }
        if done
            && let Some(batches) = &self.batches
            && let Err(error) = batches.forget().await
        {
            tracing::warn!(%error, "the journal of batches stays until it expires");
        }
        self.ending.cancel();
        let Some(private) = self.private else { return };
        let stopped = tokio::task::spawn_blocking(move || private.stop()).await;
        if stopped.is_ok()
            && done
            && let Err(error) = folder.remove_redis()
        {
            tracing::warn!(%error, "what the private Redis kept could not be removed");
        }
    }
}

/// A run that `--fresh` forgets is removed from Redis as well.
async fn forget_old_run(folder: &RunFolder, connector: &Connector, place: &str) {
    let Some(old) = folder.forgotten.as_ref().filter(|old| old.redis.as_deref() == Some(place)) else {
        return;
    };
    let (run, limits) = (old.run.clone(), RedisLimits::default());
    let patience = Patience::For(FIRST_ANSWER);
    let queue = RedisQueue::open(connector.clone(), run, old.shards, limits, false, patience).await;
    let purged = match queue {
        Ok(queue) => queue.purge().await,
        Err(QueueError::NoSuchRun(_)) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = purged {
        tracing::warn!(%error, run = %old.run, "what Redis holds of the forgotten run stays there");
    }
}

/// Spent, and what is still set aside: by workers that died, whose requests may have been billed.
fn all_of(totals: Totals) -> Cost {
    let spent = totals.spent;
    Cost {
        money: NanoDollars(spent.money.saturating_add(totals.held_money)),
        tokens: TokenUsage { input: spent.input, output: spent.output.saturating_add(totals.held_tokens) },
    }
}

/// Refuses a Redis that would lose jobs; says what else is wrong with it.
pub(super) async fn trust(connector: &Connector) -> Result<(), String> {
    let link = Link::new(connector.clone(), Patience::For(FIRST_ANSWER));
    let found = inspect(&link, LEASE).await.map_err(|error| error.to_string())?;
    for finding in found.warnings() {
        note(&format!("warning: Redis at {}: {}; {}", connector.url(), finding.message, finding.mend));
    }
    match found.refusal() {
        Some(refusal) => Err(format!("Redis at {} cannot be trusted with jobs: {refusal}", connector.url())),
        None => Ok(()),
    }
}

async fn shards(connector: &Connector) -> Result<u16, String> {
    if !connector.is_cluster() {
        return Ok(1);
    }
    let link = Link::new(connector.clone(), Patience::For(FIRST_ANSWER));
    let info: String = link
        .query("asking for the cluster's size", sheaf_common::redis::command("CLUSTER").arg("INFO"))
        .await
        .map_err(|error| error.to_string())?;
    let masters =
        info.lines().find_map(|line| line.trim().strip_prefix("cluster_size:")?.parse::<u16>().ok());
    Ok(masters.unwrap_or(1).clamp(1, 512) * SHARDS_A_MASTER)
}

/// The ceilings, and what earlier parts of the run spent.
fn budget(arguments: &RunArguments, folder: &RunFolder) -> Result<Budget, String> {
    let spent = super::asked::spent(folder)?;
    Ok(Budget {
        usd: arguments.budget_usd,
        tokens: arguments.budget_tokens,
        spent_nano_usd: spent.money.0,
        spent_input_tokens: spent.tokens.input,
        spent_output_tokens: spent.tokens.output,
    })
}

/// Which documents the workers ask about. Their models are theirs: this host may have none.
fn policy(arguments: &RunArguments, asked: Option<&Asked>) -> LlmPolicy {
    match (arguments.llm, asked) {
        (Some(LlmArgument::Never), _) | (None, None) => LlmPolicy::Never,
        (Some(LlmArgument::Always), _) => LlmPolicy::Every,
        (Some(LlmArgument::Auto) | None, _) => LlmPolicy::Unsure,
    }
}

fn guard(arguments: &GuardArguments) -> Result<GuardSettings, String> {
    let token = token(arguments.token_file.as_deref())?;
    let tls = arguments.tls_certificate.clone().zip(arguments.tls_key.clone()).map(|(certificate, key)| {
        TlsFiles { certificate, key, client_authority: arguments.tls_client_authority.clone() }
    });
    Ok(GuardSettings { token, tls, insecure: arguments.insecure })
}

/// An address that can be typed: `0.0.0.0` is none.
fn shown(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("THIS-HOST:{}", address.port()) } else { address.to_string() }
}
