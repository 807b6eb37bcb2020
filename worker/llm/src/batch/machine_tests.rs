//! The machine's promises, over events in any order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::{
    machine::{Action, Batch, Event, Machine, Measured, Outcome, Room, Unit},
    size::{Caps, Limit},
};

const WAIT: Duration = Duration::from_millis(50);
const ROOM: Room = Room { slots: 2, input: 1_000, output: 500 };

/// A machine with what it was told and what it did.
struct Stand {
    machine: Machine,
    now: Instant,
    coming: bool,
    room: Room,
    wake: Option<Instant>,
    waiting: BTreeMap<u64, (Unit, Instant)>,
    flying: BTreeMap<u64, Vec<u64>>,
    sent: Vec<Batch>,
}

impl Stand {
    fn new(caps: Caps) -> Self {
        let mut stand = Self {
            machine: Machine::new(caps, WAIT),
            now: Instant::now(),
            coming: true,
            room: ROOM,
            wake: None,
            waiting: BTreeMap::new(),
            flying: BTreeMap::new(),
            sent: Vec::new(),
        };
        stand.tell(Event::Room(ROOM));
        stand
    }

    fn automatic() -> Self {
        Self::new(Caps { units: 32, fixed: false })
    }

    fn tell(&mut self, event: Event) -> Vec<Vec<u64>> {
        match event {
            Event::Arrived(unit) => drop(self.waiting.insert(unit.id, (unit, self.now))),
            Event::Withdrawn(unit) => drop(self.waiting.remove(&unit)),
            Event::Ended(batch, _) => drop(self.flying.remove(&batch)),
            Event::Room(room) => self.room = room,
            Event::Coming(coming) => self.coming = coming,
            Event::Passed => {}
        }
        self.wake = None;
        let mut sent = Vec::new();
        for action in self.machine.apply(event, self.now) {
            match action {
                Action::Wake(at) => self.wake = Some(at),
                Action::Send(batch) => {
                    self.check(&batch);
                    sent.push(batch.units.clone());
                    self.flying.insert(batch.number, batch.units.clone());
                    self.sent.push(batch);
                }
            }
        }
        self.check_waiting();
        sent
    }

    /// Every unit of a batch was waiting, in order, and the batch is within its caps.
    fn check(&mut self, batch: &Batch) {
        let units: Vec<Unit> =
            batch.units.iter().map(|id| self.waiting.remove(id).expect("a unit that waits").0).collect();
        assert!(!units.is_empty() && units.iter().all(|unit| unit.group == batch.group));
        assert!(self.flying.len() < self.room.slots, "a slot was free");
        assert!(units.windows(2).all(|pair| pair[0].id < pair[1].id), "in order");
        let left = self.waiting.values().filter(|(unit, _)| unit.group == batch.group);
        assert!(
            left.map(|(unit, _)| unit.id).min() > batch.units.last().copied() || self.none_left(batch.group)
        );
        assert!(units.len() <= 32);
        if units.len() > 1 {
            assert!(units.iter().map(|unit| unit.input).sum::<u64>() <= self.room.input, "input");
            assert!(
                batch.most_output
                    <= self.room.output.max(units.iter().map(|unit| unit.output).max().unwrap())
            );
        } else {
            assert!(batch.most_output >= units[0].output);
        }
    }

    fn none_left(&self, group: u64) -> bool {
        self.waiting.values().all(|(unit, _)| unit.group != group)
    }

    /// While a slot is free, nothing waits beyond the bound, nor at all when nothing more is coming.
    fn check_waiting(&self) {
        if self.flying.len() >= self.room.slots || self.waiting.is_empty() {
            return;
        }
        assert!(self.coming, "nothing waits when nothing more is coming");
        let oldest = self.waiting.values().map(|(_, since)| *since).min().unwrap();
        assert!(self.now < oldest + WAIT, "nothing waits beyond the bound");
        assert_eq!(self.wake, Some(oldest + WAIT), "and the machine is woken then");
    }

    fn arrive(&mut self, ids: impl IntoIterator<Item = u64>) -> Vec<Vec<u64>> {
        ids.into_iter().flat_map(|id| self.tell(Event::Arrived(unit(id)))).collect()
    }
}

fn unit(id: u64) -> Unit {
    Unit { id, group: 1, input: 10, output: 20 }
}

fn ended(tokens: u64, milliseconds: u64) -> Outcome {
    let latency = Duration::from_millis(milliseconds);
    Outcome { failed: 0, measured: Some(Measured { latency, tokens }) }
}

#[test]
fn what_is_full_leaves_at_once_and_the_rest_after_the_bound() {
    let mut stand = Stand::automatic();
    assert_eq!(stand.arrive(0..11), [(0..8).collect::<Vec<_>>()]);
    stand.now += WAIT;
    assert_eq!(stand.tell(Event::Passed), [vec![8, 9, 10]]);
    assert_eq!(
        stand.sent.iter().map(|batch| batch.limit).collect::<Vec<_>>(),
        [Limit::Retries, Limit::Backlog]
    );
}

#[test]
fn a_lone_unit_waits_for_the_bound_and_not_at_all_when_nothing_more_is_coming() {
    let mut stand = Stand::automatic();
    assert!(stand.arrive([1]).is_empty());
    stand.now += Duration::from_millis(49);
    assert!(stand.tell(Event::Passed).is_empty());
    stand.now += Duration::from_millis(1);
    assert_eq!(stand.tell(Event::Passed), [[1]]);
    assert!(stand.arrive([2]).is_empty());
    assert_eq!(stand.tell(Event::Coming(false)), [[2]]);
}

#[test]
fn with_one_slot_nothing_waits_and_what_comes_meanwhile_gathers() {
    let mut stand = Stand::automatic();
    stand.tell(Event::Room(Room { slots: 1, ..ROOM }));
    assert_eq!(stand.arrive([1]), [[1]]);
    assert!(stand.arrive(2..7).is_empty());
    stand.now += 10 * WAIT;
    assert!(stand.tell(Event::Passed).is_empty(), "no slot is free");
    let first = stand.sent[0].number;
    assert_eq!(stand.tell(Event::Ended(first, ended(10, 100))), [[2, 3, 4, 5, 6]]);
}

#[test]
fn a_short_backlog_is_spread_over_free_slots() {
    let mut stand = Stand::automatic();
    stand.tell(Event::Room(Room { slots: 3, ..ROOM }));
    stand.arrive(0..7);
    assert_eq!(stand.tell(Event::Coming(false)), [vec![0, 1, 2], vec![3, 4], vec![5, 6]]);
}

#[test]
fn while_more_may_come_a_backlog_is_spread_only_as_far_as_it_makes_answers_early() {
    let mut stand = Stand::automatic();
    for (turn, tokens) in (0..20).zip([20, 40, 30, 50].into_iter().cycle()) {
        stand.arrive([turn]);
        stand.now += WAIT;
        stand.tell(Event::Passed);
        let batch = stand.sent.last().unwrap().number;
        // 100 ms, and 2 ms a token: a unit of some 35 tokens adds 70 ms.
        stand.tell(Event::Ended(batch, ended(tokens, 100 + 2 * tokens)));
    }
    stand.arrive(100..104);
    stand.now += WAIT;
    assert_eq!(stand.tell(Event::Passed), [[100, 101], [102, 103]]);
}

#[test]
fn what_is_withdrawn_is_left_out_and_too_large_a_unit_goes_alone() {
    let mut stand = Stand::automatic();
    stand.arrive(1..4);
    stand.tell(Event::Withdrawn(2));
    let large = Unit { input: 5_000, ..unit(4) };
    assert_eq!(stand.tell(Event::Arrived(large)), [[1, 3]], "with it the request would be too large");
    assert_eq!(stand.tell(Event::Coming(false)), [[4]]);
}

#[test]
fn groups_do_not_mix_and_the_oldest_goes_first() {
    let mut stand = Stand::new(Caps { units: 2, fixed: true });
    stand.tell(Event::Room(Room { slots: 0, ..ROOM }));
    for (id, group) in [(1, 2), (2, 1), (3, 1), (4, 2)] {
        stand.now += Duration::from_millis(1);
        stand.tell(Event::Arrived(Unit { group, ..unit(id) }));
    }
    assert_eq!(stand.tell(Event::Room(ROOM)), [[1, 4], [2, 3]]);
}

#[derive(Debug, Clone)]
enum Deed {
    Arrive { group: u64, input: u64, output: u64 },
    Withdraw(usize),
    End { which: usize, failed: usize, tokens: u64, milliseconds: u64 },
    Slots(usize),
    Coming(bool),
    Pass(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (0..3u64, 1..400u64, 1..200u64)
            .prop_map(|(group, input, output)| Deed::Arrive { group, input, output }),
        1 => any::<usize>().prop_map(Deed::Withdraw),
        3 => (any::<usize>(), 0..9usize, 0..2_000u64, 1..3_000u64).prop_map(|(which, failed, tokens, milliseconds)| {
            Deed::End { which, failed, tokens, milliseconds }
        }),
        1 => (0..6usize).prop_map(Deed::Slots),
        1 => any::<bool>().prop_map(Deed::Coming),
        3 => (0..120u64).prop_map(Deed::Pass),
    ]
}

proptest! {
    /// Caps, order, bounds and free slots are checked after each event, by the stand.
    #[test]
    fn no_unit_is_lost_sent_twice_or_kept_waiting(deeds in prop::collection::vec(deed(), 1..120), number in 0..9usize) {
        let mut stand = Stand::new(match number {
            0 => Caps { units: 32, fixed: false },
            number => Caps { units: number, fixed: true },
        });
        let (mut came, mut withdrawn) = (0, BTreeSet::new());
        for deed in deeds {
            match deed {
                Deed::Arrive { group, input, output } => {
                    came += 1;
                    stand.tell(Event::Arrived(Unit { id: came, group, input, output }));
                }
                Deed::Withdraw(which) => {
                    let Some(unit) = stand.waiting.keys().nth(which % stand.waiting.len().max(1)).copied() else {
                        continue;
                    };
                    withdrawn.insert(unit);
                    stand.tell(Event::Withdrawn(unit));
                }
                Deed::End { which, failed, tokens, milliseconds } => {
                    let Some(batch) = stand.flying.keys().nth(which % stand.flying.len().max(1)).copied() else {
                        continue;
                    };
                    let failed = failed.min(stand.flying[&batch].len());
                    stand.tell(Event::Ended(batch, Outcome { failed, ..ended(tokens, milliseconds) }));
                }
                Deed::Slots(slots) => drop(stand.tell(Event::Room(Room { slots, ..ROOM }))),
                Deed::Coming(coming) => drop(stand.tell(Event::Coming(coming))),
                Deed::Pass(milliseconds) => {
                    // Time passes as the driver lets it: it stops where the machine wants to be woken.
                    let until = stand.now + Duration::from_millis(milliseconds);
                    while let Some(wake) = stand.wake.filter(|wake| *wake <= until) {
                        stand.now = wake.max(stand.now);
                        stand.tell(Event::Passed);
                    }
                    stand.now = until;
                    stand.tell(Event::Passed);
                }
            }
        }
        stand.tell(Event::Coming(false));
        stand.tell(Event::Room(ROOM));
        while let Some(batch) = stand.flying.keys().next().copied() {
            stand.tell(Event::Ended(batch, Outcome::default()));
        }
        let sent: Vec<u64> = stand.sent.iter().flat_map(|batch| batch.units.clone()).collect();
        let once: BTreeSet<u64> = sent.iter().copied().collect();
        prop_assert_eq!(sent.len(), once.len(), "none twice");
        prop_assert_eq!(once, (1..=came).filter(|unit| !withdrawn.contains(unit)).collect::<BTreeSet<_>>());
        prop_assert_eq!(stand.machine.waiting(), 0);
    }
}
