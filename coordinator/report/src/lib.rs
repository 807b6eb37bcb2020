//! Report pages over an immutable summary of a run.
//!
//! ```text
//! records, one at a time ─► SummaryBuilder ─► Summary ─► Render: report.html, report.md
//!                                                    └─► serde: part of run.json
//! ```
//!
//! Pure: no I/O, no clock; the same records and facts give the same bytes. Memory and pages are bounded whatever the
//! size of the set; every cap stands in [`caps`].
//!
//! | module | noun |
//! | --- | --- |
//! | `facts` | what the caller knows of the run and the records do not say |
//! | `shown` | text made safe to show, and sources made safe to link |
//! | `builder`, `summary` | gathering records, and what is known when all are in |
//! | `tally`, `latency`, `labels` | bounded counting, percentiles, and names of documents |
//! | `savings` | what answers that were given before have saved |
//! | `html`, `markdown` | the two pages, behind the [`Render`] door |

mod builder;
pub mod caps;
mod duplicates;
mod facts;
mod faults;
mod headline;
mod html;
mod labels;
mod language;
mod latency;
mod lengths;
mod markdown;
mod number;
mod outliers;
mod render;
mod rows;
mod savings;
mod shown;
mod summary;
mod tally;
mod topics;

pub use builder::SummaryBuilder;
pub use facts::{RunFacts, Setting};
pub use html::HtmlReport;
pub use markdown::MarkdownReport;
pub use render::Render;
pub use shown::{Shown, Source};
pub use summary::{
    Advised, Cached, CostOf, Count, Counts, DocumentRef, DocumentRow, DuplicateGroup, FaultGroup, Lengths,
    Listed, Month, Outlier, OutlierReason, Point, StageTimes, Summary, Topic,
};
