//! Where documents are analysed.

use std::{fmt, str::FromStr};

/// Where documents are analysed. The results are the same in every mode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One document after the other, in order.
    Sync,
    /// Many documents in flight; CPU work on the blocking pool.
    #[default]
    Async,
    /// Each document in a child process.
    Process,
    /// CPU-bound documents in child processes, the others on the runtime.
    Hybrid,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Sync, Self::Async, Self::Process, Self::Hybrid];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Async => "async",
            Self::Process => "process",
            Self::Hybrid => "hybrid",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.name() == name)
            .ok_or_else(|| format!("no mode is called {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_known_by_its_name() {
        for mode in Mode::ALL {
            assert_eq!(mode.name().parse(), Ok(mode));
        }
        assert!("asinc".parse::<Mode>().is_err());
    }
}
