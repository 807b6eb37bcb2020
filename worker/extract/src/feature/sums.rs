//! Sums over many blocks at once.

use std::ops;

/// Sums over the blocks before each block.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) words: f64,
    pub(super) links: f64,
    pub(super) link_words: f64,
    pub(super) stops: f64,
    pub(super) commas: f64,
    pub(super) headings: f64,
    pub(super) long: f64,
    pub(super) money: f64,
    pub(super) upper: f64,
}

impl ops::Sub for Sums {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            words: self.words - other.words,
            links: self.links - other.links,
            link_words: self.link_words - other.link_words,
            stops: self.stops - other.stops,
            commas: self.commas - other.commas,
            headings: self.headings - other.headings,
            long: self.long - other.long,
            money: self.money - other.money,
            upper: self.upper - other.upper,
        }
    }
}

/// Elements with the same parent, tag and classes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Siblings {
    pub(super) count: f64,
    pub(super) words: f64,
    pub(super) link_words: f64,
    pub(super) blocks: f64,
}
