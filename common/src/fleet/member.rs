//! Who a worker is, and how it is welcomed or refused.

use std::time::Duration;

use super::Assignment;
use crate::{id::WorkerId, mode::Mode};

/// The version of what coordinators and workers say to each other. Each side refuses a newer one.
pub const PROTOCOL: u32 = 2;

/// Longest host name that a worker's id repeats.
const HOST_IN_ID: usize = 63;

/// A worker introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its id, unique for each start of a process; see [`start_id`]. A worker that comes back has the same.
    pub worker: WorkerId,
    /// What people call it; need not be unique.
    pub name: String,
    /// The host it runs on.
    pub host: String,
    /// Cores it may use.
    pub cores: u32,
    /// Memory it may use, in bytes.
    pub memory_bytes: u64,
    /// The modes it can work in.
    pub modes: Vec<Mode>,
    /// Version of the program.
    pub version: String,
    /// The protocol it speaks.
    pub protocol: u32,
    /// Names of the models that it is configured for; never a key.
    pub models: Vec<String>,
}

/// The id of this start of a worker: `<host>-<process>-<8 random hexadecimal digits>`.
///
/// Of the host's name only letters, digits, points and hyphens are taken: the id becomes a part of keys and of lines
/// of a log.
pub fn start_id(host: &str) -> WorkerId {
    let plain = |character: &char| character.is_ascii_alphanumeric() || ".-".contains(*character);
    let host: String = host.chars().filter(plain).take(HOST_IN_ID).collect();
    let host = if host.is_empty() { "worker" } else { &host };
    WorkerId::new(format!("{host}-{}-{:08x}", std::process::id(), fastrand::u32(..)))
}

/// What a worker is told when it has registered.
#[derive(Debug, Clone, PartialEq)]
pub struct Welcome {
    /// Its id, as it said.
    pub worker: WorkerId,
    /// The protocol that the coordinator speaks.
    pub protocol: u32,
    /// Version of the coordinator's program.
    pub version: String,
    /// How long a lease of a job holds without being extended.
    pub lease: Duration,
    /// How often leases are extended.
    pub heartbeat: Duration,
    /// The runs to work on now.
    pub runs: Vec<Assignment>,
}

/// Why a request to the fleet is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The worker speaks a newer protocol.
    #[error(
        "the worker {worker} speaks protocol {theirs}, this coordinator speaks up to {ours}: update the coordinator, \
         or start a worker of the coordinator's version"
    )]
    NewerWorker {
        /// The worker.
        worker: WorkerId,
        /// The protocol it speaks.
        theirs: u32,
        /// The protocol of this program.
        ours: u32,
    },
    /// The coordinator speaks a newer protocol.
    #[error(
        "the coordinator speaks protocol {theirs}, this worker speaks up to {ours}: update the worker, or use a \
         coordinator of the worker's version"
    )]
    NewerCoordinator {
        /// The protocol it speaks.
        theirs: u32,
        /// The protocol of this program.
        ours: u32,
    },
    /// No worker of this id has registered since the coordinator started, or it was forgotten since.
    #[error("no worker {0} is registered: register first, or look at the list of workers for its id")]
    UnknownWorker(WorkerId),
    /// A worker that drains does not take work again.
    #[error("the worker {0} drains and will leave: start another one in its place")]
    Drains(WorkerId),
    /// The fleet has as many workers as it can have.
    #[error("the fleet is full with {most} workers: stop some, or wait until lost ones are forgotten")]
    Full {
        /// Most workers of a fleet.
        most: usize,
    },
    /// The coordinator is about to end.
    #[error("the coordinator is ending and takes no more workers: try again when it is back")]
    Ending,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_start_has_its_own_plain_id() {
        let id = start_id("hub.example\n{a:b}");
        let (host, rest) = id.as_str().split_once(&format!("-{}-", std::process::id())).unwrap();
        assert_eq!(host, "hub.exampleab");
        assert!(rest.len() == 8 && rest.chars().all(|digit| digit.is_ascii_hexdigit()), "{rest}");
        assert_ne!(id, start_id("hub.example\n{a:b}"));
        assert!(start_id("…").as_str().starts_with("worker-"));
        assert!(start_id(&"h".repeat(1_000)).as_str().len() < 100);
    }
}
