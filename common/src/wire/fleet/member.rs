//! Registration and welcome as messages.

use sheaf_proto::v1;

use super::{assignment, field};
use crate::{
    fleet::{Registration, Welcome},
    wire::WireError,
};

pub(super) fn registration_message(registration: Registration) -> v1::RegisterRequest {
    let Registration { worker, name, host, cores, memory_bytes, modes, version, protocol, models } =
        registration;
    v1::RegisterRequest {
        worker_id: worker.to_string(),
        name,
        host,
        cores,
        memory_bytes,
        modes: modes.into_iter().map(|mode| assignment::mode_message(mode).into()).collect(),
        version,
        protocol,
        models,
    }
}

pub(super) fn registration_of(request: v1::RegisterRequest) -> Result<Registration, WireError> {
    // A mode that this program does not know is one that it never asks for.
    let modes = request.modes().filter_map(|mode| assignment::mode_of(mode).ok()).collect();
    Ok(Registration {
        worker: field::worker(request.worker_id)?,
        name: field::name("name", request.name)?,
        host: field::name("host", request.host)?,
        cores: request.cores,
        memory_bytes: request.memory_bytes,
        modes: field::list("modes", modes)?,
        version: field::name("version", request.version)?,
        protocol: request.protocol,
        models: field::list("models", request.models)?
            .into_iter()
            .map(|model| field::name("models", model))
            .collect::<Result<_, _>>()?,
    })
}

pub(super) fn welcome_message(welcome: Welcome) -> v1::RegisterResponse {
    let Welcome { worker, protocol, version, lease, heartbeat, runs } = welcome;
    v1::RegisterResponse {
        worker_id: worker.to_string(),
        protocol,
        version,
        lease_ms: field::milliseconds(lease),
        heartbeat_ms: field::milliseconds(heartbeat),
        runs: runs.into_iter().map(assignment::message).collect(),
    }
}

pub(super) fn welcome_of(response: v1::RegisterResponse) -> Result<Welcome, WireError> {
    let runs = field::list("runs", response.runs)?.into_iter();
    Ok(Welcome {
        worker: field::worker(response.worker_id)?,
        protocol: response.protocol,
        version: field::name("version", response.version)?,
        lease: field::period("lease_ms", response.lease_ms)?,
        heartbeat: field::period("heartbeat_ms", response.heartbeat_ms)?,
        runs: runs.map(assignment::of).collect::<Result<_, _>>()?,
    })
}
