//! What an operator asks of a fleet that works.

use sheaf_tests::{fleet::name, program::wait_until};

use super::fleet;

#[test]
fn workers_are_listed_paused_resumed_and_drained() {
    let fleet = fleet();
    fleet.documents(60, 2, 300);
    let coordinator = fleet.run(&["set"]);
    let [first, second] = fleet.workers(&["--analysis-workers", "1"]);
    let names = [&first, &second].map(|worker| name(worker).unwrap());
    let url = fleet.url();
    let ask = |verb: &[&str]| fleet.room().run(verb.iter().copied().chain(["--coordinator", &url]));
    let listed = || ask(&["workers"]).stdout;
    let state = |worker: &str| {
        let table = listed();
        let row = table.lines().find(|row| row.starts_with(worker)).unwrap_or_default();
        row.split_whitespace().nth(2).unwrap_or_default().to_owned()
    };
    assert!(wait_until(|| names.iter().all(|worker| state(worker) == "working")), "{}", listed());

    let paused = ask(&["pause", &names[0]]);
    assert_eq!(paused.status, Some(0), "{}", paused.stderr);
    assert!(wait_until(|| state(&names[0]) == "paused"), "{}", listed());
    assert_eq!(ask(&["resume", &names[0]]).status, Some(0));
    assert!(wait_until(|| state(&names[0]) == "working"), "{}", listed());

    let drained = ask(&["drain", &names[1]]);
    assert_eq!(drained.status, Some(0), "{}", drained.stderr);
    let left = second.end();
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    assert!(!listed().contains(&names[1]), "it has said goodbye");

    let nobody = ask(&["drain", "nobody-1-00000000"]);
    assert_eq!(nobody.status, Some(1));
    assert!(nobody.stderr.contains("coordinator workers lists them"), "{}", nobody.stderr);
    assert_eq!(coordinator.end().status, Some(3));
    fleet.disband([first]);
    let gone = ask(&["workers"]);
    assert_eq!((gone.status, gone.stderr.lines().count()), (Some(1), 1), "{}", gone.stderr);
}

#[test]
fn a_purged_run_is_pushed_anew() {
    let fleet = fleet();
    for number in 0..10 {
        fleet.room().write(format!("set/{number}.txt"), format!("The lamp {number} was lit at noon."));
    }
    let mut coordinator = fleet.run(&["set"]);
    assert!(
        coordinator.until(|coordinator| coordinator.stderr().contains("\"ready\":10")),
        "{}",
        coordinator.stderr()
    );
    let busy = fleet.room().run(["purge", "out"]);
    assert!(busy.status == Some(1) && busy.stderr.contains("in use by another run"), "{}", busy.stderr);
    coordinator.kill();
    let purged = fleet.room().run(["purge", "out"]);
    assert_eq!(purged.status, Some(0), "{}", purged.stderr);
    let coordinator = fleet.run(&["set"]);
    let worker: [_; 1] = fleet.workers(&[]);
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(fleet.room().records("out").len(), 10);
    fleet.disband(worker);
    let never = fleet.room().run(["replay", "set"]);
    assert_eq!(never.stderr, "error: there is no run in set; name the folder that was given to --out\n");
}
