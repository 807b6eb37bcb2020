//! Answers in memory, by bytes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use moka::{Expiry, future::Cache};
use serde_json::Value;

use super::{flight::Flights, frame::Mark};
use crate::{answer::Answer, unit::UnitKey};

/// What an entry takes beside its answer: key, times, and the cache's own books.
const ENTRY: usize = 320;
/// What a member of an object takes beside its name and value.
const MEMBER: usize = size_of::<String>() + size_of::<usize>() * 2;

/// An answer in memory.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) answer: Arc<Answer>,
    /// What tells its entry in Redis from another.
    pub(super) mark: Arc<Mark>,
    /// How long it is kept from now.
    pub(super) life: Duration,
}

/// The memory of a process: answers up to a number of bytes, and who asks for which just now. Its clones share it, and so
/// do the caches of all runs of a process; a unit's name says whose it is.
#[derive(Debug, Clone)]
pub struct MemoryCache {
    kept: Cache<UnitKey, Kept>,
    pub(super) flights: Arc<Flights>,
}

impl MemoryCache {
    /// How many bytes it holds unless said otherwise.
    pub const BYTES: u64 = 64 << 20;

    /// A memory of so many bytes.
    pub fn new(bytes: u64) -> Self {
        let weigher = |_: &UnitKey, kept: &Kept| u32::try_from(weight(kept)).unwrap_or(u32::MAX);
        let kept = Cache::builder().max_capacity(bytes).weigher(weigher).expire_after(Life).build();
        Self { kept, flights: Arc::default() }
    }

    pub(super) async fn get(&self, key: &UnitKey) -> Option<Kept> {
        self.kept.get(key).await
    }

    /// Keeps an answer, and makes room at once: what is over the cap now is gone before anybody goes on.
    pub(super) async fn insert(&self, key: UnitKey, kept: Kept) {
        self.kept.insert(key, kept).await;
        self.kept.run_pending_tasks().await;
    }

    /// Removes an answer, unless another has taken its place.
    pub(super) async fn remove(&self, key: &UnitKey, answer: &Arc<Answer>) {
        if self.kept.get(key).await.is_some_and(|kept| Arc::ptr_eq(&kept.answer, answer)) {
            self.kept.invalidate(key).await;
        }
    }

    /// Entries, and the bytes that they take.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.kept.entry_count(), self.kept.weighted_size())
    }
}

impl Default for MemoryCache {
    fn default() -> Self {
        Self::new(Self::BYTES)
    }
}

/// Each answer has its own time: what came from Redis is kept no longer than there.
struct Life;

impl Expiry<UnitKey, Kept> for Life {
    fn expire_after_create(&self, _: &UnitKey, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.life)
    }

    fn expire_after_update(
        &self,
        _: &UnitKey,
        kept: &Kept,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.life)
    }
}

fn weight(kept: &Kept) -> usize {
    ENTRY + size_of::<Answer>() + kept.mark.begins.len() + bytes(&kept.answer)
}

/// Bytes behind an answer, about.
pub(super) fn bytes(answer: &Answer) -> usize {
    answer.model.len() + answer.of.as_str().len() + value_bytes(&answer.value)
}

fn value_bytes(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.capacity(),
            Value::Array(values) => values.iter().map(value_bytes).sum(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| MEMBER + name.capacity() + value_bytes(value)).sum()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use sheaf_common::{id::DocumentId, record::Usage};

    use super::*;
    use crate::unit::Scope;

    pub(crate) fn kept(text: &str) -> Kept {
        let answer = Answer {
            value: json!({ "summary": text }),
            model: "m".to_owned(),
            of: DocumentId::new("d"),
            usage: Usage::default(),
            requests: 1.0,
            at: 1,
        };
        let mark = Arc::new(Mark { begins: Vec::new(), length: 0 });
        Kept { answer: Arc::new(answer), mark, life: Duration::from_mins(1) }
    }

    fn key(number: u32) -> UnitKey {
        UnitKey::new(Scope::new("t", "s", b"1", []), None, &number.to_string())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_cap_holds_after_every_insertion(
            cap in 1_000u64..40_000, sizes in prop::collection::vec((0u32..40, 0usize..4_000), 1..120)
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let memory = MemoryCache::new(cap);
                for (number, size) in sizes {
                    let kept = kept(&"x".repeat(size));
                    memory.insert(key(number), kept).await;
                    let (entries, bytes) = memory.size();
                    assert!(bytes <= cap, "{bytes} of {cap}");
                    // What it says that it holds is what it holds.
                    let held: u64 = memory.kept.iter().map(|(_, kept)| weight(&kept) as u64).sum();
                    assert_eq!((entries, bytes), (memory.kept.iter().count() as u64, held));
                }
            });
        }
    }

    #[test]
    fn an_answer_weighs_at_least_what_is_in_it() {
        let deep = json!({ "a": ["b".repeat(100), { "c": 1, "d": null }], "e": "f".repeat(1_000) });
        assert!(value_bytes(&deep) >= serde_json::to_vec(&deep).unwrap().len());
    }

    #[tokio::test]
    async fn an_answer_is_kept_no_longer_than_its_life() {
        let memory = MemoryCache::default();
        memory.insert(key(1), Kept { life: Duration::from_millis(50), ..kept("a") }).await;
        memory.insert(key(2), kept("b")).await;
        // The clock of the cache is the machine's.
        while memory.get(&key(1)).await.is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(memory.get(&key(2)).await.is_some());
    }

    #[tokio::test]
    async fn only_the_very_answer_is_removed() {
        let memory = MemoryCache::default();
        let (old, new) = (kept("old"), kept("new"));
        memory.insert(key(1), new.clone()).await;
        memory.remove(&key(1), &old.answer).await;
        assert!(memory.get(&key(1)).await.is_some());
        memory.remove(&key(1), &new.answer).await;
        assert!(memory.get(&key(1)).await.is_none());
    }
}
