//! The command line of `worker`.

mod arguments;
mod health;
mod start;

use std::{io::Write, process::ExitCode};

use clap::Parser;

use self::arguments::{Arguments, Command};

/// It left in good order: drained, handed back what it could not finish, said goodbye.
const LEFT: u8 = 0;
/// It could not work.
const FAILED: u8 = 1;
/// The command line was wrong.
const USAGE: u8 = 2;

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    sheaf_common::heap::return_large_blocks();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let wrong = error.use_stderr();
            let _closed_pipe = error.print();
            return ExitCode::from(if wrong { USAGE } else { LEFT });
        }
    };
    match arguments.command {
        Command::Start(arguments) => start::main(&arguments),
        Command::ParseChild { memory_bytes } => match crate::child::serve(memory_bytes) {
            Ok(()) => ExitCode::from(LEFT),
            Err(error) => complain(&format!("the parsing child cannot serve: {error}"), FAILED),
        },
    }
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
