//! The `worker` program, built with the tests of `bench`, which start it.

use std::process::ExitCode;

fn main() -> ExitCode {
    sheaf_worker::cli::main()
}
