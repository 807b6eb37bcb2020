//! Workers that die or fall silent, and documents that do it to them.

use std::{collections::HashSet, thread, time::Duration};

use sheaf_tests::{
    fleet::{name, progress},
    program::{Signal, wait_until},
};

use super::fleet;

/// Longer than a lease, which is ten seconds.
const BEYOND_THE_LEASE: Duration = Duration::from_secs(11);

#[test]
fn a_document_that_kills_its_workers_is_given_up_after_three() {
    let fleet = fleet();
    for number in 0..20 {
        fleet.room().write(format!("set/{number:02}.txt"), format!("The lamp {number} was lit at noon."));
    }
    let mended = fleet.room().path().join("mended");
    fleet.room().write("set/07-deadly.txt", format!("sheaf-hostile: kill {}\n", mended.display()));
    let coordinator = fleet.run(&["set"]);
    let mut dead = Vec::new();
    for _ in 0..3 {
        let [worker] = fleet.workers(&["--analysis-workers", "1"]);
        let name = name(&worker).unwrap();
        assert_eq!(worker.end().signal, Some(9), "the document has killed it");
        dead.push(name);
    }
    let last: [_; 1] = fleet.workers(&["--analysis-workers", "1"]);
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    assert_eq!(progress(&ended.stderr)["fleet"]["given_up"], 1, "{}", ended.stderr);

    let records = fleet.room().records("out");
    let (deadly, others): (Vec<_>, Vec<_>) =
        records.iter().partition(|record| record["source"].as_str().unwrap().ends_with("deadly.txt"));
    assert_eq!((deadly.len(), others.len()), (1, 20));
    assert!(others.iter().all(|record| record["status"] == "ok"), "{others:?}");
    let (status, error) = (&deadly[0]["status"], &deadly[0]["error"]);
    assert_eq!((status, &error["kind"]), (&"failed".into(), &"poison".into()), "{deadly:?}");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("3 workers died"), "{message}");
    assert!(dead.iter().all(|worker| message.contains(worker)), "{message}");
    assert!(fleet.room().path().join("out/.sheaf/redis").is_dir(), "it is kept, so that it can be replayed");
    fleet.disband(last);

    // The same run again has nothing to do, and keeps what was given up.
    let again = fleet.run(&["set"]).end();
    assert_eq!(again.status, Some(3), "{}", again.stderr);
    let replayed = fleet.room().run(["replay", "out"]);
    assert_eq!(replayed.status, Some(0), "{}", replayed.stderr);
    assert!(replayed.stdout.contains("07-deadly.txt: 3 workers died"), "{}", replayed.stdout);
    assert!(replayed.stdout.contains("1 document was put back"), "{}", replayed.stdout);
    fleet.room().write("mended", "");
    let coordinator = fleet.run(&["set"]);
    let last: [_; 1] = fleet.workers(&["--analysis-workers", "1"]);
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let records = fleet.room().records("out");
    assert_eq!(records.len(), 21, "one record each");
    assert!(records.iter().all(|record| record["status"] == "ok"), "{records:?}");
    assert!(!fleet.room().path().join("out/.sheaf/redis").exists(), "nothing is left to replay");
    fleet.disband(last);
}

#[test]
fn a_worker_that_comes_back_after_its_lease_changes_nothing() {
    let fleet = fleet();
    for number in 0..4 {
        fleet
            .room()
            .write(format!("set/{number}.txt"), format!("sheaf-hostile: sleep 8000\nNumber {number}.\n"));
    }
    let mut coordinator = fleet.run(&["set"]);
    let [mut zombie, living] = fleet.workers(&["--analysis-workers", "2"]);
    let parsed = || fleet.room().processes().iter().filter(|process| process.contains("parse-child")).count();
    assert!(wait_until(|| parsed() == 4), "all four are under way");
    zombie.signal(Signal::STOP);
    thread::sleep(BEYOND_THE_LEASE);
    // Its documents are under way at the other worker, and its own answers to them are ready by now.
    assert!(coordinator.until(|coordinator| progress(&coordinator.stderr())["fleet"]["redelivered"] == 2));
    zombie.signal(Signal::CONT);
    let refused = |stderr: &str| stderr.matches("the lease was lost").count() == 2;
    assert!(zombie.until(|zombie| refused(&zombie.stderr())), "{}", zombie.stderr());
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);

    let records = fleet.room().records("out");
    let sources: HashSet<_> = records.iter().map(|record| record["source"].to_string()).collect();
    assert_eq!((records.len(), sources.len()), (4, 4), "one record each");
    let by = name(&living).unwrap();
    assert!(
        records.iter().all(|record| record["worker"] == by.as_str()),
        "none is the zombie's: {records:?}"
    );
    fleet.disband([zombie, living]);
}
