//! Names of runs, documents, workers and attempts.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// Takes a name as it stands.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A run: one set of sources analysed into one output folder.
    RunId
}
name! {
    /// A worker process; unique for each start of a process.
    WorkerId
}
name! {
    /// A document of a run: 16 hexadecimal digits, the same on every run over the same source.
    DocumentId
}

impl DocumentId {
    /// The id of the document with this canonical source (a canonical URL, or the bytes of a canonical path).
    ///
    /// The first 64 bits of SHA-256: among a million documents two share an id with a chance of 3 in 10⁸.
    pub fn of_source(canonical: &[u8]) -> Self {
        Self(hex(&Sha256::digest(canonical)[..8]))
    }

    /// The id as a number, for tables with an entry a document; `None` for a name that is not an id.
    pub fn number(&self) -> Option<u64> {
        u64::from_str_radix(&self.0, 16).ok()
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// SHA-256 of a document's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// Hashes `body`.
    pub fn of(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Tells one delivery of a job from the next: a commit with the token of an earlier delivery is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptToken {
    /// Where the queue has the job.
    pub(crate) place: u16,
    /// Unique there, for ever.
    pub(crate) number: u128,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_ids_are_stable_and_distinct() {
        let id = DocumentId::of_source(b"https://example.org/a");
        assert_eq!(id, DocumentId::of_source(b"https://example.org/a"));
        assert_ne!(id, DocumentId::of_source(b"https://example.org/b"));
        assert_eq!(id.as_str().len(), 16);
    }

    #[test]
    fn content_hash_is_sha_256() {
        let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(ContentHash::of(b"").to_string(), of_nothing);
    }
}
