//! What one scenario measured: the one form in which every scenario answers.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    breach::{Breach, told},
    row::{Empty, Row},
};

/// What one scenario measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sheet {
    /// Its name on the command line.
    pub(crate) scenario: String,
    /// What it measures, and how.
    pub(crate) about: String,
    /// What repeats it.
    pub(crate) command: String,
    pub(crate) seconds: f64,
    pub(crate) rows: Vec<Row>,
    /// Things that are no figures with a spread.
    pub(crate) tables: Vec<Table>,
    /// What was verified beside the clock, in words.
    pub(crate) checked: Vec<String>,
    pub(crate) notes: Vec<String>,
    /// Promises that were broken: figures beside these mean nothing.
    pub(crate) breaches: Vec<String>,
    /// Why there is no more of it.
    pub(crate) error: Option<String>,
}

/// Words and numbers in lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) head: Vec<String>,
    pub(crate) lines: Vec<Vec<String>>,
}

impl Sheet {
    pub(crate) fn new(about: impl Into<String>) -> Self {
        Self { about: about.into(), ..Self::default() }
    }

    /// A scenario that could not be measured.
    pub(crate) fn failed(scenario: &str, error: String) -> Self {
        Self { scenario: scenario.to_owned(), error: Some(error), ..Self::default() }
    }

    pub(crate) fn note(&mut self, note: impl fmt::Display) {
        self.notes.push(note.to_string());
    }

    /// Notes what was verified; breaches are called out, in the order of their finding.
    pub(crate) fn check(&mut self, what: impl fmt::Display, breaches: &[Breach]) {
        if breaches.is_empty() {
            let what = what.to_string();
            // Each round says the same.
            if !self.checked.contains(&what) {
                self.checked.push(what);
            }
        } else {
            self.breaches.push(format!("{what}:\n{}", told(breaches)));
        }
    }

    /// Columns of peers that stay empty in all rows for one reason, each once.
    pub(crate) fn empty_columns(&self) -> Vec<(&str, &Empty)> {
        let peers = || self.rows.iter().flat_map(|row| &row.peers);
        let measured: BTreeSet<&str> =
            peers().filter(|peer| peer.empty.is_none()).map(|peer| peer.peer.as_str()).collect();
        let mut columns: Vec<(&str, &Empty)> = Vec::new();
        for peer in peers().filter(|peer| !measured.contains(peer.peer.as_str())) {
            let Some(empty) = &peer.empty else { continue };
            if !columns.iter().any(|(name, other)| *name == peer.peer && *other == empty) {
                columns.push((&peer.peer, empty));
            }
        }
        columns
    }

    /// Whether everything that was verified held.
    pub(crate) fn is_sound(&self) -> bool {
        self.breaches.is_empty() && self.error.is_none()
    }
}
