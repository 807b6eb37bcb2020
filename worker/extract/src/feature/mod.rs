//! What is measured of each block before the model judges it.
//!
//! All measures are counts, shares and places; none looks at the words of a language, apart from the English names that
//! templates give to the parts of a page.
//!
//! | module | noun |
//! | --- | --- |
//! | `mark` | what an element is, by its tag, role and state |
//! | `sums` | sums over many blocks at once |
//! | `shingle` | runs of words by which texts are compared |
//! | `whole` | measures of the page as a whole |
//! | `text` | measures of a block: what it says, |
//! | `place` | where it stands, |
//! | `neighbours` | what is before and behind it, and |
//! | `surroundings` | what is around it |

mod mark;
mod neighbours;
mod place;
mod shingle;
mod sums;
mod surroundings;
mod text;
mod whole;

use std::collections::HashMap;

use html5ever::local_name;

use self::mark::{is_hidden, mark, marks_of_property, marks_of_role, marks_of_tag};
use self::shingle::shingles;
use self::sums::{Siblings, Sums};
use crate::block::{Block, Blocks};
use crate::keyword;
use crate::metadata::{Metadata, heading_level};
use crate::tree::{NodeId, Step, Tree};
use crate::words;

/// A distance in steps up the tree, for what is not there at all.
const ABSENT: u8 = 20;

/// Receives the measures of one block, always the same ones in the same order.
pub(crate) type Put<'a> = &'a mut dyn FnMut(&'static str, f64);

/// A page measured once for all of its blocks.
pub(crate) struct Page<'a> {
    tree: &'a Tree,
    blocks: &'a Blocks,
    metadata: &'a Metadata,
    /// By node: groups of names, marks, key of its like siblings.
    groups: Vec<u32>,
    marks: Vec<u32>,
    keys: Vec<u64>,
    siblings: HashMap<u64, Siblings>,
    looks: HashMap<u64, (f64, f64)>,
    look: Vec<u64>,
    sums: Vec<Sums>,
    scores: Vec<f64>,
    best: NodeId,
    texts: HashMap<u64, u32>,
    first_h1: Option<usize>,
    title: Vec<u64>,
    body: Vec<u64>,
    description: Vec<u64>,
}

impl<'a> Page<'a> {
    pub(crate) fn of(tree: &'a Tree, blocks: &'a Blocks, metadata: &'a Metadata) -> Self {
        let nodes = tree.len();
        let mut page = Page {
            tree,
            blocks,
            metadata,
            groups: vec![0; nodes],
            marks: vec![0; nodes],
            keys: vec![0; nodes],
            siblings: HashMap::new(),
            looks: HashMap::new(),
            look: vec![0; nodes],
            sums: Vec::with_capacity(blocks.list.len() + 1),
            scores: vec![0.0; nodes],
            best: Tree::ROOT,
            texts: HashMap::new(),
            first_h1: None,
            title: metadata.title.as_deref().map(words::hashes).unwrap_or_default(),
            body: Vec::new(),
            description: Vec::new(),
        };
        let structured = &metadata.structured;
        if let Some(body) = &structured.body {
            page.body = shingles(&words::hashes(body));
        }
        for text in
            [structured.product_description.as_deref(), metadata.description.as_deref()].into_iter().flatten()
        {
            page.description.extend(shingles(&words::hashes(text)));
        }
        page.description.sort_unstable();
        page.name_elements();
        page.add_up();
        page.score();
        page
    }

    fn name_elements(&mut self) {
        let tree = self.tree;
        let mut known: HashMap<&str, u32> = HashMap::new();
        for step in tree.walk(Tree::ROOT) {
            let Step::Enter(id) = step else { continue };
            let Some(tag) = tree.tag(id) else { continue };
            let (from, to) = self.blocks.span_of(id);
            if from == to {
                continue;
            }
            let mut groups = 0;
            let mut marks = marks_of_tag(tag);
            let mut look = words::shingle(&words::hashes(tag));
            for attr in tree.attrs(id) {
                let value: &str = &attr.value;
                match attr.name.local {
                    local_name!("class") => {
                        groups |= *known.entry(value).or_insert_with(|| keyword::groups_of(value));
                        look = words::shingle(&[look, words::shingle(&words::hashes(value))]);
                    }
                    local_name!("id") => {
                        groups |= *known.entry(value).or_insert_with(|| keyword::groups_of(value));
                    }
                    local_name!("role") => marks |= marks_of_role(value),
                    local_name!("hidden") => marks |= mark("hidden"),
                    local_name!("style") if is_hidden(value) => marks |= mark("hidden"),
                    local_name!("itemprop") => marks |= marks_of_property(value),
                    _ if &*attr.name.local == "aria-hidden" && value == "true" => marks |= mark("hidden"),
                    _ => {}
                }
            }
            let at = id as usize;
            let key = words::shingle(&[look, u64::from(tree.parent(id).unwrap_or_default())]);
            if let (Some(g), Some(m), Some(k), Some(l)) = (
                self.groups.get_mut(at),
                self.marks.get_mut(at),
                self.keys.get_mut(at),
                self.look.get_mut(at),
            ) {
                (*g, *m, *k, *l) = (groups, marks, key, look);
            }
        }
    }

    fn add_up(&mut self) {
        let mut sums = Sums::default();
        self.sums.push(sums);
        for (at, block) in self.blocks.list.iter().enumerate() {
            let count = block.words.len() as f64;
            let heading = self.heading_of(block) > 0;
            sums.words += count;
            sums.links += f64::from(block.links);
            sums.link_words += f64::from(block.link_words);
            sums.stops += f64::from(block.makeup.stops);
            sums.commas += f64::from(block.makeup.commas);
            sums.headings += flag(heading);
            sums.long += flag(is_prose(block));
            sums.money += flag(block.makeup.money > 0);
            sums.upper += f64::from(block.makeup.upper);
            self.sums.push(sums);
            *self.texts.entry(words::shingle(&block.words)).or_default() += 1;
            if self.first_h1.is_none() && self.heading_of(block) == 1 {
                self.first_h1 = Some(at);
            }
        }
        for (id, (&key, &look)) in self.keys.iter().zip(&self.look).enumerate() {
            let (from, to) = self.blocks.span_of(id as NodeId);
            if from == to || self.tree.tag(id as NodeId).is_none() {
                continue;
            }
            let own = self.sums_of(from, to);
            let like = self.siblings.entry(key).or_default();
            like.count += 1.0;
            like.words += own.words;
            like.link_words += own.link_words;
            like.blocks += (to - from) as f64;
            let look = self.looks.entry(look).or_default();
            look.0 += 1.0;
            look.1 += own.words;
        }
    }

    /// Gives each element the weight of the prose right below it, as Readability does.
    fn score(&mut self) {
        for block in &self.blocks.list {
            if block.makeup.chars < 25 {
                continue;
            }
            let makeup = &block.makeup;
            let linked = share(f64::from(block.link_words), block.words.len() as f64);
            let score = (1.0 + f64::from(makeup.commas) + (f64::from(makeup.chars) / 100.0).min(3.0))
                * (1.0 - linked);
            let mut node = Some(block.node);
            for part in [0.3, 1.0, 0.5, 0.25, 0.12] {
                let Some(id) = node else { break };
                if let Some(sum) = self.scores.get_mut(id as usize) {
                    *sum += score * part;
                }
                node = self.tree.parent(id);
            }
        }
        let mut top = 0.0;
        for (id, &score) in self.scores.iter().enumerate() {
            if score > top {
                (top, self.best) = (score, id as NodeId);
            }
        }
    }

    fn sums_of(&self, from: usize, to: usize) -> Sums {
        match (self.sums.get(from), self.sums.get(to)) {
            (Some(&from), Some(&to)) => to - from,
            _ => Sums::default(),
        }
    }

    fn sums_in(&self, id: NodeId) -> Sums {
        let (from, to) = self.blocks.span_of(id);
        self.sums_of(from, to)
    }

    /// Level of the heading that the block is, or 0.
    pub(crate) fn heading_of(&self, block: &Block) -> u8 {
        let level = |id| self.tree.tag(id).and_then(heading_level);
        level(block.node).or_else(|| self.tree.parent(block.node).and_then(level)).unwrap_or(0)
    }

    pub(crate) fn all(&self) -> f64 {
        self.sums.last().map_or(0.0, |sums| sums.words)
    }

    /// Measures of the block at `at`.
    pub(crate) fn measure(&self, at: usize, put: Put<'_>) {
        let Some(block) = self.blocks.list.get(at) else { return };
        self.measure_text(block, put);
        self.measure_place(at, block, put);
        self.measure_neighbours(at, put);
        self.measure_around(at, block, put);
    }
}

/// Whether a block reads as sentences.
pub(crate) fn is_prose(block: &Block) -> bool {
    block.words.len() >= 15
        && block.makeup.stops > 0
        && f64::from(block.link_words) < 0.4 * block.words.len() as f64
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn log(value: f64) -> f64 {
    value.max(0.0).ln_1p()
}

fn flag(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}
