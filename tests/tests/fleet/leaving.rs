//! Workers that are told to stop while there is work.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use sheaf_common::redis::stand::RedisStand;
use sheaf_tests::{
    fleet::{by_anybody, progress},
    program::{Running, Signal, assert_same, wait_until},
};

use super::fleet;

/// Far less than an operation of the queue is tried again, and more than a stop takes.
const SOON: Duration = Duration::from_mins(1);

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

/// What one hands back may be on its way to the other, which leaves as well: it must not stay with it.
#[test]
fn a_job_that_comes_for_a_worker_that_leaves_is_given_back() {
    const ROUNDS: usize = 40;
    let fleet = fleet();
    fleet.room().write("set/one.txt", "sheaf-hostile: sleep 8000\nThe lamp was lit at noon.\n");
    let coordinator = fleet.run(&["set"]);
    let parsed = || fleet.room().processes().iter().filter(|process| process.contains("parse-child")).count();
    for _ in 0..ROUNDS {
        let both: [_; 2] = fleet.workers(&["--analysis-workers", "1", "--grace", "0.01"]);
        assert!(wait_until(|| parsed() == 1), "one of them has it");
        both[0].signal(Signal::TERM);
        thread::sleep(Duration::from_micros(fastrand::u64(8_000..16_000)));
        both[1].signal(Signal::TERM);
        for worker in both {
            let left = worker.end();
            assert_eq!(left.status, Some(0), "{}", left.stderr);
        }
    }
    let last: [_; 1] = fleet.workers(&[]);
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let counts = &progress(&ended.stderr)["fleet"];
    assert_eq!(counts["redelivered"], 0, "nobody died: {counts}");
    assert!(counts["handed_back"].as_u64().unwrap() >= ROUNDS as u64, "{counts}");
    fleet.disband(last);
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

/// How many entries the streams of this name have, over all shards.
fn entries(redis: &RedisStand, stream: &str) -> usize {
    sum(redis, stream, "redis.call('XLEN', key)")
}

/// How many jobs are leased, over all shards.
fn leased(redis: &RedisStand) -> usize {
    // Each stream has one group, of which Redis tells its name, its consumers and what is pending: three names, three values.
    sum(redis, "ready:*", "redis.call('XINFO', 'GROUPS', key)[1][6]")
}

/// The sum of a value over all streams of this name.
fn sum(redis: &RedisStand, stream: &str, value: &str) -> usize {
    let mut connection = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    let sum = format!(
        "local sum = 0 for _, key in ipairs(redis.call('KEYS', ARGV[1])) do sum = sum + {value} end return sum"
    );
    connection.write_all(format!("EVAL \"{sum}\" 0 *:{stream}\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(connection).read_line(&mut answer).unwrap();
    answer.trim().strip_prefix(':').unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
}

/// Tells a worker twice to stop; it must leave in good order, and soon.
#[track_caller]
fn stopped_at_once(mut worker: Running) -> String {
    worker.signal(Signal::TERM);
    assert!(worker.until(|worker| worker.stderr().contains("once more hands it back at once")));
    worker.signal(Signal::TERM);
    let asked = Instant::now();
    let left = worker.end();
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    assert!(asked.elapsed() < SOON, "it took {:?}: {}", asked.elapsed(), left.stderr);
    left.stderr
}

#[test]
fn a_worker_whose_commits_wait_can_be_stopped() {
    const DOCUMENTS: usize = 1_200;
    /// Batches that wait to be collected.
    const UNCOLLECTED: usize = 256;
    let fleet = fleet();
    for number in 0..DOCUMENTS {
        fleet.room().write(format!("set/{number:04}.txt"), format!("The lamp {number} was lit at noon."));
    }
    let redis = RedisStand::start(&[]);
    let url = redis.url();
    let arguments = ["set", "--redis-url", url.expose()];
    let coordinator = fleet.run(&arguments);
    assert!(wait_until(|| entries(&redis, "ready:*") == DOCUMENTS), "all are pushed");
    let [worker] = fleet.workers(&["--analysis-workers", "1"]);
    coordinator.kill();
    assert!(wait_until(|| entries(&redis, "results") == UNCOLLECTED), "{}", worker.stderr());
    assert!(wait_until(|| leased(&redis) > 0), "one more is done, and waits: {}", worker.stderr());
    let said = stopped_at_once(worker);
    assert!(said.contains("the coordinator did not hear the goodbye"), "{said}");
    assert!(!said.contains("left without an answer from Redis"), "{said}");

    let coordinator = fleet.run(&arguments);
    let patient: [_; 1] = fleet.workers(&[]);
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let counts = &progress(&ended.stderr)["fleet"];
    assert_eq!(counts["redelivered"], 0, "nothing had to be taken back: {counts}");
    assert_ne!(counts["handed_back"], 0, "{counts}");
    assert_eq!(fleet.room().records("out").len(), DOCUMENTS);
    fleet.disband(patient);
}

#[test]
fn a_worker_whose_redis_is_away_can_be_stopped() {
    let fleet = fleet();
    for number in 0..2 {
        fleet
            .room()
            .write(format!("set/{number}.txt"), format!("sheaf-hostile: sleep 60000\nNumber {number}.\n"));
    }
    let mut redis = RedisStand::start(&[]);
    let coordinator = fleet.run(&["set", "--redis-url", redis.url().expose()]);
    let [worker] = fleet.workers(&["--analysis-workers", "2"]);
    let parsed = || fleet.room().processes().iter().filter(|process| process.contains("parse-child")).count();
    assert!(wait_until(|| parsed() == 2), "both are under way");
    redis.kill();
    let said = stopped_at_once(worker);
    assert!(
        said.contains("left without an answer from Redis for 5 s: documents not given back, 2,"),
        "{said}"
    );
    coordinator.kill();
}
