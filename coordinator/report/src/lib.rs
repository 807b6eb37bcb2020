//! Report pages over an immutable summary of a run.
//!
//! ```text
//! records, one at a time ─► SummaryBuilder ─► Draft ─► Summary ─► Render: report.html, report.md
//!                            │      ▲          ▲             └─► serde: part of run.json
//!                            ▼      │          └─ the few records that it names, once more
//!                    Scratch: room on a disk
//! ```
//!
//! Pure: no I/O but through the [`Scratch`] that the caller lends, no clock; the same records and facts give the same
//! bytes. Memory and pages are bounded whatever the size of the set; every cap stands in [`caps`]. What grows with the set
//! is written into the scratch and sorted there: of each document a number of sixteen bytes for its id, each of its key
//! phrases and names, and each band of its signature, and the signature itself.
//!
//! | module | noun |
//! | --- | --- |
//! | `facts` | what the caller knows of the run and the records do not say |
//! | `shown` | text made safe to show, and sources made safe to link |
//! | `builder`, `draft`, `summary` | gathering records, naming those that are listed, and what is known then |
//! | `tally`, `latency`, `bits` | bounded counting, percentiles, and sets |
//! | `scratch` | the door to room outside memory |
//! | `sorter`, `index`, `forest` | sorted numbers, tables of them, and disjoint sets, in that room |
//! | `near`, `copies`, `topics` | what documents have in common, read from the tables |
//! | `savings` | what answers that were given before have saved |
//! | `html`, `markdown` | the two pages, behind the [`Render`] door |

mod bits;
mod builder;
pub mod caps;
mod copies;
mod draft;
mod duplicates;
mod facts;
mod faults;
mod forest;
mod headline;
mod html;
mod index;
mod language;
mod latency;
mod lengths;
mod markdown;
mod near;
mod number;
mod outliers;
mod render;
mod rows;
mod savings;
mod scratch;
mod shown;
mod sorter;
mod summary;
mod tally;
mod topics;

pub use builder::SummaryBuilder;
pub use draft::Draft;
pub use facts::{RunFacts, Setting};
pub use html::HtmlReport;
pub use markdown::MarkdownReport;
pub use render::Render;
pub use scratch::{InMemory, Scratch, ScratchFile};
pub use shown::{Shown, Source};
pub use summary::{
    Advised, Cached, CostOf, Count, Counts, DocumentRef, DocumentRow, DuplicateGroup, FaultGroup, Lengths,
    Listed, Month, Outlier, OutlierReason, Point, StageTimes, Summary, Topic,
};
