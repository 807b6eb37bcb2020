//! A provider of models that does as a script says, over real HTTP on loopback.
//!
//! | module | noun |
//! | --- | --- |
//! | [`script`] | what it does, and when |
//! | [`limit`] | the limits that it keeps |
//! | [`bulk`] | its endpoints for batches |
//! | [`seen`] | what it has seen |
//! | `dialect` | how requests and answers look in each interface |
//! | `fitting` | an answer that satisfies any schema |
//! | `server` | one request from its first byte to the answer's last |

pub mod bulk;
mod dialect;
mod fitting;
pub mod limit;
pub mod script;
pub mod seen;
mod server;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
};

use axum::serve::ListenerExt;
use tokio::{net::TcpListener, sync::oneshot};

pub use self::{
    limit::Limit,
    script::{Content, Deed, Delivery, Edit, Rule, Script, Waits, When},
    seen::Seen,
};
use self::{seen::Ledger, server::State};

/// A provider, on a runtime and a thread of its own. It ends when this is dropped.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    state: State,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Provider {
    /// Starts one on a free port of loopback.
    pub fn start(script: Script) -> Self {
        let state = State {
            script: Arc::new(Mutex::new(Arc::new(script))),
            ledger: Arc::new(Ledger::new()),
            bank: Arc::default(),
        };
        let (address, running) = run((Ipv4Addr::LOCALHOST, 0).into(), &state);
        Self { address, state, running: Some(running) }
    }

    /// The address without a path: where Anthropic's and Ollama's interfaces begin.
    pub fn root(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address where OpenAI's interface begins.
    pub fn v1(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Seen {
        self.state.ledger.seen()
    }

    /// What it has seen of batches so far.
    pub fn batches(&self) -> bulk::BatchesSeen {
        self.state.bank.seen()
    }

    /// Requests that are admitted and not yet answered.
    pub fn in_flight(&self) -> usize {
        self.state.ledger.entries().in_flight
    }

    /// From now on it does something else. Counts and the state of limits stay.
    pub fn change(&self, script: Script) {
        *self.state.script.lock().expect("a script") = Arc::new(script);
    }

    /// Kills the server: every connection ends at once, answers under way with it. What it has seen is kept.
    pub fn stop(&mut self) {
        if let Some(Running { stop, thread }) = self.running.take() {
            // A server that has ended by itself needs no word.
            let _ = stop.send(());
            thread.join().expect("the provider ended by a panic");
        }
    }

    /// Starts it again on the port that it had.
    pub fn start_again(&mut self) {
        self.stop();
        self.running = Some(run(self.address, &self.state).1);
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Serves on a thread of its own, so that it can be started and killed from inside another runtime.
fn run(address: SocketAddr, state: &State) -> (SocketAddr, Running) {
    let (stop, stopped) = oneshot::channel();
    let (tell, told) = mpsc::channel();
    let router = server::router(state.clone());
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            // The port of a server that was killed may be taken again at once: tokio sets SO_REUSEADDR.
            let listener = TcpListener::bind(address).await.expect("a port");
            tell.send(listener.local_addr().expect("an address")).expect("somebody who started this");
            let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("no delay"));
            tokio::select! {
                served = axum::serve(listener, router) => served.expect("serving goes on"),
                // Dropped is stopped too.
                _ = stopped => {}
            }
        });
        // The runtime ends here, and every connection with it.
    });
    (told.recv().expect("a provider that starts"), Running { stop, thread })
}
