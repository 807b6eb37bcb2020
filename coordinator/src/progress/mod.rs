//! How a run is going: counted by the run, shown in one of four ways on standard error.

mod pace;
mod tally;
mod view;

pub use tally::{FleetSnapshot, Snapshot, Tally};
pub use view::{View, show};
