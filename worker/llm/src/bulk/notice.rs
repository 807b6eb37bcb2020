//! What a person is told of batches.

use std::{fmt, sync::Arc, time::Duration};

use super::verdict::spoken;

/// Something of a batch that a person wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A batch was handed in.
    HandedIn {
        /// The provider's name for it.
        batch: String,
        /// Its requests.
        requests: usize,
    },
    /// A batch that was handed in before is looked after from here.
    TakenUp {
        /// The provider's name for it, where it is known.
        batch: Option<String>,
        /// Its requests.
        requests: usize,
        /// How long ago it was begun.
        ago: Duration,
    },
    /// A batch has ended.
    Ended {
        /// The provider's name for it.
        batch: String,
        /// How long ago it was begun.
        after: Duration,
        /// Requests that were answered.
        answered: usize,
        /// Requests that failed for good.
        failed: usize,
        /// Requests that are handed in again.
        again: usize,
    },
    /// Something is in the way; it is tried again by itself.
    Waiting {
        /// What is tried.
        doing: &'static str,
        /// What is in the way.
        why: String,
    },
}

/// Takes what a person is told.
pub type Teller = Arc<dyn Fn(&Notice) + Send + Sync>;

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = |count: usize| if count == 1 { "request" } else { "requests" };
        match self {
            Self::HandedIn { batch, requests } => write!(
                f,
                "batch {batch}: {requests} {} handed in; it may take up to 24 hours, most take less than one",
                noun(*requests)
            ),
            Self::TakenUp { batch, requests, ago } => write!(
                f,
                "batch {}: {requests} {}, handed in {} ago, not handed in again but waited for",
                batch.as_deref().unwrap_or("without a name yet"),
                noun(*requests),
                spoken(*ago)
            ),
            Self::Ended { batch, after, answered, failed, again } => {
                write!(f, "batch {batch}: ended after {}: {answered} answered", spoken(*after))?;
                if *failed > 0 {
                    write!(f, ", {failed} failed")?;
                }
                if *again > 0 {
                    write!(f, ", {again} to be handed in again")?;
                }
                Ok(())
            }
            Self::Waiting { doing, why } => write!(f, "{doing}: {why}; trying again until it can be done"),
        }
    }
}
