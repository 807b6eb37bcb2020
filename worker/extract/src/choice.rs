//! From probabilities of blocks to the set of blocks that is expected to score best.

use crate::block::Blocks;

/// Blocks taken, and the F1 that the probabilities promise.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    /// For each block whether it is taken.
    pub taken: Vec<bool>,
    /// Expected F1 by words, 0 to 1.
    pub promise: f64,
}

impl Choice {
    /// Takes the blocks above the threshold at which the expected F1 is greatest.
    ///
    /// With a probability p and n words for each block, taking the set S is expected to score about
    /// 2·Σ(S) p·n ÷ (Σ(S) n + Σ(all) p·n), and the best S holds the blocks of highest p; the threshold comes out at half
    /// the score (Ye et al., "Optimizing F-measures: a tale of two approaches", 2012).
    pub(crate) fn of(blocks: &Blocks, probabilities: &[f64]) -> Self {
        let words = |at: usize| blocks.list.get(at).map_or(0.0, |block| block.words.len() as f64);
        let mut order: Vec<(usize, f64)> = probabilities.iter().copied().enumerate().collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let all: f64 = order.iter().map(|&(at, p)| p * words(at)).sum();
        let (mut right, mut size, mut promise, mut threshold) = (0.0, 0.0, 0.0, f64::INFINITY);
        for &(at, p) in &order {
            right += p * words(at);
            size += words(at);
            let f1 = if size + all > 0.0 { 2.0 * right / (size + all) } else { 0.0 };
            if f1 > promise {
                (promise, threshold) = (f1, p);
            }
        }
        Self { taken: probabilities.iter().map(|&p| p >= threshold).collect(), promise }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    #[test]
    fn the_likely_are_taken_and_the_unlikely_left() {
        let blocks = Blocks::of(&Tree::parse("<p>a b c d<p>e f<p>g h<p>i", 512).unwrap());
        let choice = Choice::of(&blocks, &[0.9, 0.1, 0.8, 0.05]);
        assert_eq!(choice.taken, [true, false, true, false]);
        assert!(choice.promise > 0.8 && choice.promise < 1.0);
        assert!(Choice::of(&blocks, &[0.0; 4]).promise <= 0.0);
        assert!(Choice::of(&Blocks::default(), &[]).taken.is_empty());
    }
}
