//! The `Fleet` door over the registry.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt, stream};
use sheaf_common::{
    fault::said,
    fleet::{
        Assignment, Command, Counts, Fleet, FromWorker, Order, PROTOCOL, Refusal, Registration, RosterEntry,
        Welcome,
    },
    id::{RunId, WorkerId},
    wire::fleet::{ServeError, serve},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    Backlog, FleetEvent, GuardError, GuardSettings, WorkerBounds,
    registry::{Action, Event, Registry},
    wanted_workers,
};

/// How often silence is looked for.
const TICK: Duration = Duration::from_millis(500);
/// Orders on their way to one worker; one that takes none of so many is not there.
const ORDERS: usize = 64;
/// How long orders may take to leave when the fleet ends.
const SETTLE: Duration = Duration::from_secs(1);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(20);
/// Events that wait for the program.
const EVENTS: usize = 256;

/// What workers are told, and how many are wanted.
#[derive(Debug, Clone)]
pub struct FleetSettings {
    /// Version of this program.
    pub version: String,
    /// How long a lease of a job holds without being extended.
    pub lease: Duration,
    /// How often workers extend leases.
    pub heartbeat: Duration,
    /// How many workers there may be.
    pub bounds: WorkerBounds,
}

/// The fleet at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Every worker, by name.
    pub workers: Vec<RosterEntry>,
    /// The same in numbers.
    pub counts: Counts,
}

/// The coordinator's side of the fleet; a clone is the same fleet.
#[derive(Debug, Clone)]
pub struct FleetService {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: FleetSettings,
    state: Mutex<State>,
    events: mpsc::Sender<FleetEvent>,
    snapshots: watch::Sender<Snapshot>,
    ending: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    registry: Registry,
    sessions: HashMap<u64, Session>,
    /// Number of the last session.
    last: u64,
    backlog: Backlog,
}

/// The coordinator's end of a session; dropping it ends the orders and the task that listens.
#[derive(Debug)]
struct Session {
    orders: mpsc::Sender<Order>,
    closed: CancellationToken,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

/// Where the fleet is served.
#[derive(Debug)]
pub struct Listening {
    /// The address, with the port that the system chose where none was given.
    pub address: SocketAddr,
    /// Ends after the service was told to, or failed.
    pub served: JoinHandle<Result<(), ServeError>>,
}

/// Why the fleet is not served.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Nobody would be asked who they are, or a file of TLS cannot be used.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The address cannot be had.
    #[error("workers cannot register at {listen}: {}; give another --listen, with port 0 for any that is free", said(.error))]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

impl FleetService {
    /// An empty fleet, and its events. Of those, what does not fit is dropped: that a worker is lost is said again, and
    /// [`snapshots`](Self::snapshots) always tells how things stand.
    ///
    /// When `ending` is cancelled, sessions end and nobody may register any more.
    pub fn new(settings: FleetSettings, ending: CancellationToken) -> (Self, mpsc::Receiver<FleetEvent>) {
        let (events, told) = mpsc::channel(EVENTS);
        let (state, snapshots) = (Mutex::default(), watch::Sender::default());
        let inner = Inner { settings, state, events, snapshots, ending };
        (Self { inner: Arc::new(inner) }, told)
    }

    /// Serves the fleet at `listen` as far as `guard` lets it, and `http` at the same port, until the fleet ends.
    pub async fn listen(
        &self,
        listen: SocketAddr,
        guard: &GuardSettings,
        http: axum::Router,
    ) -> Result<Listening, ListenError> {
        let settings = guard.at(listen)?;
        let unbound = |error| ListenError::Bind { listen, error };
        let listener = TcpListener::bind(listen).await.map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        let service = self.clone();
        let served = tokio::spawn(async move {
            let (inner, ending) = (service.inner.clone(), service.inner.ending.clone());
            let (served, ()) = tokio::join!(serve(service, listener, settings, http, ending), inner.tend());
            served
        });
        Ok(Listening { address, served })
    }

    /// Gives a run to every worker, or its new configuration.
    pub fn assign(&self, run: Assignment) {
        self.inner.happen(Event::Assigned(run));
    }

    /// Takes a run from every worker.
    pub fn withdraw(&self, run: &RunId) {
        self.inner.happen(Event::Withdrawn(run.clone()));
    }

    /// Tells every worker of a run, and whoever joins later, whether nothing more is pushed to its queue.
    pub fn closing(&self, run: &RunId, closing: bool) {
        self.inner.happen(Event::Closing(run.clone(), closing));
    }

    /// Waits until orders have left for their workers, for a second at most.
    pub async fn settled(&self) {
        let begun = tokio::time::Instant::now();
        let waiting = || {
            let state = self.inner.state();
            state.sessions.values().any(|session| session.orders.capacity() < ORDERS)
        };
        while waiting() && begun.elapsed() < SETTLE {
            tokio::time::sleep(LOOK).await;
        }
        // What a channel no longer holds is on its way to the network.
        tokio::time::sleep(LOOK).await;
    }

    /// Says how much work waits; [`Counts::wanted_workers`] follows from it.
    pub fn set_backlog(&self, backlog: Backlog) {
        self.inner.state().backlog = backlog;
    }

    /// The workers that are lost and not forgotten: their jobs are to be reclaimed when nobody extends their leases.
    pub fn lost(&self) -> Vec<WorkerId> {
        self.inner.state().registry.lost()
    }

    /// How the fleet stands, twice a second.
    pub fn snapshots(&self) -> watch::Receiver<Snapshot> {
        self.inner.snapshots.subscribe()
    }
}

impl Inner {
    /// Looks for silent workers until the fleet ends, then ends every session.
    async fn tend(&self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while self.ending.run_until_cancelled(ticks.tick()).await.is_some() {
            self.happen(Event::Tick);
            self.snapshots.send_replace(self.now());
        }
        self.state().sessions.clear();
    }

    fn now(&self) -> Snapshot {
        let state = self.state();
        Snapshot { workers: state.registry.roster(now()), counts: self.count(&state) }
    }

    fn count(&self, state: &State) -> Counts {
        let counts = state.registry.counts();
        let open = counts.workers - counts.closed;
        let wanted = wanted_workers(state.backlog, open, counts.slots, self.settings.bounds);
        Counts { backlog: state.backlog.jobs, wanted_workers: wanted, ..counts }
    }

    /// What cannot be refused.
    fn happen(&self, event: Event) {
        if let Err(refusal) = self.apply(&mut self.state(), event) {
            tracing::warn!(%refusal, "the fleet refuses what it should not");
        }
    }

    fn apply(&self, state: &mut State, event: Event) -> Result<(), Refusal> {
        for action in state.registry.apply(event, now())? {
            match action {
                Action::Tell(event) => self.tell(event),
                Action::Close { session } => drop(state.sessions.remove(&session)),
                Action::Send { session, order } => {
                    let sent = state.sessions.get(&session).map(|open| open.orders.try_send(order));
                    if let Some(Err(_)) = sent {
                        // It comes back and is told what it lacks.
                        tracing::warn!("a worker takes no orders, its session is ended");
                        state.sessions.remove(&session);
                    }
                }
            }
        }
        Ok(())
    }

    fn tell(&self, event: FleetEvent) {
        match &event {
            FleetEvent::Joined { worker } => tracing::info!(%worker, "a worker joined"),
            // The sessions end with the fleet.
            FleetEvent::Lost { .. } if self.ending.is_cancelled() => {}
            FleetEvent::Lost { worker, silent_for } => {
                tracing::warn!(%worker, silent_s = silent_for.as_secs_f64(), "a worker is lost");
            }
            FleetEvent::Back { worker } => tracing::info!(%worker, "a lost worker is back"),
            FleetEvent::Left { worker } => tracing::info!(%worker, "a worker left"),
        }
        if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
            tracing::warn!(?event, "an event of the fleet was not taken in time");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The registry keeps no promise across a panic that its tables could break.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unless_ending(&self) -> Result<(), Refusal> {
        if self.ending.is_cancelled() { Err(Refusal::Ending) } else { Ok(()) }
    }

    /// What a worker says becomes events, until it says no more or its session is closed.
    async fn hear(
        self: Arc<Self>,
        worker: WorkerId,
        session: u64,
        closed: CancellationToken,
        said: impl Stream<Item = FromWorker> + Send,
    ) {
        let mut said = pin!(said);
        while let Some(Some(said)) = closed.run_until_cancelled(said.next()).await {
            let worker = worker.clone();
            self.happen(match said {
                FromWorker::Report(report) => Event::Reported { worker, session, report },
                FromWorker::Goodbye => Event::Goodbye { worker, session },
            });
        }
        self.happen(Event::Gone { worker, session });
    }
}

impl Fleet for FleetService {
    type Orders = stream::BoxStream<'static, Order>;

    async fn register(
        &self,
        registration: Registration,
        peer: Option<SocketAddr>,
    ) -> Result<Welcome, Refusal> {
        self.inner.unless_ending()?;
        let worker = registration.worker.clone();
        tracing::debug!(%worker, ?peer, "a worker registers");
        let mut state = self.inner.state();
        self.inner.apply(&mut state, Event::Registered(registration))?;
        let FleetSettings { version, lease, heartbeat, .. } = self.inner.settings.clone();
        Ok(Welcome { worker, protocol: PROTOCOL, version, lease, heartbeat, runs: state.registry.runs() })
    }

    async fn session<S>(&self, worker: WorkerId, said: S) -> Result<Self::Orders, Refusal>
    where
        S: Stream<Item = FromWorker> + Send + 'static,
    {
        self.inner.unless_ending()?;
        let (orders, taken) = mpsc::channel(ORDERS);
        let closed = CancellationToken::new();
        let session = {
            let mut state = self.inner.state();
            state.last += 1;
            let session = state.last;
            state.sessions.insert(session, Session { orders, closed: closed.clone() });
            let opened = self.inner.apply(&mut state, Event::Opened { worker: worker.clone(), session });
            if let Err(refusal) = opened {
                state.sessions.remove(&session);
                return Err(refusal);
            }
            session
        };
        tokio::spawn(self.inner.clone().hear(worker, session, closed, said));
        Ok(stream::unfold(taken, |mut taken| async { Some((taken.recv().await?, taken)) }).boxed())
    }

    async fn workers(&self) -> Vec<RosterEntry> {
        self.inner.state().registry.roster(now())
    }

    async fn command(&self, worker: WorkerId, command: Command) -> Result<(), Refusal> {
        self.inner.apply(&mut self.inner.state(), Event::Asked { worker, command })
    }

    async fn counts(&self) -> Counts {
        self.inner.count(&self.inner.state())
    }
}

/// Tokio's clock, which tests can stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
