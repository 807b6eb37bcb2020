//! A coordinator's run and the workers that join it, as real processes in one folder.

use std::{ffi::OsStr, fs, net::TcpListener, ops::Range, path::PathBuf, process::Command};

use serde_json::Value;

use crate::{
    documents,
    program::{Room, Running, Signal},
};

/// Ports of coordinators. The system gives out none of these by itself, so that nobody takes the port of a coordinator that
/// was killed and is started again.
const PORTS: Range<u16> = 20_000..32_000;
/// A folder with one coordinator at a port of its own, and workers.
#[derive(Debug)]
pub struct Fleet {
    room: Room,
    worker: PathBuf,
    port: u16,
}

impl Fleet {
    /// A fresh folder for these programs, which a test of this crate names by `env!("CARGO_BIN_EXE_…")`.
    pub fn new(coordinator: &str, worker: &str) -> Self {
        Self { room: Room::new(coordinator), worker: worker.into(), port: free_port() }
    }

    /// The folder.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// Where the coordinator listens.
    pub fn listen(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where workers find it.
    pub fn url(&self) -> String {
        format!("http://{}", self.listen())
    }

    /// Writes `count` generated documents below `set`, and after each `every` of them one whose parser waits for so many
    /// milliseconds. The same numbers give the same documents.
    pub fn documents(&self, count: usize, every: usize, milliseconds: u64) {
        documents::generate(&self.room, "set", count, 29);
        for number in (0..count).step_by(every) {
            let name = format!("set/{:02}/{number:05}-slow.txt", number / 100);
            let text =
                format!("sheaf-hostile: sleep {milliseconds}\nThe keeper of lamp {number} took his time.\n");
            self.room.write(name, text);
        }
    }

    /// The records of the run that needs no fleet, over the same documents: what every fleet must come to. Ends with
    /// `status`.
    pub fn alone(&self, arguments: &[&str], status: i32) -> Vec<Value> {
        let ended = self.room.run(["run", "--out", "alone", "--progress", "none"].iter().chain(arguments));
        assert_eq!(ended.status, Some(status), "{}{}", ended.stdout, ended.stderr);
        self.room.records("alone")
    }

    /// The command of a run by the fleet, with its results in `out`.
    pub fn command<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let listen = self.listen();
        let fixed = ["run", "--enable-queue", "--listen", &listen, "--out", "out", "--progress", "json"];
        let mut command = self.room.command(fixed);
        command.args(arguments);
        command
    }

    /// Starts a run by the fleet, and waits until workers can join.
    pub fn run(&self, arguments: &[&str]) -> Running {
        let command = self.command(arguments);
        self.begin(command)
    }

    /// Starts the command of a run, and waits until workers can join.
    pub fn begin(&self, mut command: Command) -> Running {
        let mut running = Running::of(command.spawn().expect("the coordinator starts"));
        let begun = running.until(|running| running.stderr().contains("workers join with: "));
        assert!(begun, "the coordinator ended: {}", running.stderr());
        running
    }

    /// The command of a worker.
    pub fn worker_command(&self, arguments: &[&str]) -> Command {
        let url = self.url();
        let start = ["start", "--coordinator", &url];
        self.room.command_of(&self.worker, start.iter().chain(arguments))
    }

    /// Starts a worker; it waits for its coordinator when there is none.
    pub fn worker(&self, arguments: &[&str]) -> Running {
        Running::of(self.worker_command(arguments).spawn().expect("the worker starts"))
    }

    /// Starts workers and waits until each is in the fleet.
    pub fn workers<const N: usize>(&self, arguments: &[&str]) -> [Running; N] {
        let mut workers = [(); N].map(|()| self.worker(arguments));
        for worker in &mut workers {
            assert!(worker.until(|worker| name(worker).is_some()), "it ended: {}", worker.stderr());
        }
        workers
    }

    /// How many records there are.
    pub fn recorded(&self) -> usize {
        let results = fs::read(self.room.path().join("out/results.jsonl")).unwrap_or_default();
        results.split(|byte| *byte == b'\n').count() - 1
    }

    /// Waits until there are so many records; false when the coordinator has ended before.
    pub fn until_recorded(&self, coordinator: &mut Running, count: usize) -> bool {
        coordinator.until(|_| self.recorded() >= count)
    }

    /// Ends workers in good order, and expects that nothing runs any more.
    pub fn disband(&self, workers: impl IntoIterator<Item = Running>) {
        let workers: Vec<_> = workers.into_iter().collect();
        for worker in &workers {
            worker.signal(Signal::TERM);
        }
        for worker in workers {
            let ended = worker.end();
            assert_eq!(ended.status, Some(0), "a worker leaves in good order: {}", ended.stderr);
        }
        self.room.until_deserted();
    }
}

/// A port that nobody has now.
pub fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let ports = std::iter::repeat_with(|| fastrand::u16(PORTS));
    ports.take(1_000).find(free).expect("one port of thousands is free")
}

/// The name under which a worker is in the fleet.
pub fn name(worker: &Running) -> Option<String> {
    let said = worker.stderr();
    let (_, rest) = said.split_once("joined as ")?;
    Some(rest.split_once(';')?.0.to_owned())
}

/// The last that a coordinator said of its progress.
pub fn progress(stderr: &str) -> Value {
    let line = stderr.lines().rev().find(|line| line.starts_with("{\"event\":"));
    line.and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
}

/// Records without who did the work.
pub fn by_anybody(records: Vec<Value>) -> Vec<Value> {
    without(records, &["worker"])
}

/// Records without who did the work, and how often it was begun: after a death of whoever counts, that differs.
pub fn however_often(records: Vec<Value>) -> Vec<Value> {
    without(records, &["worker", "attempts"])
}

fn without(mut records: Vec<Value>, names: &[&str]) -> Vec<Value> {
    for record in &mut records {
        let record = record.as_object_mut().expect("a record");
        for name in names {
            record.remove(*name);
        }
    }
    records
}
