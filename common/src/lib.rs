//! What every Sheaf program shares.
//!
//! | module | noun |
//! | --- | --- |
//! | [`id`] | names of runs, documents, workers and attempts |
//! | [`job`] | a document waiting to be analysed |
//! | [`document`] | a parsed document: text and facts |
//! | [`analysis`] | what the rules or a model say of a document |
//! | [`record`] | the one terminal record of a document: a line of `results.jsonl` |
//! | [`fault`] | why a document has no finding |
//! | [`cause`] | what is behind an error |
//! | [`queue`] | the `JobQueue` door, the memory queue, and the queue in Redis |
//! | [`redis`], [`keys`] | Redis as Sheaf uses it, and every key that Sheaf has in it |
//! | [`quota`] | limits of a provider's key and the budget of a run, shared by a fleet |
//! | [`mode`] | where documents are analysed |
//! | [`fleet`] | workers that register with a coordinator: what the two say, and the `Fleet` door |
//! | [`wire`] | the one conversion between domain types and protobuf |
//! | [`backoff`], [`shutdown`], [`telemetry`] | waiting between attempts, stopping in two steps, logging |
//! | [`threads`], [`heap`] | threads for work that would block, what the allocator keeps |

pub mod analysis;
pub mod backoff;
pub mod cause;
pub mod document;
pub mod fault;
pub mod fleet;
pub mod heap;
pub mod id;
pub mod job;
pub mod keys;
pub mod mode;
pub mod queue;
pub mod quota;
pub mod record;
pub mod redis;
pub mod shutdown;
pub mod telemetry;
pub mod threads;
pub mod wire;
