//! A flat document tree: every node in one vector, linked by index.
//!
//! html5ever builds it through [`TreeSink`], so real-world markup is repaired as a browser would. Dropping and walking
//! the tree need no recursion, and an index is never dangling because nodes are unlinked but never freed.

use std::borrow::Cow;
use std::cell::{Cell, Ref, RefCell};

use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeBuilderOpts, TreeSink};
use html5ever::{Attribute, LocalName, ParseOpts, QualName, ns, parse_document};

/// Index of a node in [`Tree`].
pub(crate) type NodeId = u32;

const NONE: NodeId = NodeId::MAX;

/// What a node is.
#[derive(Debug)]
pub(crate) enum Data {
    /// The document, a comment or a processing instruction: nothing that has text of its own.
    Other,
    /// Character data.
    Text(StrTendril),
    /// An element with its attributes as written.
    Element { name: QualName, attrs: Vec<Attribute> },
}

/// A node and its links.
#[derive(Debug)]
pub(crate) struct Node {
    parent: NodeId,
    first: NodeId,
    last: NodeId,
    prev: NodeId,
    next: NodeId,
    /// Elements around it when it was put in its place.
    depth: u16,
    pub(crate) data: Data,
}

/// A parsed document.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    /// Parses `html`. `None` if the tree gets deeper than `deepest`, or grows out of proportion to the page's length,
    /// which only happens when the page is built to do so: each paragraph then reopens every unclosed `<b>` before it.
    pub(crate) fn parse(html: &str, deepest: usize) -> Option<Self> {
        const CHUNK: usize = 32 * 1024;
        let opts = ParseOpts {
            tree_builder: TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() },
            ..ParseOpts::default()
        };
        let mut parser = parse_document(Builder::new(), opts);
        let (mut rest, mut read) = (html, 0);
        while !rest.is_empty() {
            let (chunk, tail) = rest.split_at(rest.floor_char_boundary(CHUNK));
            parser.process(StrTendril::from_slice(chunk));
            read += chunk.len();
            rest = tail;
            let builder = &parser.tokenizer.sink.sink;
            if usize::from(builder.deepest.get()) > deepest || builder.nodes.borrow().len() > 100_000 + read {
                return None;
            }
        }
        Some(parser.finish())
    }

    pub(crate) const ROOT: NodeId = 0;

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    pub(crate) fn parent(&self, id: NodeId) -> Option<NodeId> {
        self.get(id).map(|node| node.parent).filter(|&id| id != NONE)
    }

    /// Text of a text node.
    pub(crate) fn text(&self, id: NodeId) -> Option<&str> {
        match &self.get(id)?.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Local name of an HTML element. Elements of SVG and `MathML` have none.
    pub(crate) fn tag(&self, id: NodeId) -> Option<&LocalName> {
        match &self.get(id)?.data {
            Data::Element { name, .. } if name.ns == ns!(html) => Some(&name.local),
            _ => None,
        }
    }

    pub(crate) fn is_foreign(&self, id: NodeId) -> bool {
        matches!(self.get(id).map(|n| &n.data), Some(Data::Element { name, .. }) if name.ns != ns!(html))
    }

    pub(crate) fn attrs(&self, id: NodeId) -> &[Attribute] {
        match self.get(id).map(|node| &node.data) {
            Some(Data::Element { attrs, .. }) => attrs,
            _ => &[],
        }
    }

    pub(crate) fn attr(&self, id: NodeId, name: &LocalName) -> Option<&str> {
        self.attrs(id).iter().find(|attr| attr.name.local == *name).map(|attr| &*attr.value)
    }

    /// The nodes of the subtree of `root` in document order, with the moment each element is left.
    pub(crate) fn walk(&self, root: NodeId) -> Walk<'_> {
        Walk { tree: self, root, next: Some(Step::Enter(root)) }
    }

    /// All text below `root`, as written.
    pub(crate) fn text_of(&self, root: NodeId) -> String {
        let mut out = String::new();
        for step in self.walk(root) {
            if let Step::Enter(id) = step
                && let Some(text) = self.text(id)
            {
                out.push_str(text);
            }
        }
        out
    }
}

/// One step of a walk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Enter(NodeId),
    Leave(NodeId),
}

/// See [`Tree::walk`].
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    tree: &'a Tree,
    root: NodeId,
    next: Option<Step>,
}

impl Walk<'_> {
    /// After an [`Step::Enter`]: go on behind the subtree just entered, without a [`Step::Leave`] for its root.
    pub(crate) fn leap(&mut self, id: NodeId) {
        self.next = self.after(id);
    }

    fn after(&self, id: NodeId) -> Option<Step> {
        if id == self.root {
            return None;
        }
        let node = self.tree.get(id)?;
        if node.next == NONE { Some(Step::Leave(node.parent)) } else { Some(Step::Enter(node.next)) }
    }
}

impl Iterator for Walk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let step = self.next?;
        self.next = match step {
            Step::Enter(id) => match self.tree.get(id) {
                Some(node) if node.first != NONE => Some(Step::Enter(node.first)),
                _ => Some(Step::Leave(id)),
            },
            Step::Leave(id) => self.after(id),
        };
        Some(step)
    }
}

/// Receives html5ever's tree-building calls.
struct Builder {
    nodes: RefCell<Vec<Node>>,
    deepest: Cell<u16>,
}

impl Builder {
    fn new() -> Self {
        let builder = Self { nodes: RefCell::new(Vec::with_capacity(4096)), deepest: Cell::new(0) };
        builder.push(Data::Other);
        builder
    }

    fn push(&self, data: Data) -> NodeId {
        let mut nodes = self.nodes.borrow_mut();
        let id = NodeId::try_from(nodes.len()).unwrap_or(NONE);
        nodes.push(Node { parent: NONE, first: NONE, last: NONE, prev: NONE, next: NONE, depth: 0, data });
        id
    }

    /// The node to insert for `child`; `None` when its text went into the text node `before` the place of insertion.
    fn node_for(&self, child: NodeOrText<NodeId>, before: NodeId) -> Option<NodeId> {
        match child {
            NodeOrText::AppendNode(id) => {
                unlink(&mut self.nodes.borrow_mut(), id);
                Some(id)
            }
            NodeOrText::AppendText(text) => {
                if let Some(Node { data: Data::Text(old), .. }) =
                    self.nodes.borrow_mut().get_mut(before as usize)
                {
                    old.push_tendril(&text);
                    return None;
                }
                Some(self.push(Data::Text(text)))
            }
        }
    }
}

fn unlink(nodes: &mut [Node], id: NodeId) {
    let Some(node) = nodes.get_mut(id as usize) else { return };
    let (parent, prev, next) = (node.parent, node.prev, node.next);
    (node.parent, node.prev, node.next) = (NONE, NONE, NONE);
    match nodes.get_mut(prev as usize) {
        Some(node) => node.next = next,
        None => {
            if let Some(parent) = nodes.get_mut(parent as usize) {
                parent.first = next;
            }
        }
    }
    match nodes.get_mut(next as usize) {
        Some(node) => node.prev = prev,
        None => {
            if let Some(parent) = nodes.get_mut(parent as usize) {
                parent.last = prev;
            }
        }
    }
}

/// Links the loose node `id` below `parent`, before `next` or as the last child when that is [`NONE`].
fn link(nodes: &mut [Node], id: NodeId, parent: NodeId, next: NodeId) {
    let prev = match nodes.get_mut(next as usize) {
        Some(node) => std::mem::replace(&mut node.prev, id),
        None => nodes.get(parent as usize).map_or(NONE, |node| node.last),
    };
    match nodes.get_mut(prev as usize) {
        Some(node) => node.next = id,
        None => {
            if let Some(parent) = nodes.get_mut(parent as usize) {
                parent.first = id;
            }
        }
    }
    if next == NONE
        && let Some(parent) = nodes.get_mut(parent as usize)
    {
        parent.last = id;
    }
    let depth = nodes.get(parent as usize).map_or(0, |node| node.depth.saturating_add(1));
    if let Some(node) = nodes.get_mut(id as usize) {
        (node.parent, node.prev, node.next, node.depth) = (parent, prev, next, depth);
    }
}

impl TreeSink for Builder {
    type Handle = NodeId;
    type Output = Tree;
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Tree {
        Tree { nodes: self.nodes.into_inner() }
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> NodeId {
        Tree::ROOT
    }

    fn elem_name<'a>(&'a self, target: &'a NodeId) -> Ref<'a, QualName> {
        Ref::map(self.nodes.borrow(), |nodes| match &nodes[*target as usize].data {
            Data::Element { name, .. } => name,
            // html5ever asks only for the names of elements that it made itself.
            Data::Other | Data::Text(_) => unreachable!("the name of a node that is no element"),
        })
    }

    fn create_element(&self, name: QualName, attrs: Vec<Attribute>, _: ElementFlags) -> NodeId {
        self.push(Data::Element { name, attrs })
    }

    fn create_comment(&self, _: StrTendril) -> NodeId {
        self.push(Data::Other)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> NodeId {
        self.push(Data::Other)
    }

    fn append(&self, parent: &NodeId, child: NodeOrText<NodeId>) {
        let last = self.nodes.borrow()[*parent as usize].last;
        if let Some(id) = self.node_for(child, last) {
            let nodes = &mut *self.nodes.borrow_mut();
            link(nodes, id, *parent, NONE);
            let depth = nodes.get(id as usize).map_or(0, |node| node.depth);
            self.deepest.set(self.deepest.get().max(depth));
        }
    }

    fn append_based_on_parent_node(&self, element: &NodeId, prev: &NodeId, child: NodeOrText<NodeId>) {
        if self.nodes.borrow()[*element as usize].parent == NONE {
            self.append(prev, child);
        } else {
            self.append_before_sibling(element, child);
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    /// A template's content stays below the template element, where whoever walks the tree can see what it is.
    fn get_template_contents(&self, target: &NodeId) -> NodeId {
        *target
    }

    fn same_node(&self, a: &NodeId, b: &NodeId) -> bool {
        a == b
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &NodeId, child: NodeOrText<NodeId>) {
        let (parent, prev) = {
            let nodes = self.nodes.borrow();
            (nodes[*sibling as usize].parent, nodes[*sibling as usize].prev)
        };
        if let Some(id) = self.node_for(child, prev)
            && id != *sibling
        {
            link(&mut self.nodes.borrow_mut(), id, parent, *sibling);
        }
    }

    fn add_attrs_if_missing(&self, target: &NodeId, attrs: Vec<Attribute>) {
        if let Data::Element { attrs: old, .. } = &mut self.nodes.borrow_mut()[*target as usize].data {
            for attr in attrs {
                if old.iter().all(|known| known.name != attr.name) {
                    old.push(attr);
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &NodeId) {
        unlink(&mut self.nodes.borrow_mut(), *target);
    }

    fn reparent_children(&self, node: &NodeId, new_parent: &NodeId) {
        let nodes = &mut *self.nodes.borrow_mut();
        while let Some(first) = nodes.get(*node as usize).map(|n| n.first).filter(|&id| id != NONE) {
            unlink(nodes, first);
            link(nodes, first, *new_parent, NONE);
        }
    }
}
