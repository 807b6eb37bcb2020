//! Which contents the run has met: the same bytes are analysed once.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use sheaf_common::{id::ContentHash, record::Timings};

use crate::folder::{Accepted, Recorded};

/// A document whose content another one has too.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) accepted: Accepted,
    pub(crate) attempts: u32,
    pub(crate) timings: Timings,
}

/// What is to be done with a downloaded document.
#[derive(Debug)]
pub(crate) enum Claim {
    /// Nobody has it: analyse it.
    Fresh,
    /// It is being analysed: the copy waits in here for the answer.
    Waiting,
    /// It was analysed: the answer is this record's.
    Answered(Recorded, Box<Copy>),
}

/// Contents by hash, 48 bytes each.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    met: Mutex<HashMap<[u8; 16], Known>>,
}

#[derive(Debug)]
enum Known {
    /// Being analysed; these wait. Bounded by how many documents are in flight.
    InFlight(Vec<Copy>),
    Answered(Recorded),
}

impl Contents {
    /// Remembers a record of an earlier part of the run.
    pub(crate) fn remember(&self, hash: [u8; 16], recorded: Recorded) {
        self.met().entry(hash).or_insert(Known::Answered(recorded));
    }

    /// Claims a content for a document.
    pub(crate) fn claim(&self, hash: &ContentHash, copy: Copy) -> Claim {
        match self.met().entry(key(hash)) {
            Entry::Vacant(vacant) => {
                vacant.insert(Known::InFlight(Vec::new()));
                Claim::Fresh
            }
            Entry::Occupied(mut known) => match known.get_mut() {
                Known::InFlight(waiting) => {
                    waiting.push(copy);
                    Claim::Waiting
                }
                Known::Answered(recorded) => Claim::Answered(*recorded, Box::new(copy)),
            },
        }
    }

    /// The answer for a claimed content: `Some` when it may be used again, `None` when a later document with the same
    /// content is to be analysed for itself. Returns the copies that waited.
    pub(crate) fn settle(&self, hash: &ContentHash, answer: Option<Recorded>) -> Vec<Copy> {
        let mut met = self.met();
        let known = match answer {
            Some(recorded) => met.insert(key(hash), Known::Answered(recorded)),
            None => met.remove(&key(hash)),
        };
        match known {
            Some(Known::InFlight(waiting)) => waiting,
            _ => Vec::new(),
        }
    }

    fn met(&self) -> MutexGuard<'_, HashMap<[u8; 16], Known>> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Half a SHA-256: two of 10⁹ contents meet by chance once in 10²⁰ runs.
pub(crate) fn key(hash: &ContentHash) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&hash.0[..16]);
    key
}

/// The key of a hash as records write it.
pub(crate) fn key_of_hex(sha256: &str) -> Option<[u8; 16]> {
    let digits = sha256.get(..32)?;
    u128::from_str_radix(digits, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_and_its_hexadecimal_form_have_one_key() {
        let hash = ContentHash::of(b"x");
        assert_eq!(key_of_hex(&hash.to_string()), Some(key(&hash)));
        assert_eq!(key_of_hex("short"), None);
        assert_eq!(key_of_hex(&"é".repeat(32)), None);
    }
}
