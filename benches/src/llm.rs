//! The client of models: makespan beside a bare loop and beside what arithmetic allows, limits told and not told, and
//! backends of different speeds. The provider is a process of its own, and gives each request an answer that only it knows.
//!
//! | module | noun |
//! | --- | --- |
//! | `asker` | asking many times, through the client and by a bare loop |
//! | `makespan` | how long many answers take |
//! | `limits` | limits that were told and limits that were not, and backends of different speeds |
//! | `beside` | the peers |

mod asker;
mod beside;
mod limits;
mod makespan;

use std::fmt;

use clap::Args;

pub(crate) use self::asker::Ask;
use crate::{AnyError, bench::Bench, sheet::Sheet};

/// A part of the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Makespan beside a bare loop
    Makespan,
    /// Limits that were told and limits that were not, and backends of different speeds
    Limits,
}

impl Part {
    const ALL: [Self; 2] = [Self::Makespan, Self::Limits];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Makespan => "makespan",
            Self::Limits => "limits",
        })
    }
}

/// What is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// What to measure
    #[arg(default_values_t = Part::ALL)]
    parts: Vec<Part>,
    /// Rounds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Calls are these, divided by so much: for a quick look
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    shrink: u64,
}

/// Measures on a runtime of its own.
pub(crate) fn measure(bench: &Bench, settings: &Settings) -> Result<Sheet, AnyError> {
    let mut sheet = Sheet::new(
        "Requests to a provider in a process of its own that answers each after 500 ms with what only it can know of it. Ideal: \
         ⌈calls ÷ at once⌉ × latency, or what the limit allows.",
    );
    let rounds = settings.rounds as usize;
    tokio::runtime::Runtime::new()?.block_on(async {
        for part in &settings.parts {
            match part {
                Part::Makespan => makespan::measure(bench, rounds, settings.shrink, &mut sheet).await?,
                Part::Limits => limits::measure(bench, rounds, settings.shrink, &mut sheet).await?,
            }
        }
        Ok(sheet)
    })
}
