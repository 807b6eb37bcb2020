//! The learned models: which blocks are main text, what sort of page it is, how good the result will be.

use std::sync::LazyLock;

use crate::block::Blocks;
use crate::extraction::PageKind;
use crate::feature::Page;
use crate::forest::{Forest, probability};

/// Trained on the page alone.
static BLOCKS: LazyLock<Forest> = LazyLock::new(|| read(include_str!("data/blocks.txt")));
/// Trained with the opinion of another extractor.
static STACKED: LazyLock<Forest> = LazyLock::new(|| read(include_str!("data/stacked.txt")));
/// A forest for each of the first seven kinds, in the order of [`PageKind::ALL`].
static KINDS: LazyLock<Forest> = LazyLock::new(|| read(include_str!("data/kinds.txt")));

const KIND_COUNT: usize = 7;

/// A test holds that the data reads; without it every page would be judged alike.
fn read(text: &str) -> Forest {
    Forest::read(text).unwrap_or_default()
}

/// Measures of a page and its blocks as the models take them.
pub(crate) struct Rows {
    /// Of the page as a whole.
    pub page: Vec<f32>,
    /// Of each block; the page's stand before them in the models' rows.
    pub blocks: Vec<Vec<f32>>,
}

impl Rows {
    pub(crate) fn of(page: &Page<'_>, blocks: &Blocks) -> Self {
        let mut of_page = Vec::with_capacity(80);
        page.measure_page(&mut |_, value| of_page.push(value as f32));
        let mut length = 200;
        let rows = (0..blocks.list.len())
            .map(|at| {
                let mut row = Vec::with_capacity(length);
                page.measure(at, &mut |_, value| row.push(value as f32));
                length = row.len();
                row
            })
            .collect();
        Self { page: of_page, blocks: rows }
    }

    /// The row of one block with `extra` measures at its end.
    fn row(&self, at: usize, extra: &[f32], row: &mut Vec<f32>) {
        row.clear();
        row.extend_from_slice(&self.page);
        row.extend_from_slice(self.blocks.get(at).map_or(&[], Vec::as_slice));
        row.extend_from_slice(extra);
    }
}

/// Probability of each block to be main text, from the page alone.
pub(crate) fn judge(rows: &Rows) -> Vec<f64> {
    let mut row = Vec::new();
    (0..rows.blocks.len())
        .map(|at| {
            rows.row(at, &[], &mut row);
            probability(BLOCKS.sum(&row))
        })
        .collect()
}

/// The same with the opinion of another extractor: the share of each block that it kept.
pub(crate) fn judge_with(rows: &Rows, blocks: &Blocks, kept: &[f32]) -> Vec<f64> {
    let share = share(blocks, kept);
    let mut row = Vec::new();
    (0..rows.blocks.len())
        .map(|at| {
            rows.row(at, &[kept.get(at).copied().unwrap_or(0.0), share], &mut row);
            probability(STACKED.sum(&row))
        })
        .collect()
}

/// The share of the page's words that an opinion kept.
pub(crate) fn share(blocks: &Blocks, kept: &[f32]) -> f32 {
    let all: usize = blocks.list.iter().map(|block| block.words.len()).sum();
    let sum: f32 = kept.iter().zip(&blocks.list).map(|(share, block)| share * block.words.len() as f32).sum();
    sum / all.max(1) as f32
}

/// What sort of page it is. [`PageKind::Other`] when no kind is more likely than all others together by half.
pub(crate) fn kind(rows: &Rows) -> PageKind {
    const LEAST: f64 = 0.3;
    let odds = KINDS.sums(&rows.page, KIND_COUNT);
    let top = odds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let whole: f64 = odds.iter().map(|odds| (odds - top).exp()).sum();
    let best = odds.iter().position(|&odds| odds >= top).and_then(|at| PageKind::ALL.get(at)).copied();
    if 1.0 / whole < LEAST { PageKind::Other } else { best.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Metadata;
    use crate::tree::Tree;

    #[test]
    fn the_data_reads_and_asks_for_no_measure_that_is_not_taken() {
        let tree = Tree::parse("<p>Some text.", 512).unwrap();
        let (blocks, metadata) = (Blocks::of(&tree), Metadata::of(&tree));
        let rows = Rows::of(&Page::of(&tree, &blocks, &metadata), &blocks);
        let width = rows.page.len() + rows.blocks[0].len();
        let read = |text| Forest::read(text).unwrap().measures;
        assert!((1..=width).contains(&read(include_str!("data/blocks.txt"))));
        assert!((1..=width + 2).contains(&read(include_str!("data/stacked.txt"))));
        assert!((1..=rows.page.len()).contains(&read(include_str!("data/kinds.txt"))));
    }
}
