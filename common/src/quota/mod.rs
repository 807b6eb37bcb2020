//! What a fleet shares beside its jobs: the limits of a provider's key, and the budget of a run.
//!
//! | module | noun |
//! | --- | --- |
//! | `rates` | requests and tokens a minute of a key, booked slot by slot on Redis's own clock |
//! | `ledger` | what a run has spent and set aside |
//!
//! Both are thin: what a script takes and returns stands at its head, and what is made of it belongs to whoever calls.

mod ledger;
#[cfg(test)]
mod ledger_tests;
mod rates;

pub use ledger::{Amount, Entry, Held, Ledger, Totals};
pub use rates::{Ask, Contact, Learned, Pacing, Rates, Seen, Slot, View};
