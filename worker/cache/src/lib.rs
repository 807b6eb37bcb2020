//! Answers that were paid for once.
//!
//! | module | noun |
//! | --- | --- |
//! | [`unit`] | what an answer belongs to: a scope and a content |
//! | [`answer`] | an answer as it is kept |
//! | [`result`] | the cache as the data path sees it |
//! | [`exact`] | answers about the very same content, in memory and for the fleet, asked for once |
//! | [`semantic`] | the nearest earlier unit that says the same |
//! | [`guard`] | what must be the same in two texts before an answer for one may serve the other |
//! | [`embedder`] | texts as vectors: the door, and the three that are built in |

pub mod answer;
pub mod embedder;
pub mod exact;
pub mod guard;
pub mod result;
pub mod semantic;
pub mod unit;

pub use answer::Answer;
pub use exact::{Begun, Claim, ExactCache, ExactCounts, ExactSettings, Hit, Level, MemoryCache};
pub use result::{CacheCounts, CacheHit, Looked, ResultCache, Shown, Task};
pub use semantic::{SemanticCache, SemanticHit, SemanticSettings};
pub use unit::{Scope, UnitKey};
