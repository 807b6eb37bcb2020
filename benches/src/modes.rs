//! The four parallelism modes: on work that waits, on work that computes, and on a model. Whole runs, start-up included.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use crate::{
    AnyError,
    bench::Bench,
    breach::Breach,
    check,
    documents::Set,
    fetch::slow,
    figures::Figures,
    nginx::Pages,
    notices, program,
    provider::{self, Provider},
    row::{Better, Of, Row},
    sheet::Sheet,
};

const MODES: [&str; 4] = ["sync", "async", "process", "hybrid"];
/// What the project's seeds claim for three workers on simulated tasks: async, process.
const SEEDS: [Option<f64>; 4] = [None, Some(2.33), Some(2.64), None];
/// Documents downloaded, analysed and asked about at once.
const AT_ONCE: usize = 3;
/// How long a simulated task, and an answer of the model, takes.
const TASK: Duration = Duration::from_millis(100);
/// About the 113 kB of an average page of the web.
const PARAGRAPHS: usize = 200;

/// What is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Folder of documents for the work that computes; without it, pages are generated
    #[arg(long, value_name = "DIR")]
    set: Option<PathBuf>,
    /// Rounds; each runs every mode once
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Tasks that wait, and requests of a model
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    tasks: u64,
    /// Pages that are generated
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    pages: u64,
}

/// A kind of work: the same run in every mode.
struct Work<'a> {
    name: &'static str,
    /// Sources and what is asked of them.
    arguments: Vec<OsString>,
    variables: &'a [(&'a str, &'a str)],
    /// The speed-up that arithmetic allows.
    limit: f64,
    simulated: bool,
}

/// Measures wall time of whole runs, and checks that the results are right, and the same.
pub(crate) fn measure(bench: &Bench, settings: &Settings) -> Result<Sheet, AnyError> {
    let mut sheet = Sheet::new(format!(
        "Speed-up over sync of the same run, start-up included, with {AT_ONCE} workers: on pages that are served after {} ms, on \
         real parsing and rules, and on a model that answers after as long. Ideal: {AT_ONCE}, or the number of cores for work that \
         computes.",
        TASK.as_millis()
    ));
    let runtime = tokio::runtime::Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let tasks = settings.tasks as usize;
    let (rounds, at) = (settings.rounds as usize, folder.path());

    let urls = runtime.block_on(slow::serve(tasks, TASK))?;
    let list = at.join("urls.txt");
    fs::write(&list, urls.iter().map(|url| format!("{url}\n")).collect::<String>())?;
    let mut source = OsString::from("@");
    source.push(&list);
    let waits = Work {
        name: "work that waits",
        arguments: vec![source, "--llm".into(), "never".into()],
        variables: &[],
        limit: AT_ONCE as f64,
        simulated: true,
    };
    let verify = |out: &Path, sheet: &mut Sheet| {
        let found = fs::read_to_string(out.join("results.jsonl"))?;
        sheet.check(
            "every served page has one record of what it holds",
            &check::untrue(&Pages(tasks), &found),
        );
        Ok(())
    };
    waits.compare(bench, at, rounds, 0.31, &mut sheet, verify)?;

    let generated = Set { documents: settings.pages as usize, paragraphs: PARAGRAPHS, seed: 17 };
    let set = if let Some(set) = &settings.set {
        std::path::absolute(set)?
    } else {
        generated.write(&at.join("set"))?;
        at.join("set")
    };
    let cores = std::thread::available_parallelism()?.get();
    let computes = Work {
        name: "work that computes",
        arguments: vec![set.into(), "--llm".into(), "never".into()],
        variables: &[],
        limit: AT_ONCE.min(cores) as f64,
        simulated: false,
    };
    let verify = |out: &Path, sheet: &mut Sheet| {
        if settings.set.is_none() {
            let found = fs::read_to_string(out.join("results.jsonl"))?;
            sheet.check(
                "every generated page has one record of what it holds",
                &check::untrue(&generated, &found),
            );
        }
        Ok(())
    };
    computes.compare(bench, at, rounds, 0.37, &mut sheet, verify)?;

    let latency_ms = TASK.as_millis() as u64;
    let provider = Provider::start(provider::Settings { latency_ms, ..provider::Settings::default() })?;
    let set = at.join("notices");
    notices::write(&set, tasks)?;
    let at_once = AT_ONCE.to_string();
    let mut arguments: Vec<OsString> = vec![set.into(), "--max-parallel".into(), at_once.into()];
    arguments.extend(notices::ASKED.map(OsString::from));
    let url = provider.url();
    let variables = notices::variables(&url);
    let model =
        Work { name: "a model", arguments, variables: &variables, limit: AT_ONCE as f64, simulated: false };
    let verify = |out: &Path, sheet: &mut Sheet| notices::check(out, tasks, &provider, sheet);
    model.compare(bench, at, rounds, 0.28, &mut sheet, verify)?;
    sheet.note("targets of simulated tasks are what the project's seeds claim: 2.33 (async) and 2.64 (process) with 3 workers");
    Ok(sheet)
}

impl Work<'_> {
    fn compare(
        &self,
        bench: &Bench,
        folder: &Path,
        rounds: usize,
        share: f64,
        sheet: &mut Sheet,
        verify: impl Fn(&Path, &mut Sheet) -> Result<(), AnyError>,
    ) -> Result<(), AnyError> {
        let mut times: [Figures; 4] = Default::default();
        let mut expected = None;
        for _ in bench.rounds(rounds, share) {
            for (mode, times) in MODES.iter().zip(&mut times) {
                let out = folder.join("out");
                let mut arguments = self.arguments.clone();
                arguments.extend([
                    "--out".into(),
                    out.clone().into(),
                    "--parallelism-mode".into(),
                    mode.into(),
                ]);
                let at_once = AT_ONCE.to_string();
                for option in ["--max-workers", "--analysis-workers"] {
                    arguments.extend([option.into(), OsString::from(&at_once)]);
                }
                let taken = program::run(bench, folder, &arguments, self.variables, false)?;
                verify(&out, sheet)?;
                let records = program::records(&out)?;
                let same = expected.get_or_insert_with(|| records.clone()) == &records;
                let fields = vec![format!("some record: {mode} gave other results than {}", MODES[0])];
                let other = Breach::Altered { job: self.name.to_owned(), fields };
                sheet.check(
                    "the results of all modes are the same but for their timings",
                    if same { &[] } else { std::slice::from_ref(&other) },
                );
                fs::remove_dir_all(&out)?;
                times.push(taken.seconds);
            }
        }
        let documents = expected.map_or(0, |records| records.len());
        for ((mode, seed), taken) in MODES.iter().zip(SEEDS).zip(&times) {
            sheet.rows.push(Row::new(
                format!("{}, {mode}: {documents} documents", self.name),
                "s",
                Better::Lower,
                taken.clone(),
            ));
            if *mode == MODES[0] {
                continue;
            }
            let what = format!("{}, {mode}: speed-up", self.name);
            let mut row = Row::new(what, "ratio", Better::Higher, times[0].per(taken)).ideal(self.limit);
            if let Some(seed) = seed.filter(|_| self.simulated) {
                row = row.target(Of::Figure, seed);
            }
            sheet.rows.push(row);
        }
        Ok(())
    }
}
