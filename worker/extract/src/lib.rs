//! Main text, metadata and page kind of an HTML page.
//!
//! [`extract`] is a pure function of the page's bytes: no I/O, no clock, no address, the same result on every run. It
//! stands hostile input: time is close to linear in the page's length, no input makes it panic, and pages nested
//! deeper than [`DEPTH_LIMIT`] give their text without a tree being built.
//!
//! The page is parsed once ([`tree`]) and cut into blocks ([`block`]). A learned model tells for each block whether it
//! belongs to the main text, and those are taken that promise the best F1. Where that promise is low a second model
//! judges with the opinion of another extractor at hand. What is promised is also the base of the result's confidence.

mod block;
mod cascade;
mod choice;
mod confidence;
mod date;
mod depth;
mod error;
mod extraction;
mod feature;
mod flat;
mod forest;
mod keyword;
mod metadata;
mod model;
mod opinion;
mod prose;
#[cfg(feature = "score")]
pub mod score;
mod structured;
#[doc(hidden)]
pub mod training;
mod tree;
mod words;

pub use cascade::{DEPTH_LIMIT, SIZE_LIMIT, extract};
pub use depth::nesting_depth;
pub use error::ExtractError;
pub use extraction::{Effort, Extraction, Heading, Link, Method, PageKind, Signals};
