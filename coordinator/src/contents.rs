//! Which contents the run has met: the same bytes are analysed once.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use sheaf_common::{
    document::ContentType,
    id::ContentHash,
    record::{Record, Status, Timings},
};
use sheaf_parse::Detected;

use crate::folder::{Accepted, Recorded};

/// A body and how it is read: two documents with one key have one answer. The same bytes called `a.md` and `a.txt` are
/// two contents, because they are parsed in two ways.
///
/// Half a SHA-256: two of 10⁹ contents meet by chance once in 10²⁰ runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ContentKey([u8; 16]);

/// A document whose content another one has too.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) accepted: Accepted,
    pub(crate) attempts: u32,
    pub(crate) timings: Timings,
}

/// What is to be done with a downloaded document.
#[derive(Debug)]
pub(crate) enum Claim {
    /// Nobody has it: analyse it.
    Fresh,
    /// It is being analysed: the copy waits in here for the answer.
    Waiting,
    /// It was analysed: the answer is this record's.
    Answered(Recorded, Box<Copy>),
}

/// Contents by hash, 48 bytes each.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    met: Mutex<HashMap<ContentKey, Known>>,
}

#[derive(Debug)]
enum Known {
    /// Being analysed; these wait. Bounded by how many documents are in flight.
    InFlight(Vec<Copy>),
    Answered(Recorded),
}

impl Contents {
    /// Remembers a record of an earlier part of the run.
    pub(crate) fn remember(&self, key: ContentKey, recorded: Recorded) {
        self.met().entry(key).or_insert(Known::Answered(recorded));
    }

    /// Claims a content for a document.
    pub(crate) fn claim(&self, key: ContentKey, copy: Copy) -> Claim {
        match self.met().entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(Known::InFlight(Vec::new()));
                Claim::Fresh
            }
            Entry::Occupied(mut known) => match known.get_mut() {
                Known::InFlight(waiting) => {
                    waiting.push(copy);
                    Claim::Waiting
                }
                Known::Answered(recorded) => Claim::Answered(*recorded, Box::new(copy)),
            },
        }
    }

    /// The answer for a claimed content: `Some` when it may be used again, `None` when a later document with the same
    /// content is to be analysed for itself. Returns the copies that waited.
    pub(crate) fn settle(&self, key: ContentKey, answer: Option<Recorded>) -> Vec<Copy> {
        let mut met = self.met();
        let known = match answer {
            Some(recorded) => met.insert(key, Known::Answered(recorded)),
            None => met.remove(&key),
        };
        match known {
            Some(Known::InFlight(waiting)) => waiting,
            _ => Vec::new(),
        }
    }

    fn met(&self) -> MutexGuard<'_, HashMap<ContentKey, Known>> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ContentKey {
    /// The key of a body, from everything its parser goes by.
    pub(crate) fn of(
        hash: &ContentHash,
        body: &[u8],
        declared_content_type: Option<&str>,
        file_name: Option<&str>,
    ) -> Self {
        match sheaf_parse::detect(body, declared_content_type, file_name) {
            Ok(Detected { content_type, charset, .. }) => {
                Self::read_as(&hash.to_string(), content_type, charset.as_deref(), file_name)
            }
            // Refused for what it is called as much as for what it is.
            Err(fault) => Self::joined(&[&hash.to_string(), fault.kind.name(), &fault.message]),
        }
    }

    /// The key of what an earlier part of the run analysed; `None` when the record does not say how it was read, as
    /// that of a download, whose server may have declared a charset.
    pub(crate) fn of_record(record: &Record) -> Option<Self> {
        let facts = record.document.as_ref().filter(|_| record.status == Status::Ok)?;
        if record.source.contains("://") {
            return None;
        }
        let name = record.source.rsplit('/').next();
        Some(Self::read_as(&facts.sha256, facts.content_type, None, name))
    }

    fn read_as(sha256: &str, read_as: ContentType, charset: Option<&str>, file_name: Option<&str>) -> Self {
        // Plain text is looked at as prose or as code by its ending.
        let ending = file_name
            .filter(|_| read_as == ContentType::Text)
            .and_then(|name| name.rsplit_once('.'))
            .map_or(String::new(), |(_, ending)| ending.to_ascii_lowercase());
        Self::joined(&[sha256, &format!("{read_as:?}"), charset.unwrap_or_default(), &ending])
    }

    fn joined(parts: &[&str]) -> Self {
        let hash = ContentHash::of(parts.join("\0").as_bytes());
        let mut key = [0; 16];
        key.copy_from_slice(&hash.0[..16]);
        Self(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(body: &[u8], declared: Option<&str>, name: &str) -> ContentKey {
        ContentKey::of(&ContentHash::of(body), body, declared, Some(name))
    }

    #[test]
    fn the_same_bytes_are_one_content_when_they_are_read_alike() {
        let page = b"<!doctype html><p>High water at noon.";
        assert_eq!(key(page, None, "a.html"), key(page, Some("text/html"), "copy"));
        assert_ne!(key(page, None, "a.html"), key(page, Some("text/html; charset=koi8-r"), "a.html"));
        let text = b"# Tides\n\nHigh water at noon.";
        assert_ne!(key(text, None, "a.md"), key(text, None, "a.txt"));
        assert_ne!(key(text, None, "a.txt"), key(b"# Tides", None, "a.txt"));
        assert_eq!(key(b"", None, "a.txt"), key(b"", None, "b.html"));
    }

    #[test]
    fn a_record_of_a_file_gives_the_key_back() {
        let text = b"# Tides\n\nHigh water at noon.";
        let hash = ContentHash::of(text);
        let record = serde_json::json!({
            "id": "0", "source": "x/a.txt", "status": "ok", "attempts": 1,
            "document": {"title": null, "content_type": "text/plain", "language": null, "words": 5,
                         "sha256": hash.to_string(), "published": null, "author": null, "extraction_confidence": 1.0},
            "analysis": null, "decided_by": "rules", "cache": {"kind": "none"},
            "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0},
            "timings_ms": {"queue": 0.0, "fetch": 0.0, "parse": 0.0, "rules": 0.0, "llm": 0.0},
            "worker": null, "error": null,
        });
        let record: Record = serde_json::from_value(record).unwrap();
        assert_eq!(ContentKey::of_record(&record), Some(key(text, None, "a.txt")));
        let page = Record { source: "http://a.test/a.txt".to_owned(), ..record };
        assert_eq!(ContentKey::of_record(&page), None);
    }
}
