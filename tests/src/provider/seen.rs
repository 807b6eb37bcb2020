//! What a provider has seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use super::limit::Gate;

/// Most arrivals that are remembered.
const MOST_ARRIVALS: usize = 100_000;

/// What a provider has seen of requests that ask a model; looks at its list of models are counted apart.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Requests by the status that they were answered with. What hangs or was cut off is not among them.
    pub statuses: BTreeMap<u16, usize>,
    /// Requests that came.
    pub requests: usize,
    /// When each of them came, in order; the first hundred thousand.
    pub arrivals: Vec<Instant>,
    /// Most that were admitted and not yet answered at one moment.
    pub most_in_flight: usize,
    /// Tokens of the requests that were answered with 200: bytes of the conversation ÷ 4.
    pub input_tokens: u64,
    /// Tokens of these answers: bytes ÷ 4.
    pub output_tokens: u64,
    /// Values of `authorization` and `x-api-key`.
    pub keys: BTreeSet<String>,
    /// Looks at the list of models, and at what is not there.
    pub looks: usize,
}

impl Seen {
    /// Requests answered with this status.
    pub fn status(&self, status: u16) -> usize {
        self.statuses.get(&status).copied().unwrap_or_default()
    }

    /// Input and output tokens.
    pub fn tokens(&self) -> u64 {
        self.input_tokens + self.output_tokens
    }
}

/// Where it is written down.
#[derive(Debug)]
pub(super) struct Ledger {
    entries: Mutex<Entries>,
}

#[derive(Debug)]
pub(super) struct Entries {
    pub(super) seen: Seen,
    pub(super) in_flight: usize,
    pub(super) gate: Gate,
}

impl Ledger {
    pub(super) fn new() -> Self {
        let gate = Gate::new(Instant::now());
        Self { entries: Mutex::new(Entries { seen: Seen::default(), in_flight: 0, gate }) }
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().expect("the ledger of a provider that did not panic")
    }

    pub(super) fn seen(&self) -> Seen {
        self.entries().seen.clone()
    }
}

impl Entries {
    /// A request came; its number, from 0.
    pub(super) fn arrives(&mut self) -> usize {
        if self.seen.arrivals.len() < MOST_ARRIVALS {
            self.seen.arrivals.push(Instant::now());
        }
        self.seen.requests += 1;
        self.seen.requests - 1
    }

    /// It is admitted.
    pub(super) fn enters(&mut self) {
        self.in_flight += 1;
        self.seen.most_in_flight = self.seen.most_in_flight.max(self.in_flight);
    }

    /// It is answered.
    pub(super) fn answered(&mut self, status: u16) {
        *self.seen.statuses.entry(status).or_default() += 1;
    }
}
