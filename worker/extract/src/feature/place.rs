//! Where a block stands: in the page from its start to its end, and in the tree.

use html5ever::local_name;

use super::mark::MARKS;
use super::{ABSENT, Page, Put, flag, log, share};
use crate::block::Block;
use crate::keyword;

/// The group of names for content, which is the twelfth.
const CONTENT: u32 = 1 << 11;

impl Page<'_> {
    pub(super) fn measure_place(&self, at: usize, block: &Block, put: Put<'_>) {
        let count = self.blocks.list.len() as f64;
        let all = self.all();
        let before = self.sums_of(0, at).words;
        let words = block.words.len() as f64;
        put("at", at as f64 / count);
        put("from_start", log(at as f64));
        put("from_end", log(count - at as f64));
        put("words_before", share(before, all));
        put("words_after", share(all - before - words, all));
        let h1 = self.first_h1.map_or(-1000.0, |h1| at as f64 - h1 as f64);
        put("from_h1", h1.clamp(-100.0, 300.0));
        let (from, to) = self.blocks.span_of(self.best);
        put("in_best", flag((from..to).contains(&at)));
        let outside = if at < from { from - at } else { (at + 1).saturating_sub(to) };
        put("from_best", (outside as f64).min(200.0));
        put("best_at", share(at as f64 - from as f64, (to - from) as f64).clamp(-2.0, 3.0));

        let mut near = [ABSENT; keyword::COUNT];
        let mut marks = [ABSENT; MARKS.len()];
        let (mut node, mut steps, mut top_score) = (Some(block.leaf), 0_u8, 0.0_f64);
        let (mut seen_groups, mut seen_marks) = (0_u32, 0_u32);
        let mut content_words = 0.0;
        while let Some(id) = node {
            let i = id as usize;
            if let (Some(&groups), Some(&own)) = (self.groups.get(i), self.marks.get(i)) {
                if groups & CONTENT != 0 && content_words == 0.0 {
                    content_words = share(self.sums_in(id).words, all);
                }
                // The body's class says what the page is, not where the block is.
                if self.tree.tag(id) != Some(&local_name!("body"))
                    && self.tree.tag(id) != Some(&local_name!("html"))
                {
                    each_bit(groups & !seen_groups, |bit| near[bit] = steps);
                    seen_groups |= groups;
                }
                each_bit(own & !seen_marks, |bit| marks[bit] = steps);
                seen_marks |= own;
                top_score = top_score.max(self.scores.get(i).copied().unwrap_or(0.0));
            }
            node = self.tree.parent(id);
            steps = (steps + 1).min(ABSENT - 1);
        }
        put("tree_depth", f64::from(steps));
        put("score_share", share(top_score, self.scores.get(self.best as usize).copied().unwrap_or(0.0)));
        put("content_share", content_words);
        for (steps, name) in near.iter().zip(keyword::names()) {
            put(name, f64::from(*steps));
        }
        for (steps, name) in marks.iter().zip(MARKS) {
            put(name, f64::from(*steps));
        }
    }
}

fn each_bit(mut mask: u32, mut set: impl FnMut(usize)) {
    while mask != 0 {
        set(mask.trailing_zeros() as usize);
        mask &= mask - 1;
    }
}
