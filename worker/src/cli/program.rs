//! The program itself, which is also what its children run.

use std::{env, path::PathBuf};

use sheaf_common::fault::said;

/// The file that is running, even when another was put in its place meanwhile.
///
/// # Errors
///
/// A sentence for the person, when the system does not tell.
pub fn own_program() -> Result<PathBuf, String> {
    let proc = PathBuf::from("/proc/self/exe");
    if proc.exists() {
        return Ok(proc);
    }
    env::current_exe().map_err(|error| format!("this program's own file cannot be found: {}", said(&error)))
}
