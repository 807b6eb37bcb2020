//! An answer as bytes, as it stands in Redis. Whatever is not exactly what was written is refused.
//!
//! ```text
//! 0        4         5          21           53
//! | ShfA   | version | checksum | scope, content | zstd frame of the answer's JSON
//! ```
//!
//! The checksum is the first half of a SHA-256 over the version and all that follows the checksum. Magic, version and
//! checksum stand there in every version, and none is larger: so a damaged entry is told from one of a newer program.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::{answer::Answer, unit::UnitKey};

const MAGIC: [u8; 4] = *b"ShfA";
const VERSION: u8 = 1;
/// Where the parts begin.
const CHECKSUM: usize = 5;
const KEY: usize = 21;
const BODY: usize = 53;
/// Most bytes of an entry.
pub(super) const MOST_PACKED: usize = 64 << 10;
/// Most bytes that one unpacks to.
const MOST_UNPACKED: usize = 1 << 20;
/// Answers of more bytes of JSON are packed and unpacked beside the runtime: at some 100 MB/s they take most of a
/// millisecond.
const HEAVY: usize = 64 << 10;
/// Answers are written once and read often, and are small: the default of zstd.
const LEVEL: i32 = 3;

/// Why an entry is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Garbage, cut short, damaged, or no string at all.
    Corrupt,
    /// Written by a newer program, which can read it.
    Newer,
    /// The answer of another unit.
    WrongKey,
    /// It has, or would unpack to, more bytes than an answer may have.
    TooLarge,
    /// Read well, and of no use to whoever asked: it does not satisfy its stage's schema.
    Invalid,
}

impl Refusal {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Corrupt, Self::Newer, Self::WrongKey, Self::TooLarge, Self::Invalid];
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Corrupt => "it is damaged",
            Self::Newer => "a newer program has written it",
            Self::WrongKey => "it belongs to another document",
            Self::TooLarge => "it is too large",
            Self::Invalid => "its answer does not satisfy the stage's schema",
        })
    }
}

/// How the first bytes of an entry and its length tell it from whatever takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) begins: Vec<u8>,
    pub(super) length: usize,
}

impl Mark {
    pub(super) fn of(frame: &[u8]) -> Self {
        let begins = frame.get(..KEY).unwrap_or(frame).to_vec();
        Self { begins, length: frame.len() }
    }
}

/// An answer as bytes. Refused are those too large to be kept, and those with numbers that JSON has not.
pub(super) fn pack(key: &UnitKey, answer: &Answer) -> Result<Vec<u8>, Refusal> {
    if !answer.requests.is_finite() || !answer.usage.cost_usd.is_finite() {
        return Err(Refusal::Invalid);
    }
    let json = serde_json::to_vec(answer).map_err(|_| Refusal::Invalid)?;
    if json.len() > MOST_UNPACKED {
        return Err(Refusal::TooLarge);
    }
    let body = zstd::bulk::compress(&json, LEVEL).map_err(|_| Refusal::TooLarge)?;
    if BODY + body.len() > MOST_PACKED {
        return Err(Refusal::TooLarge);
    }
    Ok(framed(VERSION, key, &body))
}

fn framed(version: u8, key: &UnitKey, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(BODY + body.len());
    frame.extend(MAGIC);
    frame.push(version);
    frame.extend([0; KEY - CHECKSUM]);
    frame.extend(key.scope.bytes());
    frame.extend(key.content);
    frame.extend(body);
    let checksum = checksum(&frame);
    frame[CHECKSUM..KEY].copy_from_slice(&checksum);
    frame
}

/// Of a frame with all its fields.
fn checksum(frame: &[u8]) -> [u8; KEY - CHECKSUM] {
    let mut hash = Sha256::new();
    hash.update(&frame[MAGIC.len()..CHECKSUM]);
    hash.update(&frame[KEY..]);
    std::array::from_fn({
        let hash = hash.finalize();
        move |at| hash[at]
    })
}

/// The answer of `key`, if that is what `frame` holds.
pub(super) fn unpack(key: &UnitKey, frame: &[u8]) -> Result<Answer, Refusal> {
    if frame.len() > MOST_PACKED {
        return Err(Refusal::TooLarge);
    }
    if frame.len() < BODY || frame[..MAGIC.len()] != MAGIC || frame[CHECKSUM..KEY] != checksum(frame) {
        return Err(Refusal::Corrupt);
    }
    match frame[MAGIC.len()] {
        VERSION => {}
        version if version > VERSION => return Err(Refusal::Newer),
        _ => return Err(Refusal::Corrupt),
    }
    let (scope, content) = frame[KEY..BODY].split_at(key.scope.bytes().len());
    if scope != key.scope.bytes() || content != key.content {
        return Err(Refusal::WrongKey);
    }
    let body = &frame[BODY..];
    // What a frame says of its size is believed only to refuse it: more than that is never unpacked.
    let size = zstd::bulk::Decompressor::upper_bound(body).ok_or(Refusal::Corrupt)?;
    if size > MOST_UNPACKED {
        return Err(Refusal::TooLarge);
    }
    let json = zstd::bulk::decompress(body, size).map_err(|_| Refusal::Corrupt)?;
    serde_json::from_slice(&json).map_err(|_| Refusal::Corrupt)
}

/// Whether unpacking takes too long for a thread of the runtime.
pub(super) fn is_heavy(frame: &[u8]) -> bool {
    frame.len() > BODY
        && zstd::bulk::Decompressor::upper_bound(&frame[BODY..])
            .is_some_and(|size| (HEAVY..=MOST_UNPACKED).contains(&size))
}

/// The same for packing an answer that takes so many bytes in memory.
pub(super) fn is_heavy_to_pack(bytes: usize) -> bool {
    bytes >= HEAVY
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
