//! The backends and the one queue before them.
//!
//! The queue is central: a request waits for any backend that fits and is bound to one only when a slot is free, so a
//! faster backend takes more of the work without anybody measuring how much. Requests that the same backends fit share
//! a lane; in a lane, first come is first served.

mod choice;
mod member;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

pub(crate) use self::{
    choice::Need,
    member::{Ending, MemberSpec},
};
use self::{
    choice::{Choice, Queue, choose},
    member::Member,
};
use crate::{
    answer::TokenUsage,
    error::ModelError,
    limiter::{Cause, Limiter, now},
};

/// Most backends of a pool: lanes name them by the bits of a word.
pub(crate) const MOST_MEMBERS: usize = 64;

/// The pool of a client.
pub(crate) struct Pool {
    state: Mutex<State>,
    limiters: Vec<Arc<dyn Limiter>>,
    lanes: Mutex<HashMap<u64, Arc<Lane>>>,
    changed: Notify,
    /// How long it is waited for a pool of which every backend is out of order.
    patience: Duration,
}

#[derive(Debug)]
struct State {
    members: Vec<Member>,
    turn: usize,
    last_came: Instant,
    /// It was said that every backend is out of order.
    said_broken: bool,
    /// Since when every backend was found out of order and none has answered.
    broken_since: Option<Instant>,
    /// Why the whole client stopped.
    stopped: Option<ModelError>,
}

/// Requests that the same backends fit.
#[derive(Debug, Default)]
struct Lane {
    /// Whoever holds this is next; the lock is fair.
    turn: tokio::sync::Mutex<()>,
    waiting: AtomicUsize,
}

/// Counts a waiting request for as long as it waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why no backend will take a request.
#[derive(Debug, Clone)]
pub(crate) enum NoBackend {
    /// It is longer than the largest context.
    TooLong(Option<u64>),
    /// None has ever answered and all are out of order.
    NobodyThere,
    /// All have been out of order for this long.
    Broken(Duration),
    /// The client has stopped.
    Stopped(Box<ModelError>),
}

impl Pool {
    /// A pool of backends, each with its key's limiter.
    pub(crate) fn new(members: Vec<(MemberSpec, Arc<dyn Limiter>)>, patience: Duration) -> Self {
        let (specs, limiters): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        let members = specs.into_iter().map(Member::new).collect();
        Self {
            state: Mutex::new(State {
                members,
                turn: 0,
                last_came: now(),
                said_broken: false,
                broken_since: None,
                stopped: None,
            }),
            patience,
            limiters,
            lanes: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lane(&self, need: Need) -> Arc<Lane> {
        let mask = {
            let mut state = self.state();
            state.last_came = now();
            let fitting = state.members.iter().take(MOST_MEMBERS).enumerate();
            fitting.fold(0u64, |mask, (index, member)| {
                mask | u64::from(member.fits(need.target, need.input, need.output)) << index
            })
        };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(mask).or_default())
    }

    /// Waits for a backend. Dropping the future leaves the queue.
    pub(crate) async fn lease(self: &Arc<Self>, need: Need) -> Result<Lease, NoBackend> {
        let lane = self.lane(need);
        let _waiting = Waiting::new(&lane.waiting);
        let _turn = lane.turn.lock().await;
        loop {
            let changed = self.changed.notified();
            let until = match self.decide(need, &lane)? {
                Choice::Take { member, probe } => {
                    return Ok(Lease { pool: Arc::clone(self), member, probe, ended: false });
                }
                Choice::TooLong(largest) => return Err(NoBackend::TooLong(largest)),
                Choice::NobodyThere => return Err(NoBackend::NobodyThere),
                Choice::Wait { until, .. } => until,
            };
            match until {
                None => changed.await,
                Some(until) => tokio::select! {
                    () = tokio::time::sleep_until(until.into()) => {}
                    () = changed => {}
                },
            }
        }
    }

    fn decide(&self, need: Need, lane: &Lane) -> Result<Choice, NoBackend> {
        let now = now();
        let mut state = self.state();
        let state = &mut *state;
        if let Some(error) = &state.stopped {
            return Err(NoBackend::Stopped(Box::new(error.clone())));
        }
        let queue = Queue { waiting: lane.waiting.load(Ordering::Relaxed), last_came: state.last_came };
        let ready_in = |index: usize| {
            let tokens = Self::tokens_at(&state.members, index, need);
            self.limiters.get(index).map_or(Duration::ZERO, |limiter| limiter.ready_in(tokens))
        };
        let mut choice = choose(&state.members, ready_in, need, queue, state.turn, now);
        match choice {
            Choice::Take { member, probe } => {
                state.members[member].started(probe);
                state.turn = (member + 1) % state.members.len();
                state.said_broken &= probe;
            }
            Choice::Wait { until, all_broken: true } => {
                let since = *state.broken_since.get_or_insert(now);
                if now.saturating_duration_since(since) >= self.patience {
                    return Err(NoBackend::Broken(now.saturating_duration_since(since)));
                }
                let end = since + self.patience;
                choice =
                    Choice::Wait { until: Some(until.map_or(end, |until| until.min(end))), all_broken: true };
                if std::mem::replace(&mut state.said_broken, true) {
                    return Ok(choice);
                }
                let names: Vec<&str> = state.members.iter().map(|member| &*member.spec.name).collect();
                let wait = until.map_or(0.0, |until| until.saturating_duration_since(now).as_secs_f64());
                tracing::warn!(
                    backends = names.join(", "),
                    waiting = queue.waiting,
                    "every model backend is out of order; requests wait, the next attempt is in {wait:.1} s"
                );
            }
            _ => {}
        }
        Ok(choice)
    }

    /// Every request from now on, and every one that waits, fails with this.
    pub(crate) fn stop(&self, error: ModelError) {
        self.state().stopped.get_or_insert(error);
        self.changed.notify_waiters();
    }

    /// Why the client has stopped.
    pub(crate) fn stopped(&self) -> Option<ModelError> {
        self.state().stopped.clone()
    }

    fn tokens_at(members: &[Member], index: usize, need: Need) -> u64 {
        members
            .get(index)
            .map_or(need.input, |member| member.correction.likely_total(need.input, need.output))
    }

    /// Whether other backends than `member` fit and are in order.
    pub(crate) fn has_alternative(&self, need: Need, member: usize) -> bool {
        let now = now();
        self.state().members.iter().enumerate().any(|(index, other)| {
            index != member && other.in_order(now) && other.fits(need.target, need.input, need.output)
        })
    }

    /// The pace of a backend's key is known: bursts are its business, not the slots'.
    pub(crate) fn paced(&self, member: usize) {
        if let Some(member) = self.state().members.get_mut(member) {
            member.concurrency.paced();
        }
        self.changed.notify_waiters();
    }

    /// Leaves a backend alone for a while.
    pub(crate) fn cool(&self, member: usize, pause: Duration) {
        if let Some(member) = self.state().members.get_mut(member) {
            member.cool(pause, now());
        }
        self.changed.notify_waiters();
    }

    /// The most tokens that a request's input may have, were it to leave room for `output`; `None`: no limit known.
    pub(crate) fn longest_input(&self, output: u32) -> Option<u64> {
        let state = self.state();
        // One backend without a known limit takes anything.
        state.members.iter().try_fold(0u64, |longest, member| {
            let room = member.spec.context?.saturating_sub(u64::from(output));
            // In tokens of the estimate, which the correction makes tokens of the model.
            let factor = member.correction.upper_input(1_000) as f64 / 1_000.0;
            Some(longest.max((room as f64 / factor.max(1e-3)) as u64))
        })
    }

    /// Input tokens that no fitting backend will count more of.
    pub(crate) fn worst_input(&self, input: u64) -> u64 {
        let state = self.state();
        state
            .members
            .iter()
            .map(|member| member.correction.upper_input(input))
            .max()
            .unwrap_or(input)
            .max(input)
    }

    /// Requests at once, in flight and by limit, by backend.
    pub(crate) fn slots(&self) -> Vec<(usize, usize)> {
        let state = self.state();
        state
            .members
            .iter()
            .map(|member| (member.concurrency.in_flight(), member.concurrency.limit()))
            .collect()
    }
}

/// A slot of a backend, held for one request. Dropped, it is free again and nothing is learned.
pub(crate) struct Lease {
    pool: Arc<Pool>,
    member: usize,
    probe: bool,
    ended: bool,
}

impl Lease {
    /// Number of the backend.
    pub(crate) fn member(&self) -> usize {
        self.member
    }

    /// Tokens to reserve of the key's limit.
    pub(crate) fn paced_tokens(&self, need: Need) -> u64 {
        Pool::tokens_at(&self.pool.state().members, self.member, need)
    }

    /// The backend counted tokens: the estimate learns.
    pub(crate) fn learn(&self, need: Need, usage: TokenUsage) {
        if let Some(member) = self.pool.state().members.get_mut(self.member) {
            member.correction.learn(need.input, usage.input, need.output, usage.output);
        }
    }

    /// The request ended. For a 429: what it is taken for, and whether nothing else is in flight.
    pub(crate) fn end(mut self, ending: Ending) -> Option<(Cause, bool)> {
        self.ended = true;
        let mut state = self.pool.state();
        if matches!(ending, Ending::Answer(_)) {
            state.broken_since = None;
        }
        let member = state.members.get_mut(self.member)?;
        let cause = member.ended(ending, self.probe, now());
        let idle = member.concurrency.in_flight() == 0;
        Some((cause?, idle))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.ended
            && let Some(member) = self.pool.state().members.get_mut(self.member)
        {
            member.abandoned(self.probe, now());
        }
        self.pool.changed.notify_waiters();
    }
}
