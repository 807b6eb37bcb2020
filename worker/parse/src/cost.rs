//! Where a document is to be parsed, told without parsing it.

use sheaf_common::document::ContentType;
use sheaf_common::job::Extraction;

use crate::boundary::Input;
use crate::detect::detect;
use crate::limits::{TRUSTED_HTML_BYTES, TRUSTED_HTML_DEPTH, TRUSTED_TEXT_BYTES};

/// What parsing a document is expected to take, and whether it may be done in the caller's own process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Why the document is to be parsed in a process that can be killed; `None` when it may be parsed anywhere.
    pub isolate: Option<Isolation>,
    /// Expected CPU time in microseconds: the order of magnitude, for balancing.
    pub cpu_us: u64,
}

/// Why a document must not be parsed in the process of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// A PDF: its parser is large and not ours.
    Pdf,
    /// A DOCX: an archive of XML, read by a parser that is not ours.
    Docx,
    /// Compressed: what is inside was not looked at.
    Compressed,
    /// An HTML page of more than [`TRUSTED_HTML_BYTES`].
    LargePage,
    /// An HTML page nested deeper than [`TRUSTED_HTML_DEPTH`].
    DeepPage,
    /// Text of more than [`TRUSTED_TEXT_BYTES`].
    LargeText,
    /// The stand-in that misbehaves on request.
    Hostile,
}

impl Cost {
    /// Microseconds from which a document counts as CPU-bound: below, handing it to another process costs as much as
    /// parsing it.
    pub const CPU_BOUND_US: u64 = 2_000;

    /// Whether the document may be parsed in the caller's own process.
    pub fn is_trusted(&self) -> bool {
        self.isolate.is_none()
    }

    /// Whether parsing takes long enough to be worth another core.
    pub fn is_cpu_bound(&self) -> bool {
        self.cpu_us >= Self::CPU_BOUND_US
    }
}

/// Looks at the document, without parsing it, in time linear in its length.
pub fn cost(input: &Input<'_>) -> Cost {
    let trusted = |cpu_us| Cost { isolate: None, cpu_us };
    let isolated = |isolation, cpu_us| Cost { isolate: Some(isolation), cpu_us };
    let bytes = input.body.len() as u64;
    let Ok(detected) = detect(input.body, input.declared_content_type, input.file_name) else {
        // Refused by the same look in `parse`, before any parser.
        return trusted(0);
    };
    if detected.gzipped {
        return isolated(Isolation::Compressed, bytes);
    }
    match detected.content_type {
        ContentType::Pdf => isolated(Isolation::Pdf, 2_000 + bytes / 2),
        ContentType::Docx => isolated(Isolation::Docx, 1_000 + bytes / 5),
        ContentType::Hostile => isolated(Isolation::Hostile, Cost::CPU_BOUND_US),
        ContentType::Markdown | ContentType::Text => {
            let cpu_us = bytes / 50;
            if input.body.len() > TRUSTED_TEXT_BYTES {
                isolated(Isolation::LargeText, cpu_us)
            } else {
                trusted(cpu_us)
            }
        }
        ContentType::Html => {
            let cpu_us = match input.extraction {
                Extraction::Fast => bytes / 40,
                Extraction::Auto => bytes / 10,
                Extraction::Best => bytes / 4,
            };
            if input.body.len() > TRUSTED_HTML_BYTES {
                isolated(Isolation::LargePage, cpu_us)
            } else if is_deep(input.body) {
                isolated(Isolation::DeepPage, cpu_us)
            } else {
                trusted(cpu_us)
            }
        }
    }
}

/// Whether the page may be nested too deeply. A page with few tags cannot be, so most pages cost one count of a byte.
fn is_deep(body: &[u8]) -> bool {
    let tags = body.iter().filter(|&&byte| byte == b'<').take(TRUSTED_HTML_DEPTH + 1).count();
    tags > TRUSTED_HTML_DEPTH && crate::html::nesting_depth(body) > TRUSTED_HTML_DEPTH
}
