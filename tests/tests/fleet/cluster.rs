//! A run over a Redis Cluster.

use std::{collections::BTreeSet, process::Command};

use sheaf_common::redis::stand::RedisStand;
use sheaf_tests::{
    fleet::{free_port, however_often},
    program::{assert_same, wait_until},
};

use super::fleet;

/// Slots of keys that a cluster has.
const SLOTS: u16 = 16_384;
const MASTERS: u16 = 3;

/// Three masters on loopback, each with its own folder and ports.
struct Cluster {
    nodes: Vec<RedisStand>,
}

impl Cluster {
    fn start() -> Self {
        let buses: Vec<_> = (0..MASTERS).map(|_| free_port().to_string()).collect();
        let fixed = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let more = ["--cluster-require-full-coverage", "no", "--appendfsync", "always", "--cluster-port"];
        let start = |bus: &String| RedisStand::start(&[&fixed[..], &more[..], &[bus.as_str()]].concat());
        let nodes: Vec<_> = buses.iter().map(start).collect();
        let share = SLOTS / MASTERS;
        for (place, node) in (0..).zip(&nodes) {
            let last = if place + 1 == MASTERS { SLOTS - 1 } else { (place + 1) * share - 1 };
            ask(node, &["addslotsrange", &(place * share).to_string(), &last.to_string()]);
            ask(node, &["set-config-epoch", &(place + 1).to_string()]);
        }
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            ask(&nodes[0], &["meet", "127.0.0.1", &node.port().to_string(), bus]);
        }
        let agreed = |node: &RedisStand| {
            let info = ask(node, &["info"]);
            info.contains("cluster_state:ok") && info.contains("cluster_size:3")
        };
        assert!(wait_until(|| nodes.iter().all(agreed)), "the cluster forms");
        Self { nodes }
    }
}

/// Asks a node something of its cluster.
fn ask(node: &RedisStand, words: &[&str]) -> String {
    let port = node.port().to_string();
    let output = Command::new("redis-cli").args(["-p", &port, "cluster"]).args(words).output();
    let output = output.expect("redis-cli starts: apt-get install redis-tools");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && !said.starts_with("ERR"), "{words:?}: {said}");
    said
}

#[test]
fn a_node_of_a_cluster_that_is_killed_loses_nothing() {
    let fleet = fleet();
    fleet.documents(150, 6, 250);
    let alone = fleet.alone(&["set"], 3);
    let mut cluster = Cluster::start();
    let url = cluster.nodes[0].url().expose().to_owned();
    let mut coordinator = fleet.run(&["set", "--redis-url", &url]);
    let workers: [_; 2] = fleet.workers(&["--analysis-workers", "2"]);
    assert!(fleet.until_recorded(&mut coordinator, 40), "it ended: {}", coordinator.stderr());
    cluster.nodes[1].kill();
    cluster.nodes[1].begin();
    let ended = coordinator.end();
    assert_eq!(ended.status, Some(3), "{}", ended.stderr);
    let records = fleet.room().records("out");
    let worked: BTreeSet<_> = records.iter().filter_map(|record| record["worker"].as_str()).collect();
    assert_eq!(worked.len(), 2, "both have worked: {worked:?}");
    assert_same("over a cluster", however_often(records), however_often(alone));
    fleet.disband(workers);
}
