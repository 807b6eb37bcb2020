//! The `bench` program: measures Sheaf as ratios, to an ideal, to the bare engine underneath and to peers in the same run.
//!
//! ```text
//!  bench SCENARIO, bench all ─► supervisor ─► a process for each scenario ─► Sheet ─┐
//!                                  │ ends everything it left                        ▼
//!  bench show FILE ──────────────────────────────────────────────────────────► Report ─► table, --json, --page
//! ```
//!
//! | scenario | what is measured |
//! | --- | --- |
//! | `modes` | the four parallelism modes on work that waits, on work that computes and on a model |
//! | `fetch` | the fetch pool beside a bare client loop, and beside what arithmetic allows |
//! | `llm` | the client of models beside a bare client loop, beside limits, and over backends of different speeds |
//! | `queue` | the queue in Redis beside what the same Redis does for a bare client |
//! | `cache` | look-ups in the semantic cache, beside brute force and one round trip to Redis |
//! | `extract` | main-text extraction: pages a second and F1 beside the floor |
//! | `workers` | one, two, four and eight worker processes over one Redis, on this host and on hosts of their own |
//! | `cost` | what a document costs as the set grows |
//! | `memory` | peak memory of a whole run as the set grows, and how well it uses the machine |
//! | `chaos` | what a run by a fleet loses, and how fast it recovers, when its processes are killed |
//!
//! | module | noun |
//! | --- | --- |
//! | `figures`, `row`, `sheet`, `report` | a number with its spread, what it is judged by, a scenario, everything |
//! | `efficiency` | how near a whole run comes to what arithmetic allows |
//! | `machine` | what is measured on |
//! | `table`, `page` | a report for a terminal and for a browser |
//! | `supervisor`, `descendants` | a scenario in a process of its own, and the end of everything it started |
//! | `bench`, `peer` | what a scenario is given, and other programs to set beside |
//! | `ledger`, `check`, `breach` | each job's right result exactly once, and what is said when not |
//! | `network`, `site` | hosts on this machine, and where the programs of a fleet are |
//! | `documents`, `notices`, `nginx`, `provider`, `program`, `process`, `fleet` | sets, a web server, a provider of models, and Sheaf's programs |

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for people")]

mod bench;
mod breach;
mod cache;
mod chaos;
mod check;
mod cost;
mod descendants;
mod documents;
mod efficiency;
mod extract;
mod fetch;
mod figures;
mod fleet;
mod ledger;
mod llm;
mod machine;
mod memory;
mod modes;
mod network;
mod nginx;
mod notices;
mod number;
mod page;
mod peer;
mod plan;
mod process;
mod program;
mod provider;
mod queue;
mod report;
mod row;
mod sheet;
mod site;
mod supervisor;
mod table;
mod workers;

use std::{
    error::Error,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Args, Parser, Subcommand};

use self::{bench::Bench, peer::Peers, report::Report, sheet::Sheet, supervisor::Stop, table::Told};

type AnyError = Box<dyn Error + Send + Sync>;

/// Everything was measured and everything held.
const SOUND: u8 = 0;
/// Something could not be measured, or a promise was broken.
const UNSOUND: u8 = 1;
/// It was interrupted; everything that it started is ended.
const INTERRUPTED: u8 = 130;

/// Measure Sheaf
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Args)]
struct Common {
    /// Write the results as JSON; - for standard output, instead of the table
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the results as one self-contained HTML page
    #[arg(long, global = true, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Measure other programs too: those that benches/peers/install has installed
    #[arg(long, global = true)]
    peers: bool,
    /// Folder of the peers' scripts [default: benches/peers]
    #[arg(long, global = true, value_name = "DIR")]
    peers_folder: Option<PathBuf>,
    /// Folder of the programs coordinator and worker [default: this program's]
    #[arg(long, global = true, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// About how long a scenario may take, peers apart: it does fewer rounds when these would take longer
    /// [default: 50 to 290, by scenario]
    #[arg(long, global = true, value_name = "SECONDS")]
    budget: Option<u64>,
    /// Measure in this process, and write the sheet here
    #[arg(long, global = true, hide = true)]
    inner: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every scenario, one after the other: in under 25 minutes on two cores, with peers in under 60
    All {
        /// Small sizes and one round: shows in a few minutes that everything works; its figures mean nothing
        #[arg(long)]
        quick: bool,
    },
    /// Tables and a page of what was measured before
    Show {
        /// What --json wrote
        results: PathBuf,
    },
    #[command(flatten)]
    Measure(Scenario),
    /// A provider of models, until its input ends
    #[command(hide = true)]
    Provider(provider::Settings),
    /// One whole process that asks
    #[command(hide = true)]
    Ask(llm::Ask),
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// The four parallelism modes on work that waits, on work that computes and on a model
    Modes(modes::Settings),
    /// The fetch pool beside a bare client loop
    Fetch(fetch::Settings),
    /// The client of models, over a provider in a process of its own
    Llm(llm::Settings),
    /// The queue in Redis beside a bare client
    Queue(queue::Settings),
    /// Look-ups in the semantic cache, beside brute force and Redis
    Cache(cache::Settings),
    /// Main-text extraction over pages whose main text is known
    Extract(extract::Settings),
    /// One, two, four and eight worker processes over one Redis, on this host and on hosts of their own
    Workers(workers::Settings),
    /// What a document costs as the set grows
    Cost(cost::Settings),
    /// Peak memory of a whole run over a local nginx as the set grows
    Memory(memory::Settings),
    /// Kill a fleet's processes at random moments, and hold what it leaves to what an undisturbed run leaves
    Chaos(chaos::Settings),
}

impl Scenario {
    fn name(&self) -> &'static str {
        match self {
            Self::Modes(_) => "modes",
            Self::Fetch(_) => "fetch",
            Self::Llm(_) => "llm",
            Self::Queue(_) => "queue",
            Self::Cache(_) => "cache",
            Self::Extract(_) => "extract",
            Self::Workers(_) => "workers",
            Self::Cost(_) => "cost",
            Self::Memory(_) => "memory",
            Self::Chaos(_) => "chaos",
        }
    }

    fn measure(&self, bench: &Bench) -> Result<Sheet, AnyError> {
        match self {
            Self::Modes(settings) => modes::measure(bench, settings),
            Self::Fetch(settings) => fetch::measure(bench, settings),
            Self::Llm(settings) => llm::measure(bench, settings),
            Self::Queue(settings) => queue::measure(bench, settings),
            Self::Cache(settings) => cache::measure(bench, settings),
            Self::Extract(settings) => extract::measure(bench, settings),
            Self::Workers(settings) => workers::measure(bench, settings),
            Self::Cost(settings) => cost::measure(bench, settings),
            Self::Memory(settings) => memory::measure(bench, settings),
            Self::Chaos(settings) => chaos::measure(bench, settings),
        }
    }
}

fn main() -> ExitCode {
    // What is measured in this process runs as it does in the programs.
    sheaf_common::heap::keep_little();
    let Arguments { command, common } = Arguments::parse();
    let done = match command {
        Command::Provider(settings) => provider::serve(settings).map(|()| SOUND),
        Command::Ask(ask) => ask.run().map(|()| SOUND),
        Command::Show { results } => Report::read(&results).and_then(|report| tell(&report, &common)),
        Command::All { quick } => measure(&plan::all(quick), &common),
        Command::Measure(scenario) => {
            if let Some(answer) = &common.inner {
                measure_here(&scenario, &common, answer).map(|()| SOUND)
            } else {
                let arguments = std::env::args_os().skip(1).collect();
                measure(&[(scenario.name(), arguments)], &common)
            }
        }
    };
    match done {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(UNSOUND)
        }
    }
}

/// Measures each scenario in a process of its own, and tells what came of it.
fn measure(scenarios: &[(&'static str, Vec<OsString>)], common: &Common) -> Result<u8, AnyError> {
    descendants::adopt();
    let stop = Stop::listen()?;
    // What is wrong with a folder should not be found out after half an hour.
    for file in [&common.json, &common.page].into_iter().flatten().filter(|file| !is_standard_output(file)) {
        fs::write(file, "").map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let peers = common.find_peers()?.is_some();
    let begun = Instant::now();
    let mut report = Report::begin(plan::command());
    for (name, arguments) in scenarios {
        eprintln!("bench {name}");
        let budget = common.budget.map_or_else(|| plan::budget(name), Duration::from_secs);
        let patience = plan::patience(name, budget, peers);
        let told = arguments;
        let mut arguments = told.clone();
        if scenarios.len() > 1 {
            arguments.extend(common.passed_on()?);
        }
        let Some(mut sheet) = supervisor::measure(name, &arguments, patience, &stop)? else {
            eprintln!("interrupted; every process that was started is ended");
            return Ok(INTERRUPTED);
        };
        sheet.command = plan::command_of(told);
        report.sheets.push(sheet);
        report.seconds = begun.elapsed().as_secs_f64();
    }
    tell(&report, common)
}

impl Common {
    /// The peers' scripts, when peers are asked for.
    fn find_peers(&self) -> Result<Option<Peers>, AnyError> {
        self.peers.then(|| Peers::find(self.peers_folder.as_deref())).transpose()
    }

    /// What `all` was told, for each scenario.
    fn passed_on(&self) -> Result<Vec<OsString>, AnyError> {
        let mut arguments = Vec::new();
        if self.peers {
            arguments.push("--peers".into());
        }
        if let Some(folder) = &self.peers_folder {
            arguments.extend(["--peers-folder".into(), std::path::absolute(folder)?.into()]);
        }
        if let Some(folder) = &self.programs {
            arguments.extend(["--programs".into(), std::path::absolute(folder)?.into()]);
        }
        if let Some(budget) = self.budget {
            arguments.extend(["--budget".into(), budget.to_string().into()]);
        }
        Ok(arguments)
    }
}

/// In the process of one scenario.
fn measure_here(scenario: &Scenario, common: &Common, answer: &Path) -> Result<(), AnyError> {
    supervisor::end_with_parent();
    let name = scenario.name();
    let bench = Bench {
        programs: common.programs.clone(),
        peers: common.find_peers()?,
        budget: common.budget.map_or_else(|| plan::budget(name), Duration::from_secs),
    };
    let sheet = scenario.measure(&bench).unwrap_or_else(|error| Sheet::failed(name, error.to_string()));
    Ok(fs::write(answer, serde_json::to_string(&sheet)?)?)
}

fn is_standard_output(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// Tells a report in every form that was asked for.
fn tell(report: &Report, common: &Common) -> Result<u8, AnyError> {
    let write = |file: &Path, text: String| {
        fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
    };
    let json = serde_json::to_string_pretty(report)?;
    match common.json.as_deref() {
        Some(file) if is_standard_output(file) => println!("{json}"),
        Some(file) => write(file, json + "\n")?,
        None => {}
    }
    if common.json.as_deref().is_none_or(|file| !is_standard_output(file)) {
        print!("{}", Told(report));
    }
    if let Some(file) = &common.page {
        write(file, page::render(report))?;
    }
    for sheet in report.sheets.iter().filter(|sheet| !sheet.is_sound()) {
        for broken in sheet.breaches.iter().chain(&sheet.error) {
            eprintln!("error: {}: {broken}", sheet.scenario);
        }
    }
    Ok(if report.is_sound() { SOUND } else { UNSOUND })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_planned_command_is_understood() {
        for (name, arguments) in plan::all(true).into_iter().chain(plan::all(false)) {
            let words = std::iter::once(OsString::from("bench")).chain(arguments);
            let parsed = Arguments::try_parse_from(words).map_err(|error| error.to_string());
            let command = parsed.map(|arguments| arguments.command);
            assert!(
                matches!(&command, Ok(Command::Measure(scenario)) if scenario.name() == name),
                "{command:?}"
            );
        }
    }

    #[test]
    fn the_plan_names_every_scenario_once() {
        let command = Arguments::command();
        let others = ["all", "show", "provider", "ask", "help"];
        let mut scenarios: Vec<_> = command
            .get_subcommands()
            .map(clap::Command::get_name)
            .filter(|name| !others.contains(name))
            .collect();
        let mut planned: Vec<_> = plan::all(false).into_iter().map(|(name, _)| name).collect();
        scenarios.sort_unstable();
        planned.sort_unstable();
        assert_eq!(scenarios, planned);
    }
}
