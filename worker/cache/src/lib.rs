//! Answers that were paid for once.
//!
//! | module | noun |
//! | --- | --- |
//! | [`unit`] | what an answer belongs to: a scope and a content |
//! | [`answer`] | an answer as it is kept |
//! | [`result`] | the cache as the data path sees it |
//! | [`exact`] | answers about the very same content, in memory and for the fleet, asked for once |

pub mod answer;
pub mod exact;
pub mod result;
pub mod unit;

pub use answer::Answer;
pub use exact::{Begun, Claim, ExactCache, ExactCounts, ExactSettings, Hit, Level, MemoryCache};
pub use result::{CacheCounts, CacheHit, Looked, ResultCache, Shown, Task};
pub use unit::{Scope, UnitKey};
