//! The work on one run.

use std::{sync::Arc, time::Duration};

use sheaf_common::{
    backoff::Backoff,
    fleet::{Assignment, LlmPolicy},
    queue::{QueueError, RedisLimits, RedisQueue},
    redis::{Connector, Patience, RedisUrl},
    shutdown::Shutdown,
};
use sheaf_llm::{Ceilings, ClientSettings, Stage, config::ModelOptions};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::{HostSettings, Status};
use crate::{
    Engine, EngineLimits, Leave, Policy, Reviewer, Worker,
    heartbeat::Heartbeat,
    models::{self, Prices},
};

/// How long an operation of the queue is tried again. After it, the leases have run out and the work is dropped.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between attempts to begin.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));

/// After the first failure, which may be the end of the run.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// One run, from assignment to withdrawal.
pub(super) struct Duty {
    pub(super) settings: Arc<HostSettings>,
    pub(super) assignment: Assignment,
    pub(super) busy: Arc<Semaphore>,
    pub(super) paused: watch::Receiver<bool>,
    pub(super) share: watch::Receiver<u32>,
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
                Some(Ok((worker, stopped))) => {
                    (failures, said) = (0, None);
                    self.status.set_trouble(&run, None);
                    let trouble = self.serve(worker).await;
                    stopped.cancel();
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
    async fn begin(&self) -> Result<(Worker<RedisQueue>, CancellationToken), String> {
        let assignment = &self.assignment;
        let reviewer = self.reviewer().await?.map(Arc::new);
        let url = assignment
            .redis
            .reached_from(&self.settings.coordinator_host)
            .map_err(|error| error.to_string())?;
        let url = RedisUrl::parse(&url).map_err(|error| error.to_string())?;
        let connector =
            Connector::find(url, Patience::For(PATIENCE)).await.map_err(|error| error.to_string())?;
        let limits = RedisLimits { lease: self.settings.lease, ..RedisLimits::default() };
        let (run, shards) = (assignment.run.clone(), assignment.shards);
        let queue =
            RedisQueue::open(connector, run.clone(), shards, limits, false, Patience::For(PATIENCE)).await;
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
        let engine =
            Engine::new(assignment.mode, limits, self.settings.child.clone()).sharing(self.busy.clone());
        self.status.begin(&run, heartbeat.clone());
        let worker = Worker {
            id: self.settings.worker.clone(),
            queue,
            engine: Arc::new(engine),
            options: assignment.options,
            reviewer,
            heartbeat,
            paused: self.paused.clone(),
            done: self.status.done.clone(),
        };
        Ok((worker, stopped))
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
    async fn reviewer(&self) -> Result<Option<Reviewer>, String> {
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
        let budget = self.assignment.budget;
        let settings = ClientSettings {
            ceilings: Ceilings { usd: budget.usd, tokens: budget.tokens },
            ..ClientSettings::default()
        };
        let (client, at_once) = models::client(&config, &found, &prices, &settings)?;
        let stage = Stage::overview().map_err(|error| error.to_string())?;
        Ok(Some(Reviewer::new(client, stage, policy, at_once)))
    }
}
