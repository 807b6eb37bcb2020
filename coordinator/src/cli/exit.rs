//! How the program ends.

use std::{io::Write, process::ExitCode};

/// Exit statuses, as documented for users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every document ok or skipped.
    Ok,
    /// The run could not complete.
    Failed,
    /// The command line was wrong.
    Usage,
    /// The run completed and some documents failed or are incomplete.
    Documents,
    /// Interrupted: drained, resumable.
    Interrupted,
}

/// Status of [`Exit::Interrupted`].
pub(super) const INTERRUPTED: u8 = 130;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Documents => 3,
            Exit::Interrupted => INTERRUPTED,
        })
    }
}

/// Says in one line on standard error why the run could not complete.
pub(super) fn complain(message: &str) -> Exit {
    say_error(message);
    Exit::Failed
}

/// Says in one line on standard error what is wrong with the command line.
pub(super) fn complain_of_usage(message: &str) -> Exit {
    say_error(message);
    Exit::Usage
}

fn say_error(message: &str) {
    // There is nobody to tell when standard error is gone.
    let _gone = writeln!(std::io::stderr(), "error: {message}");
}

/// Says something to the person on standard error.
pub(super) fn note(message: &str) {
    let _gone = writeln!(std::io::stderr(), "{message}");
}

/// Writes a result to standard output; a closed pipe is its reader's choice.
pub(super) fn say(message: &str) {
    let _closed = writeln!(std::io::stdout(), "{message}");
}
