//! Sheaf's data path, on one screen:
//!
//! ```text
//!  JobQueue ──lease──► intake ──job──► engine ──► parse ──► rules ──finding──► reviewer ──► commit ──► JobQueue
//!              ▲          │               │                                       │
//!              └─extend── heartbeat       ├─ thread: one of its own,              └─ a model, where the rules
//!                         (own thread)    │          under a watchdog                are unsure
//!                                         └─ child:  a process with caps, killed when it breaks one
//! ```
//!
//! | module | noun |
//! | --- | --- |
//! | [`intake`] | leases jobs, keeps at most N in flight, commits outcomes |
//! | `inflow` | whether more documents may come to the model |
//! | [`engine`] | decides by mode and document where a job is analysed |
//! | [`analyst`] | one job to one finding: parse, then rules |
//! | [`caches`] | answers that were given before, opened for a run |
//! | [`child`] | parsing child processes: both ends of the pipe |
//! | [`heartbeat`] | extends leases from a thread of its own |
//! | [`cli`] | the command line of the `worker` program |
//! | [`host`] | works on every run that the coordinator assigns |
//! | [`load`] | what the process takes of the machine |
//! | [`models`] | which models may be asked, and the client that asks them |
//! | [`reviewer`] | asks a model for what the rules are unsure of |
//! | [`session`] | the worker's end of the fleet: registers, reports, takes orders |

pub mod analyst;
pub mod caches;
pub mod child;
pub mod cli;
pub mod engine;
pub mod heartbeat;
pub mod host;
mod inflow;
pub mod intake;
pub mod load;
pub mod models;
pub mod reviewer;
pub mod session;

pub use engine::{Engine, EngineLimits};
pub use intake::{Leave, Worker};
pub use reviewer::{Policy, Reviewer};
pub use sheaf_common::mode::Mode;
