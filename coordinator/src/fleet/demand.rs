//! How many workers a backlog wants.

use std::time::Duration;

/// The work that waits, and how fast it goes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Backlog {
    /// Jobs that wait, those that are leased not among them.
    pub jobs: u64,
    /// Documents done a second by the whole fleet, lately; zero while that is not known.
    pub done_per_second: f64,
}

/// What a person allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerBounds {
    /// Fewest workers, also with nothing to do.
    pub least: u32,
    /// Most workers.
    pub most: u32,
    /// In this time the backlog is to be done.
    pub horizon: Duration,
}

impl Default for WorkerBounds {
    fn default() -> Self {
        Self { least: 0, most: 64, horizon: Duration::from_mins(10) }
    }
}

/// The number of workers that an autoscaler should aim at.
///
/// ```text
/// by slots = ⌈backlog ÷ slots of a worker⌉                        more would have nothing to do
/// by time  = ⌈backlog ÷ (rate of a worker × horizon)⌉             rate of a worker = rate of the fleet ÷ its workers
/// wanted   = by time, at most by slots, within the bounds; with a backlog at least one
/// ```
///
/// While no rate is known, the time is no bound. `workers` and `slots` are those of the workers that take work.
pub fn wanted_workers(backlog: Backlog, workers: u32, slots: u64, bounds: WorkerBounds) -> u32 {
    let most = bounds.most.max(bounds.least);
    if backlog.jobs == 0 {
        return bounds.least;
    }
    let slots_each = slots.checked_div(workers.into()).unwrap_or(1).max(1);
    let by_slots = backlog.jobs.div_ceil(slots_each);
    let rate_each = backlog.done_per_second / f64::from(workers.max(1));
    let within_horizon = rate_each * bounds.horizon.as_secs_f64();
    let by_time = if within_horizon.is_finite() && within_horizon > 0.0 {
        // A number beyond the largest becomes the largest.
        (backlog.jobs as f64 / within_horizon).ceil() as u64
    } else {
        u64::MAX
    };
    let wanted = u32::try_from(by_time.min(by_slots)).unwrap_or(u32::MAX);
    wanted.max(1).clamp(bounds.least, most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: WorkerBounds = WorkerBounds { least: 0, most: 20, horizon: Duration::from_mins(10) };

    fn wanted(jobs: u64, done_per_second: f64, workers: u32, slots: u64) -> u32 {
        wanted_workers(Backlog { jobs, done_per_second }, workers, slots, BOUNDS)
    }

    #[test]
    fn the_formula_in_examples() {
        assert_eq!(wanted(0, 5.0, 4, 12), 0, "nothing to do");
        assert_eq!(wanted(1, 0.0, 0, 0), 1, "something to do and nobody there");
        assert_eq!(wanted(9, 0.0, 2, 6), 3, "no rate yet: as many as have a slot to fill");
        assert_eq!(wanted(6_000, 4.0, 4, 12), 10, "one worker does 600 in the horizon");
        assert_eq!(wanted(6_000_000, 4.0, 4, 12), 20, "no more than allowed");
        assert_eq!(wanted(5, 0.001, 1, 3), 2, "slow, but more than two would have nothing to do");
    }

    proptest! {
        #[test]
        fn stays_within_the_bounds_and_grows_with_the_backlog(
            jobs in 0..u64::MAX / 2, more in 0..u64::MAX / 2, rate: f64, workers: u32, slots: u64,
            least in 0..5_u32, most in 0..50_u32, horizon_s: u32,
        ) {
            let bounds = WorkerBounds { least, most, horizon: Duration::from_secs(horizon_s.into()) };
            let wanted = |jobs| wanted_workers(Backlog { jobs, done_per_second: rate }, workers, slots, bounds);
            prop_assert!((least..=most.max(least)).contains(&wanted(jobs)));
            prop_assert!(wanted(jobs) <= wanted(jobs + more));
        }
    }
}
