//! Flags of a run that other processes share, and of whoever operates it.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use sheaf_common::wire::fleet::ReachSettings;
use sheaf_worker::cli::CredentialArguments;

/// Whether other processes and hosts share the run.
#[derive(Debug, Args)]
pub(in crate::cli) struct FleetArguments {
    /// Jobs go through Redis, so that workers on this host and others share the run and it survives any process's death.
    /// Workers are started with: worker start --coordinator http://HOST:PORT
    #[arg(long, help_heading = "Fleet")]
    pub(in crate::cli) enable_queue: bool,

    /// The Redis for --enable-queue, and for answers that later runs may use again: redis://:PASSWORD@HOST:PORT, rediss:// with
    /// TLS; one server of a cluster stands for all of it [default: with --enable-queue a private redis-server in the output
    /// folder, else none]
    #[arg(long, value_name = "URL", help_heading = "Fleet")]
    pub(in crate::cli) redis_url: Option<String>,

    /// Where workers register, with /healthz, /readyz and /progress over HTTP at the same port. Without --enable-queue only
    /// the latter, and only when it is given [default: 127.0.0.1:7700]
    #[arg(long, value_name = "ADDR", help_heading = "Fleet")]
    pub(in crate::cli) listen: Option<SocketAddr>,

    #[command(flatten)]
    pub(in crate::cli) guard: GuardArguments,
}

/// How an operator reaches a coordinator.
#[derive(Debug, Args)]
pub(in crate::cli) struct ReachArguments {
    /// Where the coordinator listens: http://HOST:PORT, or https://HOST:PORT with TLS
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7700", env = "SHEAF_COORDINATOR")]
    coordinator: String,

    #[command(flatten)]
    credentials: CredentialArguments,
}

impl ReachArguments {
    pub(in crate::cli) fn settings(&self) -> Result<ReachSettings, String> {
        self.credentials.reach(&self.coordinator)
    }
}

/// Which run, and where its queue is.
#[derive(Debug, Args)]
pub(in crate::cli) struct RunOfArguments {
    /// The run: its output folder
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: PathBuf,

    /// The Redis that it was run with [default: its private one]
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) redis_url: Option<String>,
}

/// Who may register.
#[derive(Debug, Args)]
pub(in crate::cli) struct GuardArguments {
    /// A secret that workers must know, in this file or in SHEAF_TOKEN; needed, or mutual TLS, where other hosts reach
    /// --listen
    #[arg(long, value_name = "FILE", help_heading = "Fleet")]
    pub(in crate::cli) token_file: Option<PathBuf>,

    /// Certificate of this coordinator, PEM, with its chain
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = "Fleet")]
    pub(in crate::cli) tls_certificate: Option<PathBuf>,

    /// Its key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate", help_heading = "Fleet")]
    pub(in crate::cli) tls_key: Option<PathBuf>,

    /// Authority that signs the certificates of workers, PEM: TLS is mutual then
    #[arg(long, value_name = "FILE", requires = "tls_certificate", help_heading = "Fleet")]
    pub(in crate::cli) tls_client_authority: Option<PathBuf>,

    /// Let any host register without a secret: only in a network that lets nobody else through
    #[arg(long, help_heading = "Fleet")]
    pub(in crate::cli) insecure: bool,
}
