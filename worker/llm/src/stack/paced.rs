//! The limits of the backend's key, and what is learned from how a request ends.

use std::sync::{Arc, atomic::Ordering};

use tower::ServiceExt;

use super::{
    Attempt, Parts, Reply,
    step::{Below, Step},
};
use crate::{
    answer::{ModelAnswer, TokenUsage},
    budget::Cost,
    error::{ModelError, ModelErrorKind},
    limiter::{Limiter, Refusal, now},
    pool::{Ending, Pool},
    price::Price,
    request::ModelRequest,
    statistics::Statistics,
};

/// Waits for the key's limiter, and tells limiter, pool and statistics how the request ended.
#[derive(Clone)]
pub(crate) struct Paced {
    pool: Arc<Pool>,
    statistics: Arc<Statistics>,
    member: usize,
    price: Option<Price>,
    limiter: Arc<dyn Limiter>,
}

impl Paced {
    pub(crate) fn new(parts: &Parts, member: usize, price: Option<Price>, limiter: Arc<dyn Limiter>) -> Self {
        let Parts { pool, statistics, .. } = parts;
        Self { pool: Arc::clone(pool), statistics: Arc::clone(statistics), member, price, limiter }
    }

    /// What an answer cost. Where the provider does not count, the estimate stands in.
    fn cost(&self, usage: Option<TokenUsage>, input: u64, answer: &ModelAnswer) -> Cost {
        let usage =
            usage.unwrap_or_else(|| TokenUsage { input, output: crate::tokens::estimate(&answer.text) });
        self.price.map_or(Cost { tokens: usage, ..Cost::default() }, |price| price.of(usage))
    }
}

impl<B: Below<ModelRequest, ModelAnswer>> Step<Attempt, B> for Paced {
    type Response = Reply;

    async fn run(self, below: B, Attempt { call, lease }: Attempt) -> Result<Reply, ModelError> {
        let reservation = self.limiter.reserve(lease.paced_tokens(call.need)).await;
        if let Some(stopped) = self.pool.stopped() {
            return Err(stopped);
        }
        call.journal.leaves(self.member);
        call.sent.store(true, Ordering::Relaxed);
        let began = now();
        let at_backend = self.statistics.leaves();
        let result = below.oneshot(call.request).await;
        drop(at_backend);
        let spent = now().saturating_duration_since(began);
        call.journal.returns(spent);
        match result {
            Ok(answer) => {
                self.limiter.reconcile(&reservation, answer.usage.map(|usage| usage.input + usage.output));
                self.limiter.observe(answer.rates);
                if let Some(usage) = answer.usage {
                    lease.learn(call.need, usage);
                }
                let cost = self.cost(answer.usage, self.pool.worst_input(call.need.input), &answer);
                self.statistics.answer(self.member, spent, cost);
                lease.end(Ending::Answer(spent));
                Ok(Reply { answer, cost })
            }
            Err(error) => {
                self.statistics.failure(self.member, &error);
                self.limiter.observe(error.rates);
                let refused = lease.end(Ending::Failure(error.kind));
                if let (ModelErrorKind::RateLimited, Some((cause, idle))) = (error.kind, refused) {
                    let refusal = Refusal { retry_after: error.retry_after, cause, idle };
                    self.limiter.refused(&reservation, refusal);
                    if self.limiter.requests_per_minute().is_some() {
                        self.pool.paced(self.member);
                    }
                }
                Err(error)
            }
        }
    }
}
