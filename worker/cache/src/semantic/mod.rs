//! The semantic cache: the nearest earlier unit of the same scope that says the same.
//!
//! A text is embedded; the nearest earlier texts of its scope are looked up in an index in memory; of those that are near
//! enough, the first that passes every guard is the hit. No round trip is made. A share of the hits is asked afresh, and
//! when too many of those were wrong the cache turns itself off. Workers of a fleet share entries through a capped stream.
//!
//! The cache holds no answers: a hit names the key under which the exact cache has one, or has none any more.
//!
//! | module | noun |
//! | --- | --- |
//! | `settings` | how much is kept, and when hits are no longer trusted |
//! | `entry` | a unit that was answered, and its frame in the stream |
//! | `index`, `segment` | the entries of every scope, and a part of them with its graph |
//! | `fleet` | the stream and the counts that workers share |
//! | `audit` | how often hits were wrong |
//! | `statistics` | what the cache has done |
//! | `inner` | what the door and the fleet's tasks share |

mod audit;
mod entry;
mod fleet;
mod index;
mod inner;
mod segment;
mod settings;
mod statistics;

#[cfg(test)]
mod cache_tests;

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, Once, PoisonError},
    time::Duration,
};

use serde_json::Value;
use sheaf_common::id::DocumentId;
use tokio::{
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
    time::{Instant, timeout},
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use self::{
    entry::{Entry, Packed},
    fleet::Message,
    inner::Inner,
    statistics::{one_more, read},
};
use crate::{
    embedder::{Embedder, MOST_DIMENSION},
    guard::{Alike, Signature, is_compatible},
    unit::UnitKey,
};

pub use audit::Checks;
pub use fleet::Fleet;
pub use settings::SemanticSettings;
pub use statistics::SemanticStatistics;

/// Hits of a run that are checked whatever the share is.
const FIRST_CHECKED: u64 = 5;
/// How long a text may wait for its vector.
const VECTOR: Duration = Duration::from_secs(3);
/// How long an embedder is left alone that failed.
const REST: Duration = Duration::from_secs(30);
/// Bytes of a text from which on reading it is more than a moment's work.
const LONG: usize = 4 << 10;
/// Likeness of two summaries of one text, where the embedder knows meanings.
const SUMMARIES: f32 = 0.6;

/// A text made ready to be looked up and, once it is answered, to be found.
#[derive(Debug, Clone)]
pub struct Probe {
    vector: Packed,
    signature: Signature,
}

/// An earlier unit that says the same.
#[derive(Debug, Clone, PartialEq)]
pub struct SemanticHit {
    /// Where its answer is, if it still is.
    pub key: UnitKey,
    /// The document that it was asked for.
    pub of: DocumentId,
    /// Cosine of the two texts' vectors, 0 to 1.
    pub similarity: f32,
    /// In which way the texts are alike.
    pub alike: Alike,
    /// Whether the unit is to be asked about all the same, and the two answers handed to [`SemanticCache::judge`].
    pub check: bool,
}

/// A semantic cache. Dropping it ends what follows the fleet.
pub struct SemanticCache {
    inner: Arc<Inner>,
    fleet: Option<mpsc::Sender<Message>>,
    silent: Once,
    /// Until when the embedder is left alone.
    rests_until: Mutex<Option<Instant>>,
    /// Ends its tasks when dropped.
    _tasks: JoinSet<()>,
}

impl SemanticCache {
    /// Opens an empty cache; with a fleet, it fills with what the stream has. Must be called on a runtime.
    pub fn open(settings: SemanticSettings, embedder: Arc<dyn Embedder>, fleet: Option<&Fleet>) -> Self {
        let worker = RandomState::new().hash_one(std::process::id());
        let inner = Arc::new(Inner::new(settings, embedder, worker));
        let mut tasks = JoinSet::new();
        let fleet = fleet.map(|fleet| fleet::start(fleet, &inner, &mut tasks));
        Self { inner, fleet, silent: Once::new(), rests_until: Mutex::default(), _tasks: tasks }
    }

    /// Makes a text ready; `None` when the cache is off, the text is too long or says too little, or the embedder fails:
    /// such a unit is asked about, and that is all.
    pub async fn probe(&self, title: Option<&str>, text: &str) -> Option<Probe> {
        if self.inner.audit.is_off() {
            return None;
        }
        let embedder = &self.inner.embedder;
        let title = title.unwrap_or_default();
        let fits =
            title.len() + 1 + text.len() <= embedder.longest() && embedder.id().dimension() <= MOST_DIMENSION;
        let signature = if fits { signature(title, text).await.filter(Signature::is_telling) } else { None };
        let Some(signature) = signature else {
            one_more(&self.inner.counters.not_looked_up);
            return None;
        };
        let whole = if title.is_empty() { text.to_owned() } else { format!("{title}\n{text}") };
        if let Some(vector) = self.vector(&whole).await {
            return Some(Probe { vector: Packed::new(&vector), signature });
        }
        one_more(&self.inner.counters.not_looked_up);
        None
    }

    /// The vector of a text; `None` when there is none in time. An embedder that failed is left alone for a while: a document
    /// must not wait for what only saves a request.
    async fn vector(&self, text: &str) -> Option<Vec<f32>> {
        let now = Instant::now();
        let resting = |until: &Option<Instant>| until.is_some_and(|until| now < until);
        if resting(&self.rests_until.lock().unwrap_or_else(PoisonError::into_inner)) {
            return None;
        }
        let why = match timeout(VECTOR, self.inner.embedder.embed(text)).await {
            Ok(Ok(vector)) => return Some(vector),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no vector within {} s", VECTOR.as_secs()),
        };
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
        self.silent.call_once(|| {
            tracing::warn!(why, "no vector for the semantic cache; units without one are asked about");
        });
        None
    }

    /// The nearest earlier unit of the scope of `key` that says what `probe` says.
    pub async fn lookup(&self, key: &UnitKey, probe: &Probe) -> Option<SemanticHit> {
        let Inner { counters, embedder, audit, .. } = &*self.inner;
        if audit.is_off() {
            return None;
        }
        one_more(&counters.lookups);
        let thresholds = embedder.thresholds();
        for (similarity, held) in self.inner.nearest(key.scope, &probe.vector).await {
            if similarity < thresholds.same_words {
                break;
            }
            one_more(&counters.candidates);
            let alike = match probe.signature.compare(&held.signature) {
                Err(refusal) => {
                    counters.refuse(refusal);
                    continue;
                }
                Ok(Alike::Reworded) if thresholds.reworded.is_none_or(|least| similarity < least) => {
                    one_more(&counters.too_far);
                    continue;
                }
                Ok(alike) => alike,
            };
            let before = one_more(&counters.hits);
            let earlier = UnitKey { scope: key.scope, content: held.content };
            let check = self.is_checked(key, &earlier, before);
            let of = DocumentId::new(format!("{:016x}", held.of));
            return Some(SemanticHit {
                key: earlier,
                of,
                similarity: similarity.clamp(0.0, 1.0),
                alike,
                check,
            });
        }
        None
    }

    /// The same two units are always both checked or both not, but for the first hits of a run.
    fn is_checked(&self, key: &UnitKey, earlier: &UnitKey, before: u64) -> bool {
        let share = self.inner.settings.checked;
        let seed = xxh3_64_with_seed(&earlier.content, 0);
        let lot = xxh3_64_with_seed(&key.content, seed) as f64 / u64::MAX as f64;
        share > 0.0 && (before < FIRST_CHECKED || lot < share)
    }

    /// Makes the unit `key`, which document `of` was asked for, one that is found. Its answer is in the exact cache.
    pub async fn insert(&self, key: UnitKey, probe: Probe, of: &DocumentId) {
        let Some(of) = of.number().filter(|_| !self.inner.audit.is_off()) else { return };
        let entry = Entry { key, of, vector: probe.vector, signature: probe.signature };
        let frame =
            self.fleet.is_some().then(|| entry.frame(self.inner.embedder.id().name(), self.inner.worker));
        // What was there already, everybody has.
        if !self.inner.add(entry).await {
            return;
        }
        if let (Some(fleet), Some(frame)) = (&self.fleet, frame)
            && fleet.try_send(Message::Entry(frame)).is_err()
        {
            one_more(&self.inner.counters.not_sent);
        }
    }

    /// Takes a check: the answer that the hit would have served, and a fresh one. Returns whether they agree: `false` is a
    /// wrong hit. `None` when that cannot be told, which counts as nothing.
    ///
    /// They agree when they are equal, or when their `document_type` is the same, no number, date, name, negation or word
    /// with an opposite of one `summary` speaks against the other's, and the summaries are near each other, where the
    /// embedder knows meanings. A model asked twice words things anew; one that says other things of the same text is
    /// counted against the cache, for nobody can tell the two apart.
    pub async fn judge(&self, cached: &Value, fresh: &Value) -> Option<bool> {
        let agree = self.agree(cached, fresh).await?;
        self.inner.audit.count(!agree);
        if let Some(fleet) = &self.fleet {
            // A full channel means that Redis is away: the own count stands.
            let _own_only = fleet.try_send(Message::Check(!agree));
        }
        Some(agree)
    }

    async fn agree(&self, cached: &Value, fresh: &Value) -> Option<bool> {
        if cached == fresh {
            return Some(true);
        }
        let text = |answer: &Value, field: &str| answer.get(field).and_then(Value::as_str).map(str::to_owned);
        let (one, other) = (text(cached, "document_type"), text(fresh, "document_type"));
        let (Some(summary), Some(afresh)) = (text(cached, "summary"), text(fresh, "summary")) else {
            return Some(false);
        };
        if one != other || !is_compatible(&summary, &afresh) {
            return Some(false);
        }
        let embedder = &self.inner.embedder;
        if embedder.thresholds().reworded.is_none() || summary.len().max(afresh.len()) > embedder.longest() {
            return Some(true);
        }
        let (one, other) = (self.vector(&summary).await?, self.vector(&afresh).await?);
        let cosine: f32 = one.iter().zip(&other).map(|(a, b)| a * b).sum();
        Some(cosine >= SUMMARIES)
    }

    /// Whether it has turned itself off.
    pub fn is_off(&self) -> bool {
        self.inner.audit.is_off()
    }

    /// What it has done so far.
    pub fn statistics(&self) -> SemanticStatistics {
        let Inner { counters, embedder, audit, index, .. } = &*self.inner;
        let (checks, off) = audit.state();
        let (entries, bytes) = index.size();
        SemanticStatistics {
            embedder: embedder.id().name().to_owned(),
            lookups: read(&counters.lookups),
            not_looked_up: read(&counters.not_looked_up),
            candidates: read(&counters.candidates),
            refused: counters.refused(),
            too_far: read(&counters.too_far),
            hits: read(&counters.hits),
            checks,
            wrong_rate: checks.rate(),
            wrong_rate_interval: checks.interval(),
            entries,
            bytes,
            taken_over: read(&counters.taken_over),
            unreadable: read(&counters.unreadable),
            not_sent: read(&counters.not_sent),
            off,
        }
    }
}

impl fmt::Debug for SemanticCache {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SemanticCache").field("statistics", &self.statistics()).finish_non_exhaustive()
    }
}

/// What the guards read of a text; a long one is read off the runtime.
async fn signature(title: &str, text: &str) -> Option<Signature> {
    if title.len() + text.len() < LONG {
        return Some(Signature::of(Some(title), text));
    }
    let (title, text) = (title.to_owned(), text.to_owned());
    spawn_blocking(move || Signature::of(Some(&title), &text)).await.ok()
}
