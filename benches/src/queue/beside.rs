//! The peers of the queue: the same jobs over a Redis of the same kind, each peer with one of its own.

use std::{cell::RefCell, thread, time::Duration};

use crate::{
    bench::Bench,
    peer::{Peer, Peers},
    row::PeerFigure,
};

use super::{job::BODY, stand};

/// Peers, and jobs of a round: some seconds of each, going by what they did when they were first measured.
const PEERS: [(&str, usize); 6] = [
    ("bullmq", 20_000),
    ("apalis", 20_000),
    ("dramatiq", 8_000),
    ("taskiq", 8_000),
    ("celery", 4_000),
    ("rq", 2_000),
];
/// How long a round may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Jobs of a recovery, and how long the last orphan may take to be done; some take minutes by default.
const RECOVERY_JOBS: usize = 2_000;
const RECOVERY: Duration = Duration::from_mins(2);

/// What peers did.
#[derive(Debug, Default)]
pub(super) struct Beside {
    rates: Vec<Peer>,
    recoveries: Vec<Peer>,
}

impl Beside {
    pub(super) fn measure(bench: &Bench, rounds: usize) -> Self {
        let peers = bench.peers.as_ref();
        Self {
            rates: PEERS.map(|(name, jobs)| rate(peers, name, jobs, rounds)).into(),
            // They wait for most of their time, so that they may wait at once.
            recoveries: thread::scope(|scope| {
                let measuring = PEERS.map(|(name, _)| scope.spawn(move || recovery(peers, name)));
                measuring.into_iter().filter_map(|peer| peer.join().ok()).collect()
            }),
        }
    }

    /// A metric of each peer as a column.
    pub(super) fn column(&self, metric: &str, value: impl Fn(f64) -> f64) -> Vec<PeerFigure> {
        let after_a_kill = ["recovery", "recovery_tuned", "lost", "doubled"].contains(&metric);
        let peers = if after_a_kill { &self.recoveries } else { &self.rates };
        peers.iter().map(|peer| peer.figure(metric, &value)).collect()
    }
}

fn rate(peers: Option<&Peers>, name: &str, jobs: usize, rounds: usize) -> Peer {
    let redis = RefCell::new(None);
    let keys = || {
        let fresh = stand(&[])?;
        let url = fresh.url().expose().to_owned();
        *redis.borrow_mut() = Some(fresh);
        Ok(vec![("redis", url), ("jobs", jobs.to_string()), ("bytes", BODY.to_string())])
    };
    Peer::measure(peers, name, "queue", rounds, PATIENCE, keys, || Ok(()))
}

fn recovery(peers: Option<&Peers>, name: &str) -> Peer {
    let redis = RefCell::new(None);
    let keys = || {
        let fresh = stand(&[])?;
        let url = fresh.url().expose().to_owned();
        *redis.borrow_mut() = Some(fresh);
        let limit = RECOVERY.as_secs().to_string();
        Ok(vec![
            ("redis", url),
            ("jobs", RECOVERY_JOBS.to_string()),
            ("recovery", "1".to_owned()),
            ("limit", limit),
        ])
    };
    // Once by default and once tuned, and some time to start.
    Peer::measure(peers, name, "queue", 1, RECOVERY * 2 + PATIENCE, keys, || Ok(()))
}
