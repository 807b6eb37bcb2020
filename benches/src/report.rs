//! Everything that was measured at once, and the machine it was measured on.

use std::{fs, path::Path};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AnyError, machine::Machine, row::Verdict, sheet::Sheet};

/// Form of the JSON; a reader refuses another.
const FORM: u32 = 1;

/// The whole of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    form: u32,
    pub(crate) begun: Timestamp,
    pub(crate) seconds: f64,
    /// What repeats all of it.
    pub(crate) command: String,
    pub(crate) machine: Machine,
    pub(crate) sheets: Vec<Sheet>,
}

/// How many targets met which verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Verdicts {
    pub(crate) met: usize,
    pub(crate) missed: usize,
    pub(crate) unmeasured: usize,
}

impl Report {
    /// An empty one that begins now.
    pub(crate) fn begin(command: String) -> Self {
        let (begun, machine) = (Timestamp::now(), Machine::look());
        Self { form: FORM, begun, seconds: 0.0, command, machine, sheets: Vec::new() }
    }

    /// Reads one that was written with `--json`.
    pub(crate) fn read(file: &Path) -> Result<Self, AnyError> {
        let of = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = fs::read_to_string(file).map_err(|error| of(&error))?;
        let report: Self = serde_json::from_str(&text)
            .map_err(|error| format!("{}; it must be what --json wrote", of(&error)))?;
        if report.form != FORM {
            return Err(of(&format!("its form is {}, this program reads {FORM}", report.form)).into());
        }
        Ok(report)
    }

    pub(crate) fn verdicts(&self) -> Verdicts {
        let rows = self.sheets.iter().flat_map(|sheet| &sheet.rows);
        rows.fold(Verdicts::default(), |mut verdicts, row| {
            match row.verdict() {
                Verdict::Met => verdicts.met += 1,
                Verdict::Missed => verdicts.missed += 1,
                Verdict::Unmeasured => verdicts.unmeasured += 1,
                Verdict::None => {}
            }
            verdicts
        })
    }

    /// Whether everything was measured and everything that was verified held.
    pub(crate) fn is_sound(&self) -> bool {
        self.sheets.iter().all(Sheet::is_sound)
    }
}
