//! Whether more documents may come to the model before one that is there is answered.
//!
//! Documents that share a request wait for each other; the last ones of a run must not. So it is counted how many leased
//! documents are still *upstream* of the model, and known whether more may be leased. While neither is so, nothing more is
//! coming: when the worker holds as many as it may, when it takes none, and when the queue of a run is dry to which nothing
//! more is pushed.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Reviewer;

/// What a worker knows of the documents that may come.
#[derive(Debug)]
pub(crate) struct Inflow {
    reviewer: Option<Arc<Reviewer>>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// Leased and not yet at the model.
    upstream: usize,
    /// More may be leased.
    open: bool,
}

/// A document that is still on its way to the model; dropped when it is there, or when it will not go there.
#[derive(Debug)]
pub(crate) struct Upstream(Arc<Inflow>);

impl Inflow {
    /// Documents come to this reviewer, if there is one.
    pub(crate) fn new(reviewer: Option<Arc<Reviewer>>) -> Arc<Self> {
        Arc::new(Self { reviewer, state: Mutex::new(State { upstream: 0, open: true }) })
    }

    /// A document was leased.
    pub(crate) fn document(self: &Arc<Self>) -> Upstream {
        self.change(|state| state.upstream += 1);
        Upstream(Arc::clone(self))
    }

    /// Whether more may be leased now.
    pub(crate) fn set_open(&self, open: bool) {
        self.change(|state| state.open = open);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        // Told under the lock, so that what is told last is what holds.
        if let Some(reviewer) = &self.reviewer {
            reviewer.set_coming(state.open || state.upstream > 0);
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.0.change(|state| state.upstream = state.upstream.saturating_sub(1));
    }
}
