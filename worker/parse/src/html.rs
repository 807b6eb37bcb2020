//! HTML.

use sheaf_common::document::Document;
use sheaf_common::fault::Fault;
use sheaf_common::job::Extraction;

/// Parses a page.
pub(crate) fn parse(body: &[u8], charset: Option<&str>, _: Extraction) -> Result<Document, Fault> {
    Ok(crate::text::parse(body, charset, None))
}

/// Elements open at once, at most. Tags are ASCII in every charset that pages are written in but UTF-16, which counts
/// as too deep.
pub(crate) fn nesting_depth(body: &[u8]) -> usize {
    if crate::charset::is_utf_16(body) { usize::MAX } else { 0 }
}
