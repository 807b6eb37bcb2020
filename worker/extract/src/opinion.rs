//! What another extractor takes for the main text, and how much of a block is in it.
//!
//! One is asked: with a second one (Mozilla's Readability, the other port of Trafilatura) the cross-validated F1 did not
//! rise.

use std::collections::HashSet;

use crate::block::Blocks;
use crate::words;

/// Words of a run that is looked for.
const RUN: usize = 4;

/// Main text by the rules of Trafilatura with profiles for kinds of pages. Empty where they find none.
pub(crate) fn trafilatura(html: &str) -> String {
    rs_trafilatura::extract(html).map(|page| page.content_text).unwrap_or_default()
}

/// For each block, the share of it that `text` has: of its runs of four words, or for shorter blocks whether they are in
/// `text` together with the words before or behind them.
pub(crate) fn coverage(blocks: &Blocks, text: &str) -> Vec<f32> {
    let said = words::hashes(text);
    let runs: HashSet<u64> = said.windows(RUN).map(words::shingle).collect();
    let lines: HashSet<u64> = text.lines().map(|line| words::shingle(&words::hashes(line))).collect();
    let stream: Vec<u64> = blocks.list.iter().flat_map(|block| block.words.iter().copied()).collect();
    let has_all =
        |part: &[u64]| part.len() >= RUN && part.windows(RUN).all(|run| runs.contains(&words::shingle(run)));
    let mut at = 0;
    let mut out = Vec::with_capacity(blocks.list.len());
    for block in &blocks.list {
        let (from, to) = (at, at + block.words.len());
        at = to;
        out.push(if block.words.len() >= RUN {
            let found = block.words.windows(RUN).filter(|run| runs.contains(&words::shingle(run))).count();
            found as f32 / (block.words.len() + 1 - RUN) as f32
        } else if block.words.is_empty() {
            0.0
        } else {
            let behind = stream.get(from..(to + RUN - 1).min(stream.len())).unwrap_or_default();
            let before = stream.get(from.saturating_sub(RUN - 1)..to).unwrap_or_default();
            if has_all(behind) || has_all(before) {
                1.0
            } else if lines.contains(&words::shingle(&block.words)) {
                0.5
            } else {
                0.0
            }
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    #[test]
    fn long_blocks_by_runs_and_short_ones_by_their_surroundings() {
        let html = "<p>one two three four five</p><p>six</p><p>seven eight nine</p><p>ten</p><p>eleven twelve a b c</p>";
        let blocks = Blocks::of(&Tree::parse(html, 512).unwrap());
        let shares = coverage(&blocks, "one two three four five six\nseven eight nine\nother");
        assert_eq!(shares[..4], [1.0, 1.0, 1.0, 0.0]);
        assert!(shares[4] < 0.1);
    }
}
