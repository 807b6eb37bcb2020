//! The registry by examples, and under any order of events.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use proptest::prelude::*;
use sheaf_common::{
    fleet::{Assignment, Command, Intake, Order, PROTOCOL, Refusal, Registration, Report, WorkerState},
    id::{RunId, WorkerId},
    mode::Mode,
};

use super::registry::{
    Action, Event, FORGOTTEN_AFTER, FleetEvent, LOST_AFTER, LOST_AGAIN, MOST_WORKERS, Registry,
};

fn worker(name: &str) -> WorkerId {
    WorkerId::new(name)
}

fn registration(name: &str) -> Registration {
    Registration {
        worker: worker(name),
        name: name.to_owned(),
        host: "h".to_owned(),
        cores: 2,
        memory_bytes: 1 << 30,
        modes: Mode::ALL.to_vec(),
        version: "0.1.0".to_owned(),
        protocol: PROTOCOL,
        models: vec![],
    }
}

fn report(intake: Intake) -> Report {
    Report { intake, ..Report::default() }
}

/// A registry and a clock.
struct Fleet {
    registry: Registry,
    now: Instant,
}

impl Fleet {
    fn new() -> Self {
        Self { registry: Registry::default(), now: Instant::now() }
    }

    fn after(&mut self, passed: Duration) -> &mut Self {
        self.now += passed;
        self
    }

    fn apply(&mut self, event: Event) -> Vec<Action> {
        self.registry.apply(event, self.now).unwrap()
    }

    fn joined(&mut self, name: &str, session: u64) {
        self.apply(Event::Registered(registration(name)));
        self.apply(Event::Opened { worker: worker(name), session });
    }

    fn ask(&mut self, name: &str, command: Command) -> Vec<Action> {
        self.apply(Event::Asked { worker: worker(name), command })
    }
}

fn lost(name: &str, silent_for: Duration) -> Action {
    Action::Tell(FleetEvent::Lost { worker: worker(name), silent_for })
}

fn back(name: &str) -> Action {
    Action::Tell(FleetEvent::Back { worker: worker(name) })
}

#[test]
fn a_worker_whose_stream_is_gone_is_lost_at_once_and_back_when_it_registers_again() {
    let mut fleet = Fleet::new();
    fleet.joined("a", 1);
    fleet.after(Duration::from_millis(200));
    let gone = fleet.apply(Event::Gone { worker: worker("a"), session: 1 });
    assert_eq!(gone, [Action::Close { session: 1 }, lost("a", Duration::from_millis(200))]);
    assert_eq!(fleet.registry.lost(), [worker("a")]);
    assert_eq!(fleet.apply(Event::Registered(registration("a"))), [back("a")]);
    let opened = fleet.apply(Event::Opened { worker: worker("a"), session: 2 });
    assert_eq!(opened, [Action::Send { session: 2, order: Order::Share { workers: 1 } }]);
    assert!(fleet.registry.lost().is_empty());
}

#[test]
fn a_silent_worker_is_lost_after_three_seconds_and_told_again_until_it_is_forgotten() {
    let mut fleet = Fleet::new();
    fleet.joined("a", 1);
    assert_eq!(fleet.after(LOST_AFTER.saturating_sub(Duration::from_millis(1))).apply(Event::Tick), []);
    assert_eq!(fleet.after(Duration::from_millis(1)).apply(Event::Tick)[0], lost("a", LOST_AFTER));
    assert_eq!(fleet.after(LOST_AGAIN.saturating_sub(Duration::from_millis(1))).apply(Event::Tick), []);
    let again = fleet.after(Duration::from_millis(1)).apply(Event::Tick);
    assert_eq!(again, [lost("a", LOST_AFTER + LOST_AGAIN)]);
    let forgotten = fleet.after(FORGOTTEN_AFTER).apply(Event::Tick);
    let left = Action::Tell(FleetEvent::Left { worker: worker("a") });
    assert_eq!(forgotten, [Action::Close { session: 1 }, left]);
    let unknown = fleet.registry.apply(Event::Opened { worker: worker("a"), session: 2 }, fleet.now);
    assert_eq!(unknown, Err(Refusal::UnknownWorker(worker("a"))), "it has to register again");
}

#[test]
fn a_report_brings_a_silent_worker_back() {
    let mut fleet = Fleet::new();
    fleet.joined("a", 1);
    fleet.after(LOST_AFTER).apply(Event::Tick);
    let heard = Event::Reported { worker: worker("a"), session: 1, report: report(Intake::Open) };
    assert_eq!(fleet.apply(heard), [back("a")]);
    assert_eq!(fleet.registry.roster(fleet.now)[0].state, WorkerState::Working);
}

#[test]
fn of_two_sessions_the_newer_wins_and_the_older_says_nothing_any_more() {
    let mut fleet = Fleet::new();
    fleet.joined("a", 1);
    let opened = fleet.apply(Event::Opened { worker: worker("a"), session: 2 });
    assert_eq!(opened[0], Action::Close { session: 1 });
    assert_eq!(fleet.apply(Event::Gone { worker: worker("a"), session: 1 }), []);
    assert_eq!(fleet.apply(Event::Goodbye { worker: worker("a"), session: 1 }), []);
    let stale = Event::Reported { worker: worker("a"), session: 1, report: report(Intake::Draining) };
    assert_eq!(fleet.apply(stale), []);
    assert_eq!(fleet.registry.roster(fleet.now)[0].state, WorkerState::Working);
}

#[test]
fn what_an_operator_asks_reaches_a_worker_that_was_away() {
    let mut fleet = Fleet::new();
    fleet.joined("a", 1);
    fleet.apply(Event::Gone { worker: worker("a"), session: 1 });
    assert_eq!(fleet.ask("a", Command::Pause), [], "nobody to tell");
    let opened = fleet.apply(Event::Opened { worker: worker("a"), session: 2 });
    assert!(opened.contains(&Action::Send { session: 2, order: Order::Pause }), "{opened:?}");
    assert_eq!(fleet.ask("a", Command::Pause), [], "it was told");
    assert_eq!(fleet.ask("a", Command::Resume), [Action::Send { session: 2, order: Order::Resume }]);
}

#[test]
fn an_order_that_was_lost_with_its_stream_is_given_again() {
    let mut fleet = Fleet::new();
    fleet.joined("a", 1);
    assert_eq!(fleet.ask("a", Command::Drain), [Action::Send { session: 1, order: Order::Drain }]);
    fleet.apply(Event::Gone { worker: worker("a"), session: 1 });
    let opened = fleet.apply(Event::Opened { worker: worker("a"), session: 2 });
    assert!(opened.contains(&Action::Send { session: 2, order: Order::Drain }), "{opened:?}");
}

#[test]
fn a_worker_that_drains_is_asked_for_nothing_else() {
    let mut fleet = Fleet::new();
    fleet.joined("a", 1);
    fleet.apply(Event::Reported { worker: worker("a"), session: 1, report: report(Intake::Draining) });
    let resume = Event::Asked { worker: worker("a"), command: Command::Resume };
    assert_eq!(fleet.registry.apply(resume, fleet.now), Err(Refusal::Drains(worker("a"))));
    assert_eq!(fleet.registry.counts().closed, 1);
}

#[test]
fn runs_are_told_once_and_again_when_they_change() {
    let mut fleet = Fleet::new();
    fleet.apply(Event::Assigned(Assignment::sample("r", 1)));
    fleet.joined("a", 1);
    assert_eq!(fleet.apply(Event::Tick), [], "the welcome told it of the run");
    let changed = Assignment::sample("r", 2);
    let told = fleet.apply(Event::Assigned(changed.clone()));
    assert_eq!(told, [Action::Send { session: 1, order: Order::Assign(Box::new(changed)) }]);
    let told = fleet.apply(Event::Withdrawn(RunId::new("r")));
    assert_eq!(told, [Action::Send { session: 1, order: Order::Withdraw(RunId::new("r")) }]);
    assert_eq!(fleet.apply(Event::Withdrawn(RunId::new("r"))), []);
}

#[test]
fn the_limits_are_shared_by_those_who_are_there() {
    let mut fleet = Fleet::new();
    fleet.joined("a", 1);
    fleet.joined("b", 2);
    let share = |session, workers| Action::Send { session, order: Order::Share { workers } };
    assert_eq!(fleet.apply(Event::Tick), [share(1, 2)], "the second was told when it came");
    fleet.apply(Event::Goodbye { worker: worker("b"), session: 2 });
    assert_eq!(fleet.apply(Event::Tick), [share(1, 1)]);
}

#[test]
fn a_newer_worker_is_refused_with_both_versions() {
    let newer = Registration { protocol: PROTOCOL + 1, ..registration("a") };
    let said = Registry::default().apply(Event::Registered(newer), Instant::now()).unwrap_err().to_string();
    let versions = [format!("protocol {}", PROTOCOL + 1), format!("up to {PROTOCOL}")];
    assert!(versions.iter().all(|version| said.contains(version)) && said.contains("update"), "{said}");
}

#[test]
fn a_full_fleet_refuses_newcomers_and_knows_its_own() {
    let mut fleet = Fleet::new();
    for number in 0..MOST_WORKERS {
        fleet.apply(Event::Registered(registration(&number.to_string())));
    }
    let refused = fleet.registry.apply(Event::Registered(registration("more")), fleet.now);
    assert_eq!(refused, Err(Refusal::Full { most: MOST_WORKERS }));
    assert_eq!(fleet.apply(Event::Registered(registration("0"))), []);
}

/// What may happen, in a fleet of three workers; a session's number is that of the step in which it was opened.
#[derive(Debug, Clone)]
enum Step {
    Register(usize),
    Open(usize),
    Report(usize, Intake),
    Goodbye(usize),
    Gone(usize),
    /// As `Report` and `Gone`, in the session before the last.
    Stale(usize),
    Ask(usize, Command),
    Assign(usize, u16),
    Withdraw(usize),
    Close(usize, bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let intake = prop::sample::select(vec![Intake::Open, Intake::Paused]);
    let command = prop::sample::select(vec![Command::Pause, Command::Resume, Command::Drain]);
    prop_oneof![
        2 => (0..3_usize).prop_map(Step::Register),
        3 => (0..3_usize).prop_map(Step::Open),
        3 => (0..3_usize, intake).prop_map(|(who, intake)| Step::Report(who, intake)),
        1 => (0..3_usize).prop_map(Step::Goodbye),
        2 => (0..3_usize).prop_map(Step::Gone),
        1 => (0..3_usize).prop_map(Step::Stale),
        2 => (0..3_usize, command).prop_map(|(who, command)| Step::Ask(who, command)),
        1 => (0..2_usize, 1..3_u16).prop_map(|(run, shards)| Step::Assign(run, shards)),
        1 => (0..2_usize).prop_map(Step::Withdraw),
        1 => (0..2_usize, any::<bool>()).prop_map(|(run, closing)| Step::Close(run, closing)),
        3 => (0..5_000_u64).prop_map(Step::Wait),
    ]
}

/// What an onlooker has gathered from the actions.
#[derive(Debug, Default)]
struct Seen {
    /// Members, and whether they are lost.
    members: BTreeMap<WorkerId, bool>,
    open: BTreeSet<u64>,
    /// What each worker would do now, as it was welcomed and ordered.
    runs: BTreeMap<usize, BTreeMap<RunId, u16>>,
    shares: BTreeMap<usize, u32>,
}

impl Seen {
    fn watch(&mut self, actions: Vec<Action>, owner: &dyn Fn(u64) -> usize) {
        for action in actions {
            match action {
                Action::Close { session } => assert!(self.open.remove(&session), "it was open"),
                Action::Send { session, order } => {
                    assert!(self.open.contains(&session), "an order into a session that is over");
                    let who = owner(session);
                    match order {
                        Order::Assign(run) => {
                            self.runs.entry(who).or_default().insert(run.run, run.shards);
                        }
                        Order::Withdraw(run) => {
                            let known = self.runs.entry(who).or_default().remove(&run);
                            assert!(known.is_some(), "withdrawn, but never assigned");
                        }
                        Order::Share { workers } => {
                            self.shares.insert(who, workers);
                        }
                        Order::Closing { run, .. } => {
                            assert!(
                                self.runs.entry(who).or_default().contains_key(&run),
                                "of a run that it knows"
                            );
                        }
                        Order::Drain | Order::Pause | Order::Resume => {}
                    }
                }
                Action::Tell(FleetEvent::Joined { worker }) => {
                    assert_eq!(self.members.insert(worker, false), None, "joined twice");
                }
                Action::Tell(FleetEvent::Lost { worker, .. }) => {
                    assert!(self.members.insert(worker, true).is_some(), "lost, but never joined");
                }
                Action::Tell(FleetEvent::Back { worker }) => {
                    assert_eq!(self.members.insert(worker, false), Some(true), "back, but not lost before");
                }
                Action::Tell(FleetEvent::Left { worker }) => {
                    assert!(self.members.remove(&worker).is_some(), "left, but never joined");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn holds_its_promises_under_any_order_of_events(steps in prop::collection::vec(step(), 1..60)) {
        let mut fleet = Fleet::new();
        let mut seen = Seen::default();
        let mut sessions = [vec![], vec![], vec![]];
        let mut heard: BTreeMap<usize, Instant> = BTreeMap::new();
        let mut runs: BTreeMap<RunId, u16> = BTreeMap::new();
        let name = |who: usize| ["a", "b", "c"][who];
        for (number, step) in (1_u64..).zip(steps) {
            let last = |who: usize| sessions[who].last().copied().unwrap_or(0);
            let current = |who: usize, seen: &Seen| seen.open.contains(&last(who));
            let (who, event) = match step {
                Step::Register(who) => (Some(who), Event::Registered(registration(name(who)))),
                Step::Open(who) => (Some(who), Event::Opened { worker: worker(name(who)), session: number }),
                Step::Report(who, intake) => {
                    let report = report(intake);
                    let session = last(who);
                    (current(who, &seen).then_some(who), Event::Reported { worker: worker(name(who)), session, report })
                }
                Step::Goodbye(who) => (None, Event::Goodbye { worker: worker(name(who)), session: last(who) }),
                Step::Gone(who) => (None, Event::Gone { worker: worker(name(who)), session: last(who) }),
                Step::Stale(who) => {
                    let session = sessions[who].iter().rev().nth(1).copied().unwrap_or(0);
                    (None, Event::Gone { worker: worker(name(who)), session })
                }
                Step::Ask(who, command) => (None, Event::Asked { worker: worker(name(who)), command }),
                Step::Assign(run, shards) => {
                    let run = Assignment::sample(name(run), shards);
                    runs.insert(run.run.clone(), shards);
                    (None, Event::Assigned(run))
                }
                Step::Withdraw(run) => {
                    runs.remove(&RunId::new(name(run)));
                    (None, Event::Withdrawn(RunId::new(name(run))))
                }
                Step::Close(run, closing) => (None, Event::Closing(RunId::new(name(run)), closing)),
                Step::Wait(milliseconds) => {
                    fleet.after(Duration::from_millis(milliseconds));
                    (None, Event::Tick)
                }
            };
            let stale = matches!(step, Step::Stale(_));
            let tick = matches!(event, Event::Tick);
            match fleet.registry.apply(event, fleet.now) {
                Err(Refusal::UnknownWorker(unknown)) => prop_assert!(!seen.members.contains_key(&unknown)),
                Err(Refusal::Drains(_)) => prop_assert!(matches!(step, Step::Ask(..))),
                Err(refusal) => prop_assert!(false, "{refusal}"),
                Ok(actions) => {
                    prop_assert!(!stale || actions.is_empty(), "a session that is over says something");
                    if let Some(who) = who {
                        heard.insert(who, fleet.now);
                    }
                    match step {
                        Step::Register(who) => { seen.runs.insert(who, runs.clone()); }
                        Step::Open(who) => {
                            sessions[who].push(number);
                            seen.open.insert(number);
                        }
                        _ => {}
                    }
                    let owner = |session: u64| sessions.iter().position(|mine| mine.contains(&session)).unwrap();
                    seen.watch(actions, &owner);
                }
            }
            for (who, sessions) in sessions.iter().enumerate() {
                let open = sessions.iter().filter(|session| seen.open.contains(session)).count();
                prop_assert!(open <= 1, "two sessions of one worker");
                if open == 0 { continue; }
                prop_assert_eq!(&seen.runs[&who], &runs, "who has a session knows every run");
                if tick {
                    let here = seen.members.values().filter(|lost| !**lost).count();
                    prop_assert!(here == 0 || seen.shares[&who] as usize == here, "who has a session knows its share");
                }
            }
            for (worker, lost) in &seen.members {
                let silent = fleet.now - heard[&["a", "b", "c"].iter().position(|name| worker.as_str() == *name).unwrap()];
                prop_assert!(!tick || *lost || silent < LOST_AFTER, "silent and not lost");
            }
            let lost: Vec<_> = seen.members.iter().filter(|(_, lost)| **lost).map(|(id, _)| id.clone()).collect();
            prop_assert_eq!(fleet.registry.lost(), lost);
        }
    }
}
