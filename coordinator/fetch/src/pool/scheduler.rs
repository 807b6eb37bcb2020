//! Which download starts next: pure, no clock but the one handed in.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use sheaf_common::fault::FaultKind;
use tokio::time::Instant;

use super::{
    host::{Host, Readiness, Ticket},
    settings::PoolSettings,
};
use crate::{
    canonical::{HostKey, Server},
    door::{FetchRequest, Fetched, Terms},
    failure::{Advice, FetchFailure},
};

/// Decides which download starts next.
///
/// Each host has a queue of its own. A free slot goes to the host that has something to do, may do it now, and has
/// the fewest downloads going; among equals to the one served longest ago. So a host that is alone gets every slot,
/// and its share shrinks as soon as others have work. What a host must wait for (crawl-delay, `Retry-After`, the next
/// attempt) is a time in a table and occupies no slot.
pub(crate) struct Scheduler<T> {
    settings: PoolSettings,
    names: HashMap<HostKey, HostId>,
    hosts: BTreeMap<HostId, Slot<T>>,
    ready: BTreeSet<(usize, u64, HostId)>,
    sleeping: BTreeSet<(Instant, HostId)>,
    idle: BTreeSet<(u64, HostId)>,
    /// Documents of hosts that were given up.
    doomed: VecDeque<(Job<T>, Arc<FetchFailure>)>,
    /// Documents that have been taken in and are not being downloaded.
    waiting: usize,
    /// Counts what is handed out, to tell before from after.
    clock: u64,
}

pub(crate) type HostId = u64;

/// A document on its way.
#[derive(Debug)]
pub(crate) struct Job<T> {
    pub(crate) request: FetchRequest,
    pub(crate) payload: T,
    /// Downloads that counted.
    attempts: u32,
    /// Downloads that ended with "come back later".
    waits: u32,
    first_start: Option<Instant>,
}

struct Slot<T> {
    key: HostKey,
    host: Host,
    queue: VecDeque<Job<T>>,
    /// Documents that are tried again, by when.
    later: BTreeMap<(Instant, u64), Job<T>>,
    place: Place,
    served: u64,
}

/// Where a host stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Ready(usize, u64),
    Sleeping(Instant),
    Idle(u64),
    Nowhere,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Action<T> {
    /// Ask what the host wants of robots, and report it with [`Scheduler::terms`].
    Ask { host: HostId, ticket: Ticket, request: FetchRequest },
    /// Download it, and report with [`Scheduler::finished`].
    Start { host: HostId, ticket: Ticket, job: Job<T> },
    /// It is over: its host was given up.
    Fail { payload: T, failure: FetchFailure },
}

impl<T> Scheduler<T> {
    pub(crate) fn new(settings: PoolSettings) -> Self {
        Self {
            settings,
            names: HashMap::new(),
            hosts: BTreeMap::new(),
            ready: BTreeSet::new(),
            sleeping: BTreeSet::new(),
            idle: BTreeSet::new(),
            doomed: VecDeque::new(),
            waiting: 0,
            clock: 0,
        }
    }

    /// Whether another document may be taken in.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting < self.settings.look_ahead.max(1)
    }

    /// Takes a document in.
    pub(crate) fn offer(&mut self, request: FetchRequest, payload: T, now: Instant) {
        let id = self.host_of(&request, now);
        let job = Job { request, payload, attempts: 0, waits: 0, first_start: None };
        self.waiting += 1;
        if let Some(slot) = self.hosts.get_mut(&id) {
            match slot.host.given_up(&self.settings, now) {
                Some(failure) => self.doomed.push_back((job, failure)),
                None => slot.queue.push_back(job),
            }
        }
        self.place(id, now);
    }

    /// Whether [`next`](Self::next) has something to do.
    pub(crate) fn has_action(&mut self, now: Instant) -> bool {
        self.wake(now);
        !self.doomed.is_empty() || !self.ready.is_empty()
    }

    /// When there may be something to do, if nothing happens before.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.sleeping.first().map(|(at, _)| *at)
    }

    /// The next thing to do; there must be a free slot for it.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Action<T>> {
        if let Some((job, failure)) = self.doomed.pop_front() {
            self.waiting -= 1;
            return Some(given_up(job, &failure, now));
        }
        self.wake(now);
        let (.., id) = *self.ready.first()?;
        self.clock += 1;
        let slot = self.hosts.get_mut(&id)?;
        slot.served = self.clock;
        let action = if slot.host.needs_terms() {
            let request = slot.peek(now)?.request.clone();
            Action::Ask { host: id, ticket: slot.host.ask_terms(now), request }
        } else {
            let mut job = slot.pop(now)?;
            self.waiting -= 1;
            job.first_start.get_or_insert(now);
            Action::Start { host: id, ticket: slot.host.start(now), job }
        };
        self.place(id, now);
        Some(action)
    }

    /// What a host wants of robots. An error counts as the host not being reached.
    pub(crate) fn terms(
        &mut self,
        id: HostId,
        ticket: Ticket,
        terms: Result<Terms, FetchFailure>,
        now: Instant,
        jitter: f64,
    ) {
        if let Some(slot) = self.hosts.get_mut(&id) {
            match terms {
                Ok(terms) => slot.host.learn_terms(terms, &self.settings),
                Err(failure) => {
                    slot.host.no_terms();
                    slot.host.unreachable(ticket, &failure, &self.settings, now, jitter);
                }
            }
        }
        self.settle(id, now);
    }

    /// How a download ended. Gives the document back when it is over, and keeps it when it will be tried again.
    pub(crate) fn finished(
        &mut self,
        id: HostId,
        ticket: Ticket,
        mut job: Job<T>,
        end: Result<Fetched, FetchFailure>,
        now: Instant,
        jitter: f64,
    ) -> Option<(T, Result<Fetched, FetchFailure>)> {
        if let Some(slot) = self.hosts.get_mut(&id) {
            account(&mut slot.host, ticket, &end, &self.settings, now, jitter);
        }
        let again = match &end {
            Err(failure) if failure.kind == FaultKind::RateLimited => {
                job.waits += 1;
                (job.waits <= self.settings.waits && failure.advice != Advice::GiveUp)
                    .then_some(Duration::ZERO)
            }
            Err(failure) => {
                job.attempts += 1;
                let wait = match failure.advice {
                    Advice::GiveUp => None,
                    Advice::TryAgain => Some(self.settings.backoff.delay(job.attempts, jitter)),
                    // The host itself waits.
                    Advice::ComeBack { .. } | Advice::HostDown => Some(Duration::ZERO),
                };
                wait.filter(|_| job.attempts < self.settings.attempts)
            }
            Ok(_) => {
                job.attempts += 1;
                None
            }
        };
        let over = match (again, self.hosts.get_mut(&id)) {
            (Some(wait), Some(slot)) => {
                self.clock += 1;
                self.waiting += 1;
                slot.later.insert((now + wait, self.clock), job);
                None
            }
            _ => Some(job.over(end, now)),
        };
        self.settle(id, now);
        over
    }

    /// Gives back every document that is not being downloaded.
    pub(crate) fn take_waiting(&mut self, now: Instant) -> Vec<T> {
        let mut taken: Vec<T> = self.doomed.drain(..).map(|(job, _)| job.payload).collect();
        for slot in self.hosts.values_mut() {
            taken.extend(std::mem::take(&mut slot.later).into_values().map(|job| job.payload));
            taken.extend(slot.queue.drain(..).map(|job| job.payload));
        }
        self.waiting = 0;
        let ids: Vec<_> = self.hosts.keys().copied().collect();
        for id in ids {
            self.place(id, now);
        }
        taken
    }

    /// Documents taken in and not being downloaded.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    #[cfg(test)]
    pub(crate) fn hosts_known(&self) -> usize {
        self.hosts.len()
    }

    fn host_of(&mut self, request: &FetchRequest, now: Instant) -> HostId {
        let key = HostKey::of(&request.url);
        if let Some(&id) = self.names.get(&key) {
            return id;
        }
        self.clock += 1;
        let id = self.clock;
        let slot = Slot {
            key: key.clone(),
            host: Host::new(&self.settings, now),
            queue: VecDeque::new(),
            later: BTreeMap::new(),
            place: Place::Nowhere,
            served: 0,
        };
        self.names.insert(key, id);
        self.hosts.insert(id, slot);
        id
    }

    /// Moves the hosts whose time has come.
    fn wake(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.sleeping.first()
            && at <= now
        {
            self.place(id, now);
        }
    }

    /// Dooms what is left of a host that has just been given up, and finds the host's new place.
    fn settle(&mut self, id: HostId, now: Instant) {
        if let Some(slot) = self.hosts.get_mut(&id)
            && let Some(failure) = slot.host.given_up(&self.settings, now)
        {
            let jobs = std::mem::take(&mut slot.later).into_values().chain(slot.queue.drain(..));
            self.doomed.extend(jobs.map(|job| (job, Arc::clone(&failure))));
        }
        self.place(id, now);
    }

    /// Puts a host where it belongs.
    fn place(&mut self, id: HostId, now: Instant) {
        let Some(slot) = self.hosts.get_mut(&id) else { return };
        let new = slot.belongs(&self.settings, self.clock, now);
        if slot.place == new {
            return;
        }
        match slot.place {
            Place::Ready(in_flight, served) => self.ready.remove(&(in_flight, served, id)),
            Place::Sleeping(at) => self.sleeping.remove(&(at, id)),
            Place::Idle(since) => self.idle.remove(&(since, id)),
            Place::Nowhere => true,
        };
        slot.place = new;
        match new {
            Place::Ready(in_flight, served) => self.ready.insert((in_flight, served, id)),
            Place::Sleeping(at) => self.sleeping.insert((at, id)),
            Place::Idle(since) => self.idle.insert((since, id)),
            Place::Nowhere => true,
        };
        while self.idle.len() > self.settings.remembered_hosts {
            let Some((_, forgotten)) = self.idle.pop_first() else { break };
            if let Some(slot) = self.hosts.remove(&forgotten) {
                self.names.remove(&slot.key);
            }
        }
    }
}

impl<T> Slot<T> {
    fn belongs(&self, settings: &PoolSettings, clock: u64, now: Instant) -> Place {
        let later = self.later.first_key_value().map(|((at, _), _)| *at);
        let Some(due) = (if self.queue.is_empty() { later } else { Some(now) }) else {
            return match self.place {
                _ if self.host.in_flight() > 0 => Place::Nowhere,
                Place::Idle(since) => Place::Idle(since),
                _ => Place::Idle(clock),
            };
        };
        match self.host.readiness(settings, now) {
            Readiness::Full => Place::Nowhere,
            Readiness::At(at) => Place::Sleeping(at.max(due)),
            Readiness::Now if due > now => Place::Sleeping(due),
            Readiness::Now => Place::Ready(self.host.in_flight(), self.served),
        }
    }

    /// What is tried again goes before what is new.
    fn retry_is_due(&self, now: Instant) -> bool {
        self.later.first_key_value().is_some_and(|((at, _), _)| *at <= now)
    }

    fn peek(&self, now: Instant) -> Option<&Job<T>> {
        if self.retry_is_due(now) { self.later.values().next() } else { self.queue.front() }
    }

    fn pop(&mut self, now: Instant) -> Option<Job<T>> {
        if self.retry_is_due(now) {
            self.later.pop_first().map(|(_, job)| job)
        } else {
            self.queue.pop_front()
        }
    }
}

impl<T> Job<T> {
    /// How often it was tried, and for how long in all.
    fn tally(&self, now: Instant) -> (u32, Duration) {
        let elapsed = self.first_start.map(|start| now.saturating_duration_since(start)).unwrap_or_default();
        (self.attempts + self.waits, elapsed)
    }

    fn over(self, end: Result<Fetched, FetchFailure>, now: Instant) -> (T, Result<Fetched, FetchFailure>) {
        let (attempts, elapsed) = self.tally(now);
        let end = match end {
            Ok(fetched) => Ok(Fetched { attempts, elapsed, ..fetched }),
            Err(failure) => Err(FetchFailure { attempts, elapsed, ..failure }),
        };
        (self.payload, end)
    }
}

/// Tells a host's state how a download from it ended.
fn account(
    host: &mut Host,
    ticket: Ticket,
    end: &Result<Fetched, FetchFailure>,
    settings: &PoolSettings,
    now: Instant,
    jitter: f64,
) {
    match end {
        Err(failure) => match (failure.advice, failure.kind) {
            (Advice::HostDown, _) => host.unreachable(ticket, failure, settings, now, jitter),
            (Advice::ComeBack { after }, _) => host.refused(ticket, after, settings, now, jitter),
            (_, FaultKind::FetchTimeout) => host.dragged(ticket, settings, now),
            (_, FaultKind::Robots | FaultKind::AddressRefused | FaultKind::BadSource) => host.spared(ticket),
            _ => host.answered(ticket, settings, now),
        },
        Ok(_) => host.answered(ticket, settings, now),
    }
}

/// The end of a document whose host was given up before its turn, or before its next attempt.
fn given_up<T>(job: Job<T>, why: &FetchFailure, now: Instant) -> Action<T> {
    let host = Server(&job.request.url);
    let failure = FetchFailure {
        kind: why.kind,
        what: format!("{host} was given up after failing again and again: {}", why.what),
        hint: why.hint.clone(),
        advice: Advice::GiveUp,
        attempts: 0,
        elapsed: Duration::ZERO,
    };
    let (attempts, elapsed) = job.tally(now);
    Action::Fail { payload: job.payload, failure: FetchFailure { attempts, elapsed, ..failure } }
}
