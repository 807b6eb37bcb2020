//! What runs on the session's thread.

use std::time::Duration;

use futures::{Stream, stream};
use sheaf_common::{
    backoff::Backoff,
    fleet::{FromWorker, Order, Welcome},
    wire::fleet::{ClientError, FleetClient, Orders},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, Interval, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{Reporter, SessionSettings, known::Known};

/// How often the worker says how it is.
const REPORT: Duration = Duration::from_secs(1);
/// Waits between attempts to reach the coordinator.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));
/// A session that has lasted so long was a good one: the waits begin anew.
const GOOD: Duration = Duration::from_secs(10);

/// The first welcome, and the host at which the coordinator was reached.
pub(super) type Joined = Result<(Welcome, String), ClientError>;

/// Keeps a session open.
pub(super) struct Driver {
    settings: SessionSettings,
    report: Reporter,
    orders: mpsc::Sender<Order>,
    /// The worker says goodbye.
    leaving: CancellationToken,
    known: Known,
    /// Told of the first welcome, or of a refusal; `None` afterwards.
    joined: Option<oneshot::Sender<Joined>>,
    /// It was said that the coordinator does not answer, and not yet that it is back.
    away: bool,
}

impl Driver {
    pub(super) fn new(
        settings: SessionSettings,
        report: Reporter,
        orders: mpsc::Sender<Order>,
        leaving: CancellationToken,
    ) -> Self {
        Self { settings, report, orders, leaving, known: Known::default(), joined: None, away: false }
    }

    /// Keeps a session open until the worker leaves; true when the coordinator has heard the goodbye.
    pub(super) async fn run(mut self, joined: oneshot::Sender<Joined>) -> bool {
        self.joined = Some(joined);
        let leaving = self.leaving.clone();
        let mut failures = 0;
        loop {
            let begun = Instant::now();
            let Some(connected) = leaving.run_until_cancelled(self.connect()).await else {
                // Not in the fleet at this moment: nobody to say goodbye to.
                return false;
            };
            let broken = match connected {
                Ok(orders) => match self.follow(orders).await {
                    End::Left => return true,
                    End::Broken(why) => why,
                    End::Closed => {
                        let coordinator = &self.settings.reach.url;
                        tracing::info!(coordinator, "the coordinator has left, waiting for the next one");
                        self.away = true;
                        "it has not come back".to_owned()
                    }
                },
                Err(error) => {
                    let Some(error) = self.refused(error) else { return false };
                    error.to_string()
                }
            };
            self.interrupted(&broken);
            failures = if begun.elapsed() >= GOOD { 1 } else { failures + 1 };
            let wait = BACKOFF.delay(failures, fastrand::f64());
            if leaving.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return false;
            }
        }
    }

    /// Registers and opens the session.
    async fn connect(&mut self) -> Result<Orders, ClientError> {
        let mut client = FleetClient::connect(&self.settings.reach).await?;
        let welcome = client.register(self.settings.registration.clone()).await?;
        let said = reports(self.report.clone(), self.leaving.clone());
        let orders = client.session(&self.settings.registration.worker, said).await?;
        if self.away {
            self.away = false;
            tracing::info!(coordinator = self.settings.reach.url, "the coordinator answers again");
        }
        if let Some(joined) = self.joined.take() {
            self.known = Known::new(&welcome.runs);
            // Whoever waits no longer has dropped the session, which ends this thread.
            let _gone = joined.send(Ok((welcome, client.host().to_owned())));
        } else {
            for order in self.known.compare(welcome.runs) {
                self.pass_on(order).await;
            }
        }
        Ok(orders)
    }

    /// Passes orders on until the session is over.
    async fn follow(&mut self, mut orders: Orders) -> End {
        loop {
            match orders.next().await {
                Some(Ok(order)) => self.pass_on(order).await,
                Some(Err(error)) => return End::Broken(error.to_string()),
                // The coordinator ends the session after a goodbye; and when it ends itself.
                None if self.leaving.is_cancelled() => return End::Left,
                None => return End::Closed,
            }
        }
    }

    async fn pass_on(&mut self, order: Order) {
        self.known.note(&order);
        // It fails when the program is leaving and wants no more orders.
        let _unwanted = self.orders.send(order).await;
    }

    /// The error of an attempt after which the next one may succeed. A refusal of a worker that has not joined yet is
    /// final; one that is at work waits for someone to mend it.
    fn refused(&mut self, error: ClientError) -> Option<ClientError> {
        if error.may_pass() {
            return Some(error);
        }
        match self.joined.take() {
            None => Some(error),
            Some(joined) => {
                let _gone = joined.send(Err(error));
                None
            }
        }
    }

    /// Said once for each interruption.
    fn interrupted(&mut self, why: &str) {
        let coordinator = &self.settings.reach.url;
        if self.away {
            tracing::debug!(coordinator, why, "the coordinator still does not answer");
            return;
        }
        self.away = true;
        if self.joined.is_some() {
            tracing::warn!(coordinator, why, "the coordinator does not answer yet, waiting for it");
        } else {
            tracing::warn!(
                coordinator,
                why,
                "the coordinator is away; work goes on, trying to reach it again"
            );
        }
    }
}

/// How a session ended.
enum End {
    /// With a goodbye that was heard.
    Left,
    /// The coordinator has ended it in good order.
    Closed,
    /// Otherwise, and why.
    Broken(String),
}

/// A report each second, and at the end a goodbye.
fn reports(report: Reporter, leaving: CancellationToken) -> impl Stream<Item = FromWorker> + Send + 'static {
    let mut ticks = interval(REPORT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold(Some((ticks, report, leaving)), |state| async move {
        let (mut ticks, report, leaving): (Interval, Reporter, CancellationToken) = state?;
        match leaving.run_until_cancelled(ticks.tick()).await {
            Some(_) => Some((FromWorker::Report(report()), Some((ticks, report, leaving)))),
            None => Some((FromWorker::Goodbye, None)),
        }
    })
}
