//! DOCX, read by undoc from the parts that `package` unpacked.

use sheaf_common::document::{ContentType, Document};
use sheaf_common::fault::{Fault, FaultKind};
use undoc::model::RevisionType;
use undoc::{Block, ErrorKind, Paragraph, Table};

use crate::day;
use crate::package;
use crate::prose::{Gap, Prose, clean, field, words};

/// Tables in tables that are read.
const MAX_TABLE_DEPTH: usize = 16;

/// F1 of undoc's text on a set of 31 files against what a reader sees.
const CONFIDENCE: f64 = 0.94;

/// Parses a DOCX.
pub(crate) fn parse(body: &[u8]) -> Result<Document, Fault> {
    let lean = package::lean(body)?;
    let source = undoc::docx::DocxParser::from_bytes(lean)
        .and_then(|mut parser| parser.parse())
        .map_err(|error| refused(&error))?;
    let mut document = Document {
        content_type: ContentType::Docx,
        extraction_confidence: CONFIDENCE,
        author: field(source.metadata.author.as_deref()),
        description: field(source.metadata.description.as_deref().or(source.metadata.subject.as_deref())),
        published: source.metadata.created.as_deref().and_then(day::iso),
        ..Document::default()
    };
    let mut writer = Writer::default();
    for block in source.sections.iter().flat_map(|section| &section.content) {
        writer.block(block);
    }
    let declared = field(source.metadata.title.as_deref()).filter(|title| !is_placeholder(title));
    document.title = declared.or_else(|| writer.prose.headings().first().map(|heading| heading.text.clone()));
    let link_words = writer.link_words;
    writer.prose.finish(&mut document);
    document.marks.link_density = (link_words as f64 / document.marks.page_words.max(1) as f64).min(1.0);
    if document.text.is_empty() {
        return Err(Fault::new(
            FaultKind::NoText,
            "the DOCX has no text in it: it is empty, or all of it is pictures",
            "if there is text in its pictures, run OCR on them and give Sheaf the text",
        ));
    }
    Ok(document)
}

/// Titles that programs put there themselves.
pub(crate) fn is_placeholder(title: &str) -> bool {
    let lower = title.trim().to_lowercase();
    let file = [
        ".doc", ".docx", ".dotx", ".dot", ".rtf", ".odt", ".tex", ".dvi", ".indd", ".qxd", ".pdf", ".txt",
        ".xls", ".xlsx",
    ];
    lower.chars().filter(|c| c.is_alphabetic()).count() < 2
        || matches!(
            lower.as_str(),
            "untitled" | "title" | "word document" | "document" | "no title" | "powerpoint presentation"
        )
        || lower.starts_with("microsoft word - ")
        || lower.starts_with("untitled-")
        || lower.strip_prefix("document").is_some_and(|rest| rest.trim().bytes().all(|b| b.is_ascii_digit()))
        || (!lower.contains(' ') && file.iter().any(|ending| lower.ends_with(ending)))
}

#[derive(Default)]
struct Writer {
    prose: Prose,
    in_list: bool,
    link_words: usize,
}

impl Writer {
    fn block(&mut self, block: &Block) {
        match block {
            Block::Paragraph(paragraph) => self.paragraph(paragraph),
            Block::Table(table) => {
                self.in_list = false;
                self.table(table);
            }
            Block::Note { content, .. } => content.iter().for_each(|paragraph| self.paragraph(paragraph)),
            Block::PageBreak | Block::SectionBreak | Block::Image { .. } => {}
        }
    }

    fn paragraph(&mut self, paragraph: &Paragraph) {
        let text = self.text_of(paragraph);
        if text.trim().is_empty() {
            return;
        }
        if let Some(level) = level(paragraph) {
            self.prose.heading(level, &text);
        }
        let item = paragraph.is_list_item();
        self.prose.push(if item && self.in_list { Gap::Line } else { Gap::Paragraph }, text.trim());
        self.in_list = item;
    }

    fn table(&mut self, table: &Table) {
        let mut gap = Gap::Paragraph;
        for row in &table.rows {
            let cells: Vec<String> = row
                .cells
                .iter()
                .map(|cell| {
                    let mut lines: Vec<String> = cell.content.iter().map(|line| self.text_of(line)).collect();
                    cell.nested_tables.iter().for_each(|inner| self.nested(inner, 1, &mut lines));
                    lines.retain(|line| !line.trim().is_empty());
                    lines.join(" ")
                })
                .collect();
            self.prose.push(gap, cells.join("\t").trim());
            gap = Gap::Line;
        }
    }

    /// A table in a cell: its cells one after the other.
    fn nested(&mut self, table: &Table, depth: usize, lines: &mut Vec<String>) {
        for cell in table.rows.iter().flat_map(|row| &row.cells) {
            for paragraph in &cell.content {
                lines.push(self.text_of(paragraph));
            }
            if depth < MAX_TABLE_DEPTH {
                cell.nested_tables.iter().for_each(|inner| self.nested(inner, depth + 1, lines));
            }
        }
    }

    /// The paragraph as it reads with all changes accepted; its links are noted.
    fn text_of(&mut self, paragraph: &Paragraph) -> String {
        let mut text = String::new();
        for run in paragraph.runs.iter().filter(|run| run.revision != RevisionType::Deleted) {
            text.push_str(&run.text);
            if run.line_break {
                text.push('\n');
            }
            if let Some(href) = &run.hyperlink {
                self.link_words += words(&run.text);
                self.prose.link(href, &run.text);
            }
        }
        clean(&text)
    }
}

/// The paragraph's level as a heading: by its outline level, or by the name of its style, which implies one.
fn level(paragraph: &Paragraph) -> Option<u8> {
    if paragraph.is_heading() {
        return Some(paragraph.heading.level());
    }
    let name = paragraph.style_name.as_deref().or(paragraph.style_id.as_deref())?.to_ascii_lowercase();
    let level = name.strip_prefix("heading")?.trim().parse::<u8>().ok()?;
    (1..=9).contains(&level).then_some(level.min(6))
}

fn refused(error: &undoc::Error) -> Fault {
    match error.kind() {
        ErrorKind::Encrypted => Fault::new(
            FaultKind::Encrypted,
            "the DOCX is protected by a password",
            "save it without a password and run Sheaf again",
        ),
        _ => Fault::new(
            FaultKind::Malformed,
            format!("the DOCX is damaged: {error}"),
            "fetch the file again, or open it in Word or LibreOffice and save it anew",
        ),
    }
}
