//! Units that are documents: one request for several of them, and what becomes of its answer.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio::sync::{oneshot, watch};

use super::{
    driver::Work,
    machine::{Measured, Outcome, Room},
    reading::{self, Item},
    share::{Weight, shares},
};
use crate::{
    answer::StopReason,
    ask::Ask,
    client::{Answered, Client},
    error::{ModelError, ModelErrorKind},
    request::{ModelRequest, Target},
    schema::{AnswerProblem, Spent},
    stage::{AssessError, Entry, Reply, Stage, Subject},
};

/// Tokens of a request's documents together. Models attend less well to what stands in the middle of long prompts (Liu et
/// al., Lost in the Middle, 2023), and longer documents gain nothing from a shared request.
const MOST_INPUT: u64 = 12_000;
/// Tokens of a request's answer: the smallest of the caps that common providers put on them.
const MOST_OUTPUT: u64 = 4_096;
/// An answer for several may take one part in so many of a context.
const OUTPUT_PART: u64 = 3;

/// A stage and whom it asks.
#[derive(Debug)]
pub(super) struct Documents {
    pub(super) client: Client,
    pub(super) stage: Stage,
    group: u64,
    /// Requests for single documents that the machine knows nothing of.
    outside: AtomicUsize,
    changed: watch::Sender<()>,
    /// Documents of a request, on average of those that are under way.
    usual: AtomicUsize,
}

/// A document on its way into a request.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) document: Document,
    pub(super) answer: oneshot::Sender<Result<Reply, AssessError>>,
}

/// A document.
#[derive(Debug)]
pub(super) struct Document {
    id: u64,
    title: Option<String>,
    text: String,
    /// Tokens that it adds to a request's input.
    input: u64,
    deadline: Option<Instant>,
}

impl Document {
    pub(super) fn of(subject: Subject<'_>, input: u64) -> Self {
        let Subject { id, title, text, deadline } = subject;
        Self { id, title: title.map(str::to_owned), text: text.to_owned(), input, deadline }
    }

    fn subject(&self) -> Subject<'_> {
        Subject { id: self.id, title: self.title.as_deref(), text: &self.text, deadline: self.deadline }
    }

    fn entry(&self) -> Entry<'_> {
        Entry { title: self.title.as_deref(), text: &self.text }
    }
}

/// A request that the machine knows nothing of; it takes a slot all the same.
pub(super) struct Outside<'d>(&'d Documents);

impl Drop for Outside<'_> {
    fn drop(&mut self) {
        self.0.outside.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.send_replace(());
    }
}

impl Documents {
    pub(super) fn new(client: Client, stage: Stage) -> Self {
        let group = stage.semantics().iter().take(8).fold(0, |group, byte| group << 8 | u64::from(*byte));
        Self {
            client,
            stage,
            group,
            outside: AtomicUsize::new(0),
            changed: watch::Sender::new(()),
            usual: AtomicUsize::new(1),
        }
    }

    /// Documents of a request now, on average.
    pub(super) fn usual_units(&self) -> usize {
        self.usual.load(Ordering::Relaxed).max(1)
    }

    /// Sees when a request that the machine knows nothing of is over.
    pub(super) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Counts a request that the machine knows nothing of, for as long as it lasts.
    pub(super) fn outside(&self) -> Outside<'_> {
        self.outside.fetch_add(1, Ordering::Relaxed);
        Outside(self)
    }

    async fn run_one(&self, Waiting { document, mut answer }: Waiting) -> Outcome {
        let listening = Listening { client: &self.client, heard: OnceLock::new() };
        let reply = tokio::select! {
            reply = self.stage.ask(&listening, document.subject()) => reply,
            () = answer.closed() => return Outcome::default(),
        };
        // Whoever asked may have gone.
        let _gone = answer.send(reply);
        Outcome { failed: 0, measured: listening.heard.into_inner() }
    }

    async fn run_several(self: Arc<Self>, mut units: Vec<Waiting>, most_output: u64) -> Outcome {
        let entries: Vec<Entry<'_>> = units.iter().map(|unit| unit.document.entry()).collect();
        let Some((messages, ids)) = self.stage.messages_of_several(&entries) else {
            // Units of a stage that takes one at a time come one at a time.
            return self.again_all(units);
        };
        let deadlines: Option<Vec<Instant>> = units.iter().map(|unit| unit.document.deadline).collect();
        let request = ModelRequest {
            id: units.first().map_or(0, |unit| unit.document.id),
            stage: Arc::clone(&self.stage.name),
            messages,
            schema: self.stage.schema_of_several(),
            most_output_tokens: u32::try_from(most_output).unwrap_or(u32::MAX),
            target: Target::Any,
            // One document's deadline is not the others'; each asker keeps its own.
            deadline: deadlines.and_then(|deadlines| deadlines.into_iter().max()),
        };
        let answered = tokio::select! {
            answered = self.client.ask(request) => answered,
            () = deserted(&mut units) => return Outcome::default(),
        };
        match answered {
            Ok(answered) => self.settle(units, ids, answered).await,
            Err(error) if self.is_everybodys(&error) => {
                for Waiting { answer, .. } in units {
                    let problem = AnswerProblem::Model(Box::new(error.clone()));
                    let _gone = answer.send(Err(AssessError::new(problem, &Spent::default())));
                }
                self.client.counts().batch(0);
                // The size had nothing to do with it.
                Outcome::default()
            }
            Err(error) => {
                tracing::debug!(%error, units = units.len(), "a batch failed, its documents are asked about alone");
                self.again_all(units)
            }
        }
    }

    /// Whether a failure would be the same for each document alone: the client has stopped, or nobody is there. Anything
    /// else may be the fault of one document or of the batch.
    fn is_everybodys(&self, error: &ModelError) -> bool {
        use ModelErrorKind as Kind;
        self.client.stopped().is_some()
            || matches!(error.kind, Kind::Unavailable | Kind::RateLimited | Kind::Overloaded | Kind::Tls)
    }

    /// Tells every document its answer, or has it asked about alone.
    async fn settle(self: Arc<Self>, units: Vec<Waiting>, ids: Vec<String>, answered: Answered) -> Outcome {
        let Answered { answer, attempts, cost, .. } = answered;
        let measured = Measured { latency: answer.latency, tokens: cost.tokens.output };
        let whole = answer.stop == StopReason::End;
        let (model, backend, text) = (answer.model, answer.backend.to_string(), answer.text);
        let stage = Arc::clone(&self);
        let read = move || {
            let texts: Vec<&str> = units.iter().map(|unit| &*unit.document.text).collect();
            // What is cut or refused is not an answer, whatever it holds.
            let items = reading::read(&stage.stage, &ids, &texts, if whole { &text } else { "" });
            (units, items)
        };
        // Quotes of many documents are looked up in all of them: some milliseconds.
        let Ok((units, items)) = tokio::task::spawn_blocking(read).await else {
            return Outcome::default();
        };
        let weigh =
            |(unit, item): (&Waiting, &Item)| Weight { input: unit.document.input, output: item.length };
        let weights: Vec<Weight> = units.iter().zip(&items).map(weigh).collect();
        let part = 1.0 / units.len().max(1) as f64;
        let spent = |cost| Spent {
            cost,
            requests: part,
            attempts,
            repairs: 0,
            model: model.clone(),
            backend: backend.clone(),
        };
        let mut unanswered = Vec::new();
        for ((unit, item), cost) in units.into_iter().zip(items).zip(shares(cost, &weights)) {
            match item.answer {
                Some(value) => drop(unit.answer.send(Ok(Reply::new(value, spent(cost), 1)))),
                None => unanswered.push((unit, spent(cost))),
            }
        }
        let failed = self.again(unanswered);
        Outcome { failed, measured: whole.then_some(measured) }
    }

    /// The same for a batch that was not answered at all.
    fn again_all(self: &Arc<Self>, units: Vec<Waiting>) -> Outcome {
        let unanswered = units.into_iter().map(|unit| (unit, Spent::default())).collect();
        Outcome { failed: self.again(unanswered), measured: None }
    }

    /// Has documents asked about alone; says how many. Each ends when its asker goes.
    fn again(self: &Arc<Self>, units: Vec<(Waiting, Spent)>) -> usize {
        let count = units.len();
        self.client.counts().batch(count as u64);
        for (Waiting { document, mut answer }, before) in units {
            let work = Arc::clone(self);
            tokio::spawn(async move {
                let _outside = work.outside();
                let alone = work.stage.ask_after(&work.client, document.subject(), before);
                tokio::select! {
                    reply = alone => drop(answer.send(reply)),
                    () = answer.closed() => {}
                }
            });
        }
        count
    }
}

/// Waits until nobody waits for any of them.
async fn deserted(units: &mut [Waiting]) {
    for unit in units {
        unit.answer.closed().await;
    }
}

impl Work for Documents {
    type Unit = Waiting;

    fn size(&self, unit: &Waiting) -> (u64, u64, u64) {
        (self.group, unit.document.input, u64::from(self.stage.most_output_tokens))
    }

    fn is_wanted(unit: &Waiting) -> bool {
        !unit.answer.is_closed()
    }

    fn room(&self) -> Room {
        let longest = |output: u64| self.client.longest_input(u32::try_from(output).unwrap_or(u32::MAX));
        let output = longest(0).map_or(MOST_OUTPUT, |context| MOST_OUTPUT.min(context / OUTPUT_PART));
        let input = longest(output).map_or(MOST_INPUT, |longest| {
            MOST_INPUT.min(longest.saturating_sub(self.stage.overhead_of_several()))
        });
        let slots = self.client.slots().saturating_sub(self.outside.load(Ordering::Relaxed));
        Room { slots, input, output }
    }

    async fn run(self: Arc<Self>, mut units: Vec<Waiting>, most_output: u64) -> Outcome {
        match units.pop() {
            Some(only) if units.is_empty() => self.run_one(only).await,
            Some(last) => {
                units.push(last);
                self.run_several(units, most_output).await
            }
            None => Outcome::default(),
        }
    }

    fn under_way(&self, units: usize, requests: usize) {
        self.usual.store(units.div_ceil(requests.max(1)), Ordering::Relaxed);
    }
}

/// A client that is listened to: what its last answer took.
struct Listening<'c> {
    client: &'c Client,
    heard: OnceLock<Measured>,
}

impl Ask for Listening<'_> {
    async fn ask(&self, request: ModelRequest) -> Result<Answered, ModelError> {
        let answered = self.client.ask(request).await?;
        if answered.answer.stop == StopReason::End {
            let (latency, tokens) = (answered.answer.latency, answered.cost.tokens.output);
            // Of a document in parts, or one that is asked twice, the first answer is as good as any.
            let _first = self.heard.set(Measured { latency, tokens });
        }
        Ok(answered)
    }

    fn longest_input(&self, output: u32) -> Option<u64> {
        self.client.longest_input(output)
    }
}
