//! Every cap of a report. Characters are Unicode code points.

/// Documents listed one by one, by input order.
pub const ROWS: usize = 1_000;
/// Failed and incomplete documents listed beyond [`ROWS`].
pub const FAILED_ROWS: usize = 200;
/// Documents compared for near-duplicates. On the disk each takes some 600 bytes: a signature of 256, and 21 keys of 16.
pub const COMPARED: u64 = 1_000_000;
/// Documents remembered as having key phrases and as sharing one, by their place in the input (two bits each).
pub const REMEMBERED: u32 = 1 << 24;
/// Key phrases, and as many entities, that are looked up once more to find those of a report.
pub const CANDIDATES: usize = 8 * TOPICS;
/// Different hosts, document types, languages, flags and the like counted at once.
pub const KINDS: usize = 2_000;

/// Topics in a report.
pub const TOPICS: usize = 24;
/// Entities in a report.
pub const ENTITIES: usize = 24;
/// Groups of duplicates in a report.
pub const GROUPS: usize = 30;
/// Members named in a group of duplicates.
pub const MEMBERS: usize = 8;
/// Outliers in a report, for each reason.
pub const OUTLIERS: usize = 15;
/// Documents a model should see in a report.
pub const ADVISED: usize = 50;
/// Rows of a table of counts.
pub const COUNTS: usize = 12;
/// Documents named as examples.
pub const EXAMPLES: usize = 3;
/// Failed documents named as examples of a kind of fault.
pub const FAULT_EXAMPLES: usize = 5;
/// Hints named for a kind of fault.
pub const HINTS: usize = 3;
/// Settings and versions in a report.
pub const SETTINGS: usize = 200;

/// Characters of a title.
pub const TITLE: usize = 160;
/// Characters of a source.
pub const SOURCE: usize = 240;
/// Characters of a summary.
pub const SUMMARY: usize = 700;
/// Characters of a key point.
pub const POINT: usize = 320;
/// Characters of a key phrase, a name or a flag.
pub const NAME: usize = 64;
/// Characters of an error message or hint.
pub const MESSAGE: usize = 500;
/// Characters of a setting's value.
pub const VALUE: usize = 300;
/// Key points of a document.
pub const POINTS: usize = 5;
/// Key phrases, flags or reasons of a document.
pub const PHRASES_OF_DOCUMENT: usize = 8;
/// Key phrases of a document that are counted.
pub const COUNTED_PHRASES: usize = 24;
/// Entities of a document that are counted.
pub const COUNTED_ENTITIES: usize = 64;
/// Bytes of a source that may become a link.
pub const LINK: usize = 2_000;
/// Outliers are looked for in sets of at least this many analysed documents.
pub const SMALLEST_SET: u64 = 6;
