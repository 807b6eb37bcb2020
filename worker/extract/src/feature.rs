//! What is measured of each block before the model judges it.
//!
//! All measures are counts, shares and places; none looks at the words of a language, apart from the English names that
//! templates give to the parts of a page.

use std::collections::HashMap;

use html5ever::{LocalName, local_name};

use crate::block::{Block, Blocks};
use crate::keyword;
use crate::metadata::{Metadata, heading_level};
use crate::tree::{NodeId, Step, Tree};
use crate::words;

/// Receives the measures of one block, always the same ones in the same order.
pub(crate) type Put<'a> = &'a mut dyn FnMut(&'static str, f64);

/// Marks of an element by its tag, role and state, a bit each.
const MARKS: [&str; 26] = [
    "main",
    "article",
    "section",
    "nav",
    "header",
    "footer",
    "aside",
    "form",
    "table",
    "list",
    "li",
    "dl",
    "figure",
    "dialog",
    "details",
    "pre",
    "blockquote",
    "button",
    "label",
    "a",
    "hidden",
    "heading",
    "p",
    "prop_body",
    "prop_text",
    "cell",
];

/// A distance in steps up the tree, for what is not there at all.
const ABSENT: u8 = 20;

/// Sums over the blocks before each block.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    words: f64,
    links: f64,
    link_words: f64,
    stops: f64,
    commas: f64,
    headings: f64,
    long: f64,
    money: f64,
    upper: f64,
}

impl std::ops::Sub for Sums {
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
struct Siblings {
    count: f64,
    words: f64,
    link_words: f64,
    blocks: f64,
}

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

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn log(value: f64) -> f64 {
    value.max(0.0).ln_1p()
}

fn flag(yes: bool) -> f64 {
    f64::from(u8::from(yes))
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

    /// Measures of the page as a whole.
    pub(crate) fn measure_page(&self, put: Put<'_>) {
        let all = self.sums.last().copied().unwrap_or_default();
        let count = self.blocks.list.len() as f64;
        let structured = &self.metadata.structured;
        put("page_words", log(all.words));
        put("page_blocks", log(count));
        put("page_link_density", share(all.link_words, all.words));
        put("page_links", log(all.links));
        put("page_stops", share(all.stops, all.words));
        put("page_headings", log(all.headings));
        put("page_prose", log(all.long));
        put("page_money", share(all.money, count));
        put("page_best_share", share(self.sums_in(self.best).words, all.words));
        put("page_best_links", share(self.sums_in(self.best).link_words, self.sums_in(self.best).words));
        put("page_best_score", log(self.scores.get(self.best as usize).copied().unwrap_or(0.0)));
        for bit in 0..crate::structured::TYPES.len() {
            put("page_type", flag(structured.types >> bit & 1 == 1));
        }
        let og = self.metadata.og_type.as_deref().unwrap_or_default();
        put("page_og_article", flag(og == "article"));
        put("page_og_website", flag(og == "website"));
        put("page_og_product", flag(og.contains("product")));
        put("page_forms", log(self.metadata.signals.forms as f64));
        put("page_images", log(self.metadata.signals.images as f64));
        put("page_dated", flag(self.metadata.published.is_some()));
        put("page_authored", flag(self.metadata.author.is_some()));
        put("page_body", log(self.body.len() as f64));
        let share_of = |mask: &Vec<u32>, bit: usize| {
            let mut covered = vec![false; self.blocks.list.len()];
            for (id, bits) in mask.iter().enumerate() {
                if bits >> bit & 1 == 1 {
                    let (from, to) = self.blocks.span_of(id as NodeId);
                    if let Some(range) = covered.get_mut(from..to) {
                        range.fill(true);
                    }
                }
            }
            let inside: usize =
                covered.iter().zip(&self.blocks.list).filter(|(c, _)| **c).map(|(_, b)| b.words.len()).sum();
            share(inside as f64, all.words)
        };
        for group in ["product", "price", "thread", "card", "review", "filter", "toc", "comment"] {
            let bit = keyword::names().position(|name| name == group).unwrap_or(0);
            put("page_share_of_group", share_of(&self.groups, bit));
        }
        for name in ["article", "main", "pre", "table", "p"] {
            let bit = MARKS.iter().position(|mark| *mark == name).unwrap_or(0);
            put("page_share_of_mark", share_of(&self.marks, bit));
        }
        let address = self.metadata.canonical.as_deref().unwrap_or_default();
        let path = address.splitn(4, '/').nth(3).unwrap_or_default();
        put("page_path_depth", path.split('/').filter(|part| !part.is_empty()).count() as f64);
        put("page_path_dashes", path.matches('-').count() as f64);
        put("page_path_digits", flag(path.chars().any(|c| c.is_ascii_digit())));
        for hints in ADDRESS_HINTS {
            put("page_path_hint", flag(hints.iter().any(|hint| address.contains(hint))));
        }
        let generator = self.metadata.generator.as_deref().unwrap_or_default();
        for hints in GENERATOR_HINTS {
            put("page_generator", flag(hints.iter().any(|hint| generator.contains(hint))));
        }
    }

    /// Measures of the block at `at`.
    pub(crate) fn measure(&self, at: usize, put: Put<'_>) {
        let Some(block) = self.blocks.list.get(at) else { return };
        self.measure_text(block, put);
        self.measure_place(at, block, put);
        self.measure_neighbours(at, put);
        self.measure_around(at, block, put);
    }

    fn measure_text(&self, block: &Block, put: Put<'_>) {
        let makeup = &block.makeup;
        let (words, chars) = (block.words.len() as f64, f64::from(makeup.chars));
        put("words", words.min(400.0));
        put("word_length", share(chars, words).min(30.0));
        put("linked", share(f64::from(block.link_words), words));
        put("links", f64::from(block.links));
        put("strong", share(f64::from(block.strong_words), words));
        put("stops", f64::from(makeup.stops));
        put("stop_density", share(f64::from(makeup.stops), words));
        put("comma_density", share(f64::from(makeup.commas), words));
        put("digits", share(f64::from(makeup.digits), chars));
        put("upper", share(f64::from(makeup.upper), f64::from(makeup.letters)));
        put("letters", share(f64::from(makeup.letters), chars));
        put("money", f64::from(makeup.money));
        put("joints", f64::from(makeup.joints));
        put("copyright", f64::from(makeup.copyright));
        put("ends_stopped", flag(makeup.ends_stopped));
        put("ends_colon", flag(makeup.ends_colon));
        put("ends_ellipsis", flag(makeup.ends_ellipsis));
        put("lines", block.text.lines().count() as f64);
        put("heading", f64::from(self.heading_of(block)));
        put("dated", flag(crate::date::find(&block.text).is_some() && words < 12.0));
        put("repeated", f64::from(self.texts.get(&words::shingle(&block.words)).copied().unwrap_or(0)));
        put("in_title", covered_words(&block.words, &self.title));
        put("is_title", flag(!self.title.is_empty() && block.words == self.title));
        put("in_body", covered(&block.words, &self.body));
        put("in_description", covered(&block.words, &self.description));
    }

    fn measure_place(&self, at: usize, block: &Block, put: Put<'_>) {
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
        let (_group_share, mut node, mut steps, mut top_score) = (0.0_f64, Some(block.leaf), 0_u8, 0.0_f64);
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

    fn measure_neighbours(&self, at: usize, put: Put<'_>) {
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

    fn measure_around(&self, at: usize, block: &Block, put: Put<'_>) {
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

/// Parts of addresses that sites use for pages of one kind.
const ADDRESS_HINTS: [&[&str]; 6] = [
    &["/product", "/p/", "/dp/", "/item", "/shop/"],
    &["/collection", "/category", "/categories", "/c/", "/shop", "/store"],
    &["/docs", "docs.", "/doc/", "/documentation", "/manual", "/reference", "/guide", "/api/", "/wiki"],
    &[
        "/forum",
        "/thread",
        "/topic",
        "/questions/",
        "forum.",
        "/discussion",
        "/t/",
        "community.",
        "/viewtopic",
    ],
    &["/blog", "/news", "/article", "/20", "/post"],
    &["/service", "/solutions", "/about", "/program", "/insurance"],
];

const GENERATOR_HINTS: [&[&str]; 3] = [
    &["docusaurus", "sphinx", "mkdocs", "gitbook", "hugo", "vitepress", "doxygen", "jekyll"],
    &["discourse", "xenforo", "phpbb", "vbulletin", "vanilla", "flarum", "mybb", "invision"],
    &["woocommerce", "shopify", "magento", "prestashop"],
];

/// The group of names for content, which is the twelfth.
const CONTENT: u32 = 1 << 11;

fn each_bit(mut mask: u32, mut set: impl FnMut(usize)) {
    while mask != 0 {
        set(mask.trailing_zeros() as usize);
        mask &= mask - 1;
    }
}

/// Whether a block reads as sentences.
pub(crate) fn is_prose(block: &Block) -> bool {
    block.words.len() >= 15
        && block.makeup.stops > 0
        && f64::from(block.link_words) < 0.4 * block.words.len() as f64
}

/// How many words make a shingle.
const SHINGLE: usize = 4;

/// Sorted hashes of all runs of [`SHINGLE`] words.
pub(crate) fn shingles(words: &[u64]) -> Vec<u64> {
    let mut out: Vec<u64> = words.windows(SHINGLE).map(words::shingle).collect();
    out.sort_unstable();
    out
}

/// Share of a block's shingles that a text has, -1 where one of the two is too short to tell.
pub(crate) fn covered(block: &[u64], text: &[u64]) -> f64 {
    if block.len() < SHINGLE || text.is_empty() {
        return -1.0;
    }
    let found = block.windows(SHINGLE).filter(|run| text.binary_search(&words::shingle(run)).is_ok()).count();
    found as f64 / (block.len() + 1 - SHINGLE) as f64
}

fn covered_words(block: &[u64], text: &[u64]) -> f64 {
    share(block.iter().take(50).filter(|word| text.contains(word)).count() as f64, block.len().min(50) as f64)
}

fn mark(name: &str) -> u32 {
    MARKS.iter().position(|known| *known == name).map_or(0, |bit| 1 << bit)
}

fn marks_of_tag(tag: &LocalName) -> u32 {
    mark(match *tag {
        local_name!("main") => "main",
        local_name!("article") => "article",
        local_name!("section") => "section",
        local_name!("nav") => "nav",
        local_name!("header") => "header",
        local_name!("footer") => "footer",
        local_name!("aside") => "aside",
        local_name!("form") => "form",
        local_name!("table") => "table",
        local_name!("ul") | local_name!("ol") | local_name!("menu") => "list",
        local_name!("li") => "li",
        local_name!("dl") => "dl",
        local_name!("figure") | local_name!("figcaption") | local_name!("caption") => "figure",
        local_name!("dialog") => "dialog",
        local_name!("details") => "details",
        local_name!("pre") | local_name!("code") => "pre",
        local_name!("blockquote") => "blockquote",
        local_name!("button") => "button",
        local_name!("label") => "label",
        local_name!("a") => "a",
        local_name!("p") => "p",
        local_name!("td") | local_name!("th") => "cell",
        _ if heading_level(tag).is_some() => "heading",
        _ => "",
    })
}

fn marks_of_role(role: &str) -> u32 {
    mark(match role.trim() {
        "main" => "main",
        "article" => "article",
        "navigation" | "menu" | "menubar" | "tablist" => "nav",
        "banner" => "header",
        "contentinfo" => "footer",
        "complementary" => "aside",
        "dialog" | "alertdialog" => "dialog",
        "button" => "button",
        "search" | "form" => "form",
        "list" => "list",
        "listitem" => "li",
        "heading" => "heading",
        _ => "",
    })
}

fn marks_of_property(property: &str) -> u32 {
    mark(match property.trim() {
        "articleBody" => "prop_body",
        "text" | "description" | "reviewBody" => "prop_text",
        _ => "",
    })
}

fn is_hidden(style: &str) -> bool {
    style.split(';').filter_map(|rule| rule.split_once(':')).any(|(name, value)| {
        (name.trim().eq_ignore_ascii_case("display") && value.trim().eq_ignore_ascii_case("none"))
            || (name.trim().eq_ignore_ascii_case("visibility") && value.trim().eq_ignore_ascii_case("hidden"))
    })
}
