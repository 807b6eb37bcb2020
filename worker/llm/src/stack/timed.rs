//! The time limit of one request.

use std::time::Duration;

use tower::ServiceExt;

use super::{
    Parts,
    step::{Below, Step},
};
use crate::{
    answer::ModelAnswer,
    error::{ModelError, ModelErrorKind},
    request::ModelRequest,
};

/// Gives a request up after the time limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timed {
    limit: Duration,
}

impl Timed {
    pub(crate) fn new(parts: &Parts) -> Self {
        Self { limit: parts.time_limit }
    }
}

impl<B: Below<ModelRequest, ModelAnswer>> Step<ModelRequest, B> for Timed {
    type Response = ModelAnswer;

    async fn run(self, below: B, request: ModelRequest) -> Result<ModelAnswer, ModelError> {
        tokio::time::timeout(self.limit, below.oneshot(request)).await.unwrap_or_else(|_| {
            let message = format!("the model gave no answer within {:.0} s", self.limit.as_secs_f64());
            let hint = "raise the time limit of requests, or give the backend fewer at once";
            Err(ModelError::new(ModelErrorKind::Timeout, message, hint, "pool"))
        })
    }
}
