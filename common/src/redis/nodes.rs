//! The nodes of a cluster. Any of them leads to all the others: the one that the URL names may be gone for good.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::redis::{Cmd, ConnectionAddr, ConnectionInfo, Value, cmd};
use tokio::time::Instant;

/// Between looks at which nodes there are.
const LOOK: Duration = Duration::from_mins(1);
/// Nodes that are remembered: one that answers is enough.
const MOST: usize = 32;

/// The nodes of a cluster as they were last seen.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    addresses: Vec<(String, u16)>,
    /// When somebody last set out to look.
    looked: Option<Instant>,
}

impl Nodes {
    /// What asks a node for the others.
    pub(super) fn question() -> Cmd {
        let mut question = cmd("CLUSTER");
        question.arg("SLOTS");
        question
    }

    /// Takes in the answer; `host` is that of a node which does not know its own. An answer without nodes changes nothing.
    pub(super) fn learn(&self, slots: &Value, host: &str) {
        let addresses = addresses(slots, host);
        if !addresses.is_empty() {
            self.seen().addresses = addresses;
        }
    }

    /// Whether it is time to look; only one is told so.
    pub(super) fn is_due(&self) -> bool {
        let mut seen = self.seen();
        let due = seen.looked.is_none_or(|looked| looked.elapsed() >= LOOK);
        if due {
            seen.looked = Some(Instant::now());
        }
        due
    }

    /// Has somebody look as soon as Redis answers: a node was lost, and others may have taken its place.
    pub(super) fn doubt(&self) {
        self.seen().looked = None;
    }

    /// Where a connection may begin: the node of the URL, and all others with the same password and the same TLS.
    pub(super) fn seeds(&self, url: ConnectionInfo) -> Vec<ConnectionInfo> {
        let others: Vec<_> = self.seen().addresses.iter().filter_map(|address| at(&url, address)).collect();
        let mut seeds = vec![url];
        for other in others {
            if seeds.iter().all(|seed| seed.addr() != other.addr()) {
                seeds.push(other);
            }
        }
        seeds
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Another node, reached as this one is.
fn at(info: &ConnectionInfo, (host, port): &(String, u16)) -> Option<ConnectionInfo> {
    let (host, port) = (host.clone(), *port);
    let address = match info.addr().clone() {
        ConnectionAddr::Tcp(..) => ConnectionAddr::Tcp(host, port),
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
        }
        // A cluster has none other.
        _ => return None,
    };
    Some(info.clone().set_addr(address))
}

/// The nodes in an answer to `CLUSTER SLOTS`: ranges of slots, each followed by its nodes, the first of them its master.
fn addresses(slots: &Value, host: &str) -> Vec<(String, u16)> {
    let mut found = Vec::new();
    let ranges = parts(slots).iter();
    for node in ranges.flat_map(|range| parts(range).get(2..).unwrap_or_default()) {
        let [name, Value::Int(port), ..] = parts(node) else { continue };
        let name = match name {
            Value::BulkString(name) => String::from_utf8_lossy(name).into_owned(),
            Value::SimpleString(name) => name.clone(),
            _ => String::new(),
        };
        // Nothing means the host that was asked; a question mark, that nobody knows.
        let name = if name.is_empty() { host.to_owned() } else { name };
        let Ok(port) = u16::try_from(*port) else { continue };
        let address = (name, port);
        if address.0 != "?" && !found.contains(&address) && found.len() < MOST {
            found.push(address);
        }
    }
    found
}

fn parts(value: &Value) -> &[Value] {
    match value {
        Value::Array(parts) => parts,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use ::redis::{IntoConnectionInfo, parse_redis_value};

    use super::*;

    /// Two ranges; the second has a node that does not know its host, and one that nobody knows.
    const ANSWER: &str = "*2\r\n\
        *4\r\n:0\r\n:99\r\n*2\r\n$8\r\n10.0.0.1\r\n:7001\r\n*2\r\n$8\r\n10.0.0.2\r\n:7002\r\n\
        *5\r\n:100\r\n:199\r\n*2\r\n$8\r\n10.0.0.1\r\n:7001\r\n*2\r\n$-1\r\n:7003\r\n*2\r\n$1\r\n?\r\n:7004\r\n";

    fn learned() -> Nodes {
        let nodes = Nodes::default();
        nodes.learn(&parse_redis_value(ANSWER.as_bytes()).unwrap(), "db.test");
        nodes
    }

    fn shown(url: &str) -> Vec<String> {
        let seeds = learned().seeds(url.into_connection_info().unwrap());
        assert!(seeds.iter().all(|seed| seed.redis_settings().password() == Some("pw")));
        seeds.iter().map(|seed| seed.addr().to_string()).collect()
    }

    #[test]
    fn every_node_is_a_seed_with_the_same_password() {
        let all = ["db.test:7003", "10.0.0.1:7001", "10.0.0.2:7002"];
        assert_eq!(shown("redis://:pw@db.test:7003"), all);
        assert_eq!(shown("rediss://:pw@db.test:7003"), all);
        let seeds = learned().seeds("rediss://:pw@db.test:1".into_connection_info().unwrap());
        assert!(seeds.iter().all(|seed| matches!(seed.addr(), ConnectionAddr::TcpTls { .. })));
    }

    #[test]
    fn an_answer_that_says_nothing_changes_nothing() {
        let nodes = learned();
        for nonsense in
            ["*0\r\n", "+OK\r\n", "*1\r\n*3\r\n:0\r\n:1\r\n:2\r\n", "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n:9\r\n"]
        {
            nodes.learn(&parse_redis_value(nonsense.as_bytes()).unwrap(), "db.test");
        }
        assert_eq!(nodes.seen().addresses.len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn one_looks_each_minute_and_after_a_loss() {
        let nodes = Nodes::default();
        assert_eq!([nodes.is_due(), nodes.is_due()], [true, false]);
        tokio::time::advance(LOOK).await;
        assert_eq!([nodes.is_due(), nodes.is_due()], [true, false]);
        nodes.doubt();
        assert_eq!([nodes.is_due(), nodes.is_due()], [true, false]);
    }
}
