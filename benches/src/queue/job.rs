//! A job, its work and its outcome.

use bytes::Bytes;
use sheaf_common::{
    fault::{Fault, FaultKind},
    id::{ContentHash, DocumentId, RunId, WorkerId},
    job::{AttemptCounters, Job, Priority},
    queue::Leased,
    record::Outcome,
};

use crate::ledger::digest;

/// Bytes of a job's body.
pub(super) const BODY: usize = 2_000;

/// The job of a number.
pub(super) fn job(run: &RunId, number: u64) -> Job {
    Job {
        run: run.clone(),
        id: DocumentId::of_source(&number.to_be_bytes()),
        sequence: number,
        source: format!("https://example.org/documents/{number}"),
        final_url: Some(format!("https://example.org/documents/{number}")),
        declared_content_type: Some("text/html; charset=utf-8".to_owned()),
        file_name: None,
        hash: ContentHash([0; 32]),
        body: Bytes::from(body(number)),
        fetch_us: 1_000,
        fetch_attempts: 1,
        counters: AttemptCounters::default(),
        priority: Priority::Normal,
    }
}

fn body(number: u64) -> String {
    let mut body = format!("{number:016x}").repeat(BODY.div_ceil(16));
    body.truncate(BODY);
    body
}

/// What the outcome of a job must carry.
pub(super) fn right(number: u64) -> u64 {
    digest(body(number).as_bytes())
}

/// The outcome of a job, its work done: the digest of what arrived as its body.
pub(super) fn outcome(leased: &Leased, worker: &WorkerId) -> Outcome {
    carrying(leased, worker, digest(&leased.job.body))
}

/// An outcome that carries this digest, where a record has room for words.
pub(super) fn carrying(leased: &Leased, worker: &WorkerId, digest: u64) -> Outcome {
    let fault = Fault::new(FaultKind::Empty, format!("{digest:016x}"), "");
    Outcome::of(&leased.job, worker, 0.0, Err(fault))
}

/// The digest that an outcome carries.
pub(super) fn carried(outcome: &Outcome) -> Option<u64> {
    u64::from_str_radix(&outcome.record.error.as_ref()?.message, 16).ok()
}
