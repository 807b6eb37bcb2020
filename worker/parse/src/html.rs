//! HTML: characters here, main text and facts by `sheaf_extract`.

use sheaf_common::document::{ContentType, Document, Heading, Link, Marks};
use sheaf_common::fault::{Fault, FaultKind};
use sheaf_common::job::Extraction;
use sheaf_extract::{Effort, ExtractError, Method, SIZE_LIMIT, extract};

use crate::charset::{self, Decoded, decode};
use crate::limits::{MAX_HEADINGS, MAX_HREF_BYTES, MAX_LINE_BYTES, MAX_LINKS, MAX_TEXT_BYTES};
use crate::prose::{cut_remark, field, one_line};

/// Parses a page.
pub(crate) fn parse(body: &[u8], charset: Option<&str>, extraction: Extraction) -> Result<Document, Fault> {
    if body.len() > SIZE_LIMIT {
        return Err(too_large(body.len(), SIZE_LIMIT));
    }
    let Decoded { text: source, replaced, remark } = decode(body, charset, true);
    let effort = match extraction {
        Extraction::Fast => Effort::Fast,
        Extraction::Auto => Effort::Auto,
        Extraction::Best => Effort::Best,
    };
    let page = extract(&source, effort).map_err(|error| match error {
        ExtractError::TooLarge { bytes, limit } => too_large(bytes, limit),
        error => {
            Fault::new(FaultKind::Malformed, format!("no text could be taken from the page: {error}"), "")
        }
    })?;
    if page.text.trim().is_empty() {
        return Err(without_text(page.signals.page_words));
    }
    let mut marks = Marks {
        link_density: page.signals.link_density.clamp(0.0, 1.0),
        page_words: page.signals.page_words,
        paywall: page.signals.paywalled,
        noindex: page.signals.noindex,
        nofollow: page.signals.nofollow,
        replaced_characters: replaced,
        remarks: remark.into_iter().collect(),
        ..Marks::default()
    };
    if page.method == Method::Flat {
        marks.remarks.push(format!(
            "the page has {} elements inside each other and was read without its structure",
            page.signals.depth
        ));
    }
    let mut text = page.text;
    if text.len() > MAX_TEXT_BYTES {
        marks.remarks.push(cut_remark(text.len() - MAX_TEXT_BYTES));
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    }
    for (what, found, kept) in
        [("headings", page.headings.len(), MAX_HEADINGS), ("links", page.links.len(), MAX_LINKS)]
    {
        if found > kept {
            marks.remarks.push(format!("{} {what} after the first {kept} were left out", found - kept));
        }
    }
    Ok(Document {
        content_type: ContentType::Html,
        title: field(page.title.as_deref()),
        text,
        // Each character that is lost may take a word with it.
        extraction_confidence: page.confidence.clamp(0.0, 1.0)
            * (1.0 - (replaced as f64 * 5.0 / source.len().max(1) as f64).min(0.9)),
        extraction_method: page.method.as_str().to_owned(),
        declared_language: field(page.language.as_deref()),
        published: page.published,
        author: field(page.author.as_deref()),
        description: field(page.description.as_deref()),
        canonical: field(page.canonical.as_deref()),
        site_name: field(page.site_name.as_deref()),
        headings: page
            .headings
            .into_iter()
            .take(MAX_HEADINGS)
            .map(|heading| Heading { level: heading.level, text: one_line(&heading.text, MAX_LINE_BYTES) })
            .collect(),
        links: page
            .links
            .into_iter()
            .take(MAX_LINKS)
            .filter(|link| link.href.len() <= MAX_HREF_BYTES)
            .map(|link| Link {
                href: link.href,
                text: one_line(&link.text, MAX_LINE_BYTES),
                nofollow: link.rel_nofollow,
            })
            .collect(),
        base_href: page.base_href,
        page_kind: Some(page.page_kind.as_str().to_owned()),
        marks,
    })
}

/// Elements open at once, at most. Tags are ASCII in every charset that pages are written in but UTF-16, which counts
/// as too deep.
pub(crate) fn nesting_depth(body: &[u8]) -> usize {
    if charset::is_utf_16(body) { usize::MAX } else { sheaf_extract::nesting_depth(body) }
}

fn too_large(bytes: usize, limit: usize) -> Fault {
    Fault::new(
        FaultKind::TooLarge,
        format!("the page has {bytes} bytes; pages of more than {} MiB are not parsed", limit / 1024 / 1024),
        "a page of this length is most likely data: give it to Sheaf as a text file, or split it",
    )
}

fn without_text(page_words: usize) -> Fault {
    if page_words == 0 {
        return Fault::new(
            FaultKind::NoText,
            "the page has no text: it is empty, all pictures, or drawn by scripts",
            "if a browser shows text there, save the page from the browser and give Sheaf the saved file",
        );
    }
    Fault::new(
        FaultKind::NoText,
        format!("the page has {page_words} words and none of them are a main text: only menus and the like"),
        "if a browser shows more, save the page from the browser and give Sheaf the saved file",
    )
}
