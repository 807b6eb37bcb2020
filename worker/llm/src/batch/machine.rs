//! Which units share a request, and when it leaves: a pure state machine from (event, now) to actions.
//!
//! Units of a group wait in the order in which they came. While a request slot is free, the first of them leave together
//! - at once, when they are as many as a request takes;
//! - at once, when nothing more is coming, or when there is only one slot: what comes meanwhile gathers while it is taken;
//! - else when the oldest has waited for the bound.
//!
//! While no slot is free they go on gathering: waiting costs nothing then. A backlog that is shorter than the free slots
//! could take is spread over them, as far as the fixed part of a request's latency is worth it.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use super::size::{Caps, Limit, Sizing};

/// Groups whose sizes are remembered.
const MOST_GROUPS: usize = 64;

/// One document, or one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Its handle, unique.
    pub(crate) id: u64,
    /// Only units of a group share a request: same stage, same models, same schema.
    pub(crate) group: u64,
    /// Tokens that it adds to a request's input.
    pub(crate) input: u64,
    /// Most tokens of its answer.
    pub(crate) output: u64,
}

/// What requests may have now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Requests at once.
    pub(crate) slots: usize,
    /// Tokens that the units of a request may add to its input.
    pub(crate) input: u64,
    /// Tokens of a request's answer.
    pub(crate) output: u64,
}

/// How a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Outcome {
    /// Units that had to be asked about again.
    pub(crate) failed: usize,
    /// What its answer took, where one came that can be learned from.
    pub(crate) measured: Option<Measured>,
}

/// What an answer took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measured {
    /// From sending the request to the answer's last byte.
    pub(crate) latency: Duration,
    /// What latency grows with: tokens of the answer; of embeddings, tokens of the texts.
    pub(crate) tokens: u64,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Event {
    /// A unit is to be sent.
    Arrived(Unit),
    /// Nobody wants its answer any more.
    Withdrawn(u64),
    /// The request of a batch is over.
    Ended(u64, Outcome),
    /// What requests may have.
    Room(Room),
    /// Whether more units may come before one of those here is answered.
    Coming(bool),
    /// Time has passed.
    Passed,
}

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Send these as one request.
    Send(Batch),
    /// Look again then.
    Wake(Instant),
}

/// Units that share a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Batch {
    /// Its number, unique.
    pub(crate) number: u64,
    /// The group of its units.
    pub(crate) group: u64,
    /// The units, in the order in which they came.
    pub(crate) units: Vec<u64>,
    /// Most tokens that its answer may have.
    pub(crate) most_output: u64,
    /// What kept it from being larger.
    pub(crate) limit: Limit,
}

#[derive(Debug)]
struct Group {
    waiting: VecDeque<(Unit, Instant)>,
    sizing: Sizing,
    /// Batches that are under way.
    flying: usize,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Machine {
    caps: Caps,
    wait: Duration,
    room: Room,
    coming: bool,
    groups: BTreeMap<u64, Group>,
    flying: HashMap<u64, (u64, usize)>,
    sent: u64,
}

impl Machine {
    /// A machine that has no room yet.
    pub(crate) fn new(caps: Caps, wait: Duration) -> Self {
        Self {
            caps,
            wait,
            room: Room { slots: 0, input: 0, output: 0 },
            coming: true,
            groups: BTreeMap::new(),
            flying: HashMap::new(),
            sent: 0,
        }
    }

    /// What follows from an event.
    pub(crate) fn apply(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::Arrived(unit) => self.group(unit.group).waiting.push_back((unit, now)),
            Event::Withdrawn(id) => {
                for group in self.groups.values_mut() {
                    group.waiting.retain(|(unit, _)| unit.id != id);
                }
            }
            Event::Ended(batch, outcome) => {
                if let Some((group, units)) = self.flying.remove(&batch)
                    && let Some(group) = self.groups.get_mut(&group)
                {
                    group.flying -= 1;
                    group.sizing.learn(units, outcome);
                }
            }
            Event::Room(room) => self.room = room,
            Event::Coming(coming) => self.coming = coming,
            Event::Passed => {}
        }
        self.decide(now)
    }

    /// Units that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.groups.values().map(|group| group.waiting.len()).sum()
    }

    /// Units in requests that are under way, and these requests.
    pub(crate) fn under_way(&self) -> (usize, usize) {
        (self.flying.values().map(|(_, units)| units).sum(), self.flying.len())
    }

    fn group(&mut self, name: u64) -> &mut Group {
        if self.groups.len() >= MOST_GROUPS && !self.groups.contains_key(&name) {
            // What an idle group has taught is learned again when it comes back.
            self.groups.retain(|_, group| !group.waiting.is_empty() || group.flying > 0);
        }
        let caps = self.caps;
        self.groups.entry(name).or_insert_with(|| Group {
            waiting: VecDeque::new(),
            sizing: Sizing::new(caps),
            flying: 0,
        })
    }

    fn free(&self) -> usize {
        self.room.slots.saturating_sub(self.flying.len())
    }

    fn decide(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        while self.free() > 0 {
            let due = self.groups.iter().filter_map(|(name, group)| {
                let (_, since) = group.waiting.front()?;
                Some((*since, *name, self.due(group, now)?))
            });
            // Among groups, first come is first served.
            let Some((_, name, (units, limit))) = due.min_by_key(|(since, name, _)| (*since, *name)) else {
                break;
            };
            actions.extend(self.send(name, units, limit).map(Action::Send));
        }
        if self.free() > 0 {
            let oldest =
                self.groups.values().filter_map(|group| group.waiting.front()).map(|(_, since)| *since).min();
            actions.extend(oldest.map(|since| Action::Wake(since + self.wait)));
        }
        actions
    }

    /// How many of a group's units are to leave now, and what keeps it from being more.
    fn due(&self, group: &Group, now: Instant) -> Option<(usize, Limit)> {
        let (most, limit) = group.sizing.fitting(group.waiting.iter().map(|(unit, _)| unit), self.room);
        if limit != Limit::Backlog && self.coming {
            return Some((most, limit));
        }
        let (_, since) = group.waiting.front()?;
        let waited = now.saturating_duration_since(*since) >= self.wait;
        if self.coming && !waited && self.room.slots > 1 {
            return None;
        }
        let spread = group.waiting.len().div_ceil(self.free().max(1));
        let worth = if self.coming { group.sizing.worth().unwrap_or(most) } else { 1 };
        let units = spread.max(worth).clamp(1, most);
        Some((units, if units < most { Limit::Slots } else { limit }))
    }

    fn send(&mut self, name: u64, units: usize, limit: Limit) -> Option<Batch> {
        let output = self.room.output;
        let group = self.groups.get_mut(&name)?;
        let units: Vec<Unit> = group.waiting.drain(..units).map(|(unit, _)| unit).collect();
        let most_output = group.sizing.most_output(&units, output);
        group.flying += 1;
        self.sent += 1;
        self.flying.insert(self.sent, (name, units.len()));
        let units = units.into_iter().map(|unit| unit.id).collect();
        Some(Batch { number: self.sent, group: name, units, most_output, limit })
    }
}
