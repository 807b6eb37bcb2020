//! Parsing child processes: the same program, started again.
//!
//! Parent and child talk over a socket pair that is the child's standard input, a frame each way a document; the
//! child's standard output is closed to parsers that chatter. A child is used for many documents and replaced when
//! it breaks a cap, crashes, or has grown.

mod frame;
mod pool;
mod serve;

pub use pool::{ChildCommand, ChildPool};
pub use serve::serve;

/// Largest task or reply, in bytes. A finding holds at most the text of a document, which the parser caps.
const FRAME_LIMIT: usize = 64 << 20;

/// Stack of the thread that parses, in bytes. Only what is touched becomes resident.
const STACK_BYTES: usize = 64 << 20;
