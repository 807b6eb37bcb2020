//! The `coordinator` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    sheaf_coordinator::cli::main()
}
