//! The one terminal record of a document: a line of `results.jsonl`.

use serde::{Deserialize, Serialize};

use crate::{
    analysis::{Analysis, Fingerprint},
    document::ContentType,
    fault::{Fault, FaultKind},
    id::{DocumentId, WorkerId},
    job::Job,
};

/// A line of `results.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The document.
    pub id: DocumentId,
    /// The source as the person gave it or as it was discovered.
    pub source: String,
    /// How it ended.
    pub status: Status,
    /// How often it was tried: downloads and analyses, the first included.
    pub attempts: u32,
    /// Facts of the document; `None` when it could not be parsed.
    pub document: Option<Facts>,
    /// What was found. Without an answer of a model that was to decide, what the rules found.
    pub analysis: Option<Analysis>,
    /// Who decided; `None` when nobody did.
    pub decided_by: Option<DecidedBy>,
    /// The model that decided, as its provider names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whether the answer came from a cache or from an identical document.
    pub cache: CacheUse,
    /// What a model used for it.
    pub usage: Usage,
    /// Time spent in each step.
    pub timings_ms: Timings,
    /// The worker that analysed it; `None` when it never reached one.
    pub worker: Option<WorkerId>,
    /// What went wrong; `None` when nothing did.
    pub error: Option<Fault>,
}

/// How a document ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Analysed.
    Ok,
    /// Could not be analysed.
    Failed,
    /// There was nothing to analyse, or nothing that may be.
    Skipped,
    /// Not finished for lack of budget; resumes when the ceiling is raised.
    Incomplete,
}

impl Status {
    /// Every status, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Failed, Self::Skipped, Self::Incomplete];

    /// The name in `results.jsonl`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Incomplete => "incomplete",
        }
    }
}

/// Facts of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Title.
    pub title: Option<String>,
    /// The type the bytes turned out to have.
    pub content_type: ContentType,
    /// ISO 639-1 code (639-3 where there is none) of the language of the text; `None` when it cannot be told.
    pub language: Option<String>,
    /// Words of the main text, by Unicode word boundaries.
    pub words: usize,
    /// SHA-256 of the body, hexadecimal.
    pub sha256: String,
    /// ISO 8601 date.
    pub published: Option<String>,
    /// Author.
    pub author: Option<String>,
    /// How much the text is to be trusted as the main text, 0 to 1.
    pub extraction_confidence: f64,
    /// Steps of the extraction cascade that gave the text; empty for formats without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub extraction_method: String,
    /// Signature for near-duplicates; `None` for texts too short to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// Remarks of the parser for a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// The main text, with `--include-text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Who decided what a document's analysis says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// The deterministic rules.
    Rules,
    /// A language model.
    Llm,
}

/// Where an answer came from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CacheUse {
    /// Kind of hit.
    pub kind: CacheKind,
    /// Similarity of the documents, 0 to 1, for a hit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f64>,
    /// The document whose answer this is, for a hit. It may be one of an earlier run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<DocumentId>,
    /// What a model was not asked for again, for a hit in a cache of answers; `None` for a copy within the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<Saved>,
    /// A hit that was not believed but compared with a fresh answer, which then is the document's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Checked>,
}

impl CacheUse {
    /// The whole record is that of an identical document of the same run.
    pub fn copy_of(first: DocumentId) -> Self {
        Self { kind: CacheKind::Exact, similarity: Some(1.0), of: Some(first), ..Self::default() }
    }

    /// Whether the whole record is that of an identical document of the same run.
    pub fn is_copy(&self) -> bool {
        self.kind == CacheKind::Exact && self.saved.is_none()
    }
}

/// What a cached answer took when it was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// Requests; of one for several documents, its share.
    pub requests: f64,
    /// Tokens and money.
    #[serde(flatten)]
    pub usage: Usage,
}

/// What comparing a cached answer with a fresh one showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// The document whose answer it was.
    pub of: DocumentId,
    /// Similarity of the documents, 0 to 1.
    pub similarity: f64,
    /// Whether it says what the fresh one says.
    pub agreed: bool,
}

/// Kinds of cache hits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheKind {
    /// Analysed for itself.
    #[default]
    None,
    /// The same content was analysed before.
    Exact,
    /// Content with the same meaning was analysed before.
    Semantic,
}

/// What a model used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Cost in US dollars.
    pub cost_usd: f64,
}

/// Time spent in each step, in milliseconds with fractions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Waiting in the queue.
    pub queue: f64,
    /// Downloading, waits for politeness and retries included.
    pub fetch: f64,
    /// Parsing.
    pub parse: f64,
    /// Rules.
    pub rules: f64,
    /// Model.
    pub llm: f64,
}

/// What the data path found in one document: the part of a [`Record`] that depends on the content alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Facts.
    pub document: Facts,
    /// Analysis.
    pub analysis: Analysis,
    /// Links as written, resolved against `<base href>` by the crawler; empty unless asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// `<base href>` as written, with the links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_href: Option<String>,
    /// Milliseconds of parsing.
    pub parse_ms: f64,
    /// Milliseconds of the rules.
    pub rules_ms: f64,
}

/// What a worker commits for one job: its record, and what the coordinator needs beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Place of the document in the input, from 0.
    pub sequence: u64,
    /// The terminal record.
    pub record: Record,
    /// Links of the document as written, for a crawl.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// What the links are relative to: `<base href>` where the document has one.
    pub base_href: Option<String>,
    /// Where the body came from after redirects; `None` for files.
    pub final_url: Option<String>,
}

impl Outcome {
    /// The outcome of `job` as `worker` leaves it, `queue_ms` after it was pushed.
    pub fn of(job: &Job, worker: &WorkerId, queue_ms: f64, result: Result<Finding, Fault>) -> Self {
        let mut record = Record::without_answer(job.id.clone(), job.source.clone(), None);
        record.attempts = job.fetch_attempts + job.counters.document_errors + job.counters.worker_deaths;
        record.timings_ms = Timings {
            queue: rounded(queue_ms),
            fetch: rounded(job.fetch_us as f64 / 1e3),
            ..Timings::default()
        };
        record.worker = Some(worker.clone());
        let (mut links, mut base_href) = (Vec::new(), None);
        match result {
            Ok(finding) => {
                record.status = Status::Ok;
                record.decided_by = Some(DecidedBy::Rules);
                record.timings_ms.parse = finding.parse_ms;
                record.timings_ms.rules = finding.rules_ms;
                record.document = Some(finding.document);
                record.analysis = Some(finding.analysis);
                (links, base_href) = (finding.links, finding.base_href);
            }
            Err(fault) => {
                record.status = if fault.kind.is_skip() { Status::Skipped } else { Status::Failed };
                record.error = Some(fault);
            }
        }
        Self { sequence: job.sequence, record, links, base_href, final_url: job.final_url.clone() }
    }
}

/// What a model did for a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// Its analysis and its name, or why there is none.
    pub verdict: Result<(Analysis, String), Fault>,
    /// What it used, whether or not its answer could be used.
    pub usage: Usage,
    /// Where its answer came from.
    pub cache: CacheUse,
    /// Milliseconds from asking to the verdict, waits for limits included.
    pub milliseconds: f64,
}

impl Outcome {
    /// The same after a model was asked. Without a verdict the rules' analysis stands, and the document is `failed`, or
    /// `incomplete` for lack of budget.
    #[must_use]
    pub fn reviewed(mut self, review: Review) -> Self {
        let record = &mut self.record;
        record.usage = review.usage;
        record.cache = review.cache;
        record.timings_ms.llm = rounded(review.milliseconds);
        match review.verdict {
            Ok((analysis, model)) => {
                record.analysis = Some(analysis);
                record.decided_by = Some(DecidedBy::Llm);
                record.model = Some(model);
            }
            Err(fault) => {
                record.status =
                    if fault.kind == FaultKind::Budget { Status::Incomplete } else { Status::Failed };
                record.error = Some(fault);
            }
        }
        self
    }
}

/// Three decimals: what is measured does not carry more.
fn rounded(milliseconds: f64) -> f64 {
    (milliseconds * 1e3).round() / 1e3
}

impl Record {
    /// A record that carries no answer: `failed` or `skipped` by the kind of its fault.
    pub fn without_answer(id: DocumentId, source: String, fault: Option<Fault>) -> Self {
        let skip = fault.as_ref().is_some_and(|fault| fault.kind.is_skip());
        Self {
            id,
            source,
            status: if skip { Status::Skipped } else { Status::Failed },
            attempts: 1,
            document: None,
            analysis: None,
            decided_by: None,
            model: None,
            cache: CacheUse::default(),
            usage: Usage::default(),
            timings_ms: Timings::default(),
            worker: None,
            error: fault,
        }
    }
}
