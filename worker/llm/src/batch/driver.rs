//! The machine on tokio: what arrives, ends and passes goes in, what it decides is done.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, watch},
    task::{Id, JoinError, JoinSet},
};

use super::{
    machine::{Action, Batch, Event, Machine, Outcome, Room, Unit},
    size::{Caps, Limit},
};
use crate::limiter::now;

/// Units on their way to the machine.
pub(super) const DOOR: usize = 64;
/// Units that wait in the machine; more wait before the door.
const MOST_WAITING: usize = 4_096;

/// What is done in batches.
pub(super) trait Work: Send + Sync + 'static {
    /// A unit with what its asker waits on.
    type Unit: Send + 'static;

    /// What the machine has to know of a unit: its group, tokens of input, most tokens of its answer.
    fn size(&self, unit: &Self::Unit) -> (u64, u64, u64);

    /// Whether anybody waits for its answer.
    fn is_wanted(unit: &Self::Unit) -> bool;

    /// What requests may have now.
    fn room(&self) -> Room;

    /// Does what the units of one request ask for and tells their askers, or sees to it that they are told.
    fn run(
        self: Arc<Self>,
        units: Vec<Self::Unit>,
        most_output: u64,
    ) -> impl Future<Output = Outcome> + Send + 'static;

    /// Told after each step: units in requests that are under way, and these requests.
    fn under_way(&self, _units: usize, _requests: usize) {}
}

/// What wakes the driver beside units, ends and time.
pub(super) struct Signals {
    /// Whether more units may come.
    pub(super) coming: watch::Receiver<bool>,
    /// The room has changed for reasons of its own.
    pub(super) room: watch::Receiver<()>,
}

/// Drives one machine.
pub(super) struct Driver<W: Work> {
    work: Arc<W>,
    machine: Machine,
    units: HashMap<u64, W::Unit>,
    came: u64,
    running: JoinSet<Outcome>,
    /// Batches by their tasks.
    numbers: HashMap<Id, u64>,
    wake: Option<Instant>,
    said: HashSet<Limit>,
}

impl<W: Work> Driver<W> {
    pub(super) fn new(work: Arc<W>, caps: Caps, wait: Duration) -> Self {
        Self {
            work,
            machine: Machine::new(caps, wait),
            units: HashMap::new(),
            came: 0,
            running: JoinSet::new(),
            numbers: HashMap::new(),
            wake: None,
            said: HashSet::new(),
        }
    }

    /// Runs until nobody can ask any more; what is under way is given up then.
    pub(super) async fn run(mut self, mut door: mpsc::Receiver<W::Unit>, mut signals: Signals) {
        let coming = *signals.coming.borrow_and_update();
        self.step(Event::Coming(coming));
        loop {
            let wake = self.wake;
            let event = tokio::select! {
                // In this order, so that whoever says that nothing more is coming has had what came before counted.
                biased;
                unit = door.recv(), if self.machine.waiting() < MOST_WAITING => match unit {
                    Some(unit) => self.arrived(unit),
                    None => return,
                },
                Some(over) = self.running.join_next_with_id() => self.ended(over),
                changed = signals.coming.changed() => match changed {
                    Ok(()) => Event::Coming(*signals.coming.borrow_and_update()),
                    Err(_) => return,
                },
                Ok(()) = signals.room.changed() => Event::Passed,
                () = tokio::time::sleep_until(wake.unwrap_or_else(now).into()), if wake.is_some() => Event::Passed,
            };
            self.step(event);
        }
    }

    fn arrived(&mut self, unit: W::Unit) -> Event {
        self.came += 1;
        let (group, input, output) = self.work.size(&unit);
        self.units.insert(self.came, unit);
        Event::Arrived(Unit { id: self.came, group, input, output })
    }

    fn ended(&mut self, over: Result<(Id, Outcome), JoinError>) -> Event {
        let (task, outcome) = over.unwrap_or_else(|error| {
            // Its units' askers see that they were forgotten.
            tracing::error!(%error, "a batch ended by a defect");
            (error.id(), Outcome::default())
        });
        self.numbers.remove(&task).map_or(Event::Passed, |batch| Event::Ended(batch, outcome))
    }

    /// One event, after what may have changed beside it.
    fn step(&mut self, event: Event) {
        let deserted: Vec<u64> =
            self.units.iter().filter(|(_, unit)| !W::is_wanted(unit)).map(|(id, _)| *id).collect();
        let room = self.work.room();
        let gone = deserted.into_iter().map(|id| {
            self.units.remove(&id);
            Event::Withdrawn(id)
        });
        let events: Vec<Event> = gone.chain([Event::Room(room), event]).collect();
        for event in events {
            self.wake = None;
            for action in self.machine.apply(event, now()) {
                match action {
                    Action::Send(batch) => self.send(batch),
                    Action::Wake(at) => self.wake = Some(at),
                }
            }
        }
        let (units, requests) = self.machine.under_way();
        self.work.under_way(units, requests);
    }

    fn send(&mut self, batch: Batch) {
        let Batch { number, units, most_output, limit, .. } = batch;
        if self.said.insert(limit) {
            tracing::debug!(units = units.len(), why = limit.reason(), "the size of a batch");
        }
        let units = units.iter().filter_map(|id| self.units.remove(id)).collect();
        let work = Arc::clone(&self.work);
        let task = self.running.spawn(work.run(units, most_output));
        self.numbers.insert(task.id(), number);
    }
}
