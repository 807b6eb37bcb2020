//! A Redis that is killed, hangs, stays away, or forgets.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use sheaf_common::redis::stand::RedisStand;
use sheaf_tests::{
    fleet::{by_anybody, however_often, progress},
    program::{Running, Signal, assert_same, send},
};

use super::fleet;

/// Longer than a lease, which is ten seconds: every lease runs out meanwhile, and that is nobody's death.
const LONG: Duration = Duration::from_secs(20);

/// Each outage is said once by each program, and its end.
#[track_caller]
fn said_once(program: &Running, outages: usize) {
    let stderr = program.stderr();
    for what in ["Redis cannot be used, trying again until it can", "Redis can be used again"] {
        let said = stderr.matches(what).count();
        assert!(said <= outages, "{what:?} is said {said} times for {outages} outages: {stderr}");
    }
    let beats = stderr.matches("leases could not be extended").count();
    assert!(beats <= outages, "{stderr}");
}

/// Does something to a Redis that keeps every answer it gives, `outages` times in a run; nobody may be the worse for it.
fn survived(outages: usize, mut harm: impl FnMut(&mut RedisStand)) {
    let fleet = fleet();
    fleet.documents(150, 6, 300);
    let alone = fleet.alone(&["set"], 3);
    let mut redis = RedisStand::start(&["--appendfsync", "always"]);
    let mut coordinator = fleet.run(&["set", "--redis-url", redis.url().expose()]);
    let workers: [_; 2] = fleet.workers(&["--analysis-workers", "2"]);
    for outage in 1..=outages {
        assert!(fleet.until_recorded(&mut coordinator, outage * 30), "it ended: {}", coordinator.stderr());
        harm(&mut redis);
    }
    // The last words are read before the end takes them.
    coordinator.until(|coordinator| coordinator.stderr().contains("\"event\":\"end\""));
    said_once(&coordinator, outages);
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    assert_eq!(progress(&ended.stderr)["fleet"]["redelivered"], 0, "nobody died: {}", ended.stderr);
    assert_same("after outages", by_anybody(fleet.room().records("out")), by_anybody(alone));
    for worker in &workers {
        said_once(worker, outages);
    }
    fleet.disband(workers);
}

#[test]
fn a_redis_that_is_killed_again_and_again_costs_nobody_anything() {
    survived(3, |redis| {
        redis.kill();
        redis.begin();
    });
}

#[test]
fn a_redis_that_is_away_for_long_costs_nobody_anything() {
    survived(1, |redis| {
        redis.kill();
        thread::sleep(LONG);
        redis.begin();
    });
}

#[test]
fn a_redis_that_hangs_for_long_costs_nobody_anything() {
    survived(1, |redis| {
        let server = redis.id().unwrap();
        send(server, Signal::STOP);
        thread::sleep(LONG);
        send(server, Signal::CONT);
    });
}

#[test]
fn what_a_redis_forgets_is_done_again() {
    let fleet = fleet();
    fleet.documents(150, 6, 300);
    let alone = fleet.alone(&["set"], 3);
    let redis = RedisStand::start(&[]);
    let mut coordinator = fleet.run(&["set", "--redis-url", redis.url().expose()]);
    let workers: [_; 2] = fleet.workers(&["--analysis-workers", "2"]);
    assert!(fleet.until_recorded(&mut coordinator, 30), "it ended: {}", coordinator.stderr());
    let mut connection = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    connection.write_all(b"FLUSHALL\r\n").unwrap();
    let mut answer = [0; 5];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+OK\r\n");
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    assert_same("after a loss", however_often(fleet.room().records("out")), however_often(alone));
    fleet.disband(workers);
}
