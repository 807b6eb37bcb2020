//! A Redis that answers, and does not do what it should.

use std::{process::Command, thread, time::Duration};

use sheaf_common::redis::stand::RedisStand;
use sheaf_tests::{
    program::{Signal, wait_until},
    site::{Page, Site},
};

use super::fleet;

/// Sends one command with the program that comes with Redis; its answer.
fn redis(stand: &RedisStand, command: &[&str]) -> String {
    let port = stand.port().to_string();
    let output = Command::new("redis-cli").args(["-p", &port]).args(command).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_redis_that_refuses_writes_for_a_while_costs_no_document() {
    let fleet = fleet();
    fleet.documents(200, 20, 300);
    let stand = RedisStand::start(&[]);
    let mut coordinator = fleet.run(&["set", "--redis-url", stand.url().expose()]);
    let workers: [_; 2] = fleet.workers(&["--analysis-workers", "2"]);
    assert!(fleet.until_recorded(&mut coordinator, 20));
    // It wants replicas, and has none: NOREPLICAS.
    assert_eq!(redis(&stand, &["CONFIG", "SET", "min-replicas-to-write", "1"]).trim(), "OK");
    thread::sleep(Duration::from_secs(3));
    assert_eq!(redis(&stand, &["CONFIG", "SET", "min-replicas-to-write", "0"]).trim(), "OK");
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    let records = fleet.room().records("out");
    let queue: Vec<_> =
        records.iter().filter(|record| record["error"]["message"].to_string().contains("queue")).collect();
    assert!(queue.is_empty(), "the queue's trouble became a document's: {queue:?}");
    assert_eq!(records.len(), 210);
    fleet.disband(workers);
}

#[test]
fn an_entry_that_somebody_removes_is_done_again() {
    let fleet = fleet();
    for number in 0..6 {
        fleet.room().write(format!("set/{number}.txt"), format!("The lamp {number} was lit at noon."));
    }
    let stand = RedisStand::start(&[]);
    let coordinator = fleet.run(&["set", "--redis-url", stand.url().expose()]);
    let stream = || redis(&stand, &["KEYS", "*ready:normal"]).trim().to_owned();
    let length = || redis(&stand, &["XLEN", &stream()]).trim().to_owned();
    assert!(wait_until(|| !stream().is_empty() && length() == "6"), "{}", length());
    assert_eq!(redis(&stand, &["XTRIM", &stream(), "MAXLEN", "=", "2"]).trim(), "4");
    let worker: [_; 1] = fleet.workers(&[]);
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(fleet.room().records("out").len(), 6);
    fleet.disband(worker);
}

#[test]
fn a_run_that_is_begun_anew_leaves_nothing_of_the_old_one_in_redis() {
    let fleet = fleet();
    fleet.room().write("set/a.txt", "The lamp was lit at noon.");
    let stand = RedisStand::start(&[]);
    let pushed = || redis(&stand, &["KEYS", "*pushed"]).lines().map(str::to_owned).collect::<Vec<_>>();
    let coordinator = fleet.run(&["set", "--redis-url", stand.url().expose()]);
    assert!(wait_until(|| pushed().len() == 1));
    let old = pushed();
    coordinator.kill();
    let coordinator = fleet.run(&["set", "--fresh", "--redis-url", stand.url().expose()]);
    assert!(wait_until(|| pushed().len() == 1 && pushed() != old), "{:?} after {old:?}", pushed());
    let worker: [_; 1] = fleet.workers(&[]);
    assert_eq!(coordinator.end().status, Some(0));
    assert!(redis(&stand, &["KEYS", "*"]).trim().is_empty(), "a complete run is removed");
    fleet.disband(worker);
}

#[test]
fn a_crawl_by_a_fleet_is_interrupted_at_once() {
    let fleet = fleet();
    let site = Site::start();
    site.put("/", Page::article("Lamps", &["/one", "/two"]));
    let url = site.url("/");
    let mut coordinator = fleet.run(&[&url, "--crawl-depth", "1"]);
    assert!(
        coordinator.until(|coordinator| coordinator.stderr().contains("\"ready\":1")),
        "{}",
        coordinator.stderr()
    );
    coordinator.signal(Signal::INT);
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("the same command carries on"), "{}", ended.stderr);
}
