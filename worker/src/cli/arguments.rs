//! Flags and their meaning.

#![allow(clippy::doc_markdown, reason = "help is plain text")]

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use super::{CredentialArguments, LogFormatArgument};

/// Analyse documents for a coordinator, on this host or another.
#[derive(Debug, Parser)]
#[command(name = "worker", bin_name = "worker", version, propagate_version = true, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register with a coordinator, pull jobs, analyse, until told to stop
    #[command(after_help = AFTER)]
    Start(Box<StartArguments>),
    /// Parse documents for the parent process
    #[command(hide = true)]
    ParseChild {
        /// Private memory this process may have beyond its stack
        #[arg(long)]
        memory_bytes: u64,
    },
}

const AFTER: &str = "\
What to analyse and how comes from the coordinator; keys of model providers from this host's own environment, .env or \
sheaf.toml (coordinator doctor lists the variables).

SIGTERM or Ctrl-C: no new jobs, finish what is in flight within the grace period, hand back the rest, leave with status 0. \
A second one hands back at once. In Kubernetes let terminationGracePeriodSeconds be a few seconds more than --grace.";

#[derive(Debug, Args)]
#[command(mut_arg("tls_certificate", |flag| flag.help("This worker's certificate, PEM, for mutual TLS")))]
pub(super) struct StartArguments {
    /// Where the coordinator listens: http://HOST:PORT, or https://HOST:PORT with TLS
    #[arg(long, value_name = "URL", env = "SHEAF_COORDINATOR")]
    pub(super) coordinator: String,

    /// What people call this worker [default: the host's name]
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,

    /// Documents analysed at once, and most child processes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub(super) analysis_workers: u64,

    /// Seconds for what is in flight when the worker is told to stop
    #[arg(long, value_name = "SECONDS", default_value = "25", value_parser = seconds)]
    pub(super) grace: Duration,

    #[command(flatten)]
    pub(super) credentials: CredentialArguments,

    /// Serve /healthz and /readyz over HTTP, and grpc.health.v1, at this address
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<SocketAddr>,

    /// Prices of models beside or instead of the built-in ones: a TOML file of the same form
    #[arg(long, value_name = "FILE")]
    pub(super) prices: Option<PathBuf>,

    /// Folder of a static embedding model (model2vec: config.json, tokenizer.json, model.safetensors) by which texts that say
    /// the same are found [default: the configured embedding backend, else their words]
    #[arg(long, value_name = "DIR")]
    pub(super) embedding_model: Option<PathBuf>,

    /// Log more; twice for debugging
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,

    /// Form of the log on standard error
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormatArgument,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "this is not a number of seconds".to_owned())?;
    if (0.0..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("it must be from 0 to 86400 seconds".to_owned())
    }
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
