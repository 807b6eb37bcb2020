//! The peers of the client.

use std::{cell::RefCell, thread, time::Duration};

use tokio::runtime::Handle;

use crate::{
    bench::Bench,
    figures::Figures,
    peer::{Peer, Peers},
    provider::{self, Provider},
    row::{Empty, PeerFigure},
};

const PEERS: [&str; 3] = ["openai", "litellm", "langchain"];
/// How long a round may take: many times its ideal.
const PATIENCE: Duration = Duration::from_mins(2);

/// What peers did.
pub(super) struct Beside(Vec<Peer>);

impl Beside {
    /// So many calls, so many at once, of one provider.
    pub(super) fn measure(bench: &Bench, rounds: usize, calls: u64, at_once: usize, url: &str) -> Self {
        let peer = |name| {
            let keys = || Ok(keys(url, calls, at_once));
            tokio::task::block_in_place(|| {
                Peer::measure(bench.peers.as_ref(), name, "llm", rounds, PATIENCE, keys, || Ok(()))
            })
        };
        Self(PEERS.map(peer).into())
    }

    /// A metric of each peer as a column, of those that have answered every call.
    pub(super) fn column(&self, metric: &str, calls: u64) -> Vec<PeerFigure> {
        self.0.iter().map(|peer| whole(peer, metric, calls)).collect()
    }
}

fn keys(url: &str, calls: u64, at_once: usize) -> Vec<(&'static str, String)> {
    vec![("base_url", url.to_owned()), ("calls", calls.to_string()), ("concurrency", at_once.to_string())]
}

/// A time counts only if every call was answered in it.
fn whole(peer: &Peer, metric: &str, calls: u64) -> PeerFigure {
    let answered = peer.figures("answered").low();
    let mut figure = peer.figure(metric, |value| value);
    if figure.figures.rounds() > 0 && answered != Some(calls as f64) {
        figure.figures = Figures::default();
        let why = format!("it answered {} of {calls}", answered.unwrap_or_default());
        figure.empty = Some(Empty { why, command: String::new() });
    }
    figure
}

/// A limit that peers are held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Against {
    pub(super) settings: provider::Settings,
    pub(super) at_once: usize,
    /// Requests a minute, where the client is told.
    pub(super) told: Option<u32>,
}

/// A peer against a limit: seconds, 429s, answered.
pub(super) type Limited = [PeerFigure; 3];

/// Each peer against each limit; the cases of one peer at once, since they wait for most of their time.
pub(super) fn limited(bench: &Bench, rounds: usize, calls: u64, cases: &[Against]) -> Vec<Vec<Limited>> {
    let (runtime, peers) = (Handle::current(), bench.peers.as_ref());
    let mut columns: Vec<Vec<Limited>> = cases.iter().map(|_| Vec::new()).collect();
    tokio::task::block_in_place(|| {
        for name in PEERS {
            thread::scope(|scope| {
                let runtime = &runtime;
                let measuring: Vec<_> = cases
                    .iter()
                    .map(|case| scope.spawn(move || against(peers, name, rounds, calls, *case, runtime)))
                    .collect();
                for (column, measured) in columns.iter_mut().zip(measuring) {
                    column.extend(measured.join().ok());
                }
            });
        }
    });
    columns
}

fn against(
    peers: Option<&Peers>,
    name: &str,
    rounds: usize,
    calls: u64,
    case: Against,
    runtime: &Handle,
) -> Limited {
    let provider = RefCell::new(None);
    let mut refused = Figures::default();
    let keys = || {
        let fresh = Provider::start(case.settings)?;
        let mut keys = keys(&fresh.url(), calls, case.at_once);
        keys.extend(case.told.map(|told| ("rpm", told.to_string())));
        *provider.borrow_mut() = Some(fresh);
        Ok(keys)
    };
    let verify = || {
        if let Some(provider) = provider.borrow().as_ref() {
            refused.push(runtime.block_on(provider.seen())?.refused as f64);
        }
        Ok(())
    };
    let peer = Peer::measure(peers, name, "llm", rounds, PATIENCE, keys, verify);
    let answered = peer.figure("answered", |value| value);
    let figures = if answered.empty.is_none() { refused } else { Figures::default() };
    [whole(&peer, "seconds", calls), PeerFigure { figures, ..answered.clone() }, answered]
}
