//! A batch as a provider shows it, in either dialect.

use bytes::Bytes;

use super::id::SubmissionId;

/// A batch at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sight {
    /// The provider's name for it.
    pub(crate) id: String,
    /// How far it is.
    pub(crate) stage: Stage,
    /// Where its results are: names of files, or an address.
    pub(crate) results: Vec<String>,
    /// When it was created, in milliseconds since 1970; 0 where that is not said.
    pub(crate) created_ms: u64,
    /// Its requests, where that is said.
    pub(crate) requests: Option<u64>,
    /// Our name for it, where the provider keeps one.
    pub(crate) submission: Option<SubmissionId>,
}

/// How far a batch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not at its end.
    Working,
    /// At its end; the results say what became of each request.
    Ended,
    /// At its end because its time was up: what is not among the results has expired.
    Expired,
    /// At its end because somebody cancelled it: what is not among the results was cancelled.
    Cancelled,
    /// Refused as a whole, before anything was done for it.
    Refused(Vec<Flaw>),
    /// Refused because the account has too much in its queue; in the provider's words. Later it may be taken.
    Crowded(String),
}

/// Why a batch was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The line of the file, from 1, where it is one's.
    pub(crate) line: Option<u64>,
    /// The provider's code for it.
    pub(crate) code: String,
    /// The provider's words.
    pub(crate) words: String,
}

/// What the results say of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// It was answered as it would have been alone, with this status and body.
    Replied(u16, Bytes),
    /// Its time was up.
    Expired,
    /// Somebody cancelled its batch.
    Cancelled,
}
