//! Runs of words by which texts are compared.

use super::share;
use crate::words;

/// How many words make a shingle.
const SHINGLE: usize = 4;

/// Sorted hashes of all runs of [`SHINGLE`] words.
pub(super) fn shingles(words: &[u64]) -> Vec<u64> {
    let mut out: Vec<u64> = words.windows(SHINGLE).map(words::shingle).collect();
    out.sort_unstable();
    out
}

/// Share of a block's shingles that a text has, -1 where one of the two is too short to tell.
pub(super) fn covered(block: &[u64], text: &[u64]) -> f64 {
    if block.len() < SHINGLE || text.is_empty() {
        return -1.0;
    }
    let found = block.windows(SHINGLE).filter(|run| text.binary_search(&words::shingle(run)).is_ok()).count();
    found as f64 / (block.len() + 1 - SHINGLE) as f64
}

pub(super) fn covered_words(block: &[u64], text: &[u64]) -> f64 {
    share(block.iter().take(50).filter(|word| text.contains(word)).count() as f64, block.len().min(50) as f64)
}
