//! The task between a desk and Redis: books slots for those that wait, takes the news along, and keeps to a share of the
//! limits while Redis is away.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use sheaf_common::quota::{Ask, Contact, Pacing, Rates, Slot, View};

use super::{
    Clerking,
    desk::{Desk, DueSlot, Known, Local, News, Refused, State},
    lesson,
};
use crate::limiter::{
    MemoryLimiter, ToldLimits,
    bucket::BURST_DIVISOR,
    key::Share,
    now,
    pace::{GROWTH, MOST_GROWTH},
};

/// How far ahead slots are booked: longer than a round trip, shorter than anything that should still be stopped. The next
/// slot is booked however far it is, so that nobody has to ask twice for it.
const HORIZON: Duration = Duration::from_millis(200);
/// Slots booked in one call.
const MOST_WANTED: usize = 64;
/// How long news wait for a booking that takes them along.
const LINGER: Duration = Duration::from_millis(100);
/// How long an answer may take before requests go on without it.
const ANSWER: Duration = Duration::from_secs(1);
/// Between looks whether Redis is back.
const PROBE: Duration = Duration::from_millis(250);
/// How long everybody keeps to their shares when Redis is back: longer than it takes everybody to notice.
const GRACE: Duration = Duration::from_secs(1);
/// Longest sleep.
const IDLE: Duration = Duration::from_hours(1);

/// As the limiter in memory does it.
pub(super) const PACING: Pacing = Pacing { burst: BURST_DIVISOR, growth: GROWTH, most_growth: MOST_GROWTH };

/// What was asked, while its answer is on the way.
struct Asked {
    wants: Vec<u64>,
    again: Option<Slot>,
    contact: Contact,
    answer: Pin<Box<dyn Future<Output = Result<View, String>> + Send>>,
}

pub(super) struct Clerk {
    desk: Arc<Desk>,
    hired: Clerking,
    /// The connection that the last answer came over; `None`: there was none, or it is not trusted.
    connection: Option<u64>,
    /// When the last answer came.
    heard: Option<Instant>,
    /// Redis does not answer since.
    lost: Option<Instant>,
    /// Not asked before then.
    probe: Instant,
}

impl Clerk {
    pub(super) fn new(desk: Arc<Desk>, hired: Clerking) -> Self {
        Self { desk, hired, connection: None, heard: None, lost: None, probe: now() }
    }

    /// Works until the desk is closed.
    pub(super) async fn run(mut self) {
        let mut asked: Option<Asked> = None;
        let desk = Arc::clone(&self.desk);
        loop {
            let wake = {
                let mut state = desk.state();
                let now = now();
                self.resize_share(&mut state, now);
                let due = state.deliver(now);
                if asked.is_none() {
                    asked = self.ask(&mut state, now);
                }
                if asked.is_none() && state.closed {
                    return;
                }
                let later = self.asks_at(&state, now).filter(|_| asked.is_none());
                due.into_iter().chain(later).min().unwrap_or(now + IDLE)
            };
            let answer = async {
                match &mut asked {
                    Some(asked) => asked.answer.as_mut().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                answer = answer => {
                    if let Some(asked) = asked.take() {
                        match answer {
                            Ok(view) => self.hear(&asked, &view),
                            Err(why) => self.lose(&why),
                        }
                    }
                }
                () = tokio::time::sleep_until(wake.into()) => {}
                () = desk.changed.notified() => {}
            }
        }
    }

    /// When there will be something to ask, if nothing else happens.
    fn asks_at(&self, state: &State, now: Instant) -> Option<Instant> {
        if state.local.is_some() {
            return Some(self.probe);
        }
        let news = state.news.since.map(|since| {
            let is_urgent = state.closed || !state.news.back.is_empty() || !state.news.refusals.is_empty();
            if is_urgent { now } else { since + LINGER }
        });
        let wants = (state.waiting.len() > state.slots.len()).then(|| match state.slots.back() {
            Some(last) => last.at.checked_sub(HORIZON / 2).unwrap_or(now),
            None => now,
        });
        news.into_iter().chain(wants).min()
    }

    fn ask(&mut self, state: &mut State, now: Instant) -> Option<Asked> {
        // Whoever leaves does not wait for a Redis that is away.
        if state.closed && state.local.is_some() {
            return None;
        }
        self.asks_at(state, now).filter(|at| *at <= now)?;
        let alone = state.local.is_some();
        let unbooked = state.waiting.iter().skip(state.slots.len());
        let wants: Vec<u64> =
            unbooked.map(|waiter| waiter.tokens).take(if alone { 0 } else { MOST_WANTED }).collect();
        let ToldLimits { requests_per_minute, tokens_per_minute } = self.hired.told;
        let news = &mut state.news;
        let (requests, tokens) =
            (news.requests.take(requests_per_minute), news.tokens.take(tokens_per_minute));
        let News { sent, given, back, refusals, .. } =
            std::mem::replace(news, News { requests: news.requests, tokens: news.tokens, ..News::default() });
        let contact = match self.lost {
            // Somebody else may have come by since the last answer, and then the others are not away.
            Some(lost) => Contact::Back(now.saturating_duration_since(self.heard.unwrap_or(lost))),
            None if self.connection == Some(self.hired.rates.link().connections()) => Contact::Steady,
            None => Contact::New,
        };
        // Tokens that came back may bring a far slot nearer.
        let far = |slot: &&DueSlot| given > 0 && slot.at > now + HORIZON;
        let again = state.slots.back().filter(far).map(|slot| (slot.slot, slot.tokens));
        let ask = Ask {
            pacing: PACING,
            requests,
            tokens,
            horizon: HORIZON,
            contact,
            grace: GRACE,
            sent,
            given,
            back,
            again,
            wants: wants.clone(),
        };
        let answer = exchange(self.hired.rates.clone(), ask, refusals, state.booked());
        Some(Asked { wants, again: again.map(|(slot, _)| slot), contact, answer: Box::pin(answer) })
    }

    /// An answer came.
    fn hear(&mut self, asked: &Asked, view: &View) {
        let mut state = self.desk.state();
        let state = &mut *state;
        let received = now();
        let there = |micros: u64| received + Duration::from_micros(micros.saturating_sub(view.now));
        let limits = ToldLimits { requests_per_minute: view.requests, tokens_per_minute: view.tokens };
        state.known = Some(Known {
            limits,
            rate: view.rate,
            paused_until: there(view.pause_until),
            following: there(view.following),
        });
        let connection = Some(self.hired.rates.link().connections());
        let is_unexpected = asked.contact == Contact::Steady && connection != self.connection;
        let again = view.slots.first().zip(asked.again).filter(|(moved, old)| moved.number == old.number);
        if let Some((moved, old)) = again
            && let Some(slot) = state.slots.iter_mut().find(|slot| slot.slot == old)
        {
            (slot.slot, slot.at) = (*moved, there(moved.at));
        }
        let slots = view.slots.iter().skip(usize::from(again.is_some())).zip(&asked.wants);
        if is_unexpected {
            // Another server may be behind it: what it gave is not to be trusted before it has been looked at.
            for (slot, tokens) in slots.rev() {
                state.news.back.push(*slot);
                state.news.given = state.news.given.saturating_add_unsigned(*tokens);
            }
            state.news.since = Some(received);
            self.connection = None;
            return;
        }
        state.slots.extend(slots.map(|(slot, tokens)| DueSlot {
            slot: *slot,
            at: there(slot.at),
            tokens: *tokens,
        }));
        (self.connection, self.heard, self.lost) = (connection, Some(received), None);
        if view.keep_until > view.now {
            self.probe = there(view.keep_until);
            self.keep_share(state, "Redis was away until just now", received);
        } else if state.local.take().is_some() {
            let Clerking { key, worker, .. } = &self.hired;
            tracing::warn!(%worker, key, "the fleet keeps the limits of the key together again");
        }
    }

    /// No answer came: requests go on without.
    fn lose(&mut self, why: &str) {
        let desk = Arc::clone(&self.desk);
        let mut state = desk.state();
        let now = now();
        self.lost.get_or_insert(now);
        self.probe = now + PROBE;
        state.news.requests.tell_again();
        state.news.tokens.tell_again();
        self.keep_share(&mut state, why, now);
    }

    /// Begins to keep to a share, unless it does so already.
    fn keep_share(&self, state: &mut State, why: &str, now: Instant) {
        if state.local.is_none() {
            let Clerking { key, worker, .. } = &self.hired;
            let among = self.begin_share(state, now);
            tracing::warn!(%worker, key, among, why, "this worker keeps to its share of the limits of the key by itself");
        }
    }

    fn resize_share(&self, state: &mut State, now: Instant) {
        let among = self.hired.among.load(Ordering::Relaxed);
        if state.local.as_ref().is_some_and(|local| local.among != among) {
            self.begin_share(state, now);
        }
    }

    fn begin_share(&self, state: &mut State, now: Instant) -> u32 {
        let among = self.hired.among.load(Ordering::Relaxed);
        let (limits, rate, pause) = state.known.map_or((self.hired.told, None, Duration::ZERO), |known| {
            (known.limits, known.rate, known.paused_until.saturating_duration_since(now))
        });
        let share = Share { limits, rate, pause, among, delay: HORIZON, phase: fastrand::f64() };
        state.local = Some(Local::new(MemoryLimiter::share(share), among, state));
        among
    }
}

/// Tells of refusals first, so that what is booked then is booked at the pace that they taught.
async fn exchange(rates: Rates, ask: Ask, refusals: Vec<Refused>, booked: u64) -> Result<View, String> {
    let exchange = async {
        if !refusals.is_empty() {
            lesson::teach(&rates, &refusals, booked, ask.sent).await?;
        }
        rates.take(&ask).await
    };
    match tokio::time::timeout(ANSWER, exchange).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("Redis has not answered for {:.0} s", ANSWER.as_secs_f64())),
    }
}
