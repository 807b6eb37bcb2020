//! A folder with a journal, a provider, and who asks it through batches.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use sheaf_common::backoff::Backoff;
use sheaf_llm::{
    Answered, ModelError, Price,
    bulk::{Bulk, BulkSettings, FolderStore, Gathering, Store},
    config::{BackendConfig, Provider as Whose},
};
use sheaf_tests::provider::{
    Provider, Script,
    bulk::{BatchScript, BatchesSeen},
};
use tempfile::TempDir;

use crate::models::{Backend, request};

/// Both interfaces.
pub(crate) const BOTH: [Whose; 2] = [Whose::Custom, Whose::Anthropic];

/// How long something may take that must come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A provider and a folder that outlive whoever asks.
pub(crate) struct Bench {
    pub(crate) provider: Provider,
    pub(crate) folder: TempDir,
    pub(crate) whose: Whose,
    pub(crate) told: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    pub(crate) fn new(whose: Whose, script: Script) -> Self {
        Self {
            provider: Provider::start(script),
            folder: tempfile::tempdir().unwrap(),
            whose,
            told: Arc::default(),
        }
    }

    pub(crate) fn with(whose: Whose, batch: BatchScript) -> Self {
        Self::new(whose, Script { batch, ..Script::default() })
    }

    /// The provider does its batches so from now on.
    pub(crate) fn change(&self, batch: BatchScript) {
        self.provider.change(Script { batch, ..Script::default() });
    }

    pub(crate) fn config(&self) -> BackendConfig {
        Backend::in_dialect(self.whose, "box", &self.provider, 1).config
    }

    /// Settings in which nothing takes long.
    pub(crate) fn settings(&self) -> BulkSettings {
        let told = Arc::clone(&self.told);
        let soon = Backoff::new(Duration::from_millis(2), Duration::from_millis(10));
        BulkSettings {
            gathering: Gathering { quiet: Duration::from_millis(30), ..Gathering::default() },
            poll: soon,
            backoff: soon,
            crowded: soon,
            look: Duration::from_millis(20),
            price: Some(Price { input: 1.0, output: 1.0 }),
            tell: Arc::new(move |notice| told.lock().unwrap().push(notice.to_string())),
            ..BulkSettings::default()
        }
    }

    /// Begins, over the journal in the folder.
    pub(crate) async fn start(&self) -> Bulk {
        self.start_with(self.settings()).await
    }

    pub(crate) async fn start_with(&self, settings: BulkSettings) -> Bulk {
        self.start_over(settings, Arc::new(FolderStore::open(self.folder.path()).unwrap())).await
    }

    pub(crate) async fn start_over(&self, settings: BulkSettings, store: Arc<dyn Store>) -> Bulk {
        Bulk::start(&self.config(), settings, store).await.unwrap()
    }

    pub(crate) fn seen(&self) -> BatchesSeen {
        self.provider.batches()
    }

    /// What a person was told so far.
    pub(crate) fn told(&self) -> String {
        self.told.lock().unwrap().join("\n")
    }

    /// Checks that so many requests were paid for, each once.
    pub(crate) fn assert_paid_once(&self, requests: usize) {
        let seen = self.seen();
        let twice: Vec<_> = seen.paid.iter().filter(|(_, times)| **times != 1).collect();
        assert!(twice.is_empty(), "paid more than once: {twice:?}; {}", self.told());
        assert_eq!(seen.paid.len(), requests, "{}", self.told());
    }
}

/// Asks for these numbers all at once.
pub(crate) async fn ask_all(
    bulk: &Bulk,
    numbers: impl IntoIterator<Item = u64>,
) -> Vec<Result<Answered, ModelError>> {
    let asked = numbers.into_iter().map(|number| bulk.ask(request(number)));
    tokio::time::timeout(PATIENCE, futures::future::join_all(asked)).await.expect("answers")
}

/// The same in the background, for as long as `bulk` may live.
pub(crate) fn ask_in_background(bulk: &Bulk, numbers: std::ops::Range<u64>) -> tokio::task::JoinHandle<()> {
    let bulk = bulk.clone();
    tokio::spawn(async move {
        ask_all(&bulk, numbers).await;
    })
}

/// Waits until it is so.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it came to be so");
}

/// Runs a test for each interface.
pub(crate) async fn in_both<F: Future<Output = ()>>(test: impl Fn(Whose) -> F) {
    for whose in BOTH {
        test(whose).await;
    }
}

/// The messages of what failed, each once.
pub(crate) fn failures(answers: &[Result<Answered, ModelError>]) -> BTreeSet<String> {
    answers.iter().filter_map(|answer| answer.as_ref().err()).map(ToString::to_string).collect()
}
