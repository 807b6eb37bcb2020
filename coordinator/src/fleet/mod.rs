//! The fleet's coordinator: workers register, say how they are, and take orders, over gRPC.
//!
//! ```text
//!  worker ──register──► FleetService ──event, now──► Registry ──actions──► orders to sessions (64 each)
//!         ◄══session══►     │ mutex                  (pure)           └──► FleetEvents (256) ──► the run
//!                           └─ each half second: a tick, and a snapshot for whoever watches
//! ```
//!
//! | module | noun |
//! | --- | --- |
//! | `registry` | who is in the fleet: a pure state machine |
//! | `member` | one worker as the registry knows it |
//! | `service` | the `Fleet` door over the registry |
//! | `guard` | who may speak to the fleet from where |
//! | `demand` | how many workers a backlog wants |

mod demand;
mod guard;
mod member;
mod registry;
#[cfg(test)]
mod registry_tests;
mod service;

pub use demand::{Backlog, WorkerBounds, wanted_workers};
pub use guard::{GuardError, GuardSettings, TlsFiles};
pub use registry::{FleetEvent, LOST_AFTER};
pub use service::{FleetService, FleetSettings, ListenError, Listening, Snapshot};
