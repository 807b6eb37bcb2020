//! Writes terminal records: the only task that touches `results.jsonl` while a run goes on.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sheaf_common::record::{CacheUse, Outcome, Record, Status, Usage};
use sheaf_fetch::is_same_site;
use tokio::sync::{Semaphore, mpsc, oneshot};
use url::Url;

use crate::{
    contents::{ContentKey, Contents, Copy},
    folder::{Accepted, FolderError, Frontier, FrontierEntry, Recorded, ResultsFile},
    progress::Tally,
    source::{Filter, Location},
};

/// Arrivals written between two flushes.
const BATCH: usize = 64;
/// Most links of one page that a crawl follows.
const MOST_LINKS: usize = 10_000;

/// What the recorder is given.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A document ended; with its content when that was claimed for analysis.
    Ended(Box<Outcome>, Option<ContentKey>),
    /// A document has the content of another one that was recorded.
    Copied(Box<Copy>, Recorded),
    /// A table failed on the way: the run cannot go on.
    Broken(FolderError),
    /// Somebody waits until everything that arrived before this is recorded.
    Recorded(oneshot::Sender<()>),
}

/// Documents between acceptance and record, by sequence: bounded by the admission.
///
/// In trees, here and in [`Contents`]: a hash table from which as much is taken as is put in marks what was there, and
/// doubles one day when it is more than half full of entries and no place is left without a mark. That day came after thirty
/// thousand documents. Boxed, because a tree's leaves that fill in order stay half empty.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<BTreeMap<u64, Box<Traveller>>>);

/// What is remembered of a document in flight.
#[derive(Debug, Clone)]
pub(crate) struct Traveller {
    pub(crate) accepted: Accepted,
    /// Set when the content was claimed for analysis.
    pub(crate) content: Option<ContentKey>,
    /// The queue has it.
    pub(crate) pushed: bool,
    /// It waits for the answer of another one with the same content.
    pub(crate) waits: bool,
}

impl InFlight {
    pub(crate) fn enter(&self, accepted: Accepted) {
        self.put(accepted, false);
    }

    /// A document that an earlier part of the run pushed.
    pub(crate) fn enter_pushed(&self, accepted: Accepted) {
        self.put(accepted, true);
    }

    fn put(&self, accepted: Accepted, pushed: bool) {
        let sequence = accepted.sequence;
        let traveller = Traveller { accepted, content: None, pushed, waits: false };
        self.all().insert(sequence, Box::new(traveller));
    }

    /// The queue has the document now.
    pub(crate) fn pushed(&self, sequence: u64) {
        if let Some(traveller) = self.all().get_mut(&sequence) {
            traveller.pushed = true;
        }
    }

    /// The document waits for the answer of another one.
    pub(crate) fn waits(&self, sequence: u64) {
        if let Some(traveller) = self.all().get_mut(&sequence) {
            traveller.waits = true;
        }
    }

    /// Whether no document is on its way to the queue.
    pub(crate) fn none_on_its_way(&self) -> bool {
        self.all().values().all(|traveller| traveller.pushed || traveller.waits)
    }

    /// The documents that the queue has.
    pub(crate) fn pushed_ones(&self) -> Vec<u64> {
        self.all().iter().filter(|(_, traveller)| traveller.pushed).map(|(sequence, _)| *sequence).collect()
    }

    /// Documents that the queue has lost, those among them that are still in flight, each with the content that it had
    /// claimed: they are pushed no more and claim nothing.
    pub(crate) fn pull_back(&self, sequences: &[u64]) -> Vec<(Accepted, Option<ContentKey>)> {
        let mut all = self.all();
        let mut back = Vec::new();
        for sequence in sequences {
            if let Some(traveller) = all.get_mut(sequence).filter(|traveller| traveller.pushed) {
                traveller.pushed = false;
                back.push((traveller.accepted.clone(), traveller.content.take()));
            }
        }
        back
    }

    /// Whether the document is in flight.
    pub(crate) fn has(&self, sequence: u64) -> bool {
        self.all().contains_key(&sequence)
    }

    /// The document has claimed a content.
    ///
    /// # Errors
    ///
    /// It is no longer in flight: the content is claimed no more, and those that waited for its answer meanwhile are to be
    /// done for themselves.
    pub(crate) fn claimed(
        &self,
        sequence: u64,
        content: ContentKey,
        contents: &Contents,
    ) -> Result<(), Vec<Copy>> {
        if let Some(traveller) = self.all().get_mut(&sequence) {
            (traveller.content, traveller.waits) = (Some(content), false);
            return Ok(());
        }
        Err(contents.release(content))
    }

    pub(crate) fn content(&self, sequence: u64) -> Option<ContentKey> {
        self.all().get(&sequence).and_then(|traveller| traveller.content)
    }

    pub(crate) fn leave(&self, sequence: u64) -> Option<Box<Traveller>> {
        self.all().remove(&sequence)
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Box<Traveller>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what arrives until every sender is gone.
pub(crate) struct Recorder {
    pub(crate) results: ResultsFile,
    pub(crate) frontier: Frontier,
    pub(crate) contents: Arc<Contents>,
    pub(crate) in_flight: Arc<InFlight>,
    /// One permit is returned for each record.
    pub(crate) admission: Arc<Semaphore>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) crawl_depth: u32,
    pub(crate) filter: Filter,
}

impl Recorder {
    pub(crate) async fn run(
        mut self,
        mut arrivals: mpsc::Receiver<Arrival>,
    ) -> Result<ResultsFile, FolderError> {
        let mut batch = Vec::with_capacity(BATCH);
        while arrivals.recv_many(&mut batch, BATCH).await > 0 {
            let (mut written, mut waiting) = (Vec::new(), Vec::new());
            for arrival in batch.drain(..) {
                match arrival {
                    Arrival::Ended(outcome, content) => self.ended(&outcome, content, &mut written)?,
                    Arrival::Copied(copy, of) => {
                        let first = self.results.read(of)?;
                        self.copied(&copy, &first, &mut written)?;
                    }
                    Arrival::Broken(error) => return Err(error),
                    Arrival::Recorded(waiter) => waiting.push(waiter),
                }
            }
            self.results.flush()?;
            // Nobody learns of a record before it is safe.
            for waiter in waiting {
                // Whoever no longer waits has ended.
                let _nobody_waits = waiter.send(());
            }
            for status in written {
                self.tally.recorded(status);
                self.admission.add_permits(1);
            }
        }
        Ok(self.results)
    }

    fn ended(
        &mut self,
        outcome: &Outcome,
        content: Option<ContentKey>,
        written: &mut Vec<Status>,
    ) -> Result<(), FolderError> {
        // A second outcome for one document, however it came about, is dropped here.
        let Some(traveller) = self.in_flight.leave(outcome.sequence) else { return Ok(()) };
        self.follow(&traveller.accepted, outcome)?;
        // What came from elsewhere is not trusted to say which document it is about.
        let record = Record {
            id: traveller.accepted.id,
            source: traveller.accepted.candidate.source,
            ..outcome.record.clone()
        };
        let recorded = self.results.append(&record)?;
        written.push(record.status);
        if let Some(content) = content {
            let copies = if record.status == Status::Ok {
                self.contents.settle(content, recorded)?
            } else {
                self.contents.release(content)
            };
            for copy in copies {
                self.copied(&copy, &record, written)?;
            }
        }
        Ok(())
    }

    /// A record of the same content, under the copy's own name.
    fn copied(&mut self, copy: &Copy, first: &Record, written: &mut Vec<Status>) -> Result<(), FolderError> {
        if self.in_flight.leave(copy.accepted.sequence).is_none() {
            return Ok(());
        }
        let mut record = first.clone();
        record.id = copy.accepted.id.clone();
        record.source.clone_from(&copy.accepted.candidate.source);
        record.attempts = copy.attempts;
        record.timings_ms = copy.timings;
        // The first paid for both.
        record.usage = Usage::default();
        if record.status == Status::Ok {
            let original = first.cache.of.clone().filter(|_| first.cache.is_copy());
            record.cache = CacheUse::copy_of(original.unwrap_or_else(|| first.id.clone()));
        }
        self.results.append(&record)?;
        written.push(record.status);
        Ok(())
    }

    /// Puts the links of a page on the frontier: before its record, so that a crash between the two loses neither.
    fn follow(&mut self, page: &Accepted, outcome: &Outcome) -> Result<(), FolderError> {
        let Location::Url(asked) = &page.candidate.at else { return Ok(()) };
        if outcome.links.is_empty() || page.candidate.depth >= self.crawl_depth {
            return Ok(());
        }
        let at = outcome
            .final_url
            .as_deref()
            .and_then(|url| Url::parse(url).ok())
            .unwrap_or_else(|| asked.clone());
        let base =
            outcome.base_href.as_deref().and_then(|base| at.join(base).ok()).unwrap_or_else(|| at.clone());
        let (mut links, mut seen) = (Vec::new(), HashSet::new());
        for link in &outcome.links {
            let Ok(mut url) = base.join(link) else { continue };
            url.set_fragment(None);
            let wanted = matches!(url.scheme(), "http" | "https")
                && is_same_site(asked, &url)
                && self.filter.takes_url(&url)
                && !is_asset(&url);
            if wanted && links.len() < MOST_LINKS && seen.insert(url.clone()) {
                links.push(url);
            }
        }
        self.frontier.add(&FrontierEntry {
            page: page.sequence,
            depth: page.candidate.depth + 1,
            private_allowed: page.candidate.private_allowed,
            links,
        })
    }
}

/// Whether a link leads to what is no document, by its ending: asking for it would only be refused.
fn is_asset(url: &Url) -> bool {
    const ASSETS: [&str; 30] = [
        "7z", "avi", "bmp", "css", "dmg", "eot", "exe", "gif", "gz", "ico", "iso", "jpeg", "jpg", "js",
        "json", "mov", "mp3", "mp4", "otf", "png", "rar", "svg", "tar", "tgz", "ttf", "webm", "webp", "woff",
        "woff2", "zip",
    ];
    let extension =
        url.path().rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    extension.is_some_and(|extension| ASSETS.contains(&extension.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use sheaf_common::id::ContentHash;
    use sheaf_table::Scratch;

    use super::*;
    use crate::{contents::Claim, sample::copy};

    #[test]
    fn nobody_waits_for_the_answer_of_one_that_has_its_record() {
        let room = tempfile::tempdir().unwrap();
        let contents = Contents::new(&Scratch::create(&room.path().join("tables")).unwrap()).unwrap();
        let content = ContentKey::of(&ContentHash::of(b"one"), b"one", None, None);
        let in_flight = InFlight::default();
        for sequence in 0..3 {
            in_flight.enter(copy(sequence).accepted);
        }
        let claim = |sequence| contents.claim(content, copy(sequence)).unwrap();
        assert!(matches!(claim(0), Claim::Fresh));
        assert!(matches!(claim(1), Claim::Waiting));
        in_flight.waits(1);
        in_flight.leave(0);
        let waiting = in_flight.claimed(0, content, &contents).unwrap_err();
        assert_eq!(waiting.iter().map(|copy| copy.accepted.sequence).collect::<Vec<_>>(), [1]);
        assert!(matches!(claim(1), Claim::Fresh), "it is done for itself");
        in_flight.claimed(1, content, &contents).unwrap();
        assert_eq!(in_flight.content(1), Some(content));
        assert!(!in_flight.none_on_its_way(), "it waits for nobody");
        assert!(matches!(claim(2), Claim::Waiting));
    }
}
