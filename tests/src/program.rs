//! The coordinator as a real process in a folder of its own.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A folder in which programs are run; removed at its end.
#[derive(Debug)]
pub struct Room {
    folder: TempDir,
    program: PathBuf,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Room {
    /// A fresh folder for `program`, which a test of this crate names as `env!("CARGO_BIN_EXE_coordinator-under-test")`.
    pub fn new(program: &str) -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), program: program.into() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file in the folder, its parents included.
    pub fn write(&self, name: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders are made");
        fs::write(&path, contents).expect("a file is written");
        path
    }

    /// The program with these arguments, in this folder, without terminal or inherited settings.
    pub fn command<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn run<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Ended {
        let output = self.command(arguments).output().expect("the program starts");
        Ended {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The records in `out`, in the order of the file.
    pub fn records(&self, out: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path().join(out).join("results.jsonl")).expect("results.jsonl");
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }
}
