//! What fails, where, and what to do.

use std::{io, path::PathBuf};

use rusqlite::ErrorCode;

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file could not be put in its place, or taken out of it.
    #[error(
        "the tables in {path} cannot be used: {doing} failed: {error}; check the folder and the disk it is on"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        error: io::Error,
    },
    /// A statement failed.
    #[error("the table of {table} in {path} cannot be used: {doing} failed: {error}; {}", advice(.error))]
    Statement {
        /// The file.
        path: PathBuf,
        /// What the table holds.
        table: &'static str,
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        error: rusqlite::Error,
    },
    /// An earlier statement failed half-way: what the tables say can no longer be relied on.
    #[error("the tables in {path} are not whole since this happened: {why}")]
    Ruined {
        /// The file.
        path: PathBuf,
        /// What failed first, and what to do.
        why: String,
    },
}

fn advice(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            "make room on the disk and run the same command again: what is done is kept"
        }
        _ => "check the disk and run the same command again: what is done is kept",
    }
}
