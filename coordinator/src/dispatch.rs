//! A run's part in the fleet: its queue in Redis, the workers that are told of it, and what is lost on the way.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use sheaf_common::{
    fleet::Assignment,
    id::{RunId, WorkerId},
    queue::{Held, JobQueue, QueueCounts, QueueError, RedisQueue, Tallies},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    contents::Contents,
    fleet::{Backlog, FleetService},
    folder::Accepted,
    progress::{FleetSnapshot, Tally},
    recorder::InFlight,
};

/// How often the fleet's run is looked after. When Redis or the coordinator was away, nobody knows since when more exactly
/// than this, and a lost worker's jobs wait so much longer.
const TICK: Duration = Duration::from_millis(250);
/// How long the last look may take: a Redis that is away then is not waited for.
const LAST_LOOK: Duration = Duration::from_secs(5);
/// A lost worker's jobs are taken back when their leases were not extended for so long, in which Redis was there and the
/// run was looked after: three heartbeats.
const SILENT: Duration = Duration::from_secs(3);
/// Losses of Redis, on their way to being done again.
pub(crate) const LOSSES: usize = 8;

/// What a run needs to be done by the fleet.
#[derive(Debug)]
pub struct Dispatch {
    /// The run's queue.
    pub queue: RedisQueue,
    /// The workers.
    pub fleet: FleetService,
    /// What they are told of the run.
    pub assignment: Assignment,
}

/// Looks after a run while the fleet works on it.
pub(crate) struct Tender {
    pub(crate) dispatch: Dispatch,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) contents: Arc<Contents>,
    /// Where documents go whose jobs Redis has lost; no more of them than are in flight.
    pub(crate) lost: mpsc::Sender<Vec<Accepted>>,
    /// Whether nothing more is pushed.
    pub(crate) closing: watch::Receiver<bool>,
}

impl Tender {
    /// Looks after the run until `ended`.
    pub(crate) async fn tend(self, ended: CancellationToken) {
        self.dispatch.fleet.assign(self.dispatch.assignment.clone());
        let (fleet, run) = (self.dispatch.fleet.clone(), self.dispatch.assignment.run.clone());
        let pass_on = pass_on(fleet, run, self.closing.clone());
        tokio::select! {
            () = self.look_after(ended) => {}
            () = pass_on => {}
        }
        self.dispatch.fleet.withdraw(&self.dispatch.assignment.run);
        // What was given up at the very last decides whether the private Redis is kept.
        if let Ok(Ok(tallies)) = tokio::time::timeout(LAST_LOOK, self.dispatch.queue.tallies()).await {
            self.show(tallies);
        }
    }

    async fn look_after(&self, ended: CancellationToken) {
        let begun = Instant::now();
        let mut connections = self.dispatch.queue.connections();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut said = false;
        while ended.run_until_cancelled(ticks.tick()).await.is_some() {
            let looked = ended.run_until_cancelled(self.look(begun, &mut connections)).await;
            match looked {
                None => break,
                Some(Ok(())) => said = false,
                Some(Err(error)) if said => tracing::debug!(%error, "the run could not be looked after"),
                Some(Err(error)) => {
                    tracing::warn!(%error, "the run could not be looked after, trying again");
                    said = true;
                }
            }
        }
    }

    async fn look(&self, begun: Instant, connections: &mut u64) -> Result<(), QueueError> {
        let Dispatch { queue, fleet, .. } = &self.dispatch;
        // Read before: what connects anew during the look is looked into next time.
        let now_connected = queue.connections();
        if *connections != now_connected || !queue.is_there().await? {
            self.audit().await?;
            *connections = now_connected;
        }
        queue.reclaim().await?;
        for worker in self.lost_workers().await? {
            let jobs = queue.reclaim_from(&worker, SILENT).await?;
            if jobs > 0 {
                tracing::warn!(%worker, jobs, "the jobs of a lost worker were taken back");
            }
        }
        let pushed_before = self.in_flight.pushed_ones();
        let tallies = queue.tallies().await?;
        self.show(tallies);
        self.look_for_the_lost(&pushed_before, tallies).await?;
        let done_per_second =
            self.tally.snapshot().recorded() as f64 / begun.elapsed().as_secs_f64().max(1.0);
        let jobs = (tallies.counts.ready + tallies.counts.delayed) as u64;
        fleet.set_backlog(Backlog { jobs, done_per_second });
        Ok(())
    }

    /// Workers that the fleet has lost, and those that hold jobs and do not register.
    ///
    /// A coordinator that was just started knows no worker yet. Those that live extend their leases until they have
    /// registered again, and lose nothing.
    async fn lost_workers(&self) -> Result<HashSet<WorkerId>, QueueError> {
        let mut lost: HashSet<WorkerId> = self.dispatch.fleet.lost().into_iter().collect();
        let snapshot = self.dispatch.fleet.snapshots().borrow().clone();
        let known: HashSet<_> = snapshot.workers.into_iter().map(|entry| entry.worker).collect();
        let holding = self.dispatch.queue.holders().await?;
        lost.extend(holding.into_iter().filter(|worker| !known.contains(worker)));
        Ok(lost)
    }

    /// Redis was away, or was emptied: it may have come back without its last moments, or without anything. What was
    /// pushed and is no longer there is done again.
    async fn audit(&self) -> Result<(), QueueError> {
        let pushed = self.in_flight.pushed_ones();
        let queue = &self.dispatch.queue;
        queue.mend().await?;
        let held: Held = queue.held().await?;
        self.do_again(pushed.into_iter().filter(|sequence| !held.is_under_way(*sequence)).collect()).await
    }

    /// Nothing is in the queue, nothing is leased and nothing waits to be collected: then nothing that was pushed before can
    /// still be under way. So end entries that were removed from a stream by hand.
    async fn look_for_the_lost(&self, pushed_before: &[u64], tallies: Tallies) -> Result<(), QueueError> {
        if tallies.counts != QueueCounts::default() || pushed_before.is_empty() {
            return Ok(());
        }
        let still: HashSet<u64> = self.in_flight.pushed_ones().into_iter().collect();
        self.do_again(pushed_before.iter().copied().filter(|sequence| still.contains(sequence)).collect())
            .await
    }

    /// Has documents done again whose jobs are gone, and those that waited for their answer.
    async fn do_again(&self, sequences: Vec<u64>) -> Result<(), QueueError> {
        // Recorded meanwhile: then nothing is missing.
        let missing = self.in_flight.pull_back(&sequences);
        if missing.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            documents = missing.len(),
            "Redis has lost jobs; their documents are downloaded again"
        );
        let sequences: Vec<u64> = missing.iter().map(|(accepted, _)| accepted.sequence).collect();
        self.dispatch.queue.forget(&sequences).await?;
        let mut again = Vec::new();
        for (accepted, content) in missing {
            self.tally.analysed();
            again.push(accepted);
            // What is downloaded now may be something else: whoever has the same content claims it for itself.
            let waiting = content.map(|content| self.contents.release(content)).unwrap_or_default();
            again.extend(waiting.into_iter().map(|copy| copy.accepted));
        }
        // Nobody takes them when the run has ended.
        let _ended = self.lost.send(again).await;
        Ok(())
    }

    fn show(&self, tallies: Tallies) {
        let workers = self.dispatch.fleet.snapshots().borrow().counts.workers;
        self.tally.fleet(FleetSnapshot {
            workers,
            leased: tallies.counts.leased as u64,
            ready: (tallies.counts.ready + tallies.counts.delayed) as u64,
            redelivered: tallies.reclaimed,
            handed_back: tallies.handed_back,
            given_up: tallies.dead as u64,
        });
    }
}

/// Tells the fleet whether nothing more is pushed, as often as that changes. Never ends.
async fn pass_on(fleet: FleetService, run: RunId, mut closing: watch::Receiver<bool>) {
    while closing.changed().await.is_ok() {
        fleet.closing(&run, *closing.borrow_and_update());
    }
    std::future::pending::<()>().await;
}
