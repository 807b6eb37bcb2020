//! Ceilings in money and tokens.

use std::sync::{Arc, atomic::Ordering};

use tower::ServiceExt;

use super::{
    Call, Parts,
    step::{Below, Step},
};
use crate::{
    answer::TokenUsage,
    budget::Budget,
    client::Answered,
    error::{ModelError, ModelErrorKind},
    pool::Pool,
    price::Price,
};

/// Sets the worst case of an attempt aside and settles it with what the provider counted.
#[derive(Clone)]
pub(crate) struct Budgeted {
    budget: Budget,
    dearest: Price,
    pool: Arc<Pool>,
}

impl Budgeted {
    pub(crate) fn new(parts: &Parts) -> Self {
        Self { budget: parts.budget.clone(), dearest: parts.dearest, pool: Arc::clone(&parts.pool) }
    }
}

impl<B: Below<Call, Answered>> Step<Call, B> for Budgeted {
    type Response = Answered;

    async fn run(self, below: B, mut call: Call) -> Result<Answered, ModelError> {
        let most =
            TokenUsage { input: self.pool.worst_input(call.need.input), output: u64::from(call.need.output) };
        let hold = self.budget.reserve(self.dearest.of(most)).await.map_err(|no_room| {
            let message = format!("the run's budget has no room: {no_room}");
            ModelError::new(
                ModelErrorKind::Budget,
                message,
                "raise the ceiling and run again: what is done is kept",
                "pool",
            )
        })?;
        call.sent = hold.sent();
        let sent = Arc::clone(&call.sent);
        match below.oneshot(call).await {
            Ok(answered) => {
                hold.settle(answered.cost);
                Ok(answered)
            }
            Err(error) => {
                if !may_have_spent(error.kind) {
                    sent.store(false, Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }
}

/// Whether the provider may have worked, and charged, for a request that failed so.
fn may_have_spent(kind: ModelErrorKind) -> bool {
    matches!(kind, ModelErrorKind::Timeout | ModelErrorKind::Malformed)
}
