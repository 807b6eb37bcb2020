//! Blocks set one below the other as text.

use html5ever::local_name;

use crate::block::{Block, Blocks};
use crate::tree::{NodeId, Tree};

/// The taken blocks in order: an empty line between paragraphs, a line break between entries of a list and rows of a
/// table, ` | ` between the cells of a row.
pub(crate) fn join(tree: &Tree, blocks: &Blocks, taken: &[bool]) -> String {
    let mut out = String::new();
    let mut last: Option<&Block> = None;
    // A block without words is an ornament between others.
    let chosen = blocks.list.iter().zip(taken).filter(|(block, taken)| **taken && !block.words.is_empty());
    for (block, _) in chosen {
        if let Some(last) = last {
            out.push_str(separator(tree, last, block));
        }
        out.push_str(&block.text);
        last = Some(block);
    }
    out
}

fn separator(tree: &Tree, last: &Block, next: &Block) -> &'static str {
    match (item(tree, last.node), item(tree, next.node)) {
        (Some(Item::Cell(a)), Some(Item::Cell(b))) if a == b => " | ",
        (Some(_), Some(_)) => "\n",
        _ => "\n\n",
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Item {
    /// An entry of a list.
    Entry,
    /// A cell, and the row it is in.
    Cell(Option<NodeId>),
}

/// The entry or cell that a block's element is, or lies right in.
fn item(tree: &Tree, node: NodeId) -> Option<Item> {
    [Some(node), tree.parent(node)].into_iter().flatten().find_map(|id| match tree.tag(id) {
        Some(&(local_name!("li") | local_name!("dt") | local_name!("dd"))) => Some(Item::Entry),
        Some(&(local_name!("td") | local_name!("th"))) => Some(Item::Cell(tree.parent(id))),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_entries_and_cells() {
        let html = "<p>a<p>b<ul><li>c<li>d</ul><table><tr><td>e<td>f<tr><td>g</table><p>—<p>h";
        let tree = Tree::parse(html, 512).unwrap();
        let blocks = Blocks::of(&tree);
        let taken = vec![true; blocks.list.len()];
        assert_eq!(join(&tree, &blocks, &taken), "a\n\nb\n\nc\nd\ne | f\ng\n\nh");
    }
}
