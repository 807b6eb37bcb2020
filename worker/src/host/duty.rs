//! The work on one run.

use std::{sync::Arc, time::Duration};

use sheaf_cache::ResultCache;
use sheaf_common::{
    backoff::Backoff,
    fleet::{Assignment, LlmPolicy},
    id::RunId,
    queue::{QueueError, RedisLimits, RedisQueue},
    redis::{Connector, Link, Patience, RedisUrl},
    shutdown::Shutdown,
    threads::Threads,
};
use sheaf_llm::{
    BatchSize, Ceilings, ClientSettings, Cost, NanoDollars, SharedBudget, SharedLimits, Stage, TokenUsage,
    bulk::RedisStore, config::ModelOptions,
};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::{HostSettings, Status};
use crate::{
    Engine, EngineLimits, Leave, Policy, Reviewer, Worker, caches,
    heartbeat::Heartbeat,
    models::{self, Prices, Sharing},
};

/// How long an operation of the queue is tried again. After it, the leases have run out and the work is dropped.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between attempts to begin.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));

/// After the first failure, which may be the end of the run.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// How long telling what was spent may hold up the end: less than a worker has left that was told to stop.
const FLUSH: Duration = Duration::from_secs(3);
/// How long a lease call that nobody waits for any more may hold up the end: it waits for work half a second at most.
const SETTLE: Duration = Duration::from_secs(2);

/// One run, from assignment to withdrawal.
pub(super) struct Duty {
    pub(super) settings: Arc<HostSettings>,
    pub(super) assignment: Assignment,
    pub(super) busy: Arc<Semaphore>,
    pub(super) threads: Arc<Threads>,
    pub(super) paused: watch::Receiver<bool>,
    pub(super) share: watch::Receiver<u32>,
    /// Nothing more is pushed to the run's queue.
    pub(super) closing: watch::Receiver<bool>,
    pub(super) status: Arc<Status>,
    pub(super) shutdown: Shutdown,
}

impl Duty {
    /// Works until the run is withdrawn or the worker stops. Trouble is said once, reported, and tried again.
    pub(super) async fn work(self) {
        let run = self.assignment.run.clone();
        let mut failures = 0;
        let mut said = None;
        while !self.shutdown.is_draining() {
            let begun = self.shutdown.draining().run_until_cancelled(self.begin()).await;
            let trouble = match begun {
                None => break,
                Some(Ok(Begun { worker, sharing, stopped })) => {
                    (failures, said) = (0, None);
                    self.status.set_trouble(&run, None);
                    let sharing_out = tokio::spawn(share_out(sharing.limits, self.share.clone()));
                    let (reviewer, queue) = (worker.reviewer.clone(), worker.queue.clone());
                    let trouble = self.serve(worker).await;
                    stopped.cancel();
                    sharing_out.abort();
                    tell_of_caches(&run, reviewer.as_deref());
                    tokio::join!(settle(&run, &queue), async {
                        if reviewer.is_some()
                            && tokio::time::timeout(FLUSH, sharing.budget.flush()).await.is_err()
                        {
                            tracing::warn!(%run, "what was spent could not be told: it counts in full");
                        }
                    });
                    trouble
                }
                Some(Err(trouble)) => Some(trouble),
            };
            let Some(trouble) = trouble else { continue };
            // A run that has ended is withdrawn: the order may be a moment behind.
            failures += 1;
            if failures == 1 {
                self.shutdown.draining().run_until_cancelled(tokio::time::sleep(FIRST_WAIT)).await;
                continue;
            }
            if said.as_ref() != Some(&trouble) {
                tracing::warn!(%run, trouble, "the worker cannot work on a run, trying again");
            }
            self.status.set_trouble(&run, Some(trouble.clone()));
            said = Some(trouble);
            let wait = tokio::time::sleep(BACKOFF.delay(failures, fastrand::f64()));
            self.shutdown.draining().run_until_cancelled(wait).await;
        }
        self.status.end(&run);
    }

    /// Everything that the work needs; an error says what is in the way.
    async fn begin(&self) -> Result<Begun, String> {
        let assignment = &self.assignment;
        let url = assignment
            .redis
            .reached_from(&self.settings.coordinator_host)
            .map_err(|error| error.to_string())?;
        let url = RedisUrl::parse(&url).map_err(|error| error.to_string())?;
        let connector =
            Connector::find(url, Patience::For(PATIENCE)).await.map_err(|error| error.to_string())?;
        let sharing = self.sharing(&connector);
        let reviewer = self.reviewer(&sharing, &connector).await?.map(Arc::new);
        let limits = RedisLimits { lease: self.settings.lease, ..RedisLimits::default() };
        let (run, shards) = (assignment.run.clone(), assignment.shards);
        let patience = Patience::For(PATIENCE);
        let queue = RedisQueue::open(connector, run.clone(), shards, limits, false, patience).await;
        let queue = Arc::new(queue.map_err(|error| error.to_string())?);
        let stopped = CancellationToken::new();
        let heartbeat =
            Heartbeat::start(queue.clone(), self.settings.heartbeat, stopped.clone()).map_err(|error| {
                format!("the heartbeat thread could not be started: {error}; check ulimit -u")
            })?;
        let limits = EngineLimits {
            slots: self.settings.slots,
            parse_timeout: assignment.parse_timeout,
            parse_memory_bytes: assignment.parse_memory_bytes,
        };
        let engine = Engine::new(assignment.mode, limits, self.settings.child.clone())
            .sharing(self.busy.clone(), self.threads.clone());
        self.status.begin(&run, heartbeat.clone());
        let worker = Worker {
            id: self.settings.worker.clone(),
            queue,
            engine: Arc::new(engine),
            options: assignment.options,
            reviewer,
            heartbeat,
            paused: self.paused.clone(),
            closing: self.closing.clone(),
            done: self.status.done.clone(),
        };
        Ok(Begun { worker, sharing, stopped })
    }

    /// What models may cost, for the whole fleet.
    fn sharing(&self, connector: &Connector) -> Sharing {
        let link = Link::new(connector.clone(), Patience::For(PATIENCE));
        let (worker, budget) = (&self.settings.worker, self.assignment.budget);
        let ceilings = Ceilings { usd: budget.usd, tokens: budget.tokens };
        let spent = Cost {
            money: NanoDollars(budget.spent_nano_usd),
            tokens: TokenUsage { input: budget.spent_input_tokens, output: budget.spent_output_tokens },
        };
        Sharing {
            limits: SharedLimits::connect(&link, worker.clone()),
            budget: SharedBudget::open(&link, &self.assignment.run, worker, ceilings, spent),
            host: self.settings.host.clone(),
        }
    }

    /// Works; returns what ended it other than the shutdown.
    async fn serve(&self, worker: Worker<RedisQueue>) -> Option<String> {
        let (run, reviewer) = (self.assignment.run.clone(), worker.reviewer.clone());
        let part = self.shutdown.part();
        let mut working = tokio::spawn(worker.run(part.clone()));
        let halted = async {
            match &reviewer {
                Some(reviewer) => reviewer.halted().cancelled().await,
                None => std::future::pending().await,
            }
        };
        let left = tokio::select! {
            left = &mut working => left,
            // What is in flight is given back by itself: without the model it cannot be done here.
            () = halted => {
                part.drain();
                let _ended = working.await;
                let stopped = reviewer.and_then(|reviewer| reviewer.stopped());
                return Some(stopped.map_or_else(|| "its models can no longer be asked".to_owned(), |error| {
                    format!("{error}; {}", error.hint)
                }));
            }
        };
        match left {
            Ok(Leave::Asked) => None,
            Ok(Leave::NoSuchRun) => Some(QueueError::NoSuchRun(run).to_string()),
            Err(error) => Some(format!("the work ended by a defect: {error}")),
        }
    }

    /// What asks models, configured by this host's own environment; `None` when rules decide every document.
    async fn reviewer(&self, sharing: &Sharing, connector: &Connector) -> Result<Option<Reviewer>, String> {
        let policy = match self.assignment.llm {
            LlmPolicy::Never => return Ok(None),
            LlmPolicy::Unsure => Policy::Unsure,
            LlmPolicy::Every => Policy::Every,
        };
        let asked = self.assignment.models;
        let options = ModelOptions {
            no_parallel: asked.no_parallel,
            max_parallel: asked.max_parallel,
            rpm: asked.requests_per_minute,
            tpm: asked.tokens_per_minute,
            ..ModelOptions::default()
        };
        let config = models::configured(&options)?.ok_or_else(|| {
            "the run asks models, and none is configured on this host: set LLM_PROVIDER, LLM_API_KEY and LLM_MODEL, or \
             LLAMA_CPP_URL, in the worker's environment"
                .to_owned()
        })?;
        let found = models::look(&config).await;
        let prices = Prices::read(self.settings.prices.as_deref())?;
        let settings = ClientSettings::default();
        let stage = Stage::overview().map_err(|error| error.to_string())?;
        let place = caches::Place {
            settings: &self.assignment.cache,
            run: &self.assignment.run,
            memory: self.settings.answers.clone(),
            redis: Some(connector.url().clone()),
            embedding_model: self.settings.embedding_model.as_deref(),
        };
        let models = caches::Models { config: &config, found: &found, sharing: Some(sharing) };
        let cache = caches::open(place, &stage, models).await?;
        if asked.batch_api {
            models::may_bulk(&config)?;
            let link = Link::new(connector.clone(), Patience::For(PATIENCE));
            let store = Arc::new(RedisStore::new(link, &self.assignment.run));
            let sharing = Some(sharing);
            let bulk = models::bulk(&config, &found, &prices, &settings, sharing, store, None).await?;
            return Ok(Some(Reviewer::in_bulk(bulk, stage, policy).with_cache(cache)));
        }
        let (client, at_once) = models::client(&config, &found, &prices, &settings, Some(sharing))?;
        let size = BatchSize::from(asked.batch_size);
        Ok(Some(Reviewer::new(client, stage, policy, size, at_once).modest().with_cache(cache)))
    }
}

/// Everything that the work on a run needs.
struct Begun {
    worker: Worker<RedisQueue>,
    sharing: Sharing,
    /// Ends the heartbeat.
    stopped: CancellationToken,
}

/// Jobs that a lease call brings when nobody waits for them are given back before the worker leaves: left behind, they would
/// count as its death.
async fn settle(run: &RunId, queue: &RedisQueue) {
    if tokio::time::timeout(SETTLE, queue.settled()).await.is_err() {
        tracing::warn!(%run, "a lease call did not end; what it brings is delivered again when its lease has run out");
    }
}

/// Says what the caches of a run have done, louder where something was wrong.
fn tell_of_caches(run: &RunId, reviewer: Option<&Reviewer>) {
    let Some(counts) = reviewer.and_then(Reviewer::cache).map(ResultCache::counts) else { return };
    if caches::is_worth_telling(&counts) {
        tracing::warn!(%run, "{}", caches::told(&counts));
    } else {
        tracing::info!(%run, "{}", caches::told(&counts));
    }
}

/// Tells the limits how many workers share them, as often as that changes.
async fn share_out(limits: SharedLimits, mut share: watch::Receiver<u32>) {
    loop {
        let workers = *share.borrow_and_update();
        limits.set_share(workers);
        if share.changed().await.is_err() {
            return;
        }
    }
}
