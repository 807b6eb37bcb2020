//! A run by a fleet: whole programs with a real Redis. Whatever dies, is stopped or comes late, the results are those of
//! the run that needs no fleet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "fleet/leaving.rs"]
mod leaving;
#[path = "fleet/models.rs"]
mod models;
#[path = "fleet/results.rs"]
mod results;

use sheaf_tests::fleet::Fleet;

/// A fleet of the programs under test.
fn fleet() -> Fleet {
    Fleet::new(env!("CARGO_BIN_EXE_coordinator-under-test"), env!("CARGO_BIN_EXE_worker-under-test"))
}
