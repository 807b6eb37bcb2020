//! Requests through a provider's endpoint for batches: at half the price, answered within a day.
//!
//! ```text
//! ask ─► look in the store ─► answered before ──────────────────────────────────────────► answer
//!              │     └──────► in a submission ─────────────────────────────┐                ▲
//!              ▼                                                           ▼                │
//!        set aside from the budget ─► gather ─► begin ─► upload ─► create ─► poll ─► collect, keep, settle
//!                                       ▲        (each step is in the store before the next)  │
//!                                       └───────────────── what is worth another try ◄────────┘
//! ```
//!
//! | module | noun |
//! | --- | --- |
//! | `id` | a request's name, made of what it asks; a submission's own |
//! | `gather` | when what has come is handed in: pure |
//! | `desk` | who waits for what |
//! | `store` | the door to where it is kept what was handed in and what came of it |
//! | `folder`, `redis` | the store of one process, and of a fleet |
//! | `openai`, `anthropic`, `state` | the shapes of the two interfaces, and what both mean: pure |
//! | `endpoint` | one of them over HTTP |
//! | `verdict` | what results mean for each request: pure |
//! | `driver` | hands in, looks around |
//! | `handing`, `tend` | one submission, from the intention to its end |
//! | `notice` | what a person is told |
//!
//! A request is paid for once: its name is made of its content, a name is in one open submission at most, and what became
//! of it is kept before the submission is closed. A submission whose batch has no name yet, because this program ended
//! between the provider's accepting it and our writing that down, is looked for at the provider before anything else is
//! done with it: by our name in its metadata (OpenAI), or by its time and size and then the names in its results
//! (Anthropic, which keeps nothing of ours beside a batch).

#[cfg(test)]
mod conformance;

mod anthropic;
mod desk;
mod driver;
mod endpoint;
mod folder;
mod gather;
mod handing;
mod id;
mod notice;
mod openai;
mod redis;
mod state;
mod store;
mod tend;
mod verdict;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sheaf_common::backoff::Backoff;
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use self::{desk::Desk, endpoint::Endpoint, verdict::spoken};
pub use self::{
    folder::FolderStore,
    gather::Gathering,
    id::{CustomId, SubmissionId},
    notice::{Notice, Teller},
    redis::RedisStore,
    store::{KeptAnswer, KeptFailure, Known, Outcome, Step, Store, StoreError, Submission, Worst},
};
use crate::{
    ask::Ask,
    budget::{Budget, Ceilings, Cost, SharedBudget},
    client::Answered,
    config::BackendConfig,
    error::{ModelError, ModelErrorKind},
    price::Price,
    request::ModelRequest,
    statistics::{Statistics, StatisticsSnapshot},
};

/// What a request in a batch costs, as a share of what it costs alone: one half, at
/// OpenAI (<https://platform.openai.com/docs/guides/batch>, "50% cost discount") and at
/// Anthropic (<https://docs.anthropic.com/en/docs/build-with-claude/batch-processing>, "50% of the standard API prices").
pub const PRICE_SHARE: f64 = 0.5;

/// How long an answer is waited for: the 24 hours in which a batch ends, and two for handing in, collecting and queues.
pub const DEADLINE: Duration = Duration::from_hours(26);

/// How requests are handed in.
#[derive(Clone)]
pub struct BulkSettings {
    /// When what has come is handed in.
    pub gathering: Gathering,
    /// Between looks at a batch. Most end within minutes to an hour, so it starts short; a look costs the provider little,
    /// and both ask for no more than about one a minute.
    pub poll: Backoff,
    /// Between attempts at anything that failed; a longer wait that the provider asks for is kept to.
    pub backoff: Backoff,
    /// Before anything more is handed in to an account whose queue is full.
    pub crowded: Backoff,
    /// How long handing in is tried when the provider cannot be reached or fails.
    pub patience: Duration,
    /// How long a submission is this process's after its last sign: another one then looks after it. As long as a job of
    /// the queue is.
    pub lease: Duration,
    /// Between looks at what others have handed in and collected.
    pub look: Duration,
    /// Times that a request is handed in at most.
    pub most_tries: u32,
    /// The model's usual price; `None`: not known.
    pub price: Option<Price>,
    /// Tokens that a request may have, input and output together; `None`: not known.
    pub context: Option<u64>,
    /// Ceilings of the run.
    pub ceilings: Ceilings,
    /// What earlier sessions of the run spent.
    pub spent: Cost,
    /// The budget of a run that a fleet shares, in place of `ceilings` and `spent`.
    pub budget: Option<SharedBudget>,
    /// Takes what a person is told; by default it goes to the log.
    pub tell: Teller,
}

impl Default for BulkSettings {
    fn default() -> Self {
        Self {
            gathering: Gathering::default(),
            poll: Backoff::new(Duration::from_secs(1), Duration::from_mins(1)),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_mins(1)),
            crowded: Backoff::new(Duration::from_secs(30), Duration::from_mins(10)),
            patience: Duration::from_mins(30),
            lease: Duration::from_secs(10),
            look: Duration::from_secs(5),
            most_tries: 2,
            price: None,
            context: None,
            ceilings: Ceilings::default(),
            spent: Cost::default(),
            budget: None,
            tell: Arc::new(|notice| tracing::info!("{notice}")),
        }
    }
}

impl fmt::Debug for BulkSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkSettings").field("gathering", &self.gathering).finish_non_exhaustive()
    }
}

/// Asks through a provider's endpoint for batches. Cheap to clone; all clones are one. What was handed in goes on at the
/// provider when the last clone is dropped, and is collected by the next one over the same store.
#[derive(Clone)]
pub struct Bulk {
    owner: Arc<Owner>,
}

/// Ends the driver.
struct Owner {
    shared: Arc<Shared>,
    driver: JoinHandle<()>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl fmt::Debug for Bulk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk").finish_non_exhaustive()
    }
}

/// What all parts share.
struct Shared {
    endpoint: Endpoint,
    store: Arc<dyn Store>,
    settings: BulkSettings,
    /// Of a batch.
    price: Option<Price>,
    budget: Budget,
    /// This one's name, for leases.
    holder: String,
    desk: Mutex<Desk>,
    /// Something came, or a batch ended.
    changed: Notify,
    /// Results may be large: those of one batch are in memory at a time.
    collecting: tokio::sync::Mutex<()>,
    statistics: Statistics,
}

impl Bulk {
    /// Whether a backend is one that has an endpoint for batches, as far as that is known without asking it.
    ///
    /// # Errors
    ///
    /// When it is none, with what to do instead; or when it cannot be spoken with at all.
    pub fn is_offered(config: &BackendConfig) -> Result<(), ModelError> {
        Endpoint::new(config).map(drop)
    }

    /// Begins: asks the endpoint whether it is there, and takes up what the store says was handed in before.
    ///
    /// # Errors
    ///
    /// When the backend has no endpoint for batches or refuses the key, or when there is a ceiling in money and the price
    /// is not known.
    pub async fn start(
        config: &BackendConfig,
        settings: BulkSettings,
        store: Arc<dyn Store>,
    ) -> Result<Self, ModelError> {
        let endpoint = Endpoint::new(config)?;
        let backend = endpoint.origin().backend.clone();
        let budget = match &settings.budget {
            Some(shared) if shared.is_unlimited() => Budget::new(Ceilings::default(), shared.spent()),
            Some(shared) => Budget::Shared(shared.clone()),
            None => Budget::new(settings.ceilings, settings.spent),
        };
        if budget.counts_money() && settings.price.is_none() {
            let message = format!(
                "the price of the model `{}` (backend {backend}) is not known, so --budget-usd cannot be kept",
                endpoint.origin().model
            );
            let hint = "Add its price to a file and name that with --prices, or use --budget-tokens.";
            return Err(ModelError::new(ModelErrorKind::BadRequest, message, hint, backend));
        }
        endpoint.check().await?;
        let halved =
            |price: Price| Price { input: price.input * PRICE_SHARE, output: price.output * PRICE_SHARE };
        let shared = Arc::new(Shared {
            endpoint,
            store,
            price: settings.price.map(halved),
            budget,
            holder: format!("{:016x}", fastrand::u64(..)),
            desk: Mutex::default(),
            changed: Notify::new(),
            collecting: tokio::sync::Mutex::default(),
            statistics: Statistics::new(std::iter::once(backend)),
            settings,
        });
        let driver = tokio::spawn(driver::run(Arc::clone(&shared)));
        Ok(Self { owner: Arc::new(Owner { shared, driver }) })
    }

    /// Asks, and waits until the batch with the request has been collected. Dropping the future before the request was
    /// handed in gives it up; afterwards its answer is kept for whoever asks the same again.
    pub async fn ask(&self, request: ModelRequest) -> Result<Answered, ModelError> {
        let shared = &self.owner.shared;
        let (begun, id, deadline) = (Instant::now(), request.id, request.deadline);
        let name = CustomId::of(&shared.endpoint.origin().model, &request);
        let (asker, settled) = oneshot::channel();
        {
            let mut desk = shared.desk();
            if let Some(error) = &desk.stopped {
                return Err(error.clone());
            }
            if desk.comes(&name, request, asker) {
                // In a task of its own: others may wait for the same when this one is gone.
                tokio::spawn(Arc::clone(shared).admit(name));
            }
        }
        let settled = async {
            let ending = || shared.failure(ModelErrorKind::Unavailable, "the program is ending", "");
            settled.await.unwrap_or_else(|_| Err(ending()))
        };
        let settled = match deadline {
            None => settled.await,
            Some(deadline) => tokio::time::timeout_at(deadline.into(), settled)
                .await
                .unwrap_or_else(|_| Err(shared.too_late(begun))),
        };
        shared.statistics.ended(settled.is_ok(), begun.elapsed());
        settled.map(|(answer, cost)| Answered {
            answer: answer.answer(id, shared.endpoint.origin().backend.clone(), begun.elapsed()),
            attempts: answer.tries(),
            waited: begun.elapsed(),
            cost,
        })
    }

    /// The run says whether anything more is coming: where nothing is, what has been gathered is handed in as soon as nothing
    /// has come for 200 ms.
    pub fn nothing_more(&self, closing: bool) {
        self.owner.shared.desk().closing = closing;
        self.owner.shared.changed.notify_one();
    }

    /// Requests in batches that the provider has accepted and that were not collected yet, and the number of these
    /// batches, as far as this process looks after them.
    pub fn at_provider(&self) -> (usize, usize) {
        self.owner.shared.desk().at_provider()
    }

    /// Requests that somebody waits for.
    pub fn waiting(&self) -> usize {
        self.owner.shared.desk().len()
    }

    /// What has been spent, earlier sessions included; of a budget that a fleet shares, by all of it.
    pub fn spent(&self) -> Cost {
        self.owner.shared.budget.spent()
    }

    /// What has been done so far. Times of answers are those of their batches.
    pub fn statistics(&self) -> StatisticsSnapshot {
        self.owner.shared.statistics.snapshot()
    }

    /// Why nothing more can be asked before a person has mended something: a wrong key, a batch refused as a whole, a
    /// journal that cannot be written. What was handed in before stays in the store.
    pub fn stopped(&self) -> Option<ModelError> {
        self.owner.shared.desk().stopped.clone()
    }

    /// Forgets everything that was kept: the run is finished.
    pub async fn forget(&self) -> Result<(), StoreError> {
        self.owner.shared.store.forget().await
    }
}

impl Ask for Bulk {
    async fn ask(&self, request: ModelRequest) -> Result<Answered, ModelError> {
        Self::ask(self, request).await
    }

    fn longest_input(&self, output: u32) -> Option<u64> {
        let context = self.owner.shared.settings.context;
        context.map(|context| context.saturating_sub(u64::from(output)))
    }
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, notice: &Notice) {
        (self.settings.tell)(notice);
    }

    fn failure(&self, kind: ModelErrorKind, message: &str, hint: &str) -> ModelError {
        ModelError::new(kind, message, hint, self.endpoint.origin().backend.clone())
    }

    /// Nothing more is asked before a person has mended something.
    fn stop(&self, error: ModelError) {
        self.desk().stop(error);
        self.changed.notify_one();
    }

    fn stop_for_store(&self, error: &StoreError) {
        let hint = "Mend it and run the same command again: what was handed in is collected then.";
        self.stop(self.failure(ModelErrorKind::Unavailable, &error.to_string(), hint));
    }

    fn too_late(&self, asked: Instant) -> ModelError {
        let message = format!(
            "{} gave no answer within {}, in a batch that was handed in or waited to be",
            self.endpoint.origin().named(),
            spoken(asked.elapsed())
        );
        let hint = "run the same command again: an answer that comes later is collected, not paid again";
        self.failure(ModelErrorKind::Unavailable, &message, hint)
    }
}
