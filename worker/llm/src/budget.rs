//! Hard ceilings in money and tokens: reserved before a request is sent, settled when its answer is in.
//!
//! | module | noun |
//! | --- | --- |
//! | `own` | the budget of one process |
//! | `shared` | the budget of a run over all the workers of a fleet |

mod own;
mod shared;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

pub use self::shared::SharedBudget;
use self::{own::OwnBudget, shared::SharedHold};
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

impl Ceilings {
    /// Whether there is none.
    fn are_none(&self) -> bool {
        self.usd.is_none() && self.tokens.is_none()
    }

    /// The one in money, in billionths of a US dollar.
    fn money(&self) -> Option<u64> {
        self.usd.map(|usd| (usd * 1e9) as u64)
    }
}

/// Why the budget has no room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// The fleet's ledger cannot be asked, and without it nothing is sent.
    #[error("its ledger cannot be used: {0}")]
    Unknown(String),
}

/// The budget of a run. Cheap to clone; all clones are one budget.
#[derive(Debug, Clone)]
pub(crate) enum Budget {
    /// Of this process alone.
    Own(OwnBudget),
    /// Of a fleet.
    Shared(SharedBudget),
}

impl Budget {
    /// A budget of which `spent` was spent by earlier sessions of the same run.
    pub(crate) fn new(ceilings: Ceilings, spent: Cost) -> Self {
        Self::Own(OwnBudget::new(ceilings, spent))
    }

    /// Whether there is a ceiling in money, so that every backend needs a price.
    pub(crate) fn counts_money(&self) -> bool {
        match self {
            Self::Own(own) => own.counts_money(),
            Self::Shared(shared) => shared.counts_money(),
        }
    }

    /// What was spent so far, as far as it is known here.
    pub(crate) fn spent(&self) -> Cost {
        match self {
            Self::Own(own) => own.spent(),
            Self::Shared(shared) => shared.spent(),
        }
    }

    /// Sets `most` aside, or says why there is no room. While others hold reservations that may come back, it waits
    /// for them, first come first served.
    pub(crate) async fn reserve(&self, most: Cost) -> Result<Hold, NoRoom> {
        let place = match self {
            Self::Own(own) => {
                own.reserve(most).await?;
                Place::Own(own.clone())
            }
            Self::Shared(shared) => Place::Shared(shared.reserve(most).await?),
        };
        Ok(Hold { place, most, sent: Arc::default() })
    }
}

/// A part of the budget, set aside. Dropped, it comes back, unless its request was sent: then it counts as spent, for
/// nobody can say that it was not.
#[derive(Debug)]
pub(crate) struct Hold {
    place: Place,
    most: Cost,
    sent: Arc<AtomicBool>,
}

/// Where a hold is held.
#[derive(Debug)]
enum Place {
    Own(OwnBudget),
    Shared(SharedHold),
    /// It has ended.
    Nowhere,
}

impl Hold {
    /// Set this when the request leaves, and clear it when the provider certainly did no work for it.
    pub(crate) fn sent(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.sent)
    }

    /// What is set aside.
    pub(crate) fn most(&self) -> Cost {
        self.most
    }

    /// The answer is in and cost this much.
    pub(crate) fn settle(mut self, actual: Cost) {
        self.end(actual);
    }

    fn end(&mut self, spent: Cost) {
        match std::mem::replace(&mut self.place, Place::Nowhere) {
            Place::Own(own) => own.end(self.most, spent),
            Place::Shared(hold) => hold.end(spent),
            Place::Nowhere => {}
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let spent = if self.sent.load(Ordering::Relaxed) { self.most } else { Cost::default() };
        self.end(spent);
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
                let Budget::Own(own) = &budget else { unreachable!("it was made so") };
                assert!(own.is_settled());
            });
        }
    }
}
