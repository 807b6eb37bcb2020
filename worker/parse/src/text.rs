//! Plain text: prose, notes, logs, source files, tables and data as text.

use sheaf_common::document::{ContentType, Document};

use crate::charset::{Decoded, decode};
use crate::limits::{MAX_INPUT_BYTES, MAX_LINE_BYTES};
use crate::prose::{Gap, Prose, clean, one_line};

/// Endings of files whose first line is never a title.
const NOT_PROSE: &[&str] = &[
    "bash",
    "bat",
    "c",
    "cc",
    "cfg",
    "cpp",
    "cs",
    "css",
    "csv",
    "go",
    "h",
    "hpp",
    "ini",
    "java",
    "js",
    "json",
    "jsonl",
    "kt",
    "log",
    "lua",
    "mjs",
    "ndjson",
    "php",
    "pl",
    "properties",
    "ps1",
    "py",
    "r",
    "rb",
    "rs",
    "scala",
    "sh",
    "sql",
    "svelte",
    "swift",
    "toml",
    "ts",
    "tsv",
    "tsx",
    "vue",
    "xml",
    "yaml",
    "yml",
    "zsh",
];

/// Parses plain text.
pub(crate) fn parse(body: &[u8], charset: Option<&str>, file_name: Option<&str>) -> Document {
    let mut document = Document { content_type: ContentType::Text, ..Document::default() };
    let text = read(body, charset, &mut document);
    if !file_name.and_then(ending).is_some_and(|ending| NOT_PROSE.contains(&ending.as_str())) {
        document.title = title(&text);
    }
    let mut prose = Prose::default();
    prose.push(Gap::Paragraph, &text);
    prose.finish(&mut document);
    document
}

/// Decodes, cleans and notes what was lost; shared with Markdown.
pub(crate) fn read(body: &[u8], charset: Option<&str>, document: &mut Document) -> String {
    let kept = body.get(..MAX_INPUT_BYTES).unwrap_or(body);
    let Decoded { text, replaced, remark } = decode(kept, charset, false);
    let marks = &mut document.marks;
    marks.remarks.extend(remark);
    if kept.len() < body.len() {
        marks.remarks.push(format!(
            "the file has {} bytes and only the first {} MiB were read",
            body.len(),
            MAX_INPUT_BYTES / 1024 / 1024
        ));
    }
    marks.replaced_characters = replaced;
    let text = clean(&text);
    document.extraction_confidence = confidence(replaced, text.len());
    text
}

/// Nothing is extracted from text, so it is all there but for what could not be decoded.
fn confidence(replaced: usize, length: usize) -> f64 {
    let lost = replaced as f64 * 20.0 / length.max(1) as f64;
    (1.0 - lost).clamp(0.1, 1.0)
}

/// The ending of a file's name, in lower case.
pub(crate) fn ending(file_name: &str) -> Option<String> {
    let (stem, ending) = file_name.rsplit_once('.')?;
    (!stem.is_empty() && ending.len() <= 10).then(|| ending.to_ascii_lowercase())
}

/// The first line, if it looks like a title: short, begins like one, does not end like a sentence or a line of code,
/// stands alone or is underlined.
fn title(text: &str) -> Option<String> {
    let mut lines = text.lines().skip_while(|line| line.trim().is_empty());
    let first = lines.next()?.trim();
    let next = lines.next().unwrap_or_default().trim();
    let underlined = next.len() >= 3 && (next.bytes().all(|b| b == b'=') || next.bytes().all(|b| b == b'-'));
    let letters = first.chars().filter(|c| c.is_alphabetic()).count();
    let length = first.chars().count();
    let fits = (3..=120).contains(&length)
        && letters * 2 >= length
        && first.chars().next().is_some_and(char::is_alphanumeric)
        && !first.ends_with(['.', ',', ';', ':', '{', '}', '(', '[', ']', '\\', '=', '>', '!'])
        && !first.ends_with("()")
        && !first.contains(['\t', '=', '{', '}', '<', '>', ';', '|'])
        && first.matches(',').count() <= 2;
    (fits && (underlined || next.is_empty())).then(|| one_line(first, MAX_LINE_BYTES))
}
