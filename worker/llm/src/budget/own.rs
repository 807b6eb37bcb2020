//! The budget of one process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Ceilings, Cost, NanoDollars, NoRoom};

/// What was spent and what may yet be.
#[derive(Debug, Clone, Copy, Default)]
struct Ledger {
    spent: Cost,
    reserved_money: u64,
    reserved_tokens: u64,
    holds: usize,
}

/// The budget of a run that one process does. Clones are one budget.
#[derive(Debug, Clone)]
pub(crate) struct OwnBudget {
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

impl OwnBudget {
    pub(super) fn new(ceilings: Ceilings, spent: Cost) -> Self {
        let shared = Shared {
            money: ceilings.money(),
            tokens: ceilings.tokens,
            ledger: Mutex::new(Ledger { spent, ..Ledger::default() }),
            turn: tokio::sync::Mutex::new(()),
            changed: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(super) fn counts_money(&self) -> bool {
        self.shared.money.is_some()
    }

    pub(super) fn spent(&self) -> Cost {
        self.shared.ledger().spent
    }

    pub(super) async fn reserve(&self, most: Cost) -> Result<(), NoRoom> {
        let shared = &self.shared;
        if shared.money.is_none() && shared.tokens.is_none() {
            shared.ledger().hold(most);
            return Ok(());
        }
        let _turn = shared.turn.lock().await;
        loop {
            let changed = shared.changed.notified();
            {
                let mut ledger = shared.ledger();
                match shared.room(&ledger, most) {
                    Ok(()) => {
                        ledger.hold(most);
                        return Ok(());
                    }
                    Err(no_room) if ledger.holds == 0 => return Err(no_room),
                    Err(_) => {}
                }
            }
            changed.await;
        }
    }

    /// A hold of `most` ends with this much spent.
    pub(super) fn end(&self, most: Cost, spent: Cost) {
        let mut ledger = self.shared.ledger();
        ledger.reserved_money = ledger.reserved_money.saturating_sub(most.money.0);
        ledger.reserved_tokens = ledger.reserved_tokens.saturating_sub(most.all_tokens());
        ledger.holds = ledger.holds.saturating_sub(1);
        ledger.spent = ledger.spent.and(spent);
        drop(ledger);
        self.shared.changed.notify_waiters();
    }

    #[cfg(test)]
    pub(super) fn is_settled(&self) -> bool {
        let ledger = self.shared.ledger();
        (ledger.reserved_money, ledger.reserved_tokens, ledger.holds) == (0, 0, 0)
    }
}

impl Ledger {
    fn hold(&mut self, most: Cost) {
        self.reserved_money = self.reserved_money.saturating_add(most.money.0);
        self.reserved_tokens = self.reserved_tokens.saturating_add(most.all_tokens());
        self.holds += 1;
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
