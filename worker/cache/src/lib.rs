//! Answers that were paid for once.
//!
//! | module | noun |
//! | --- | --- |
//! | [`unit`] | what an answer belongs to: a scope and a content |
//! | [`answer`] | an answer as it is kept |

pub mod answer;
pub mod unit;

pub use answer::Answer;
pub use unit::{Scope, UnitKey};
