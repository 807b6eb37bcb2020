//! Flags and their meaning. What a flag changes is said where it stands.

#![allow(clippy::doc_markdown, reason = "help is plain text")]

mod fleet;
mod model;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::RangedU64ValueParser};
use sheaf_common::job::Extraction;
use sheaf_worker::{Mode, cli::LogFormatArgument};

pub(super) use self::{
    fleet::{FleetArguments, GuardArguments, ReachArguments, RunOfArguments},
    model::{CacheArguments, ModelArguments, tenant},
};
use super::cache::CacheCommand;

/// Analyse large sets of documents: download, extract, say what is in them.
#[derive(Debug, Parser)]
#[command(
    name = "coordinator",
    bin_name = "coordinator",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Analyse a set, show progress, write a report, exit
    #[command(after_help = EXIT_STATUS)]
    Run(Box<RunArguments>),
    /// Reach every configured model, and a Redis, and say what was found and what to mend
    #[command(after_help = sheaf_llm::config::help())]
    Doctor(DoctorArguments),
    /// List the workers of a coordinator that runs
    Workers(ReachArguments),
    /// Have a worker finish what it holds, take no new work, and leave
    Drain {
        /// The worker, as `coordinator workers` names it
        worker: String,
        #[command(flatten)]
        reach: ReachArguments,
    },
    /// Have a worker take no new work until it is resumed
    Pause {
        /// The worker, as `coordinator workers` names it
        worker: String,
        #[command(flatten)]
        reach: ReachArguments,
    },
    /// Have a paused worker take work again
    Resume {
        /// The worker, as `coordinator workers` names it
        worker: String,
        #[command(flatten)]
        reach: ReachArguments,
    },
    /// Put back the documents of a run that were given up; the same coordinator run does them again
    Replay(RunOfArguments),
    /// Remove what Redis holds of a run that is not going on
    Purge(RunOfArguments),
    /// Look at the answers that Redis keeps for later runs, or remove them
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Keep a private Redis running for the parent process
    #[command(hide = true)]
    KeepRedis {
        /// The server's program
        server: PathBuf,
        /// Its configuration
        configuration: PathBuf,
    },
    /// Parse documents for the parent process
    #[command(hide = true)]
    ParseChild {
        /// Private memory this process may have beyond its stack
        #[arg(long)]
        memory_bytes: u64,
    },
}

const EXIT_STATUS: &str = "\
Exit status: 0 every document ok or skipped; 3 the run completed and some documents failed; 1 the run could not \
complete; 2 the command line was wrong; 130 interrupted (run the same command again to carry on).

Examples:
  coordinator run reports/                         every document in a folder
  coordinator run https://example.org/sitemap.xml  every page of a site's map
  coordinator run @urls.txt --out march            a list, results in the folder march
  coordinator run https://example.org/docs/ --crawl-depth 2 --include 'example.org/docs/**'";

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct RunArguments {
    /// A URL, a file, a folder (walked, hidden files left out), a sitemap, @LIST (a file with one source a line, # comments) or - (the list on
    /// standard input)
    #[arg(required = true, value_name = "SOURCE")]
    pub(super) sources: Vec<OsString>,

    /// Folder for results; the same command on the same folder carries on where it stopped
    #[arg(long, value_name = "DIR", default_value = "sheaf-out", help_heading = "Results")]
    pub(super) out: PathBuf,

    /// Forget what an earlier run left in the output folder and start over
    #[arg(long, help_heading = "Results")]
    pub(super) fresh: bool,

    /// Put the extracted text in each result
    #[arg(long, help_heading = "Results")]
    pub(super) include_text: bool,

    /// Where documents are analysed; the results are the same
    #[arg(long, value_enum, value_name = "MODE", default_value = "async", help_heading = "Speed")]
    pub(super) parallelism_mode: ModeArgument,

    /// Documents downloaded at once
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = count(), help_heading = "Speed")]
    pub(super) max_workers: u64,

    /// Documents analysed at once
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = count(), help_heading = "Speed")]
    pub(super) analysis_workers: u64,

    /// How hard to look for the main text of a page: fast, cheap extractors only; best, every extractor on every page;
    /// auto, the dear ones where the cheap ones are unsure
    #[arg(long, value_enum, value_name = "EFFORT", default_value = "auto", help_heading = "Speed")]
    pub(super) extraction: ExtractionArgument,

    /// Follow links within the same site, this many deep
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=64), help_heading = "Sources")]
    pub(super) crawl_depth: u32,

    /// Take only files and pages that match this glob, of what a folder, a sitemap or a crawl names; may be repeated
    #[arg(long, value_name = "GLOB", help_heading = "Sources")]
    pub(super) include: Vec<String>,

    /// Leave out files and pages that match this glob; may be repeated
    #[arg(long, value_name = "GLOB", help_heading = "Sources")]
    pub(super) exclude: Vec<String>,

    /// Fetch from private, loopback and link-local addresses too. Without this only a source that you name as such an
    /// address is; links and redirects cannot lead there
    #[arg(long, help_heading = "Sources")]
    pub(super) allow_private_addresses: bool,

    /// Largest document, in MiB, unpacked; larger ones fail
    #[arg(long, value_name = "MIB", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=48), help_heading = "Limits")]
    pub(super) max_document: u64,

    /// Seconds after which the parsing of one document is ended
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds, help_heading = "Limits")]
    pub(super) parse_timeout: Duration,

    /// Memory, in MiB, that the parsing of one document in a child process may take
    #[arg(long, value_name = "MIB", default_value_t = 160, value_parser = clap::value_parser!(u64).range(32..=65_536), help_heading = "Limits")]
    pub(super) parse_memory: u64,

    /// A model for what the rules are unsure of, for every document, or not at all [default: auto when a model is
    /// configured, else never]
    #[arg(long, value_enum, value_name = "WHEN", hide_default_value = true, help_heading = "Models")]
    pub(super) llm: Option<LlmArgument>,

    #[command(flatten)]
    pub(super) models: ModelArguments,

    /// Documents in one model request; 0: chosen from their size, the token budget and how the backend responds
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=256), help_heading = "Models")]
    pub(super) batch_size: u32,

    /// Ask through the provider's endpoint for batches (OpenAI, Anthropic): half the price, answers within a day. What was
    /// handed in is collected by the same command after any interruption, never paid for twice
    #[arg(long, help_heading = "Models")]
    pub(super) llm_batch_api: bool,

    #[command(flatten)]
    pub(super) cache: CacheArguments,

    /// Most US dollars that the run may spend on models, over all its parts. Documents that do not fit are reported
    /// incomplete, and done when the same command is run with a higher ceiling
    #[arg(long, value_name = "USD", value_parser = dollars, help_heading = "Models")]
    pub(super) budget_usd: Option<f64>,

    /// Most tokens, sent and received together, that the run may use
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Models")]
    pub(super) budget_tokens: Option<u64>,

    /// Prices of models beside or instead of the built-in ones: a TOML file of the same form
    #[arg(long, value_name = "FILE", help_heading = "Models")]
    pub(super) prices: Option<PathBuf>,

    /// How to show progress on standard error [default: bar on a terminal, plain in a pipe]
    #[arg(
        long,
        value_enum,
        value_name = "VIEW",
        default_value = "auto",
        hide_default_value = true,
        help_heading = "Messages"
    )]
    pub(super) progress: ProgressArgument,

    #[command(flatten)]
    pub(super) fleet: FleetArguments,

    /// Log more; twice for debugging
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Messages")]
    pub(super) verbose: u8,

    /// Form of the log on standard error
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text", help_heading = "Messages")]
    pub(super) log_format: LogFormatArgument,
}

#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    #[command(flatten)]
    pub(super) models: ModelArguments,

    /// Check this Redis too: version, persistence, eviction, clock
    #[arg(long, value_name = "URL")]
    pub(super) redis_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LlmArgument {
    /// Documents that the rules are unsure of
    Auto,
    /// Every document with text
    Always,
    /// None
    Never,
}

fn dollars(text: &str) -> Result<f64, String> {
    match text.trim_start_matches('$').parse::<f64>() {
        Ok(usd) if (0.0..=1e9).contains(&usd) => Ok(usd),
        _ => Err("this is not an amount in US dollars".to_owned()),
    }
}

/// More than this at once is no use on one machine and would run into limits of the system first.
const MOST_AT_ONCE: u64 = 1024;

fn count() -> RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..=MOST_AT_ONCE)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "this is not a number of seconds".to_owned())?;
    if !(0.01..=86_400.0).contains(&seconds) {
        return Err("it must be from 0.01 to 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ModeArgument {
    /// One document after the other, in order: for debugging
    Sync,
    /// Many in flight on the async runtime, CPU work on threads of its own
    Async,
    /// Each document in a child process that can be killed: for hostile documents
    Process,
    /// CPU-bound documents in child processes, the others on the runtime
    Hybrid,
}

impl From<ModeArgument> for Mode {
    fn from(mode: ModeArgument) -> Self {
        match mode {
            ModeArgument::Sync => Self::Sync,
            ModeArgument::Async => Self::Async,
            ModeArgument::Process => Self::Process,
            ModeArgument::Hybrid => Self::Hybrid,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ExtractionArgument {
    Fast,
    Auto,
    Best,
}

impl From<ExtractionArgument> for Extraction {
    fn from(effort: ExtractionArgument) -> Self {
        match effort {
            ExtractionArgument::Fast => Self::Fast,
            ExtractionArgument::Auto => Self::Auto,
            ExtractionArgument::Best => Self::Best,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ProgressArgument {
    Auto,
    Bar,
    Plain,
    Json,
    None,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
