//! Gradient-boosted decision trees: reading them from text and asking them.
//!
//! The text is written by `train/train.py`. Lines that begin with `#` say where the numbers come from. Each other line
//! is a tree in preorder: `12<0.5` is an inner node that goes left when measure 12 is at most 0.5, a bare number a leaf.

/// A node; the left child lies right behind its parent.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// Which measure is compared, or [`LEAF`].
    measure: u16,
    /// How far away the right child lies.
    right: u16,
    /// What the measure is compared with, or a leaf's value.
    value: f32,
}

const LEAF: u16 = u16::MAX;

/// A sum of trees.
#[derive(Debug, Default)]
pub(crate) struct Forest {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    /// How many measures it asks for.
    pub measures: usize,
}

/// What is wrong with a forest's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tree {line}: {what}")]
pub(crate) struct BadForest {
    line: usize,
    what: &'static str,
}

impl Forest {
    pub(crate) fn read(text: &str) -> Result<Self, BadForest> {
        let mut forest = Self::default();
        for (at, line) in
            text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty())
        {
            forest.read_tree(line).map_err(|what| BadForest { line: at + 1, what })?;
        }
        Ok(forest)
    }

    fn read_tree(&mut self, line: &str) -> Result<(), &'static str> {
        self.roots.push(u32::try_from(self.nodes.len()).map_err(|_| "too many nodes")?);
        // Inner nodes that still lack their right child; the flag says that the left one is done.
        let mut open: Vec<usize> = Vec::new();
        let mut complete = false;
        for token in line.split_ascii_whitespace() {
            if complete {
                return Err("nodes behind the end");
            }
            let here = self.nodes.len();
            if let Some((measure, value)) = token.split_once('<') {
                let measure: u16 = measure.parse().map_err(|_| "no number of a measure")?;
                let value = value.parse().map_err(|_| "no threshold")?;
                self.measures = self.measures.max(usize::from(measure) + 1);
                self.nodes.push(Node { measure, right: 0, value });
                open.push(here);
                continue;
            }
            let value = token.parse().map_err(|_| "no value")?;
            self.nodes.push(Node { measure: LEAF, right: 0, value });
            // The next node is the right child of the innermost node that lacks one.
            match open.pop() {
                None => complete = true,
                Some(parent) => {
                    let distance = u16::try_from(here + 1 - parent).map_err(|_| "a tree too large")?;
                    self.nodes.get_mut(parent).ok_or("no parent")?.right = distance;
                }
            }
        }
        if complete { Ok(()) } else { Err("it breaks off") }
    }

    /// Sum of the leaves that `row` falls into. Measures that `row` lacks count as 0.
    pub(crate) fn sum(&self, row: &[f32]) -> f64 {
        self.roots.iter().map(|&root| f64::from(self.leaf(root as usize, row))).sum()
    }

    /// As [`Forest::sum`], for each of `classes` forests whose trees take turns.
    pub(crate) fn sums(&self, row: &[f32], classes: usize) -> Vec<f64> {
        let mut sums = vec![0.0; classes];
        for (&root, class) in self.roots.iter().zip((0..classes).cycle()) {
            if let Some(sum) = sums.get_mut(class) {
                *sum += f64::from(self.leaf(root as usize, row));
            }
        }
        sums
    }

    fn leaf(&self, mut at: usize, row: &[f32]) -> f32 {
        while let Some(node) = self.nodes.get(at) {
            if node.measure == LEAF {
                return node.value;
            }
            let measure = row.get(usize::from(node.measure)).copied().unwrap_or(0.0);
            at += if measure <= node.value { 1 } else { usize::from(node.right) };
        }
        0.0
    }
}

/// Log-odds to a probability.
pub(crate) fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_asked_from_its_root() {
        let forest = Forest::read("# note\n0<0.5 1<2 1 2 3\n10\n").unwrap();
        assert_eq!(forest.measures, 2);
        for (row, wanted) in [([0.5, 2.0], 11.0), ([0.5, 2.1], 12.0), ([0.6, 0.0], 13.0)] {
            assert!((forest.sum(&row) - wanted).abs() < 1e-9, "{row:?}");
        }
        assert_eq!(forest.sums(&[0.6, 0.0], 2), [3.0, 10.0]);
    }

    #[test]
    fn broken_text_is_refused() {
        for text in ["0<0.5 1", "1 2", "x", "0<y 1 2", "70000<1 1 2"] {
            assert!(Forest::read(text).is_err(), "{text}");
        }
    }
}
