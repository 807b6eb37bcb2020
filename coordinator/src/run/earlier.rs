//! What earlier parts of the run have done, and what they left in the queue.

use sheaf_common::{
    fault::FaultKind,
    id::DocumentId,
    queue::{Held, RedisQueue},
    record::{Record, Status},
};
use sheaf_table::{Scratch, Table, TableError};

use super::RunError;
use crate::{
    folder::{AcceptedLog, FolderError},
    progress::Tally,
    recorder::InFlight,
};

/// Documents that the queue is told at once to forget.
const FORGOTTEN: usize = 1_000;

/// What the records of earlier parts of the run say, by the number of the document's id.
#[derive(Debug)]
pub(super) struct Earlier(Table<u64, StoredLeft>);

/// How an earlier part of the run left a document that is not to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// It has its record; a later record takes an earlier one's place.
    Done(Status),
    /// It was given up: it may have been put back since.
    GivenUp(Status),
    /// It was given up, for what another document with the same content did.
    GivenUpAsCopy(Status),
    /// It is in the queue.
    Queued,
}

type StoredLeft = [u8; 2];

impl Earlier {
    pub(super) fn new(tables: &Scratch) -> Result<Self, TableError> {
        tables.table("what was done before").map(Self)
    }

    pub(super) fn see(&self, record: &Record) -> Result<(), TableError> {
        let Some(id) = record.id.number() else { return Ok(()) };
        // What the budget had no room for is done again; the later record counts.
        if record.status == Status::Incomplete {
            return Ok(());
        }
        let given_up = record.error.as_ref().is_some_and(|error| error.kind == FaultKind::Poison);
        let left = if given_up { Left::GivenUp } else { Left::Done };
        let left = left(record.status);
        self.0.put(id, &left.stored())
    }

    /// Whether the document is not to be let in.
    pub(super) fn is_done(&self, id: &DocumentId) -> Result<bool, TableError> {
        let Some(id) = id.number() else { return Ok(false) };
        Ok(self.0.get(id)?.is_some())
    }

    /// Counts the documents that have a record.
    pub(super) fn count(&self, tally: &Tally) -> Result<(), FolderError> {
        for entry in self.0.scan() {
            if let Some(status) = Left::of(entry?.1).and_then(Left::status) {
                tally.recorded_earlier(status);
            }
        }
        Ok(())
    }

    fn left(&self, id: u64) -> Result<Option<Left>, FolderError> {
        Ok(self.0.get(id)?.and_then(Left::of))
    }

    fn leave(&self, id: u64, left: Left) -> Result<(), FolderError> {
        Ok(self.0.put(id, &left.stored())?)
    }

    /// Documents that were given up for what others did are to be let in again.
    fn take_up_copies(&self) -> Result<(), FolderError> {
        for entry in self.0.scan() {
            let (id, left) = entry?;
            if let Some(Left::GivenUpAsCopy(_)) = Left::of(left) {
                self.0.remove(id)?;
            }
        }
        Ok(())
    }
}

impl Left {
    fn status(self) -> Option<Status> {
        match self {
            Self::Done(status) | Self::GivenUp(status) | Self::GivenUpAsCopy(status) => Some(status),
            Self::Queued => None,
        }
    }

    fn stored(self) -> StoredLeft {
        let way = match self {
            Self::Done(_) => 0,
            Self::GivenUp(_) => 1,
            Self::GivenUpAsCopy(_) => 2,
            Self::Queued => 3,
        };
        let number = |status| Status::ALL.iter().position(|one| *one == status);
        [way, self.status().and_then(number).unwrap_or_default() as u8]
    }

    fn of([way, status]: StoredLeft) -> Option<Self> {
        let status = *Status::ALL.get(usize::from(status))?;
        match way {
            0 => Some(Self::Done(status)),
            1 => Some(Self::GivenUp(status)),
            2 => Some(Self::GivenUpAsCopy(status)),
            3 => Some(Self::Queued),
            _ => None,
        }
    }
}

/// Documents that are looked at before others on the runtime have their turn.
const BREATH: u64 = 1_000;

/// Takes up what the queue holds: those documents are in flight without being downloaded again. Returns how many.
pub(super) async fn resume(
    queue: &RedisQueue,
    held: &Held,
    log: &AcceptedLog,
    earlier: &Earlier,
    in_flight: &InFlight,
    tally: &Tally,
) -> Result<u32, RunError> {
    let (mut entered, mut anew) = (0, Vec::new());
    let mut any_replayed = false;
    for accepted in log.replay()? {
        let accepted = accepted?;
        let Some(id) = accepted.id.number() else { continue };
        let sequence = accepted.sequence;
        if sequence % BREATH == 0 {
            tokio::task::yield_now().await;
        }
        match earlier.left(id)? {
            // It was put back, and may have been done again since.
            Some(Left::GivenUp(_)) if held.is_under_way(sequence) => any_replayed = true,
            Some(Left::GivenUp(status)) if !held.was_pushed(sequence) => {
                earlier.leave(id, Left::GivenUpAsCopy(status))?;
                continue;
            }
            Some(_) => continue,
            None => {}
        }
        if held.is_under_way(sequence) {
            in_flight.enter_pushed(accepted);
            // Not to be let in once more.
            earlier.leave(id, Left::Queued)?;
            tally.queued();
            entered += 1;
        } else if held.was_pushed(sequence) {
            anew.push(sequence);
            if anew.len() == FORGOTTEN {
                queue.forget(&anew).await?;
                anew.clear();
            }
        }
    }
    if any_replayed {
        earlier.take_up_copies()?;
    }
    queue.forget(&anew).await?;
    if entered > 0 {
        tracing::info!(documents = entered, "documents of an earlier part of the run are in the queue");
    }
    Ok(entered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_read_as_it_was_stored() {
        let ways = [Left::Done, Left::GivenUp, Left::GivenUpAsCopy];
        let all = Status::ALL.iter().flat_map(|status| ways.map(|way| way(*status)));
        for left in all.chain([Left::Queued]) {
            assert_eq!(Left::of(left.stored()), Some(left));
        }
    }
}
