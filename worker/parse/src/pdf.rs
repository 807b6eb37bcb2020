//! PDF, read by unpdf page by page.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sheaf_common::document::{ContentType, Document};
use sheaf_common::fault::{Fault, FaultKind};
use unpdf::model::{Block, InlineContent, Paragraph};
use unpdf::{ErrorKind, ErrorMode, PageSelection, PageStreamOptions, ParseEvent, ParseOptions, PdfParser};

use crate::day;
use crate::docx::is_placeholder;
use crate::limits::{MAX_PDF_PAGES, MAX_TEXT_BYTES};
use crate::prose::{Gap, Prose, clean, field, one_line, words};

/// F1 of unpdf's text on a set of 17 files against that of the reference.
const CONFIDENCE: f64 = 0.96;

/// Parses a PDF.
pub(crate) fn parse(body: &[u8]) -> Result<Document, Fault> {
    let options = ParseOptions::new().lenient().sequential();
    let parser = PdfParser::from_bytes_with_options(body, options).map_err(|error| refused(&error, body))?;
    let mut reading = Reading::default();
    let quality = parser
        .for_each_page(stream_options(parser.page_count()), |event| reading.event(event))
        .map_err(|error| refused(&error, body))?;
    let mut document = Document { content_type: ContentType::Pdf, ..Document::default() };
    let damaged = quality.pages_incomplete
        || quality.unresolved_page_nodes > 0
        || quality.undecodable_content_streams > 0;
    let remarks = &mut document.marks.remarks;
    if quality.pages_incomplete || quality.unresolved_page_nodes > 0 {
        remarks.push("the PDF is damaged and some of its pages could not be found".to_owned());
    } else if quality.xref_reconstructed {
        remarks.push("the PDF is damaged or broken off; what could be found in it was read".to_owned());
    }
    if quality.undecodable_content_streams > 0 {
        remarks.push(format!("{} parts of pages could not be decoded", quality.undecodable_content_streams));
    }
    let declared = quality.declared_page_count.unwrap_or(0).max(parser.page_count());
    reading.finish(&mut document, declared as usize)?;
    if damaged {
        document.extraction_confidence *= 0.8;
    }
    Ok(document)
}

/// One page after the other on the caller's thread. Written out in full because the default starts a pool of threads.
fn stream_options(pages: u32) -> PageStreamOptions {
    PageStreamOptions {
        error_mode: ErrorMode::Lenient,
        extract_text: true,
        extract_resources: false,
        min_image_dimension: 64,
        pages: if pages > MAX_PDF_PAGES {
            PageSelection::Range(1..=MAX_PDF_PAGES)
        } else {
            PageSelection::All
        },
        password: None,
        parallel: false,
        suppress_low_confidence_ocr: true,
        window_size: 1,
        emit_progress_every: u32::MAX,
    }
}

/// A block of a page.
struct Piece {
    text: String,
    heading: Option<u8>,
    /// Begins right under the block before it: items of a list, rows of a table.
    tight: bool,
    /// May run on into the next page.
    prose: bool,
}

/// The pages as they come in.
#[derive(Default)]
struct Reading {
    pages: Vec<Vec<Piece>>,
    links: Vec<(String, String)>,
    bytes: usize,
    title: Option<String>,
    author: Option<String>,
    subject: Option<String>,
    created: Option<String>,
    failed: Vec<u32>,
    unreadable_text: usize,
    full: bool,
}

impl Reading {
    fn event(&mut self, event: ParseEvent) -> ControlFlow<()> {
        match event {
            ParseEvent::DocumentStart { metadata, .. } => {
                self.title = field(metadata.title.as_deref()).filter(|title| !is_placeholder(title));
                self.author = field(metadata.author.as_deref());
                self.subject = field(metadata.subject.as_deref());
                self.created =
                    metadata.created.and_then(|time| day::iso(&time.format("%Y-%m-%d").to_string()));
            }
            ParseEvent::PageParsed(page) => {
                self.unreadable_text += page.suppressed_text_runs;
                let pieces = pieces(&page.elements, &mut self.links);
                self.bytes += pieces.iter().map(|piece| piece.text.len()).sum::<usize>();
                self.pages.push(pieces);
                if self.bytes > MAX_TEXT_BYTES {
                    self.full = true;
                    return ControlFlow::Break(());
                }
            }
            ParseEvent::PageFailed { page, .. } => {
                self.failed.push(page);
                self.pages.push(Vec::new());
            }
            ParseEvent::Progress { .. } | ParseEvent::DocumentEnd { .. } => {}
        }
        ControlFlow::Continue(())
    }

    fn finish(mut self, document: &mut Document, declared: usize) -> Result<(), Fault> {
        let read = self.pages.len();
        let blank = self.pages.iter().filter(|page| page.is_empty()).count();
        let marks = &mut document.marks;
        marks.pages = Some(declared.max(read));
        marks.pages_without_text = blank;
        if read == 0 {
            return Err(Fault::new(
                FaultKind::Malformed,
                "no page could be found in the PDF: it is damaged or broken off",
                "fetch the file again",
            ));
        }
        if blank == read {
            return Err(without_text(read, self.unreadable_text));
        }
        if self.full || declared > MAX_PDF_PAGES as usize {
            marks.remarks.push(format!("the PDF has {declared} pages and the first {read} were read"));
        }
        if !self.failed.is_empty() {
            let first: Vec<String> = self.failed.iter().take(10).map(u32::to_string).collect();
            marks.remarks.push(format!(
                "{} pages could not be read: {}",
                self.failed.len(),
                first.join(", ")
            ));
        }
        if self.unreadable_text > 0 {
            marks.remarks.push(format!(
                "{} pieces of text are in fonts that do not say which letters they show, and were left out",
                self.unreadable_text
            ));
        }
        if blank > self.failed.len() {
            marks.remarks.push(format!(
                "{} of {read} pages have no text; if they are scans, run OCR on them",
                blank - self.failed.len()
            ));
        }
        let running = drop_running_lines(&mut self.pages);
        if running > 0 {
            marks.remarks.push(format!("{running} running headers, footers and page numbers were left out"));
        }
        let mut prose = Prose::default();
        let mut runs_on = false;
        for piece in self.pages.into_iter().flat_map(|page| {
            let mut page = page.into_iter().peekable();
            let mut first = true;
            std::iter::from_fn(move || {
                let piece = page.next()?;
                let edge = (std::mem::take(&mut first), page.peek().is_none());
                Some((piece, edge))
            })
        }) {
            let (piece, (first, last)) = piece;
            if let Some(level) = piece.heading {
                prose.heading(level, &piece.text);
            }
            if first && runs_on && piece.prose && continues(&prose, &piece.text) {
                join(&mut prose, &piece.text);
            } else {
                prose.push(if piece.tight { Gap::Line } else { Gap::Paragraph }, &piece.text);
            }
            runs_on = last && piece.prose;
        }
        for (href, text) in &self.links {
            prose.link(href, text);
        }
        document.title = self.title.or_else(|| prose.headings().first().map(|heading| heading.text.clone()));
        document.author = self.author;
        document.description = self.subject;
        document.published = self.created;
        prose.finish(document);
        let link_words: usize = document.links.iter().map(|link| words(&link.text)).sum();
        let marks = &mut document.marks;
        marks.link_density = (link_words as f64 / marks.page_words.max(1) as f64).min(1.0);
        marks.replaced_characters = document.text.matches('\u{FFFD}').count();
        let shown = (read - blank) as f64 / read as f64;
        let decoded = 1.0 - marks.replaced_characters as f64 * 10.0 / document.text.len().max(1) as f64;
        document.extraction_confidence = (CONFIDENCE * shown * decoded).clamp(0.05, 1.0);
        Ok(())
    }
}

fn pieces(blocks: &[Block], links: &mut Vec<(String, String)>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut in_list = false;
    for block in blocks {
        let item = matches!(block, Block::Paragraph(paragraph) if paragraph.is_list_item());
        match block {
            Block::Paragraph(paragraph) => {
                note_links(paragraph, links);
                let heading = paragraph.heading_level();
                let text = unbroken(&clean(&paragraph.plain_text()), heading.is_some());
                pieces.push(Piece {
                    text,
                    heading,
                    tight: item && in_list,
                    prose: heading.is_none() && !item,
                });
            }
            Block::Table(table) => {
                for (number, row) in table.rows.iter().enumerate() {
                    let cells: Vec<String> =
                        row.cells.iter().map(|cell| one_line(&cell.plain_text(), usize::MAX)).collect();
                    let text = clean(cells.join("\t").trim());
                    pieces.push(Piece { text, heading: None, tight: number > 0, prose: false });
                }
            }
            Block::Code { content } | Block::Raw { content } => {
                pieces.push(Piece { text: clean(content), heading: None, tight: false, prose: false });
            }
            Block::Image { .. } | Block::HorizontalRule | Block::PageBreak | Block::SectionBreak => {}
        }
        in_list = item;
    }
    pieces.retain(|piece| !piece.text.trim().is_empty());
    pieces
}

fn note_links(paragraph: &Paragraph, links: &mut Vec<(String, String)>) {
    for content in &paragraph.content {
        if let InlineContent::Link { text, url, .. } = content
            && links.len() <= crate::limits::MAX_LINKS
        {
            links.push((url.clone(), text.clone()));
        }
    }
}

/// Lines of a paragraph made one, words broken at a line's end made whole.
fn unbroken(text: &str, heading: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut above = "";
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !above.is_empty() {
            // A line end that the page sets on purpose stays: verse, addresses.
            let short = !heading && above.chars().count() < 40;
            out.push(if short && !breaks_a_word(above, line) { '\n' } else { ' ' });
        }
        out.push_str(line);
        above = line;
    }
    if !out.contains("- ") && !out.contains("\u{2010} ") {
        return out;
    }
    // The reader of the page has joined lines already and left the hyphens.
    let mut whole = String::with_capacity(out.len());
    let mut rest = out.as_str();
    while let Some((at, hyphen)) = rest.match_indices(['-', '\u{2010}']).find(|&(at, hyphen)| {
        let after = rest.get(at + hyphen.len()..).unwrap_or_default();
        after
            .strip_prefix(' ')
            .is_some_and(|after| breaks_a_word(rest.get(..at + hyphen.len()).unwrap_or_default(), after))
    }) {
        whole.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + hyphen.len() + 1..).unwrap_or_default();
    }
    whole.push_str(rest);
    whole
}

/// Words before which a hyphen stands for what two words share: "pre- and post-war".
const SHARING: &[&str] =
    &["and", "or", "to", "und", "oder", "bis", "sowie", "et", "ou", "y", "o", "e", "en", "of", "och", "og"];

/// Whether `before` ends in a hyphen that was put there to break a word which `line` goes on with. A hyphen after a
/// letter and before a small letter nearly always is; a compound that happens to break at its own hyphen loses it.
fn breaks_a_word(before: &str, line: &str) -> bool {
    let mut end = before.chars().rev();
    matches!(end.next(), Some('-' | '\u{2010}'))
        && end.next().is_some_and(char::is_lowercase)
        && line.chars().next().is_some_and(char::is_lowercase)
        && !line.split(|c: char| !c.is_alphabetic()).next().is_some_and(|word| SHARING.contains(&word))
}

/// Whether the first paragraph of a page goes on with the last one of the page before, which does not end a sentence.
fn continues(prose: &Prose, text: &str) -> bool {
    let open =
        prose.last_char().is_some_and(|c| c.is_alphanumeric() || matches!(c, ',' | '-' | '\u{2010}' | ';'));
    let number = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let goes_on = text.chars().next().is_some_and(char::is_lowercase)
        || (number > 0 && !text.get(number..).is_some_and(|rest| rest.starts_with(['.', ')'])));
    open && goes_on
}

fn join(prose: &mut Prose, text: &str) {
    if matches!(prose.last_char(), Some('-' | '\u{2010}')) {
        prose.pop();
    } else {
        prose.extend(" ");
    }
    prose.extend(text);
}

/// Takes out what stands first or last on a page and, but for its numbers, on its neighbours too; says how many pieces
/// that were. Chapters have heads of their own, and books one on the left and one on the right: hence two pages away.
fn drop_running_lines(pages: &mut [Vec<Piece>]) -> usize {
    const LONGEST: usize = 120;
    let enough = pages.iter().filter(|page| page.len() > 2).count().clamp(2, 3);
    let key = |piece: Option<&Piece>| {
        let piece = piece.filter(|piece| piece.text.len() <= LONGEST)?;
        let text: String = piece.text.chars().filter(|c| !c.is_ascii_digit()).collect();
        Some(text.trim().to_lowercase())
    };
    let runs = |keys: &[Option<String>]| {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for key in keys.iter().flatten() {
            *counts.entry(key).or_default() += 1;
        }
        let near = |at: usize, key: &str| {
            let from = at.saturating_sub(2);
            let neighbours = keys.iter().enumerate().skip(from).take(at + 3 - from);
            neighbours.filter(|&(other, _)| other != at).any(|(_, other)| other.as_deref() == Some(key))
        };
        keys.iter()
            .enumerate()
            .map(|(at, key)| {
                key.as_deref()
                    .is_some_and(|key| counts.get(key).is_some_and(|&n| n >= enough) && near(at, key))
            })
            .collect::<Vec<bool>>()
    };
    let first: Vec<_> = pages.iter().map(|page| key(page.first())).collect();
    let last: Vec<_> = pages.iter().map(|page| key(page.last())).collect();
    let mut dropped = 0;
    for ((page, first), last) in pages.iter_mut().zip(runs(&first)).zip(runs(&last)) {
        if last && page.len() > 2 {
            page.pop();
            dropped += 1;
        }
        if first && page.len() > 2 {
            page.remove(0);
            dropped += 1;
        }
    }
    dropped
}

fn without_text(pages: usize, unreadable: usize) -> Fault {
    let pages = if pages == 1 { "1 page".to_owned() } else { format!("{pages} pages") };
    if unreadable > 0 {
        return Fault::new(
            FaultKind::NoText,
            format!(
                "the PDF has {pages} and its fonts do not say which letters they show, so no text can be read"
            ),
            "print it to images and run OCR on them",
        );
    }
    Fault::new(
        FaultKind::NoText,
        format!("the PDF has {pages} and no text: probably a scan; run OCR first"),
        "ocrmypdf or a similar program puts a layer of text into the file",
    )
}

fn refused(error: &unpdf::Error, body: &[u8]) -> Fault {
    match error.kind() {
        ErrorKind::Encrypted | ErrorKind::InvalidPassword => Fault::new(
            FaultKind::Encrypted,
            "the PDF is encrypted and needs a password to be opened",
            "save it without a password and run Sheaf again",
        ),
        _ => {
            let tail = body.get(body.len().saturating_sub(2048)..).unwrap_or(body);
            let whole = tail.windows(5).any(|five| five == b"%%EOF");
            let state = if whole { "is damaged" } else { "breaks off before its end" };
            Fault::new(
                FaultKind::Malformed,
                format!("the PDF of {} bytes {state} and could not be read: {error}", body.len()),
                "fetch the file again",
            )
        }
    }
}
