//! Hands in what has been gathered, and looks around for what others began.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{
    Notice, Shared, SubmissionId,
    desk::{Taken, Tended},
    gather::Decision,
    id::CustomId,
    store::{Known, Outcome, StoreError, Submission},
    tend::{Kept, Tending},
};
use crate::{
    answer::TokenUsage,
    budget::Cost,
    error::{ModelError, ModelErrorKind},
    tokens,
};

/// How long room in the budget is waited for on behalf of what was handed in before.
const ROOM: Duration = Duration::from_secs(2);

/// Runs until it is dropped, and all that it has begun with it.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut tends = JoinSet::new();
    let mut look = Instant::now();
    loop {
        if look <= Instant::now() {
            if let Err(error) = look_around(&shared, &mut tends).await {
                tracing::warn!(%error, "what was handed in before could not be looked for, trying again");
            }
            look = Instant::now() + shared.settings.look;
        }
        let decision = shared.desk().decide(&shared.settings.gathering, Instant::now());
        let until = match decision {
            Decision::Submit => {
                let taken = shared.desk().take(&shared.settings.gathering);
                if !taken.is_empty() {
                    let id = SubmissionId::fresh();
                    let tended = Tended { requests: taken.len(), accepted: false };
                    shared.desk().tended.insert(id.clone(), tended);
                    tends.spawn(submit(Arc::clone(&shared), id, taken));
                }
                continue;
            }
            Decision::WaitUntil(moment) => moment.min(look),
            Decision::Wait => look,
        };
        tokio::select! {
            () = shared.changed.notified() => {}
            () = tokio::time::sleep_until(until.into()) => {}
            Some(ended) = tends.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    let what = format!("the work on a batch ended by a defect: {error}");
                    shared.stop(shared.failure(ModelErrorKind::Unavailable, &what, ""));
                }
            }
        }
    }
}

/// Takes up what is open and nobody looks after, and looks what became of what others look after.
async fn look_around(shared: &Arc<Shared>, tends: &mut JoinSet<()>) -> Result<(), StoreError> {
    let address = shared.endpoint.address();
    for submission in shared.store.open().await? {
        if shared.desk().tended.contains_key(&submission.id) {
            continue;
        }
        if submission.endpoint != address {
            tracing::debug!(endpoint = submission.endpoint, "a batch at another endpoint is left alone");
            continue;
        }
        if shared.store.lease(&submission.id, &shared.holder, shared.settings.lease).await? {
            let tended = Tended { requests: submission.items.len(), accepted: submission.batch.is_some() };
            shared.desk().tended.insert(submission.id.clone(), tended);
            shared.tell(&Notice::TakenUp {
                batch: submission.batch.clone(),
                requests: submission.items.len(),
                ago: Duration::from_millis(now_ms().saturating_sub(submission.begun_ms)),
            });
            tends.spawn(take_up(Arc::clone(shared), submission));
        }
    }
    let held = shared.desk().all_held();
    let known = shared.store.look(&held).await?;
    for (id, known) in held.iter().zip(known) {
        match known {
            Known::Held(_) => {}
            Known::Done(outcome) => shared.resolve(id, &outcome),
            Known::Free(_) => shared.see_to(id),
        }
    }
    Ok(())
}

/// Looks after a submission that an earlier part of the run began, or another worker that fell silent.
async fn take_up(shared: Arc<Shared>, submission: Submission) {
    let id = submission.id.clone();
    // What it may cost is set aside again where there is room: it will be spent either way.
    let room = shared.budget.reserve(submission.most.into());
    let whole = tokio::time::timeout(ROOM, room).await.ok().and_then(Result::ok);
    let kept = Kept { whole, ..Kept::default() };
    Tending::new(&shared, submission, kept).work().await;
    shared.forget_tended(&id);
}

/// Begins a submission and looks after it.
async fn submit(shared: Arc<Shared>, id: SubmissionId, taken: Vec<Taken>) {
    if let Err(error) = begin(&shared, &id, taken).await {
        shared.stop_for_store(&error);
    }
    shared.forget_tended(&id);
}

async fn begin(shared: &Arc<Shared>, id: &SubmissionId, taken: Vec<Taken>) -> Result<(), StoreError> {
    let most = taken.iter().filter_map(|taken| Some(taken.hold.as_ref()?.most()));
    let intended = Submission {
        id: id.clone(),
        endpoint: shared.endpoint.address(),
        begun_ms: now_ms(),
        most: most.fold(Cost::default(), Cost::and).into(),
        items: taken.iter().map(|taken| taken.id.clone()).collect(),
        file: None,
        batch: None,
    };
    let mine = shared.store.begin(&intended, &shared.holder, shared.settings.lease).await?;
    let mut kept = Kept::default();
    let mut requests = Vec::with_capacity(mine.len());
    for Taken { id, request, hold } in taken {
        // The store keeps the order, so that lines of the file are found again.
        if mine.get(requests.len()) == Some(&id) {
            shared.desk().held(&id);
            kept.holds.extend(hold.map(|hold| (id.clone(), hold)));
            requests.push((id, request));
        } else {
            // Another worker was faster, or has the answer.
            drop(hold);
            shared.see_to(&id);
        }
    }
    if requests.is_empty() {
        return Ok(());
    }
    let submission = Submission { items: mine, ..intended };
    let (endpoint, parcelled) = (shared.endpoint.clone(), submission.clone());
    let parcel = tokio::task::spawn_blocking(move || {
        let lines: Vec<String> = requests.iter().map(|(id, request)| endpoint.line(id, request)).collect();
        endpoint.parcel(&parcelled, &lines)
    });
    kept.parcel = Some(parcel.await.map_err(|_| StoreError::Ending)?);
    Tending::new(shared, submission, kept).work().await;
    Ok(())
}

impl Shared {
    /// Sees to a request that has just come, or that is free again: finds its answer, the submission that has it, or room
    /// for it in the budget.
    pub(super) async fn admit(self: Arc<Self>, id: CustomId) {
        let known = self.store.look(std::slice::from_ref(&id)).await;
        match known.map(|mut known| known.pop()) {
            Err(error) => self.stop_for_store(&error),
            Ok(Some(Known::Done(outcome))) => {
                if let (Outcome::Answer(answer), false) = (&outcome, self.store.is_shared()) {
                    // Collected by an earlier part of the run, whose own count ended with it. Should it have been
                    // collected a moment ago by this very process, it counts twice: ceilings are kept all the same.
                    self.count_as_spent(answer.cost()).await;
                }
                self.resolve(&id, &outcome);
            }
            Ok(Some(Known::Held(_))) => self.desk().held(&id),
            Ok(Some(Known::Free(_)) | None) => self.set_aside(&id).await,
        }
    }

    async fn set_aside(&self, id: &CustomId) {
        let most = {
            let desk = self.desk();
            let Some(waiting) = desk.get(id) else { return };
            let estimate = tokens::of_request(&waiting.request);
            TokenUsage {
                input: desk.correction.upper_input(estimate).max(estimate),
                output: u64::from(waiting.request.most_output_tokens),
            }
        };
        let most = self.price.map_or(Cost { tokens: most, ..Cost::default() }, |price| price.of(most));
        match self.budget.reserve(most).await {
            Ok(hold) => {
                self.desk().gather(id, hold, Instant::now());
                self.changed.notify_one();
            }
            Err(no_room) => {
                let message = format!("the run's budget has no room: {no_room}");
                let hint = "raise the ceiling and run again: what is done is kept";
                let error = ModelError::new(ModelErrorKind::Budget, message, hint, "batches");
                self.desk().fail(id, &error);
            }
        }
    }

    /// Has a request seen to anew, where somebody waits for it.
    pub(super) fn see_to(self: &Arc<Self>, id: &CustomId) {
        if self.desk().arrives(id) {
            tokio::spawn(Arc::clone(self).admit(id.clone()));
        }
    }

    pub(super) fn resolve(&self, id: &CustomId, outcome: &Outcome) {
        self.desk().resolve(id, outcome, &self.endpoint.origin().backend);
    }

    /// Counts what was spent without having been set aside.
    pub(super) async fn count_as_spent(&self, cost: Cost) {
        // Nothing is asked for, so it is refused only where the ceiling is passed already.
        if let Ok(hold) = self.budget.reserve(Cost::default()).await {
            hold.settle(cost);
        }
    }

    pub(super) fn forget_tended(&self, id: &SubmissionId) {
        self.desk().tended.remove(id);
        self.changed.notify_one();
    }
}

/// Milliseconds since 1970, by this machine's clock.
pub(super) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
