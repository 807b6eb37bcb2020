//! The blocks before and behind a block.

use super::sums::Sums;
use super::{Page, Put, flag, log, share};

impl Page<'_> {
    pub(super) fn measure_neighbours(&self, at: usize, put: Put<'_>) {
        for offset in [-3_isize, -2, -1, 1, 2, 3] {
            let block = at.checked_add_signed(offset).and_then(|at| self.blocks.list.get(at));
            let words = block.map_or(0.0, |b| b.words.len() as f64);
            put("near_words", words.min(200.0));
            put("near_linked", block.map_or(-1.0, |b| share(f64::from(b.link_words), words)));
            if offset.abs() == 1 {
                put("near_stops", block.map_or(-1.0, |b| share(f64::from(b.makeup.stops), words)));
                put("near_heading", block.map_or(-1.0, |b| f64::from(self.heading_of(b))));
                let here = self.blocks.list.get(at).map(|b| b.node);
                let same = block
                    .zip(here)
                    .is_some_and(|(b, here)| self.tree.parent(b.node) == self.tree.parent(here));
                put("near_sibling", flag(same));
            }
        }
        // The prose of a wider window, on each side.
        for (from, to) in [(at.saturating_sub(10), at), (at + 1, (at + 11).min(self.blocks.list.len()))] {
            let sums = if from < to { self.sums_of(from, to) } else { Sums::default() };
            put("window_words", log(sums.words));
            put("window_linked", share(sums.link_words, sums.words));
            put("window_stops", share(sums.stops, sums.words));
            put("window_prose", sums.long);
        }
        let heading = self.blocks.list.iter().take(at).rev().take(40).position(|b| self.heading_of(b) > 0);
        put("since_heading", heading.map_or(50.0, |steps| steps as f64));
    }
}
