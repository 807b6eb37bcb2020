//! The coordinator as a process whose time and memory are measured.

use std::{
    ffi::OsStr,
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{AnyError, bench::Bench, descendants};

/// Pause between two looks at a process's memory.
const LOOK: Duration = Duration::from_millis(20);

/// What a run took.
pub(crate) struct Taken {
    pub(crate) seconds: f64,
    /// Most memory that the process and its children had at one moment, in bytes: proportional set size, so that what
    /// they share counts once.
    pub(crate) peak_bytes: u64,
    /// CPU time of the process and of those of its children that it has waited for.
    pub(crate) cpu_seconds: f64,
    /// CPU time that was not there for it, because looking at it took that.
    pub(crate) looking_seconds: f64,
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

/// Runs the coordinator in `folder` to its end, with nothing of this program's environment but `variables`: no key and no
/// configuration of the person who measures takes part. An exit status other than 0 and 3 is an error.
pub(crate) fn run<A: AsRef<OsStr>>(
    bench: &Bench,
    folder: &Path,
    arguments: &[A],
    variables: &[(&str, &str)],
    watch_memory: bool,
) -> Result<Taken, AnyError> {
    let program = named("coordinator", bench.programs.as_deref())?;
    let (begun, cpu_before, own_before) = (Instant::now(), cpu_of_the_ended(), cpu_of_our_own());
    let mut process = Command::new(program)
        .arg("run")
        .args(arguments)
        .args(["--progress", "none"])
        .current_dir(folder)
        .env_clear()
        .envs(variables.iter().copied())
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let mut peak_bytes = 0;
    if watch_memory {
        while process.try_wait()?.is_none() {
            peak_bytes = peak_bytes.max(tree_bytes(process.id().cast_signed()));
            thread::sleep(LOOK);
        }
    }
    let status = process.wait()?;
    let seconds = begun.elapsed().as_secs_f64();
    let looking_seconds = cpu_of_our_own() - own_before;
    if !matches!(status.code(), Some(0 | 3)) {
        return Err(format!("the coordinator ended with {status}").into());
    }
    Ok(Taken { seconds, peak_bytes, cpu_seconds: cpu_of_the_ended() - cpu_before, looking_seconds })
}

/// Proportional set size of a process and its descendants.
pub(crate) fn tree_bytes(process: i32) -> u64 {
    let below = descendants::of(process).into_iter();
    std::iter::once(process).chain(below).map(proportional_bytes).sum()
}

fn proportional_bytes(process: i32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let kilobytes: u64 = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
        .unwrap_or_default();
    kilobytes * 1024
}

/// CPU time of a process so far, user and system, of all its threads and of the children it has waited for, in seconds. 0
/// where it cannot be told.
pub(crate) fn cpu_seconds(process: &str) -> f64 {
    // `utime`, `stime`, `cutime` and `cstime`.
    ticks(process, 14..=17)
}

/// CPU time of all processes that this one has started and seen the end of, with those that they have waited for, in
/// seconds. What this process itself spends, by looking at them say, is not in it.
fn cpu_of_the_ended() -> f64 {
    ticks("self", 16..=17)
}

/// CPU time of this process itself, in seconds.
fn cpu_of_our_own() -> f64 {
    ticks("self", 14..=15)
}

/// The sum of these fields of a process's line in proc(5), in seconds.
fn ticks(process: &str, fields: RangeInclusive<usize>) -> f64 {
    /// Clock ticks a second: fixed for programs on Linux, whatever the kernel's own is (proc(5), `USER_HZ`).
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name of the program, the second field, is in parentheses and may hold spaces.
    let line = stat.rsplit_once(')').map_or("", |(_, line)| line);
    let values = (3..).zip(line.split_whitespace()).filter(|(field, _)| fields.contains(field));
    values.filter_map(|(_, ticks)| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS
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

/// Most resident memory that a process has had, in bytes; 0 where it cannot be told.
pub(crate) fn peak_bytes(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kilobytes.unwrap_or_default() * 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_processes_have_spent_is_known() {
        let before = cpu_of_the_ended();
        let mut busy = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let id = busy.id().to_string();
        while cpu_seconds(&id) < 0.1 {
            thread::sleep(LOOK);
        }
        busy.kill().unwrap();
        busy.wait().unwrap();
        assert!(cpu_of_the_ended() - before >= 0.1);
        assert!(cpu_seconds(&id).abs() < f64::EPSILON, "there is no such process");
    }
}
