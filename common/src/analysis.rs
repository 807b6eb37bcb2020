//! What the rules or a model say of a document.

use serde::{Deserialize, Serialize};

/// What Sheaf says of a document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// A few sentences of the document that together say what it is about.
    pub summary: String,
    /// The document's main statements, each with its place in the text.
    pub key_points: Vec<KeyPoint>,
    /// Key phrases, the most telling first.
    pub keywords: Vec<Keyword>,
    /// Dates, amounts, addresses and names, in order of first appearance.
    pub entities: Vec<Entity>,
    /// Such as `article`, `forum`, `report`, `readme`; `unknown` when the rules cannot tell.
    pub document_type: String,
    /// How likely the analysis is right and complete, 0 to 1, calibrated.
    pub confidence: f64,
    /// Whether a model should look, and why.
    pub review: Review,
    /// Snake-case names of what is wrong with the document as reading matter: `boilerplate`, `paywall`,
    /// `error_page`, `machine_made`, `thin`, `garbled`.
    pub flags: Vec<String>,
    /// How hard the text is to read; `None` when the language has no formula.
    pub readability: Option<Readability>,
}

/// A statement of the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyPoint {
    /// The statement.
    pub text: String,
    /// The passage it rests on, verbatim.
    pub quote: String,
    /// Where the quote stands in the text.
    pub place: Place,
}

/// A place in a document's text, counted in Unicode code points from 0; `end` is exclusive. In Python,
/// `text[start:end] == quote`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// First code point.
    pub start: usize,
    /// One past the last code point.
    pub end: usize,
}

/// A key phrase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Keyword {
    /// The phrase as it most often stands in the text.
    pub text: String,
    /// Weight, 0 to 1, the best phrase of the document being 1.
    pub score: f64,
}

/// Something named in the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// What it is.
    pub kind: EntityKind,
    /// As it stands in the text at its first appearance.
    pub text: String,
    /// A normal form where there is one: an ISO 8601 date, an amount as `1234.50 EUR`, a lower-case address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// How often it appears.
    pub count: usize,
    /// Where it first appears.
    pub place: Place,
}

/// Kinds of entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A calendar date.
    Date,
    /// A sum of money.
    Amount,
    /// A share in percent.
    Percentage,
    /// An e-mail address.
    Email,
    /// A web address.
    Url,
    /// A person, organisation, place or product, as far as rules can tell.
    Name,
}

/// Whether a model should look at the document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// A model should look.
    pub advised: bool,
    /// Why, one clause each.
    pub reasons: Vec<String>,
}

/// How hard a text is to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Readability {
    /// Name of the formula, such as `flesch`.
    pub formula: String,
    /// The formula's own score.
    pub score: f64,
    /// `easy`, `plain` or `hard`.
    pub level: String,
}

/// A signature by which near-duplicates are found across a set without their texts. Two documents' share of equal
/// positions estimates the Jaccard similarity of their word shingles (Broder, 1997).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);
