//! What this process and its children take of the machine, as Linux tells it.

use std::{
    fs,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// What a process takes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Share of the cores in use since the last look, 0 to 1.
    pub cpu_share: f64,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// Child processes that are alive.
    pub children: u32,
}

/// Looks at this process and its children. On other systems than Linux it sees nothing.
#[derive(Debug, Default)]
pub struct Gauge {
    last: Mutex<Option<(Instant, u64)>>,
}

impl Gauge {
    /// What is in use now.
    pub fn read(&self) -> Usage {
        let children = children();
        let all = || std::iter::once("self".to_owned()).chain(children.iter().cloned());
        let ticks: u64 = all().filter_map(|process| ticks(&process)).sum();
        let pages: u64 = all().filter_map(|process| pages(&process)).sum();
        let now = Instant::now();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace((now, ticks));
        let cpu_share = last.map_or(0.0, |(then, before)| {
            let seconds =
                ticks.saturating_sub(before) as f64 / rustix::param::clock_ticks_per_second() as f64;
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            (seconds / (now - then).as_secs_f64().max(1e-3) / cores as f64).min(1.0)
        });
        let resident_bytes = pages * rustix::param::page_size() as u64;
        Usage { cpu_share, resident_bytes, children: children.len() as u32 }
    }
}

/// Memory of this machine, or what a container's limit leaves of it, in bytes; 0 where that cannot be told.
pub fn memory_bytes() -> u64 {
    let limit =
        fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse::<u64>().ok());
    let total = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
    });
    match (limit, total) {
        (Some(limit), Some(total)) => limit.min(total),
        (limit, total) => limit.or(total).unwrap_or(0),
    }
}

/// The children of every thread.
fn children() -> Vec<String> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    let of = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children")).unwrap_or_default();
    threads
        .flatten()
        .flat_map(|thread| of(thread).split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Clock ticks that a process has taken, with those of its children that have ended (proc(5), stat, fields 14 to 17).
fn ticks(process: &str) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    fields.get(11..15)?.iter().map(|field| field.parse::<u64>().ok()).sum()
}

/// Resident pages (proc(5), statm, field 2).
fn pages(process: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/{process}/statm")).ok()?.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn work_is_seen() {
        let gauge = Gauge::default();
        gauge.read();
        let begun = Instant::now();
        let mut sum = 0_u64;
        while begun.elapsed().as_millis() < 100 {
            sum = std::hint::black_box(sum.wrapping_mul(31) + 1);
        }
        let usage = gauge.read();
        assert!(usage.cpu_share > 0.0 && usage.cpu_share <= 1.0, "{usage:?}");
        assert!(usage.resident_bytes > 1 << 20, "{usage:?}");
    }
}
