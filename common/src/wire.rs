//! The one conversion between domain types and protobuf.
//!
//! No other file names a message of `sheaf-proto`; a test in `tests/` holds the house to that.

pub mod fleet;

use bytes::Bytes;
use prost::Message;
use sheaf_proto::v1;

use crate::{
    fault::{Fault, FaultKind},
    id::{ContentHash, DocumentId, RunId},
    job::{AnalysisOptions, AttemptCounters, Extraction, FORMAT_VERSION, Job, Priority},
    record::Finding,
};

/// Why bytes are not the message they were taken for.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not protobuf of this shape.
    #[error("the message cannot be decoded: {0}")]
    Decode(#[from] prost::DecodeError),
    /// A finding that is not the JSON of a finding.
    #[error("the finding in the message cannot be read: {0}")]
    Finding(#[from] serde_json::Error),
    /// A field that must be there is not.
    #[error("the message lacks its field `{0}`")]
    Missing(&'static str),
    /// A field has a value that it cannot have.
    #[error("the message's field `{field}` has the unusable value {value}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// Written by a newer program.
    #[error("the job has format {found}, this program reads up to {FORMAT_VERSION}: update this program")]
    NewerFormat {
        /// The job's format.
        found: u32,
    },
}

/// A job as bytes, without its body, which travels beside it.
pub fn encode_job(job: &Job) -> Vec<u8> {
    v1::Job { body: Bytes::new(), ..job_message(job) }.encode_to_vec()
}

/// Reads what [`encode_job`] wrote; the body is empty.
pub fn decode_job(bytes: &[u8]) -> Result<Job, WireError> {
    job_of(v1::Job::decode(bytes)?)
}

/// A task for a parsing child process, as bytes.
pub fn encode_task(job: &Job, options: AnalysisOptions) -> Vec<u8> {
    v1::ChildTask { job: Some(job_message(job)), options: Some(options_message(options)) }.encode_to_vec()
}

/// Reads what [`encode_task`] wrote.
pub fn decode_task(bytes: Bytes) -> Result<(Job, AnalysisOptions), WireError> {
    let task = v1::ChildTask::decode(bytes)?;
    let job = job_of(task.job.ok_or(WireError::Missing("job"))?)?;
    let options = options_of(task.options.ok_or(WireError::Missing("options"))?)?;
    Ok((job, options))
}

/// A parsing child's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What was found, or why nothing was.
    pub outcome: Result<Finding, Fault>,
    /// Resident memory of the child afterwards.
    pub resident_bytes: u64,
}

/// A parsing child's answer, as bytes.
pub fn encode_reply(reply: &Reply) -> Result<Vec<u8>, WireError> {
    let result = match &reply.outcome {
        Ok(finding) => v1::child_reply::Result::FindingJson(serde_json::to_vec(finding)?.into()),
        Err(fault) => v1::child_reply::Result::Fault(v1::Fault {
            kind: fault.kind.name().to_owned(),
            message: fault.message.clone(),
            hint: fault.hint.clone(),
        }),
    };
    Ok(v1::ChildReply { result: Some(result), resident_bytes: reply.resident_bytes }.encode_to_vec())
}

/// Reads what [`encode_reply`] wrote.
pub fn decode_reply(bytes: Bytes) -> Result<Reply, WireError> {
    let reply = v1::ChildReply::decode(bytes)?;
    let outcome = match reply.result.ok_or(WireError::Missing("result"))? {
        v1::child_reply::Result::FindingJson(json) => Ok(serde_json::from_slice(&json)?),
        v1::child_reply::Result::Fault(fault) => Err(Fault {
            kind: FaultKind::from_name(&fault.kind)
                .ok_or_else(|| WireError::Invalid { field: "fault.kind", value: fault.kind.clone() })?,
            message: fault.message,
            hint: fault.hint,
        }),
    };
    Ok(Reply { outcome, resident_bytes: reply.resident_bytes })
}

fn options_message(options: AnalysisOptions) -> v1::AnalysisOptions {
    v1::AnalysisOptions {
        extraction: effort(options.extraction).into(),
        include_text: options.include_text,
        include_links: options.include_links,
    }
}

fn options_of(options: v1::AnalysisOptions) -> Result<AnalysisOptions, WireError> {
    let extraction = match options.extraction() {
        v1::ExtractionEffort::Fast => Extraction::Fast,
        v1::ExtractionEffort::Auto => Extraction::Auto,
        v1::ExtractionEffort::Best => Extraction::Best,
        v1::ExtractionEffort::Unspecified => return Err(WireError::Missing("options.extraction")),
    };
    Ok(AnalysisOptions {
        extraction,
        include_text: options.include_text,
        include_links: options.include_links,
    })
}

fn effort(extraction: Extraction) -> v1::ExtractionEffort {
    match extraction {
        Extraction::Fast => v1::ExtractionEffort::Fast,
        Extraction::Auto => v1::ExtractionEffort::Auto,
        Extraction::Best => v1::ExtractionEffort::Best,
    }
}

fn job_message(job: &Job) -> v1::Job {
    v1::Job {
        format_version: FORMAT_VERSION,
        run_id: job.run.to_string(),
        document_id: job.id.to_string(),
        sequence: job.sequence,
        source: job.source.clone(),
        declared_content_type: job.declared_content_type.clone().unwrap_or_default(),
        file_name: job.file_name.clone().unwrap_or_default(),
        body: job.body.clone(),
        body_sha256: Bytes::copy_from_slice(&job.hash.0),
        fetch_us: job.fetch_us,
        fetch_attempts: job.fetch_attempts,
        counters: Some(v1::AttemptCounters {
            document_errors: job.counters.document_errors,
            worker_deaths: job.counters.worker_deaths,
            backpressure_waits: job.counters.backpressure_waits,
            hand_backs: job.counters.hand_backs,
        }),
        final_url: job.final_url.clone().unwrap_or_default(),
        priority: match job.priority {
            Priority::High => v1::Priority::High,
            Priority::Normal => v1::Priority::Normal,
            Priority::Low => v1::Priority::Low,
        }
        .into(),
    }
}

fn job_of(job: v1::Job) -> Result<Job, WireError> {
    if job.format_version > FORMAT_VERSION {
        return Err(WireError::NewerFormat { found: job.format_version });
    }
    let counters = job.counters.unwrap_or_default();
    let priority = match job.priority() {
        v1::Priority::High => Priority::High,
        v1::Priority::Normal | v1::Priority::Unspecified => Priority::Normal,
        v1::Priority::Low => Priority::Low,
    };
    let hash: [u8; 32] = job.body_sha256.as_ref().try_into().map_err(|_| WireError::Invalid {
        field: "job.body_sha256",
        value: format!("of {} bytes", job.body_sha256.len()),
    })?;
    let stated = |text: String| (!text.is_empty()).then_some(text);
    Ok(Job {
        run: RunId::new(job.run_id),
        id: DocumentId::new(job.document_id),
        sequence: job.sequence,
        source: job.source,
        final_url: stated(job.final_url),
        declared_content_type: stated(job.declared_content_type),
        file_name: stated(job.file_name),
        body: job.body,
        hash: ContentHash(hash),
        fetch_us: job.fetch_us,
        fetch_attempts: job.fetch_attempts,
        counters: AttemptCounters {
            document_errors: counters.document_errors,
            worker_deaths: counters.worker_deaths,
            backpressure_waits: counters.backpressure_waits,
            hand_backs: counters.hand_backs,
        },
        priority,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn job(source: String, body: Vec<u8>, counters: [u32; 4]) -> Job {
        let [document_errors, worker_deaths, backpressure_waits, hand_backs] = counters;
        Job {
            run: RunId::new("r"),
            id: DocumentId::of_source(source.as_bytes()),
            sequence: 7,
            source,
            final_url: Some("https://example.org/b".to_owned()),
            declared_content_type: None,
            file_name: Some("a.html".to_owned()),
            hash: ContentHash::of(&body),
            body: body.into(),
            fetch_us: 12,
            fetch_attempts: 2,
            counters: AttemptCounters { document_errors, worker_deaths, backpressure_waits, hand_backs },
            priority: Priority::Low,
        }
    }

    proptest! {
        #[test]
        fn a_task_comes_back_as_it_went(source: String, body: Vec<u8>, counters: [u32; 4], text: bool, links: bool) {
            let job = job(source, body, counters);
            let options =
                AnalysisOptions { extraction: Extraction::Best, include_text: text, include_links: links };
            prop_assert_eq!(decode_task(encode_task(&job, options).into()).unwrap(), (job, options));
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_read_but_never_a_panic(bytes: Vec<u8>) {
            let _ = decode_task(Bytes::from(bytes.clone()));
            let _ = decode_reply(bytes.into());
        }
    }

    #[test]
    fn a_fault_comes_back_as_it_went() {
        let fault = Fault::new(FaultKind::ParseMemory, "took too much", "raise --parse-memory");
        let reply = Reply { outcome: Err(fault), resident_bytes: 5 };
        assert_eq!(decode_reply(encode_reply(&reply).unwrap().into()).unwrap(), reply);
    }

    #[test]
    fn a_newer_job_is_refused_with_both_versions() {
        let mut message = job_message(&job("a".to_owned(), vec![], [0; 4]));
        message.format_version = FORMAT_VERSION + 1;
        let error = job_of(message).unwrap_err().to_string();
        assert_eq!(error, "the job has format 2, this program reads up to 1: update this program");
    }
}
