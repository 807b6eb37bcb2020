//! The peers of the client.

use std::time::Duration;

use crate::{bench::Bench, peer::Peer, row::PeerFigure};

const PEERS: [&str; 3] = ["openai", "litellm", "langchain"];
/// How long a round may take: many times its ideal.
const PATIENCE: Duration = Duration::from_mins(2);

/// What peers did.
pub(super) struct Beside(Vec<Peer>);

impl Beside {
    /// So many calls, so many at once, of the same provider; `more` are further keys.
    pub(super) fn measure(
        bench: &Bench,
        rounds: usize,
        calls: u64,
        at_once: usize,
        url: &str,
        more: &[(&'static str, String)],
    ) -> Self {
        let keys = || {
            let asked = [
                ("base_url", url.to_owned()),
                ("calls", calls.to_string()),
                ("concurrency", at_once.to_string()),
            ];
            Ok(asked.into_iter().chain(more.iter().cloned()).collect())
        };
        let peer = |name| {
            tokio::task::block_in_place(|| {
                Peer::measure(bench.peers.as_ref(), name, "llm", rounds, PATIENCE, keys, || Ok(()))
            })
        };
        Self(PEERS.map(peer).into())
    }

    /// A metric of each peer as a column, of those that have answered every call.
    pub(super) fn column(&self, metric: &str, calls: u64) -> Vec<PeerFigure> {
        let column = |peer: &Peer| {
            let answered = peer.figures("answered").low();
            let mut figure = peer.figure(metric, |value| value);
            if figure.figures.rounds() > 0 && answered != Some(calls as f64) {
                figure.figures = crate::figures::Figures::default();
                let why = format!("it answered {} of {calls}", answered.unwrap_or_default());
                figure.empty = Some(crate::row::Empty { why, command: String::new() });
            }
            figure
        };
        self.0.iter().map(column).collect()
    }
}
