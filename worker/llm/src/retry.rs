//! The one owner of retries: what follows from a failure. Pure.

use std::time::Duration;

use sheaf_common::backoff::Backoff;

use crate::error::{ModelError, ModelErrorKind};

/// Bounds of trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts that may fail before the failure is told. Waits for limits are no attempts.
    pub attempts: u32,
    /// Of these, attempts that may run into the time limit.
    pub timeouts: u32,
    /// How long limits, overloads and broken backends are waited out when the request has no deadline.
    pub patience: Duration,
    /// A longer `Retry-After` is asked again after this.
    pub longest_wait: Duration,
    /// How long an overloaded backend that names no time is left alone.
    pub cooling: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            timeouts: 2,
            patience: Duration::from_mins(15),
            longest_wait: Duration::from_mins(1),
            cooling: Duration::from_secs(5),
        }
    }
}

/// Between attempts: min(0.5 · 2ⁿ, 8) s, with jitter.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(8));

/// What one request has been through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// Attempts that failed and count.
    pub(crate) failures: u32,
    /// Of these, those that ran into the time limit.
    pub(crate) timeouts: u32,
    /// Overloads in a row.
    pub(crate) overloads: u32,
}

/// Where a request is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Wherever there is room.
    Any,
    /// At the same backend, if it has room then.
    Same,
    /// Not at the same backend, where another fits.
    Elsewhere,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Again, after a wait.
    Again {
        /// The wait.
        after: Duration,
        /// Where.
        place: Place,
        /// The backend is left alone this long, by every request.
        cool: Option<Duration>,
    },
    /// The request has failed.
    Tell,
    /// The request has failed and every other would, for the same reason.
    Stop,
}

impl RetryPolicy {
    /// What follows from `error`; `jitter` is a random number from 0 to 1, `alternatives` whether other backends fit.
    pub(crate) fn next(
        &self,
        error: &ModelError,
        history: &mut History,
        alternatives: bool,
        jitter: f64,
    ) -> Next {
        use ModelErrorKind as Kind;
        match error.kind {
            Kind::Unauthorized | Kind::UnknownModel | Kind::OutOfQuota => return Next::Stop,
            Kind::TooLong | Kind::Budget | Kind::Unavailable => return Next::Tell,
            Kind::BadRequest if error.should_retry != Some(true) => return Next::Tell,
            Kind::Tls if !alternatives => return Next::Tell,
            _ if error.should_retry == Some(false) => return Next::Tell,
            // The limiter waits, as long as it has to.
            Kind::RateLimited => return Next::Again { after: Duration::ZERO, place: Place::Any, cool: None },
            _ => {}
        }
        if error.kind == Kind::Overloaded {
            history.overloads += 1;
            return self.overloaded(error, history, jitter);
        }
        history.overloads = 0;
        history.failures += 1;
        history.timeouts += u32::from(error.kind == Kind::Timeout);
        if history.failures >= self.attempts || history.timeouts >= self.timeouts {
            return Next::Tell;
        }
        let asked = error.retry_after.map(|wait| wait.min(self.longest_wait));
        // Another backend needs no pause: it has not failed.
        let pause = if alternatives { Duration::ZERO } else { BACKOFF.delay(history.failures, jitter) };
        Next::Again {
            after: if alternatives { pause } else { asked.unwrap_or(pause) },
            place: Place::Elsewhere,
            cool: asked,
        }
    }

    /// Told how long: the backend is left alone that long, and others take over meanwhile. Not told: once more in
    /// place, then it is left alone, longer each time.
    fn overloaded(&self, error: &ModelError, history: &History, jitter: f64) -> Next {
        if let Some(asked) = error.retry_after {
            let cool = Some(asked.min(self.longest_wait));
            return Next::Again { after: Duration::ZERO, place: Place::Any, cool };
        }
        if history.overloads == 1 {
            return Next::Again { after: BACKOFF.delay(1, jitter), place: Place::Same, cool: None };
        }
        let doublings = (history.overloads - 2).min(8);
        let cool = self.cooling.saturating_mul(1 << doublings).min(self.longest_wait);
        Next::Again { after: Duration::ZERO, place: Place::Any, cool: Some(cool) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(kind: ModelErrorKind, retry_after: Option<u64>) -> ModelError {
        let retry_after = retry_after.map(Duration::from_secs);
        ModelError { retry_after, ..ModelError::new(kind, "", "", "test") }
    }

    fn next(kind: ModelErrorKind, retry_after: Option<u64>, history: &mut History) -> Next {
        RetryPolicy::default().next(&error(kind, retry_after), history, false, 1.0)
    }

    fn again(seconds: f64, place: Place, cool: Option<f64>) -> Next {
        Next::Again {
            after: Duration::from_secs_f64(seconds),
            place,
            cool: cool.map(Duration::from_secs_f64),
        }
    }

    #[test]
    fn what_no_attempt_mends_is_told_at_once_and_stops_the_rest() {
        use ModelErrorKind as Kind;
        for kind in [Kind::Unauthorized, Kind::UnknownModel, Kind::OutOfQuota] {
            assert_eq!(next(kind, None, &mut History::default()), Next::Stop);
        }
        for kind in [Kind::BadRequest, Kind::TooLong, Kind::Budget, Kind::Unavailable, Kind::Tls] {
            assert_eq!(next(kind, None, &mut History::default()), Next::Tell);
        }
    }

    #[test]
    fn a_server_error_is_tried_five_times_with_backoff() {
        let mut history = History::default();
        let waits: Vec<_> = (0..5).map(|_| next(ModelErrorKind::Server, None, &mut history)).collect();
        let expected = [
            again(0.5, Place::Elsewhere, None),
            again(1.0, Place::Elsewhere, None),
            again(2.0, Place::Elsewhere, None),
            again(4.0, Place::Elsewhere, None),
            Next::Tell,
        ];
        assert_eq!(waits, expected);
    }

    #[test]
    fn an_overload_without_a_time_is_tried_once_in_place_then_the_backend_cools() {
        let mut history = History::default();
        assert_eq!(next(ModelErrorKind::Overloaded, None, &mut history), again(0.5, Place::Same, None));
        assert_eq!(next(ModelErrorKind::Overloaded, None, &mut history), again(0.0, Place::Any, Some(5.0)));
        assert_eq!(next(ModelErrorKind::Overloaded, None, &mut history), again(0.0, Place::Any, Some(10.0)));
        assert_eq!(
            next(ModelErrorKind::Overloaded, Some(86_400), &mut history),
            again(0.0, Place::Any, Some(60.0))
        );
    }

    #[test]
    fn a_provider_that_says_no_is_believed() {
        let policy = RetryPolicy::default();
        let refused = ModelError { should_retry: Some(false), ..error(ModelErrorKind::Server, None) };
        assert_eq!(policy.next(&refused, &mut History::default(), false, 1.0), Next::Tell);
    }

    #[test]
    fn limits_are_no_attempts() {
        let mut history = History::default();
        for _ in 0..1_000 {
            assert_eq!(
                next(ModelErrorKind::RateLimited, Some(9), &mut history),
                again(0.0, Place::Any, None)
            );
        }
        assert_eq!(history, History::default());
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_longest(kinds in prop::collection::vec((0usize..14, any::<Option<u64>>()), 0..40)) {
            let mut history = History::default();
            for (kind, retry_after) in kinds {
                let kind = ModelErrorKind::ALL[kind];
                let Next::Again { after, cool, .. } = next(kind, retry_after, &mut history) else { break };
                prop_assert!(after.max(cool.unwrap_or_default()) <= Duration::from_mins(1));
                prop_assert!(history.failures < 5);
            }
        }
    }
}
