//! The only layer that tries again.

use std::{sync::Arc, time::Instant};

use tower::ServiceExt;

use super::{
    Call, Parts,
    step::{Below, Step},
};
use crate::{
    client::Answered,
    error::{ModelError, ModelErrorKind},
    limiter::now,
    pool::Pool,
    retry::{History, Next, Place, RetryPolicy},
    statistics::Statistics,
};

/// Tries again as [`RetryPolicy`] decides.
#[derive(Clone)]
pub(crate) struct Retrying {
    policy: RetryPolicy,
    pool: Arc<Pool>,
    statistics: Arc<Statistics>,
}

impl Retrying {
    pub(crate) fn new(parts: &Parts) -> Self {
        let Parts { policy, pool, statistics, .. } = parts;
        Self { policy: *policy, pool: Arc::clone(pool), statistics: Arc::clone(statistics) }
    }

    /// Whether waiting for limits and overloads goes on: with a deadline, until then; without, for `patience`.
    fn is_patient(&self, call: &Call, first_refusal: Instant) -> bool {
        call.request.deadline.is_some()
            || now().saturating_duration_since(first_refusal) < self.policy.patience
    }
}

impl<B: Below<Call, Answered>> Step<Call, B> for Retrying {
    type Response = Answered;

    async fn run(self, below: B, mut call: Call) -> Result<Answered, ModelError> {
        let mut history = History::default();
        let mut first_refusal: Option<Instant> = None;
        loop {
            let error = match below.clone().oneshot(call.clone()).await {
                Ok(answered) => return Ok(answered),
                Err(error) => error,
            };
            let member = call.journal.last();
            let alternatives = member.is_some_and(|member| self.pool.has_alternative(call.need, member));
            let next = self.policy.next(&error, &mut history, alternatives, fastrand::f64());
            if matches!(error.kind, ModelErrorKind::RateLimited | ModelErrorKind::Overloaded) {
                let since = *first_refusal.get_or_insert_with(now);
                if !self.is_patient(&call, since) {
                    return Err(told(error, &call));
                }
            }
            match next {
                Next::Tell => return Err(told(error, &call)),
                Next::Stop => {
                    self.pool.stop(error.clone());
                    return Err(error);
                }
                Next::Again { after, place, cool } => {
                    self.statistics.retry();
                    if let (Some(member), Some(pause)) = (member, cool) {
                        self.pool.cool(member, pause);
                    }
                    call.need.avoid = member.filter(|_| place == Place::Elsewhere);
                    call.need.stay = member.filter(|_| place == Place::Same);
                    if !after.is_zero() {
                        tokio::time::sleep(after).await;
                    }
                }
            }
        }
    }
}

/// The error with what was tried, where anything was.
fn told(error: ModelError, call: &Call) -> ModelError {
    if call.journal.attempts() < 2 {
        return error;
    }
    ModelError { message: format!("{}{}", error.message, call.journal.history()), ..error }
}
