//! What the training program learns from; of no use to callers.

use std::io::{self, Write};

use crate::block::Blocks;
use crate::cascade::DEPTH_LIMIT;
use crate::feature::Page;
use crate::metadata::Metadata;
use crate::model::{self, Rows};
use crate::opinion;
use crate::tree::Tree;

/// Writes a page as one line of JSON: measures of the page, then of each block its text, its measures and the share of
/// it that the other extractor kept.
pub fn write_rows(html: &str, out: &mut dyn Write) -> io::Result<()> {
    let Some(tree) = Tree::parse(html, DEPTH_LIMIT) else { return writeln!(out, "null") };
    let (blocks, metadata) = (Blocks::of(&tree), Metadata::of(&tree));
    let page = Page::of(&tree, &blocks, &metadata);
    let rows = Rows::of(&page, &blocks);
    let mut names = Vec::new();
    page.measure_page(&mut |name, _| names.push(name));
    if !blocks.list.is_empty() {
        page.measure(0, &mut |name, _| names.push(name));
    }
    let texts: Vec<&str> = blocks.list.iter().map(|block| block.text.as_str()).collect();
    let words: Vec<usize> = blocks.list.iter().map(|block| block.words.len()).collect();
    let kept = opinion::coverage(&blocks, &opinion::trafilatura(html));
    let line = serde_json::json!({
        "names": names, "page": rows.page, "blocks": rows.blocks, "texts": texts, "words": words,
        "kept": kept, "share": model::share(&blocks, &kept),
    });
    writeln!(out, "{line}")
}
