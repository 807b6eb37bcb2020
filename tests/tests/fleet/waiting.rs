//! Workers that wait for their coordinator.

use std::{thread, time::Duration};

use sheaf_tests::{
    fleet::{by_anybody, name},
    program::assert_same,
};

use super::fleet;

/// Long enough for several attempts to reach a coordinator.
const SEVERAL_ATTEMPTS: Duration = Duration::from_secs(3);

#[test]
fn a_worker_waits_for_its_coordinator_and_works_for_the_next_one_too() {
    let fleet = fleet();
    fleet.documents(20, 20, 10);
    let alone = fleet.alone(&["set"], 0);
    let mut worker = fleet.worker(&[]);
    let waits = "the coordinator does not answer yet, waiting for it";
    assert!(worker.until(|worker| worker.stderr().contains(waits)));
    thread::sleep(SEVERAL_ATTEMPTS);
    assert_eq!(worker.stderr().lines().count(), 1, "said once: {}", worker.stderr());

    for arguments in [&["set"][..], &["set", "--fresh"]] {
        let ended = fleet.run(arguments).end();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        let records = fleet.room().records("out");
        let by = name(&worker).expect("it has joined");
        assert!(records.iter().all(|record| record["worker"].is_null() || record["worker"] == by.as_str()));
        assert_same("by a worker that was there first", by_anybody(records), by_anybody(alone.clone()));
    }
    let stderr = worker.stderr();
    assert_eq!(stderr.matches(waits).count(), 1, "{stderr}");
    assert_eq!(stderr.matches("joined as ").count(), 1, "{stderr}");
    fleet.disband([worker]);
}
