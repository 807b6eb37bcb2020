//! From a page's bytes to its main text, step by step.

use crate::block::Blocks;
use crate::depth;
use crate::error::ExtractError;
use crate::extraction::{Effort, Extraction, Method, Signals};
use crate::flat;
use crate::metadata::Metadata;
use crate::opinion;
use crate::tree::Tree;
use crate::words;

/// Deepest nesting of which a tree is built, in elements. Real pages stay below 200; what recurses over the tree has to
/// get by with a thread's stack of 2 MiB.
pub const DEPTH_LIMIT: usize = 512;

/// Longest page that is read, in bytes.
pub const SIZE_LIMIT: usize = 64 << 20;

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
pub fn extract(html: &str, _effort: Effort) -> Result<Extraction, ExtractError> {
    if html.len() > SIZE_LIMIT {
        return Err(ExtractError::TooLarge { bytes: html.len(), limit: SIZE_LIMIT });
    }
    let shape = depth::measure(html);
    let buildable = shape.depth <= DEPTH_LIMIT && shape.attributes <= ATTRIBUTE_LIMIT;
    let Some(tree) = buildable.then(|| Tree::parse(html, DEPTH_LIMIT as u16)).flatten() else {
        return Ok(flatten(html, shape.depth));
    };
    let blocks = Blocks::of(&tree);
    let metadata = Metadata::of(&tree);
    let page_words: usize = blocks.list.iter().map(|block| block.words.len()).sum();
    let link_words: u32 = blocks.list.iter().map(|block| block.link_words).sum();
    let text = opinion::readability(html);
    let words = words::hashes(&text).len();
    Ok(Extraction {
        confidence: 0.5,
        method: if text.is_empty() { Method::Empty } else { Method::Blocks },
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
            link_density: f64::from(link_words) / page_words.max(1) as f64,
            depth: shape.depth,
            ..metadata.signals
        },
        ..Extraction::default()
    })
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
