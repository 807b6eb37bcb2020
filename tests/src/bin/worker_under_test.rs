//! The `worker` program as its tests need it: with the stand-in document type whose parser misbehaves.

use std::process::ExitCode;

fn main() -> ExitCode {
    sheaf_worker::cli::main()
}
