//! Coordinators that are killed: the same command takes the run up again.

use sheaf_common::redis::stand::RedisStand;
use sheaf_tests::{
    fleet::{Fleet, however_often},
    program::{assert_same, wait_until},
};

use super::fleet;

const KILLS: usize = 4;

/// Kills a run's coordinator again and again.
fn taken_up(fleet: &Fleet, arguments: &[&str]) {
    fleet.documents(200, 8, 250);
    let alone = fleet.alone(&["set"], 3);
    let mut workers = Vec::new();
    for _ in 0..KILLS {
        let recorded = fleet.recorded();
        let mut coordinator = fleet.run(arguments);
        if workers.is_empty() {
            workers.extend(fleet.workers::<2>(&["--analysis-workers", "2"]));
        }
        let more = fastrand::usize(1..30);
        assert!(
            fleet.until_recorded(&mut coordinator, recorded + more),
            "it ended: {}",
            coordinator.stderr()
        );
        coordinator.kill();
        // The keeper sees that its coordinator is gone, and ends the private Redis.
        let left_behind = |process: &String| {
            ["coordinator-under-test", "keep-redis", "redis-server"].iter().any(|name| process.contains(name))
        };
        let alone = wait_until(|| !fleet.room().processes().iter().any(left_behind));
        assert!(alone, "{:?}", fleet.room().processes());
    }
    let ended = fleet.run(arguments).end();
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    assert!(ended.stdout.contains("of them were done before"), "{}", ended.stdout);
    let records = fleet.room().records("out");
    assert_same("after four kills", however_often(records), however_often(alone));
    fleet.disband(workers);
}

#[test]
fn a_killed_coordinators_run_is_taken_up_with_its_private_redis() {
    taken_up(&fleet(), &["set"]);
}

#[test]
fn a_killed_coordinators_run_is_taken_up_with_another_redis() {
    let redis = RedisStand::start(&[]);
    taken_up(&fleet(), &["set", "--redis-url", redis.url().expose()]);
}
