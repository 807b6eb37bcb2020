//! From a page's bytes to its main text, step by step.

use crate::block::Blocks;
use crate::choice::Choice;
use crate::error::ExtractError;
use crate::extraction::{Effort, Extraction, Method, PageKind, Signals};
use crate::feature::Page;
use crate::metadata::Metadata;
use crate::model::{self, Rows};
use crate::tree::Tree;
use crate::{confidence, depth, flat, opinion, prose, words};

/// Deepest nesting of which a tree is built, in elements. Real pages stay below 200; what recurses over the tree has to
/// get by with a thread's stack of 2 MiB.
pub const DEPTH_LIMIT: usize = 512;

/// Longest page that is read, in bytes.
pub const SIZE_LIMIT: usize = 64 << 20;

/// Expected F1 from which on [`Effort::Auto`] asks nobody else.
const SURE: f64 = 0.75;

/// Most attributes on one tag of which a tree is built: each is compared with all before it.
const ATTRIBUTE_LIMIT: usize = 2_000;

/// Finds the main text of a page and what the page says about itself.
///
/// ```
/// use sheaf_extract::{Effort, extract};
/// let page = extract("<title>T</title><nav><a href=/>Home</a></nav><p>Some text.", Effort::Auto)?;
/// assert_eq!(page.title.as_deref(), Some("T"));
/// # Ok::<(), sheaf_extract::ExtractError>(())
/// ```
///
/// # Errors
///
/// [`ExtractError::TooLarge`] for a page of more than [`SIZE_LIMIT`] bytes. Nothing else fails: a page without text gives
/// an empty one, and of a page nested too deep the tags are stripped ([`Method::Flat`]).
pub fn extract(html: &str, effort: Effort) -> Result<Extraction, ExtractError> {
    if html.len() > SIZE_LIMIT {
        return Err(ExtractError::TooLarge { bytes: html.len(), limit: SIZE_LIMIT });
    }
    let shape = depth::measure(html.as_bytes());
    let buildable = shape.depth <= DEPTH_LIMIT && shape.attributes <= ATTRIBUTE_LIMIT;
    let Some(tree) = buildable.then(|| Tree::parse(html, DEPTH_LIMIT)).flatten() else {
        return Ok(flatten(html, shape.depth));
    };
    let blocks = Blocks::of(&tree);
    let metadata = Metadata::of(&tree);
    let rows = Rows::of(&Page::of(&tree, &blocks, &metadata), &blocks);
    let found = find(html, effort, &blocks, &rows);
    let text = prose::join(&tree, &blocks, &found.choice.taken);
    let counts = |wanted: &dyn Fn(usize) -> bool| {
        let counted = blocks.list.iter().enumerate().filter(|(at, _)| wanted(*at)).map(|(_, block)| block);
        counted.fold((0, 0), |(words, linked), block| {
            (words + block.words.len(), linked + block.link_words as usize)
        })
    };
    let (words, linked) = counts(&|at| found.choice.taken.get(at).copied().unwrap_or(false));
    let (page_words, page_linked) = counts(&|_| true);
    Ok(Extraction {
        confidence: confidence::of(found.method, found.choice.promise),
        method: if text.is_empty() { Method::Empty } else { found.method },
        page_kind: if page_words == 0 { PageKind::Other } else { model::kind(&rows) },
        text,
        title: metadata.title,
        author: metadata.author,
        published: metadata.published,
        language: metadata.language,
        description: metadata.description,
        canonical: metadata.canonical,
        site_name: metadata.site_name,
        base_href: metadata.base_href,
        headings: metadata.headings,
        links: metadata.links,
        signals: Signals {
            words,
            page_words,
            link_density: page_linked as f64 / page_words.max(1) as f64,
            text_link_density: linked as f64 / words.max(1) as f64,
            depth: shape.depth,
            ..metadata.signals
        },
    })
}

/// Which blocks are main text, and how that was found.
struct Found {
    choice: Choice,
    method: Method,
}

/// The steps, cheapest first; a later one runs only where it is asked for or the one before is unsure.
fn find(html: &str, effort: Effort, blocks: &Blocks, rows: &Rows) -> Found {
    let alone = Choice::of(blocks, &model::judge(rows));
    let enough = match effort {
        Effort::Fast => true,
        Effort::Auto => alone.promise >= SURE,
        Effort::Best => false,
    };
    if enough || blocks.list.is_empty() {
        return Found { choice: alone, method: Method::Blocks };
    }
    let kept = opinion::coverage(blocks, &opinion::trafilatura(html));
    Found { choice: Choice::of(blocks, &model::judge_with(rows, blocks, &kept)), method: Method::Stacked }
}

fn flatten(html: &str, depth: usize) -> Extraction {
    // Menus and all else are in the text, so that at best half of it is right.
    const CONFIDENCE: f64 = 0.2;
    let text = flat::strip(html);
    let words = words::hashes(&text).len();
    Extraction {
        confidence: if words == 0 { 0.0 } else { CONFIDENCE },
        method: if words == 0 { Method::Empty } else { Method::Flat },
        text,
        signals: Signals { words, page_words: words, depth, ..Signals::default() },
        ..Extraction::default()
    }
}
