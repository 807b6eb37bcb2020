//! Rules: what can be said of a document without a model.
//!
//! Pure functions over a [`Document`](sheaf_common::document::Document): no I/O, no clock, no randomness, and
//! nothing that depends on the order of a hash table, so that the same document gives the same answer in every
//! process, thread and run.
//!
//! | module | noun |
//! | --- | --- |
//! | `assessment` | the whole answer: [`analyse`] and [`Assessment`] |
//! | `word` | words of a text, in any script |
//! | `language` | which language a text is written in |
//! | `fingerprint` | a MinHash signature of a text, and how alike two are |
//! | `near_duplicates` | groups of documents that say almost the same |

mod assessment;
mod fingerprint;
mod language;
mod near_duplicates;
mod word;

pub use assessment::{Assessment, analyse};
pub use fingerprint::similarity;
pub use near_duplicates::NearDuplicates;
