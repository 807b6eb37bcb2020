//! The one client over all backends.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::sync::Semaphore;
use tower::util::{BoxCloneSyncService, ServiceExt};

use crate::{
    ModelBackend,
    answer::ModelAnswer,
    budget::{Budget, Ceilings, Cost, SharedBudget},
    concurrency::Parallelism,
    error::ModelError,
    limiter::{Limiter, MemoryLimiter, SharedLimits, ToldLimits},
    pool::{MOST_MEMBERS, MemberSpec, Need, Pool},
    price::Price,
    request::ModelRequest,
    retry::RetryPolicy,
    stack::{Backend, Call, Journal, Parts, Stack, backend_stack, stack},
    statistics::{Statistics, StatisticsSnapshot},
    tokens,
};

/// What a client has to know of a backend.
#[derive(Debug, Clone)]
pub struct BackendSpec {
    /// Its name in logs, errors and statistics.
    pub name: Arc<str>,
    /// The model it is asked for.
    pub model: String,
    /// Requests for [`Target::Primary`](crate::Target::Primary) go to it. Where no backend is named primary, the
    /// first one is.
    pub primary: bool,
    /// Tokens that a request may have, input and output together; `None`: not known, anything is tried.
    pub context: Option<u64>,
    /// Its price; `None`: not known. A backend of one's own machine has [`Price::FREE`].
    pub price: Option<Price>,
    /// Requests at once.
    pub parallelism: Parallelism,
    /// Name of the key, never the key itself: backends with the same one share its limits.
    pub key: String,
    /// What is known of the key's limits. Backends that share a key are taken at the first one's word.
    pub limits: ToldLimits,
}

/// What holds for the whole client.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// How long and how often it is tried again.
    pub retry: RetryPolicy,
    /// Longest time of one request.
    pub time_limit: Duration,
    /// Ceilings of the run.
    pub ceilings: Ceilings,
    /// What earlier sessions of the run spent.
    pub spent: Cost,
    /// Most requests at once, over all backends; `None`: what the backends take.
    pub most: Option<usize>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            time_limit: Duration::from_mins(2),
            ceilings: Ceilings::default(),
            spent: Cost::default(),
            most: None,
        }
    }
}

/// An answer, and what it took to get it.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The answer, not yet validated.
    pub answer: ModelAnswer,
    /// Times the request was sent.
    pub attempts: u32,
    /// Time it was not at a backend: queue, limits, backoff.
    pub waited: Duration,
    /// What it cost; money is nothing where the price is not known.
    pub cost: Cost,
}

/// Why a client cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// There is no backend.
    #[error("no model backend is configured")]
    NoBackend,
    /// There are too many.
    #[error("{0} model backends are configured; a pool holds at most {MOST_MEMBERS}")]
    TooMany(usize),
    /// A ceiling in money with a model of unknown price.
    #[error(
        "the price of the model `{model}` (backend {backend}) is not known, so --budget-usd cannot be kept: \
         add its price to a file and name that with --prices, or use --budget-tokens"
    )]
    NoPrice {
        /// The model.
        model: String,
        /// The backend.
        backend: Arc<str>,
    },
}

/// Builds a [`Client`].
pub struct ClientBuilder {
    settings: ClientSettings,
    backends: Vec<(BackendSpec, BoxCloneSyncService<ModelRequest, ModelAnswer, ModelError>)>,
    limiters: HashMap<String, Arc<dyn Limiter>>,
    shared: Option<SharedLimits>,
    budget: Option<SharedBudget>,
}

impl ClientBuilder {
    /// Adds a backend.
    #[must_use]
    pub fn backend(mut self, spec: BackendSpec, service: impl ModelBackend) -> Self {
        self.backends.push((spec, BoxCloneSyncService::new(service)));
        self
    }

    /// Sets the limiter of a key, such as one that another client has too. Other keys get the fleet's where that
    /// [shares](Self::shared) them, and else a limiter of this client's own.
    #[must_use]
    pub fn limiter(mut self, key: impl Into<String>, limiter: Arc<dyn Limiter>) -> Self {
        self.limiters.insert(key.into(), limiter);
        self
    }

    /// Has the limits of every key kept by a fleet together. A key's name ([`BackendSpec::key`]) must then be the same in
    /// every worker that spends from it.
    #[must_use]
    pub fn shared(mut self, limits: SharedLimits) -> Self {
        self.shared = Some(limits);
        self
    }

    /// Spends from the budget of a run that a fleet shares, in place of the ceilings in the settings.
    #[must_use]
    pub fn with_budget(mut self, budget: SharedBudget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// The client.
    pub fn build(self) -> Result<Client, ClientError> {
        let Self { settings, mut backends, mut limiters, shared, budget } = self;
        let budget = match budget {
            Some(shared) if shared.is_unlimited() => Budget::new(Ceilings::default(), shared.spent()),
            Some(shared) => Budget::Shared(shared),
            None => Budget::new(settings.ceilings, settings.spent),
        };
        if backends.len() > MOST_MEMBERS {
            return Err(ClientError::TooMany(backends.len()));
        }
        if backends.iter().all(|(spec, _)| !spec.primary)
            && let Some((first, _)) = backends.first_mut()
        {
            first.primary = true;
        }
        if let Some((spec, _)) =
            backends.iter().find(|(spec, _)| budget.counts_money() && spec.price.is_none())
        {
            return Err(ClientError::NoPrice { model: spec.model.clone(), backend: spec.name.clone() });
        }
        let dearest = backends.iter().filter_map(|(spec, _)| spec.price).reduce(|one, other| Price {
            input: one.input.max(other.input),
            output: one.output.max(other.output),
        });
        if backends.is_empty() {
            return Err(ClientError::NoBackend);
        }
        let members: Vec<(MemberSpec, Arc<dyn Limiter>)> = backends
            .iter()
            .map(|(spec, _)| {
                let limiter = limiters.entry(spec.key.clone()).or_insert_with(|| match &shared {
                    Some(shared) => shared.limiter(&spec.key, spec.limits),
                    None => Arc::new(MemoryLimiter::new(spec.limits)),
                });
                let member = MemberSpec {
                    name: spec.name.clone(),
                    primary: spec.primary,
                    context: spec.context,
                    parallelism: spec.parallelism,
                };
                (member, Arc::clone(limiter))
            })
            .collect();
        let keys: Vec<_> = members.iter().map(|(_, limiter)| Arc::clone(limiter)).collect();
        let parts = Parts {
            pool: Arc::new(Pool::new(members, settings.retry.patience)),
            budget,
            dearest: dearest.unwrap_or(Price::FREE),
            policy: settings.retry,
            time_limit: settings.time_limit,
            statistics: Arc::new(Statistics::new(backends.iter().map(|(spec, _)| spec.name.clone()))),
        };
        let backends = backends.into_iter().zip(keys).enumerate();
        let backends: Arc<[Backend]> = backends
            .map(|(member, ((spec, service), limiter))| Backend {
                stack: backend_stack(&parts, member, spec.price, limiter, service),
                name: spec.name,
            })
            .collect();
        let most = settings.most.map(|most| most.max(1));
        let turns = most.map(|most| Arc::new(Semaphore::new(most)));
        Ok(Client { stack: stack(&parts, backends), parts, turns, most })
    }
}

/// Asks models. Cheap to clone; all clones are one client.
#[derive(Clone)]
pub struct Client {
    stack: Stack,
    parts: Parts,
    /// One a request, where the person caps them.
    turns: Option<Arc<Semaphore>>,
    most: Option<usize>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Begins a client.
    pub fn builder(settings: ClientSettings) -> ClientBuilder {
        ClientBuilder { settings, backends: Vec::new(), limiters: HashMap::new(), shared: None, budget: None }
    }

    /// Asks, and waits for slots, limits and retries. Dropping the future gives the request up.
    pub async fn ask(&self, request: ModelRequest) -> Result<Answered, ModelError> {
        let need = Need {
            target: request.target,
            input: tokens::of_request(&request),
            output: request.most_output_tokens,
            avoid: None,
            stay: None,
        };
        let journal = Arc::new(Journal::new());
        let _turn = match &self.turns {
            Some(turns) => turns.acquire().await.ok(),
            None => None,
        };
        let call = Call { request, need, journal: Arc::clone(&journal), sent: Arc::default() };
        let result = self.stack.clone().oneshot(call).await;
        self.parts.statistics.ended(result.is_ok(), journal.waited());
        result
    }

    /// Asks all at once; results are in the order of the requests. What one fails of does not touch the others.
    pub async fn ask_all(&self, requests: Vec<ModelRequest>) -> Vec<Result<Answered, ModelError>> {
        join_all(requests.into_iter().map(|request| self.ask(request))).await
    }

    /// The most tokens (by [`tokens::estimate`]) that a request's input may have with so many tokens of output;
    /// `None` where no backend's context is known or one has none.
    pub fn longest_input(&self, output: u32) -> Option<u64> {
        self.parts.pool.longest_input(output)
    }

    /// What has been spent, earlier sessions included; of a budget that a fleet shares, by all of it.
    pub fn spent(&self) -> Cost {
        self.parts.budget.spent()
    }

    /// What has been done so far.
    pub fn statistics(&self) -> StatisticsSnapshot {
        let mut snapshot = self.parts.statistics.snapshot();
        for (backend, (_, limit)) in snapshot.backends.iter_mut().zip(self.parts.pool.slots()) {
            backend.limit = limit;
        }
        snapshot
    }

    /// Requests that are at a backend now: sent and not answered. Those that wait for limits or slots are not among them.
    pub fn at_backends(&self) -> usize {
        self.parts.statistics.at_backends()
    }

    /// Requests that may be at backends at once now, taken slots among them.
    pub fn slots(&self) -> usize {
        let slots: usize = self.parts.pool.slots().into_iter().map(|(_, limit)| limit).sum();
        self.most.map_or(slots, |most| slots.min(most))
    }

    /// Where documents and batches are counted.
    pub(crate) fn counts(&self) -> &Statistics {
        &self.parts.statistics
    }

    /// Why the client has stopped for good: a wrong key, a model that does not exist, an empty account.
    pub fn stopped(&self) -> Option<ModelError> {
        self.parts.pool.stopped()
    }
}
