//! Report pages over an immutable summary of a run.
//!
//! ```text
//! records, one at a time ─► SummaryBuilder ─► Draft ─► Summary ─► Render: report.html, report.md
//!                            │      ▲          ▲             └─► serde: part of run.json
//!                            ▼      │          └─ the few records that it names, once more
//!                    Spill: files on a disk
//! ```
//!
//! Pure: no I/O but in the files that the caller lends through [`Spill`], no clock; the same records and facts give the same
//! bytes. Memory and pages are bounded whatever the size of the set; every cap stands in [`caps`]. What grows with the set
//! is written into those files and sorted there: of each document sixteen bytes for its id, for each of its key phrases
//! and names and for each band of its signature, and the signature itself. That is fifty numbers a document which are read
//! once and in order, so they are merged from sorted runs and not kept in a table that could be asked for any of them.
//!
//! | module | noun |
//! | --- | --- |
//! | `facts` | what the caller knows of the run and the records do not say |
//! | `shown` | text made safe to show, and sources made safe to link |
//! | `builder`, `draft`, `summary` | gathering records, naming those that are listed, and what is known then |
//! | `tally`, `latency`, `bits` | bounded counting, percentiles, and sets |
//! | `spill` | the door to room outside memory |
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
mod shown;
mod sorter;
mod spill;
mod summary;
mod tally;
mod topics;

pub use builder::SummaryBuilder;
pub use draft::Draft;
pub use facts::{RunFacts, Setting};
pub use html::HtmlReport;
pub use markdown::MarkdownReport;
pub use render::Render;
pub use shown::{Shown, Source};
pub use spill::{InMemory, Spill, SpillFile};
pub use summary::{
    Advised, Cached, CostOf, Count, Counts, DocumentRef, DocumentRow, DuplicateGroup, FaultGroup, Lengths,
    Listed, Month, Outlier, OutlierReason, Point, StageTimes, Summary, Topic,
};
