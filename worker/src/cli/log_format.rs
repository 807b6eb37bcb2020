//! The form of the log, as a flag's value.

use clap::ValueEnum;
use sheaf_common::telemetry::LogFormat;

/// Values of --log-format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "a document comment would stand in the help")]
pub enum LogFormatArgument {
    Text,
    Json,
}

impl From<LogFormatArgument> for LogFormat {
    fn from(format: LogFormatArgument) -> Self {
        match format {
            LogFormatArgument::Text => Self::Text,
            LogFormatArgument::Json => Self::Json,
        }
    }
}
