//! What a Markdown file says of itself between `---` or `+++` at its beginning.
//!
//! Only flat `key: value` and `key = "value"` lines and simple lists are read. The files are other people's, and no more
//! than a title, a day and a name is wanted of them: a full YAML reader would bring anchors that expand without end.

use sheaf_common::document::Document;

use crate::day;
use crate::prose::field;

/// Fills in what the front matter says.
pub(crate) fn read(text: &str, document: &mut Document) {
    let mut lines = text.lines().take(1000).peekable();
    while let Some(line) = lines.next() {
        // An indented line belongs to a key that is not wanted.
        let Some((key, value)) = split(line).filter(|_| !line.starts_with([' ', '\t', '-', '#'])) else {
            continue;
        };
        let mut value = scalar(value);
        if value.is_empty() {
            let mut items = Vec::new();
            while let Some(item) = lines.peek().and_then(|line| line.trim_start().strip_prefix("- ")) {
                items.push(scalar(item));
                lines.next();
            }
            value = items.join(", ");
        }
        let value = field(Some(&value));
        let (slot, value) = match key.to_ascii_lowercase().as_str() {
            "title" => (&mut document.title, value),
            "author" | "authors" | "creator" => (&mut document.author, value),
            "date" | "published" | "pubdate" | "publishdate" | "created" => {
                (&mut document.published, value.as_deref().and_then(day::iso))
            }
            "description" | "summary" | "abstract" => (&mut document.description, value),
            "lang" | "language" | "locale" => (&mut document.declared_language, value),
            "canonical" | "canonical_url" | "canonicalurl" => (&mut document.canonical, value),
            _ => continue,
        };
        // The first of several spellings counts.
        if slot.is_none() {
            *slot = value;
        }
    }
}

fn split(line: &str) -> Option<(&str, &str)> {
    let at = line.find([':', '='])?;
    let (key, value) = line.split_at_checked(at)?;
    Some((key.trim(), value.get(1..)?.trim()))
}

/// A value without its quotes; the items of `[a, b]` with commas between them.
fn scalar(value: &str) -> String {
    let value = value.trim();
    match value.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
        Some(list) => {
            list.split(',').map(unquoted).filter(|item| !item.is_empty()).collect::<Vec<_>>().join(", ")
        }
        None => unquoted(value).to_owned(),
    }
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let inside = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}
