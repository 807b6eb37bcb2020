//! Rules: what can be said of a document without a model.
//!
//! Pure functions over a [`Document`](sheaf_common::document::Document): no I/O, no clock, no randomness, and
//! nothing that depends on the order of a hash table, so that the same document gives the same answer in every
//! process, thread and run.
//!
//! | module | noun |
//! | --- | --- |
//! | `assessment` | the whole answer: [`analyse`] and [`Assessment`] |
//! | `language` | which language a text is written in |
//! | `word`, `sentence`, `passage` | what a text is made of, in any script |
//! | `reading` | a text read once, its words as numbered terms |
//! | `place` | places in code points |
//! | `summary` | the sentences that say what a document is about |
//! | `phrase` | key phrases |
//! | `entity` | dates, sums, shares, addresses, names |
//! | `readability` | how hard a text is to read |
//! | `flag` | what is wrong with a document as reading matter |
//! | `kind` | what kind of document it is |
//! | `verdict` | how far all this is to be trusted, and whether a model should look |
//! | `cue` | words by which rules know things |
//! | `fingerprint` | a MinHash signature of a text, and how alike two are |
//! | `near_duplicates` | which documents say almost the same, looking at few of all pairs |

mod assessment;
mod cue;
mod entity;
mod fingerprint;
mod flag;
mod kind;
mod language;
mod near_duplicates;
mod passage;
mod phrase;
mod place;
mod readability;
mod reading;
mod sentence;
mod summary;
mod verdict;
mod word;

pub use assessment::{Assessment, analyse};
pub use fingerprint::{Signature, similarity};
pub use near_duplicates::{Banding, Bucket};
