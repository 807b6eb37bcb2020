//! Who waits for what: requests from their coming to their answer.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use tokio::sync::oneshot;

use super::{
    gather::{Decision, Gathered, Gathering},
    id::{CustomId, SubmissionId},
    store::{KeptAnswer, Outcome},
};
use crate::{
    budget::{Cost, Hold},
    error::ModelError,
    request::ModelRequest,
    tokens::Correction,
};

/// What an asker gets: the answer, and what it has cost this asker. Of several that asked the same, the first has paid.
pub(super) type Settled = Result<(KeptAnswer, Cost), ModelError>;

/// A request that somebody waits for.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: ModelRequest,
    /// Bytes of its messages and its schema.
    pub(super) bytes: usize,
    place: Place,
    /// What it may cost, set aside while it is gathered.
    hold: Option<Hold>,
    askers: Vec<oneshot::Sender<Settled>>,
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is looked for in the store, or room for it in the budget.
    Arriving,
    /// It waits for others to be handed in with.
    Gathered,
    /// It was taken to be handed in, which is not in the store yet.
    Leaving,
    /// A submission has it, of this process or of another one.
    Held,
}

/// A request that is taken from the desk to be handed in.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) id: CustomId,
    pub(super) request: ModelRequest,
    pub(super) hold: Option<Hold>,
}

/// A submission that this process looks after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tended {
    pub(super) requests: usize,
    pub(super) accepted: bool,
}

/// All of it. As large as there are requests in flight.
#[derive(Debug, Default)]
pub(super) struct Desk {
    waiting: HashMap<CustomId, Waiting>,
    /// Those that are gathered, oldest first, each with when it was.
    gathered: VecDeque<(CustomId, Instant)>,
    bytes: usize,
    pub(super) tended: HashMap<SubmissionId, Tended>,
    /// The run says that nothing more is coming.
    pub(super) closing: bool,
    /// Nothing is handed in before this moment: the provider's queue is full.
    pub(super) not_before: Option<Instant>,
    /// Times in a row that it was.
    pub(super) crowded: u32,
    pub(super) correction: Correction,
    pub(super) stopped: Option<ModelError>,
}

impl Desk {
    /// Somebody asks; `true` when nobody asked the same before, so that it has to be seen to.
    pub(super) fn comes(
        &mut self,
        id: &CustomId,
        request: ModelRequest,
        asker: oneshot::Sender<Settled>,
    ) -> bool {
        if let Some(waiting) = self.waiting.get_mut(id) {
            waiting.askers.push(asker);
            return false;
        }
        let texts: usize = request.messages.iter().map(|message| message.text.len()).sum();
        let schema = request.schema.as_ref().map_or(0, |schema| schema.schema.to_string().len());
        let waiting = Waiting {
            bytes: texts + schema,
            request,

            place: Place::Arriving,
            hold: None,
            askers: vec![asker],
        };
        self.waiting.insert(id.clone(), waiting);
        true
    }

    /// The request, while somebody waits for it.
    pub(super) fn get(&self, id: &CustomId) -> Option<&Waiting> {
        self.waiting.get(id)
    }

    /// A request is free and its worst case is set aside.
    pub(super) fn gather(&mut self, id: &CustomId, hold: Hold, now: Instant) {
        let Some(waiting) = self.waiting.get_mut(id) else { return };
        if std::mem::replace(&mut waiting.place, Place::Gathered) != Place::Gathered {
            self.bytes += waiting.bytes;
            self.gathered.push_back((id.clone(), now));
        }
        waiting.hold = Some(hold);
    }

    /// A submission has the request.
    pub(super) fn held(&mut self, id: &CustomId) {
        if let Some(waiting) = self.waiting.get_mut(id) {
            waiting.place = Place::Held;
        }
    }

    /// No submission has the request, after one had it or was to: it is to be seen to anew. `false` when nobody waits for
    /// it, or it is seen to already.
    pub(super) fn arrives(&mut self, id: &CustomId) -> bool {
        let Some(waiting) = self.waiting.get_mut(id) else { return false };
        let left = matches!(waiting.place, Place::Held | Place::Leaving);
        if left {
            waiting.place = Place::Arriving;
        }
        left
    }

    /// Those that a submission has.
    pub(super) fn all_held(&self) -> Vec<CustomId> {
        let held = self.waiting.iter().filter(|(_, waiting)| waiting.place == Place::Held);
        held.map(|(id, _)| id.clone()).collect()
    }

    /// Everyone who asked gets the outcome; the first of them has paid.
    pub(super) fn resolve(&mut self, id: &CustomId, outcome: &Outcome, backend: &std::sync::Arc<str>) {
        let Some(waiting) = self.remove(id) else { return };
        let mut cost = match outcome {
            Outcome::Answer(answer) => answer.cost(),
            Outcome::Failure(_) => Cost::default(),
        };
        for asker in waiting.askers {
            let settled = match outcome {
                Outcome::Answer(answer) => Ok((answer.clone(), std::mem::take(&mut cost))),
                Outcome::Failure(failure) => Err(failure.error(backend.clone())),
            };
            // Who has gone in the meantime finds it in the store when he asks again.
            let _gone = asker.send(settled);
        }
    }

    /// Nobody waits for it any more. Where it was gathered, its place in the row is passed over.
    fn remove(&mut self, id: &CustomId) -> Option<Waiting> {
        let waiting = self.waiting.remove(id)?;
        if waiting.place == Place::Gathered {
            self.bytes = self.bytes.saturating_sub(waiting.bytes);
        }
        Some(waiting)
    }

    /// Everyone who asked for this fails; nothing is kept.
    pub(super) fn fail(&mut self, id: &CustomId, error: &ModelError) {
        let Some(waiting) = self.remove(id) else { return };
        for asker in waiting.askers {
            let _gone = asker.send(Err(error.clone()));
        }
    }

    /// Everything fails from now on.
    pub(super) fn stop(&mut self, error: ModelError) {
        let error = self.stopped.get_or_insert(error).clone();
        let ids: Vec<CustomId> = self.waiting.keys().cloned().collect();
        for id in ids {
            self.fail(&id, &error);
        }
        self.gathered.clear();
        self.bytes = 0;
    }

    /// Whether to hand in.
    pub(super) fn decide(&self, rule: &Gathering, now: Instant) -> Decision {
        let gathered = match (self.gathered.front(), self.gathered.back()) {
            (Some((_, oldest)), Some((_, youngest))) => Some(Gathered {
                requests: self.gathered.len(),
                bytes: self.bytes,
                oldest: *oldest,
                youngest: *youngest,
            }),
            _ => None,
        };
        let decision = rule.decide(gathered, self.tended.len(), self.closing, now);
        match self.not_before.filter(|moment| *moment > now) {
            Some(moment) if decision != Decision::Wait => Decision::WaitUntil(moment),
            _ => decision,
        }
    }

    /// Takes what is handed in together, oldest first: as much as the rule allows, and one request at least. What nobody
    /// waits for any more is left out, and given up.
    pub(super) fn take(&mut self, rule: &Gathering) -> Vec<Taken> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < rule.most_requests.max(1) {
            let Some((id, _)) = self.gathered.front() else { break };
            let more = self.waiting.get(id).map_or(0, |waiting| waiting.bytes);
            if !taken.is_empty() && bytes + more > rule.most_bytes {
                break;
            }
            let Some((id, _)) = self.gathered.pop_front() else { break };
            let Some(waiting) = self.waiting.get_mut(&id) else { continue };
            self.bytes = self.bytes.saturating_sub(more);
            if waiting.askers.iter().all(oneshot::Sender::is_closed) {
                self.waiting.remove(&id);
                continue;
            }
            bytes += more;
            waiting.place = Place::Leaving;
            taken.push(Taken { id, request: waiting.request.clone(), hold: waiting.hold.take() });
        }
        taken
    }

    /// Requests in batches that the provider has accepted, and the number of these.
    pub(super) fn at_provider(&self) -> (usize, usize) {
        let accepted = self.tended.values().filter(|tended| tended.accepted);
        accepted.fold((0, 0), |(requests, batches), tended| (requests + tended.requests, batches + 1))
    }

    /// Requests that somebody waits for.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
