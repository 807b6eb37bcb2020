//! What a client has done so far.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::{
    budget::Cost,
    error::{ModelError, ModelErrorKind},
};

/// Longest latency told apart, milliseconds; longer ones count as this.
const LONGEST_MS: u64 = 3_600_000;

/// Counts of a client, for each backend.
#[derive(Debug)]
pub(crate) struct Statistics {
    backends: Vec<Mutex<Backend>>,
    rest: Mutex<Rest>,
    /// Requests that are at a backend now.
    at_backends: AtomicUsize,
}

/// A request that is at a backend; dropped, it is back.
pub(crate) struct AtBackend<'s>(&'s Statistics);

impl Drop for AtBackend<'_> {
    fn drop(&mut self) {
        self.0.at_backends.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Rest {
    retries: u64,
    failed: u64,
    answered: u64,
    waited: Duration,
    units: u64,
    batches: u64,
    units_retried: u64,
}

#[derive(Debug)]
struct Backend {
    name: Arc<str>,
    statuses: BTreeMap<String, u64>,
    rate_limited: u64,
    /// Milliseconds of answers.
    latency: Option<Histogram<u64>>,
    cost: Cost,
}

impl Statistics {
    pub(crate) fn new(names: impl Iterator<Item = Arc<str>>) -> Self {
        let backend = |name| Backend {
            name,
            statuses: BTreeMap::new(),
            rate_limited: 0,
            latency: Histogram::new_with_max(LONGEST_MS, 3).ok(),
            cost: Cost::default(),
        };
        Self {
            backends: names.map(|name| Mutex::new(backend(name))).collect(),
            rest: Mutex::default(),
            at_backends: AtomicUsize::new(0),
        }
    }

    /// A request leaves for a backend.
    pub(crate) fn leaves(&self) -> AtBackend<'_> {
        self.at_backends.fetch_add(1, Ordering::Relaxed);
        AtBackend(self)
    }

    /// Requests that are at a backend now: sent and not answered, those that wait for limits or slots not among them.
    pub(crate) fn at_backends(&self) -> usize {
        self.at_backends.load(Ordering::Relaxed)
    }

    fn backend(&self, member: usize) -> Option<MutexGuard<'_, Backend>> {
        self.backends.get(member).map(|backend| backend.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A backend answered.
    pub(crate) fn answer(&self, member: usize, latency: Duration, cost: Cost) {
        let Some(mut backend) = self.backend(member) else { return };
        *backend.statuses.entry("200".to_owned()).or_default() += 1;
        if let Some(histogram) = &mut backend.latency {
            histogram.saturating_record(latency.as_millis().min(u128::from(LONGEST_MS)) as u64);
        }
        backend.cost = backend.cost.and(cost);
    }

    /// A backend failed a request.
    pub(crate) fn failure(&self, member: usize, error: &ModelError) {
        let Some(mut backend) = self.backend(member) else { return };
        let status = error.status.map_or_else(|| error.kind.name().to_owned(), |status| status.to_string());
        *backend.statuses.entry(status).or_default() += 1;
        backend.rate_limited += u64::from(error.kind == ModelErrorKind::RateLimited);
    }

    /// A request is tried again.
    pub(crate) fn retry(&self) {
        self.rest().retries += 1;
    }

    /// A request has ended, after waiting this long in all.
    pub(crate) fn ended(&self, answered: bool, waited: Duration) {
        let mut rest = self.rest();
        *(if answered { &mut rest.answered } else { &mut rest.failed }) += 1;
        rest.waited = rest.waited.saturating_add(waited);
    }

    /// A batcher was asked about a document.
    pub(crate) fn unit(&self) {
        self.rest().units += 1;
    }

    /// A request for several documents has ended, after which so many of them are asked about alone.
    pub(crate) fn batch(&self, retried: u64) {
        let mut rest = self.rest();
        rest.batches += 1;
        rest.units_retried += retried;
    }

    /// Everything so far.
    pub(crate) fn snapshot(&self) -> StatisticsSnapshot {
        let mut all = Histogram::<u64>::new_with_max(LONGEST_MS, 3).ok();
        let mut snapshot = StatisticsSnapshot::default();
        for member in 0..self.backends.len() {
            let Some(backend) = self.backend(member) else { continue };
            if let (Some(all), Some(latency)) = (&mut all, &backend.latency) {
                let _same_bounds = all.add(latency);
            }
            for (status, count) in &backend.statuses {
                *snapshot.statuses.entry(status.clone()).or_default() += count;
            }
            snapshot.rate_limited += backend.rate_limited;
            snapshot.input_tokens += backend.cost.tokens.input;
            snapshot.output_tokens += backend.cost.tokens.output;
            snapshot.cost_usd += backend.cost.money.usd();
            snapshot.backends.push(BackendStatistics {
                name: backend.name.to_string(),
                statuses: backend.statuses.clone(),
                rate_limited: backend.rate_limited,
                latency_ms: Percentiles::of(backend.latency.as_ref()),
                input_tokens: backend.cost.tokens.input,
                output_tokens: backend.cost.tokens.output,
                cost_usd: backend.cost.money.usd(),
                limit: 0,
            });
        }
        snapshot.latency_ms = Percentiles::of(all.as_ref());
        let rest = self.rest();
        snapshot.answered = rest.answered;
        snapshot.failed = rest.failed;
        snapshot.retries = rest.retries;
        snapshot.waited_seconds = rest.waited.as_secs_f64();
        snapshot.units = rest.units;
        snapshot.batches = rest.batches;
        snapshot.units_retried = rest.units_retried;
        snapshot
    }
}

/// What a client has done.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StatisticsSnapshot {
    /// Documents that a batcher was asked about.
    pub units: u64,
    /// Requests for several documents.
    pub batches: u64,
    /// Documents of these that were asked about alone, because the answer for them was missing or could not be trusted.
    pub units_retried: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that failed for good.
    pub failed: u64,
    /// Attempts by HTTP status, or by the kind of failure where there was none.
    pub statuses: BTreeMap<String, u64>,
    /// Attempts refused with a 429.
    pub rate_limited: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Time of answers.
    pub latency_ms: Percentiles,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Cost in US dollars; answers of models without a known price count as nothing.
    pub cost_usd: f64,
    /// Seconds that requests waited for slots, limits and backoff, summed over all of them.
    pub waited_seconds: f64,
    /// The same by backend.
    pub backends: Vec<BackendStatistics>,
}

/// What one backend has done.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BackendStatistics {
    /// Its name.
    pub name: String,
    /// Attempts by HTTP status, or by the kind of failure where there was none.
    pub statuses: BTreeMap<String, u64>,
    /// Attempts refused with a 429.
    pub rate_limited: u64,
    /// Time of answers.
    pub latency_ms: Percentiles,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Cost in US dollars.
    pub cost_usd: f64,
    /// Requests at once that it is given now.
    pub limit: usize,
}

/// Times in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half took at most this.
    pub p50: u64,
    /// 95 of 100 took at most this.
    pub p95: u64,
    /// 99 of 100 took at most this.
    pub p99: u64,
}

impl Percentiles {
    fn of(histogram: Option<&Histogram<u64>>) -> Self {
        histogram.filter(|histogram| !histogram.is_empty()).map_or_else(Self::default, |histogram| Self {
            p50: histogram.value_at_quantile(0.50),
            p95: histogram.value_at_quantile(0.95),
            p99: histogram.value_at_quantile(0.99),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_backend_and_in_all() {
        let statistics = Statistics::new(["a", "b"].into_iter().map(Arc::from));
        for ms in 1..=100 {
            statistics.answer(ms % 2, Duration::from_millis(ms as u64), Cost::default());
        }
        let mut error = ModelError::new(ModelErrorKind::RateLimited, "", "", "a");
        error.status = Some(429);
        statistics.failure(0, &error);
        statistics.failure(1, &ModelError::new(ModelErrorKind::Connect, "", "", "b"));
        statistics.failure(7, &error);
        let snapshot = statistics.snapshot();
        assert_eq!(snapshot.latency_ms, Percentiles { p50: 50, p95: 95, p99: 99 });
        assert_eq!(snapshot.rate_limited, 1);
        assert_eq!(
            snapshot.statuses,
            [("200", 100), ("429", 1), ("connect", 1)].map(|(s, n)| (s.to_owned(), n)).into()
        );
        assert_eq!(snapshot.backends[1].statuses["200"], 50);
    }
}
