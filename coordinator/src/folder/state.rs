//! What is known of a run beside its documents.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sheaf_common::{
    id::{RunId, hex},
    record::Usage,
};

use super::{FolderError, write_whole};

/// A run's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Name of the run.
    pub run: RunId,
    /// When it was first started.
    pub started: Timestamp,
    /// Seconds that its earlier parts ran. What a killed part ran is not known and not counted.
    pub seconds: f64,
    /// What its earlier parts spent on models.
    #[serde(default)]
    pub spent: Usage,
    /// Parts into which its queue in Redis is split; 0 before it had one.
    #[serde(default)]
    pub shards: u16,
    /// Where that queue is: `private`, or the URL without its password.
    #[serde(default)]
    pub redis: Option<String>,
    /// What its results depend on.
    pub configuration: Configuration,
}

/// The options that results depend on: a folder never mixes two of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Configuration(BTreeMap<String, String>);

impl Configuration {
    /// Named values.
    pub fn new<'n>(values: impl IntoIterator<Item = (&'n str, String)>) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// What changed from this one to `now`; `None` when nothing did.
    pub fn difference(&self, now: &Self) -> Option<String> {
        let shown = |value: Option<&String>| value.map_or_else(|| "not set".to_owned(), Clone::clone);
        let names: std::collections::BTreeSet<_> = self.0.keys().chain(now.0.keys()).collect();
        let changed: Vec<_> = names
            .into_iter()
            .filter(|name| self.0.get(*name) != now.0.get(*name))
            .map(|name| {
                format!("{name} was {} and is now {}", shown(self.0.get(name)), shown(now.0.get(name)))
            })
            .collect();
        (!changed.is_empty()).then(|| changed.join(", "))
    }
}

impl State {
    /// The state of a run that begins.
    pub(super) fn begin(configuration: Configuration) -> Self {
        let started = Timestamp::now();
        // Unique among the runs of one machine: the moment in nanoseconds, and the process.
        let nanoseconds =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        let unique = nanoseconds ^ (u64::from(std::process::id()) << 40);
        let run = RunId::new(format!("{}-{}", started.strftime("%Y%m%d"), hex(&unique.to_be_bytes()[2..])));
        Self { run, started, seconds: 0.0, spent: Usage::default(), shards: 0, redis: None, configuration }
    }

    pub(super) fn read(path: &Path) -> Result<Option<Self>, FolderError> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(FolderError::io(path, "reading its state"))?,
        };
        serde_json::from_str(&text).map(Some).map_err(|error| FolderError::Damaged {
            path: path.to_owned(),
            line: error.line(),
            reason: error.to_string(),
        })
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), FolderError> {
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::from);
        write_whole(path, &text.map_err(FolderError::io(path, "writing its state"))?)
    }
}
