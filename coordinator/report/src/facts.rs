//! What the caller knows of the run and the records do not say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use sheaf_common::id::RunId;

use crate::{caps, shown::Shown};

/// What the caller knows of the run and the records do not say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunFacts {
    /// The run.
    pub run: RunId,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Seconds from beginning to end, pauses between resumed parts not counted.
    pub wall_seconds: f64,
    /// Cut short: some sources have no record yet, and the same command carries on.
    pub interrupted: bool,
    /// The command as typed, keys redacted by the caller.
    pub command: Shown,
    /// Versions of programs and formats.
    pub versions: Vec<Setting>,
    /// The exact configuration, keys redacted by the caller.
    pub options: Vec<Setting>,
    /// Processor cores of the machine.
    pub cores: usize,
    /// Model requests by how they ended, such as `ok`, `rate_limited`, `timeout`.
    pub model_requests: BTreeMap<String, u64>,
}

impl RunFacts {
    /// Facts of a run of which only the name is known; the fields are public, to be filled in.
    pub fn new(run: RunId) -> Self {
        Self {
            run,
            started: None,
            ended: None,
            wall_seconds: 0.0,
            interrupted: false,
            command: Shown::default(),
            versions: Vec::new(),
            options: Vec::new(),
            cores: 0,
            model_requests: BTreeMap::new(),
        }
    }
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Name.
    pub name: Shown,
    /// Value.
    pub value: Shown,
}

impl Setting {
    /// A named value, cut to what a report shows.
    pub fn new(name: &str, value: &str) -> Self {
        Self { name: Shown::new(name, caps::NAME), value: Shown::new(value, caps::VALUE) }
    }
}
