//! One, two, four and eight worker processes over one Redis: what a worker more brings, on work that waits and on work that
//! computes.

use std::{fs, path::Path, time::Duration};

use clap::Args;
use sheaf_common::redis::stand::RedisStand;

use crate::{
    AnyError,
    bench::Bench,
    check,
    documents::Set,
    figures::Figures,
    fleet::{self, Asked, Ran},
    notices,
    provider::{self, Provider},
    queue::stand,
    row::{Better, Of, Row},
    sheet::Sheet,
};

const WORKERS: [usize; 4] = [1, 2, 4, 8];
/// Requests that each worker may have in flight.
const REQUESTS: usize = 4;
const LATENCY_MS: u64 = 200;
/// About the 113 kB of an average page of the web.
const PARAGRAPHS: usize = 200;
/// What measures.md asks of a run's efficiency, and of the cost of a document by more workers.
const EFFICIENT: f64 = 0.9;
const FLAT: f64 = 1.1;
/// When a run is called stuck.
const PATIENCE: Duration = Duration::from_mins(2);

/// What is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Rounds; each runs every number of workers on both kinds of work
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Requests of a model that each worker gets
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u64).range(1..))]
    requests: u64,
    /// Pages that are parsed, by all workers together
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pages: u64,
}

/// Measures, and holds every record to its document.
pub(crate) fn measure(bench: &Bench, settings: &Settings) -> Result<Sheet, AnyError> {
    let mut sheet = Sheet::new(format!(
        "Worker processes over one Redis, from a fifth of the results to nineteen twentieths. Work that waits: a model that answers \
         after {LATENCY_MS} ms, {REQUESTS} requests a worker at once. Work that computes: pages of about 113 kB, one at a time in \
         each worker. Ideal speed-up: the number of workers; for work that computes at most the number of cores, of which the \
         coordinator and Redis need some too."
    ));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let redis = stand(&[])?;
    let (mut waits, mut computes): ([Many; 4], [Many; 4]) = Default::default();
    let set = Set { documents: settings.pages as usize, paragraphs: PARAGRAPHS, seed: 23 };
    for _ in bench.rounds(settings.rounds as usize, 1.0) {
        for (place, workers) in WORKERS.into_iter().enumerate() {
            let notices = settings.requests as usize * workers;
            let ran = runtime.block_on(asking(bench, &redis, notices, workers, &mut sheet))?;
            waits[place].push(ran, notices);
            let ran = runtime.block_on(parsing(bench, &redis, &set, workers, &mut sheet))?;
            computes[place].push(ran, set.documents);
        }
    }
    let cores = std::thread::available_parallelism()?.get();
    for (name, all, most) in
        [("work that waits", &waits, usize::MAX), ("work that computes", &computes, cores)]
    {
        for (workers, one) in WORKERS.into_iter().zip(all) {
            let many = if workers == 1 { "worker" } else { "workers" };
            let what = |what: &str| format!("{name}, {workers} {many}: {what}");
            let unit = "documents/s";
            let mut rate = Row::new(what("throughput"), unit, Better::Higher, one.rate.clone());
            if most == usize::MAX {
                rate = rate
                    .ideal((workers * REQUESTS) as f64 / (LATENCY_MS as f64 / 1e3))
                    .target(Of::Ideal, EFFICIENT);
            }
            sheet.rows.push(rate);
            if workers == 1 {
                continue;
            }
            let up = Row::new(what("speed-up"), "ratio", Better::Higher, one.rate.per(&all[0].rate));
            let up = up.ideal(workers.min(most) as f64);
            sheet.rows.push(if workers <= most { up.target(Of::Ideal, EFFICIENT) } else { up });
            let growth = one.cpu.per(&all[0].cpu);
            let cost = Row::new(what("workers' CPU a document ÷ by one"), "ratio", Better::Lower, growth);
            sheet.rows.push(cost.ideal(1.0).target(Of::Figure, FLAT));
        }
    }
    Ok(sheet)
}

/// What one number of workers did in all rounds.
#[derive(Default)]
struct Many {
    /// Documents a second while the run is steady.
    rate: Figures,
    /// CPU seconds of all workers a document.
    cpu: Figures,
}

impl Many {
    fn push(&mut self, ran: Ran, documents: usize) {
        self.rate.push(ran.steady * documents as f64);
        self.cpu.push(ran.worker_cpu / documents as f64);
    }
}

async fn asking(
    bench: &Bench,
    redis: &RedisStand,
    documents: usize,
    workers: usize,
    sheet: &mut Sheet,
) -> Result<Ran, AnyError> {
    let settings = provider::Settings { latency_ms: LATENCY_MS, ..provider::Settings::default() };
    let provider = Provider::start(settings)?;
    let folder = tempfile::tempdir()?;
    let (set, out) = (folder.path().join("set"), folder.path().join("out"));
    notices::write(&set, documents)?;
    let (url, most) = (provider.url(), REQUESTS.to_string());
    let mut variables = notices::variables(&url).to_vec();
    variables.push(("LLM_MAX_PARALLEL_REQUESTS", &most));
    let asked = Asked {
        set: &set,
        out: &out,
        coordinator: &notices::ASKED,
        workers,
        worker: &[],
        variables: &variables,
        patience: PATIENCE,
    };
    let ran = fleet::run(bench, redis, folder.path(), &asked).await?;
    notices::check(&out, documents, &provider, sheet)?;
    Ok(ran)
}

async fn parsing(
    bench: &Bench,
    redis: &RedisStand,
    set: &Set,
    workers: usize,
    sheet: &mut Sheet,
) -> Result<Ran, AnyError> {
    let folder = tempfile::tempdir()?;
    let (place, out) = (folder.path().join("set"), folder.path().join("out"));
    set.write(&place)?;
    let asked = Asked {
        set: &place,
        out: &out,
        coordinator: &["--llm", "never"],
        workers,
        worker: &["--analysis-workers", "1"],
        variables: &[],
        patience: PATIENCE,
    };
    let ran = fleet::run(bench, redis, folder.path(), &asked).await?;
    verify(set, &out, sheet)?;
    Ok(ran)
}

fn verify(set: &Set, out: &Path, sheet: &mut Sheet) -> Result<(), AnyError> {
    let found = fs::read_to_string(out.join("results.jsonl"))?;
    sheet.check(
        "every page has one record, which says what only its analysis can know",
        &check::untrue(set, &found),
    );
    Ok(())
}
