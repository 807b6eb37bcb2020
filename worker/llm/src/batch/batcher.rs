//! The door to the batcher.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    documents::{Document, Documents, Waiting},
    driver::{DOOR, Driver, Signals, Work},
    size::Caps,
};
use crate::{
    client::Client,
    stage::{AssessError, Entry, Reply, Stage, Subject},
};

/// Longest time that a document waits for others while a request slot is free. Parsers bring documents within a few
/// milliseconds of each other, and a model's answer takes some hundred: a wait of this length gathers what comes together
/// and is not noticed beside the answer.
pub const LONGEST_WAIT: Duration = Duration::from_millis(50);
/// Most documents of a request, unless a number was said. Beyond it, models begin to leave items out, and what a request
/// costs beside its documents is nothing any more.
pub const MOST_UNITS: usize = 32;
/// Most documents of a request where the number was said.
const MOST_SAID: usize = 256;

/// How many documents share a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BatchSize {
    /// As many as it is learned to be worth.
    #[default]
    Automatic,
    /// This many where there are so many, at least one; one means that every document goes alone, without any wait.
    Fixed(usize),
}

impl From<u32> for BatchSize {
    /// As `--batch-size` says it: 0 is automatic.
    fn from(number: u32) -> Self {
        if number == 0 { Self::Automatic } else { Self::Fixed(number as usize) }
    }
}

/// Asks a stage about documents, several in one request where that is worth it. Cheap to clone; all clones are one batcher.
///
/// Dropping the future of a question withdraws the document; a request that nobody wants any more is given up.
#[derive(Debug, Clone)]
pub struct Batcher {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    work: Arc<Documents>,
    size: BatchSize,
    door: OnceLock<mpsc::Sender<Waiting>>,
    coming: watch::Sender<bool>,
}

impl Batcher {
    /// A batcher over a client. It may say that nothing more is [coming](Self::set_coming); until then more may come.
    pub fn new(client: Client, stage: Stage, size: BatchSize) -> Self {
        let work = Arc::new(Documents::new(client, stage));
        let shared = Shared { work, size, door: OnceLock::new(), coming: watch::Sender::new(true) };
        Self { shared: Arc::new(shared) }
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.shared.work.client
    }

    /// The stage.
    pub fn stage(&self) -> &Stage {
        &self.shared.work.stage
    }

    /// Whether more documents may come before one that is here is answered. While none may, nothing waits for others.
    pub fn set_coming(&self, coming: bool) {
        self.shared.coming.send_if_modified(|known| std::mem::replace(known, coming) != coming);
    }

    /// Documents that are worth holding for so many requests at once, so that each can be filled.
    pub fn units_for(&self, requests: usize) -> usize {
        requests.saturating_mul(self.most())
    }

    /// Documents of a request now, on average.
    pub fn usual_units(&self) -> usize {
        self.shared.work.usual_units()
    }

    fn most(&self) -> usize {
        match self.shared.size {
            _ if !self.stage().takes_several() => 1,
            BatchSize::Automatic => MOST_UNITS,
            BatchSize::Fixed(number) => number.clamp(1, MOST_SAID),
        }
    }

    /// Asks about a document. `upstream` is dropped as soon as the document is where others can join it, or will not be:
    /// whoever counts what is still on its way can see by that when nothing is.
    ///
    /// # Errors
    ///
    /// As [`Stage::ask`]; what a shared request took counts, too.
    pub async fn ask(&self, subject: Subject<'_>, upstream: impl Send) -> Result<Reply, AssessError> {
        let work = &self.shared.work;
        work.client.counts().unit();
        let entry = Entry { title: subject.title, text: subject.text };
        let input = work.stage.input_of(entry);
        if self.most() > 1 && input <= work.room().input {
            let (answer, answered) = oneshot::channel();
            let sent = self.door().send(Waiting { document: Document::of(subject, input), answer }).await;
            drop(upstream);
            if sent.is_ok()
                && let Some(reply) = until(subject.deadline, answered).await
            {
                return reply;
            }
            // The deadline has passed, or the driver was lost: asked alone, it is told so, or answered.
        } else {
            drop(upstream);
        }
        let _outside = work.outside();
        work.stage.ask(&work.client, subject).await
    }

    fn door(&self) -> &mpsc::Sender<Waiting> {
        self.shared.door.get_or_init(|| {
            let (door, inside) = mpsc::channel(DOOR);
            let work = Arc::clone(&self.shared.work);
            let signals = Signals { coming: self.shared.coming.subscribe(), room: work.changed() };
            let caps = Caps { units: self.most(), fixed: matches!(self.shared.size, BatchSize::Fixed(_)) };
            tokio::spawn(Driver::new(work, caps, LONGEST_WAIT).run(inside, signals));
            door
        })
    }
}

async fn until<T>(deadline: Option<Instant>, answered: oneshot::Receiver<T>) -> Option<T> {
    match deadline {
        None => answered.await.ok(),
        Some(deadline) => tokio::time::timeout_at(deadline.into(), answered).await.ok()?.ok(),
    }
}
