//! The elements around a block, and those that are like them.

use super::sums::Siblings;
use super::{ABSENT, Page, Put, log, share};
use crate::block::Block;
use crate::tree::{NodeId, Tree};

impl Page<'_> {
    pub(super) fn measure_around(&self, at: usize, block: &Block, put: Put<'_>) {
        let all = self.all();
        let own = self.sums_of(at, at + 1).words;
        // The nearest elements that hold a given number of words, and the two right around the block.
        let mut levels: [Option<NodeId>; 6] = [None; 6];
        let mut like: Option<(Siblings, u8)> = None;
        let mut most: Option<(Siblings, u8)> = None;
        let (mut node, mut steps) = (Some(block.node), 0_u8);
        levels[0] = Some(block.node);
        levels[1] = self.tree.parent(block.node);
        while let Some(id) = node {
            let words = self.sums_in(id).words;
            for (level, wanted) in [(2, own + 10.0), (3, own + 50.0), (4, own + 200.0), (5, all * 0.5)] {
                if levels[level].is_none() && words >= wanted {
                    levels[level] = Some(id);
                }
            }
            if let Some(&siblings) = self.keys.get(id as usize).and_then(|key| self.siblings.get(key))
                && siblings.count >= 2.0
            {
                if like.is_none() {
                    like = Some((siblings, steps));
                }
                if most.is_none_or(|(known, _)| siblings.words > known.words) {
                    most = Some((siblings, steps));
                }
            }
            node = self.tree.parent(id);
            steps = steps.saturating_add(1);
        }
        for level in levels {
            let id = level.unwrap_or(Tree::ROOT);
            let (from, to) = self.blocks.span_of(id);
            let sums = self.sums_of(from, to);
            put("level_share", share(sums.words, all));
            put("level_words", log(sums.words));
            put("level_linked", share(sums.link_words, sums.words));
            put("level_stops", share(sums.stops, sums.words));
            put("level_words_a_block", share(sums.words, (to - from) as f64));
            put("level_prose", share(sums.long, (to - from) as f64));
            put("level_headings", share(sums.headings, (to - from) as f64));
            put("level_at", share((at - from.min(at)) as f64, (to - from) as f64));
        }
        for found in [like, most] {
            let (siblings, steps) = found.unwrap_or((Siblings::default(), ABSENT));
            put("like_count", siblings.count.min(200.0));
            put("like_words", share(siblings.words, siblings.count).min(1000.0));
            put("like_linked", share(siblings.link_words, siblings.words));
            put("like_share", share(siblings.words, all));
            put("like_blocks", share(siblings.blocks, siblings.count));
            put("like_steps", f64::from(steps));
        }
        let look = |id: NodeId| self.look.get(id as usize).and_then(|look| self.looks.get(look)).copied();
        for id in [Some(block.node), self.tree.parent(block.node)] {
            let (count, words) = id.and_then(look).unwrap_or_default();
            put("look_count", log(count));
            put("look_words", share(words, count).min(1000.0));
            put("look_share", share(words, all));
        }
    }
}
