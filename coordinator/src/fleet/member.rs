//! One worker as the registry knows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use sheaf_common::{
    fleet::{Assignment, Health, Intake, Order, Registration, Report, RosterEntry, WorkerState},
    id::RunId,
};

/// What the fleet is to do; each worker is told what it has not been told yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// The runs, each with a number that grows when its configuration changes.
    pub runs: BTreeMap<RunId, (u64, Assignment)>,
    /// Of these, the ones to whose queues nothing more is pushed.
    pub closing: BTreeSet<RunId>,
    /// How many share the limits of keys.
    pub share: u32,
}

/// A worker.
#[derive(Debug)]
pub(super) struct Member {
    pub registration: Registration,
    pub report: Report,
    pub heard: Instant,
    pub session: Option<u64>,
    pub lost: Option<Lost>,
    /// What an operator asked for last.
    pub asked: Intake,
    told: Told,
}

/// Since when a worker is lost, and when that was last said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lost {
    pub since: Instant,
    pub said: Instant,
}

/// What a worker was told over the sessions it had.
#[derive(Debug, Default)]
struct Told {
    runs: BTreeMap<RunId, u64>,
    /// Whether a run closes, as it was told; `None` where it was told and may not have heard it.
    closing: BTreeMap<RunId, Option<bool>>,
    share: Option<u32>,
    intake: Intake,
}

impl Member {
    pub(super) fn new(registration: Registration, wanted: &Wanted, now: Instant) -> Self {
        let mut member = Self {
            registration,
            report: Report::default(),
            heard: now,
            session: None,
            lost: None,
            asked: Intake::Open,
            told: Told::default(),
        };
        member.welcomed(wanted);
        member
    }

    /// It registered, and knows the runs from its welcome.
    pub(super) fn welcomed(&mut self, wanted: &Wanted) {
        self.told.runs = wanted.runs.iter().map(|(run, (number, _))| (run.clone(), *number)).collect();
    }

    /// Its session is open. Orders of an earlier one may have been lost on their way, so that what it says itself counts.
    pub(super) fn opened(&mut self, session: u64) {
        self.session = Some(session);
        self.told.share = None;
        self.told.closing.values_mut().for_each(|told| *told = None);
        self.told.intake = self.report.intake;
    }

    /// What it has yet to be told. Whoever takes the orders sends them.
    pub(super) fn catch_up(&mut self, wanted: &Wanted) -> Vec<Order> {
        let mut orders = Vec::new();
        if self.told.intake != self.asked && self.told.intake != Intake::Draining {
            orders.push(match self.asked {
                Intake::Open => Order::Resume,
                Intake::Paused => Order::Pause,
                Intake::Draining => Order::Drain,
            });
            self.told.intake = self.asked;
        }
        if self.told.share != Some(wanted.share) && wanted.share > 0 {
            self.told.share = Some(wanted.share);
            orders.push(Order::Share { workers: wanted.share });
        }
        for (run, (number, assignment)) in &wanted.runs {
            if self.told.runs.insert(run.clone(), *number) != Some(*number) {
                orders.push(Order::Assign(Box::new(assignment.clone())));
                // Whoever begins a run anew knows nothing of it.
                if let Some(told) = self.told.closing.get_mut(run) {
                    *told = None;
                }
            }
        }
        self.told.runs.retain(|run, _| {
            let stays = wanted.runs.contains_key(run);
            if !stays {
                orders.push(Order::Withdraw(run.clone()));
            }
            stays
        });
        for run in wanted.runs.keys() {
            let closing = wanted.closing.contains(run);
            let is_known = self.told.closing.get(run).map_or(!closing, |told| *told == Some(closing));
            if !is_known {
                self.told.closing.insert(run.clone(), Some(closing));
                orders.push(Order::Closing { run: run.clone(), closing });
            }
        }
        self.told.closing.retain(|run, _| wanted.runs.contains_key(run));
        orders
    }

    pub(super) fn silent_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard)
    }

    pub(super) fn state(&self) -> WorkerState {
        let drains = |intake| intake == Intake::Draining;
        let paused = |intake| intake == Intake::Paused;
        if self.lost.is_some() {
            WorkerState::Lost
        } else if drains(self.asked) || drains(self.report.intake) {
            WorkerState::Draining
        } else if paused(self.asked) || paused(self.report.intake) {
            WorkerState::Paused
        } else if self.session.is_none() {
            WorkerState::Joining
        } else {
            WorkerState::Working
        }
    }

    pub(super) fn entry(&self, now: Instant) -> RosterEntry {
        let Registration { worker, name, host, version, .. } = &self.registration;
        RosterEntry {
            worker: worker.clone(),
            name: name.clone(),
            host: host.clone(),
            version: version.clone(),
            state: self.state(),
            load: self.report.load,
            done: self.report.done,
            silent_for: self.silent_for(now),
            unwell: match &self.report.health {
                Health::Well => None,
                Health::Unwell(why) => Some(why.clone()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use sheaf_common::{fleet::PROTOCOL, id::WorkerId, mode::Mode};

    use super::*;

    fn registration() -> Registration {
        Registration {
            worker: WorkerId::new("a"),
            name: "a".to_owned(),
            host: "h".to_owned(),
            cores: 2,
            memory_bytes: 1 << 30,
            modes: Mode::ALL.to_vec(),
            version: "0.1.0".to_owned(),
            protocol: PROTOCOL,
            models: vec![],
        }
    }

    #[test]
    fn that_nothing_more_is_pushed_is_told_once_and_again_where_it_may_not_have_been_heard() {
        let run = RunId::new("r");
        let closing = |closing| Order::Closing { run: RunId::new("r"), closing };
        let mut wanted = Wanted::default();
        wanted.runs.insert(run.clone(), (1, Assignment::sample("r", 1)));
        let mut member = Member::new(registration(), &wanted, Instant::now());
        assert_eq!(member.catch_up(&wanted), []);
        wanted.closing.insert(run.clone());
        assert_eq!(member.catch_up(&wanted), [closing(true)]);
        assert_eq!(member.catch_up(&wanted), []);
        member.opened(2);
        assert_eq!(
            member.catch_up(&wanted),
            [closing(true)],
            "the order may have been lost with the session"
        );
        wanted.runs.insert(run.clone(), (2, Assignment::sample("r", 1)));
        let again = [Order::Assign(Box::new(Assignment::sample("r", 1))), closing(true)];
        assert_eq!(member.catch_up(&wanted), again, "who begins anew is told anew");
        wanted.closing.clear();
        assert_eq!(member.catch_up(&wanted), [closing(false)]);
        member.opened(3);
        assert_eq!(member.catch_up(&wanted), [closing(false)], "it may still believe the other");
        wanted.closing.insert(run.clone());
        let mut later = Member::new(registration(), &wanted, Instant::now());
        assert_eq!(later.catch_up(&wanted), [closing(true)], "who comes later is told");
        wanted.runs.clear();
        wanted.closing.clear();
        assert_eq!(later.catch_up(&wanted), [Order::Withdraw(run)], "that is enough");
    }
}
