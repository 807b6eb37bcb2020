//! One, two, four and eight worker processes over one Redis: what a worker more brings, on work that waits and on work that
//! computes; on the loopback interface, and each worker on a host of its own.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use clap::Args;
use tokio::runtime::Runtime;

use crate::{
    AnyError,
    bench::{Bench, Rounds},
    check,
    documents::Set,
    efficiency::EFFICIENT,
    figures::Figures,
    fleet::{self, Asked, Ran},
    machine::cores,
    network::{self, Network},
    notices,
    provider::{self, Provider},
    row::{Better, Of, Row},
    sheet::Sheet,
    site::Site,
};

/// Requests that each worker may have in flight.
const REQUESTS: usize = 4;
const LATENCY_MS: u64 = 200;
/// About the 113 kB of an average page of the web.
const PARAGRAPHS: usize = 200;
/// What measures.md asks of the cost of a document by more workers.
const FLAT: f64 = 1.1;
/// When a run is called stuck.
const PATIENCE: Duration = Duration::from_mins(2);
/// Share of the time for runs on the loopback interface; what is left is for those on hosts of their own.
const ON_LOOPBACK: f64 = 0.5;

/// What is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Numbers of worker processes, from the smallest; the others are held to it
    #[arg(default_values_t = [1, 2, 4, 8], value_parser = clap::value_parser!(u64).range(1..=network::MOST as u64))]
    workers: Vec<u64>,
    /// Rounds; each runs every number of workers on both kinds of work
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Requests of a model that each worker gets
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..))]
    requests: u64,
    /// Pages that are parsed, by all workers together
    #[arg(long, default_value_t = 240, value_parser = clap::value_parser!(u64).range(1..))]
    pages: u64,
}

/// Measures, and holds every record to its document.
pub(crate) fn measure(bench: &Bench, settings: &Settings) -> Result<Sheet, AnyError> {
    let mut sheet = Sheet::new(format!(
        "Worker processes over one Redis, from a fifth of the results to nineteen twentieths. Work that waits: a model that answers \
         after {LATENCY_MS} ms, {REQUESTS} requests a worker at once. Work that computes: pages of about 113 kB, one at a time in \
         each worker. Ideal speed-up: the number of workers; for work that computes at most the number of cores, of which the \
         coordinator and Redis need some too. On hosts: each worker in a network namespace with an address of its own, and what \
         it talks to behind a bridge."
    ));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let numbers: Vec<usize> = settings.workers.iter().map(|workers| *workers as usize).collect();
    let course = Course {
        bench,
        runtime,
        numbers: &numbers,
        requests: settings.requests as usize,
        set: Set { documents: settings.pages as usize, paragraphs: PARAGRAPHS, seed: 23 },
    };
    let rounds = settings.rounds as usize;
    let begun = Instant::now();
    let loopback = course.run(bench.rounds(rounds, ON_LOOPBACK), &Site::loopback()?, &mut sheet)?;
    let most = numbers.iter().copied().max().unwrap_or_default();
    let hosts = match Network::new(most) {
        Ok(network) => {
            let left = 1.0 - begun.elapsed().as_secs_f64() / bench.budget.as_secs_f64();
            let rounds = bench.rounds(rounds, left.max(0.0));
            course.run(rounds, &Site::on(network)?, &mut sheet)?
        }
        Err(refused) => {
            sheet.note(format!("workers on hosts of their own are not measured: {refused}"));
            course.unmeasured()
        }
    };
    rows_on_loopback(&mut sheet, &loopback);
    rows_on_hosts(&mut sheet, &hosts, &loopback);
    Ok(sheet)
}

/// The two kinds of work.
#[derive(Debug, Clone, Copy)]
enum Work {
    Waits,
    Computes,
}

/// What one number of workers did on one kind of work, in all rounds at one site.
struct Many {
    work: Work,
    workers: usize,
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

    /// What was measured, in words.
    fn named(&self, place: &str, what: &str) -> String {
        let work = match self.work {
            Work::Waits => "work that waits",
            Work::Computes => "work that computes",
        };
        let many = if self.workers == 1 { "worker" } else { "workers" };
        format!("{work}, {} {many}{place}: {what}", self.workers)
    }

    /// Documents a second, with what the model's latency allows.
    fn throughput(&self, place: &str) -> Row {
        let row = Row::new(self.named(place, "throughput"), "documents/s", Better::Higher, self.rate.clone());
        match self.work {
            Work::Waits => {
                let ideal = (self.workers * REQUESTS) as f64 / (LATENCY_MS as f64 / 1e3);
                row.ideal(ideal).target(Of::Ideal, EFFICIENT)
            }
            Work::Computes => row,
        }
    }

    /// Over the smallest number of workers.
    fn speed_up(&self, place: &str, least: &Self) -> Row {
        let up = self.rate.per(&least.rate);
        let row = Row::new(self.named(place, "speed-up"), "ratio", Better::Higher, up);
        let most = match self.work {
            Work::Waits => usize::MAX,
            Work::Computes => cores(),
        };
        let row = row.ideal(self.workers.min(most) as f64 / least.workers.min(most) as f64);
        if self.workers <= most { row.target(Of::Ideal, EFFICIENT) } else { row }
    }
}

/// All numbers of workers on one kind of work, from the smallest.
type Measured = [Vec<Many>; 2];

fn rows_on_loopback(sheet: &mut Sheet, measured: &Measured) {
    for all in measured {
        let Some((least, more)) = all.split_first() else { continue };
        sheet.rows.push(least.throughput(""));
        for many in more {
            sheet.rows.extend([many.throughput(""), many.speed_up("", least)]);
            let what = many.named("", &format!("workers' CPU a document ÷ by {}", least.workers));
            let cost = Row::new(what, "ratio", Better::Lower, many.cpu.per(&least.cpu));
            sheet.rows.push(cost.ideal(1.0).target(Of::Figure, FLAT));
        }
    }
}

fn rows_on_hosts(sheet: &mut Sheet, measured: &Measured, loopback: &Measured) {
    const PLACE: &str = " on hosts";
    for (all, beside) in measured.iter().zip(loopback) {
        for (many, beside) in all.iter().zip(beside) {
            let row = many.throughput(PLACE).ceiling("the same on loopback", beside.rate.clone());
            sheet.rows.push(row);
            if let Some(least) = all.first().filter(|least| least.workers < many.workers) {
                sheet.rows.push(many.speed_up(PLACE, least));
            }
        }
    }
}

/// What is run at a site.
struct Course<'a> {
    bench: &'a Bench,
    runtime: Runtime,
    numbers: &'a [usize],
    requests: usize,
    set: Set,
}

impl Course<'_> {
    /// Every number of workers without a round.
    fn unmeasured(&self) -> Measured {
        [Work::Waits, Work::Computes].map(|work| {
            let many = |workers: &usize| Many {
                work,
                workers: *workers,
                rate: Figures::default(),
                cpu: Figures::default(),
            };
            self.numbers.iter().map(many).collect()
        })
    }

    fn run(&self, rounds: Rounds, site: &Site, sheet: &mut Sheet) -> Result<Measured, AnyError> {
        let mut measured = self.unmeasured();
        for _ in rounds {
            let [waits, computes] = &mut measured;
            for (waiting, computing) in waits.iter_mut().zip(computes) {
                let notices = self.requests * waiting.workers;
                let ran = asking(self.bench, site, notices, waiting.workers, sheet);
                waiting.push(self.runtime.block_on(ran)?, notices);
                let ran = parsing(self.bench, site, &self.set, computing.workers, sheet);
                computing.push(self.runtime.block_on(ran)?, self.set.documents);
            }
        }
        Ok(measured)
    }
}

async fn asking(
    bench: &Bench,
    site: &Site,
    documents: usize,
    workers: usize,
    sheet: &mut Sheet,
) -> Result<Ran, AnyError> {
    let settings = provider::Settings {
        latency_ms: LATENCY_MS,
        listen: site.address(),
        ..provider::Settings::default()
    };
    let provider = site.at_hub(|| Provider::start(settings))??;
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
    let ran = fleet::run(bench, site, folder.path(), &asked).await?;
    notices::check(&out, documents, &provider, sheet)?;
    Ok(ran)
}

async fn parsing(
    bench: &Bench,
    site: &Site,
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
    let ran = fleet::run(bench, site, folder.path(), &asked).await?;
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
