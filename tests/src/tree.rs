//! A program and its children, and how much memory they have together.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How often the memory is looked at.
const PERIOD: Duration = Duration::from_millis(20);

/// The most memory that a tree of processes was seen to have, in bytes.
#[derive(Debug, Clone, Default)]
pub struct Peak {
    /// Of all processes together: pages that several share count once (the sum of proportional set sizes).
    pub tree: u64,
    /// Of the program itself: all that is resident of it.
    pub program: u64,
    /// What each process had of it at that moment, the program first.
    pub processes: Vec<u64>,
}

/// Watches a tree of processes from a thread of its own.
#[derive(Debug)]
pub struct Watch {
    ended: Arc<AtomicBool>,
    watching: JoinHandle<Peak>,
}

impl Watch {
    /// Watches the process `root` and everything below it.
    pub fn start(root: u32) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let seen = ended.clone();
        let watching = thread::spawn(move || {
            let mut peak = Peak::default();
            while !seen.load(Ordering::Relaxed) {
                let processes = descendants(root);
                // A process that is gone between the two looks has nothing any more.
                let each: Vec<u64> =
                    processes.iter().filter_map(|&process| kib(process, "smaps_rollup", "Pss:")).collect();
                let tree = each.iter().sum();
                if tree > peak.tree {
                    (peak.tree, peak.processes) = (tree, each);
                }
                peak.program = peak.program.max(kib(root, "status", "VmHWM:").unwrap_or(0));
                thread::sleep(PERIOD);
            }
            peak
        });
        Self { ended, watching }
    }

    /// Ends the watch.
    pub fn end(self) -> Peak {
        self.ended.store(true, Ordering::Relaxed);
        self.watching.join().expect("the watch goes on to its end")
    }
}

/// `root` and every process below it.
pub fn descendants(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut next = 0;
    while let Some(&process) = all.get(next) {
        next += 1;
        let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    all
}

/// A figure of a process's `/proc` file, in bytes.
fn kib(process: u32, file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib << 10)
}
