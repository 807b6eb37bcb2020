//! One submission, from its intention to its end.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    DEADLINE, Notice, Shared, SubmissionId,
    driver::now_ms,
    endpoint::Parcel,
    handing::Handed,
    id::CustomId,
    state::{Sight, Stage},
    store::{Known, Outcome, StoreError, Submission},
    verdict::{Case, Verdict, spoken, stops},
};
use crate::{
    backend::Reply,
    budget::{Cost, Hold},
    error::{ModelError, ModelErrorKind},
};

/// Most flaws of a refused batch that are named.
const MOST_FLAWS: usize = 3;

/// How often a provider must say that it does not know a batch before it is believed: some minutes at the usual pace.
const UNKNOWN: u32 = 5;

/// What this process has of a submission and the store has not.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// What hands it in; `None` for one that an earlier part of the run began.
    pub(super) parcel: Option<Parcel>,
    /// What was set aside for each of its requests.
    pub(super) holds: HashMap<CustomId, Hold>,
    /// What was set aside for all of them.
    pub(super) whole: Option<Hold>,
}

/// Looks after one submission.
pub(super) struct Tending<'s> {
    pub(super) shared: &'s Arc<Shared>,
    pub(super) submission: Submission,
    pub(super) kept: Kept,
    /// It is being closed, so that its lease means nothing any more.
    closing: Arc<AtomicBool>,
}

/// Why a submission is left before its end.
#[derive(Debug)]
pub(super) enum Left {
    /// It is not open any more, or another one looks after it.
    Lost,
    /// The store cannot be used.
    Store(StoreError),
    /// Nothing more can be asked before a person has mended something. The submission stays open.
    Stop(ModelError),
}

impl From<StoreError> for Left {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<'s> Tending<'s> {
    pub(super) fn new(shared: &'s Arc<Shared>, submission: Submission, kept: Kept) -> Self {
        Self { shared, submission, kept, closing: Arc::default() }
    }

    /// Works until the submission is closed, or not this one's any more.
    pub(super) async fn work(mut self) {
        let shared = self.shared;
        let lease = keep_lease(shared, self.submission.id.clone(), Arc::clone(&self.closing));
        let left = tokio::select! {
            left = self.see_through() => left,
            left = lease => Err(left),
        };
        match left {
            Ok(()) => {}
            // Who looks after it now keeps the outcomes in the store, where they are looked for.
            Err(Left::Lost) => {
                tracing::debug!(submission = %self.submission.id, "a batch is another one's now");
            }
            Err(Left::Store(error)) => shared.stop_for_store(&error),
            Err(Left::Stop(error)) => shared.stop(error),
        }
    }

    async fn see_through(&mut self) -> Result<(), Left> {
        let sight = match self.submission.batch.clone() {
            Some(batch) => self.until_ended(&batch, true).await?,
            None => match self.hand_in().await? {
                Handed::Accepted(batch) => self.until_ended(&batch, false).await?,
                // It was looked at already to be sure that it is ours.
                Handed::Found(sight) => sight,
                Handed::Never => return self.give_up(&[]).await,
            },
        };
        match &sight.stage {
            Stage::Refused(_) => {
                let error = self.refusal(&sight);
                self.give_up(&[]).await?;
                Err(Left::Stop(error))
            }
            Stage::Crowded(words) => {
                let why = self.shared.endpoint.origin().clean(words);
                self.shared.crowded(why);
                self.give_up(&[]).await
            }
            _ => self.collect(&sight).await,
        }
    }

    /// Looks at the batch until it has ended. A batch that the provider does not know any more has ended without results.
    pub(super) async fn until_ended(&mut self, batch: &str, at_once: bool) -> Result<Sight, Left> {
        let (shared, begun_ms) = (self.shared, self.submission.begun_ms);
        let (mut looks, mut failures, mut unknown) = (u32::from(!at_once), 0, 0);
        loop {
            if looks > 0 {
                tokio::time::sleep(shared.settings.poll.delay(looks, fastrand::f64())).await;
            }
            looks = looks.saturating_add(1);
            let ended = |stage| Sight {
                id: batch.to_owned(),
                stage,
                results: Vec::new(),
                created_ms: begun_ms,
                requests: None,
                submission: None,
            };
            match shared.endpoint.look(batch).await {
                Ok(sight) if sight.stage != Stage::Working => return Ok(sight),
                Ok(_) => {
                    failures = 0;
                    // A provider that does not end a batch within its day, and two hours, never will.
                    let age = Duration::from_millis(now_ms().saturating_sub(begun_ms));
                    if age > DEADLINE {
                        return Ok(ended(Stage::Expired));
                    }
                }
                // A batch that was made a moment ago may not be known everywhere yet.
                Err(error) if error.status == Some(404) && unknown >= UNKNOWN => {
                    return Ok(ended(Stage::Ended));
                }
                Err(error) if error.status == Some(404) => unknown += 1,
                Err(error) if stops(error.kind) => return Err(Left::Stop(error)),
                Err(error) => {
                    failures += 1;
                    self.wait_for(failures, "looking at a batch", &error).await;
                }
            }
        }
    }

    /// Fetches the results and settles every request.
    async fn collect(&mut self, sight: &Sight) -> Result<(), Left> {
        let shared = self.shared;
        let _turn = shared.collecting.lock().await;
        let mut failures = 0;
        let results = loop {
            match shared.endpoint.results(sight).await {
                Ok(results) => break results,
                // They are gone: what was answered has to be asked again.
                Err(error) if error.status == Some(404) => break Vec::new(),
                Err(error) if stops(error.kind) => return Err(Left::Stop(error)),
                Err(error) => {
                    failures += 1;
                    self.wait_for(failures, "fetching the results of a batch", &error).await;
                }
            }
        };
        let verdict = self.judge(sight.stage.clone(), results).await?;
        if verdict.strange > 0 {
            let (batch, lines) = (&sight.id, verdict.strange);
            tracing::warn!(batch, lines, "results of a batch have lines that belong to none of its requests");
        }
        let answered = verdict.answered();
        let ended = Notice::Ended {
            batch: sight.id.clone(),
            after: Duration::from_millis(now_ms().saturating_sub(self.submission.begun_ms)),
            answered,
            failed: verdict.outcomes.len() - answered,
            again: verdict.again.len(),
        };
        self.close(&verdict.outcomes, &verdict.again).await?;
        self.settle(&verdict).await;
        shared.tell(&ended);
        for (id, outcome) in &verdict.outcomes {
            shared.resolve(id, outcome);
        }
        for _ in &verdict.again {
            shared.statistics.retry();
        }
        if let Some(error) = verdict.stop {
            return Err(Left::Stop(error));
        }
        self.free();
        Ok(())
    }

    async fn judge(&self, stage: Stage, results: Vec<Reply>) -> Result<Verdict, Left> {
        let known = self.shared.store.look(&self.submission.items).await?;
        let tries = self.submission.items.iter().zip(known).filter_map(|(id, known)| match known {
            Known::Held(tries) if tries > 0 => Some((id.clone(), tries)),
            _ => None,
        });
        let tries: HashMap<CustomId, u32> = tries.collect();
        let (shared, submission) = (Arc::clone(self.shared), self.submission.clone());
        let judging = tokio::task::spawn_blocking(move || {
            let elapsed = Duration::from_millis(now_ms().saturating_sub(submission.begun_ms));
            Case {
                endpoint: &shared.endpoint,
                submission: &submission,
                stage: &stage,
                results: &results,
                tries: &tries,
                most_tries: shared.settings.most_tries,
                price: shared.price,
                elapsed,
            }
            .judge()
        });
        judging.await.map_err(|_| Left::Store(StoreError::Ending))
    }

    /// Settles what was set aside, request by request: what was not answered was not paid for.
    async fn settle(&mut self, verdict: &Verdict) {
        let shared = self.shared;
        let latency = Duration::from_millis(now_ms().saturating_sub(self.submission.begun_ms));
        let mut rest = Cost::default();
        for (id, outcome) in &verdict.outcomes {
            match outcome {
                Outcome::Answer(_) => {
                    let cost = verdict.costs.get(id).copied().unwrap_or_default();
                    shared.statistics.answer(0, latency, cost);
                    shared.learn(id, cost);
                    match self.kept.holds.remove(id) {
                        Some(hold) => hold.settle(cost),
                        None => rest = rest.and(cost),
                    }
                }
                Outcome::Failure(failure) => {
                    let backend = shared.endpoint.origin().backend.clone();
                    shared.statistics.failure(0, &failure.error(backend));
                }
            }
        }
        match self.kept.whole.take() {
            Some(hold) => hold.settle(rest),
            None if rest != Cost::default() => shared.count_as_spent(rest).await,
            None => {}
        }
        // Those of the others come back as they are dropped.
        self.kept.holds.clear();
    }

    /// Closes the submission without outcomes: the provider has nothing of it, or has refused it.
    pub(super) async fn give_up(&mut self, tried: &[CustomId]) -> Result<(), Left> {
        self.kept.holds.clear();
        self.kept.whole = None;
        self.close(&[], tried).await?;
        self.free();
        Ok(())
    }

    async fn close(&self, outcomes: &[(CustomId, Outcome)], tried: &[CustomId]) -> Result<(), Left> {
        self.closing.store(true, Ordering::Relaxed);
        let was_open = self.shared.store.end(&self.submission.id, outcomes, tried).await?;
        if was_open { Ok(()) } else { Err(Left::Lost) }
    }

    /// Whoever still waits for one of its requests has it seen to anew.
    fn free(&self) {
        for id in &self.submission.items {
            self.shared.see_to(id);
        }
    }

    /// Waits before the next attempt, and says what is in the way when it is in the way for the second time.
    pub(super) async fn wait_for(&self, failures: u32, doing: &'static str, error: &ModelError) {
        if failures == 2 || (failures == 1 && error.kind == ModelErrorKind::RateLimited) {
            self.shared.tell(&Notice::Waiting { doing, why: error.message.clone() });
        }
        let own = self.shared.settings.backoff.delay(failures, fastrand::f64());
        let asked = error.retry_after.unwrap_or_default().min(Duration::from_mins(10));
        tokio::time::sleep(own.max(asked)).await;
    }

    /// What a batch that was refused as a whole means to a person.
    fn refusal(&self, sight: &Sight) -> ModelError {
        let Stage::Refused(flaws) = &sight.stage else {
            return self.shared.failure(ModelErrorKind::BadRequest, "a batch was refused", "");
        };
        let origin = self.shared.endpoint.origin();
        let desk = self.shared.desk();
        let named = flaws.iter().take(MOST_FLAWS).map(|flaw| {
            let words = origin.clean(&format!("{} ({})", flaw.words, flaw.code));
            let Some(line) = flaw.line else { return words };
            let item =
                usize::try_from(line).ok().and_then(|line| self.submission.items.get(line.checked_sub(1)?));
            match item.and_then(|id| desk.get(id)) {
                Some(waiting) => format!("line {line}, about document {}: {words}", waiting.request.id + 1),
                None => format!("line {line}: {words}"),
            }
        });
        let mut what = named.collect::<Vec<_>>().join("; ");
        if flaws.len() > MOST_FLAWS {
            what += &format!("; and {} more", flaws.len() - MOST_FLAWS);
        }
        if what.is_empty() {
            "it does not say why".clone_into(&mut what);
        }
        let message = format!(
            "{} refused the batch {} of {} requests as a whole: {what}",
            origin.named(),
            sight.id,
            self.submission.items.len()
        );
        let unknown = flaws.iter().any(|flaw| flaw.code == "model_not_found");
        let kind = if unknown { ModelErrorKind::UnknownModel } else { ModelErrorKind::BadRequest };
        let hint = "Nothing was done for it, and nothing is paid. Mend that and run the same command again, or leave \
                    --llm-batch-api away.";
        ModelError { hint: hint.to_owned(), ..origin.failure(kind, message) }
    }
}

/// Keeps the lease while the work goes on; ends only when it is lost.
async fn keep_lease(shared: &Shared, id: SubmissionId, closing: Arc<AtomicBool>) -> Left {
    let life = shared.settings.lease;
    let mut extended = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(life / 3).await;
        match shared.store.lease(&id, &shared.holder, life).await {
            Ok(true) => extended = tokio::time::Instant::now(),
            Ok(false) if closing.load(Ordering::Relaxed) => std::future::pending().await,
            Ok(false) => return Left::Lost,
            Err(error) if extended.elapsed() >= life => return Left::Store(error),
            Err(error) => tracing::debug!(%error, "the lease of a batch could not be extended, trying again"),
        }
    }
}

impl Shared {
    /// The account's queue is full: nothing is handed in for a while.
    fn crowded(&self, why: String) {
        self.tell(&Notice::Waiting { doing: "handing in a batch", why });
        let mut desk = self.desk();
        desk.crowded = desk.crowded.saturating_add(1);
        let pause = self.settings.crowded.delay(desk.crowded, fastrand::f64());
        desk.not_before = Some(std::time::Instant::now() + pause);
    }

    /// The provider counted the tokens of a request: estimates learn.
    fn learn(&self, id: &CustomId, cost: Cost) {
        let mut desk = self.desk();
        desk.crowded = 0;
        let Some((estimate, most)) = desk
            .get(id)
            .map(|waiting| (crate::tokens::of_request(&waiting.request), waiting.request.most_output_tokens))
        else {
            return;
        };
        desk.correction.learn(estimate, cost.tokens.input, most, cost.tokens.output);
    }
}

/// The first words of a message about what was tried in vain.
pub(super) fn tried(times: u32, time: Duration) -> String {
    format!("tried {times} times in {}", spoken(time))
}
