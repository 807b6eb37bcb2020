//! What other extractors take for the main text.

use dom_smoothie::{Config, Readability, TextMode};

/// Main text by the rules of Mozilla's Readability. Empty where they find none.
pub(crate) fn readability(html: &str) -> String {
    let config = Config { text_mode: TextMode::Formatted, disable_json_ld: true, ..Config::default() };
    Readability::new(html, None, Some(config))
        .and_then(|mut page| page.parse())
        .map(|article| article.text_content.to_string())
        .unwrap_or_default()
}
