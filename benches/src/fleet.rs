//! A run by a coordinator and workers over one Redis, watched from outside.

use std::{
    ffi::OsString,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use crate::{AnyError, bench::Bench, process::Process, program, site::Site};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// The part of a run over which its rate is measured: all workers have joined by then, and none lacks work yet.
const STEADY: (f64, f64) = (0.2, 0.95);

/// What a run is asked.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) set: &'a Path,
    pub(crate) out: &'a Path,
    /// Of the coordinator, beside where its set, its results and its Redis are.
    pub(crate) coordinator: &'a [&'a str],
    pub(crate) workers: usize,
    /// Of each worker.
    pub(crate) worker: &'a [&'a str],
    pub(crate) variables: &'a [(&'a str, &'a str)],
    /// When it is called stuck.
    pub(crate) patience: Duration,
}

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran {
    /// From the coordinator's start to its end.
    pub(crate) seconds: f64,
    /// Shares of the results a second while the run is steady.
    pub(crate) steady: f64,
    /// CPU seconds of the coordinator, and of all workers together.
    pub(crate) coordinator_cpu: f64,
    pub(crate) worker_cpu: f64,
    /// Most resident memory of the coordinator, and of one worker, in bytes.
    pub(crate) coordinator_peak: f64,
    pub(crate) worker_peak: f64,
}

/// Runs a set to its end. An exit status other than 0 and 3 is an error.
pub(crate) async fn run(
    bench: &Bench,
    site: &Site,
    folder: &Path,
    asked: &Asked<'_>,
) -> Result<Ran, AnyError> {
    let programs = bench.programs.as_deref();
    let listen = site.free_address()?;
    let mut command: Vec<OsString> = vec!["run".into(), asked.set.into(), "--out".into(), asked.out.into()];
    command.extend(asked.coordinator.iter().map(OsString::from));
    let url = site.redis_url();
    command.extend(["--enable-queue", "--redis-url", &url, "--listen", &listen].map(OsString::from));
    command.extend(["--progress", "none"].map(OsString::from));
    let variables = [asked.variables, site.variables()].concat();
    let runtime = Handle::current();
    let begun = Instant::now();
    let program = program::named("coordinator", programs)?;
    let mut coordinator = site.at_hub(|| {
        let _runtime = runtime.enter();
        Process::start(&program, &command, folder, &variables)
    })??;
    let url = format!("http://{listen}");
    let arguments: Vec<&str> =
        ["start", "--coordinator", &url].into_iter().chain(asked.worker.iter().copied()).collect();
    let program = program::named("worker", programs)?;
    let mut workers = Vec::with_capacity(asked.workers);
    for number in 0..asked.workers {
        let worker = site.at_worker(number, || {
            let _runtime = runtime.enter();
            Process::start(&program, &arguments, folder, &variables)
        });
        workers.push(worker??);
    }
    let results = asked.out.join("results.jsonl");
    let mut course = Vec::new();
    let mut seen = Spent::default();
    loop {
        seen.look(&coordinator);
        let bytes = fs::metadata(&results).map_or(0, |metadata| metadata.len());
        if course.last().is_none_or(|(_, before)| *before < bytes) {
            course.push((begun.elapsed().as_secs_f64(), bytes));
        }
        if let Some(status) = coordinator.ended()? {
            if !matches!(status.code(), Some(0 | 3)) {
                let said = coordinator.last_words();
                return Err(format!("the coordinator ended with {status}; it said: {said}").into());
            }
            break;
        }
        if begun.elapsed() > asked.patience {
            let said = coordinator.last_words();
            let seconds = asked.patience.as_secs_f64();
            return Err(
                format!("the run has not ended after {seconds:.0} s; the coordinator said: {said}").into()
            );
        }
        tokio::time::sleep(LOOK).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (mut worker_cpu, mut worker_peak) = (0.0, 0.0f64);
    for worker in &mut workers {
        if let Some(status) = worker.ended()? {
            return Err(format!("a worker ended with {status}; it said: {}", worker.last_words()).into());
        }
        let mut spent = Spent::default();
        spent.look(worker);
        worker_cpu += spent.cpu;
        worker_peak = worker_peak.max(spent.peak);
        worker.kill().await?;
    }
    Ok(Ran {
        seconds,
        steady: steady(&course),
        coordinator_cpu: seen.cpu,
        worker_cpu,
        coordinator_peak: seen.peak,
        worker_peak,
    })
}

/// What a process has spent when last seen.
#[derive(Debug, Default)]
struct Spent {
    cpu: f64,
    peak: f64,
}

impl Spent {
    fn look(&mut self, process: &Process) {
        let Some(id) = process.id() else { return };
        // One that has ended reads as nothing: what it had spent before is what it has spent.
        self.cpu = self.cpu.max(program::cpu_seconds(&id.to_string()));
        self.peak = self.peak.max(program::peak_bytes(id));
    }
}

/// Shares of the results a second between two shares of them; 0 when the run was over too soon to tell.
fn steady(course: &[(f64, u64)]) -> f64 {
    let all = course.last().map_or(0, |(_, bytes)| *bytes) as f64;
    let reached = |share: f64| course.iter().find(|(_, bytes)| *bytes as f64 >= share * all);
    let (Some((from, first)), Some((to, last))) = (reached(STEADY.0), reached(STEADY.1)) else { return 0.0 };
    if to > from { (last - first) as f64 / all / (to - from) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_steady_part() {
        // Nothing for ten seconds, then a tenth a second, and a last record that takes its time.
        let mut course: Vec<_> =
            (0..=9).map(|tenth| (f64::from(tenth) + 10.0, u64::try_from(tenth).unwrap() * 100)).collect();
        course.extend([(19.5, 990), (100.0, 1_000)]);
        let rate = steady(&course);
        assert!((0.09..0.12).contains(&rate), "{rate}");
        assert!((steady(&[]) - 0.0).abs() < f64::EPSILON);
    }
}
