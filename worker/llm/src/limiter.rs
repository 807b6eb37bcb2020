//! Requests and tokens a minute belong to a key, whoever uses it: the door, and the limiter of one machine behind it.

mod bucket;
mod key;
mod pace;
mod shared;

use std::{
    future::Future,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

pub use self::{
    key::ToldLimits,
    pace::{Cause, Refusal},
    shared::SharedLimits,
};
use self::{
    key::{KeyLimits, Share},
    pace::Sent,
};
use crate::answer::RateHeaders;

/// The door to whoever keeps the limits of one key: memory on one machine, Redis in a fleet.
///
/// Implementers: [`reserve`](Limiter::reserve) waits its turn, first come first served, and takes nothing when its
/// future is dropped before it is ready. Trouble of the implementation's own (a lost connection) is its own to mend; a
/// reservation always comes in the end.
pub trait Limiter: Send + Sync + 'static {
    /// Waits until a request of about `tokens` tokens may be sent, and takes that share of the limit.
    fn reserve(&self, tokens: u64) -> Pin<Box<dyn Future<Output = Reservation> + Send + '_>>;

    /// About how long a reservation made now would wait: lets the pool prefer another key's backend. Zero when that
    /// is not known.
    fn ready_in(&self, tokens: u64) -> Duration;

    /// An answer came; the provider counted `actual` tokens, or does not say.
    fn reconcile(&self, reservation: &Reservation, actual: Option<u64>);

    /// Headers of an answer or of a failure say what is left.
    fn observe(&self, rates: RateHeaders);

    /// The provider refused the request with a 429.
    fn refused(&self, reservation: &Reservation, refusal: Refusal);

    /// Requests a minute in force: told, seen in headers or learned; `None` while there is no limit in sight.
    fn requests_per_minute(&self) -> Option<f64>;
}

/// A share of a key's limits, taken for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// Tokens it was made for.
    pub tokens: u64,
    /// Number of the request among those of the key, from 1.
    pub sequence: u64,
    /// When it was made.
    pub at: Instant,
}

/// The limiter of one machine.
#[derive(Debug)]
pub struct MemoryLimiter {
    /// Whoever holds this is next; the lock is fair, and a waiter that leaves takes nothing with it.
    turn: tokio::sync::Mutex<()>,
    key: Mutex<KeyLimits>,
    changed: Notify,
}

impl MemoryLimiter {
    /// A limiter for a key of which this much was told.
    pub fn new(told: ToldLimits) -> Self {
        Self {
            turn: tokio::sync::Mutex::new(()),
            key: Mutex::new(KeyLimits::new(told, now())),
            changed: Notify::new(),
        }
    }

    /// The limiter of one of several that keep a key's limits without asking each other.
    pub(crate) fn share(share: Share) -> Self {
        Self {
            turn: tokio::sync::Mutex::new(()),
            key: Mutex::new(KeyLimits::share(share, now())),
            changed: Notify::new(),
        }
    }

    fn key(&self) -> MutexGuard<'_, KeyLimits> {
        // The machine keeps no promise across a panic that its numbers could break.
        self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limiter for MemoryLimiter {
    fn reserve(&self, tokens: u64) -> Pin<Box<dyn Future<Output = Reservation> + Send + '_>> {
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            loop {
                let changed = self.changed.notified();
                let (now, wait) = {
                    let mut key = self.key();
                    let now = now();
                    let wait = key.wait(tokens, now);
                    if wait.is_zero() {
                        let Sent { sequence, at } = key.send(tokens, now);
                        return Reservation { tokens, sequence, at };
                    }
                    (now, wait)
                };
                tokio::select! {
                    () = tokio::time::sleep_until((now + wait).into()) => {}
                    () = changed => {}
                }
            }
        })
    }

    fn ready_in(&self, tokens: u64) -> Duration {
        self.key().wait(tokens, now())
    }

    fn reconcile(&self, reservation: &Reservation, actual: Option<u64>) {
        if let Some(actual) = actual.filter(|actual| *actual != reservation.tokens) {
            self.key().reconcile(reservation.tokens, actual, now());
            self.changed.notify_waiters();
        }
    }

    fn observe(&self, rates: RateHeaders) {
        if rates != RateHeaders::default() {
            self.key().observe(rates, now());
            self.changed.notify_waiters();
        }
    }

    fn refused(&self, reservation: &Reservation, refusal: Refusal) {
        let sent = Sent { sequence: reservation.sequence, at: reservation.at };
        self.key().refused(reservation.tokens, sent, refusal, now());
        self.changed.notify_waiters();
    }

    fn requests_per_minute(&self) -> Option<f64> {
        self.key().requests_per_minute()
    }
}

/// Tokio's clock, which tests can stop.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn told(requests: u64) -> Arc<MemoryLimiter> {
        Arc::new(MemoryLimiter::new(ToldLimits {
            requests_per_minute: Some(requests),
            tokens_per_minute: None,
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn first_come_first_served() {
        let limiter = told(60);
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..5)
            .map(|index| {
                let (limiter, order) = (limiter.clone(), order.clone());
                tokio::spawn(async move {
                    limiter.reserve(1).await;
                    order.lock().unwrap().push(index);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_takes_nothing() {
        let limiter = told(60);
        limiter.reserve(1).await;
        let before = limiter.ready_in(1);
        for _ in 0..10 {
            let given_up = tokio::time::timeout(Duration::from_millis(1), limiter.reserve(1)).await.is_err();
            assert!(given_up);
        }
        assert!(limiter.ready_in(1) < before);
    }

    #[tokio::test(start_paused = true)]
    async fn keys_do_not_disturb_each_other() {
        let (one, other) = (told(1), told(1));
        one.reserve(1).await;
        assert!(one.ready_in(1) > Duration::from_secs(30));
        assert_eq!(other.ready_in(1), Duration::ZERO);
    }
}
