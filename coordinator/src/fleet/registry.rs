//! Who is in the fleet: a pure state machine from (event, now) to actions.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use sheaf_common::{
    fleet::{
        Assignment, Command, Counts, Intake, Order, PROTOCOL, Refusal, Registration, Report, RosterEntry,
        WorkerState,
    },
    id::{RunId, WorkerId},
};

use super::member::{Lost, Member, Wanted};

/// A worker that was silent for so long is lost. Reports come each second.
pub const LOST_AFTER: Duration = Duration::from_secs(3);
/// That a worker is lost is said again each time so much has passed.
pub(super) const LOST_AGAIN: Duration = Duration::from_secs(5);
/// A worker that stayed lost for so long is forgotten.
pub(super) const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);
/// Most workers of a fleet.
pub(super) const MOST_WORKERS: usize = 4_096;

/// What becomes of the fleet, for the program around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FleetEvent {
    /// A worker registered for the first time.
    Joined {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker's stream is gone or it is silent. Its jobs are to be reclaimed when nobody extends their leases: it may
    /// still be at work, as it needs only the queue for that. Said again every few seconds while it stays lost.
    Lost {
        /// The worker.
        worker: WorkerId,
        /// For how long nothing was heard of it.
        silent_for: Duration,
    },
    /// A lost worker is heard again.
    Back {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker said goodbye and holds nothing, or was lost for so long that it is forgotten.
    Left {
        /// The worker.
        worker: WorkerId,
    },
}

/// What happens to the registry. A session's number is unique; what is said in one that is over counts for nothing.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Registered(Registration),
    Opened {
        worker: WorkerId,
        session: u64,
    },
    Reported {
        worker: WorkerId,
        session: u64,
        report: Report,
    },
    Goodbye {
        worker: WorkerId,
        session: u64,
    },
    Gone {
        worker: WorkerId,
        session: u64,
    },
    Asked {
        worker: WorkerId,
        command: Command,
    },
    Assigned(Assignment),
    Withdrawn(RunId),
    /// Whether nothing more is pushed to the run's queue.
    Closing(RunId, bool),
    Tick,
}

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    Send { session: u64, order: Order },
    Close { session: u64 },
    Tell(FleetEvent),
}

/// The fleet's members and what they are to do.
#[derive(Debug, Default)]
pub(super) struct Registry {
    members: BTreeMap<WorkerId, Member>,
    wanted: Wanted,
    /// Number of the last change of a run's configuration.
    changes: u64,
}

impl Registry {
    /// What follows from an event.
    pub(super) fn apply(&mut self, event: Event, now: Instant) -> Result<Vec<Action>, Refusal> {
        let mut actions = Vec::new();
        match event {
            Event::Registered(registration) => self.register(registration, now, &mut actions)?,
            Event::Opened { worker, session } => self.open(&worker, session, now, &mut actions)?,
            Event::Reported { worker, session, report } => {
                if let Some(member) = self.in_session(&worker, session) {
                    member.report = report;
                    heard(member, now, &mut actions);
                }
            }
            Event::Goodbye { worker, session } => {
                if self.in_session(&worker, session).is_some() {
                    self.members.remove(&worker);
                    actions.push(Action::Close { session });
                    actions.push(Action::Tell(FleetEvent::Left { worker }));
                }
            }
            Event::Gone { worker, session } => {
                if let Some(member) = self.in_session(&worker, session) {
                    member.session = None;
                    actions.push(Action::Close { session });
                    lose(member, now, &mut actions);
                }
            }
            Event::Asked { worker, command } => self.ask(worker, command, &mut actions)?,
            Event::Assigned(assignment) => {
                self.changes += 1;
                self.wanted.runs.insert(assignment.run.clone(), (self.changes, assignment));
                self.tell_all(&mut actions);
            }
            Event::Withdrawn(run) => {
                self.wanted.runs.remove(&run);
                self.wanted.closing.remove(&run);
                self.tell_all(&mut actions);
            }
            Event::Closing(run, closing) => {
                if closing && self.wanted.runs.contains_key(&run) {
                    self.wanted.closing.insert(run);
                } else {
                    self.wanted.closing.remove(&run);
                }
                self.tell_all(&mut actions);
            }
            Event::Tick => self.tick(now, &mut actions),
        }
        Ok(actions)
    }

    fn register(
        &mut self,
        registration: Registration,
        now: Instant,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        let worker = registration.worker.clone();
        if registration.protocol > PROTOCOL {
            return Err(Refusal::NewerWorker { worker, theirs: registration.protocol, ours: PROTOCOL });
        }
        if let Some(member) = self.members.get_mut(&worker) {
            member.registration = registration;
            member.welcomed(&self.wanted);
            heard(member, now, actions);
            return Ok(());
        }
        if self.members.len() >= MOST_WORKERS {
            return Err(Refusal::Full { most: MOST_WORKERS });
        }
        self.members.insert(worker.clone(), Member::new(registration, &self.wanted, now));
        actions.push(Action::Tell(FleetEvent::Joined { worker }));
        Ok(())
    }

    /// The newer session of a worker wins: the older one is a connection that is dead and does not know it.
    fn open(
        &mut self,
        worker: &WorkerId,
        session: u64,
        now: Instant,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        let member = self.members.get_mut(worker).ok_or_else(|| Refusal::UnknownWorker(worker.clone()))?;
        if let Some(older) = member.session {
            actions.push(Action::Close { session: older });
        }
        member.opened(session);
        heard(member, now, actions);
        self.share();
        self.tell(worker, actions);
        Ok(())
    }

    fn ask(&mut self, worker: WorkerId, command: Command, actions: &mut Vec<Action>) -> Result<(), Refusal> {
        let Some(member) = self.members.get_mut(&worker) else {
            return Err(Refusal::UnknownWorker(worker));
        };
        let drains = member.asked == Intake::Draining || member.report.intake == Intake::Draining;
        if drains && command != Command::Drain {
            return Err(Refusal::Drains(worker));
        }
        member.asked = match command {
            Command::Drain => Intake::Draining,
            Command::Pause => Intake::Paused,
            Command::Resume => Intake::Open,
        };
        self.tell(&worker, actions);
        Ok(())
    }

    fn tick(&mut self, now: Instant, actions: &mut Vec<Action>) {
        self.members.retain(|worker, member| {
            let Some(lost) = member.lost else {
                if member.silent_for(now) >= LOST_AFTER {
                    lose(member, now, actions);
                }
                return true;
            };
            let worker = worker.clone();
            if now.saturating_duration_since(lost.since) >= FORGOTTEN_AFTER {
                actions.extend(member.session.map(|session| Action::Close { session }));
                actions.push(Action::Tell(FleetEvent::Left { worker }));
                return false;
            }
            if now.saturating_duration_since(lost.said) >= LOST_AGAIN {
                member.lost = Some(Lost { said: now, ..lost });
                actions.push(Action::Tell(FleetEvent::Lost { worker, silent_for: member.silent_for(now) }));
            }
            true
        });
        // Here only, so that a fleet that starts is not told of each newcomer one by one.
        self.share();
        self.tell_all(actions);
    }

    fn in_session(&mut self, worker: &WorkerId, session: u64) -> Option<&mut Member> {
        self.members.get_mut(worker).filter(|member| member.session == Some(session))
    }

    /// A lost worker's share goes to the others.
    fn share(&mut self) {
        let here = self.members.values().filter(|member| member.lost.is_none()).count();
        self.wanted.share = u32::try_from(here).unwrap_or(u32::MAX);
    }

    fn tell(&mut self, worker: &WorkerId, actions: &mut Vec<Action>) {
        if let Some(member) = self.members.get_mut(worker) {
            tell(member, &self.wanted, actions);
        }
    }

    fn tell_all(&mut self, actions: &mut Vec<Action>) {
        for member in self.members.values_mut() {
            tell(member, &self.wanted, actions);
        }
    }

    /// The runs to work on now.
    pub(super) fn runs(&self) -> Vec<Assignment> {
        self.wanted.runs.values().map(|(_, assignment)| assignment.clone()).collect()
    }

    /// The lost ones.
    pub(super) fn lost(&self) -> Vec<WorkerId> {
        let lost = self.members.iter().filter(|(_, member)| member.lost.is_some());
        lost.map(|(worker, _)| worker.clone()).collect()
    }

    /// The list of workers, by name.
    pub(super) fn roster(&self, now: Instant) -> Vec<RosterEntry> {
        let mut roster: Vec<_> = self.members.values().map(|member| member.entry(now)).collect();
        roster.sort_by(|one, other| (&one.name, &one.worker).cmp(&(&other.name, &other.worker)));
        roster
    }

    /// The fleet in numbers, but for the backlog and what follows from it.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for member in self.members.values() {
            counts.done = counts.done.saturating_add(member.report.done);
            match member.state() {
                WorkerState::Lost => {
                    counts.lost += 1;
                    continue;
                }
                WorkerState::Paused | WorkerState::Draining => counts.closed += 1,
                WorkerState::Joining | WorkerState::Working => {}
            }
            counts.workers += 1;
            counts.in_flight += u64::from(member.report.load.in_flight);
            counts.slots += u64::from(member.report.load.slots);
        }
        counts
    }
}

/// A sign of life.
fn heard(member: &mut Member, now: Instant, actions: &mut Vec<Action>) {
    member.heard = now;
    if member.lost.take().is_some() {
        actions.push(Action::Tell(FleetEvent::Back { worker: member.registration.worker.clone() }));
    }
}

fn lose(member: &mut Member, now: Instant, actions: &mut Vec<Action>) {
    if member.lost.is_none() {
        member.lost = Some(Lost { since: now, said: now });
        let worker = member.registration.worker.clone();
        actions.push(Action::Tell(FleetEvent::Lost { worker, silent_for: member.silent_for(now) }));
    }
}

fn tell(member: &mut Member, wanted: &Wanted, actions: &mut Vec<Action>) {
    if let Some(session) = member.session {
        let orders = member.catch_up(wanted).into_iter();
        actions.extend(orders.map(|order| Action::Send { session, order }));
    }
}
