//! Accepts documents and lets them into the run.

use std::{sync::Arc, time::Duration};

use sheaf_common::{
    fault::{Fault, FaultKind},
    record::{Outcome, Record},
    shutdown::Shutdown,
};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    time::Instant,
};

use super::earlier::Earlier;
use crate::{
    downloads::{Closed, Desk},
    folder::{Accepted, AcceptedLog, FolderError, Frontier, RunFolder},
    progress::Tally,
    recorder::{Arrival, InFlight},
    source::{Candidate, Location, Sources},
};

/// Accepts documents and lets them into the run.
pub(super) struct Acceptor {
    pub(super) log: AcceptedLog,
    pub(super) earlier: Earlier,
    pub(super) desk: Desk,
    pub(super) admission: Arc<Semaphore>,
    pub(super) admitted: u32,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) arrivals: mpsc::Sender<Arrival>,
    pub(super) tally: Arc<Tally>,
    pub(super) crawl_depth: u32,
    /// The queue outlives this process: a drain need not wait for what is in it.
    pub(super) remote: bool,
    /// Says whether nothing more is pushed to the queue.
    pub(super) closing: watch::Sender<bool>,
}

/// How often it is looked whether everything that was accepted is in the queue: often enough that nobody notices.
const LOOK: Duration = Duration::from_millis(5);

impl Acceptor {
    /// Returns when everything that was let in has left.
    pub(super) async fn run(
        mut self,
        folder: &RunFolder,
        sources: Sources,
        shutdown: &Shutdown,
    ) -> Result<AcceptedLog, FolderError> {
        self.all(folder, sources, shutdown).await?;
        self.settled(shutdown).await;
        Ok(self.log)
    }

    /// Ends early on a drain. A document that is accepted and not let in is still to be done.
    async fn all(
        &mut self,
        folder: &RunFolder,
        sources: Sources,
        shutdown: &Shutdown,
    ) -> Result<(), FolderError> {
        let begun = Instant::now();
        for accepted in self.log.replay()? {
            let accepted = accepted?;
            if !self.earlier.is_done(&accepted.id)? && self.admit(accepted, shutdown).await.is_err() {
                return Ok(());
            }
        }
        let mut candidates = sources.enumerate(self.desk.clone());
        while let Some(Some(candidate)) = shutdown.draining().run_until_cancelled(candidates.recv()).await {
            if self.accept(candidate, shutdown).await?.is_err() {
                return Ok(());
            }
        }
        for depth in 1..=self.crawl_depth {
            self.settled(shutdown).await;
            if shutdown.is_draining() {
                return Ok(());
            }
            self.closing.send_replace(false);
            let level = Frontier::level(folder, depth)?;
            for page in level.pages()? {
                let page = page?;
                for url in page.links {
                    let source = sheaf_fetch::displayed(&url);
                    let private_allowed = page.private_allowed;
                    let candidate = Candidate { source, at: Location::Url(url), depth, private_allowed };
                    // A link to a page that the run knows is no second source.
                    if !self.log.knows(&candidate.canonical())?
                        && self.accept(candidate, shutdown).await?.is_err()
                    {
                        return Ok(());
                    }
                }
            }
        }
        if !shutdown.is_draining() {
            self.tally.enumerated();
        }
        tracing::info!(
            documents = self.log.len(),
            seconds = begun.elapsed().as_secs_f64(),
            "every source was enumerated"
        );
        Ok(())
    }

    /// Waits until nothing is in flight; in a fleet no longer than until the drain: what is in the queue stays there.
    async fn settled(&self, shutdown: &Shutdown) {
        let settled = async {
            tokio::select! {
                () = self.nothing_in_flight() => {}
                () = self.all_pushed() => self.nothing_in_flight().await,
            }
        };
        if self.remote {
            shutdown.draining().run_until_cancelled(settled).await;
        } else {
            settled.await;
        }
    }

    /// Waits until nothing is on its way to the queue, and says so.
    async fn all_pushed(&self) {
        while !self.in_flight.none_on_its_way() {
            tokio::time::sleep(LOOK).await;
        }
        self.closing.send_replace(true);
    }

    async fn nothing_in_flight(&self) {
        drop(self.admission.acquire_many(self.admitted).await);
    }

    async fn accept(
        &mut self,
        candidate: Candidate,
        shutdown: &Shutdown,
    ) -> Result<Result<(), Closed>, FolderError> {
        let Some(accepted) = self.log.accept(candidate)? else { return Ok(Ok(())) };
        self.log.flush()?;
        self.tally.accepted(1);
        Ok(self.admit(accepted, shutdown).await)
    }

    /// Lets a document in when there is room.
    async fn admit(&self, accepted: Accepted, shutdown: &Shutdown) -> Result<(), Closed> {
        let room = shutdown.draining().run_until_cancelled(self.admission.acquire()).await;
        let Some(Ok(permit)) = room else { return Err(Closed) };
        // Returned by the recorder with the document's record.
        permit.forget();
        self.in_flight.enter(accepted.clone());
        if accepted.repeats > 0 {
            return self.again(accepted).await;
        }
        let sequence = accepted.sequence;
        let handed_in = self.desk.hand_in(accepted).await;
        if handed_in.is_err() {
            self.in_flight.leave(sequence);
            self.admission.add_permits(1);
        }
        handed_in
    }

    /// The record of a source that names a document once more.
    async fn again(&self, accepted: Accepted) -> Result<(), Closed> {
        let fault =
            Fault::new(FaultKind::Duplicate, "an earlier source of the run names the same document", "");
        let mut record = Record::without_answer(accepted.id, accepted.candidate.source, Some(fault));
        record.attempts = 0;
        let outcome = Outcome {
            sequence: accepted.sequence,
            record,
            links: Vec::new(),
            base_href: None,
            final_url: None,
        };
        self.arrivals.send(Arrival::Ended(Box::new(outcome), None)).await.map_err(|_| Closed)
    }
}
