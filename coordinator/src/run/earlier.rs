//! What earlier parts of the run have done, and what they left in the queue.

use std::collections::{HashMap, HashSet};

use sheaf_common::{
    fault::FaultKind,
    queue::{Held, RedisQueue},
    record::{Record, Status},
};

use super::RunError;
use crate::{folder::AcceptedLog, progress::Tally, recorder::InFlight};

/// What the records of earlier parts of the run say, by the number of the document's id.
#[derive(Default)]
pub(super) struct Earlier {
    pub(super) done: HashSet<u64>,
    /// Statuses of documents that are done, to be counted; a later record takes an earlier one's place.
    statuses: HashMap<u64, Status>,
    /// Documents that were given up: they may have been put back since.
    given_up: HashSet<u64>,
}

impl Earlier {
    pub(super) fn see(&mut self, record: &Record) {
        let Some(id) = record.id.number() else { return };
        // What the budget had no room for is done again; the later record counts.
        if record.status == Status::Incomplete {
            return;
        }
        self.done.insert(id);
        if record.error.as_ref().is_some_and(|error| error.kind == FaultKind::Poison) {
            self.given_up.insert(id);
        } else {
            self.given_up.remove(&id);
        }
        self.statuses.insert(id, record.status);
    }

    pub(super) fn count(&mut self, tally: &Tally) {
        for status in std::mem::take(&mut self.statuses).into_values() {
            tally.recorded_earlier(status);
        }
    }
}

/// Takes up what the queue holds: those documents are in flight without being downloaded again. Returns how many.
pub(super) async fn resume(
    queue: &RedisQueue,
    held: &Held,
    log: &AcceptedLog,
    earlier: &mut Earlier,
    in_flight: &InFlight,
    tally: &Tally,
) -> Result<u32, RunError> {
    let (mut entered, mut anew) = (0, Vec::new());
    // Documents that were given up for what another with the same content did.
    let (mut copies, mut any_replayed) = (Vec::new(), false);
    for accepted in log.replay()? {
        let accepted = accepted?;
        let Some(id) = accepted.id.number() else { continue };
        let sequence = accepted.sequence;
        // It was put back, and may have been done again since.
        let replayed = earlier.given_up.contains(&id) && held.is_under_way(sequence);
        if earlier.given_up.contains(&id) && !held.was_pushed(sequence) {
            copies.push(id);
        }
        any_replayed |= replayed;
        if replayed {
            earlier.done.remove(&id);
            earlier.statuses.remove(&id);
        } else if earlier.done.contains(&id) {
            continue;
        }
        if replayed || held.is_under_way(sequence) {
            in_flight.enter_pushed(accepted);
            // Not to be let in once more.
            earlier.done.insert(id);
            tally.queued();
            entered += 1;
        } else if held.was_pushed(sequence) {
            anew.push(sequence);
        }
    }
    if any_replayed {
        for id in copies {
            earlier.done.remove(&id);
            earlier.statuses.remove(&id);
        }
    }
    queue.forget(&anew).await?;
    if entered > 0 {
        tracing::info!(documents = entered, "documents of an earlier part of the run are in the queue");
    }
    Ok(entered)
}
