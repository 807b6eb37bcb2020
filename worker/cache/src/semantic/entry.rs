//! An entry: a unit that was answered, its vector and its signature.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    embedder::MOST_DIMENSION,
    guard::Signature,
    unit::{Scope, UnitKey},
};

/// Of another version nothing is read.
const VERSION: u8 = 1;
const HEAD: usize = 1 + 16 + 16 + 8 + 8 + 2;
const CHECK: usize = 8;

/// A unit that was answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: UnitKey,
    /// The document, as a number.
    pub(super) of: u64,
    pub(super) vector: Packed,
    pub(super) signature: Signature,
}

/// A vector in a byte a number: its direction, which is all that a cosine asks for. The largest number becomes 127, so the
/// cosine of two is off by less than 0.005.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed(pub(super) Vec<i8>);

impl Packed {
    pub(super) fn new(vector: &[f32]) -> Self {
        let largest = vector.iter().fold(f32::MIN_POSITIVE, |most, number| most.max(number.abs()));
        Self(vector.iter().map(|number| (number / largest * 127.0).round() as i8).collect())
    }
}

impl Entry {
    /// The entry as bytes: version, scope, content, document, worker, vector, signature, checksum; little-endian. The
    /// checksum covers `embedder` too.
    pub(super) fn frame(&self, embedder: &str, worker: u64) -> Vec<u8> {
        let mut frame = Vec::with_capacity(HEAD + self.vector.0.len() + Signature::MOST_BYTES + CHECK);
        frame.push(VERSION);
        frame.extend(self.key.scope.bytes());
        frame.extend(self.key.content);
        frame.extend(self.of.to_le_bytes());
        frame.extend(worker.to_le_bytes());
        frame.extend((self.vector.0.len() as u16).to_le_bytes());
        frame.extend(self.vector.0.iter().map(|number| number.cast_unsigned()));
        self.signature.pack(&mut frame);
        frame.extend(checksum(embedder, &frame).to_le_bytes());
        frame
    }

    /// Reads a frame of `embedder` with vectors of `dimension` numbers, and which worker wrote it; `None` when any of it
    /// is not as it was written.
    pub(super) fn read(frame: &[u8], embedder: &str, dimension: usize) -> Option<(Self, u64)> {
        let body = frame.len().checked_sub(CHECK)?;
        let (body, check) = frame.split_at_checked(body)?;
        let (head, rest) = body.split_at_checked(HEAD)?;
        let (&[version], head) = head.split_first_chunk::<1>()?;
        if version != VERSION || check != checksum(embedder, body).to_le_bytes() {
            return None;
        }
        let (scope, head) = head.split_first_chunk::<16>()?;
        let (content, head) = head.split_first_chunk::<16>()?;
        let (of, head) = head.split_first_chunk::<8>()?;
        let (worker, length) = head.split_first_chunk::<8>()?;
        let length = usize::from(u16::from_le_bytes(length.try_into().ok()?));
        if length != dimension || length > MOST_DIMENSION {
            return None;
        }
        let (vector, signature) = rest.split_at_checked(length)?;
        let vector: Vec<i8> = vector.iter().map(|byte| byte.cast_signed()).collect();
        // It would be as near to everything.
        if vector.iter().all(|number| *number == 0) {
            return None;
        }
        let entry = Self {
            key: UnitKey { scope: Scope::from_bytes(*scope), content: *content },
            of: u64::from_le_bytes(*of),
            vector: Packed(vector),
            signature: Signature::unpack(signature)?,
        };
        Some((entry, u64::from_le_bytes(*worker)))
    }
}

fn checksum(embedder: &str, body: &[u8]) -> u64 {
    xxh3_64_with_seed(body, xxh3_64_with_seed(embedder.as_bytes(), 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> Entry {
        let scope = Scope::new("t", "overview", b"1", []);
        Entry {
            key: UnitKey::new(scope, None, "some text"),
            of: 7,
            vector: Packed::new(&[0.5, -1.0, 0.25]),
            signature: Signature::of(None, "The mill of Orrin sold 5 sacks"),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let frame = entry().frame("e/3", 9);
        assert_eq!(Entry::read(&frame, "e/3", 3), Some((entry(), 9)));
        assert_eq!(Entry::read(&frame, "f/3", 3), None, "another embedder's");
        assert_eq!(Entry::read(&frame, "e/3", 4), None, "another dimension");
    }

    proptest! {
        #[test]
        fn what_was_damaged_is_not(at in 0_usize..200, with in 1_u8.., cut in 0_usize..200) {
            let whole = entry().frame("e/3", 9);
            let mut damaged = whole.clone();
            let at = at % damaged.len();
            damaged[at] ^= with;
            prop_assert_eq!(Entry::read(&damaged, "e/3", 3), None);
            prop_assert_eq!(Entry::read(&whole[..cut % whole.len()], "e/3", 3), None);
        }

        #[test]
        fn garbage_is_nothing(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(Entry::read(&bytes, "e/3", 3), None);
        }
    }
}
