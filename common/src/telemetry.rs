//! Logging: to standard error, as text or as a line of JSON an event.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Form of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging to `writer`. `verbosity` 0 logs warnings, 1 information, 2 debugging, 3 and more everything; the
/// environment variable `SHEAF_LOG` (such as `sheaf_fetch=trace`) refines it.
///
/// Does nothing when logging was started before.
pub fn start<W>(format: LogFormat, verbosity: u8, writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = match verbosity {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter =
        EnvFilter::builder().with_default_directive(level.into()).with_env_var("SHEAF_LOG").from_env_lossy();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        // When standard error is gone, complaining there would panic.
        .log_internal_errors(false);
    // A second start in one process (tests) is harmless: the first subscriber stays.
    let _already_started = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// Starts logging to standard error; see [`start`].
pub fn start_on_stderr(format: LogFormat, verbosity: u8) {
    start(format, verbosity, io::stderr);
}
