//! Guards: what must be the same in two texts before an answer for one may serve the other.
//!
//! Likeness of vectors says that two texts are about the same. It does not say that they say the same: `approved on 3 May`
//! and `rejected on 8 May` are neighbours in every embedding. So the guards read both texts and are strict: a right answer
//! that is refused costs a request, a wrong one that is served costs the cache its worth.
//!
//! | module | noun |
//! | --- | --- |
//! | `split` | a text in pieces |
//! | `number`, `date` | numbers and dates in one form |
//! | `lexicon` | words that the guards know, in four languages |
//! | `stem` | inflections told from other words |
//! | `reading` | a text as tokens with a normal form |
//! | `signature` | what is kept of a reading, and how two are compared |
//! | `agreement` | whether two answers agree |

mod agreement;
mod date;
mod lexicon;
mod number;
mod reading;
mod signature;
mod split;
mod stem;

#[cfg(test)]
mod guard_tests;

pub(crate) use agreement::is_compatible;
pub use signature::{Alike, Refusal, Signature};
