//! Flags of how models are asked, and of the answers that are kept.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use sheaf_common::fleet::{CacheMode, CacheSettings};
use sheaf_llm::config::ModelOptions;

/// How models are asked. Which ones is said by the environment or sheaf.toml.
#[derive(Debug, Args)]
pub(in crate::cli) struct ModelArguments {
    /// One model request at a time
    #[arg(long, conflicts_with = "max_parallel", help_heading = "Models")]
    pub(in crate::cli) no_parallel: bool,

    /// At most this many model requests at once [default: what the backends take]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Models")]
    pub(in crate::cli) max_parallel: Option<u32>,

    /// Requests per minute that the key allows [default: learned]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Models")]
    pub(in crate::cli) rpm: Option<u64>,

    /// Tokens per minute that the key allows [default: learned]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Models")]
    pub(in crate::cli) tpm: Option<u64>,
}

/// Whether answers that were given before serve again.
#[derive(Debug, Args)]
pub(in crate::cli) struct CacheArguments {
    /// Whether a model's earlier answers serve again: on; read, nothing new is kept; off. They are kept in memory, and in
    /// the Redis of --redis-url for later runs and other workers
    #[arg(long, value_enum, value_name = "WHEN", default_value = "on", help_heading = "Models")]
    pub(in crate::cli) cache: CacheArgument,

    /// How long an answer is kept: a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = lifetime, help_heading = "Models")]
    pub(in crate::cli) cache_ttl: Duration,

    /// Whose answers they are: those of one tenant never serve another
    #[arg(long, value_name = "NAME", default_value = CacheSettings::TENANT, value_parser = tenant, help_heading = "Models")]
    pub(in crate::cli) tenant: String,

    /// Reuse only answers about the very same text, not those about texts that say the same
    #[arg(long, help_heading = "Models")]
    pub(in crate::cli) no_semantic_cache: bool,

    /// Folder of a static embedding model (model2vec: config.json, tokenizer.json, model.safetensors) by which texts that say
    /// the same are found; workers of a fleet have their own [default: the configured embedding backend, else their words]
    #[arg(long, value_name = "DIR", conflicts_with = "enable_queue", help_heading = "Models")]
    pub(in crate::cli) embedding_model: Option<PathBuf>,
}

impl CacheArguments {
    pub(in crate::cli) fn settings(&self) -> CacheSettings {
        let mode = match self.cache {
            CacheArgument::Off => CacheMode::Off,
            CacheArgument::Read => CacheMode::Read,
            CacheArgument::On => CacheMode::On,
        };
        CacheSettings {
            mode,
            ttl: self.cache_ttl,
            tenant: self.tenant.clone(),
            semantic: !self.no_semantic_cache,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CacheArgument {
    /// Every answer is asked for
    Off,
    /// Answers that are there serve, nothing new is kept
    Read,
    /// Answers that are there serve, and new ones are kept
    On,
}

impl ModelArguments {
    pub(in crate::cli) fn options(&self) -> ModelOptions {
        ModelOptions {
            no_parallel: self.no_parallel,
            max_parallel: self.max_parallel,
            rpm: self.rpm,
            tpm: self.tpm,
            ..ModelOptions::default()
        }
    }
}

/// Longest life of a cached answer: ten years.
const LONGEST_LIFE: Duration = Duration::from_hours(10 * 365 * 24);

/// `90s`, `15m`, `12h` or `30d`.
fn lifetime(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let wrong = || "this is no time: a whole number and s, m, h or d, such as 12h".to_owned();
    let (number, seconds) = units
        .into_iter()
        .find_map(|(unit, seconds)| text.strip_suffix(unit).map(|number| (number, seconds)))
        .ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let time = Duration::from_secs(number.saturating_mul(seconds));
    if time.is_zero() || time > LONGEST_LIFE {
        return Err("it must be from a second to ten years".to_owned());
    }
    Ok(time)
}

/// A name that is no surprise in a list.
pub(in crate::cli) fn tenant(text: &str) -> Result<String, String> {
    let is_plain = text.chars().all(|character| character.is_alphanumeric() || "-_.@".contains(character));
    if text.is_empty() || text.len() > 64 || !is_plain {
        return Err("it must be 1 to 64 letters, digits, -, _, . or @".to_owned());
    }
    Ok(text.to_owned())
}
