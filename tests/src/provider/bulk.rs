//! The endpoints for batches, in the shapes of OpenAI and of Anthropic.
//!
//! A batch takes no time of its own: it is at work for as many looks as the script says, and has then ended. What its
//! requests are answered with is what the script's [rules](super::Script::rules) say of them, were each alone; their
//! numbers are those of their coming, over all batches.

mod anthropic;
mod openai;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::{Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{Router, response::Response};
use serde_json::Value;

use super::{
    dialect::Dialect,
    script::{Script, When},
    server::{self, State},
};

/// What a provider does with batches.
#[derive(Debug, Clone, Default)]
pub struct BatchScript {
    /// Looks at a batch that find it at work, before one finds it at its end.
    pub looks: usize,
    /// How creating is answered otherwise than it should, by number of the attempt.
    pub creating: Vec<(Range<usize>, Creating)>,
    /// What becomes of batches otherwise than it should, by number of the batch.
    pub fates: Vec<(Range<usize>, Fate)>,
    /// What becomes of requests in batches, before the rules are asked.
    pub items: Vec<(When, ItemFate)>,
}

/// How the creation of a batch is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creating {
    /// The batch is taken, and nobody is told.
    Silent,
    /// The batch is taken, and the answer is a 500.
    TakenWith500,
    /// The batch is not taken: this status, and how long to wait.
    Refused(u16, Option<Duration>),
}

/// What becomes of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Refused as a whole: line, code, words. (OpenAI)
    Refused(u64, &'static str, &'static str),
    /// Refused because the account's queue is full. (OpenAI)
    Crowded,
    /// Its time is up: what the script expires has expired.
    Expired,
    /// Somebody cancelled it.
    Cancelled,
}

/// What becomes of a request in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemFate {
    /// Its time is up.
    Expired,
    /// It was cancelled.
    Cancelled,
    /// Its line is not there.
    Missing,
    /// Half of its line is there.
    Garbled,
    /// Its line is there twice, the second time with another answer.
    Twice,
}

/// What a provider has seen of batches.
#[derive(Debug, Clone, Default)]
pub struct BatchesSeen {
    /// Names of the requests of each batch that was taken, in order.
    pub batches: Vec<Vec<String>>,
    /// How often each request was answered, and charged for, by its name.
    pub paid: BTreeMap<String, usize>,
    /// Files that were uploaded.
    pub uploads: usize,
    /// Attempts to create a batch.
    pub creating: usize,
    /// Looks at batches.
    pub looks: usize,
    /// Looks at lists of batches.
    pub lists: usize,
    /// Times that results were fetched.
    pub fetched: usize,
}

impl BatchesSeen {
    /// Requests that were handed in, over all batches.
    pub fn requests(&self) -> usize {
        self.batches.iter().map(Vec::len).sum()
    }
}

/// Everything that was handed in.
#[derive(Debug, Default)]
pub(super) struct Bank {
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    seen: BatchesSeen,
    files: BTreeMap<String, String>,
    batches: Vec<Batch>,
    /// Requests that came in batches.
    items: usize,
}

#[derive(Debug, Clone)]
struct Batch {
    id: String,
    created: SystemTime,
    looks: usize,
    file: String,
    metadata: Value,
    fate: Option<Fate>,
    /// Name and end of each request.
    items: Vec<(String, End)>,
}

/// The end of a request.
#[derive(Debug, Clone, PartialEq)]
enum End {
    Replied(u16, Value),
    Expired,
    Cancelled,
    Missing,
    Garbled(Value),
    Twice(Value, Value),
}

impl Bank {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().expect("a bank whose provider did not panic")
    }

    pub(super) fn seen(&self) -> BatchesSeen {
        self.entries().seen.clone()
    }
}

pub(super) fn router() -> Router<State> {
    openai::router().merge(anthropic::router())
}

impl Entries {
    /// How the attempt to create a batch is answered.
    fn creating(&mut self, script: &Script) -> Option<Creating> {
        let attempt = self.seen.creating;
        self.seen.creating += 1;
        let way = script.batch.creating.iter().find(|(attempts, _)| attempts.contains(&attempt));
        way.map(|(_, way)| way.clone())
    }

    /// Takes a batch: names and bodies of its requests.
    fn take(
        &mut self,
        script: &Script,
        dialect: Dialect,
        prefix: &str,
        requests: Vec<(String, Value)>,
    ) -> &mut Batch {
        let number = self.batches.len();
        let fate = script.batch.fates.iter().find(|(numbers, _)| numbers.contains(&number));
        let fate = fate.map(|(_, fate)| fate.clone());
        let refused = matches!(fate, Some(Fate::Refused(..) | Fate::Crowded));
        self.seen.batches.push(requests.iter().map(|(id, _)| id.clone()).collect());
        let mut items = Vec::with_capacity(requests.len());
        for (id, body) in requests {
            let end = self.end(script, dialect, &body);
            let is_paid =
                matches!(&end, End::Replied(200, _) | End::Missing | End::Garbled(_) | End::Twice(..));
            if is_paid && !refused {
                *self.seen.paid.entry(id.clone()).or_default() += 1;
            }
            items.push((id, end));
        }
        let id = format!("{prefix}{number:04}");
        let (created, file, metadata) = (SystemTime::now(), String::new(), Value::Null);
        self.batches.push(Batch { id, created, looks: 0, file, metadata, fate, items });
        self.batches.last_mut().expect("it was just pushed")
    }

    fn end(&mut self, script: &Script, dialect: Dialect, body: &Value) -> End {
        let (number, text) = (self.items, body.to_string());
        self.items += 1;
        let asked = dialect.read(body);
        let deed = script.deed(number, &text);
        let answer = || -> Value {
            let (spoken, _) = server::spoken(dialect, &asked, &deed, number);
            serde_json::from_str(&spoken).unwrap_or(Value::String(spoken))
        };
        match script.batch.items.iter().find(|(when, _)| when.holds(number, &text)) {
            None => End::Replied(deed.status, answer()),
            Some((_, ItemFate::Expired)) => End::Expired,
            Some((_, ItemFate::Cancelled)) => End::Cancelled,
            Some((_, ItemFate::Missing)) => End::Missing,
            Some((_, ItemFate::Garbled)) => End::Garbled(answer()),
            Some((_, ItemFate::Twice)) => {
                let other = dialect.answer(&asked, "another answer", super::dialect::End::Done, 1);
                End::Twice(answer(), other)
            }
        }
    }

    /// A look at a batch: as it is shown now, and whether it has ended.
    fn look(&mut self, script: &Script, id: &str) -> Option<(Batch, bool)> {
        self.seen.looks += 1;
        let batch = self.batches.iter_mut().find(|batch| batch.id == id)?;
        batch.looks += 1;
        Some((batch.clone(), batch.looks > script.batch.looks))
    }

    /// A page of all batches, newest first, each with whether it has ended; and whether there are more.
    fn page(&mut self, script: &Script, limit: usize, after: Option<&str>) -> (Vec<(Batch, bool)>, bool) {
        self.seen.lists += 1;
        let newest = self.batches.iter().rev();
        let mut rest = newest.skip_while(|batch| after.is_some_and(|after| batch.id != after)).peekable();
        if after.is_some() {
            rest.next();
        }
        let mut page = Vec::new();
        while let Some(batch) = rest.next_if(|_| page.len() < limit) {
            page.push((batch.clone(), batch.looks > script.batch.looks));
        }
        (page, rest.peek().is_some())
    }
}

/// What is wrong with a request's name, were it Anthropic's to say.
fn flaw_of_name(id: &str, names: &mut BTreeSet<String>) -> Option<&'static str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if id.is_empty() || id.len() > 64 || !id.bytes().all(fits) {
        return Some("custom_id: it should match ^[a-zA-Z0-9_-]{1,64}$");
    }
    (!names.insert(id.to_owned())).then_some("custom_id: it must be unique in the batch")
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The parameters of a list: how many, and after which.
fn paging(query: Option<&str>, name: &str) -> (usize, Option<String>) {
    let value = |wanted: &str| {
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
    };
    (value("limit").and_then(|limit| limit.parse().ok()).unwrap_or(20).clamp(1, 100), value(name))
}

/// An answer that is no success, in the way of the interface.
fn refused(dialect: Dialect, status: u16, wait: Option<Duration>) -> Response {
    let kind = if status == 429 { "rate_limit_error" } else { "api_error" };
    let response = server::response(status, &dialect.error(kind, "the script says so"));
    let wait = wait.map(|wait| ("retry-after-ms".to_owned(), wait.as_millis().to_string()));
    server::with_headers(response, wait.into_iter().collect())
}
