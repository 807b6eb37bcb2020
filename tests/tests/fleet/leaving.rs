//! Workers that are told to stop while there is work.

use sheaf_tests::{
    fleet::{by_anybody, progress},
    program::{Signal, assert_same, wait_until},
};

use super::fleet;

#[test]
fn a_worker_that_is_told_to_stop_finishes_what_it_holds() {
    let fleet = fleet();
    fleet.documents(100, 5, 300);
    let alone = fleet.alone(&["set"], 3);
    let mut coordinator = fleet.run(&["set"]);
    let [leaving, staying] = fleet.workers(&["--analysis-workers", "2"]);
    assert!(fleet.until_recorded(&mut coordinator, 10));
    leaving.signal(Signal::TERM);
    let left = leaving.end();
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    assert!(left.stderr.contains("finishing what is in flight, for 25 s at most"), "{}", left.stderr);
    assert!(left.stderr.ends_with("left: nothing is held any more\n"), "{}", left.stderr);
    assert!(fleet.recorded() < 120, "there was work left");
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    assert_eq!(progress(&ended.stderr)["fleet"]["redelivered"], 0, "nothing had to be taken back");
    assert_same("after a worker has left", by_anybody(fleet.room().records("out")), by_anybody(alone));
    fleet.disband([staying]);
}

#[test]
fn what_cannot_be_finished_is_handed_back_and_counts_for_nothing() {
    let fleet = fleet();
    for number in 0..4 {
        fleet
            .room()
            .write(format!("set/{number}.txt"), format!("sheaf-hostile: sleep 8000\nNumber {number}.\n"));
    }
    let alone = fleet.alone(&["set", "--analysis-workers", "4"], 0);
    let coordinator = fleet.run(&["set"]);
    let [short] = fleet.workers(&["--analysis-workers", "2", "--grace", "0.2"]);
    let [asked_twice] = fleet.workers(&["--analysis-workers", "2"]);
    let parsed = || fleet.room().processes().iter().filter(|process| process.contains("parse-child")).count();
    assert!(wait_until(|| parsed() == 4), "all four are under way");
    short.signal(Signal::TERM);
    asked_twice.signal(Signal::TERM);
    let mut asked_twice = asked_twice;
    assert!(asked_twice.until(|worker| worker.stderr().contains("once more hands it back at once")));
    asked_twice.signal(Signal::TERM);
    for (worker, says) in [
        (short, "the grace period is over: handing back the rest"),
        (asked_twice, "handing back what is in flight"),
    ] {
        let left = worker.end();
        assert_eq!(left.status, Some(0), "{}", left.stderr);
        assert!(left.stderr.contains(says), "{}", left.stderr);
    }
    assert_eq!((fleet.recorded(), parsed()), (0, 0), "they did not wait for their documents");
    let patient: [_; 1] = fleet.workers(&["--analysis-workers", "4"]);
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let counts = &progress(&ended.stderr)["fleet"];
    assert_eq!((&counts["handed_back"], &counts["redelivered"]), (&4.into(), &0.into()), "{counts}");
    assert_same("after two stops", by_anybody(fleet.room().records("out")), by_anybody(alone));
    fleet.disband(patient);
}

#[test]
fn every_worker_can_be_replaced_during_a_run() {
    let fleet = fleet();
    fleet.documents(150, 5, 300);
    let alone = fleet.alone(&["set"], 3);
    let mut coordinator = fleet.run(&["set"]);
    let mut new = Vec::new();
    for (replaced, old) in (1..).zip(fleet.workers::<3>(&["--analysis-workers", "1"])) {
        assert!(fleet.until_recorded(&mut coordinator, 30 * replaced), "it runs");
        new.push(fleet.worker(&["--analysis-workers", "1"]));
        old.signal(Signal::TERM);
        assert_eq!(old.end().status, Some(0));
    }
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    assert_eq!(progress(&ended.stderr)["fleet"]["redelivered"], 0, "nothing had to be taken back");
    assert_same("after a rolling restart", by_anybody(fleet.room().records("out")), by_anybody(alone));
    fleet.disband(new);
}
