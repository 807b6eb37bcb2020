//! Many downloads at once, none of which holds up the others.

mod crew;
mod driver;
mod host;
mod scheduler;
#[cfg(test)]
mod scheduler_tests;
mod settings;

pub use driver::{Order, Outcome, Pool, PoolInput, PoolOutput};
pub use settings::PoolSettings;
