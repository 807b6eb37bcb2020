//! Jobs and outcomes as they stand in streams.
//!
//! An entry of a ready stream has the fields `s` sequence, `j` the job's message without its body, one of `b` body,
//! `z` body as zstd, `r` nothing (the body has a key of its own), `n` bytes counted against the bound, `t` milliseconds of its
//! first push; and once it came back `c` counters and `h` history. An entry of the outcomes has sequences and outcomes in turn,
//! or, for a document that was given up, `w`, its last worker, and the fields of its job.

use std::collections::HashMap;

use bytes::Bytes;

use crate::{
    fault::{Fault, FaultKind},
    id::DocumentId,
    job::{AttemptCounters, Job, Priority},
    queue::given_up,
    record::{Outcome, Record},
    wire::{self, WireError},
};

/// Bodies from this many bytes on are compressed: below, it costs more than it saves.
const COMPRESSED_FROM: usize = 4 << 10;
/// Fast: a queue's bytes are short-lived.
const LEVEL: i32 = 1;
/// Most bytes that a packed body or outcome may unpack to.
const LARGEST: usize = 1 << 30;
/// How zstd's frames begin (RFC 8878, 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What a stream's entry says, by field.
pub(super) type Fields = HashMap<String, Bytes>;

/// From fields and values in turn.
pub(super) fn fields_of(flat: Vec<Bytes>) -> Fields {
    let mut fields = Fields::with_capacity(flat.len() / 2);
    let mut flat = flat.into_iter();
    while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
        fields.insert(String::from_utf8_lossy(&name).into_owned(), value);
    }
    fields
}

/// Where a job's body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the entry as it is.
    Plain,
    /// In the entry, compressed.
    Packed,
    /// In a key of its own; compressed when it begins so.
    Blob,
}

impl Place {
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Plain => "b",
            Self::Packed => "z",
            Self::Blob => "r",
        }
    }
}

/// A job ready to be pushed.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) sequence: u64,
    /// The stream it goes to, from 1: what comes back, high, normal, low.
    pub(super) lane: usize,
    pub(super) job: Vec<u8>,
    pub(super) place: Place,
    /// Goes into the entry, or into its own key.
    pub(super) body: Bytes,
    /// Bytes that job and body take in Redis, wherever the body stands.
    pub(super) size: usize,
}

impl Parcel {
    /// Packs a job whose body stands in its entry up to `inline` bytes.
    pub(super) fn of(job: &Job, inline: usize) -> Self {
        let packed = (job.body.len() >= COMPRESSED_FROM)
            .then(|| zstd::bulk::compress(&job.body, LEVEL).ok())
            .flatten();
        let packed = packed.filter(|packed| packed.len() < job.body.len());
        let (mut place, body) = match packed {
            Some(packed) => (Place::Packed, packed.into()),
            None => (Place::Plain, job.body.clone()),
        };
        if body.len() > inline {
            place = Place::Blob;
        }
        let lane = match job.priority {
            Priority::High => 2,
            Priority::Normal => 3,
            Priority::Low => 4,
        };
        let job_bytes = wire::encode_job(job);
        let size = job_bytes.len() + body.len();
        Self { sequence: job.sequence, lane, job: job_bytes, place, body, size }
    }
}

/// Why an entry is no job.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// Written by a newer program, or by none of ours.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A field is missing or no number.
    #[error("the entry lacks its field `{0}`")]
    Field(&'static str),
    /// The body is not what it is said to be.
    #[error("its body cannot be unpacked: {0}")]
    Body(std::io::Error),
    /// The body's own key was removed, by hand or with a run that had ended.
    #[error("its body is no longer in Redis")]
    Gone,
}

pub(super) fn number(fields: &Fields, name: &'static str) -> Result<u64, Unreadable> {
    fields.get(name).and_then(number_of).ok_or(Unreadable::Field(name))
}

fn number_of(value: &Bytes) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The job of an entry, without its body.
pub(super) fn job(fields: &Fields) -> Result<Job, Unreadable> {
    let mut job = wire::decode_job(fields.get("j").ok_or(Unreadable::Field("j"))?)?;
    if let Some(counts) = fields.get("c") {
        let text = std::str::from_utf8(counts).map_err(|_| Unreadable::Field("c"))?;
        let counts: Vec<u32> = text.split(' ').filter_map(|count| count.parse().ok()).collect();
        let [document_errors, worker_deaths, backpressure_waits, hand_backs] = counts[..] else {
            return Err(Unreadable::Field("c"));
        };
        job.counters = AttemptCounters { document_errors, worker_deaths, backpressure_waits, hand_backs };
    }
    Ok(job)
}

/// The body that stands in an entry; `None` when it has a key of its own.
pub(super) fn body(fields: &Fields) -> Result<Option<Stored>, Unreadable> {
    if let Some(plain) = fields.get("b") {
        return Ok(Some(Stored::Plain(plain.clone())));
    }
    match fields.get("z") {
        Some(packed) => Ok(Some(Stored::Packed(packed.clone()))),
        None if fields.contains_key("r") => Ok(None),
        None => Err(Unreadable::Field("b")),
    }
}

/// A body or an outcome as it stands in Redis.
#[derive(Debug)]
pub(super) enum Stored {
    /// As it is.
    Plain(Bytes),
    /// As zstd.
    Packed(Bytes),
}

impl Stored {
    /// What is compressed when it begins so.
    pub(super) fn of(bytes: Bytes) -> Self {
        if bytes.starts_with(&ZSTD_MAGIC) { Self::Packed(bytes) } else { Self::Plain(bytes) }
    }

    /// The most bytes that unpacking writes, as the frame says: none when nothing is packed.
    pub(super) fn to_unpack(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Packed(packed) => {
                zstd::bulk::Decompressor::upper_bound(packed).unwrap_or(LARGEST).min(LARGEST)
            }
        }
    }

    /// The bytes that were stored.
    pub(super) fn unpack(self) -> Result<Bytes, Unreadable> {
        let most = self.to_unpack();
        match self {
            Self::Plain(bytes) => Ok(bytes),
            Self::Packed(packed) => {
                zstd::bulk::decompress(&packed, most).map(Bytes::from).map_err(Unreadable::Body)
            }
        }
    }
}

/// An outcome as bytes.
pub(super) fn pack_outcome(outcome: &Outcome) -> Result<Vec<u8>, serde_json::Error> {
    let json = serde_json::to_vec(outcome)?;
    if json.len() < COMPRESSED_FROM {
        return Ok(json);
    }
    Ok(zstd::bulk::compress(&json, LEVEL).unwrap_or(json))
}

/// The outcomes in an entry of the results. One that cannot be read becomes a failure of its document, so that the
/// document still gets its record.
pub(super) fn outcomes(flat: Vec<Bytes>) -> Vec<Result<Outcome, Unreadable>> {
    if flat.first().is_some_and(|name| &name[..] == b"w") {
        let fields = fields_of(flat);
        let sequence = number(&fields, "s");
        return vec![
            sequence.map(|sequence| abandoned(&fields).unwrap_or_else(|error| unread(sequence, &error))),
        ];
    }
    let pairs = flat.chunks_exact(2).map(|pair| {
        let sequence = number_of(&pair[0]).ok_or(Unreadable::Field("s"))?;
        Ok(written(&pair[1]).unwrap_or_else(|error| unread(sequence, &error)))
    });
    pairs.collect()
}

/// Bytes of the outcomes in an entry of the results, once they are unpacked.
pub(super) fn outcome_bytes(flat: &[Bytes]) -> usize {
    flat.iter()
        .map(|value| value.len() + Stored::of(value.clone()).to_unpack())
        .fold(0, usize::saturating_add)
}

/// The sequences of the documents in an entry of the results.
pub(super) fn sequences(flat: Vec<Bytes>) -> Vec<u64> {
    if flat.first().is_some_and(|name| &name[..] == b"w") {
        return number(&fields_of(flat), "s").into_iter().collect();
    }
    flat.chunks_exact(2).filter_map(|pair| number_of(&pair[0])).collect()
}

fn unread(sequence: u64, error: &Unreadable) -> Outcome {
    let message = format!("what was found cannot be read back from Redis: {error}");
    let fault = Fault::new(FaultKind::Internal, message, "run the same command again with --fresh");
    let record = Record::without_answer(DocumentId::new(""), String::new(), Some(fault));
    Outcome { sequence, record, links: Vec::new(), base_href: None, final_url: None }
}

fn written(packed: &Bytes) -> Result<Outcome, Unreadable> {
    let unpacked = Stored::of(packed.clone()).unpack()?;
    serde_json::from_slice(&unpacked).map_err(|error| Unreadable::Wire(error.into()))
}

fn abandoned(fields: &Fields) -> Result<Outcome, Unreadable> {
    let job = job(fields)?;
    let history = history(fields);
    Ok(given_up(&job, &workers(&history), 0.0))
}

/// What happened to a job: a line each of milliseconds since 1970, what, and the worker.
pub(super) fn history(fields: &Fields) -> Vec<String> {
    let text = fields.get("h").map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The workers that a history names.
pub(super) fn workers(history: &[String]) -> Vec<&str> {
    history.iter().filter_map(|line| line.rsplit(' ').next()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::queue::conformance;

    fn entry(parcel: &Parcel) -> Fields {
        let mut fields = Fields::new();
        fields.insert("s".into(), parcel.sequence.to_string().into());
        fields.insert("j".into(), parcel.job.clone().into());
        fields.insert(parcel.place.field().into(), parcel.body.clone());
        fields
    }

    proptest! {
        #[test]
        fn a_job_comes_back_as_it_went(length in 0usize..20_000, compressible: bool, seed: u8) {
            let mut sent = conformance::job(7);
            let byte = |index: usize| if compressible { seed } else { fastrand::u8(..).wrapping_add(index as u8) };
            sent.body = (0..length).map(byte).collect::<Vec<_>>().into();
            let parcel = Parcel::of(&sent, 1 << 20);
            let fields = entry(&parcel);
            let mut back = job(&fields).unwrap();
            back.body = body(&fields).unwrap().unwrap().unpack().unwrap();
            prop_assert_eq!(back, sent);
        }

        #[test]
        fn arbitrary_entries_are_refused_or_read_but_never_a_panic(
            values in proptest::collection::hash_map("[sjbzrntchwo]", proptest::collection::vec(any::<u8>(), 0..64), 0..8)
        ) {
            let fields: Fields = values.into_iter().map(|(name, value)| (name, value.into())).collect();
            let flat: Vec<Bytes> = fields.iter().flat_map(|(name, value)| [name.clone().into(), value.clone()]).collect();
            let unpacked = body(&fields).map(|body| body.map(Stored::unpack));
            let _ = (job(&fields), unpacked, outcome_bytes(&flat), outcomes(flat));
        }
    }

    #[test]
    fn an_outcome_that_cannot_be_read_is_a_failure_of_its_document() {
        let outcome = outcomes(vec![Bytes::from("7"), Bytes::from("{\"seq")]).remove(0).unwrap();
        assert_eq!(outcome.sequence, 7);
        assert_eq!(outcome.record.error.unwrap().kind, FaultKind::Internal);
    }

    #[test]
    fn a_large_body_gets_a_key_of_its_own() {
        let mut job = conformance::job(1);
        job.body = (0..100_000).map(|_| fastrand::u8(..)).collect::<Vec<_>>().into();
        let parcel = Parcel::of(&job, 64 << 10);
        assert_eq!(parcel.place, Place::Blob);
        assert!(parcel.size > job.body.len(), "a body in a key of its own counts like any other");
        assert_eq!(Stored::of(parcel.body).unpack().unwrap(), job.body);
    }

    #[test]
    fn what_unpacks_to_much_is_known_before_it_is_unpacked() {
        let mut job = conformance::job(1);
        job.body = vec![b'a'; 4 << 20].into();
        let parcel = Parcel::of(&job, 64 << 10);
        assert_eq!(parcel.place, Place::Packed, "{} bytes", parcel.body.len());
        assert_eq!(body(&entry(&parcel)).unwrap().unwrap().to_unpack(), 4 << 20);
        assert!(outcome_bytes(&["7".into(), parcel.body]) > 4 << 20);
        assert_eq!(Stored::of(job.body).to_unpack(), 0);
    }
}
