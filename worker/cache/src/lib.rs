//! Answers that were paid for once.
//!
//! | module | noun |
//! | --- | --- |
//! | [`unit`] | what an answer belongs to: a scope and a content |
//! | [`answer`] | an answer as it is kept |
//! | [`embedder`] | texts as vectors: the door, and the three that are built in |
//! | [`guard`] | what must be the same in two texts before an answer for one may serve the other |
//! | [`semantic`] | the nearest earlier unit that says the same |

pub mod answer;
pub mod embedder;
pub mod guard;
pub mod semantic;
pub mod unit;

pub use answer::Answer;
pub use semantic::{SemanticCache, SemanticHit, SemanticSettings};
pub use unit::{Scope, UnitKey};
