//! Coordinators that are killed: the same command takes the run up again.

use std::{path::Path, process::Command};

use sheaf_common::redis::stand::RedisStand;
use sheaf_tests::{
    fleet::{Fleet, however_often},
    program::{Running, Signal, assert_same, send, wait_until},
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

/// The processes of the fleet's folder whose command line has `what` in it.
fn processes(fleet: &Fleet, what: &str) -> Vec<u32> {
    let mut processes = fleet.room().processes();
    processes.retain(|process| process.contains(what));
    processes.iter().map(|process| process.split(' ').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn a_private_redis_that_lost_its_keeper_is_ended_before_the_next_one_begins() {
    let fleet = fleet();
    fleet.documents(100, 8, 250);
    let alone = fleet.alone(&["set"], 3);
    let mut coordinator = fleet.run(&["set"]);
    let workers: [_; 2] = fleet.workers(&["--analysis-workers", "2"]);
    assert!(fleet.until_recorded(&mut coordinator, 10), "it ended: {}", coordinator.stderr());
    for keeper in processes(&fleet, "keep-redis") {
        send(keeper, Signal::KILL);
    }
    coordinator.kill();
    let [orphan] = processes(&fleet, "redis-server")[..] else { panic!("{:?}", fleet.room().processes()) };

    let mut coordinator = Running::of(fleet.command(["set"]).spawn().unwrap());
    let one = |_: &Running| {
        let servers = processes(&fleet, "redis-server");
        assert!(servers.len() < 2, "two at once: {servers:?}");
        !servers.is_empty() && servers != [orphan]
    };
    assert!(coordinator.until(one), "it ended: {}", coordinator.stderr());
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    assert!(ended.stdout.contains("of them were done before"), "{}", ended.stdout);
    let records = fleet.room().records("out");
    assert_same("after an orphan", however_often(records), however_often(alone));
    fleet.disband(workers);
}

#[test]
fn a_private_redis_whose_keeper_was_killed_ends_with_its_run() {
    let fleet = fleet();
    fleet.documents(50, 8, 250);
    let mut coordinator = fleet.run(&["set"]);
    let workers: [_; 1] = fleet.workers(&["--analysis-workers", "2"]);
    assert!(fleet.until_recorded(&mut coordinator, 5), "it ended: {}", coordinator.stderr());
    for keeper in processes(&fleet, "keep-redis") {
        send(keeper, Signal::KILL);
    }
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    fleet.disband(workers);
}

/// A run and a worker that joins it at `$3`, in a network of their own: nobody else hears what listens everywhere.
const EVERYWHERE: &str = "
    ip link set lo up || exit 77
    \"$1\" run set --enable-queue --insecure --listen '[::]:7700' --out out --fresh --progress none & run=$!
    \"$2\" start --coordinator \"$3\" & worker=$!
    wait $run; status=$?
    kill -TERM $worker; wait $worker
    exit $status
";

#[test]
fn a_fleet_that_listens_everywhere_is_joined_over_both_families() {
    let own_network = ["-rn", "sh", "-c", "ip link set lo up && ip -6 address show dev lo | grep -q ::1"];
    let unshare = Path::new("unshare");
    if !Command::new(unshare).args(own_network).status().is_ok_and(|status| status.success()) {
        println!("no network of one's own with IPv6 can be made here: nothing is tested");
        return;
    }
    let fleet = fleet();
    fleet.room().write("set/one.txt", "The lamp was lit at noon.");
    let (coordinator, worker) =
        (env!("CARGO_BIN_EXE_coordinator-under-test"), env!("CARGO_BIN_EXE_worker-under-test"));
    for url in ["http://127.0.0.1:7700", "http://[::1]:7700"] {
        let arguments = ["-rn", "sh", "-c", EVERYWHERE, "sh", coordinator, worker, url];
        let ended = Running::of(fleet.room().command_of(unshare, arguments).spawn().unwrap()).end();
        assert_eq!(ended.status, Some(0), "{url}: {}", ended.stderr);
        assert!(ended.stderr.contains("joined as "), "{}", ended.stderr);
        assert_eq!(fleet.room().records("out").len(), 1);
        fleet.room().until_deserted();
    }
}
