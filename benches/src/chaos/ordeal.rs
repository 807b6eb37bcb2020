//! The run while blows fall on it.

use std::{
    collections::{BTreeSet, VecDeque},
    fs, io,
    path::PathBuf,
    time::{Duration, Instant},
};

use fastrand::Rng;
use sheaf_common::queue::{DeadLetter, Tallies};
use tokio::time::MissedTickBehavior;

use super::{
    plan::{Blow, Moment},
    recovery::{Case, Done, Sight},
    stage::Stage,
    watch::Watch,
};
use crate::{AnyError, process::Process};

/// Between two looks: how exactly recoveries are measured.
const LOOK: Duration = Duration::from_millis(50);
/// For how long a worker is stopped: longer than its lease of 10 s.
const ASLEEP: Duration = Duration::from_secs(12);
/// How long a run may take to be in Redis.
const BEGIN: Duration = Duration::from_mins(2);
/// How often Redis is asked for what happened so far.
const COUNT: Duration = Duration::from_secs(1);

/// A run by a fleet, and what is still to be done to it.
pub(super) struct Ordeal {
    stage: Stage,
    watch: Watch,
    out: PathBuf,
    documents: usize,
    moments: VecDeque<Moment>,
    random: Rng,
    begun: Instant,
    cases: Vec<Case>,
    /// Stopped workers, and when they go on.
    asleep: Vec<(usize, Instant)>,
    done: Done,
    tallies: Tallies,
    counted: Instant,
}

/// What came of it.
pub(super) struct Survived {
    pub(super) begun: Instant,
    pub(super) took: Duration,
    pub(super) cases: Vec<Case>,
    pub(super) tallies: Tallies,
    pub(super) dead_letters: Vec<DeadLetter>,
    /// Blows that came too late.
    pub(super) missed: usize,
}

impl Ordeal {
    /// Begins when the run is in Redis.
    pub(super) async fn begin(
        mut stage: Stage,
        out: PathBuf,
        documents: usize,
        moments: Vec<Moment>,
        random: Rng,
    ) -> Result<Self, AnyError> {
        let begun = Instant::now();
        let connector = stage.redis.connector().await;
        let watch = loop {
            let error = match Watch::open(connector.clone(), &out).await {
                Ok(watch) => break watch,
                Err(error) => error,
            };
            if stage.coordinator.ended()?.is_some() || begun.elapsed() > BEGIN {
                let said = stage.coordinator.last_words();
                return Err(format!("the run has not begun ({error}); the coordinator said: {said}").into());
            }
            tokio::time::sleep(LOOK).await;
        };
        Ok(Self {
            stage,
            watch,
            out,
            documents,
            moments: moments.into(),
            random,
            begun,
            cases: Vec::new(),
            asleep: Vec::new(),
            done: Done::default(),
            tallies: Tallies::default(),
            counted: begun,
        })
    }

    /// Lets every blow fall at its moment until the run ends, at the latest after `patience`.
    pub(super) async fn run(mut self, patience: Duration) -> Result<Survived, AnyError> {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Some(status) = self.stage.coordinator.ended()? {
                if !status.success() {
                    let said = self.stage.coordinator.last_words();
                    return Err(format!("the coordinator ended with {status}; it said: {said}").into());
                }
                break;
            }
            if let Some(gone) = self.stage.gone_worker()? {
                return Err(gone.into());
            }
            if self.begun.elapsed() > patience {
                return Err(self.stuck(patience).into());
            }
            self.wake(Instant::now());
            // While Redis or the run is away there is nothing to see.
            let Ok(()) = self.look().await else { continue };
            let share = self.done.count() as f64 / self.documents.max(1) as f64;
            // When all is done there is nothing left to hurt: such a blow would prove nothing.
            if share < 1.0 && self.moments.front().is_some_and(|moment| moment.share <= share) {
                self.strike().await?;
            }
        }
        let ended = Instant::now();
        for case in &mut self.cases {
            case.complete(ended);
        }
        Ok(Survived {
            begun: self.begun,
            took: ended - self.begun,
            missed: self.moments.len() + self.asleep.len(),
            tallies: self.tallies,
            dead_letters: self.watch.dead_letters().await?,
            cases: self.cases,
        })
    }

    /// Looks at the run, and whether what was missed is back.
    async fn look(&mut self) -> Result<(), AnyError> {
        if let Some(done) = self.watch.done().await? {
            self.done = done;
        }
        if self.counted.elapsed() >= COUNT {
            self.tallies = self.watch.tallies().await?;
            self.counted = Instant::now();
        }
        if self.cases.iter().all(|case| case.back.is_some()) {
            return Ok(());
        }
        let leases = self.watch.leases().await?;
        // After the leases: what is no longer under lease by then is committed.
        if let Some(done) = self.watch.done().await? {
            self.done = done;
        }
        let sight = Sight { leases, done: self.done.clone(), results_bytes: self.results_bytes() };
        let now = Instant::now();
        for case in &mut self.cases {
            case.look(&sight, now);
        }
        Ok(())
    }

    /// The next blow falls; one that finds no victim waits.
    async fn strike(&mut self) -> io::Result<()> {
        let Some(moment) = self.moments.front().copied() else { return Ok(()) };
        let at = Instant::now();
        let case = match moment.blow {
            Blow::KillCoordinator => {
                let case = Case::of_coordinator(self.results_bytes(), at);
                self.stage.replace_coordinator().await?;
                case
            }
            Blow::KillRedis => {
                let case = Case::of_redis(self.done.count(), at);
                self.stage.restart_redis();
                case
            }
            Blow::KillWorker | Blow::StopWorker => {
                let Some((place, name)) = self.victim() else { return Ok(()) };
                if moment.blow == Blow::KillWorker {
                    self.stage.replace_worker(place).await?;
                } else {
                    self.stage.set_asleep(place, true);
                    self.asleep.push((place, at + ASLEEP));
                }
                Case::of_worker(moment.blow, name, at)
            }
        };
        self.cases.push(case);
        self.moments.pop_front();
        Ok(())
    }

    /// A worker that has joined the fleet and is awake.
    fn victim(&mut self) -> Option<(usize, String)> {
        let asleep: BTreeSet<usize> = self.asleep.iter().map(|(place, _)| *place).collect();
        let workers = self.stage.workers.iter().map(Process::joined).enumerate();
        let there = workers.filter(|(place, _)| !asleep.contains(place));
        let mut there: Vec<_> = there.filter_map(|(place, name)| Some((place, name?))).collect();
        (!there.is_empty()).then(|| there.swap_remove(self.random.usize(..there.len())))
    }

    fn wake(&mut self, now: Instant) {
        let stage = &self.stage;
        self.asleep.retain(|(place, until)| {
            let sleeps = *until > now;
            if !sleeps {
                stage.set_asleep(*place, false);
            }
            sleeps
        });
    }

    /// 0 while there is no such file.
    fn results_bytes(&self) -> u64 {
        fs::metadata(self.out.join("results.jsonl")).map_or(0, |metadata| metadata.len())
    }

    fn stuck(&self, patience: Duration) -> String {
        format!(
            "the run has not ended after {:.0} s: {} of {} documents are committed; the coordinator said: {}",
            patience.as_secs_f64(),
            self.done.count(),
            self.documents,
            self.stage.coordinator.last_words()
        )
    }
}
