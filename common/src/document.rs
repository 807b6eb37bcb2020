//! A parsed document: the door between the parsers and the rules. A value, no I/O.

use serde::{Deserialize, Serialize};

/// What a parser found in the bytes of a document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// The type the bytes turned out to have.
    pub content_type: ContentType,
    /// Title, without the name of the site.
    pub title: Option<String>,
    /// Main text: blocks separated by a newline, paragraphs by an empty line.
    pub text: String,
    /// How much `text` is to be trusted as the main text, 0 to 1 (the expected F1).
    pub extraction_confidence: f64,
    /// Steps of the extraction cascade that gave `text`, such as `blocks` or `vote`; empty for formats without one.
    pub extraction_method: String,
    /// Language as the document declares it (BCP 47, such as `en` or `pt-BR`).
    pub declared_language: Option<String>,
    /// ISO 8601 date, as declared.
    pub published: Option<String>,
    /// Author, as declared.
    pub author: Option<String>,
    /// Description, as declared.
    pub description: Option<String>,
    /// Canonical URL, as declared.
    pub canonical: Option<String>,
    /// Name of the site, as declared.
    pub site_name: Option<String>,
    /// Headings in document order.
    pub headings: Vec<Heading>,
    /// Links in document order, as written.
    pub links: Vec<Link>,
    /// `<base href>`, as written.
    pub base_href: Option<String>,
    /// What kind of page the extractor took it for, such as `article` or `forum`; `None` for formats other than HTML.
    pub page_kind: Option<String>,
    /// Observations of the parser that the rules weigh.
    pub marks: Marks,
}

/// Observations of the parser that the rules weigh.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Marks {
    /// Share of the page's visible text that is inside links, 0 to 1.
    pub link_density: f64,
    /// Words of visible text on the whole page, boilerplate included.
    pub page_words: usize,
    /// The page declares that its content is not free to read.
    pub paywall: bool,
    /// The page asks robots not to index it.
    pub noindex: bool,
    /// The page asks robots not to follow its links.
    pub nofollow: bool,
    /// Characters that could not be decoded and were replaced.
    pub replaced_characters: usize,
    /// Pages, where the format has them (PDF).
    pub pages: Option<usize>,
    /// Pages without any text, where the format has pages.
    pub pages_without_text: usize,
    /// Remarks for a person, such as that the page was nested too deeply and read without its structure.
    pub remarks: Vec<String>,
}

/// A heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// 1 to 6.
    pub level: u8,
    /// The heading's text.
    pub text: String,
}

/// A link as written in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Target as written, not yet resolved.
    pub href: String,
    /// Visible text.
    pub text: String,
    /// Marked `rel=nofollow`.
    pub nofollow: bool,
}

/// Types that Sheaf parses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContentType {
    /// HTML and XHTML.
    #[serde(rename = "text/html")]
    Html,
    /// Markdown.
    #[serde(rename = "text/markdown")]
    Markdown,
    /// Plain text, source files included.
    #[default]
    #[serde(rename = "text/plain")]
    Text,
    /// PDF.
    #[serde(rename = "application/pdf")]
    Pdf,
    /// Word's DOCX.
    #[serde(rename = "application/vnd.openxmlformats-officedocument.wordprocessingml.document")]
    Docx,
    /// A stand-in whose parser misbehaves on request; compiled for tests only.
    #[serde(rename = "application/x-sheaf-hostile")]
    Hostile,
}

impl ContentType {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html",
            Self::Markdown => "text/markdown",
            Self::Text => "text/plain",
            Self::Pdf => "application/pdf",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Hostile => "application/x-sheaf-hostile",
        }
    }
}
