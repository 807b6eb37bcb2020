//! Markdown: `CommonMark` with tables, footnotes, task lists, strike-through and front matter.
//!
//! Marks go, words stay. Code blocks are kept where they are, each line indented by four spaces, so that whoever wants
//! prose alone can tell them apart. Pictures' alternative texts are left out: on most pages they are badges.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use sheaf_common::document::{ContentType, Document};

use crate::prose::{Gap, Prose, words};
use crate::{front_matter, markup, text};

/// Parses Markdown.
pub(crate) fn parse(body: &[u8], charset: Option<&str>) -> Document {
    let mut document = Document { content_type: ContentType::Markdown, ..Document::default() };
    let source = text::read(body, charset, &mut document);
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    let mut writer = Writer::default();
    for event in Parser::new_ext(&source, options) {
        writer.event(event);
    }
    writer.flush();
    front_matter::read(&writer.front_matter, &mut document);
    if document.title.is_none() {
        let headings = writer.prose.headings();
        let first = headings.iter().find(|heading| heading.level == 1).or(headings.first());
        document.title = first.map(|heading| heading.text.clone());
    }
    let link_words = writer.link_words;
    writer.prose.finish(&mut document);
    document.marks.link_density = link_words as f64 / document.marks.page_words.max(1) as f64;
    document.marks.link_density = document.marks.link_density.min(1.0);
    document
}

/// Where the text of an event goes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Into {
    #[default]
    Block,
    Code,
    Html,
    FrontMatter,
}

#[derive(Default)]
struct Writer {
    prose: Prose,
    /// The block being read.
    block: String,
    gap: Option<Gap>,
    into: Into,
    front_matter: String,
    /// Lists open.
    lists: usize,
    /// Pictures open.
    pictures: usize,
    /// Where the link being read begins in `block`, and its target.
    link: Option<(usize, String)>,
    link_words: usize,
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text)
            | Event::Code(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::Html(text) => self.text(&text),
            Event::InlineHtml(tag) => {
                let tag = tag.to_ascii_lowercase();
                if tag.starts_with("<br") {
                    self.block.push('\n');
                }
            }
            Event::SoftBreak => self.text(" "),
            Event::HardBreak => self.text("\n"),
            Event::TaskListMarker(done) => self.block.push_str(if done { "[x] " } else { "[ ] " }),
            Event::Rule | Event::FootnoteReference(_) => {}
        }
    }

    fn text(&mut self, text: &str) {
        match self.into {
            Into::FrontMatter => self.front_matter.push_str(text),
            Into::Block if self.pictures > 0 => {}
            Into::Block | Into::Code | Into::Html => self.block.push_str(text),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::MetadataBlock(_) => self.into = Into::FrontMatter,
            Tag::CodeBlock(_) => {
                self.flush();
                self.into = Into::Code;
            }
            Tag::HtmlBlock => {
                self.flush();
                self.into = Into::Html;
            }
            Tag::List(_) => {
                self.flush();
                self.lists += 1;
                self.gap = (self.lists == 1).then_some(Gap::Paragraph);
            }
            Tag::Table(_) => {
                self.flush();
                self.gap = Some(Gap::Paragraph);
            }
            Tag::Paragraph
            | Tag::Heading { .. }
            | Tag::BlockQuote(_)
            | Tag::FootnoteDefinition(_)
            | Tag::Item => {
                self.flush();
            }
            Tag::Link { dest_url, .. } => self.link = Some((self.block.len(), dest_url.into_string())),
            Tag::Image { .. } => self.pictures += 1,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::MetadataBlock(_) => self.into = Into::Block,
            TagEnd::CodeBlock => {
                let code = std::mem::take(&mut self.block);
                let indented: Vec<String> =
                    code.trim_end().lines().map(|line| format!("    {line}")).collect();
                self.prose.push(Gap::Paragraph, &indented.join("\n"));
                self.into = Into::Block;
                self.gap = Some(Gap::Paragraph);
            }
            TagEnd::HtmlBlock => {
                let text = markup::strip(&std::mem::take(&mut self.block));
                self.into = Into::Block;
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                for (number, line) in lines.enumerate() {
                    self.prose.push(if number == 0 { Gap::Paragraph } else { Gap::Line }, line);
                }
            }
            TagEnd::Heading(level) => {
                self.prose.heading(level as u8, &self.block);
                self.flush();
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists = self.lists.saturating_sub(1);
                self.gap = (self.lists == 0).then_some(Gap::Paragraph);
            }
            TagEnd::TableCell => self.block.push('\t'),
            TagEnd::TableHead | TagEnd::TableRow => {
                let row = std::mem::take(&mut self.block);
                let gap = self.gap.take().unwrap_or(Gap::Line);
                self.prose.push(gap, row.trim());
            }
            TagEnd::Table | TagEnd::Paragraph | TagEnd::Item => self.flush(),
            TagEnd::Link => {
                if let Some((from, href)) = self.link.take() {
                    let text = self.block.get(from..).unwrap_or_default();
                    self.link_words += words(text);
                    self.prose.link(&href, text);
                }
            }
            TagEnd::Image => self.pictures = self.pictures.saturating_sub(1),
            _ => {}
        }
    }

    /// Ends the block being read.
    fn flush(&mut self) {
        let block = std::mem::take(&mut self.block);
        if block.trim().is_empty() {
            return;
        }
        let otherwise = if self.lists > 0 { Gap::Line } else { Gap::Paragraph };
        let gap = self.gap.take().unwrap_or(otherwise);
        self.prose.push(gap, block.trim());
    }
}
