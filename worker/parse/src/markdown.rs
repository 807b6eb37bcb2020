//! Markdown.

use sheaf_common::document::Document;

/// Parses Markdown.
pub(crate) fn parse(body: &[u8], charset: Option<&str>) -> Document {
    crate::text::parse(body, charset, None)
}
