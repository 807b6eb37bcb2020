//! Who waits, the slots in hand, and the news that Redis has not heard yet.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::FutureExt;
use sheaf_common::quota::{Seen, Slot};
use tokio::sync::{Notify, oneshot};

use crate::{
    answer::{RateHeaders, RateWindow},
    limiter::{
        Limiter, MemoryLimiter, Refusal, Reservation, ToldLimits, bucket::BURST_DIVISOR, key::per_minute, now,
    },
};

/// Refusals that wait to be told; more of one moment teach nothing.
const MOST_REFUSALS: usize = 1_024;

/// Everything about a key that one worker has at hand.
#[derive(Debug, Default)]
pub(super) struct Desk {
    state: Mutex<State>,
    /// Something has happened that the clerk should look at.
    pub(super) changed: Notify,
}

/// What is on the desk. Whoever waits is in flight already and so are counted; every other list has a bound.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) waiting: VecDeque<Waiter>,
    /// Booked and not yet due or not yet given out, in order.
    pub(super) slots: VecDeque<DueSlot>,
    pub(super) news: News,
    /// What Redis last said of the key.
    pub(super) known: Option<Known>,
    /// While Redis is away.
    pub(super) local: Option<Local>,
    /// Nobody will come any more.
    pub(super) closed: bool,
    /// Requests of this worker so far.
    sent: u64,
}

#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) tokens: u64,
    answer: oneshot::Sender<Grant>,
}

/// A slot on the clock of this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct DueSlot {
    pub(super) slot: Slot,
    pub(super) at: Instant,
    pub(super) tokens: u64,
}

/// A reservation, and the slot that it was made from.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) reservation: Reservation,
    slot: Option<DueSlot>,
}

/// The limits of a key as Redis last told them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) limits: ToldLimits,
    /// Learned, requests a second.
    pub(super) rate: Option<f64>,
    pub(super) paused_until: Instant,
    /// The next slot that was free.
    pub(super) following: Instant,
}

/// A worker's own part of the limits.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) limiter: MemoryLimiter,
    pub(super) among: u32,
    /// Requests of this worker that are not the local limiter's.
    others: u64,
}

/// A request that was refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    /// Its number among the requests of this worker.
    pub(super) number: u64,
    pub(super) at: Instant,
    pub(super) refusal: Refusal,
}

/// What Redis has not heard yet.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Since when there is any.
    pub(super) since: Option<Instant>,
    /// Requests sent without a booking.
    pub(super) sent: u64,
    /// Tokens to give back.
    pub(super) given: i64,
    pub(super) requests: Headers,
    pub(super) tokens: Headers,
    /// Slots to give back, the last one first.
    pub(super) back: Vec<Slot>,
    pub(super) refusals: Vec<Refused>,
}

/// What headers said of one kind of limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Headers {
    said: Option<u64>,
    left: Option<u64>,
    /// What Redis was told last, so that it is not told again.
    told: Option<u64>,
}

impl Headers {
    /// Whether it is news.
    fn learn(&mut self, window: RateWindow, limit: Option<u64>) -> bool {
        let said = per_minute(window).filter(|said| self.told != Some(*said));
        self.said = said.or(self.said);
        // More than a burst says nothing: no level is higher.
        let burst = self.said.or(limit).map_or(0.0, |limit| (limit as f64 / BURST_DIVISOR).max(1.0));
        let left = window.remaining.filter(|left| (*left as f64) < burst || said.is_some());
        self.left = match (self.left, left) {
            (Some(known), Some(left)) => Some(known.min(left)),
            (known, left) => known.or(left),
        };
        said.is_some() || left.is_some()
    }

    /// What was told last may not have been heard.
    pub(super) fn tell_again(&mut self) {
        self.told = None;
    }

    /// What there is to tell, with what a person told.
    pub(super) fn take(&mut self, told: Option<u64>) -> Seen {
        let (said, left) = (self.said.take(), self.left.take());
        self.told = said.or(self.told);
        Seen {
            told: told.unwrap_or(0),
            said: said.unwrap_or(0),
            left: left.map_or(-1, |left| left.min(1 << 53).cast_signed()),
        }
    }
}

impl Known {
    /// Whether there is nothing to wait for.
    fn is_free(&self, now: Instant) -> bool {
        self.limits == ToldLimits::default() && self.rate.is_none() && self.paused_until <= now
    }
}

impl Local {
    pub(super) fn new(limiter: MemoryLimiter, among: u32, state: &State) -> Self {
        Self { limiter, among, others: state.sent }
    }
}

impl Desk {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete before anything that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request may leave at once, or has to wait for what is answered.
    pub(super) fn come(&self, tokens: u64) -> Result<Reservation, oneshot::Receiver<Grant>> {
        let mut state = self.state();
        let now = now();
        let is_free = state.known.as_ref().is_some_and(|known| known.is_free(now));
        if is_free && state.local.is_none() && state.waiting.is_empty() {
            state.news.sent += 1;
            // Taken off when others have learned a limit meanwhile.
            let news = state.is_news(now, |news| news.given = news.given.saturating_sub_unsigned(tokens));
            let reservation = state.number(tokens, now);
            drop(state);
            if news {
                self.changed.notify_one();
            }
            return Ok(reservation);
        }
        let (answer, receiver) = oneshot::channel();
        state.waiting.push_back(Waiter { tokens, answer });
        drop(state);
        self.changed.notify_one();
        Err(receiver)
    }

    /// A request no longer waits; it may have been granted something in the last moment.
    pub(super) fn left(&self, grant: Option<&Grant>) {
        if let Some(Grant { reservation, slot }) = grant {
            let mut state = self.state();
            match slot {
                Some(slot) => state.slots.push_front(DueSlot { tokens: reservation.tokens, ..*slot }),
                None => state.give(reservation.tokens, 0),
            }
        }
        self.changed.notify_one();
    }

    pub(super) fn reconcile(&self, reservation: &Reservation, actual: u64) {
        self.state().give(reservation.tokens, actual);
        self.changed.notify_one();
    }

    pub(super) fn observe(&self, rates: RateHeaders) {
        let mut state = self.state();
        if let Some(local) = &state.local {
            local.limiter.observe(rates);
        }
        let limits = state.known.map(|known| known.limits).unwrap_or_default();
        let requests = state.news.requests.learn(rates.requests, limits.requests_per_minute);
        let tokens = state.news.tokens.learn(rates.of_tokens(), limits.tokens_per_minute);
        if requests || tokens {
            state.is_news(now(), |_| ());
            drop(state);
            self.changed.notify_one();
        }
    }

    pub(super) fn refused(&self, reservation: &Reservation, refused: Refused) {
        let mut state = self.state();
        if let Some(local) = &state.local {
            let sequence = reservation.sequence.saturating_sub(local.others).max(1);
            local.limiter.refused(&Reservation { sequence, ..*reservation }, refused.refusal);
        } else {
            state.give(reservation.tokens, 0);
            if state.news.refusals.len() < MOST_REFUSALS {
                state.news.refusals.push(refused);
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    pub(super) fn ready_in(&self, tokens: u64, now: Instant) -> Duration {
        let state = self.state();
        if let Some(local) = &state.local {
            return local.limiter.ready_in(tokens);
        }
        let Some(known) = state.known.as_ref().filter(|known| !known.is_free(now)) else {
            return Duration::ZERO;
        };
        // Those that wait without a slot go first.
        let first = state.waiting.len().saturating_sub(state.slots.len()) as f64;
        let each = known.per_minute().map_or(0.0, |per_minute| 60.0 / per_minute);
        let queue = Duration::try_from_secs_f64(first * each).unwrap_or(Duration::MAX);
        known.following.saturating_duration_since(now).saturating_add(queue)
    }

    pub(super) fn requests_per_minute(&self) -> Option<f64> {
        let state = self.state();
        let alone = state.local.as_ref().and_then(|local| local.limiter.requests_per_minute());
        alone.or_else(|| state.known?.per_minute())
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_one();
    }
}

impl Known {
    /// Requests a minute in force.
    fn per_minute(&self) -> Option<f64> {
        let limit = self.limits.requests_per_minute.map(|limit| limit as f64);
        let learned = self.rate.map(|rate| rate * 60.0);
        limit.into_iter().chain(learned).reduce(f64::min)
    }
}

impl State {
    /// Notes news; returns whether they are the first.
    fn is_news(&mut self, now: Instant, note: impl FnOnce(&mut News)) -> bool {
        note(&mut self.news);
        let first = self.news.since.is_none();
        self.news.since.get_or_insert(now);
        first
    }

    /// Of `reserved` tokens only `actual` were used.
    fn give(&mut self, reserved: u64, actual: u64) {
        match &self.local {
            Some(local) => {
                let reservation = Reservation { tokens: reserved, sequence: 0, at: now() };
                local.limiter.reconcile(&reservation, Some(actual));
            }
            None => {
                self.is_news(now(), |news| {
                    news.given = news.given.saturating_add_unsigned(reserved).saturating_sub_unsigned(actual);
                });
            }
        }
    }

    fn number(&mut self, tokens: u64, now: Instant) -> Reservation {
        self.sent += 1;
        Reservation { tokens, sequence: self.sent, at: now }
    }

    /// Requests of this worker, those that have a slot included.
    pub(super) fn booked(&self) -> u64 {
        self.sent + self.slots.len() as u64
    }

    /// Gives out what is due, and gives back what nobody waits for. Returns when something is due next.
    pub(super) fn deliver(&mut self, now: Instant) -> Option<Instant> {
        self.waiting.retain(|waiter| !waiter.answer.is_closed());
        while self.slots.len() > self.waiting.len()
            && let Some(DueSlot { slot, tokens, .. }) = self.slots.pop_back()
        {
            self.is_news(now, |news| {
                news.given = news.given.saturating_add_unsigned(tokens);
                news.back.push(slot);
            });
        }
        while let Some(slot) = self.slots.front().copied().filter(|slot| slot.at <= now)
            && let Some(waiter) = self.waiting.pop_front()
        {
            self.slots.pop_front();
            // Whoever the slot was booked for may have left it to another one.
            if slot.tokens != waiter.tokens {
                self.give(slot.tokens, waiter.tokens);
            }
            self.grant(waiter, Some(slot), now);
        }
        let alone = self.deliver_alone(now);
        let due = self.slots.front().map(|slot| slot.at);
        alone.into_iter().chain(due).min()
    }

    /// The local limiter lets those pass that have no slot.
    fn deliver_alone(&mut self, now: Instant) -> Option<Instant> {
        while self.waiting.len() > self.slots.len() {
            let limiter = &self.local.as_ref()?.limiter;
            let tokens = self.waiting.front()?.tokens;
            let wait = limiter.ready_in(tokens);
            // Nobody else uses it: what is ready is had at once.
            if !wait.is_zero() || limiter.reserve(tokens).now_or_never().is_none() {
                return Some(now + wait.max(Duration::from_millis(1)));
            }
            let waiter = self.waiting.pop_front()?;
            self.grant(waiter, None, now);
        }
        None
    }

    fn grant(&mut self, waiter: Waiter, slot: Option<DueSlot>, now: Instant) {
        if let (Some(local), Some(_)) = (&mut self.local, slot) {
            local.others += 1;
        }
        let reservation = self.number(waiter.tokens, now);
        if let Err(Grant { reservation, slot }) = waiter.answer.send(Grant { reservation, slot }) {
            self.sent -= 1;
            match slot {
                Some(slot) => self.slots.push_front(DueSlot { tokens: reservation.tokens, ..slot }),
                None => self.give(reservation.tokens, 0),
            }
        }
    }
}
