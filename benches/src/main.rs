//! The `bench` program: measures Sheaf as ratios, to an ideal or to a peer in the same run.
//!
//! | scenario | what is measured |
//! | --- | --- |
//! | `modes` | the four parallelism modes on CPU-bound pages, beside `sync` and the number of cores |
//! | `fetch` | the fetch pool beside a bare client loop, and beside what arithmetic allows |
//! | `llm` | the client of models beside a bare client loop, beside limits, and over backends of different speeds |
//! | `queue` | the queue in Redis beside what the same Redis does for a bare client |
//! | `cache` | look-ups in the semantic cache, beside brute force and one round trip to Redis |
//! | `chaos` | what a run by a fleet loses, and how fast it recovers, when its processes are killed |
//! | `memory` | peak memory of a whole run as the set grows |

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for people")]

mod cache;
mod chaos;
mod fetch;
mod figures;
mod llm;
mod memory;
mod modes;
mod nginx;
mod program;
mod provider;
mod queue;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

type AnyError = Box<dyn Error + Send + Sync>;

/// Measure Sheaf
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Arguments {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// The four parallelism modes on CPU-bound pages
    Modes {
        /// Folder of documents; without it, pages are generated
        #[arg(long)]
        set: Option<PathBuf>,
        /// Rounds, at least 5; each runs every mode once
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(5..))]
        rounds: u64,
    },
    /// The fetch pool beside a bare client loop
    Fetch {
        /// Rounds, at least 5
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(5..))]
        rounds: u64,
    },
    /// The client of models, over a provider in a process of its own
    Llm {
        /// What to measure
        #[arg(default_values_t = llm::Part::ALL)]
        parts: Vec<llm::Part>,
        /// Rounds of the makespans, at least 5
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(5..))]
        rounds: u64,
        /// Rounds of limits and of backends; each takes about four minutes
        #[arg(long, default_value_t = 1)]
        limit_rounds: u64,
    },
    /// The queue in Redis beside a bare client
    Queue {
        /// Rounds, at least 5
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(5..))]
        rounds: u64,
        /// Jobs in each round
        #[arg(long, default_value_t = 100_000)]
        jobs: usize,
        /// Jobs of one more round with a large backlog; 0 leaves it out
        #[arg(long, default_value_t = 1_000_000)]
        backlog: usize,
    },
    /// Look-ups in the semantic cache, beside brute force and Redis
    Cache {
        /// Entries that it holds
        #[arg(long, default_value_t = 1_000_000)]
        entries: usize,
    },
    /// Kill a fleet's processes at random moments, and hold what it leaves to what an undisturbed run leaves
    Chaos(chaos::Settings),
    /// A provider of models, until its input ends
    #[command(hide = true)]
    Provider(provider::Settings),
    /// One whole process that asks
    #[command(hide = true)]
    Ask(llm::Ask),
    /// Peak memory of a whole run over a local nginx as the set grows
    Memory {
        /// Sizes of the set, in pages
        #[arg(default_values_t = [5_000, 20_000])]
        pages: Vec<usize>,
    },
}

fn main() -> ExitCode {
    let measured = match Arguments::parse().scenario {
        Scenario::Modes { set, rounds } => modes::measure(set.as_deref(), rounds as usize),
        Scenario::Fetch { rounds } => fetch::measure(rounds as usize),
        Scenario::Llm { parts, rounds, limit_rounds } => {
            llm::measure(&parts, rounds as usize, limit_rounds as usize)
        }
        Scenario::Queue { rounds, jobs, backlog } => queue::measure(rounds as usize, jobs, backlog),
        Scenario::Cache { entries } => cache::measure(entries),
        Scenario::Chaos(settings) => chaos::measure(&settings),
        Scenario::Provider(settings) => provider::serve(settings),
        Scenario::Ask(ask) => ask.run(),
        Scenario::Memory { pages } => memory::measure(&pages),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
