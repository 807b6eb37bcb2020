//! The command line of `coordinator`.

mod arguments;
mod asked;
mod cache;
mod doctor;
mod exit;
mod fleet;
mod interrupt;
mod operator;
mod run;

use std::{process::ExitCode, sync::Arc};

use clap::{Parser, error::ErrorKind};
use sheaf_common::fleet::Command as Asked;
use sheaf_fetch::{Lookup, SystemLookup};

use arguments::{Arguments, Command};
pub use exit::Exit;

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    main_with(Arc::new(SystemLookup))
}

/// Verbs with a help of their own.
const VERBS: [&str; 9] = ["run", "doctor", "workers", "drain", "pause", "resume", "replay", "purge", "cache"];

/// Help and version, which were asked for, and what is wrong with a command line, in one line.
fn unparsed(error: &clap::Error) -> Exit {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _closed_pipe = error.print();
        return if error.use_stderr() { Exit::Usage } else { Exit::Ok };
    }
    let message = sheaf_worker::cli::in_one_line(error);
    let verb = std::env::args().nth(1).filter(|verb| VERBS.contains(&verb.as_str()));
    let verb = verb.map_or(String::new(), |verb| format!(" {verb}"));
    exit::complain_of_usage(&format!("{message}; see coordinator{verb} --help"))
}

/// The same with another way from names to addresses, which a test may script.
pub fn main_with(lookup: Arc<dyn Lookup>) -> ExitCode {
    sheaf_common::heap::keep_little();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return unparsed(&error).into(),
    };
    match arguments.command {
        Command::Run(arguments) => run::main(&arguments, lookup).into(),
        Command::Doctor(arguments) => doctor::main(&arguments).into(),
        Command::Workers(arguments) => operator::workers(&arguments).into(),
        Command::Drain { worker, reach } => operator::command(&reach, &worker, Asked::Drain).into(),
        Command::Pause { worker, reach } => operator::command(&reach, &worker, Asked::Pause).into(),
        Command::Resume { worker, reach } => operator::command(&reach, &worker, Asked::Resume).into(),
        Command::Replay(arguments) => operator::replay(&arguments).into(),
        Command::Purge(arguments) => operator::purge(&arguments).into(),
        Command::Cache(command) => cache::main(&command).into(),
        Command::KeepRedis { server, configuration } => {
            match crate::private_redis::keep(&server, &configuration) {
                Ok(()) => Exit::Ok.into(),
                Err(error) => exit::complain(&format!("the keeper of a private Redis ended: {error}")).into(),
            }
        }
        Command::ParseChild { memory_bytes } => match sheaf_worker::child::serve(memory_bytes) {
            Ok(()) => Exit::Ok.into(),
            Err(error) => exit::complain(&format!("the parsing child cannot serve: {error}")).into(),
        },
    }
}
