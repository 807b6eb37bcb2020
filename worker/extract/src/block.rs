//! A page as a sequence of blocks: the smallest runs of text that a reader sees set apart.
//!
//! Every element covers a contiguous range of blocks, so that sums over any element are differences of prefix sums.

use html5ever::{LocalName, local_name};

use crate::tree::{NodeId, Step, Tree};
use crate::words::{self, Makeup};

/// A run of inline content.
#[derive(Debug)]
pub(crate) struct Block {
    /// White space collapsed, except for line breaks that the page asks for.
    pub text: String,
    /// The innermost element around all of it that is not inline.
    pub node: NodeId,
    /// The innermost element around its first character.
    pub leaf: NodeId,
    /// Hashes of its words.
    pub words: Vec<u64>,
    /// How many of them are link text.
    pub link_words: u32,
    /// How many links it has or lies in.
    pub links: u32,
    pub makeup: Makeup,
    /// How many of its words are in bold or emphasised.
    pub strong_words: u32,
}

/// Blocks of a page and the range of them that each element covers.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    pub list: Vec<Block>,
    /// For each node of the tree: its first block and the one behind its last.
    pub span: Vec<(u32, u32)>,
}

impl Blocks {
    pub(crate) fn of(tree: &Tree) -> Self {
        let mut cutter = Cutter::new(tree);
        cutter.run();
        cutter.blocks
    }

    /// Range of blocks in `node`.
    pub(crate) fn span_of(&self, node: NodeId) -> (usize, usize) {
        self.span.get(node as usize).map_or((0, 0), |&(from, to)| (from as usize, to as usize))
    }
}

struct Cutter<'a> {
    tree: &'a Tree,
    blocks: Blocks,
    text: String,
    /// Where link text lies in `text`, in bytes.
    linked: Vec<(usize, usize)>,
    strong: Vec<(usize, usize)>,
    link_from: Option<usize>,
    strong_from: Option<usize>,
    links: u32,
    link_depth: u32,
    strong_depth: u32,
    pre_depth: u32,
    /// Non-inline elements open, innermost last.
    open: Vec<NodeId>,
    leaf: NodeId,
    pending_space: bool,
    after_link: bool,
}

impl<'a> Cutter<'a> {
    fn new(tree: &'a Tree) -> Self {
        Self {
            tree,
            blocks: Blocks { list: Vec::new(), span: vec![(0, 0); tree.len()] },
            text: String::new(),
            linked: Vec::new(),
            strong: Vec::new(),
            link_from: None,
            strong_from: None,
            links: 0,
            link_depth: 0,
            strong_depth: 0,
            pre_depth: 0,
            open: vec![Tree::ROOT],
            leaf: Tree::ROOT,
            pending_space: false,
            after_link: false,
        }
    }

    fn run(&mut self) {
        let tree = self.tree;
        let mut walk = tree.walk(Tree::ROOT);
        while let Some(step) = walk.next() {
            match step {
                Step::Enter(id) => {
                    if let Some(text) = tree.text(id) {
                        self.push_text(text, tree.parent(id));
                    } else if is_silent(tree, id) {
                        self.mark_span(id);
                        walk.leap(id);
                    } else if let Some(tag) = tree.tag(id) {
                        self.enter(id, tag);
                    }
                }
                Step::Leave(id) => {
                    if let Some(tag) = tree.tag(id) {
                        self.leave(id, tag);
                    }
                }
            }
        }
        self.flush();
        if let Some(root) = self.blocks.span.first_mut() {
            *root = (0, self.blocks.list.len() as u32);
        }
    }

    fn mark_span(&mut self, id: NodeId) {
        let at = self.blocks.list.len() as u32;
        if let Some(span) = self.blocks.span.get_mut(id as usize) {
            *span = (at, at);
        }
    }

    fn enter(&mut self, id: NodeId, tag: &LocalName) {
        if *tag == local_name!("br") {
            self.push_break();
        } else if is_inline(tag) {
            if is_strong(tag) {
                self.strong_depth += 1;
                self.strong_from.get_or_insert(self.text.len());
            }
        } else {
            self.flush();
            self.open.push(id);
            if *tag == local_name!("pre") {
                self.pre_depth += 1;
            }
        }
        if *tag == local_name!("a") {
            if self.after_link && !self.text.is_empty() {
                self.pending_space = true;
            }
            self.links += 1;
            self.link_depth += 1;
            self.link_from.get_or_insert(self.text.len());
        }
        self.mark_span(id);
    }

    fn leave(&mut self, id: NodeId, tag: &LocalName) {
        if *tag == local_name!("a") {
            self.link_depth = self.link_depth.saturating_sub(1);
            if self.link_depth == 0
                && let Some(from) = self.link_from.take()
            {
                self.linked.push((from, self.text.len()));
            }
            self.after_link = true;
        }
        if is_inline(tag) {
            if is_strong(tag) {
                self.strong_depth = self.strong_depth.saturating_sub(1);
                if self.strong_depth == 0
                    && let Some(from) = self.strong_from.take()
                {
                    self.strong.push((from, self.text.len()));
                }
            }
        } else {
            self.flush();
            self.open.pop();
            if *tag == local_name!("pre") {
                self.pre_depth = self.pre_depth.saturating_sub(1);
            }
        }
        // A block still being gathered belongs to an inline element too.
        let end = self.blocks.list.len() as u32 + u32::from(!self.text.is_empty());
        if let Some(span) = self.blocks.span.get_mut(id as usize) {
            span.1 = end.max(span.0);
        }
    }

    fn push_text(&mut self, text: &str, parent: Option<NodeId>) {
        if self.text.is_empty() {
            self.leaf = parent.unwrap_or(Tree::ROOT);
        }
        if self.pre_depth > 0 {
            self.text.push_str(text);
            self.after_link = false;
            return;
        }
        for c in text.chars() {
            if c.is_whitespace() {
                self.pending_space = true;
            } else if !is_invisible(c) {
                if self.pending_space && !self.text.is_empty() && !self.text.ends_with('\n') {
                    self.text.push(' ');
                }
                self.pending_space = false;
                self.after_link = false;
                self.text.push(c);
            }
        }
    }

    fn push_break(&mut self) {
        if self.text.ends_with('\n') {
            // An empty line sets paragraphs apart.
            self.flush();
        } else if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.pending_space = false;
    }

    fn flush(&mut self) {
        let (from, strong_from) = (self.link_from, self.strong_from);
        if let Some(from) = from {
            self.linked.push((from, self.text.len()));
            self.link_from = Some(0);
        }
        if let Some(from) = strong_from {
            self.strong.push((from, self.text.len()));
            self.strong_from = Some(0);
        }
        let count = |ranges: &[(usize, usize)]| {
            let sum: usize =
                ranges.iter().filter_map(|&(a, b)| self.text.get(a..b)).map(|t| words::hashes(t).len()).sum();
            sum as u32
        };
        if self.text.chars().any(|c| !c.is_whitespace()) {
            let text = if self.pre_depth > 0 { self.text.trim_matches('\n') } else { self.text.trim() };
            let words = words::hashes(text);
            let block = Block {
                link_words: count(&self.linked).min(words.len() as u32),
                strong_words: count(&self.strong).min(words.len() as u32),
                links: self.links,
                makeup: Makeup::of(text),
                node: self.open.last().copied().unwrap_or(Tree::ROOT),
                leaf: self.leaf,
                text: text.to_owned(),
                words,
            };
            self.blocks.list.push(block);
        }
        self.text.clear();
        self.linked.clear();
        self.strong.clear();
        self.links = u32::from(self.link_depth > 0);
        self.pending_space = false;
        self.after_link = false;
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\0'..='\x08')
}

fn is_strong(tag: &LocalName) -> bool {
    matches!(*tag, local_name!("b") | local_name!("strong") | local_name!("em") | local_name!("i"))
}

/// Words from which on a `<noscript>` is not taken for a notice: some forums put the whole thread into one.
const FULL_NOSCRIPT: usize = 60;

/// Elements whose content no reader sees as text of the page.
pub(crate) fn is_silent(tree: &Tree, id: NodeId) -> bool {
    let Some(tag) = tree.tag(id) else {
        return tree.is_foreign(id);
    };
    if *tag == local_name!("noscript") {
        return tree.text_of(id).split_whitespace().take(FULL_NOSCRIPT).count() < FULL_NOSCRIPT;
    }
    matches!(
        *tag,
        local_name!("head")
            | local_name!("script")
            | local_name!("style")
            | local_name!("template")
            | local_name!("iframe")
            | local_name!("object")
            | local_name!("embed")
            | local_name!("canvas")
            | local_name!("select")
            | local_name!("datalist")
            | local_name!("textarea")
            | local_name!("audio")
            | local_name!("video")
            | local_name!("map")
            | local_name!("noframes")
            | local_name!("title")
            | local_name!("rp")
    )
}

/// Elements that do not break the line they are in. Whatever is not known here breaks it: names that a site makes up
/// are mostly those of containers.
pub(crate) fn is_inline(tag: &LocalName) -> bool {
    matches!(
        *tag,
        local_name!("a")
            | local_name!("abbr")
            | local_name!("acronym")
            | local_name!("b")
            | local_name!("bdi")
            | local_name!("bdo")
            | local_name!("big")
            | local_name!("br")
            | local_name!("cite")
            | local_name!("code")
            | local_name!("data")
            | local_name!("del")
            | local_name!("dfn")
            | local_name!("em")
            | local_name!("font")
            | local_name!("i")
            | local_name!("img")
            | local_name!("input")
            | local_name!("ins")
            | local_name!("kbd")
            | local_name!("label")
            | local_name!("mark")
            | local_name!("nobr")
            | local_name!("picture")
            | local_name!("q")
            | local_name!("rt")
            | local_name!("ruby")
            | local_name!("s")
            | local_name!("samp")
            | local_name!("small")
            | local_name!("source")
            | local_name!("span")
            | local_name!("strike")
            | local_name!("strong")
            | local_name!("sub")
            | local_name!("sup")
            | local_name!("time")
            | local_name!("tt")
            | local_name!("u")
            | local_name!("var")
            | local_name!("wbr")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(html: &str) -> Vec<String> {
        let tree = Tree::parse(html, 512).unwrap();
        Blocks::of(&tree).list.into_iter().map(|block| block.text).collect()
    }

    #[test]
    fn blocks_are_never_glued() {
        assert_eq!(texts("<p>a<p>b<div>c<h2>d</h2>e</div>"), ["a", "b", "c", "d", "e"]);
        assert_eq!(texts("<table><tr><td>a<td>b</table>"), ["a", "b"]);
        assert_eq!(texts("<a href=x>one</a><a href=y>two</a>"), ["one two"]);
    }

    #[test]
    fn inline_content_stays_in_one_piece() {
        assert_eq!(texts("<p>a <b>b</b>c\n <i> d</i></p>"), ["a bc d"]);
        assert_eq!(texts("<p>a<br>b<br><br>c"), ["a\nb", "c"]);
        assert_eq!(texts("<pre>a\n  b</pre>"), ["a\n  b"]);
    }

    #[test]
    fn silent_elements_say_nothing() {
        assert!(texts("<head><title>t</title></head><script>s</script><noscript>n</noscript><svg><text>v</text></svg>").is_empty());
    }

    #[test]
    fn link_words_are_counted() {
        let tree = Tree::parse("<p>one <a href=x>two three</a></p>", 512).unwrap();
        let blocks = Blocks::of(&tree);
        assert_eq!((blocks.list[0].link_words, blocks.list[0].words.len()), (2, 3));
    }

    #[test]
    fn an_element_covers_its_blocks() {
        let tree = Tree::parse("<body><div><p>a<p>b</div><p>c", 512).unwrap();
        let blocks = Blocks::of(&tree);
        let div = tree.parent(blocks.list[0].node).unwrap();
        assert_eq!(blocks.span_of(div), (0, 2));
        assert_eq!(blocks.span_of(Tree::ROOT), (0, 3));
    }
}
