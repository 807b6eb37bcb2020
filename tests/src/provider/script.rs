//! What a provider does, and when.

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use super::{bulk::BatchScript, limit::Limit};

/// What a provider does. The first of its rules that holds for a request decides; without one it answers as it should.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// How long an answer takes, where the deed says nothing else.
    pub latency: Duration,
    /// How long each token of an answer takes beside that.
    pub latency_per_token: Duration,
    /// Its limit.
    pub limit: Limit,
    /// Limits that replace it from a request on, by number.
    pub later: Vec<(usize, Limit)>,
    /// How a 429 of the limit says how long to wait.
    pub waits: Waits,
    /// Whether headers say what is left of the limit.
    pub announces: bool,
    /// The key that it wants; any will do where there is none.
    pub key: Option<String>,
    /// Models that it has; any will do where there are none.
    pub models: Vec<String>,
    /// What it does otherwise than it should.
    pub rules: Vec<Rule>,
    /// What it does with batches.
    pub batch: BatchScript,
}

/// How a 429 says how long to wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Waits {
    /// `Retry-After` in whole seconds, at least one, as most do.
    #[default]
    WholeSeconds,
    /// `retry-after-ms`, to the millisecond.
    Milliseconds,
    /// Not at all.
    Unsaid,
}

/// A deed, and when it is done.
#[derive(Debug, Clone)]
pub struct Rule {
    /// When.
    pub when: When,
    /// What.
    pub deed: Deed,
}

/// What is asked of a request: its number of arrival, and its body as text.
pub type Test = dyn Fn(usize, &str) -> bool + Send + Sync;

/// When a rule holds.
#[derive(Clone)]
pub enum When {
    /// Always.
    Always,
    /// For these requests, by number of arrival from 0.
    Numbers(Range<usize>),
    /// For requests whose body, as text, has this in it.
    Holds(String),
    /// For requests of which this is true: number and body.
    Test(Arc<Test>),
}

impl When {
    /// For requests of which this is true: number of arrival, and body as text.
    pub fn test(test: impl Fn(usize, &str) -> bool + Send + Sync + 'static) -> Self {
        Self::Test(Arc::new(test))
    }

    pub(super) fn holds(&self, number: usize, body: &str) -> bool {
        match self {
            Self::Always => true,
            Self::Numbers(numbers) => numbers.contains(&number),
            Self::Holds(part) => body.contains(part.as_str()),
            Self::Test(test) => test(number, body),
        }
    }
}

impl fmt::Debug for When {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => out.write_str("Always"),
            Self::Numbers(numbers) => write!(out, "Numbers({numbers:?})"),
            Self::Holds(part) => write!(out, "Holds({part:?})"),
            Self::Test(_) => out.write_str("Test(_)"),
        }
    }
}

/// How a provider treats a request.
#[derive(Debug, Clone)]
pub struct Deed {
    /// Status of the answer.
    pub status: u16,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// What the answer says.
    pub content: Content,
    /// How it is sent.
    pub delivery: Delivery,
    /// How long it takes, where it differs from the script's.
    pub latency: Option<Duration>,
}

/// What an answer says.
#[derive(Debug, Clone)]
pub enum Content {
    /// As it should: what satisfies the request's schema, or an echo of its last words where it has none.
    Fitting,
    /// This text of the model's.
    Text(String),
    /// The fitting answer with this place in it (a JSON pointer) set to this JSON value: valid JSON that breaks schemas.
    Bent(&'static str, serde_json::Value),
    /// The fitting answer after this was done to it.
    Edited(Edit),
    /// The first half of the fitting answer, ended by the cap on output tokens.
    OutOfLength,
    /// The model refuses in these words.
    Refusal(String),
    /// An error of the provider's: its type or code, and its words.
    Error(&'static str, String),
    /// These bytes, whatever the interface wants.
    Raw(String),
}

/// Does something to a fitting answer: given the request's number of arrival.
#[derive(Clone)]
pub struct Edit(Arc<Editor>);

/// What it does.
pub type Editor = dyn Fn(usize, &mut serde_json::Value) + Send + Sync;

impl Edit {
    /// It does this.
    pub fn new(edit: impl Fn(usize, &mut serde_json::Value) + Send + Sync + 'static) -> Self {
        Self(Arc::new(edit))
    }

    pub(super) fn apply(&self, number: usize, answer: &mut serde_json::Value) {
        (self.0)(number, answer);
    }
}

impl fmt::Debug for Edit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Edit(_)")
    }
}

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// At once.
    Whole,
    /// In so many pieces, with this pause after each.
    Slow(usize, Duration),
    /// Half of it, then the end of the connection.
    Cut,
    /// Never.
    Never,
}

impl Default for Deed {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            content: Content::Fitting,
            delivery: Delivery::Whole,
            latency: None,
        }
    }
}

impl Deed {
    /// An answer with this content.
    pub fn says(content: Content) -> Self {
        Self { content, ..Self::default() }
    }

    /// An answer that is sent so.
    pub fn sent(delivery: Delivery) -> Self {
        Self { delivery, ..Self::default() }
    }

    /// An error with this status, in the interface's usual words.
    pub fn error(status: u16) -> Self {
        let kind = match status {
            400 => "invalid_request_error",
            401 => "authentication_error",
            404 => "not_found_error",
            429 => "rate_limit_error",
            529 => "overloaded_error",
            _ => "api_error",
        };
        let words = format!("this provider answers {status} when its script says so");
        Self { status, ..Self::says(Content::Error(kind, words)) }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with a latency of its own.
    #[must_use]
    pub fn after(self, latency: Duration) -> Self {
        Self { latency: Some(latency), ..self }
    }
}

impl Script {
    /// A provider that takes so long for each answer.
    pub fn latency(latency: Duration) -> Self {
        Self { latency, ..Self::default() }
    }

    /// The same with one more rule, after those that it has.
    #[must_use]
    pub fn rule(mut self, when: When, deed: Deed) -> Self {
        self.rules.push(Rule { when, deed });
        self
    }

    pub(super) fn limit_at(&self, number: usize) -> Limit {
        self.later.iter().rev().find(|(from, _)| *from <= number).map_or(self.limit, |(_, limit)| *limit)
    }

    pub(super) fn deed(&self, number: usize, body: &str) -> Deed {
        let rule = self.rules.iter().find(|rule| rule.when.holds(number, body));
        rule.map_or_else(Deed::default, |rule| rule.deed.clone())
    }
}
