//! A run by a fleet: whole programs with a real Redis. Whatever dies, is stopped or comes late, the results are those of
//! the run that needs no fleet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "fleet/cluster.rs"]
mod cluster;
#[path = "fleet/deaths.rs"]
mod deaths;
#[path = "fleet/leaving.rs"]
mod leaving;
#[path = "fleet/models.rs"]
mod models;
#[path = "fleet/operators.rs"]
mod operators;
#[path = "fleet/queue_trouble.rs"]
mod queue_trouble;
#[path = "fleet/redis_away.rs"]
mod redis_away;
#[path = "fleet/refusals.rs"]
mod refusals;
#[path = "fleet/results.rs"]
mod results;
#[path = "fleet/takeover.rs"]
mod takeover;
#[path = "fleet/waiting.rs"]
mod waiting;

use sheaf_tests::fleet::Fleet;

/// A fleet of the programs under test.
fn fleet() -> Fleet {
    Fleet::new(env!("CARGO_BIN_EXE_coordinator-under-test"), env!("CARGO_BIN_EXE_worker-under-test"))
}
