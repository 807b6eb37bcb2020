//! The limits of a key as a fleet keeps them together: in Redis, or each worker its share while Redis is away.
//!
//! | module | noun |
//! | --- | --- |
//! | `desk` | who waits, the slots in hand, and the news that Redis has not heard yet |
//! | `clerk` | the task between the desk and Redis |
//! | `lesson` | what refusals teach all of them |
//!
//! ```text
//! reserve ─► desk ◄─ clerk ─► take.lua    slots, at most 200 ms ahead; told and seen limits; tokens given back
//!                      └────► learn.lua   after a 429: the pause and the learned rate
//! ```
//!
//! A request costs one round trip or less: one call books for all that wait, and takes along what is news. While no limit
//! is told, seen or learned, requests pass without waiting for Redis, which is told of them ten times a second at most.

#[cfg(test)]
mod booking_tests;
mod clerk;
mod desk;
mod lesson;

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sheaf_common::{
    id::WorkerId,
    quota::Rates,
    redis::{Link, Patience},
};
use tokio::{sync::oneshot, task::JoinHandle};

use self::{
    clerk::Clerk,
    desk::{Desk, Grant, Refused},
};
use super::{Limiter, Refusal, Reservation, ToldLimits, now};
use crate::answer::RateHeaders;

/// The limits that a fleet shares, for each key that it uses. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct SharedLimits {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    link: Link,
    worker: WorkerId,
    /// How many workers use the keys.
    among: Arc<AtomicU32>,
    limiters: Mutex<HashMap<String, Arc<SharedLimiter>>>,
}

impl SharedLimits {
    /// Limits that are kept in the Redis behind `link`, over a connection of their own that is made at first use. `worker`
    /// names this process in the log.
    pub fn connect(link: &Link, worker: WorkerId) -> Self {
        // Never tried again: a booking whose answer was lost is lost, and requests go on with a local share.
        let link = link.separate(link.connector().clone(), Patience::For(Duration::ZERO));
        let among = Arc::new(AtomicU32::new(1));
        Self { shared: Arc::new(Shared { link, worker, among, limiters: Mutex::default() }) }
    }

    /// Says how many workers use the keys: while Redis is away each sends its part of every limit. Until this is said a
    /// worker takes itself for the only one.
    pub fn set_share(&self, workers: u32) {
        self.shared.among.store(workers.max(1), Ordering::Relaxed);
    }

    /// The limiter of a key of which this much was told. `key` says which one it is, the same in every worker that spends
    /// from it; whoever asks first is taken at their word.
    pub fn limiter(&self, key: &str, told: ToldLimits) -> Arc<dyn Limiter> {
        let mut limiters = self.shared.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter = limiters.entry(key.to_owned()).or_insert_with(|| {
            let Shared { link, worker, among, .. } = &*self.shared;
            Arc::new(SharedLimiter {
                desk: Arc::new(Desk::default()),
                clerk: Mutex::default(),
                hired: Clerking {
                    rates: Rates::new(link.clone(), key),
                    told,
                    key: key.to_owned(),
                    worker: worker.clone(),
                    among: Arc::clone(among),
                },
            })
        });
        Arc::clone(limiter) as Arc<dyn Limiter>
    }
}

/// What a clerk needs to know.
#[derive(Debug, Clone)]
struct Clerking {
    rates: Rates,
    told: ToldLimits,
    key: String,
    worker: WorkerId,
    among: Arc<AtomicU32>,
}

/// The limiter of one key of a fleet.
#[derive(Debug)]
struct SharedLimiter {
    desk: Arc<Desk>,
    /// Runs on the runtime of whoever reserved first.
    clerk: Mutex<Option<JoinHandle<()>>>,
    hired: Clerking,
}

impl SharedLimiter {
    /// Begins the clerk, or another one where the runtime of the last has ended.
    fn call_clerk(&self) {
        let mut clerk = self.clerk.lock().unwrap_or_else(PoisonError::into_inner);
        if clerk.as_ref().is_none_or(JoinHandle::is_finished) {
            let desk = Arc::clone(&self.desk);
            *clerk = Some(tokio::spawn(Clerk::new(desk, self.hired.clone()).run()));
        }
    }
}

impl Drop for SharedLimiter {
    fn drop(&mut self) {
        self.desk.close();
    }
}

impl Limiter for SharedLimiter {
    fn reserve(&self, tokens: u64) -> Pin<Box<dyn Future<Output = Reservation> + Send + '_>> {
        Box::pin(async move {
            loop {
                self.call_clerk();
                let mut ticket = match self.desk.come(tokens) {
                    Ok(reservation) => return reservation,
                    Err(receiver) => Ticket { desk: &self.desk, receiver },
                };
                // Without a clerk nobody would ever answer: its runtime has ended, and this one has not.
                if let Ok(grant) = (&mut ticket.receiver).await {
                    return grant.reservation;
                }
            }
        })
    }

    fn ready_in(&self, tokens: u64) -> Duration {
        self.desk.ready_in(tokens, now())
    }

    fn reconcile(&self, reservation: &Reservation, actual: Option<u64>) {
        if let Some(actual) = actual.filter(|actual| *actual != reservation.tokens) {
            self.desk.reconcile(reservation, actual);
        }
    }

    fn observe(&self, rates: RateHeaders) {
        if rates != RateHeaders::default() {
            self.desk.observe(rates);
        }
    }

    fn refused(&self, reservation: &Reservation, refusal: Refusal) {
        self.desk.refused(reservation, Refused { number: reservation.sequence, at: reservation.at, refusal });
    }

    fn requests_per_minute(&self) -> Option<f64> {
        self.desk.requests_per_minute()
    }
}

/// A place in the queue. Given up, what was already granted goes to whoever is next.
struct Ticket<'a> {
    desk: &'a Desk,
    receiver: oneshot::Receiver<Grant>,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.receiver.close();
        self.desk.left(self.receiver.try_recv().ok().as_ref());
    }
}
