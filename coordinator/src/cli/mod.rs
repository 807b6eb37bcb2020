//! The command line of `coordinator`.

mod arguments;
mod exit;
mod interrupt;
mod run;

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use sheaf_fetch::{Lookup, SystemLookup};

use arguments::{Arguments, Command};
pub use exit::Exit;

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    main_with(Arc::new(SystemLookup))
}

/// The same with another way from names to addresses, which a test may script.
pub fn main_with(lookup: Arc<dyn Lookup>) -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too, and go to standard output with status 0.
            let status = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            let _closed_pipe = error.print();
            return status.into();
        }
    };
    match arguments.command {
        Command::Run(arguments) => run::main(&arguments, lookup).into(),
        Command::ParseChild { memory_bytes } => match sheaf_worker::child::serve(memory_bytes) {
            Ok(()) => Exit::Ok.into(),
            Err(error) => exit::complain(&format!("the parsing child cannot serve: {error}")).into(),
        },
    }
}
