//! What is known of a run when all its records are in.

use serde::Serialize;
use sheaf_common::{
    fault::FaultKind,
    record::{Record, Status},
};

use crate::{
    caps,
    facts::RunFacts,
    shown::{Shown, Source},
};

/// What is known of a run when all its records are in. Immutable; every list has a cap, and says how much it leaves out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// What the caller knows of the run.
    pub run: RunFacts,
    /// One sentence: what the set is about.
    pub headline: Shown,
    /// Documents by how they ended.
    pub counts: Counts,
    /// Lengths of the analysed documents.
    pub lengths: Lengths,
    /// Key phrases shared by several documents, the most telling first. Copies and error pages do not count.
    pub topics: Listed<Topic>,
    /// Names and addresses shared by several documents.
    pub entities: Listed<Topic>,
    /// Groups of documents whose texts are nearly the same, the largest first.
    pub near_duplicates: Listed<DuplicateGroup>,
    /// Documents in any of these groups.
    pub near_duplicate_documents: u64,
    /// Documents with the same content as an earlier one, grouped by that.
    pub exact_duplicates: Listed<DuplicateGroup>,
    /// Documents that are copies of an earlier one.
    pub copies: u64,
    /// Documents unlike the rest.
    pub outliers: Listed<Outlier>,
    /// What failed or was skipped, by kind, the most frequent first.
    pub faults: Vec<FaultGroup>,
    /// Documents a model should see, the least certain first.
    pub advised: Listed<Advised>,
    /// Why a model should see them.
    pub advised_reasons: Listed<Count>,
    /// Languages of the analysed documents.
    pub languages: Listed<Count>,
    /// What kind of reading the documents are.
    pub document_types: Listed<Count>,
    /// What the bytes turned out to be.
    pub content_types: Listed<Count>,
    /// Web hosts the documents came from.
    pub hosts: Listed<Count>,
    /// What is wrong with documents as reading matter.
    pub flags: Listed<Count>,
    /// Documents by the month they say they were published in, in order of time.
    pub published: Vec<Month>,
    /// Confidence of the analyses in ten steps from 0 to 1.
    pub confidence: [u64; 10],
    /// Time of each step, in the order of the data path; steps that never ran are left out.
    pub stages: Vec<StageTimes>,
    /// What models used and cost.
    pub cost: CostOf,
    /// What answers that were given before have saved, and how far those about similar texts can be trusted.
    pub cached: Cached,
    /// The documents one by one: the first of the input, then failures beyond them. Not part of `run.json`: the records
    /// themselves are in `results.jsonl`.
    #[serde(skip)]
    pub rows: Vec<DocumentRow>,
    /// Remarks on how the numbers were made, such as caps that were reached.
    pub remarks: Vec<Shown>,
}

impl Summary {
    /// The documents named in its lists, those that are listed one by one apart.
    pub(crate) fn documents_mut(&mut self) -> impl Iterator<Item = &mut DocumentRef> {
        let groups = self.near_duplicates.items.iter_mut().chain(&mut self.exact_duplicates.items);
        let topics = self.topics.items.iter_mut().chain(&mut self.entities.items);
        let faults = self.faults.iter_mut().flat_map(|group| &mut group.examples);
        groups
            .flat_map(|group| &mut group.members)
            .chain(topics.flat_map(|topic| &mut topic.examples))
            .chain(self.outliers.items.iter_mut().map(|outlier| &mut outlier.document))
            .chain(faults.map(|(document, _)| document))
            .chain(self.advised.items.iter_mut().map(|advised| &mut advised.document))
    }
}

/// The first items of a list, and how many there are in all.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed<T> {
    /// All that were found, listed or not.
    pub total: u64,
    /// Those that are listed.
    pub items: Vec<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { total: 0, items: Vec::new() }
    }
}

impl<T> Listed<T> {
    /// How many are not listed.
    pub fn left_out(&self) -> u64 {
        self.total.saturating_sub(self.items.len() as u64)
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }
}

/// Documents by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All of them.
    pub total: u64,
    /// Analysed.
    pub ok: u64,
    /// Could not be analysed.
    pub failed: u64,
    /// Nothing to analyse, or nothing that may be.
    pub skipped: u64,
    /// Not finished for lack of budget.
    pub incomplete: u64,
    /// Analysed documents by who decided: rules.
    pub decided_by_rules: u64,
    /// Analysed documents by who decided: a model.
    pub decided_by_llm: u64,
    /// Documents that are copies of another one of the run, whose whole record they share.
    pub copied: u64,
    /// Answers of a model, given before about the same text.
    pub cache_exact: u64,
    /// Answers of a model, given before about a text that says the same.
    pub cache_semantic: u64,
}

impl Counts {
    /// Documents that ended as `status`.
    pub fn of(&self, status: Status) -> u64 {
        match status {
            Status::Ok => self.ok,
            Status::Failed => self.failed,
            Status::Skipped => self.skipped,
            Status::Incomplete => self.incomplete,
        }
    }
}

/// Lengths of documents, in words.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Lengths {
    /// Words of all documents together.
    pub words: u64,
    /// Half of the documents are shorter.
    pub median: u64,
    /// 95 of 100 are shorter.
    pub p95: u64,
    /// The longest.
    pub longest: u64,
    /// Documents by length: lower bound of the step in words, and how many.
    pub steps: Vec<(u64, u64)>,
}

/// A document as it is named in lists.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DocumentRef {
    /// Place in the input, from 0.
    pub sequence: u64,
    /// Its id; empty when its record was not found again.
    pub id: Shown,
    /// Title; empty when it has none.
    pub title: Shown,
    /// Source.
    pub source: Source,
}

impl DocumentRef {
    /// The document at place `sequence` of the input, of which no more is known.
    pub(crate) fn unnamed(sequence: u64) -> Self {
        Self { sequence, id: Shown::default(), title: Shown::default(), source: Source::new("") }
    }

    /// The document of a record.
    pub(crate) fn new(sequence: u64, record: &Record) -> Self {
        let title = record.document.as_ref().and_then(|facts| facts.title.as_ref());
        Self {
            sequence,
            id: Shown::new(record.id.as_str(), caps::NAME),
            title: title.map(|title| Shown::new(title, caps::TITLE)).unwrap_or_default(),
            source: Source::new(&record.source),
        }
    }
}

/// A phrase shared by several documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Topic {
    /// The phrase.
    pub text: Shown,
    /// Documents that share it.
    pub documents: u64,
    /// Some of them.
    pub examples: Vec<DocumentRef>,
}

/// Documents with the same or nearly the same content.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DuplicateGroup {
    /// How many there are.
    pub documents: u64,
    /// Estimated similarity from which on a document was taken in, 0 to 1; 1 for exact copies.
    pub similarity: f64,
    /// The first of them in input order, the original first.
    pub members: Vec<DocumentRef>,
}

/// Why a document is unlike the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutlierReason {
    /// None of its key phrases occurs in another document.
    NoSharedTopic,
    /// It is in a language hardly any other is in.
    OtherLanguage,
    /// It is far longer than the rest.
    VeryLong,
    /// It is far shorter than the rest.
    VeryShort,
}

/// A document unlike the rest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outlier {
    /// The document.
    pub document: DocumentRef,
    /// In what way; one or more.
    pub reasons: Vec<OutlierReason>,
    /// The same for a person, one clause each.
    pub why: Vec<Shown>,
}

/// What failed or was skipped for one reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultGroup {
    /// The reason.
    pub kind: FaultKind,
    /// Documents.
    pub documents: u64,
    /// How such documents end.
    pub status: Status,
    /// What the person can do next.
    pub hints: Vec<Shown>,
    /// Some of the documents, each with its own message.
    pub examples: Vec<(DocumentRef, Shown)>,
}

/// A document a model should see.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advised {
    /// The document.
    pub document: DocumentRef,
    /// Confidence of its analysis, 0 to 1.
    pub confidence: f64,
    /// Why a model should look.
    pub reasons: Vec<Shown>,
}

/// How many documents have something in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// What they have in common.
    pub name: Shown,
    /// How many.
    pub documents: u64,
}

/// Documents published in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Month {
    /// Year.
    pub year: u16,
    /// Month, 1 to 12; 0 when only the year is known.
    pub month: u8,
    /// Documents.
    pub documents: u64,
}

/// Time of one step of the data path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageTimes {
    /// Name of the step, as in `timings_ms`.
    pub stage: &'static str,
    /// Documents that went through it.
    pub documents: u64,
    /// Half of them took at most this long, in milliseconds.
    pub p50_ms: f64,
    /// 95 of 100 took at most this long.
    pub p95_ms: f64,
    /// 99 of 100 took at most this long.
    pub p99_ms: f64,
    /// The longest took this long.
    pub max_ms: f64,
    /// All of them together, in seconds; steps of different documents overlap.
    pub total_seconds: f64,
}

/// What models used and cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CostOf {
    /// Documents a model was used for.
    pub documents: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// US dollars.
    pub cost_usd: f64,
}

/// What answers that were given before have saved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cached {
    /// Documents with such an answer.
    pub documents: u64,
    /// Requests that were not sent; a request for several documents counts by shares.
    pub requests: f64,
    /// Tokens that were not sent.
    pub input_tokens: u64,
    /// Tokens that were not received.
    pub output_tokens: u64,
    /// US dollars that were not spent.
    pub cost_usd: f64,
    /// Answers about similar texts that were compared with fresh ones.
    pub checked: u64,
    /// Those of them that said something else.
    pub disagreed: u64,
    /// The highest share of wrong answers among those about similar texts that the comparisons leave plausible: the upper
    /// end of Wilson's 95% interval. `None` without a comparison.
    pub false_hits_at_most: Option<f64>,
}

/// A document in the list of documents.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentRow {
    /// The document.
    pub document: DocumentRef,
    /// How it ended.
    pub status: Status,
    /// Media type, such as `text/html`; empty when it could not be parsed.
    pub content_type: &'static str,
    /// Kind of reading, such as `article`.
    pub document_type: Shown,
    /// Language code.
    pub language: Shown,
    /// Words.
    pub words: u64,
    /// Date of publication, as declared.
    pub published: Shown,
    /// Author, as declared.
    pub author: Shown,
    /// Summary.
    pub summary: Shown,
    /// Key points.
    pub points: Vec<Point>,
    /// Key phrases.
    pub keywords: Vec<Shown>,
    /// Quality flags.
    pub flags: Vec<Shown>,
    /// Remarks of the parser.
    pub remarks: Vec<Shown>,
    /// Confidence of the analysis, 0 to 1; `None` without an analysis.
    pub confidence: Option<f64>,
    /// A model should see it.
    pub advised: bool,
    /// What went wrong, and what to do next.
    pub error: Option<(FaultKind, Shown, Shown)>,
}

/// A key point of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The statement.
    pub text: Shown,
    /// Where it stands in the text: first code point, and one past the last.
    pub place: (usize, usize),
}
