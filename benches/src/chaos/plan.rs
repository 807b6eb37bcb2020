//! What is done to a run, and how far it is by then.

use clap::Args;
use fastrand::Rng;

/// The first blow falls when this share of the documents is done, or later.
const FIRST: f64 = 0.03;
/// The last one falls before this share is done: whoever is killed last must still be missed.
const LAST: f64 = 0.85;
/// Stops fall into the first part of the blows: the run must still be going when the stopped worker wakes up.
const STOPS_WITHIN: f64 = 0.3;

/// How often what is done.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Counts {
    /// Workers ended with kill -9, each followed by a fresh one
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) worker_kills: usize,
    /// How often the coordinator is ended with kill -9 and the same command given again
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(super) coordinator_kills: usize,
    /// How often Redis is ended with kill -9 and started again from its append-only file
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(super) redis_kills: usize,
    /// How often a worker is stopped (SIGSTOP) for longer than its lease and then goes on (SIGCONT)
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) stops: usize,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    KillWorker,
    KillCoordinator,
    KillRedis,
    StopWorker,
}

impl Blow {
    /// Every kind, in the order of the report.
    pub(super) const ALL: [Self; 4] =
        [Self::KillWorker, Self::KillCoordinator, Self::KillRedis, Self::StopWorker];

    /// In the words of the report.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KillWorker => "kill -9 of a worker",
            Self::KillCoordinator => "kill -9 of the coordinator",
            Self::KillRedis => "kill -9 of Redis",
            Self::StopWorker => "SIGSTOP of a worker",
        }
    }

    /// What the time of its recovery lasts until.
    pub(super) fn until(self) -> &'static str {
        match self {
            Self::KillWorker | Self::StopWorker => {
                "every job it held is committed or leased by another worker"
            }
            Self::KillCoordinator => "the next one has written a record",
            Self::KillRedis => "a document is committed again",
        }
    }
}

/// A blow and its moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    /// Share of the documents that is done by then.
    pub(super) share: f64,
    pub(super) blow: Blow,
}

/// The blows in the order of their moments: shuffled, one in each of equal parts of the run.
pub(super) fn plan(counts: Counts, random: &mut Rng) -> Vec<Moment> {
    let Counts { worker_kills, coordinator_kills, redis_kills, stops } = counts;
    let mut blows = [
        vec![Blow::KillWorker; worker_kills],
        vec![Blow::KillCoordinator; coordinator_kills],
        vec![Blow::KillRedis; redis_kills],
    ]
    .concat();
    random.shuffle(&mut blows);
    let total = blows.len() + stops;
    let early = ((total as f64 * STOPS_WITHIN) as usize).min(blows.len());
    for _ in 0..stops {
        blows.insert(random.usize(..=early), Blow::StopWorker);
    }
    let part = (LAST - FIRST) / total.max(1) as f64;
    let moment = |(place, blow)| Moment { share: FIRST + part * (place as f64 + random.f64()), blow };
    blows.into_iter().enumerate().map(moment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_blow_falls_once_and_spread_over_the_run() {
        for seed in 0..200 {
            let counts = Counts { worker_kills: 10, coordinator_kills: 3, redis_kills: 2, stops: 1 };
            let moments = plan(counts, &mut Rng::with_seed(seed));
            let of = |blow| moments.iter().filter(|moment| moment.blow == blow).count();
            assert_eq!(Blow::ALL.map(of), [10, 3, 2, 1]);
            assert!(moments.is_sorted_by(|one, next| one.share <= next.share));
            assert!(moments.iter().all(|moment| (FIRST..LAST).contains(&moment.share)));
            let stop = moments.iter().position(|moment| moment.blow == Blow::StopWorker).unwrap();
            assert!(stop <= 4, "the stop is the blow number {stop}");
        }
    }

    #[test]
    fn a_seed_gives_one_plan_and_another_seed_another() {
        let counts = Counts { worker_kills: 5, coordinator_kills: 2, redis_kills: 2, stops: 0 };
        let of = |seed| plan(counts, &mut Rng::with_seed(seed));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
