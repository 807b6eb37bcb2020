//! What a run survived, as rows and a table.

use std::time::{Duration, Instant};

use super::{ordeal::Survived, plan::Blow, recovery::Case};
use crate::{
    figures::Figures,
    row::{Better, Of, Row},
    sheet::Table,
};

/// What every recovery should stay under.
pub(super) const AIM: Duration = Duration::from_secs(5);
/// A worker's jobs are taken back by the coordinator, out of Redis: when one of these was killed so shortly before, or is
/// before they are back, both recoveries are one.
const SHORTLY: Duration = Duration::from_secs(6);

/// One blow.
#[derive(Debug, Clone)]
pub(super) struct Line {
    at_seconds: f64,
    what: &'static str,
    /// Jobs that the worker held.
    held: Option<usize>,
    recovery_seconds: Option<f64>,
    /// Another process that the recovery needs was killed at about the same time.
    overlapping: bool,
}

/// The recoveries from one kind of blow.
#[derive(Debug, Clone)]
pub(super) struct Recovery {
    blow: Blow,
    seconds: Figures,
}

/// The whole report.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) documents: usize,
    pub(super) workers: usize,
    pub(super) seed: u64,
    pub(super) undisturbed_seconds: f64,
    seconds: f64,
    blows: Vec<Line>,
    recoveries: Vec<Recovery>,
    redelivered: u64,
    handed_back: u64,
    dead_letters: usize,
    /// Promises that were broken, in words; empty: none.
    pub(super) broken: Vec<String>,
}

impl Report {
    pub(super) fn new(survived: &Survived, documents: usize, workers: usize, seed: u64) -> Self {
        let cases = &survived.cases;
        let blows = cases.iter().map(|case| Line::new(case, cases, survived.begun)).collect();
        let mut broken = Vec::new();
        if survived.missed > 0 {
            let missed = survived.missed;
            broken.push(format!(
                "NO PROOF: the run was over before the last {missed} blows; give more --seconds or more --jobs"
            ));
        }
        // Without a figure, it would be missing from the median.
        for case in cases.iter().filter(|case| case.back.is_none()) {
            broken.push(format!("NEVER BACK: after {} what was missed did not come back", case.blow.name()));
        }
        for letter in &survived.dead_letters {
            broken.push(format!("GIVEN UP: {}: {}", letter.source, letter.reason));
        }
        if survived.tallies.lost > 0 {
            broken.push(format!("LOST PAYLOADS: {} jobs were delivered without one", survived.tallies.lost));
        }
        Self {
            documents,
            workers,
            seed,
            undisturbed_seconds: 0.0,
            seconds: survived.took.as_secs_f64(),
            blows,
            recoveries: Blow::ALL.into_iter().filter_map(|blow| Recovery::new(blow, cases)).collect(),
            redelivered: survived.tallies.reclaimed,
            handed_back: survived.tallies.handed_back,
            dead_letters: survived.dead_letters.len(),
            broken,
        }
    }
}

impl Line {
    fn new(case: &Case, cases: &[Case], begun: Instant) -> Self {
        Self {
            at_seconds: (case.at - begun).as_secs_f64(),
            what: case.blow.name(),
            held: case.held(),
            recovery_seconds: case.back.map(|back| back.as_secs_f64()),
            overlapping: overlaps(case, cases),
        }
    }
}

fn overlaps(case: &Case, cases: &[Case]) -> bool {
    let end = case.at + case.back.unwrap_or_default();
    cases.iter().any(|other| {
        let needed = matches!(other.blow, Blow::KillCoordinator | Blow::KillRedis);
        needed && other.at != case.at && other.at <= end && case.at <= other.at + SHORTLY
    })
}

impl Recovery {
    /// `None` when no such blow has hurt anybody.
    fn new(blow: Blow, cases: &[Case]) -> Option<Self> {
        // A worker that held nothing needs no recovery, which would flatter the median.
        let hurt = cases.iter().filter(|case| case.blow == blow && case.held() != Some(0));
        let seconds: Figures = hurt.filter_map(|case| case.back).map(|back| back.as_secs_f64()).collect();
        (seconds.rounds() > 0).then_some(Self { blow, seconds })
    }
}

impl Report {
    /// The recoveries from one kind of blow.
    pub(super) fn recovery(&self, blow: Blow) -> Figures {
        let found = self.recoveries.iter().find(|recovery| recovery.blow == blow);
        found.map(|recovery| recovery.seconds.clone()).unwrap_or_default()
    }

    /// The figures.
    pub(super) fn rows(&self) -> Vec<Row> {
        let recoveries = self.recoveries.iter().flat_map(|Recovery { blow, seconds }| {
            let what = format!("{}, until {}", blow.name(), blow.until());
            let worst = seconds.high().map(Figures::of).unwrap_or_default();
            [
                Row::new(what, "s", Better::Lower, seconds.clone()),
                Row::new(format!("the worst of these: {}", blow.name()), "s", Better::Lower, worst)
                    .target(Of::Figure, AIM.as_secs_f64()),
            ]
        });
        recoveries.collect()
    }

    /// Every blow.
    pub(super) fn table(&self) -> Table {
        let line = |line: &Line| {
            let back =
                line.recovery_seconds.map_or_else(|| "never".to_owned(), |back| format!("{back:.2} s"));
            vec![
                format!("{:.1} s", line.at_seconds),
                line.what.to_owned(),
                line.held.map_or_else(String::new, |held| held.to_string()),
                back,
                if line.overlapping { "coordinator or Redis killed meanwhile" } else { "" }.to_owned(),
            ]
        };
        Table {
            title: "every blow".to_owned(),
            head: ["at", "blow", "held", "back after", ""].map(str::to_owned).into(),
            lines: self.blows.iter().map(line).collect(),
        }
    }

    /// The run in words.
    pub(super) fn told(&self) -> String {
        format!(
            "{} documents, {} workers, seed {}: {:.1} s under blows, {:.1} s by one process without any; redelivered {}, \
             handed back {}, given up {}",
            self.documents,
            self.workers,
            self.seed,
            self.seconds,
            self.undisturbed_seconds,
            self.redelivered,
            self.handed_back,
            self.dead_letters
        )
    }
}
