//! What an operator sees and asks, as messages.

use std::time::Duration;

use sheaf_proto::v1::{self, command_request};

use super::{exchange, field};
use crate::{
    fleet::{Command, Counts, RosterEntry, WorkerState},
    id::WorkerId,
    wire::WireError,
};

pub(super) fn entry_message(entry: RosterEntry) -> v1::RosterEntry {
    let RosterEntry { worker, name, host, version, state, load, done, silent_for, unwell } = entry;
    v1::RosterEntry {
        worker_id: worker.to_string(),
        name,
        host,
        version,
        state: match state {
            WorkerState::Joining => v1::WorkerState::Joining,
            WorkerState::Working => v1::WorkerState::Working,
            WorkerState::Paused => v1::WorkerState::Paused,
            WorkerState::Draining => v1::WorkerState::Draining,
            WorkerState::Lost => v1::WorkerState::Lost,
        }
        .into(),
        load: Some(exchange::load_message(load)),
        done,
        silent_ms: field::milliseconds(silent_for),
        unwell: unwell.unwrap_or_default(),
    }
}

pub(super) fn entry_of(entry: v1::RosterEntry) -> Result<RosterEntry, WireError> {
    let state = match entry.state() {
        v1::WorkerState::Joining => WorkerState::Joining,
        v1::WorkerState::Working => WorkerState::Working,
        v1::WorkerState::Paused => WorkerState::Paused,
        v1::WorkerState::Draining => WorkerState::Draining,
        v1::WorkerState::Lost => WorkerState::Lost,
        v1::WorkerState::Unspecified => return Err(WireError::Missing("state")),
    };
    let unwell = field::text("unwell", entry.unwell, field::SENTENCE_BYTES)?;
    Ok(RosterEntry {
        worker: field::worker(entry.worker_id)?,
        name: field::name("name", entry.name)?,
        host: field::name("host", entry.host)?,
        version: field::name("version", entry.version)?,
        state,
        load: exchange::load_of(entry.load.ok_or(WireError::Missing("load"))?)?,
        done: entry.done,
        silent_for: Duration::from_millis(entry.silent_ms),
        unwell: (!unwell.is_empty()).then_some(unwell),
    })
}

pub(super) fn command_message(worker: &WorkerId, command: Command) -> v1::CommandRequest {
    v1::CommandRequest {
        worker_id: worker.to_string(),
        command: Some(match command {
            Command::Drain => command_request::Command::Drain(v1::Drain {}),
            Command::Pause => command_request::Command::Pause(v1::Pause {}),
            Command::Resume => command_request::Command::Resume(v1::Resume {}),
        }),
    }
}

pub(super) fn command_of(request: v1::CommandRequest) -> Result<(WorkerId, Command), WireError> {
    let command = match request.command.ok_or(WireError::Missing("command"))? {
        command_request::Command::Drain(_) => Command::Drain,
        command_request::Command::Pause(_) => Command::Pause,
        command_request::Command::Resume(_) => Command::Resume,
    };
    Ok((field::worker(request.worker_id)?, command))
}

pub(super) fn counts_message(counts: Counts) -> v1::CountsResponse {
    let Counts { workers, lost, closed, in_flight, slots, done, backlog, wanted_workers } = counts;
    v1::CountsResponse { workers, lost, closed, in_flight, slots, done, backlog, wanted_workers }
}

pub(super) fn counts_of(response: v1::CountsResponse) -> Counts {
    let v1::CountsResponse { workers, lost, closed, in_flight, slots, done, backlog, wanted_workers } =
        response;
    Counts { workers, lost, closed, in_flight, slots, done, backlog, wanted_workers }
}
