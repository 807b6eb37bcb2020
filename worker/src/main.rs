//! The `worker` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    sheaf_worker::cli::main()
}
