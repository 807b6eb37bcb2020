//! Units that are texts to be embedded.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    driver::{DOOR, Driver, Signals, Work},
    machine::{Measured, Outcome, Room},
    size::Caps,
};
use crate::{
    backend::{Embeddings, HttpBackend},
    error::{ModelError, ModelErrorKind},
    limiter::{Cause, Limiter, Refusal, now},
    retry::{History, Next, RetryPolicy},
    tokens,
};

/// Longest time that a text waits for others while a request slot is free: much less than the request takes, and enough
/// for what comes at the same moment.
const LONGEST_WAIT: Duration = Duration::from_millis(10);
/// Most texts of a request. Providers take up to 2,048; beyond some dozens nothing is gained.
const MOST_UNITS: usize = 64;
/// Tokens of a request's texts together; servers' usual batch (`--ubatch-size` of llama.cpp, `--max-batch-tokens` of text
/// embedding servers) is 512 to 16,384.
const MOST_INPUT: u64 = 8_000;

/// What turns texts into vectors.
///
/// Implementers: sent once, never tried again, and given up when the future is dropped.
pub trait Embed: Send + Sync + 'static {
    /// Vectors of the texts, in their order.
    fn embed(&self, texts: &[&str]) -> impl Future<Output = Result<Embeddings, ModelError>> + Send;
}

impl Embed for HttpBackend {
    async fn embed(&self, texts: &[&str]) -> Result<Embeddings, ModelError> {
        Self::embed(self, texts).await
    }
}

/// Bounds of an [`EmbeddingClient`].
#[derive(Debug, Clone, Copy)]
pub struct EmbeddingSettings {
    /// Requests at once.
    pub at_once: usize,
    /// How long and how often it is tried again.
    pub retry: RetryPolicy,
}

impl Default for EmbeddingSettings {
    fn default() -> Self {
        Self { at_once: 4, retry: RetryPolicy::default() }
    }
}

/// Embeds texts, several in one request. Cheap to clone; all clones are one client.
#[derive(Debug, Clone)]
pub struct EmbeddingClient {
    door: mpsc::Sender<Waiting>,
    /// The driver ends with the last clone.
    _coming: Arc<watch::Sender<bool>>,
}

#[derive(Debug)]
struct Waiting {
    text: String,
    input: u64,
    answer: oneshot::Sender<Result<Vec<f32>, ModelError>>,
}

struct Texts<E> {
    backend: E,
    limiter: Arc<dyn Limiter>,
    settings: EmbeddingSettings,
}

impl EmbeddingClient {
    /// A client over a backend, within the limits of its key. Must be called within a tokio runtime.
    pub fn new(backend: impl Embed, limiter: Arc<dyn Limiter>, settings: EmbeddingSettings) -> Self {
        let (door, inside) = mpsc::channel(DOOR);
        let (coming, coming_seen) = watch::channel(true);
        let signals = Signals { coming: coming_seen, room: watch::channel(()).1 };
        let caps = Caps { units: MOST_UNITS, fixed: false };
        let work = Arc::new(Texts { backend, limiter, settings });
        tokio::spawn(Driver::new(work, caps, LONGEST_WAIT).run(inside, signals));
        Self { door, _coming: Arc::new(coming) }
    }

    /// The vector of a text. Dropping the future withdraws the text.
    ///
    /// # Errors
    ///
    /// What the backend says after everything was tried; of a request that failed for several texts, each is tried alone.
    pub async fn embed(&self, text: String) -> Result<Vec<f32>, ModelError> {
        let (answer, answered) = oneshot::channel();
        let input = tokens::estimate(&text);
        let lost = || {
            let message = "the batches of texts to be embedded have ended before this one was answered";
            ModelError::new(ModelErrorKind::Unavailable, message, "", "embedding")
        };
        self.door.send(Waiting { text, input, answer }).await.map_err(|_| lost())?;
        answered.await.unwrap_or_else(|_| Err(lost()))
    }
}

impl<E: Embed> Work for Texts<E> {
    type Unit = Waiting;

    fn size(&self, unit: &Waiting) -> (u64, u64, u64) {
        (0, unit.input, 0)
    }

    fn is_wanted(unit: &Waiting) -> bool {
        !unit.answer.is_closed()
    }

    fn room(&self) -> Room {
        Room { slots: self.settings.at_once.max(1), input: MOST_INPUT, output: 0 }
    }

    async fn run(self: Arc<Self>, mut units: Vec<Waiting>, _most_output: u64) -> Outcome {
        let texts: Vec<String> = units.iter_mut().map(|unit| std::mem::take(&mut unit.text)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let made = tokio::select! {
            made = self.make(&texts) => made,
            () = deserted(&mut units) => return Outcome::default(),
        };
        match made {
            Ok(Embeddings { vectors, latency, .. }) => {
                let tokens = units.iter().map(|unit| unit.input).sum();
                for (unit, vector) in units.into_iter().zip(vectors) {
                    let _gone = unit.answer.send(Ok(vector));
                }
                Outcome { failed: 0, measured: Some(Measured { latency, tokens }) }
            }
            Err(error) if units.len() > 1 && may_be_ones(error.kind) => {
                let failed = units.len();
                for (mut unit, text) in units.into_iter().zip(texts) {
                    let alone = [text];
                    tokio::select! {
                        made = self.make(&alone) => {
                            let vector = made.map(|made| made.vectors.into_iter().next().unwrap_or_default());
                            let _gone = unit.answer.send(vector);
                        }
                        () = unit.answer.closed() => {}
                    }
                }
                Outcome { failed, measured: None }
            }
            Err(error) => {
                for unit in units {
                    let _gone = unit.answer.send(Err(error.clone()));
                }
                Outcome::default()
            }
        }
    }
}

impl<E: Embed> Texts<E> {
    /// One request, tried again as the policy says.
    async fn make(&self, texts: &[&str]) -> Result<Embeddings, ModelError> {
        let tokens = texts.iter().map(|text| tokens::estimate(text)).sum();
        let mut history = History::default();
        let mut first_refusal: Option<Instant> = None;
        loop {
            let reservation = self.limiter.reserve(tokens).await;
            let error = match self.backend.embed(texts).await {
                Ok(made) => {
                    self.limiter.reconcile(&reservation, made.usage.map(|usage| usage.input + usage.output));
                    self.limiter.observe(made.rates);
                    return Ok(made);
                }
                Err(error) => error,
            };
            self.limiter.observe(error.rates);
            if error.kind == ModelErrorKind::RateLimited {
                let refusal = Refusal { retry_after: error.retry_after, cause: Cause::Rate, idle: true };
                self.limiter.refused(&reservation, refusal);
            }
            if matches!(error.kind, ModelErrorKind::RateLimited | ModelErrorKind::Overloaded) {
                let since = *first_refusal.get_or_insert_with(now);
                if now().saturating_duration_since(since) >= self.settings.retry.patience {
                    return Err(error);
                }
            }
            match self.settings.retry.next(&error, &mut history, false, fastrand::f64()) {
                Next::Again { after, cool, .. } => {
                    tokio::time::sleep(cool.map_or(after, |cool| cool.max(after))).await;
                }
                Next::Tell | Next::Stop => return Err(error),
            }
        }
    }
}

/// Whether a failure may be the fault of one text, or of there being several.
fn may_be_ones(kind: ModelErrorKind) -> bool {
    use ModelErrorKind as Kind;
    matches!(kind, Kind::TooLong | Kind::BadRequest | Kind::Malformed)
}

/// Waits until nobody waits for any of them.
async fn deserted(units: &mut [Waiting]) {
    for unit in units {
        unit.answer.closed().await;
    }
}
