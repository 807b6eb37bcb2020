//! Processes that this one started, and those that they started.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, getpid, kill_process, set_child_subreaper};

/// How long processes that were killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// Orphans below this process become its own children from now on, so that none is out of sight.
pub(crate) fn adopt() {
    // Where the kernel cannot, only processes whose parents were killed stay out of sight.
    let _ = set_child_subreaper(Some(getpid()));
}

/// Ends every descendant with SIGKILL, those that appear meanwhile too.
pub(crate) fn end_all() {
    let begun = Instant::now();
    loop {
        let there = of(getpid().as_raw_nonzero().get());
        if there.is_empty() || begun.elapsed() > PATIENCE {
            return;
        }
        for process in there {
            if let Some(process) = Pid::from_raw(process) {
                let _gone = kill_process(process, Signal::KILL);
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Descendants of a process that still run; those that have ended and only wait to be looked at do not count.
pub(crate) fn of(process: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let mut parents = vec![process];
    while let Some(parent) = parents.pop() {
        for child in children(parent) {
            parents.push(child);
            if !has_ended(child) {
                found.push(child);
            }
        }
    }
    found
}

/// Children of a process, whichever of its threads started them.
pub(crate) fn children(process: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let children =
        threads.map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    children
        .flat_map(|ids| ids.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<i32>>())
        .collect()
}

fn has_ended(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The state stands behind the name, which is in parentheses and may hold anything.
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_of_children_are_found() {
        let mut shell =
            Command::new("sh").args(["-c", "sleep 60 & wait"]).stdin(Stdio::null()).spawn().unwrap();
        let id = shell.id().cast_signed();
        let begun = Instant::now();
        while of(id).is_empty() && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        let below = of(id);
        assert_eq!(below.len(), 1, "{below:?}");
        assert!(of(getpid().as_raw_nonzero().get()).contains(&below[0]));
        for process in below {
            kill_process(Pid::from_raw(process).unwrap(), Signal::KILL).unwrap();
        }
        shell.wait().unwrap();
        assert!(of(id).is_empty());
    }
}
