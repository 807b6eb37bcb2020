//! A Redis, a coordinator and workers, which all end with this value.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use sheaf_common::redis::stand::{RedisStand, free_port};

use crate::{AnyError, process::Process, program, queue::stand};

/// Documents that a worker analyses at once.
const SLOTS: &str = "3";
/// What a run is asked, on this machine or by the fleet: much work a byte, no model.
const ASKED: [&str; 6] = ["--extraction", "best", "--llm", "never", "--progress", "none"];

/// The programs under test.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    coordinator: PathBuf,
    worker: PathBuf,
}

impl Programs {
    /// Those in `folder`; without one, those beside this program.
    pub(super) fn find(folder: Option<&Path>) -> Result<Self, AnyError> {
        Ok(Self {
            coordinator: program::named("coordinator", folder)?,
            worker: program::named("worker", folder)?,
        })
    }

    /// An undisturbed run on this machine, to its end.
    pub(super) async fn run_undisturbed(
        &self,
        folder: &Path,
        set: &Path,
        out: &Path,
    ) -> Result<(), AnyError> {
        let mut arguments: Vec<OsString> = vec!["run".into(), set.into(), "--out".into(), out.into()];
        arguments.extend(ASKED.map(OsString::from));
        let mut process = Process::start(&self.coordinator, &arguments, folder, &[])?;
        let status = process.end().await?;
        if status.success() {
            return Ok(());
        }
        Err(format!("the undisturbed run ended with {status}; it said: {}", process.last_words()).into())
    }
}

/// Everything that takes part in a run by a fleet.
pub(super) struct Stage {
    programs: Programs,
    folder: PathBuf,
    /// The run's command, the same each time.
    command: Vec<OsString>,
    url: String,
    pub(super) redis: RedisStand,
    pub(super) coordinator: Process,
    pub(super) workers: Vec<Process>,
}

impl Stage {
    /// Starts a Redis that writes each change to its disk before it answers, a run over `set` and its workers.
    pub(super) fn start(
        programs: &Programs,
        folder: &Path,
        set: &Path,
        out: &Path,
        workers: usize,
    ) -> Result<Self, AnyError> {
        let redis = stand(&["--appendfsync", "always"])?;
        let listen = format!("127.0.0.1:{}", free_port());
        let mut command: Vec<OsString> = vec!["run".into(), set.into(), "--out".into(), out.into()];
        command.extend(ASKED.map(OsString::from));
        command.extend(
            ["--enable-queue", "--redis-url", redis.url().expose(), "--listen", &listen].map(OsString::from),
        );
        let coordinator = Process::start(&programs.coordinator, &command, folder, &[])?;
        let mut stage = Self {
            programs: programs.clone(),
            folder: folder.to_owned(),
            command,
            url: format!("http://{listen}"),
            redis,
            coordinator,
            workers: Vec::with_capacity(workers),
        };
        for _ in 0..workers {
            let worker = stage.fresh_worker()?;
            stage.workers.push(worker);
        }
        Ok(stage)
    }

    fn fresh_worker(&self) -> io::Result<Process> {
        let arguments = ["start", "--coordinator", &self.url, "--analysis-workers", SLOTS];
        Process::start(&self.programs.worker, &arguments, &self.folder, &[])
    }

    /// kill -9 of a worker, and a fresh one in its place.
    pub(super) async fn replace_worker(&mut self, place: usize) -> io::Result<()> {
        let fresh = self.fresh_worker()?;
        if let Some(worker) = self.workers.get_mut(place) {
            worker.kill().await?;
            *worker = fresh;
        }
        Ok(())
    }

    /// kill -9 of the coordinator, and the same command again.
    pub(super) async fn replace_coordinator(&mut self) -> io::Result<()> {
        self.coordinator.kill().await?;
        self.coordinator = Process::start(&self.programs.coordinator, &self.command, &self.folder, &[])?;
        Ok(())
    }

    /// kill -9 of Redis, and a start from its append-only file. Returns when it answers its port.
    pub(super) fn restart_redis(&mut self) {
        tokio::task::block_in_place(|| {
            self.redis.kill();
            self.redis.begin();
        });
    }

    /// Stops a worker, or lets it go on.
    pub(super) fn set_asleep(&self, place: usize, asleep: bool) {
        if let Some(worker) = self.workers.get(place) {
            worker.signal(if asleep { Signal::STOP } else { Signal::CONT });
        }
    }

    /// A program that has ended and should not have, with what it said.
    pub(super) fn gone_worker(&mut self) -> io::Result<Option<String>> {
        for worker in &mut self.workers {
            if let Some(status) = worker.ended()? {
                return Ok(Some(format!(
                    "a worker ended by itself with {status}; it said: {}",
                    worker.last_words()
                )));
            }
        }
        Ok(None)
    }
}
