//! Sheaf's data path, on one screen:
//!
//! ```text
//!  JobQueue ──lease──► intake ──job──► engine ──► parse ──► rules ──finding──► commit ──► JobQueue
//!              ▲          │               │
//!              └─extend── heartbeat       ├─ thread: the blocking pool, under a watchdog
//!                         (own thread)    └─ child:  a process with caps, killed when it breaks one
//! ```
//!
//! | module | noun |
//! | --- | --- |
//! | [`intake`] | leases jobs, keeps at most N in flight, commits outcomes |
//! | [`engine`] | decides by mode and document where a job is analysed |
//! | [`analyst`] | one job to one finding: parse, then rules |
//! | [`child`] | parsing child processes: both ends of the pipe |
//! | [`heartbeat`] | extends leases from a thread of its own |
//! | [`model`] | the `ModelBackend` door |

pub mod analyst;
pub mod child;
pub mod engine;
pub mod heartbeat;
pub mod intake;
pub mod model;

pub use engine::{Engine, EngineLimits, Mode};
pub use intake::Worker;
