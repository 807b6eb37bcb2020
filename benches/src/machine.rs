//! The machine that is measured on, and what runs on it.

use std::{fs, path::Path, process::Command};

use serde::{Deserialize, Serialize};

/// What a figure depends on. What cannot be found out is said to be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    /// Cores that this program may use.
    pub(crate) cores: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) kernel: String,
    /// Load of the last minute when the measurement began: work of others takes from every figure.
    pub(crate) load: String,
    pub(crate) sheaf: String,
    /// How this program was built: only an optimised build is worth comparing.
    pub(crate) build: String,
    pub(crate) redis: String,
    pub(crate) rustc: String,
}

impl Machine {
    /// This machine, now.
    pub(crate) fn look() -> Self {
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            cores: cores(),
            memory_bytes: field("/proc/meminfo", "MemTotal")
                .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
                .map_or(0, |kilobytes| kilobytes * 1024),
            kernel: read("/proc/sys/kernel/osrelease").unwrap_or_else(unknown),
            load: read("/proc/loadavg")
                .and_then(|text| text.split_whitespace().next().map(str::to_owned))
                .unwrap_or_else(unknown),
            sheaf: env!("CARGO_PKG_VERSION").to_owned(),
            build: if cfg!(debug_assertions) {
                "with debug assertions: not for comparison"
            } else {
                "optimised"
            }
            .to_owned(),
            redis: said("redis-server", &["--version"])
                .and_then(|text| {
                    text.split_whitespace().find_map(|word| word.strip_prefix("v=").map(str::to_owned))
                })
                .unwrap_or_else(|| "not installed".to_owned()),
            rustc: env!("SHEAF_RUSTC").to_owned(),
        }
    }

    /// In lines of name and value.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        vec![
            ("processor", format!("{}, {} cores for this program", self.processor, self.cores)),
            ("memory", format!("{:.1} GiB", self.memory_bytes as f64 / f64::from(1 << 30))),
            ("kernel", self.kernel.clone()),
            ("load before", self.load.clone()),
            ("Sheaf", format!("{}, {}", self.sheaf, self.build)),
            ("Redis", self.redis.clone()),
            ("rustc", self.rustc.clone()),
        ]
    }
}

/// Cores that this program, and what it starts, may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// The value of the first line `name : value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = read(path)?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// What a program says of itself; `None` where it is not installed.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The installed program of this name.
pub(crate) fn installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        let machine = Machine::look();
        assert!(machine.cores > 0 && machine.memory_bytes > 1 << 20, "{machine:?}");
        assert!(machine.rustc.starts_with("rustc "), "{machine:?}");
        assert!(installed("sh") && !installed("no-program-has-this-name"));
    }
}
