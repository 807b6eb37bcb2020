//! A cluster whose nodes die.

use std::{process::Command, time::Duration};

use sheaf_common::{
    id::RunId,
    queue::{JobQueue, RedisLimits, RedisQueue, conformance::job},
    redis::{
        Connector, Link, Patience, command,
        stand::{RedisStand, free_port},
    },
};

use super::{SOON, collect_all, commit_all, worker};

const SLOTS: u16 = 16_384;
const MASTERS: u16 = 3;
/// How long a cluster may take to form or to heal.
const HEALED: Duration = Duration::from_mins(1);

/// Three masters, and a replica of the first.
struct Cluster {
    nodes: Vec<RedisStand>,
}

impl Cluster {
    async fn start() -> Self {
        let buses: Vec<_> = (0..=MASTERS).map(|_| free_port().to_string()).collect();
        let start = |bus: &String| {
            let timeout =
                ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", bus];
            RedisStand::start(&timeout)
        };
        let cluster = Self { nodes: buses.iter().map(start).collect() };
        for (place, node) in (0..MASTERS).zip(&cluster.nodes) {
            let share = SLOTS / MASTERS;
            let last = if place + 1 == MASTERS { SLOTS - 1 } else { (place + 1) * share - 1 };
            tell(node, &["addslotsrange", &(place * share).to_string(), &last.to_string()]);
            tell(node, &["set-config-epoch", &(place + 1).to_string()]);
        }
        for (node, bus) in cluster.nodes.iter().zip(&buses).skip(1) {
            tell(&cluster.nodes[0], &["meet", "127.0.0.1", &node.port().to_string(), bus]);
        }
        until(|| cluster.nodes.iter().all(|node| tell(node, &["info"]).contains("cluster_known_nodes:4")))
            .await;
        let first = tell(&cluster.nodes[0], &["myid"]);
        tell(&cluster.nodes[3], &["replicate", first.trim()]);
        let synchronized = || {
            let info = cli(&cluster.nodes[3], &["info", "replication"]);
            info.contains("role:slave") && info.contains("master_link_status:up")
        };
        until(synchronized).await;
        until(|| cluster.nodes.iter().all(|node| tell(node, &["info"]).contains("cluster_state:ok"))).await;
        cluster
    }
}

fn cli(node: &RedisStand, words: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &node.port().to_string()]).args(words).output();
    let output = output.expect("redis-cli starts: apt-get install redis-tools");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn tell(node: &RedisStand, words: &[&str]) -> String {
    let said = cli(node, &[&["cluster"], words].concat());
    assert!(!said.starts_with("ERR"), "{words:?}: {said}");
    said
}

async fn until(reached: impl Fn() -> bool) {
    let begun = tokio::time::Instant::now();
    while !reached() {
        assert!(begun.elapsed() < HEALED, "the cluster has not become what it should");
        tokio::time::sleep(SOON).await;
    }
}

/// Whether the replica has all that its master has.
fn is_caught_up(replication: &str) -> bool {
    let after = |name: &str| {
        let (_, rest) = replication.split_once(name)?;
        rest.split(|end: char| !end.is_ascii_digit()).next()?.parse::<u64>().ok()
    };
    after("master_repl_offset:").is_some() && after("master_repl_offset:") == after(",offset=")
}

#[tokio::test]
async fn a_cluster_goes_on_without_the_node_of_its_url() {
    let mut cluster = Cluster::start().await;
    let connector = Connector::find(cluster.nodes[0].url(), Patience::For(HEALED)).await.unwrap();
    let (run, limits) = (RunId::new("r"), RedisLimits::default());
    let shards = 6;
    let patience = Patience::For(HEALED);
    let queue = RedisQueue::open(connector.clone(), run, shards, limits, true, patience).await.unwrap();
    for number in 0..12 {
        queue.push(job(number)).await.unwrap();
    }
    let mut leased = queue.lease(&worker("a"), 4, SOON).await.unwrap();
    let before = queue.connections();
    assert_ne!(cli(&cluster.nodes[0], &["dbsize"]).trim(), "0", "the first node has some of them");
    until(|| is_caught_up(&cli(&cluster.nodes[0], &["info", "replication"]))).await;

    cluster.nodes[0].kill();
    until(|| cli(&cluster.nodes[3], &["role"]).starts_with("master")).await;
    // A connection that is made only now begins at one of the others.
    let late = Link::new(connector, Patience::For(HEALED));
    let _size: u64 = late.query("asking for its size", &command("DBSIZE")).await.unwrap();

    let begun = tokio::time::Instant::now();
    while leased.len() < 12 {
        assert!(begun.elapsed() < HEALED, "{} jobs are leased", leased.len());
        leased.extend(queue.lease(&worker("a"), 12, SOON).await.unwrap());
    }
    assert!(queue.connections() > before, "it is known that answers may have been lost");
    commit_all(&queue, &leased).await;
    assert_eq!(collect_all(&queue).await, (0..12).collect::<Vec<_>>());
}
