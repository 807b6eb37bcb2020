//! What every scenario is given.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::peer::Peers;

/// What every scenario is given.
#[derive(Debug, Clone)]
pub(crate) struct Bench {
    /// Folder of the programs coordinator and worker; without it, this program's.
    pub(crate) programs: Option<PathBuf>,
    /// Other programs to measure beside; `None`: their columns stay empty.
    pub(crate) peers: Option<Peers>,
    /// About how long the scenario may take, peers apart.
    pub(crate) budget: Duration,
}

impl Bench {
    /// Up to `most` rounds, as long as they fit into this share of the budget; at least one.
    pub(crate) fn rounds(&self, most: usize, share: f64) -> Rounds {
        Rounds {
            next: 0,
            most,
            deadline: Instant::now() + self.budget.mul_f64(share),
            longest: Duration::ZERO,
            at: None,
        }
    }
}

/// Numbers of rounds from 0. It ends before a round that would take too long, going by the longest so far; how many there
/// were is told with every figure.
#[derive(Debug)]
pub(crate) struct Rounds {
    next: usize,
    most: usize,
    deadline: Instant,
    longest: Duration,
    /// When the round under way began.
    at: Option<Instant>,
}

impl Iterator for Rounds {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let now = Instant::now();
        if let Some(at) = self.at.replace(now) {
            self.longest = self.longest.max(now - at);
            if now + self.longest > self.deadline {
                return None;
            }
        }
        (self.next < self.most).then(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(seconds: u64) -> Bench {
        Bench { programs: None, peers: None, budget: Duration::from_secs(seconds) }
    }

    #[test]
    fn rounds_end_with_their_number_or_with_the_time() {
        assert_eq!(bench(3_600).rounds(5, 1.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(bench(0).rounds(5, 1.0).collect::<Vec<_>>(), [0], "one there always is");
        assert_eq!(bench(3_600).rounds(5, 0.0).count(), 1);
    }
}
