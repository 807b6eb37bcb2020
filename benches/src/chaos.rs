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
//! | `documents` | the set |
//! | `plan` | what is done, and how far the run is by then |
//! | `process` | a program that was started |
//! | `stage` | all of them together |
//! | `watch` | looks at the run in Redis |
//! | `recovery` | from a blow until all is back |
//! | `ordeal` | the run while blows fall on it |
//! | `check` | what it must have left |
//! | `report` | what is told of it |

mod check;
mod documents;
mod ordeal;
mod plan;
mod process;
mod recovery;
mod report;
mod stage;
mod watch;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;
use fastrand::Rng;
use tokio::signal::unix::{SignalKind, signal};

use self::{
    ordeal::Ordeal,
    plan::{Counts, plan},
    report::Report,
    stage::{Programs, Stage},
};
use crate::AnyError;

/// Documents by which it is found out how fast this machine is, and their paragraphs.
const PROBE: (usize, usize) = (100, 250);
/// Paragraphs of a document at most: about half a megabyte.
const PARAGRAPHS: usize = 800;
/// A run under blows may take so many times as long as an undisturbed one, and this much more.
const PATIENCE: (f64, Duration) = (10.0, Duration::from_mins(5));

/// What is asked.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Documents of the set
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    jobs: u64,
    /// Workers at work at a time, each with 3 slots
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    workers: u64,
    /// About how long the set should take this machine undisturbed; the length of the documents follows from it
    #[arg(long, value_name = "SECONDS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Decides documents, moments and victims [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    counts: Counts,
    /// Folder of the programs coordinator and worker [default: this program's]
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Runs the proof. An error says which promise was broken, or why there is no proof.
pub(crate) fn measure(settings: &Settings) -> Result<(), AnyError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        // Whatever was started ends with the value that holds it.
        tokio::select! {
            proved = prove(settings) => proved,
            _ = interrupt.recv() => Err("interrupted; every process that was started is ended".into()),
            _ = terminate.recv() => Err("terminated; every process that was started is ended".into()),
        }
    })
}

async fn prove(settings: &Settings) -> Result<(), AnyError> {
    let programs = Programs::find(settings.programs.as_deref())?;
    let seed = settings.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let (jobs, workers) = (settings.jobs as usize, settings.workers as usize);
    let folder = tempfile::tempdir()?;
    let set = folder.path().join("set");

    eprintln!("seed {seed}; making {jobs} documents that take this machine about {} s", settings.seconds);
    let paragraphs = paragraphs(&programs, folder.path(), settings, seed).await?;
    documents::write(&set, jobs, paragraphs, seed)?;
    eprintln!("an undisturbed run over them, of {paragraphs} paragraphs each");
    let begun = Instant::now();
    let out = folder.path().join("undisturbed");
    programs.run_undisturbed(folder.path(), &set, &out).await?;
    let undisturbed = begun.elapsed();
    let expected = fs::read_to_string(out.join("results.jsonl"))?;
    let faults = check::breaches(&expected, &expected);
    if !faults.is_empty() || expected.lines().count() != jobs {
        return Err(format!("the undisturbed run is no measure:\n{}", check::told(&faults)).into());
    }

    let out = folder.path().join("out");
    let stage = Stage::start(&programs, folder.path(), &set, &out, workers)?;
    let mut random = Rng::with_seed(seed);
    let moments = plan(settings.counts, &mut random);
    eprintln!("a run by {workers} workers, and {} blows", moments.len());
    let ordeal = Ordeal::begin(stage, out.clone(), jobs, moments, random).await?;
    let survived = ordeal.run(undisturbed.mul_f64(PATIENCE.0) + PATIENCE.1).await?;

    let found = fs::read_to_string(out.join("results.jsonl"))?;
    let mut report = Report::new(&survived, jobs, workers, seed);
    report.undisturbed_seconds = undisturbed.as_secs_f64();
    let breaches = check::breaches(&expected, &found);
    if !breaches.is_empty() {
        report.broken.push(check::told(&breaches));
    }
    if settings.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    if report.broken.is_empty() {
        return Ok(());
    }
    let kept = folder.keep();
    Err(format!(
        "a promise was broken: {}\nwhat the runs left is in {}; --seed {seed} gives the same documents and blows",
        report.broken.join("\n"),
        kept.display()
    )
    .into())
}

/// How long documents must be for the set to take as long as it should: a few are timed.
async fn paragraphs(
    programs: &Programs,
    folder: &Path,
    settings: &Settings,
    seed: u64,
) -> Result<usize, AnyError> {
    let (documents, paragraphs) = PROBE;
    let (set, out) = (folder.join("probe"), folder.join("probed"));
    documents::write(&set, documents, paragraphs, seed)?;
    let begun = Instant::now();
    programs.run_undisturbed(folder, &set, &out).await?;
    let paragraph_seconds = begun.elapsed().as_secs_f64() / (documents * paragraphs) as f64;
    let wanted = settings.seconds as f64 / settings.jobs as f64 / paragraph_seconds;
    Ok((wanted as usize).clamp(1, PARAGRAPHS))
}
