//! The pool's task: it does what the [`Scheduler`] decides.

use std::{pin::pin, sync::Arc};

use sheaf_common::shutdown::Shutdown;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, sleep_until},
};

use super::{
    crew::{Crew, Done, Work},
    scheduler::{Action, Scheduler},
    settings::PoolSettings,
};
use crate::{
    door::{Fetch, FetchRequest, Fetched},
    failure::FetchFailure,
};

/// Documents between the caller and the pool's window.
const INPUT_CAPACITY: usize = 64;

/// A document to download, with what the caller wants back beside its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order<T> {
    /// What to download.
    pub request: FetchRequest,
    /// Comes back with the outcome.
    pub payload: T,
}

/// What became of an [`Order`]; each one has exactly one outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// Downloaded.
    Fetched(T, Fetched),
    /// Not to be had.
    Failed(T, FetchFailure),
    /// Not downloaded because the program is stopping. Nothing is known of it, and it is still to be done.
    HandedBack(T),
}

/// Downloads what is sent in, at most [`PoolSettings::max_workers`] at once.
///
/// - Exactly one retry owner: the pool tries again as [`FetchFailure::advice`] and [`PoolSettings`] say.
/// - Each document's slot is free again when its outcome is *taken*, so that downloads going and bodies not yet taken
///   are together never more than `max_workers`.
/// - When the input is dropped, the rest is downloaded and the output ends.
/// - On [`Shutdown::drain`], downloads under way end as usual, and everything else is handed back. On
///   [`Shutdown::stop`], everything is handed back. Then the output ends.
/// - When the output is dropped, everything stops.
#[derive(Debug)]
pub struct Pool;

impl Pool {
    /// Starts a pool on the current runtime.
    pub fn start<F: Fetch, T: Send + 'static>(
        fetch: F,
        settings: PoolSettings,
        shutdown: Shutdown,
    ) -> (PoolInput<T>, PoolOutput<T>) {
        let workers = settings.max_workers.max(1);
        let (orders, input) = mpsc::channel(INPUT_CAPACITY);
        let (output, outcomes) = mpsc::channel(workers);
        let driver = Driver {
            scheduler: Scheduler::new(settings),
            slots: Arc::new(Semaphore::new(workers)),
            crew: Crew::new(fetch, workers, shutdown.clone()),
            output,
        };
        tokio::spawn(driver.run(input, shutdown));
        (PoolInput(orders), PoolOutput(outcomes))
    }
}

/// Where orders go in. Clones feed the same pool.
#[derive(Debug)]
pub struct PoolInput<T>(mpsc::Sender<Order<T>>);

impl<T> Clone for PoolInput<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> PoolInput<T> {
    /// Sends an order in; waits while the pool's window is full. The order comes back when the pool takes no more.
    pub async fn send(&self, order: Order<T>) -> Result<(), Order<T>> {
        self.0.send(order).await.map_err(|refused| refused.0)
    }
}

/// Where outcomes come out, in the order in which they end.
#[derive(Debug)]
pub struct PoolOutput<T>(mpsc::Receiver<(Outcome<T>, Option<OwnedSemaphorePermit>)>);

impl<T> PoolOutput<T> {
    /// The next outcome, whose slot is free again from here on; `None` when there will be no more. Cancel-safe.
    pub async fn next(&mut self) -> Option<Outcome<T>> {
        self.0.recv().await.map(|(outcome, _slot)| outcome)
    }
}

struct Driver<F, T> {
    scheduler: Scheduler<T>,
    slots: Arc<Semaphore>,
    crew: Crew<F, T>,
    output: mpsc::Sender<(Outcome<T>, Option<OwnedSemaphorePermit>)>,
}

/// Nobody takes outcomes any more.
struct Abandoned;

impl<F: Fetch, T: Send + 'static> Driver<F, T> {
    async fn run(mut self, mut input: mpsc::Receiver<Order<T>>, shutdown: Shutdown) {
        if self.work(&mut input, &shutdown).await.is_ok() {
            // An error means that nobody is left to tell.
            let _ = self.wind_up(input).await;
        }
    }

    /// Downloads until there is nothing more to download or the program stops.
    async fn work(
        &mut self,
        input: &mut mpsc::Receiver<Order<T>>,
        shutdown: &Shutdown,
    ) -> Result<(), Abandoned> {
        let output = self.output.clone();
        let (mut draining, mut abandoned) = (pin!(shutdown.draining().cancelled()), pin!(output.closed()));
        let mut open = true;
        while open || self.scheduler.waiting() > 0 || !self.crew.is_idle() {
            let now = Instant::now();
            let has_action = self.scheduler.has_action(now);
            let wake = self.scheduler.next_wake();
            tokio::select! {
                biased;
                () = &mut draining => return Ok(()),
                () = &mut abandoned => return Err(Abandoned),
                Some(done) = self.crew.next() => self.take_in(done).await?,
                // Reading ahead comes before starting, so that the choice is among many hosts.
                order = input.recv(), if open && self.scheduler.has_room() => match order {
                    Some(order) => self.scheduler.offer(order.request, order.payload, Instant::now()),
                    None => open = false,
                },
                Ok(slot) = Arc::clone(&self.slots).acquire_owned(), if has_action => self.act(slot).await?,
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() && !has_action => {}
            }
        }
        Ok(())
    }

    /// Ends what is under way and hands the rest back.
    async fn wind_up(&mut self, mut input: mpsc::Receiver<Order<T>>) -> Result<(), Abandoned> {
        input.close();
        self.hand_back_waiting().await?;
        while let Some(order) = input.recv().await {
            self.tell(Outcome::HandedBack(order.payload), None).await?;
        }
        while let Some(done) = self.crew.next().await {
            self.take_in(done).await?;
            self.hand_back_waiting().await?;
        }
        Ok(())
    }

    async fn hand_back_waiting(&mut self) -> Result<(), Abandoned> {
        for payload in self.scheduler.take_waiting(Instant::now()) {
            self.tell(Outcome::HandedBack(payload), None).await?;
        }
        Ok(())
    }

    /// Does the next thing, in this slot.
    async fn act(&mut self, slot: OwnedSemaphorePermit) -> Result<(), Abandoned> {
        match self.scheduler.next(Instant::now()) {
            Some(Action::Fail { payload, failure }) => {
                return self.tell(Outcome::Failed(payload, failure), Some(slot)).await;
            }
            Some(Action::Ask { host, ticket, request }) => {
                self.crew.give(Work::Ask { host, ticket, request, slot });
            }
            Some(Action::Start { host, ticket, job }) => {
                self.crew.give(Work::Download { host, ticket, job, slot });
            }
            None => {}
        }
        Ok(())
    }

    async fn take_in(&mut self, done: Done<T>) -> Result<(), Abandoned> {
        let now = Instant::now();
        match done {
            Done::Terms { host, ticket, terms } => {
                self.scheduler.terms(host, ticket, terms, now, fastrand::f64());
                Ok(())
            }
            Done::Download { host, ticket, job, end, slot } => {
                match self.scheduler.finished(host, ticket, job, end, now, fastrand::f64()) {
                    Some((payload, Ok(fetched))) => {
                        self.tell(Outcome::Fetched(payload, fetched), Some(slot)).await
                    }
                    Some((payload, Err(failure))) => {
                        self.tell(Outcome::Failed(payload, failure), Some(slot)).await
                    }
                    None => Ok(()),
                }
            }
            Done::Stopped(Some(payload)) => self.tell(Outcome::HandedBack(payload), None).await,
            Done::Stopped(None) => Ok(()),
        }
    }

    /// Sends an outcome. One with a slot never waits: the channel has as much room as there are slots.
    async fn tell(
        &mut self,
        outcome: Outcome<T>,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Result<(), Abandoned> {
        self.output.send((outcome, slot)).await.map_err(|_| Abandoned)
    }
}
