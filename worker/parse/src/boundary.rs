//! The one way in.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sheaf_common::document::{ContentType, Document};
use sheaf_common::fault::{Fault, FaultKind};
use sheaf_common::job::Extraction;

use crate::detect::{Detected, detect};
use crate::{docx, gzip, html, markdown, pdf, text};

/// A document's bytes and what is said of them.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The bytes, content encoding undone.
    pub body: &'a [u8],
    /// Content-Type as the server declared it, parameters included.
    pub declared_content_type: Option<&'a str>,
    /// Last part of the path.
    pub file_name: Option<&'a str>,
    /// How hard to look for the main text of a page.
    pub extraction: Extraction,
}

impl<'a> Input<'a> {
    /// Bytes of which nothing is said.
    pub fn new(body: &'a [u8]) -> Self {
        Self { body, declared_content_type: None, file_name: None, extraction: Extraction::default() }
    }
}

/// Parses a document.
///
/// # Errors
///
/// A [`Fault`] of one of these kinds, its message and hint written for a person: `Empty`, `NoText`, `UnsupportedType`,
/// `Encrypted`, `Malformed`, `TooLarge`, `ParserCrash`. The last one stands for a panic of a parser that is not ours;
/// what no process can recover from (a stack that overflows, memory that runs out, a loop) is for the caller to guard
/// against: see [`crate::cost()`].
pub fn parse(input: Input<'_>) -> Result<Document, Fault> {
    let detected = detect(input.body, input.declared_content_type, input.file_name)?;
    let body: Cow<'_, [u8]> =
        if detected.gzipped { gzip::inflate(input.body)?.into() } else { Cow::Borrowed(input.body) };
    let input = Input { body: &body, ..input };
    // Nothing of a parser outlives its panic but the message, so there is no state to be found broken.
    let document = catch_unwind(AssertUnwindSafe(|| dispatch(input, &detected)))
        .unwrap_or_else(|panic| Err(crash(detected.content_type, panic.as_ref())))?;
    if document.text.trim().is_empty() {
        return Err(Fault::new(
            FaultKind::Empty,
            format!("the document ({}) has no text", detected.content_type.media_type()),
            "",
        ));
    }
    Ok(document)
}

fn dispatch(input: Input<'_>, detected: &Detected) -> Result<Document, Fault> {
    let charset = detected.charset.as_deref();
    match detected.content_type {
        ContentType::Html => html::parse(input.body, charset, input.extraction),
        ContentType::Markdown => Ok(markdown::parse(input.body, charset)),
        ContentType::Text => Ok(text::parse(input.body, charset, input.file_name)),
        ContentType::Pdf => pdf::parse(input.body),
        ContentType::Docx => docx::parse(input.body),
        #[cfg(feature = "hostile")]
        ContentType::Hostile => crate::hostile::parse(input.body),
        #[cfg(not(feature = "hostile"))]
        ContentType::Hostile => Ok(text::parse(input.body, charset, input.file_name)),
    }
}

fn crash(content_type: ContentType, panic: &(dyn std::any::Any + Send)) -> Fault {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Fault::new(
        FaultKind::ParserCrash,
        format!(
            "the parser for {} crashed on this document: {}",
            content_type.media_type(),
            crate::prose::one_line(said, 300)
        ),
        "open the file in its own program and save it again, then try once more; please report the file",
    )
}
