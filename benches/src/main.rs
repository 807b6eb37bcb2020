//! The `bench` program: measures Sheaf as ratios, to an ideal or to a peer in the same run.
//!
//! | scenario | what is measured |
//! | --- | --- |
//! | `modes` | the four parallelism modes on CPU-bound pages, beside `sync` and the number of cores |
//! | `fetch` | the fetch pool beside a bare client loop, and beside what arithmetic allows |
//! | `memory` | peak memory of a whole run as the set grows |

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for people")]

mod fetch;
mod figures;
mod memory;
mod modes;
mod nginx;
mod program;

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
