//! What a run survived, for people and for programs.

use std::{
    fmt,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{ordeal::Survived, plan::Blow, recovery::Case};

/// What every recovery should stay under.
pub(super) const AIM: Duration = Duration::from_secs(5);
/// A worker's jobs are taken back by the coordinator, out of Redis: when one of these was killed so shortly before, or is
/// before they are back, both recoveries are one.
const SHORTLY: Duration = Duration::from_secs(6);

/// Other queues with two workers of which one is killed with kill -9 and nothing else, with their defaults: until the last
/// orphaned job is back. Measured on two cores, for the order of magnitude.
const PEERS: &str = "\
for comparison, kill -9 of one of two workers and nothing else, defaults, until the last of its jobs was back:
  BullMQ 56 s; streaq 67 s; apalis-redis 297 s; arq 310 s; Dramatiq 360 s;
  taskiq-redis 97 of 8,000 jobs and Celery 3 of 600 not back after 12 minutes; RQ, saq, huey lost or failed";

/// One blow.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Line {
    at_seconds: f64,
    what: &'static str,
    /// Jobs that the worker held.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<usize>,
    recovery_seconds: Option<f64>,
    /// Another process that the recovery needs was killed at about the same time.
    overlapping: bool,
}

/// The recoveries from one kind of blow.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Recovery {
    what: &'static str,
    until: &'static str,
    times: usize,
    median_seconds: f64,
    worst_seconds: f64,
}

/// The whole report.
#[derive(Debug, Clone, Serialize)]
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
        let mut seconds: Vec<f64> =
            hurt.map(|case| case.back.map_or(f64::INFINITY, |back| back.as_secs_f64())).collect();
        seconds.sort_by(f64::total_cmp);
        Some(Self {
            what: blow.name(),
            until: blow.until(),
            times: seconds.len(),
            median_seconds: *seconds.get(seconds.len() / 2)?,
            worst_seconds: *seconds.last()?,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} documents, {} workers, seed {}: {:.1} s under blows; on this machine without a fleet or blows {:.1} s",
            self.documents, self.workers, self.seed, self.seconds, self.undisturbed_seconds
        )?;
        writeln!(f, "{:>8}  {:<26}  {:>4}  {:>10}", "at", "blow", "held", "back after")?;
        for line in &self.blows {
            let held = line.held.map_or_else(String::new, |held| held.to_string());
            let back =
                line.recovery_seconds.map_or_else(|| "never".to_owned(), |back| format!("{back:.2} s"));
            let mark = if line.overlapping { " *" } else { "" };
            writeln!(f, "{:>6.1} s  {:<26}  {held:>4}  {back:>10}{mark}", line.at_seconds, line.what)?;
        }
        if self.blows.iter().any(|line| line.overlapping) {
            writeln!(f, "* the coordinator or Redis was killed at about the same time")?;
        }
        for Recovery { what, until, times, median_seconds, worst_seconds } in &self.recoveries {
            let aim = if *worst_seconds <= AIM.as_secs_f64() { "" } else { ", over the aim of 5 s" };
            writeln!(
                f,
                "{what} ({times}): median {median_seconds:.2} s, worst {worst_seconds:.2} s{aim}, until {until}"
            )?;
        }
        writeln!(
            f,
            "redelivered {}, handed back {}, given up {}",
            self.redelivered, self.handed_back, self.dead_letters
        )?;
        writeln!(f, "{PEERS}")?;
        if self.broken.is_empty() {
            write!(
                f,
                "kept: each of the {} documents has exactly one record, all are ok and say what the undisturbed run says",
                self.documents
            )
        } else {
            write!(f, "BROKEN:\n{}", self.broken.join("\n"))
        }
    }
}
