//! The coordinator as a process whose time and memory are measured.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::AnyError;

/// Pause between two looks at a process's memory.
const LOOK: Duration = Duration::from_millis(20);

/// What a run took.
pub(crate) struct Taken {
    pub(crate) seconds: f64,
    /// Most memory that the process and its children had at one moment, in bytes: proportional set size, so that what
    /// they share counts once.
    pub(crate) peak_bytes: u64,
}

/// The program of this name in `folder`; without one, beside this program.
pub(crate) fn named(name: &str, folder: Option<&Path>) -> Result<PathBuf, AnyError> {
    let program = match folder {
        Some(folder) => std::path::absolute(folder)?.join(name),
        None => std::env::current_exe()?.with_file_name(name),
    };
    if program.exists() {
        return Ok(program);
    }
    let build = format!("cargo build --release -p sheaf-{name}");
    Err(format!("{} does not exist: run {build} first", program.display()).into())
}

/// The coordinator beside this program.
pub(crate) fn coordinator() -> Result<PathBuf, AnyError> {
    named("coordinator", None)
}

/// Runs the coordinator to its end; an exit status other than 0 and 3 is an error.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: &[A], watch_memory: bool) -> Result<Taken, AnyError> {
    let begun = Instant::now();
    let mut process = Command::new(coordinator()?)
        .arg("run")
        .args(arguments)
        .args(["--progress", "none"])
        .stdout(Stdio::null())
        .spawn()?;
    let mut peak_bytes = 0;
    if watch_memory {
        while process.try_wait()?.is_none() {
            peak_bytes = peak_bytes.max(tree_bytes(process.id()));
            thread::sleep(LOOK);
        }
    }
    let status = process.wait()?;
    let seconds = begun.elapsed().as_secs_f64();
    if !matches!(status.code(), Some(0 | 3)) {
        return Err(format!("the coordinator ended with {status}").into());
    }
    Ok(Taken { seconds, peak_bytes })
}

/// Proportional set size of a process and its children.
fn tree_bytes(process: u32) -> u64 {
    let children =
        fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten().flat_map(|task| {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            children.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<u32>>()
        });
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let kilobytes: u64 = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
        .unwrap_or_default();
    kilobytes * 1024 + children.map(tree_bytes).sum::<u64>()
}

/// The records of a run without what differs from run to run.
pub(crate) fn records(out: &Path) -> Result<Vec<Value>, AnyError> {
    let text = fs::read_to_string(out.join("results.jsonl"))?;
    text.lines()
        .map(|line| {
            let mut record: Value = serde_json::from_str(line)?;
            if let Some(fields) = record.as_object_mut() {
                fields.remove("timings_ms");
            }
            Ok(record)
        })
        .collect()
}
