//! The ledger against a real Redis.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use tokio::{runtime::Runtime, time::sleep};

use super::{Amount, Entry, Held, Ledger, Totals};
use crate::{
    id::{RunId, WorkerId},
    redis::{Link, Patience, stand::RedisStand},
};

const MINUTE: Duration = Duration::from_mins(1);

async fn link(stand: &RedisStand) -> Link {
    Link::new(stand.connector().await, Patience::For(MINUTE))
}

async fn ledger(stand: &RedisStand, run: &str) -> Ledger {
    Ledger::new(link(stand).await, &RunId::new(run), Amount::default())
}

fn tokens(input: u64) -> Amount {
    Amount { money: input * 2, input, output: 0 }
}

fn entry(name: &str, input: u64) -> Entry {
    Entry { name: name.to_owned(), amount: tokens(input) }
}

impl Totals {
    fn tokens(&self) -> u64 {
        self.spent.input + self.spent.output + self.held_tokens
    }
}

#[tokio::test]
async fn what_is_held_may_come_back_and_what_is_spent_does_not() {
    let stand = RedisStand::start(&[]);
    let ledger = ledger(&stand, "r").await;
    let hold =
        async |name: &str, input| ledger.hold(&entry(name, input), None, Some(100), MINUTE).await.unwrap().0;
    assert_eq!(hold("a:1", 60).await, Held::Yes);
    assert_eq!(hold("a:1", 60).await, Held::Yes, "asked again after a lost answer");
    assert_eq!(hold("b:1", 60).await, Held::NotNow);
    let totals = ledger.settle(&WorkerId::new("a"), 1, &[entry("a:1", 50)]).await.unwrap();
    assert_eq!((totals.spent, totals.held_tokens, totals.held_money), (tokens(50), 0, 0));
    let again = ledger.settle(&WorkerId::new("a"), 1, &[entry("a:1", 50)]).await.unwrap();
    assert_eq!(again, totals, "told again after a lost answer");
    assert_eq!(hold("b:1", 60).await, Held::No);
    assert_eq!(hold("b:1", 50).await, Held::Yes);
}

#[tokio::test]
async fn a_ceiling_in_money_holds_too_and_earlier_sessions_count() {
    let stand = RedisStand::start(&[]);
    let before = Amount { money: 70, input: 1, output: 1 };
    let ledger = Ledger::new(link(&stand).await, &RunId::new("r"), before);
    let (held, totals) = ledger.hold(&entry("a:1", 16), Some(100), None, MINUTE).await.unwrap();
    assert_eq!((held, totals.spent), (Held::No, before));
    assert_eq!(ledger.hold(&entry("a:1", 15), Some(100), None, MINUTE).await.unwrap().0, Held::Yes);
    // A process that is started later has the same ledger, whatever it was told.
    let (held, totals) =
        self::ledger(&stand, "r").await.hold(&entry("b:1", 0), None, None, MINUTE).await.unwrap();
    assert_eq!((held, totals.spent, totals.held_money), (Held::Yes, before, 30));
}

#[tokio::test]
async fn a_holder_that_falls_silent_has_spent_and_one_that_was_only_cut_off_is_corrected() {
    let stand = RedisStand::start(&[]);
    let ledger = ledger(&stand, "r").await;
    let life = Duration::from_millis(50);
    for name in ["dead:1", "slow:1", "back:1"] {
        assert_eq!(ledger.hold(&entry(name, 30), None, Some(100), life).await.unwrap().0, Held::Yes);
    }
    sleep(life * 3).await;
    let (held, totals) = ledger.hold(&entry("a:1", 30), None, Some(100), MINUTE).await.unwrap();
    assert_eq!((held, totals.spent.input, totals.held_tokens), (Held::No, 90, 0));
    let totals = ledger.settle(&WorkerId::new("slow"), 1, &[entry("slow:1", 5)]).await.unwrap();
    assert_eq!((totals.spent, totals.held_tokens), (tokens(65), 0));
    ledger.extend(&[entry("back:1", 30)], MINUTE).await.unwrap();
    let totals = ledger.settle(&WorkerId::new("x"), 1, &[]).await.unwrap();
    assert_eq!((totals.spent, totals.held_tokens, totals.held_money), (tokens(35), 30, 60));
    let totals = ledger.settle(&WorkerId::new("back"), 1, &[entry("back:1", 10)]).await.unwrap();
    assert_eq!((totals.spent, totals.held_tokens, totals.held_money), (tokens(45), 0, 0));
}

#[tokio::test]
async fn what_redis_has_lost_is_put_back() {
    let stand = RedisStand::start(&[]);
    let ledger = ledger(&stand, "r").await;
    ledger.extend(&[entry("a:1", 30), entry("a:2", 10)], MINUTE).await.unwrap();
    let (held, totals) = ledger.hold(&entry("b:1", 70), None, Some(100), MINUTE).await.unwrap();
    assert_eq!((held, totals.held_tokens), (Held::NotNow, 40));
    let spent = ledger.settle(&WorkerId::new("a"), 1, &[entry("a:3", 7)]).await.unwrap().spent;
    assert_eq!(spent, tokens(7), "a hold that was lost has spent what it has spent");
    let late = ledger.hold(&entry("a:3", 1), None, Some(100), MINUTE).await.unwrap().0;
    assert_eq!(late, Held::No, "it was ended before it came");
}

#[tokio::test]
async fn a_ledger_that_redis_lost_begins_with_the_most_that_anybody_has_seen() {
    let stand = RedisStand::start(&[]);
    let (first, second) = (ledger(&stand, "r").await, ledger(&stand, "r").await);
    let (one, other) = (WorkerId::new("one"), WorkerId::new("other"));
    let looked = async |ledger: &Ledger| ledger.settle(&one, 0, &[]).await.unwrap();
    assert_eq!(looked(&first).await, Totals::default(), "looking begins no ledger");
    let before = first.settle(&one, 1, &[entry("one:1", 30)]).await.unwrap();
    assert_eq!(second.settle(&other, 1, &[entry("other:1", 20)]).await.unwrap().spent, tokens(50));
    first.remove().await.unwrap();
    assert_eq!(looked(&first).await.begun, 0);

    // Whoever comes first has seen nothing, the next one a part, the last all.
    let newcomer = ledger(&stand, "r").await;
    let (held, anew) = newcomer.hold(&entry("new:1", 10), None, Some(100), MINUTE).await.unwrap();
    assert_eq!((held, anew.spent), (Held::Yes, tokens(0)));
    assert!(anew.begun > before.begun);
    first.extend(&[entry("one:2", 5)], MINUTE).await.unwrap();
    assert_eq!(looked(&newcomer).await.spent, tokens(30));
    assert_eq!(second.settle(&other, 2, &[entry("other:2", 7)]).await.unwrap().spent, tokens(57));
    for ledger in [&first, &second, &newcomer] {
        let totals = looked(ledger).await;
        assert_eq!((totals.begun, totals.spent, totals.held_tokens), (anew.begun, tokens(57), 15));
    }
    assert_eq!(first.hold(&entry("one:3", 29), None, Some(100), MINUTE).await.unwrap().0, Held::NotNow);
    // It may be lost again.
    first.remove().await.unwrap();
    assert_eq!(newcomer.settle(&one, 1, &[entry("one:4", 1)]).await.unwrap().spent, tokens(58));
}

/// What one of four workers does.
#[derive(Debug, Clone)]
enum Step {
    /// Asks for so many tokens at most.
    Hold(usize, u64),
    /// Ends its oldest hold with this share of it spent.
    Settle(usize, f64),
    /// Tells its last batch again.
    Again(usize),
    /// Extends what it holds.
    Extend(usize),
    /// Falls silent: everything it holds is overdue.
    Die(usize),
    /// Redis loses the ledger, and everybody tells the next one what is held.
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0usize..4;
    prop_oneof![
        6 => (worker.clone(), 0u64..150).prop_map(|(worker, most)| Step::Hold(worker, most)),
        4 => (worker.clone(), 0.0..=1.0f64).prop_map(|(worker, share)| Step::Settle(worker, share)),
        1 => worker.clone().prop_map(Step::Again),
        1 => worker.clone().prop_map(Step::Extend),
        1 => worker.prop_map(Step::Die),
        1 => Just(Step::Lose),
    ]
}

#[test]
fn spent_and_held_together_never_exceed_the_ceiling_over_four_workers() {
    let stand = RedisStand::start(&[]);
    let runtime = Runtime::new().unwrap();
    let link = runtime.block_on(link(&stand));
    let run = std::cell::Cell::new(0);
    proptest!(ProptestConfig::with_cases(48), |(ceiling in 0u64..1_000, steps in prop::collection::vec(step(), 1..60))| {
        run.set(run.get() + 1);
        let name = RunId::new(format!("r{}", run.get()));
        let ledgers = [(); 4].map(|()| Ledger::new(link.clone(), &name, Amount::default()));
        let workers = [0, 1, 2, 3].map(|number| WorkerId::new(format!("w{number}")));
        let mut held: [BTreeMap<u64, u64>; 4] = Default::default();
        let mut batches: [(u64, Vec<Entry>); 4] = Default::default();
        let (mut number, mut spent) = (0, 0);
        runtime.block_on(async {
            for step in steps {
                match step {
                    Step::Hold(worker, most) => {
                        number += 1;
                        let entry = entry(&format!("w{worker}:{number}"), most);
                        let (answer, _) = ledgers[worker].hold(&entry, None, Some(ceiling), MINUTE).await.unwrap();
                        let holding: u64 = held.iter().flat_map(BTreeMap::values).sum();
                        let fits = spent + holding + most <= ceiling;
                        assert_eq!(answer == Held::Yes, fits, "{spent} + {holding} + {most} of {ceiling}");
                        if fits {
                            held[worker].insert(number, most);
                        }
                    }
                    Step::Settle(worker, share) => {
                        let Some((number, most)) = held[worker].pop_first() else { continue };
                        let actual = (most as f64 * share) as u64;
                        let (batch, last) = &mut batches[worker];
                        *batch += 1;
                        *last = vec![entry(&format!("w{worker}:{number}"), actual)];
                        ledgers[worker].settle(&workers[worker], *batch, last).await.unwrap();
                        spent += actual;
                    }
                    Step::Again(worker) => {
                        let (batch, last) = &batches[worker];
                        ledgers[worker].settle(&workers[worker], *batch, last).await.unwrap();
                    }
                    Step::Extend(worker) => {
                        let entries: Vec<Entry> = held[worker]
                            .iter()
                            .map(|(number, most)| entry(&format!("w{worker}:{number}"), *most))
                            .collect();
                        ledgers[worker].extend(&entries, MINUTE).await.unwrap();
                    }
                    Step::Lose => {
                        ledgers[0].remove().await.unwrap();
                        for worker in 0..4 {
                            // What the lost one was told is not told again.
                            batches[worker].1.clear();
                            let entries: Vec<Entry> = held[worker]
                                .iter()
                                .map(|(number, most)| entry(&format!("w{worker}:{number}"), *most))
                                .collect();
                            ledgers[worker].extend(&entries, MINUTE).await.unwrap();
                        }
                    }
                    Step::Die(worker) => {
                        // Due in no time: with the next hold that anybody asks for they have spent everything.
                        let entries: Vec<Entry> = held[worker]
                            .iter()
                            .map(|(number, most)| entry(&format!("w{worker}:{number}"), *most))
                            .collect();
                        ledgers[worker].extend(&entries, Duration::ZERO).await.unwrap();
                        ledgers[worker].hold(&entry("nobody", 0), None, None, MINUTE).await.unwrap();
                        spent += std::mem::take(&mut held[worker]).values().sum::<u64>();
                    }
                }
                let totals = ledgers[0].settle(&WorkerId::new("reader"), 0, &[]).await.unwrap();
                assert!(totals.tokens() <= ceiling, "{totals:?} of {ceiling}");
                assert_eq!(totals.held_money, totals.held_tokens * 2);
                assert_eq!(totals.spent.input, spent);
                assert_eq!(totals.held_tokens, held.iter().flat_map(BTreeMap::values).sum::<u64>());
            }
        });
    });
}
