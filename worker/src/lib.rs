//! Sheaf's data path, on one screen:
//!
//! ```text
//!  JobQueue ──lease──► intake ──job──► engine ──► parse ──► rules ──finding──► reviewer ──► commit ──► JobQueue
//!              ▲          │               │                                       │
//!              └─extend── heartbeat       ├─ thread: the blocking pool,           └─ a model, where the rules
//!                         (own thread)    │          under a watchdog                are unsure
//!                                         └─ child:  a process with caps, killed when it breaks one
//! ```
//!
//! | module | noun |
//! | --- | --- |
//! | [`intake`] | leases jobs, keeps at most N in flight, commits outcomes |
//! | [`engine`] | decides by mode and document where a job is analysed |
//! | [`analyst`] | one job to one finding: parse, then rules |
//! | [`child`] | parsing child processes: both ends of the pipe |
//! | [`heartbeat`] | extends leases from a thread of its own |
//! | [`reviewer`] | asks a model for what the rules are unsure of |
//! | [`session`] | the worker's end of the fleet: registers, reports, takes orders |

pub mod analyst;
pub mod child;
pub mod engine;
pub mod heartbeat;
pub mod intake;
pub mod reviewer;
pub mod session;

pub use engine::{Engine, EngineLimits};
pub use intake::Worker;
pub use reviewer::{Policy, Reviewer};
pub use sheaf_common::mode::Mode;
