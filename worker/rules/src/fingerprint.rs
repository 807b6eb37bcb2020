//! A `MinHash` signature of a text (Broder, "On the resemblance and containment of documents", 1997): of every one of
//! [`POSITIONS`] hash functions the smallest value over the text's shingles. The share of positions at which two
//! signatures agree estimates the Jaccard similarity of their sets of shingles, with a standard error of at most
//! 0.5 / √128 = 0.044.
//!
//! Of every minimum only twelve bits are kept ("b-bit minwise hashing", Li and König, 2010), written as two
//! characters of the URL-safe base64 alphabet: 256 characters a document, and a chance of 1 in 4,096 that two
//! positions agree by accident.

use crate::word::{self, Span};
use sheaf_common::analysis::Fingerprint;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Hash functions of a signature.
pub(crate) const POSITIONS: usize = 128;
/// Words of a shingle: long enough to be rare, short enough that one changed word in thirty leaves a similarity
/// of about 0.8.
const SHINGLE: usize = 3;
/// Characters of a shingle in scripts written without spaces, where a word is a character.
const SHINGLE_UNSPACED: usize = 5;
/// Texts with fewer shingles have no fingerprint: a title or a cookie banner would make strangers near-duplicates.
const SHINGLES_MIN: usize = 30;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A fingerprint as it is compared: twelve bits of each position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub(crate) [u16; POSITIONS]);

impl Signature {
    /// Bytes of [`to_bytes`](Self::to_bytes).
    pub const BYTES: usize = 2 * POSITIONS;

    /// The signature that a fingerprint writes; `None` for what is not a fingerprint of this crate.
    pub fn of(fingerprint: &Fingerprint) -> Option<Self> {
        decode(fingerprint)
    }

    /// The signature as bytes that are quicker to read back than its fingerprint.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (pair, bits) in bytes.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&bits.to_le_bytes());
        }
        bytes
    }

    /// The signature that [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut positions = [0; POSITIONS];
        for (position, pair) in positions.iter_mut().zip(bytes.as_chunks::<2>().0) {
            *position = u16::from_le_bytes(*pair);
        }
        Self(positions)
    }

    /// An estimate of the Jaccard similarity of the word shingles of two documents, 0 to 1: the share of equal
    /// positions.
    pub fn similarity(&self, other: &Self) -> f64 {
        let equal = self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count();
        equal as f64 / POSITIONS as f64
    }
}

/// The fingerprint of a text, and the number of its words; no fingerprint for a text too short to have one.
pub(crate) fn of(text: &str) -> (Option<Fingerprint>, usize) {
    let size = if mostly_unspaced(text) { SHINGLE_UNSPACED } else { SHINGLE };
    let multipliers = multipliers();
    let mut minima = [u32::MAX; POSITIONS];
    let mut window = [0_u64; SHINGLE_UNSPACED];
    let mut lower = String::new();
    let mut words = 0;
    for span in word::spans(text) {
        window.rotate_left(1);
        if let Some(last) = window.last_mut() {
            *last = hash_word(text, span, &mut lower);
        }
        words += 1;
        if words >= size {
            let shingle = window
                .iter()
                .skip(SHINGLE_UNSPACED - size)
                .fold(0_u64, |all, word| (all.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let shingle = (shingle ^ (shingle >> 32)) as u32;
            for (minimum, (multiplier, addend)) in minima.iter_mut().zip(&multipliers) {
                *minimum = (*minimum).min(shingle.wrapping_mul(*multiplier).wrapping_add(*addend));
            }
        }
    }
    if words < SHINGLES_MIN + size - 1 {
        return (None, words);
    }
    (Some(encode(&Signature(minima.map(|minimum| (mix(minimum) & 0xFFF) as u16)))), words)
}

/// How alike two documents are by their fingerprints alone: an estimate of the Jaccard similarity of their word
/// shingles, 0 to 1. 0 when either is not a fingerprint of this crate.
pub fn similarity(one: &Fingerprint, other: &Fingerprint) -> f64 {
    match (decode(one), decode(other)) {
        (Some(one), Some(other)) => one.similarity(&other),
        _ => 0.0,
    }
}

/// Whether more than a third of the letters at the start belong to a script without spaces.
fn mostly_unspaced(text: &str) -> bool {
    let (mut unspaced, mut letters) = (0_usize, 0_usize);
    for c in text.chars().filter(|c| c.is_alphabetic()).take(2_000) {
        letters += 1;
        unspaced += usize::from(word::is_unspaced(c));
    }
    unspaced * 3 > letters
}

fn hash_word(text: &str, span: Span, lower: &mut String) -> u64 {
    let word = text.get(span.start..span.end).unwrap_or_default();
    lower.clear();
    if word.is_ascii() {
        lower.push_str(word);
        lower.make_ascii_lowercase();
    } else {
        lower.extend(word.chars().flat_map(char::to_lowercase));
    }
    xxh3_64_with_seed(lower.as_bytes(), 0)
}

/// An odd multiplier and an addend for every position, from `SplitMix64` (Steele, Lea and Flood, 2014) with a fixed
/// seed: fingerprints are kept in results and compared across runs and versions.
fn multipliers() -> [(u32, u32); POSITIONS] {
    let mut state = 0x5348_4541_4600_0001_u64;
    std::array::from_fn(|_| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((z >> 32) as u32 | 1, z as u32)
    })
}

/// The finaliser of `MurmurHash3`: a minimum has many leading zeros, and the bits that are kept must not.
fn mix(mut value: u32) -> u32 {
    value = (value ^ (value >> 16)).wrapping_mul(0x85EB_CA6B);
    value = (value ^ (value >> 13)).wrapping_mul(0xC2B2_AE35);
    value ^ (value >> 16)
}

fn encode(signature: &Signature) -> Fingerprint {
    let symbol = |bits: u16| ALPHABET.get(usize::from(bits)).copied().map_or('A', char::from);
    Fingerprint(signature.0.iter().flat_map(|bits| [symbol(bits >> 6), symbol(bits & 0x3F)]).collect())
}

/// The signature of a fingerprint; `None` for what [`encode`] cannot have written.
fn decode(fingerprint: &Fingerprint) -> Option<Signature> {
    let bytes = fingerprint.0.as_bytes();
    if bytes.len() != 2 * POSITIONS {
        return None;
    }
    let mut signature = [0_u16; POSITIONS];
    for (position, pair) in signature.iter_mut().zip(bytes.chunks_exact(2)) {
        for &byte in pair {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return None,
            };
            *position = (*position << 6) | u16::from(value);
        }
    }
    Some(Signature(signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(words: impl IntoIterator<Item = usize>) -> String {
        words.into_iter().map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_estimate_is_close_to_the_jaccard_similarity() {
        // 1,000 shingles each, 500 shared: 500 / 1,500.
        let one = of(&text(0..1_002)).0.unwrap();
        let other = of(&text(500..1_502)).0.unwrap();
        let estimate = similarity(&one, &other);
        assert!((estimate - 1.0 / 3.0).abs() < 0.13, "{estimate}");
        assert!((similarity(&one, &one) - 1.0).abs() < f64::EPSILON);
        assert!(similarity(&one, &of(&text(5_000..6_000)).0.unwrap()) < 0.03);
    }

    #[test]
    fn short_texts_have_none() {
        assert_eq!(of("Accept all cookies").0, None);
        assert_eq!(of("").1, 0);
    }

    #[test]
    fn case_and_spacing_do_not_count() {
        let text = text(0..100);
        assert_eq!(of(&text).0, of(&text.to_uppercase().replace(' ', "\n  ")).0);
    }

    #[test]
    fn a_fingerprint_never_changes_between_versions() {
        let print = of(&text(0..40)).0.unwrap();
        assert_eq!(&print.0[..16], "popiBJJhw8dHNXk2");
    }

    #[test]
    fn what_is_not_a_fingerprint_is_like_nothing() {
        let real = of(&text(0..100)).0.unwrap();
        for forged in [String::new(), "A".repeat(255), "é".repeat(128), "!".repeat(256)] {
            assert!(similarity(&real, &Fingerprint(forged)) < f64::EPSILON);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bits in proptest::collection::vec(0_u16..4096, POSITIONS)) {
            let signature = Signature(bits.try_into().unwrap());
            prop_assert_eq!(Signature::of(&encode(&signature)), Some(signature));
            prop_assert_eq!(Signature::from_bytes(&signature.to_bytes()), signature);
        }
    }
}
