//! Which contents the run has met: the same bytes are analysed once.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use sheaf_common::{
    document::ContentType,
    id::ContentHash,
    record::{Record, Status, Timings},
};
use sheaf_parse::Detected;
use sheaf_table::{Scratch, Table, TableError};

use crate::folder::{Accepted, Recorded, StoredSpan};

/// A body and how it is read: two documents with one key have one answer. The same bytes called `a.md` and `a.txt` are
/// two contents, because they are parsed in two ways.
///
/// Half a SHA-256: two of 10⁹ contents meet by chance once in 10²⁰ runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// Contents by hash: those that were answered in a table, those that are being analysed in memory.
#[derive(Debug)]
pub(crate) struct Contents {
    /// Being analysed, each with the copies that wait. Bounded by how many documents are in flight.
    in_flight: Mutex<BTreeMap<ContentKey, Vec<Copy>>>,
    answered: Table<[u8; 16], StoredSpan>,
}

impl Contents {
    /// A run that has met nothing yet.
    pub(crate) fn new(tables: &Scratch) -> Result<Self, TableError> {
        Ok(Self { in_flight: Mutex::default(), answered: tables.table("contents")? })
    }

    /// Remembers a record of an earlier part of the run.
    pub(crate) fn remember(&self, key: ContentKey, recorded: Recorded) -> Result<(), TableError> {
        self.answered.insert(key.0, &recorded.stored()).map(drop)
    }

    /// Claims a content for a document.
    pub(crate) fn claim(&self, key: ContentKey, copy: Copy) -> Result<Claim, TableError> {
        // Not under the lock, where others would wait for the disk too. An answer never goes away.
        if let Some(recorded) = self.answered.get(key.0)? {
            return Ok(Claim::Answered(Recorded::of(recorded), Box::new(copy)));
        }
        match self.in_flight().entry(key) {
            Entry::Occupied(mut waiting) => {
                waiting.get_mut().push(copy);
                Ok(Claim::Waiting)
            }
            Entry::Vacant(vacant) => {
                // It may have been answered in between.
                if let Some(recorded) = self.answered.get(key.0)? {
                    return Ok(Claim::Answered(Recorded::of(recorded), Box::new(copy)));
                }
                vacant.insert(Vec::new());
                Ok(Claim::Fresh)
            }
        }
    }

    /// A claimed content has an answer, which may be used again. Returns the copies that waited for it.
    pub(crate) fn settle(&self, key: ContentKey, answer: Recorded) -> Result<Vec<Copy>, TableError> {
        // Whoever no longer finds it under way finds the answer.
        self.answered.put(key.0, &answer.stored())?;
        Ok(self.in_flight().remove(&key).unwrap_or_default())
    }

    /// A claimed content has no answer: a later document with the same content is to be analysed for itself. Returns
    /// the copies that waited.
    pub(crate) fn release(&self, key: ContentKey) -> Vec<Copy> {
        self.in_flight().remove(&key).unwrap_or_default()
    }

    fn in_flight(&self) -> MutexGuard<'_, BTreeMap<ContentKey, Vec<Copy>>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
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
    use sheaf_common::id::DocumentId;

    use super::*;
    use crate::sample::{analysed, copy};

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
    fn a_content_is_analysed_once_and_its_answer_is_used_again() {
        let room = tempfile::tempdir().unwrap();
        let contents = Contents::new(&Scratch::create(&room.path().join("tables")).unwrap()).unwrap();
        let claim = |key, sequence| contents.claim(key, copy(sequence)).unwrap();
        let sequences =
            |copies: Vec<Copy>| copies.iter().map(|one| one.accepted.sequence).collect::<Vec<_>>();
        let (one, other) = (key(b"one", None, "a.txt"), key(b"other", None, "a.txt"));
        let answer = |at| Recorded::of((at, 7));

        assert!(matches!(claim(one, 0), Claim::Fresh));
        assert!(matches!(claim(one, 1), Claim::Waiting));
        assert!(matches!(claim(other, 2), Claim::Fresh));
        assert!(matches!(claim(one, 3), Claim::Waiting));
        assert_eq!(sequences(contents.settle(one, answer(5)).unwrap()), [1, 3]);
        let Claim::Answered(recorded, late) = claim(one, 4) else { panic!("there is an answer") };
        assert_eq!((recorded, late.accepted.sequence), (answer(5), 4));
        // What could not be analysed is tried again.
        assert!(matches!(claim(other, 5), Claim::Waiting));
        assert_eq!(sequences(contents.release(other)), [5]);
        assert!(matches!(claim(other, 6), Claim::Fresh));
        // Of earlier records of one content the first counts.
        contents.remember(one, answer(9)).unwrap();
        assert!(matches!(claim(one, 7), Claim::Answered(recorded, _) if recorded == answer(5)));
    }

    #[test]
    fn a_record_of_a_file_gives_the_key_back() {
        let text = b"# Tides\n\nHigh water at noon.";
        let hash = ContentHash::of(text);
        let record = analysed(&DocumentId::of_source(b"a"), "x/a.txt", &hash.to_string(), "Tides");
        assert_eq!(ContentKey::of_record(&record), Some(key(text, None, "a.txt")));
        let page = Record { source: "http://a.test/a.txt".to_owned(), ..record };
        assert_eq!(ContentKey::of_record(&page), None);
    }
}
