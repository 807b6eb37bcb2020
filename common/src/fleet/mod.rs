//! The fleet: workers that register with a coordinator, and what the two say to each other.
//!
//! | module | noun |
//! | --- | --- |
//! | `member` | who a worker is, and how it is welcomed or refused |
//! | `assignment` | a run as a worker is given it |
//! | `exchange` | what a worker reports and what it is ordered |
//! | `roster` | what an operator sees and asks |
//! | `token` | the secret that a fleet shares |
//! | `door` | the `Fleet` door |
//!
//! How these travel is [`wire::fleet`](crate::wire::fleet)'s alone.

mod assignment;
mod door;
mod exchange;
mod member;
mod roster;
mod token;

pub use assignment::{
    Assignment, Budget, CacheMode, CacheSettings, LlmPolicy, ModelSettings, RedisAccess, RedisAccessError,
};
pub use door::Fleet;
pub use exchange::{FromWorker, Health, Intake, KeyRate, Load, Order, Report};
pub use member::{PROTOCOL, Refusal, Registration, Welcome, start_id};
pub use roster::{Command, Counts, RosterEntry, WorkerState};
pub use token::{Token, TokenError};
