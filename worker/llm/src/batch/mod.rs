//! Several units in one request: fewer requests for the same answers.
//!
//! ```text
//!  askers ──(64)──► driver ◄──► machine (pure)          what leaves when, and with what
//!    ▲                │  one task a request
//!    │                ▼
//!    │              prompt ──► client ──► reading ──► anchor
//!    └── oneshot ◄────┴── a unit without a sound answer is asked about alone
//! ```
//!
//! | module | noun |
//! | --- | --- |
//! | `machine` | which units share a request, and when it leaves |
//! | `size` | how many units a request takes |
//! | `driver` | the machine on tokio |
//! | [`Batcher`] | the door: a document in, its answer out |
//! | `documents` | units that are documents |
//! | `reading`, `anchor` | whose answer is whose |
//! | `share` | what a request took, shared out |
//! | `embedding` | units that are texts to be embedded |

mod anchor;
mod batcher;
mod documents;
mod driver;
mod embedding;
mod machine;
#[cfg(test)]
mod machine_tests;
mod reading;
mod share;
mod size;

pub use self::{
    batcher::{BatchSize, Batcher, LONGEST_WAIT, MOST_UNITS},
    embedding::{Embed, EmbeddingClient, EmbeddingSettings},
};
