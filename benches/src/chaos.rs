//! The zero-loss proof: a run by a fleet whose processes are killed at random moments, held to what an undisturbed run
//! over the same documents left.
//!
//! ```text
//!  documents ─► undisturbed run ───────────────────────────► expected ─┐
//!      └──────► Redis + coordinator + workers ─► results ─► found ─────┴─► check ─► report
//!                        ▲            │
//!                        └── ordeal ◄─┘ watch: kill -9, SIGSTOP by plan; recoveries measured in Redis
//! ```
//!
//! | module | noun |
//! | --- | --- |
//! | `plan` | what is done, and how far the run is by then |
//! | `stage` | all of them together |
//! | `watch` | looks at the run in Redis |
//! | `recovery` | from a blow until all is back |
//! | `ordeal` | the run while blows fall on it |
//! | `report` | what is told of it |

mod ordeal;
mod plan;
mod recovery;
mod report;
mod stage;
mod watch;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use clap::Args;
use fastrand::Rng;
use tokio::runtime::Runtime;

use self::{
    ordeal::Ordeal,
    plan::{Blow, Counts, plan},
    report::Report,
    stage::{Programs, Stage},
};
use crate::{AnyError, bench::Bench, breach::told, check, documents::Set, figures::Figures, sheet::Sheet};

/// Documents by which it is found out how fast this machine is, and their paragraphs.
const PROBE: (usize, usize) = (100, 250);
/// Paragraphs of a document at most: about half a megabyte.
const PARAGRAPHS: usize = 800;
/// A run under blows may take so many times as long as an undisturbed one, and this much more.
const PATIENCE: (f64, Duration) = (10.0, Duration::from_mins(5));

/// What is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Documents of the set
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..))]
    jobs: u64,
    /// Workers at work at a time, each with 3 slots
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    workers: u64,
    /// About how long the set should take this machine undisturbed; the length of the documents follows from it
    #[arg(long, value_name = "SECONDS", default_value_t = 45, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Decides documents, moments and victims [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    counts: Counts,
}

/// Runs the proof.
pub(crate) fn measure(bench: &Bench, settings: &Settings) -> Result<Sheet, AnyError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut sheet = Sheet::new(
        "A run by a fleet whose processes are killed at random moments, held to what an undisturbed run over the same documents \
         left, and to the documents themselves. Redis writes each change to its disk before it answers.",
    );
    let report = runtime.block_on(prove(bench, settings, &mut sheet))?;
    sheet.rows = report.rows();
    sheet.tables.push(report.table());
    sheet.note(report.told());
    Ok(sheet)
}

/// How long it took until the jobs of one of two workers were back, for so many workers killed in one run.
pub(crate) fn recovery(
    runtime: &Runtime,
    bench: &Bench,
    kills: usize,
    sheet: &mut Sheet,
) -> Result<Figures, AnyError> {
    let counts = Counts { worker_kills: kills, coordinator_kills: 0, redis_kills: 0, stops: 0 };
    // A kill each five seconds: the last one's jobs are back before the next falls.
    let settings = Settings { jobs: 1_000, workers: 2, seconds: 5 * kills as u64, seed: None, counts };
    let report = runtime.block_on(prove(bench, &settings, sheet))?;
    Ok(report.recovery(Blow::KillWorker))
}

/// What a run survived. A promise that was broken is in the sheet.
async fn prove(bench: &Bench, settings: &Settings, sheet: &mut Sheet) -> Result<Report, AnyError> {
    let programs = Programs::find(bench.programs.as_deref())?;
    let seed = settings.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let (jobs, workers) = (settings.jobs as usize, settings.workers as usize);
    let folder = tempfile::tempdir()?;
    let place = folder.path().join("set");

    eprintln!("seed {seed}; making {jobs} documents that take this machine about {} s", settings.seconds);
    let paragraphs = paragraphs(&programs, folder.path(), settings, seed).await?;
    let set = Set { documents: jobs, paragraphs, seed };
    set.write(&place)?;
    eprintln!("an undisturbed run over them, of {paragraphs} paragraphs each");
    let begun = Instant::now();
    let out = folder.path().join("undisturbed");
    programs.run_undisturbed(folder.path(), &place, &out).await?;
    let undisturbed = begun.elapsed();
    let expected = fs::read_to_string(out.join("results.jsonl"))?;
    let faults = check::untrue(&set, &expected);
    if !faults.is_empty() {
        return Err(format!("the undisturbed run is no measure:\n{}", told(&faults)).into());
    }
    let what =
        "the undisturbed run left one record for each document, which says what only its analysis can know";
    sheet.check(what, &faults);

    let out = folder.path().join("out");
    let stage = Stage::start(&programs, folder.path(), &place, &out, workers)?;
    let mut random = Rng::with_seed(seed);
    let moments = plan(settings.counts, &mut random);
    eprintln!("a run by {workers} workers, and {} blows", moments.len());
    let ordeal = Ordeal::begin(stage, out.clone(), jobs, moments, random).await?;
    let survived = ordeal.run(undisturbed.mul_f64(PATIENCE.0) + PATIENCE.1).await?;

    let found = fs::read_to_string(out.join("results.jsonl"))?;
    let mut report = Report::new(&survived, jobs, workers, seed);
    report.undisturbed_seconds = undisturbed.as_secs_f64();
    sheet.check(
        "under blows each document has one record, and it says the same",
        &check::breaches(&expected, &found),
    );
    sheet.breaches.append(&mut report.broken);
    if !sheet.breaches.is_empty() {
        let kept = folder.keep();
        let kept = kept.display();
        sheet.note(format!("the runs are in {kept}; --seed {seed} gives the same documents and blows"));
    }
    Ok(report)
}

/// How long documents must be for the set to take as long as it should: a few are timed.
async fn paragraphs(
    programs: &Programs,
    folder: &Path,
    settings: &Settings,
    seed: u64,
) -> Result<usize, AnyError> {
    let (documents, paragraphs) = PROBE;
    let (place, out) = (folder.join("probe"), folder.join("probed"));
    Set { documents, paragraphs, seed }.write(&place)?;
    let begun = Instant::now();
    programs.run_undisturbed(folder, &place, &out).await?;
    let paragraph_seconds = begun.elapsed().as_secs_f64() / (documents * paragraphs) as f64;
    let wanted = settings.seconds as f64 / settings.jobs as f64 / paragraph_seconds;
    Ok((wanted as usize).clamp(1, PARAGRAPHS))
}
