//! Tables on disk whose memory is bounded.
//!
//! ```text
//! Scratch (one file, one cache of 1 MiB) ─► Table<K, V>   a value a key, the later one replaces the earlier
//! ```
//!
//! What a run has to know of each of its documents, however many there are: in memory a million of them would cost
//! what ten thousand do not. The tables are an index of files that are the truth, so they keep nothing for later: no
//! journal, no waiting for the disk, and the file has no name any more once it is open, wherever the file system lets an
//! open file lose it. However the process ends, its room comes back.
//!
//! | module | noun |
//! | --- | --- |
//! | `scratch` | the file and its settings |
//! | `table` | a value a key |
//! | `scan` | going through a table in order, a page at a time |
//! | `field` | keys and values as the database stores them |
//! | `error` | what fails, where, and what to do |

mod error;
mod field;
mod scan;
mod scratch;
mod table;

pub use error::TableError;
pub use field::{Field, Key};
pub use scan::Scan;
pub use scratch::Scratch;
pub use table::Table;
