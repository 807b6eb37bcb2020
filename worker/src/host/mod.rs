//! The worker program's heart: it works on every run that the coordinator assigns, until told to stop.
//!
//! ```text
//!  orders ──► Host ──┬─ run A: queue ─► intake ─► engine ─► reviewer      one part each; slots are shared
//!                    └─ run B: …
//!  report ◄── Status ◄── every part
//! ```

mod duty;
mod status;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc, time::Duration};

use sheaf_cache::MemoryCache;
use sheaf_common::{
    fleet::{Assignment, Budget, Intake, Order},
    id::{RunId, WorkerId},
    shutdown::Shutdown,
    threads::Threads,
};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use self::duty::Duty;
pub use self::status::Status;
use crate::{child::ChildCommand, engine::analysis_threads};

/// What is the same for every run of a worker.
#[derive(Debug, Clone)]
pub struct HostSettings {
    /// This worker, as the coordinator knows it.
    pub worker: WorkerId,
    /// Documents analysed at once, over all runs.
    pub slots: usize,
    /// The program that parses in child processes.
    pub child: ChildCommand,
    /// Name of this machine.
    pub host: String,
    /// The host at which the coordinator was reached.
    pub coordinator_host: String,
    /// How long a lease holds without being extended.
    pub lease: Duration,
    /// How often leases are extended.
    pub heartbeat: Duration,
    /// Answers that were given before, of all runs.
    pub answers: MemoryCache,
    /// Folder of a static embedding model.
    pub embedding_model: Option<std::path::PathBuf>,
    /// Prices of models beside the built-in ones.
    pub prices: Option<std::path::PathBuf>,
}

/// Works on the runs that are assigned to it. An order is obeyed at once: nothing waits for documents in flight.
#[derive(Debug)]
pub struct Host {
    settings: Arc<HostSettings>,
    shutdown: Shutdown,
    /// Documents under analysis, over all runs.
    busy: Arc<Semaphore>,
    /// On which they are analysed.
    threads: Arc<Threads>,
    paused: watch::Sender<bool>,
    /// How many workers share the limits of keys.
    share: watch::Sender<u32>,
    status: Arc<Status>,
    duties: HashMap<RunId, Part>,
    /// Parts of withdrawn runs that finish what is in flight.
    ending: HashMap<RunId, JoinHandle<()>>,
}

/// The work on one run, under one assignment.
#[derive(Debug)]
struct Part {
    assignment: Assignment,
    shutdown: Shutdown,
    closing: watch::Sender<bool>,
    working: JoinHandle<()>,
}

impl Host {
    /// A worker without runs.
    pub fn new(settings: HostSettings, status: Arc<Status>, shutdown: Shutdown) -> Self {
        Self {
            busy: Arc::new(Semaphore::new(settings.slots.max(1))),
            threads: analysis_threads(settings.slots.max(1)),
            settings: Arc::new(settings),
            shutdown,
            paused: watch::Sender::new(false),
            share: watch::Sender::new(1),
            status,
            duties: HashMap::new(),
            ending: HashMap::new(),
        }
    }

    /// Does what it is told.
    pub fn obey(&mut self, order: Order) {
        self.ending.retain(|_, ending| !ending.is_finished());
        match order {
            Order::Assign(assignment) => self.assign(*assignment),
            Order::Withdraw(run) => {
                if let Some(part) = self.duties.remove(&run) {
                    tracing::info!(%run, "the run was withdrawn");
                    self.ending.insert(run, part.end());
                }
            }
            // Of a run that was withdrawn meanwhile nothing is known, and nothing follows.
            Order::Closing { run, closing } => {
                if let Some(part) = self.duties.get(&run) {
                    part.closing.send_replace(closing);
                }
            }
            Order::Pause => {
                self.paused.send_replace(true);
                self.status.set_intake(Intake::Paused);
            }
            Order::Resume => {
                self.paused.send_replace(false);
                self.status.set_intake(Intake::Open);
            }
            Order::Drain => {
                self.status.set_intake(Intake::Draining);
                self.shutdown.drain();
            }
            Order::Share { workers } => {
                self.share.send_replace(workers.max(1));
            }
        }
    }

    /// Waits until every run's work has ended: after a drain or a stop.
    pub async fn finish(mut self) {
        for (_, part) in self.duties.drain() {
            part.ended().await;
        }
        for (_, ending) in self.ending.drain() {
            let _said_before = ending.await;
        }
    }

    fn assign(&mut self, assignment: Assignment) {
        let run = assignment.run.clone();
        if self.duties.get(&run).is_some_and(|part| is_same_work(&part.assignment, &assignment)) {
            return;
        }
        // At most one of the two is there: whoever began last waits for all before it.
        let old = self.duties.remove(&run).map(Part::end);
        let old = old.or_else(|| self.ending.remove(&run));
        tracing::info!(%run, mode = %assignment.mode, "a run was assigned");
        let (shutdown, closing) = (self.shutdown.part(), watch::Sender::new(false));
        let duty = Duty {
            settings: self.settings.clone(),
            assignment: assignment.clone(),
            busy: self.busy.clone(),
            threads: self.threads.clone(),
            paused: self.paused.subscribe(),
            share: self.share.subscribe(),
            closing: closing.subscribe(),
            status: self.status.clone(),
            shutdown: shutdown.clone(),
        };
        let working = tokio::spawn(async move {
            if let Some(old) = old {
                let _said_before = old.await;
            }
            duty.work().await;
        });
        self.duties.insert(run, Part { assignment, shutdown, closing, working });
    }
}

impl Part {
    /// Takes nothing new; the task ends with what is in flight.
    fn end(self) -> JoinHandle<()> {
        self.shutdown.drain();
        tokio::spawn(self.ended())
    }

    async fn ended(self) {
        if let Err(error) = self.working.await {
            tracing::error!(run = %self.assignment.run, %error, "the work on a run ended by a defect");
        }
    }
}

/// Whether two assignments of a run are the same work. What was spent before says nothing of it: it grows whenever the
/// coordinator is started again, and whoever works on the run has the ledger.
fn is_same_work(known: &Assignment, new: &Assignment) -> bool {
    let budget = Budget { usd: new.budget.usd, tokens: new.budget.tokens, ..known.budget };
    *known == Assignment { budget, ..new.clone() }
}
