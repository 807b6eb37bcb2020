//! Hard ceilings in money and tokens: reserved before a request is sent, settled when its answer is in.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

use crate::answer::TokenUsage;

/// Money, in billionths of a US dollar: whole numbers, so that sums are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NanoDollars(pub u64);

impl NanoDollars {
    /// Rounded up, so that no cost counts as nothing. Negative and absurd amounts become the nearest possible one.
    pub fn from_usd(usd: f64) -> Self {
        Self((usd * 1e9).ceil() as u64)
    }

    /// In US dollars.
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

/// What a request costs, or may cost at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Money.
    pub money: NanoDollars,
    /// Tokens.
    pub tokens: TokenUsage,
}

impl Cost {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            money: NanoDollars(self.money.0.saturating_add(other.money.0)),
            tokens: TokenUsage {
                input: self.tokens.input.saturating_add(other.tokens.input),
                output: self.tokens.output.saturating_add(other.tokens.output),
            },
        }
    }

    fn all_tokens(self) -> u64 {
        self.tokens.input.saturating_add(self.tokens.output)
    }
}

/// Ceilings of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Ceilings {
    /// US dollars.
    pub usd: Option<f64>,
    /// Tokens, input and output together.
    pub tokens: Option<u64>,
}

/// What was spent and what may yet be.
#[derive(Debug, Clone, Copy, Default)]
struct Ledger {
    spent: Cost,
    reserved_money: u64,
    reserved_tokens: u64,
    holds: usize,
}

/// The budget of a run. Cheap to clone; all clones are one budget.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    money: Option<u64>,
    tokens: Option<u64>,
    ledger: Mutex<Ledger>,
    /// Fair: whoever holds this is next.
    turn: tokio::sync::Mutex<()>,
    changed: Notify,
}

/// Why the budget has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRoom {
    /// In money.
    #[error("the request may cost up to {:.6} USD and {:.6} of {:.6} USD are spent", needed.usd(), spent.usd(), ceiling.usd())]
    Money {
        /// What the request may cost.
        needed: NanoDollars,
        /// What is spent.
        spent: NanoDollars,
        /// The ceiling.
        ceiling: NanoDollars,
    },
    /// In tokens.
    #[error("the request may take up to {needed} tokens and {spent} of {ceiling} are spent")]
    Tokens {
        /// What the request may take.
        needed: u64,
        /// What is spent.
        spent: u64,
        /// The ceiling.
        ceiling: u64,
    },
}

impl Budget {
    /// A budget of which `spent` was spent by earlier sessions of the same run.
    pub(crate) fn new(ceilings: Ceilings, spent: Cost) -> Self {
        let shared = Shared {
            money: ceilings.usd.map(|usd| (usd * 1e9) as u64),
            tokens: ceilings.tokens,
            ledger: Mutex::new(Ledger { spent, ..Ledger::default() }),
            turn: tokio::sync::Mutex::new(()),
            changed: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Whether there is a ceiling in money, so that every backend needs a price.
    pub(crate) fn counts_money(&self) -> bool {
        self.shared.money.is_some()
    }

    /// What was spent so far.
    pub(crate) fn spent(&self) -> Cost {
        self.shared.ledger().spent
    }

    /// Sets `most` aside, or says why there is no room. While others hold reservations that may come back, it waits
    /// for them, first come first served.
    pub(crate) async fn reserve(&self, most: Cost) -> Result<Hold, NoRoom> {
        let shared = &self.shared;
        if shared.money.is_none() && shared.tokens.is_none() {
            return Ok(self.hold(&mut shared.ledger(), most));
        }
        let _turn = shared.turn.lock().await;
        loop {
            let changed = shared.changed.notified();
            {
                let mut ledger = shared.ledger();
                match shared.room(&ledger, most) {
                    Ok(()) => return Ok(self.hold(&mut ledger, most)),
                    Err(no_room) if ledger.holds == 0 => return Err(no_room),
                    Err(_) => {}
                }
            }
            changed.await;
        }
    }

    fn hold(&self, ledger: &mut Ledger, most: Cost) -> Hold {
        ledger.reserved_money = ledger.reserved_money.saturating_add(most.money.0);
        ledger.reserved_tokens = ledger.reserved_tokens.saturating_add(most.all_tokens());
        ledger.holds += 1;
        Hold { budget: self.clone(), most, sent: Arc::default() }
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self, ledger: &Ledger, most: Cost) -> Result<(), NoRoom> {
        let (money, tokens) = (ledger.spent.money.0, ledger.spent.all_tokens());
        if let Some(ceiling) = self.money
            && money.saturating_add(ledger.reserved_money).saturating_add(most.money.0) > ceiling
        {
            return Err(NoRoom::Money {
                needed: most.money,
                spent: ledger.spent.money,
                ceiling: NanoDollars(ceiling),
            });
        }
        if let Some(ceiling) = self.tokens
            && tokens.saturating_add(ledger.reserved_tokens).saturating_add(most.all_tokens()) > ceiling
        {
            return Err(NoRoom::Tokens { needed: most.all_tokens(), spent: tokens, ceiling });
        }
        Ok(())
    }
}

/// A part of the budget, set aside. Dropped, it comes back, unless its request was sent: then it counts as spent, for
/// nobody can say that it was not.
#[derive(Debug)]
pub(crate) struct Hold {
    budget: Budget,
    most: Cost,
    sent: Arc<AtomicBool>,
}

impl Hold {
    /// Set this when the request leaves, and clear it when the provider certainly did no work for it.
    pub(crate) fn sent(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.sent)
    }

    /// The answer is in and cost this much.
    pub(crate) fn settle(mut self, actual: Cost) {
        self.most_spent(actual);
    }

    fn most_spent(&mut self, spent: Cost) {
        let most = std::mem::take(&mut self.most);
        let mut ledger = self.budget.shared.ledger();
        ledger.reserved_money = ledger.reserved_money.saturating_sub(most.money.0);
        ledger.reserved_tokens = ledger.reserved_tokens.saturating_sub(most.all_tokens());
        ledger.spent = ledger.spent.and(spent);
        // A settled hold is dropped right after this and must not be counted again.
        self.sent.store(false, Ordering::Relaxed);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let spent = if self.sent.load(Ordering::Relaxed) { self.most } else { Cost::default() };
        self.most_spent(spent);
        let mut ledger = self.budget.shared.ledger();
        ledger.holds = ledger.holds.saturating_sub(1);
        drop(ledger);
        self.budget.shared.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cost(usd: f64, input: u64, output: u64) -> Cost {
        Cost { money: NanoDollars::from_usd(usd), tokens: TokenUsage { input, output } }
    }

    fn tokens(ceiling: u64) -> Budget {
        Budget::new(Ceilings { usd: None, tokens: Some(ceiling) }, Cost::default())
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_come_back_is_waited_for() {
        let budget = tokens(150);
        let first = budget.reserve(cost(0.0, 50, 50)).await.unwrap();
        let second = tokio::spawn({
            let budget = budget.clone();
            async move { budget.reserve(cost(0.0, 50, 50)).await.map(drop) }
        });
        tokio::task::yield_now().await;
        first.settle(cost(0.0, 40, 10));
        assert_eq!(second.await.unwrap(), Ok(()));
        let refused = budget.reserve(cost(0.0, 51, 50)).await.unwrap_err();
        assert_eq!(refused, NoRoom::Tokens { needed: 101, spent: 50, ceiling: 150 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_given_up_after_it_was_sent_counts_as_spent() {
        let budget = Budget::new(Ceilings { usd: Some(1.0), tokens: None }, Cost::default());
        let hold = budget.reserve(cost(0.6, 1, 1)).await.unwrap();
        hold.sent().store(true, Ordering::Relaxed);
        drop(hold);
        assert_eq!(budget.spent(), cost(0.6, 1, 1));
        let message = budget.reserve(cost(0.6, 1, 1)).await.unwrap_err().to_string();
        assert_eq!(message, "the request may cost up to 0.600000 USD and 0.600000 of 1.000000 USD are spent");
    }

    proptest! {
        #[test]
        fn the_ceiling_is_never_exceeded(ceiling in 0u64..2_000, requests in prop::collection::vec((0u64..200, 0.0..=1.0f64, any::<bool>()), 0..60)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let budget = tokens(ceiling);
                for (most, share, lost) in requests {
                    if let Ok(hold) = budget.reserve(cost(0.0, most, 0)).await {
                        hold.sent().store(true, Ordering::Relaxed);
                        if !lost {
                            hold.settle(cost(0.0, (most as f64 * share) as u64, 0));
                        }
                    }
                    assert!(budget.spent().tokens.input <= ceiling);
                }
                assert_eq!(budget.shared.ledger().reserved_tokens, 0);
                assert_eq!(budget.shared.ledger().holds, 0);
            });
        }
    }
}
