//! Bytes of a document to a [`Document`]: HTML, Markdown, plain text, PDF and DOCX.
//!
//! Pure: no I/O, no clock, nothing asynchronous, so that it runs unchanged in a child process. All input is hostile.
//!
//! | module | noun |
//! | --- | --- |
//! | `boundary` | [`parse`]: the one way in; what is outside of our hands may panic, and becomes a fault here |
//! | `detect` | [`detect`]: what the bytes are, whatever they were said to be |
//! | `cost` | [`cost`]: where to parse: in the caller's process, or in one that can be killed |
//! | `limits` | every cap |
//! | `charset` | bytes to characters |
//! | `gzip`, `package` | unpacking with a cap: a compressed file, the parts of a DOCX |
//! | `html`, `markdown`, `text`, `pdf`, `docx` | one parser each |
//! | `front_matter`, `markup`, `day` | what a Markdown file says of itself, the HTML in it, ISO days |
//! | `prose` | the text being put together, block by block, up to the cap |
//! | `hostile` | a stand-in whose parser misbehaves on request; compiled with the feature `hostile` alone |
//!
//! ```
//! use sheaf_parse::{Input, parse};
//!
//! let body = b"# Tides\n\nHigh water at *noon*.";
//! let input = Input { file_name: Some("tides.md"), ..Input::new(body) };
//! let document = parse(input)?;
//! assert_eq!(document.title.as_deref(), Some("Tides"));
//! assert_eq!(document.text, "Tides\n\nHigh water at noon.");
//! # Ok::<(), sheaf_common::fault::Fault>(())
//! ```

mod boundary;
mod charset;
mod cost;
mod day;
mod detect;
mod docx;
mod front_matter;
mod gzip;
#[cfg(feature = "hostile")]
mod hostile;
mod html;
pub mod limits;
mod magic;
mod markdown;
mod markup;
mod package;
mod pdf;
mod prose;
mod text;

pub use boundary::{Input, parse};
pub use cost::{Cost, Isolation, cost};
pub use detect::{Detected, Evidence, detect};
pub use sheaf_common::document::Document;
