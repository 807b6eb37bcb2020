//! What the bytes are, whatever they were said to be.
//!
//! Magic numbers decide first, then the declared type as far as the bytes allow it, then the file's ending, then what
//! the beginning looks like. What has no parser is refused by name.

use std::borrow::Cow;

use sheaf_common::document::ContentType;
use sheaf_common::fault::{Fault, FaultKind};

use crate::package::{self, Kind};
use crate::{charset, gzip, magic, text};

/// What a document turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// The type.
    pub content_type: ContentType,
    /// Charset of the Content-Type header, as written there.
    pub charset: Option<String>,
    /// The bytes are gzip-compressed and the type is that of what is inside.
    pub gzipped: bool,
    /// What decided.
    pub evidence: Evidence,
}

/// What a type was told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The bytes begin, or are built, as only this type is.
    Magic,
    /// The Content-Type header.
    Header,
    /// The ending of the file's name.
    Ending,
    /// What the first kilobyte looks like.
    Sniffed,
    /// Nothing: it is text and no more is known.
    Default,
}

/// Bytes at the beginning in which markup is looked for.
const SNIFF_BYTES: usize = 1024;

/// Tells what `body` is. `declared` is the Content-Type header, `file_name` the last part of the path.
///
/// # Errors
///
/// `Empty`, `UnsupportedType` with what it is in words, `Encrypted` for an encrypted Office document, and `Malformed`
/// for a file that is called a PDF or DOCX and is not one.
pub fn detect(body: &[u8], declared: Option<&str>, file_name: Option<&str>) -> Result<Detected, Fault> {
    if body.iter().all(u8::is_ascii_whitespace) {
        let what = if body.is_empty() {
            "the document is empty (0 bytes)"
        } else {
            "there is only white space in the document"
        };
        return Err(Fault::new(FaultKind::Empty, what, "check that the download or copy completed"));
    }
    let gzipped = gzip::is_gzip(body);
    let (head, name): (Cow<'_, [u8]>, _) = if gzipped {
        let head = gzip::peek(body);
        if head.is_empty() {
            return Err(Fault::new(
                FaultKind::Malformed,
                "the gzip file breaks off before anything could be unpacked",
                "download or copy it again",
            ));
        }
        if head.get(257..262) == Some(b"ustar") {
            return Err(unsupported("a gzip-compressed tar archive"));
        }
        let inner = file_name.and_then(|name| name.get(..name.len().checked_sub(3)?));
        (head.into(), inner)
    } else {
        (Cow::Borrowed(body), file_name)
    };
    let said = Said::new(declared, name, gzipped);
    let (content_type, evidence) = if gzipped && gzip::is_gzip(&head) {
        return Err(unsupported("a gzip file inside of a gzip file"));
    } else {
        decide(&head, &said)?
    };
    Ok(Detected { content_type, charset: said.charset.map(str::to_owned), gzipped, evidence })
}

/// What is said of the bytes.
struct Said<'a> {
    /// Media type in lower case, without parameters; `None` when it says nothing.
    essence: Option<String>,
    charset: Option<&'a str>,
    /// Ending of the file's name.
    ending: Option<String>,
}

impl<'a> Said<'a> {
    fn new(declared: Option<&'a str>, file_name: Option<&str>, gzipped: bool) -> Self {
        let mut parts = declared.unwrap_or_default().split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let charset = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
        });
        let of_wrapper = gzipped && matches!(essence.as_str(), "application/gzip" | "application/x-gzip");
        let says_nothing = matches!(
            essence.as_str(),
            "" | "*/*"
                | "application/octet-stream"
                | "application/unknown"
                | "unknown/unknown"
                | "binary/octet-stream"
                | "application/force-download"
                | "application/download"
                | "application/x-download"
        );
        Self {
            essence: (!says_nothing && !of_wrapper && essence.contains('/')).then_some(essence),
            charset: charset.filter(|charset| !charset.is_empty() && charset.len() <= 64),
            ending: file_name.and_then(text::ending),
        }
    }

    fn by_header(&self) -> Option<ContentType> {
        Some(match self.essence.as_deref()? {
            "text/html" | "application/xhtml+xml" => ContentType::Html,
            "text/markdown" | "text/x-markdown" => ContentType::Markdown,
            "application/pdf" | "application/x-pdf" => ContentType::Pdf,
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => ContentType::Docx,
            _ => return None,
        })
    }

    fn by_ending(&self) -> Option<ContentType> {
        Some(match self.ending.as_deref()? {
            "html" | "htm" | "xhtml" | "xht" => ContentType::Html,
            "md" | "markdown" | "mkd" | "mkdn" | "mdown" | "mdwn" => ContentType::Markdown,
            "pdf" => ContentType::Pdf,
            "docx" | "docm" | "dotx" => ContentType::Docx,
            "txt" | "text" => ContentType::Text,
            _ => return None,
        })
    }

    /// The header's word, or the ending's when there is none.
    fn word(&self) -> Option<(ContentType, Evidence)> {
        let by_header = self.by_header().map(|content_type| (content_type, Evidence::Header));
        by_header.or_else(|| {
            // A header that says something else than what an ending promises is nearer to the truth for the two
            // binary formats: error pages are served under any name.
            let by_ending = self.by_ending()?;
            let binary = matches!(by_ending, ContentType::Pdf | ContentType::Docx);
            (!binary || self.essence.is_none()).then_some((by_ending, Evidence::Ending))
        })
    }
}

fn decide(body: &[u8], said: &Said<'_>) -> Result<(ContentType, Evidence), Fault> {
    if let Some(content_type) = by_magic(body, said)? {
        return Ok((content_type, Evidence::Magic));
    }
    let utf_16 = charset::is_utf_16(body);
    let markup = sniff(body, utf_16);
    // A page may have stray control characters, which HTML leaves out.
    let binary = !utf_16 && markup != Some(Markup::Html) && magic::is_binary(body);
    if let Some(name) = magic::name(body, binary) {
        return Err(unsupported(&name));
    }
    if binary {
        return Err(match said.word() {
            Some((word @ (ContentType::Pdf | ContentType::Docx), evidence)) => {
                impostor(word, evidence, "binary data of an unknown kind")
            }
            _ => match said.essence.as_deref().and_then(magic::declared) {
                Some(name) => unsupported(&name),
                None => unsupported("binary data of an unknown kind"),
            },
        });
    }
    if markup == Some(Markup::Svg) {
        return Err(unsupported("an image (image/svg+xml)"));
    }
    match said.word() {
        Some((word @ (ContentType::Pdf | ContentType::Docx), evidence)) => {
            let seems = if markup == Some(Markup::Html) { "an HTML page" } else { "plain text" };
            Err(impostor(word, evidence, seems))
        }
        // Text by its ending or header may still be a page.
        Some((ContentType::Text, _)) | None if markup == Some(Markup::Html) => {
            Ok((ContentType::Html, Evidence::Sniffed))
        }
        Some(word) => Ok(word),
        None => {
            let evidence = if said.essence.is_some() { Evidence::Header } else { Evidence::Default };
            Ok((ContentType::Text, evidence))
        }
    }
}

fn by_magic(body: &[u8], said: &Said<'_>) -> Result<Option<ContentType>, Fault> {
    #[cfg(feature = "hostile")]
    if crate::hostile::is_hostile(body) {
        return Ok(Some(ContentType::Hostile));
    }
    let start = body.get(..SNIFF_BYTES).unwrap_or(body);
    let called_pdf = matches!(said.word(), Some((ContentType::Pdf, _)));
    // Readers accept a PDF that begins anywhere in the first kilobyte; a page that only mentions it is none.
    if start.trim_ascii_start().starts_with(b"%PDF-")
        || (start.windows(5).any(|five| five == b"%PDF-") && (called_pdf || magic::is_binary(body)))
    {
        return Ok(Some(ContentType::Pdf));
    }
    if package::is_zip(body) {
        return match package::kind(body) {
            Kind::Docx => Ok(Some(ContentType::Docx)),
            // Broken off before the first telling name.
            Kind::Other(_) if body.len() < 4096 && matches!(said.word(), Some((ContentType::Docx, _))) => {
                Ok(Some(ContentType::Docx))
            }
            Kind::Other(name) => Err(unsupported(name)),
        };
    }
    if body.starts_with(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]) {
        return Err(compound_file(body));
    }
    Ok(None)
}

/// Names what an OLE compound file holds by the names of its streams, which are written in UTF-16.
fn compound_file(body: &[u8]) -> Fault {
    let has = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        body.windows(wide.len()).any(|window| window == wide)
    };
    if has("EncryptedPackage") {
        return Fault::new(
            FaultKind::Encrypted,
            "the document is an Office file protected by a password",
            "open it in its own program, save it without a password and run Sheaf again",
        );
    }
    let name = if has("WordDocument") {
        "a Word 97-2003 document (.doc)"
    } else if has("Workbook") || has("Book") {
        "an Excel 97-2003 workbook (.xls)"
    } else if has("PowerPoint Document") {
        "a PowerPoint 97-2003 presentation (.ppt)"
    } else if has("__properties_version1.0") {
        "an Outlook message (.msg)"
    } else {
        "an OLE compound file, the container of older Office documents"
    };
    unsupported(name)
}

/// The fault for what has no parser.
fn unsupported(what: &str) -> Fault {
    let hint = if what.contains("97-2003") || what.contains("RTF") || what.contains("OpenDocument") {
        "save it as DOCX or PDF"
    } else if what.contains("archive") {
        "unpack it and give Sheaf the documents inside"
    } else if what.contains("image") {
        "run OCR on it if there is text in it, and give Sheaf the text"
    } else if what.contains("EPUB") || what.contains("e-book") || what.contains("PostScript") {
        "convert it to PDF or HTML"
    } else if what.contains("Excel") {
        "save the sheets that matter as CSV"
    } else if what.contains("PowerPoint") {
        "save it as PDF"
    } else {
        "Sheaf reads HTML, Markdown, plain text, PDF and DOCX"
    };
    Fault::new(
        FaultKind::UnsupportedType,
        format!("the document is {what}, for which there is no parser"),
        hint,
    )
}

/// The fault for a file that is called a PDF or DOCX and is not one.
fn impostor(word: ContentType, evidence: Evidence, seems: &str) -> Fault {
    let by = if evidence == Evidence::Header { "declared" } else { "named" };
    let (name, why) = match word {
        ContentType::Pdf => ("PDF", "has no PDF header"),
        _ => ("DOCX", "is not a zip archive, as every DOCX is"),
    };
    Fault::new(
        FaultKind::Malformed,
        format!("the document is {by} as {name} and {why}; it seems to be {seems}"),
        format!("fetch the {name} again, or give the file the ending of what it is"),
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Markup {
    Html,
    Svg,
}

/// How a page begins, after comments and declarations.
fn sniff(body: &[u8], utf_16: bool) -> Option<Markup> {
    let start = body.get(..SNIFF_BYTES * 4).unwrap_or(body);
    let mut ascii: Vec<u8> = start.to_ascii_lowercase();
    if utf_16 {
        ascii.retain(|&byte| byte != 0 && byte < 0x80);
    }
    let mut rest = ascii.as_slice();
    rest = rest.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(rest);
    loop {
        rest = rest.trim_ascii_start();
        let skip = |start: &[u8], end: &[u8]| {
            let body = rest.strip_prefix(start)?;
            let at = body.windows(end.len()).position(|window| window == end)?;
            body.get(at + end.len()..)
        };
        if let Some(after) = skip(b"<!--", b"-->").or_else(|| skip(b"<?xml", b"?>")) {
            rest = after;
            continue;
        }
        if rest.starts_with(b"<svg") || rest.starts_with(b"<!doctype svg") {
            return Some(Markup::Svg);
        }
        break;
    }
    let tags: &[&[u8]] = &[
        b"<!doctype html",
        b"<html",
        b"<head",
        b"<body",
        b"<title",
        b"<meta",
        b"<script",
        b"<style",
        b"<div",
        b"<p>",
        b"<table",
        b"<h1",
        b"<main",
        b"<article",
        b"<iframe",
        b"<br>",
        b"<!doctype \"html",
        b"<link ",
        b"<base ",
    ];
    tags.iter().any(|tag| rest.starts_with(tag)).then_some(Markup::Html)
}
