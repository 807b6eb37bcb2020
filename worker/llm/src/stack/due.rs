//! The document's deadline.

use tower::ServiceExt;

use super::{
    Call,
    step::{Below, Step},
};
use crate::{
    client::Answered,
    error::{ModelError, ModelErrorKind},
};

/// Gives a request up when nobody wants its answer any more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due;

impl<B: Below<Call, Answered>> Step<Call, B> for Due {
    type Response = Answered;

    async fn run(self, below: B, call: Call) -> Result<Answered, ModelError> {
        let Some(deadline) = call.request.deadline else { return below.oneshot(call).await };
        let journal = call.journal.clone();
        // Polled once even when it is too late already: an answer that needs no waiting is taken.
        tokio::time::timeout_at(deadline.into(), below.oneshot(call)).await.unwrap_or_else(|_| {
            let message =
                format!("the document's deadline passed before a model answered{}", journal.history());
            let hint = "give documents more time, or models fewer requests at once";
            Err(ModelError::new(ModelErrorKind::Unavailable, message, hint, "pool"))
        })
    }
}
