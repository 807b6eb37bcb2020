//! The `coordinator` program as its tests need it: with the stand-in document type whose parser misbehaves, and with a
//! look-up of names that a test can script (see `sheaf_tests::names`).

use std::process::ExitCode;

fn main() -> ExitCode {
    sheaf_coordinator::cli::main_with(sheaf_tests::names::lookup())
}
