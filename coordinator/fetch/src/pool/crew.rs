//! The tasks in which downloads run.

use std::{panic::AssertUnwindSafe, pin::pin, sync::Arc};

use futures::FutureExt;
use sheaf_common::{fault::FaultKind, shutdown::Shutdown};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinSet,
};

use super::{
    host::Ticket,
    scheduler::{HostId, Job},
};
use crate::{
    door::{Fetch, FetchRequest, Fetched, Terms},
    failure::{Advice, FetchFailure},
};

/// Tasks that each do one piece of work after the other. There are as many as were ever busy at once: a task of its own for
/// each download, several kilobytes large, costs more than all that the pool does besides.
///
/// When it is dropped, everything under way stops.
pub(super) struct Crew<F, T> {
    fetch: Arc<F>,
    shutdown: Shutdown,
    tasks: JoinSet<()>,
    /// Where each task gets its work.
    desks: Vec<mpsc::Sender<Work<T>>>,
    idle: Vec<usize>,
    /// Handed to each task.
    done: mpsc::Sender<(usize, Done<T>)>,
    results: mpsc::Receiver<(usize, Done<T>)>,
}

/// What a task is given. Its slot stays taken meanwhile.
pub(super) enum Work<T> {
    Ask { host: HostId, ticket: Ticket, request: FetchRequest, slot: OwnedSemaphorePermit },
    Download { host: HostId, ticket: Ticket, job: Job<T>, slot: OwnedSemaphorePermit },
}

/// What came of it.
#[expect(clippy::large_enum_variant, reason = "nearly all work ends with the large one")]
pub(super) enum Done<T> {
    Terms {
        host: HostId,
        ticket: Ticket,
        terms: Result<Terms, FetchFailure>,
    },
    Download {
        host: HostId,
        ticket: Ticket,
        job: Job<T>,
        end: Result<Fetched, FetchFailure>,
        slot: OwnedSemaphorePermit,
    },
    /// The program is stopping.
    Stopped(Option<T>),
}

impl<F: Fetch, T: Send + 'static> Crew<F, T> {
    /// For so many pieces of work at once.
    pub(super) fn new(fetch: F, most: usize, shutdown: Shutdown) -> Self {
        let (done, results) = mpsc::channel(most);
        Self {
            fetch: Arc::new(fetch),
            shutdown,
            tasks: JoinSet::new(),
            desks: Vec::new(),
            idle: Vec::new(),
            done,
            results,
        }
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.idle.len() == self.desks.len()
    }

    /// Gives this to a task that has nothing to do.
    pub(super) fn give(&mut self, work: Work<T>) {
        let at = self.idle.pop().unwrap_or_else(|| self.engage());
        // The task waits for it, with room for one, unless the runtime is going down.
        let _ = self.desks[at].try_send(work);
    }

    /// What has been done next; `None` where nothing is under way. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Done<T>> {
        if self.is_idle() {
            return None;
        }
        let (at, done) = self.results.recv().await?;
        self.idle.push(at);
        Some(done)
    }

    /// The number of a new task.
    fn engage(&mut self) -> usize {
        let at = self.desks.len();
        let (desk, work) = mpsc::channel(1);
        self.desks.push(desk);
        let (fetch, shutdown, done) = (Arc::clone(&self.fetch), self.shutdown.clone(), self.done.clone());
        self.tasks.spawn(work_through(at, work, done, fetch, shutdown));
        at
    }
}

async fn work_through<F: Fetch, T>(
    at: usize,
    mut work: mpsc::Receiver<Work<T>>,
    results: mpsc::Sender<(usize, Done<T>)>,
    fetch: Arc<F>,
    shutdown: Shutdown,
) {
    let mut stopping = pin!(shutdown.stopping().cancelled());
    while let Some(work) = work.recv().await {
        let done = match work {
            Work::Ask { host, ticket, request, slot: _slot } => tokio::select! {
                () = shutdown.draining().cancelled() => Done::Stopped(None),
                terms = caught(async { fetch.terms(request).await }) => Done::Terms { host, ticket, terms },
            },
            Work::Download { host, ticket, job, slot } => tokio::select! {
                () = &mut stopping => Done::Stopped(Some(job.payload)),
                end = caught(async { fetch.fetch(job.request.clone()).await }) => Done::Download { host, ticket, job, end, slot },
            },
        };
        if results.send((at, done)).await.is_err() {
            return;
        }
    }
}

/// Turns a panic of a download into its failure, so that every document has an outcome.
async fn caught<R>(download: impl Future<Output = Result<R, FetchFailure>>) -> Result<R, FetchFailure> {
    AssertUnwindSafe(download).catch_unwind().await.unwrap_or_else(|_| {
        let hint = "This is a fault in Sheaf; please report it with the address.";
        Err(FetchFailure::new(FaultKind::Internal, "the download crashed", hint, Advice::GiveUp))
    })
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;
    use url::Url;

    use super::*;
    use crate::pool::{host::Host, settings::PoolSettings};

    /// Crashes at `/at-once`, and at `/later` when it is waited for.
    struct Crashing;

    impl Fetch for Crashing {
        async fn fetch(&self, _: FetchRequest) -> Result<Fetched, FetchFailure> {
            unreachable!("only terms are asked for");
        }

        fn terms(&self, request: FetchRequest) -> impl Future<Output = Result<Terms, FetchFailure>> + Send {
            assert_ne!(request.url.path(), "/at-once", "as the test wants it");
            async move {
                tokio::task::yield_now().await;
                assert_ne!(request.url.path(), "/later", "as the test wants it");
                Ok(Terms::default())
            }
        }
    }

    #[tokio::test]
    async fn a_task_does_one_piece_of_work_after_the_other_whatever_became_of_the_last() {
        let mut crew = Crew::<_, ()>::new(Crashing, 2, Shutdown::new());
        let slots = Arc::new(tokio::sync::Semaphore::new(2));
        let ticket = Host::new(&PoolSettings::default(), Instant::now()).ask_terms(Instant::now());
        assert!(crew.is_idle() && crew.next().await.is_none());
        for (host, (path, crashes)) in
            (0..).zip([("well", false), ("at-once", true), ("later", true), ("well", false)])
        {
            let url = Url::parse(&format!("http://a.test/{path}")).unwrap();
            let slot = Arc::clone(&slots).try_acquire_owned().unwrap();
            crew.give(Work::Ask { host, ticket, request: FetchRequest::document(url), slot });
            assert!(!crew.is_idle());
            let Some(Done::Terms { host: of, terms, .. }) = crew.next().await else {
                panic!("{path}: no terms")
            };
            assert_eq!((of, terms.is_err()), (host, crashes), "{path}");
            assert_eq!(slots.available_permits(), 2, "the slot is free again");
        }
        assert_eq!(crew.desks.len(), 1);
    }
}
