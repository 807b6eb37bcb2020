//! The command line of `worker`, and what that of `coordinator` has in common with it.

mod arguments;
mod credential;
mod health;
mod log_format;
mod program;
mod start;

use std::{io::Write, process::ExitCode};

use clap::{Parser, error::ErrorKind};

use self::arguments::{Arguments, Command};
pub use self::{
    credential::{CredentialArguments, token},
    log_format::LogFormatArgument,
    program::own_program,
};

/// It left in good order: drained, handed back what it could not finish, said goodbye.
const LEFT: u8 = 0;
/// It could not work.
const FAILED: u8 = 1;
/// The command line was wrong.
const USAGE: u8 = 2;

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    sheaf_common::heap::keep_little();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return unparsed(&error),
    };
    match arguments.command {
        Command::Start(arguments) => start::main(&arguments),
        Command::ParseChild { memory_bytes } => match crate::child::serve(memory_bytes) {
            Ok(()) => ExitCode::from(LEFT),
            Err(error) => complain(&format!("the parsing child cannot serve: {error}"), FAILED),
        },
    }
}

/// Help and version, which were asked for, and what is wrong with a command line, in one line.
fn unparsed(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _closed_pipe = error.print();
        return ExitCode::from(if error.use_stderr() { USAGE } else { LEFT });
    }
    complain(&format!("{}; see worker start --help", in_one_line(error)), USAGE)
}

/// What is wrong with a command line, in one line and without the usage.
pub fn in_one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let mut message = String::new();
    let said = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    for line in said.take_while(|line| !line.starts_with("For more")).filter(|line| !line.is_empty()) {
        // A value that begins with dashes is hardly ever meant.
        if line.starts_with("tip: to pass") {
            continue;
        }
        if !message.is_empty() {
            message += if message.ends_with(':') { " " } else { "; " };
        }
        message += line.trim_start_matches("error: ");
    }
    message
}

/// Says in one line on standard error what is wrong.
fn complain(message: &str, status: u8) -> ExitCode {
    note(&format!("error: {message}"));
    ExitCode::from(status)
}

/// Says something to the person on standard error.
fn note(message: &str) {
    // There is nobody to tell when standard error is gone.
    let _gone = writeln!(std::io::stderr(), "{message}");
}
