//! The text being put together, block by block, up to the cap.

use sheaf_common::document::{Document, Heading, Link};

use crate::limits::{MAX_HEADINGS, MAX_HREF_BYTES, MAX_LINE_BYTES, MAX_LINKS, MAX_TEXT_BYTES};

/// Text of blocks: paragraphs have an empty line between them, other blocks a line end.
#[derive(Debug, Default)]
pub(crate) struct Prose {
    text: String,
    headings: Vec<Heading>,
    links: Vec<Link>,
    cut_bytes: usize,
    cut_headings: usize,
    cut_links: usize,
}

/// What stands between a block and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    /// An empty line.
    Paragraph,
    /// A line end: items of a list, rows of a table.
    Line,
}

impl Prose {
    /// Adds a block; nothing if it is blank.
    pub(crate) fn push(&mut self, gap: Gap, block: &str) {
        let block = block.trim_matches(['\n', '\r']).trim_end();
        if block.trim().is_empty() {
            return;
        }
        if self.cut_bytes == 0 && !self.text.is_empty() {
            self.text.push_str(if gap == Gap::Paragraph { "\n\n" } else { "\n" });
        }
        let room = if self.cut_bytes > 0 { 0 } else { MAX_TEXT_BYTES.saturating_sub(self.text.len()) };
        let kept = block.floor_char_boundary(room.min(block.len()));
        self.text.push_str(block.get(..kept).unwrap_or_default());
        self.cut_bytes += block.len() - kept;
    }

    /// The last character so far.
    pub(crate) fn last_char(&self) -> Option<char> {
        self.text.chars().next_back()
    }

    /// Puts text right behind the last block, without a gap.
    pub(crate) fn extend(&mut self, text: &str) {
        let room = if self.cut_bytes > 0 { 0 } else { MAX_TEXT_BYTES.saturating_sub(self.text.len()) };
        let kept = text.floor_char_boundary(room.min(text.len()));
        self.text.push_str(text.get(..kept).unwrap_or_default());
        self.cut_bytes += text.len() - kept;
    }

    /// Takes the last character off.
    pub(crate) fn pop(&mut self) {
        self.text.pop();
    }

    /// Adds a heading to the list; its text is pushed apart from this.
    pub(crate) fn heading(&mut self, level: u8, text: &str) {
        let text = one_line(text, MAX_LINE_BYTES);
        if text.is_empty() {
            return;
        }
        if self.headings.len() < MAX_HEADINGS {
            self.headings.push(Heading { level: level.clamp(1, 6), text });
        } else {
            self.cut_headings += 1;
        }
    }

    /// Adds a link to the list; its text is pushed apart from this.
    pub(crate) fn link(&mut self, href: &str, text: &str) {
        if href.is_empty() || href.len() > MAX_HREF_BYTES {
            return;
        }
        if self.links.len() < MAX_LINKS {
            self.links.push(Link {
                href: href.to_owned(),
                text: one_line(text, MAX_LINE_BYTES),
                nofollow: false,
            });
        } else {
            self.cut_links += 1;
        }
    }

    /// The headings so far.
    pub(crate) fn headings(&self) -> &[Heading] {
        &self.headings
    }

    /// Moves everything into the document, with a remark for each thing that was cut.
    pub(crate) fn finish(self, document: &mut Document) {
        document.text = self.text;
        document.headings = self.headings;
        document.links = self.links;
        document.marks.page_words = words(&document.text);
        let remarks = &mut document.marks.remarks;
        if self.cut_bytes > 0 {
            remarks.push(cut_remark(self.cut_bytes));
        }
        if self.cut_headings > 0 {
            remarks
                .push(format!("{} headings after the first {MAX_HEADINGS} were left out", self.cut_headings));
        }
        if self.cut_links > 0 {
            remarks.push(format!("{} links after the first {MAX_LINKS} were left out", self.cut_links));
        }
    }
}

/// The remark for text that was cut.
pub(crate) fn cut_remark(bytes: usize) -> String {
    format!(
        "the text is longer than {} MiB: what comes after was left out ({bytes} bytes)",
        MAX_TEXT_BYTES / 1024 / 1024
    )
}

/// Words between white space.
pub(crate) fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// White space to single spaces, control characters away, cut to `bytes`.
pub(crate) fn one_line(text: &str, bytes: usize) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if line.len() + word.len() + 1 > bytes {
            let room = bytes.saturating_sub(line.len() + 4).min(word.len());
            line.push(' ');
            line.push_str(word.get(..word.floor_char_boundary(room)).unwrap_or_default());
            line.push('…');
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// A field of the document's own description: one line, `None` if blank.
pub(crate) fn field(text: Option<&str>) -> Option<String> {
    text.map(|text| one_line(text, MAX_LINE_BYTES)).filter(|text| !text.is_empty())
}

/// Line ends to `\n`, control characters and marks that no reader sees away.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\n' | '\t' => out.push(c),
            '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\u{FEFF}' | '\u{AD}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
