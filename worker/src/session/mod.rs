//! The worker's end of the fleet: it registers, says each second how it is, and takes orders.
//!
//! ```text
//!                      thread "session", a runtime of its own
//!  Fn() -> Report ──► each second ──► stream up ═══════╗
//!                                                      ║ coordinator
//!  next_order() ◄─(64 orders)─ runs compared ◄─ down ══╝
//! ```
//!
//! A stream that breaks disturbs no work: documents need the queue only. The session connects again, with growing
//! waits, and registers under the same id.

mod driver;
mod known;

use std::{io, sync::Arc, thread, time::Duration};

use sheaf_common::{
    fleet::{Order, Registration, Report, Welcome},
    wire::fleet::{ClientError, ReachSettings},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::driver::Driver;

/// Orders that wait for the program; while there is no room, no more are taken from the coordinator.
const ORDERS: usize = 64;
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(3);

/// Where the coordinator is, and who this worker is.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// Where the coordinator is.
    pub reach: ReachSettings,
    /// Who this worker is.
    pub registration: Registration,
}

/// Why a worker is not in the fleet.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The coordinator does not want it, or cannot be asked with these settings.
    #[error(transparent)]
    Refused(#[from] ClientError),
    /// The system gives no thread.
    #[error("the worker's session has no thread: {}; raise the limit of processes", sheaf_common::fault::said(.0))]
    Thread(io::Error),
    /// It was told to stop before the coordinator answered.
    #[error("the worker was stopped before it had reached its coordinator")]
    Stopped,
}

/// A worker's place in the fleet. Dropping it is no goodbye: to the coordinator the worker is lost.
#[derive(Debug)]
pub struct Session {
    welcome: Welcome,
    coordinator_host: String,
    orders: mpsc::Receiver<Order>,
    leaving: CancellationToken,
    left: oneshot::Receiver<bool>,
    _alive: DropGuard,
}

/// Tells how the worker is; called on the session's thread, so it must not wait for anything.
type Reporter = Arc<dyn Fn() -> Report + Send + Sync>;

impl Session {
    /// Registers, and waits for the coordinator as long as it takes; `stopped` ends the waiting.
    ///
    /// # Errors
    ///
    /// When waiting is no use: the coordinator refuses, or `stopped` was cancelled.
    pub async fn join(
        settings: SessionSettings,
        report: impl Fn() -> Report + Send + Sync + 'static,
        stopped: &CancellationToken,
    ) -> Result<Self, JoinError> {
        let (told, orders) = mpsc::channel(ORDERS);
        let (say_joined, joined) = oneshot::channel();
        let (say_left, left) = oneshot::channel();
        let (leaving, dropped) = (CancellationToken::new(), CancellationToken::new());
        let alive = dropped.clone().drop_guard();
        let driver = Driver::new(settings, Arc::new(report), told, leaving.clone());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(JoinError::Thread)?;
        thread::Builder::new()
            .name("session".to_owned())
            .spawn(move || {
                let heard = runtime.block_on(dropped.run_until_cancelled(driver.run(say_joined)));
                // Nobody may be waiting for the answer.
                let _unheard = say_left.send(heard == Some(true));
            })
            .map_err(JoinError::Thread)?;
        let (welcome, coordinator_host) = match stopped.run_until_cancelled(joined).await {
            Some(Ok(joined)) => joined?,
            // The thread ends without an answer only when it is told to.
            Some(Err(_)) | None => return Err(JoinError::Stopped),
        };
        Ok(Self { welcome, coordinator_host, orders, leaving, left, _alive: alive })
    }

    /// What the coordinator said at the first registration. What changed since has come as orders.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// The host at which the coordinator was reached; see
    /// [`RedisAccess::reached_from`](sheaf_common::fleet::RedisAccess::reached_from).
    pub fn coordinator_host(&self) -> &str {
        &self.coordinator_host
    }

    /// The next order; waits for it. May be dropped and called again.
    ///
    /// After an interruption, runs that were assigned or withdrawn meanwhile come as orders, too.
    pub async fn next_order(&mut self) -> Option<Order> {
        self.orders.recv().await
    }

    /// Says goodbye, for a worker that holds nothing any more. True when the coordinator has heard it; waits three seconds
    /// at most.
    pub async fn leave(mut self) -> bool {
        // Orders are of no interest any more, and must not hold up the goodbye.
        self.orders.close();
        self.leaving.cancel();
        matches!(tokio::time::timeout(GOODBYE, &mut self.left).await, Ok(Ok(true)))
    }
}
