//! A coordinator's fleet on loopback, and workers for it.

use std::{future::Future, net::SocketAddr, time::Duration};

use sheaf_common::{
    fleet::{
        Assignment, Budget, Intake, LlmPolicy, Load, ModelSettings, Order, PROTOCOL, Registration, Report,
        WorkerState, start_id,
    },
    mode::Mode,
    wire::fleet::{FleetClient, ReachSettings},
};
use sheaf_coordinator::fleet::{
    FleetEvent, FleetService, FleetSettings, GuardSettings, Listening, Snapshot, WorkerBounds,
};
use sheaf_worker::session::{JoinError, Session, SessionSettings};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Longest that anything may take; only a test that fails waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A coordinator's fleet.
pub(crate) struct Scene {
    pub(crate) fleet: FleetService,
    pub(crate) events: mpsc::Receiver<FleetEvent>,
    pub(crate) ending: CancellationToken,
    pub(crate) listening: Listening,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::guarded(&GuardSettings::default()).await
    }

    pub(crate) async fn guarded(guard: &GuardSettings) -> Self {
        let ending = CancellationToken::new();
        let (fleet, events) = FleetService::new(settings(), ending.clone());
        let listening =
            fleet.listen("127.0.0.1:0".parse().unwrap(), guard, axum::Router::new()).await.unwrap();
        Self { fleet, events, ending, listening }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listening.address
    }

    pub(crate) async fn operator(&self) -> FleetClient {
        FleetClient::connect(&reach(self.address())).await.unwrap()
    }

    /// The next event; that a worker is still lost is no news.
    pub(crate) async fn event(&mut self) -> FleetEvent {
        soon(self.events.recv()).await.unwrap()
    }

    /// The first snapshot that is as `wanted`.
    pub(crate) async fn snapshot(&self, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let mut snapshots = self.fleet.snapshots();
        soon(snapshots.wait_for(|snapshot| wanted(snapshot))).await.unwrap().clone()
    }
}

pub(crate) fn settings() -> FleetSettings {
    FleetSettings {
        version: "0.1.0".to_owned(),
        lease: Duration::from_secs(30),
        heartbeat: Duration::from_secs(10),
        bounds: WorkerBounds::default(),
    }
}

/// What comes in the end.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it comes in the end")
}

pub(crate) fn reach(address: SocketAddr) -> ReachSettings {
    ReachSettings { url: format!("http://{address}"), token: None, tls: None }
}

pub(crate) fn registration(name: &str) -> Registration {
    Registration {
        worker: start_id(name),
        name: name.to_owned(),
        host: "host".to_owned(),
        cores: 2,
        memory_bytes: 1 << 30,
        modes: Mode::ALL.to_vec(),
        version: "0.1.0".to_owned(),
        protocol: PROTOCOL,
        models: vec!["some-model".to_owned()],
    }
}

pub(crate) fn report() -> Report {
    Report {
        load: Load { in_flight: 2, slots: 3, children: 1, cpu_share: 0.5, resident_bytes: 1 << 20 },
        done: 7,
        intake: Intake::Open,
        ..Report::default()
    }
}

pub(crate) async fn join(reach: ReachSettings, registration: Registration) -> Result<Session, JoinError> {
    let settings = SessionSettings { reach, registration };
    soon(Session::join(settings, report, &CancellationToken::new())).await
}

/// The next order that is about no share: how many share the limits is told whenever that changes.
pub(crate) async fn order(session: &mut Session) -> Order {
    loop {
        match soon(session.next_order()).await.expect("the session goes on") {
            Order::Share { .. } => {}
            order => return order,
        }
    }
}

pub(crate) fn run(name: &str) -> Assignment {
    Assignment {
        mode: Mode::Hybrid,
        llm: LlmPolicy::Unsure,
        models: ModelSettings { requests_per_minute: Some(600), ..ModelSettings::default() },
        budget: Budget { usd: Some(1.5), ..Budget::default() },
        ..Assignment::sample(name, 4)
    }
}

/// The only worker's state.
pub(crate) fn state(snapshot: &Snapshot) -> Option<WorkerState> {
    snapshot.workers.first().map(|worker| worker.state)
}
