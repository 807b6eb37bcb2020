//! A document waiting to be analysed.

use bytes::Bytes;

use crate::id::{ContentHash, DocumentId, RunId};

/// Version of the job's format; a worker that meets a newer one gives the job back.
pub const FORMAT_VERSION: u32 = 1;

/// A downloaded document waiting to be analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The run it belongs to.
    pub run: RunId,
    /// The document.
    pub id: DocumentId,
    /// Place in the input, from 0.
    pub sequence: u64,
    /// The source as the person gave it or as it was discovered.
    pub source: String,
    /// Where the body came from after redirects; `None` for files.
    pub final_url: Option<String>,
    /// Content-Type as the server declared it.
    pub declared_content_type: Option<String>,
    /// Last part of the path, for type detection by extension.
    pub file_name: Option<String>,
    /// The document's bytes, content encoding undone.
    pub body: Bytes,
    /// Hash of `body`.
    pub hash: ContentHash,
    /// Microseconds spent downloading.
    pub fetch_us: u64,
    /// Downloads tried, the successful one included.
    pub fetch_attempts: u32,
    /// Why it came back, if it did.
    pub counters: AttemptCounters,
    /// Before or after which others it is leased.
    pub priority: Priority,
}

/// Before or after which others a job is leased. Jobs that come back go before all others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Before the normal ones: for documents that take long, so that a run does not end with one worker at work.
    High,
    /// In order of pushing.
    #[default]
    Normal,
    /// When there is nothing else.
    Low,
}

/// Four reasons for which a job comes back; they are never mixed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttemptCounters {
    /// Failures of the document itself.
    pub document_errors: u32,
    /// Deaths of a worker that held it.
    pub worker_deaths: u32,
    /// Waits for a limit or for room; never held against the document.
    pub backpressure_waits: u32,
    /// Returned by a worker that was asked to stop; never held against the document.
    pub hand_backs: u32,
}

/// How hard to look for the main text of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extraction {
    /// The cheap extractors only.
    Fast,
    /// Cheap first, the dearer ones where the cheap ones are unsure.
    #[default]
    Auto,
    /// Every extractor on every page.
    Best,
}

/// How documents of a run are analysed; equal for every document of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AnalysisOptions {
    /// How hard to look for the main text.
    pub extraction: Extraction,
    /// Put the text in the record.
    pub include_text: bool,
    /// Return the links, for a crawl.
    pub include_links: bool,
}
