//! The coordinator as a real process in a folder of its own.

use std::{
    ffi::OsStr,
    fs,
    io::Read,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long a test waits for something that must come. Generous: what it waits for takes seconds at most.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// How often a test looks again.
const LOOK: Duration = Duration::from_micros(500);

/// A folder in which programs are run; removed at its end.
#[derive(Debug)]
pub struct Room {
    folder: TempDir,
    program: PathBuf,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Room {
    /// A fresh folder for `program`, which a test of this crate names as `env!("CARGO_BIN_EXE_coordinator-under-test")`.
    pub fn new(program: &str) -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), program: program.into() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file in the folder, its parents included.
    pub fn write(&self, name: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders are made");
        fs::write(&path, contents).expect("a file is written");
        path
    }

    /// The program with these arguments, in this folder, without terminal or inherited settings.
    pub fn command<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        self.command_of(&self.program, arguments)
    }

    /// Another program, likewise.
    pub fn command_of<I: IntoIterator<Item: AsRef<OsStr>>>(&self, program: &Path, arguments: I) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("SHEAF_LOG")
            .env_remove("COLUMNS")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn run<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Ended {
        self.start(arguments).end()
    }

    /// Starts the program.
    pub fn start<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Running {
        Running::of(self.command(arguments).spawn().expect("the program starts"))
    }

    /// Processes that have this folder, or one in it, as theirs: the program, its children and whatever they left behind.
    pub fn processes(&self) -> Vec<String> {
        let own = self.path().canonicalize().expect("the folder's path");
        let all = fs::read_dir("/proc").expect("/proc").flatten();
        // A process that is gone but not yet waited for has no folder any more.
        all.filter(|entry| {
            fs::read_link(entry.path().join("cwd")).is_ok_and(|folder| folder.starts_with(&own))
        })
        .map(|entry| {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            format!("{} {command}", entry.file_name().to_string_lossy())
        })
        .collect()
    }

    /// Waits until nothing runs in this folder any more.
    ///
    /// # Panics
    ///
    /// When something still does after [`PATIENCE`].
    pub fn until_deserted(&self) {
        let deserted = wait_until(|| self.processes().is_empty());
        assert!(deserted, "these processes were left behind: {:?}", self.processes());
    }

    /// The records in `out`, in the order of the file.
    pub fn records(&self, out: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path().join(out).join("results.jsonl")).expect("results.jsonl");
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // A failed test must not leave programs behind either.
        for process in self.processes() {
            let pid = process.split(' ').next().and_then(|pid| Pid::from_raw(pid.parse().ok()?));
            if let Some(pid) = pid {
                let _gone = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// Looks again and again until `done`; `false` when it is not within [`PATIENCE`].
pub fn wait_until(mut done: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(LOOK);
    }
    true
}

/// Sends a signal to a process that the test started.
pub fn send(process: u32, signal: Signal) {
    let process = Pid::from_raw(i32::try_from(process).expect("a process id")).expect("a process id");
    kill_process(process, signal).expect("the signal is sent");
}

/// A program that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Captured,
    stderr: Captured,
}

/// What a program writes, read as it comes so that it never waits for its reader.
#[derive(Debug, Default)]
struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    reading: Option<JoinHandle<()>>,
}

impl Captured {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let written = bytes.clone();
        let reading = pipe.map(|mut pipe| {
            thread::spawn(move || {
                let mut some = [0; 4096];
                while let Ok(count @ 1..) = pipe.read(&mut some) {
                    written.lock().unwrap().extend_from_slice(&some[..count]);
                }
            })
        });
        Self { bytes, reading }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn whole(mut self) -> String {
        if let Some(reading) = self.reading.take() {
            reading.join().expect("the reader ends");
        }
        self.so_far()
    }
}

impl Running {
    /// A program that was started with its output piped.
    pub fn of(mut child: Child) -> Self {
        let stdout = Captured::of(child.stdout.take());
        let stderr = Captured::of(child.stderr.take());
        Self { child, stdout, stderr }
    }

    /// What it has written to standard output.
    pub fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// What it has written to standard error.
    pub fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the program can be waited for").is_some()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        send(self.child.id(), signal);
    }

    /// Ends it with SIGKILL.
    pub fn kill(self) {
        self.signal(Signal::KILL);
        self.end();
    }

    /// Waits until `done` or its end; `true` when it came to `done`.
    pub fn until(&mut self, mut done: impl FnMut(&Self) -> bool) -> bool {
        let mut came = false;
        let in_time = wait_until(|| {
            came = done(self);
            came || self.has_ended()
        });
        assert!(in_time, "nothing came; the program said: {}{}", self.stdout(), self.stderr());
        came
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        let ended = wait_until(|| self.has_ended());
        if !ended {
            let _gone = self.child.kill();
        }
        let status = self.child.wait().expect("the program ends");
        let (stdout, stderr) = (self.stdout.whole(), self.stderr.whole());
        assert!(ended, "the program did not end within {PATIENCE:?}; it said: {stdout}{stderr}");
        Ended { status: status.code(), signal: status.signal(), stdout, stderr }
    }
}

/// Records without what is measured: what two runs over the same documents must agree in.
pub fn unmeasured(records: Vec<Value>) -> Vec<Value> {
    records
        .into_iter()
        .map(|mut record| {
            record.as_object_mut().expect("a record").remove("timings_ms").expect("every record has timings");
            record
        })
        .collect()
}

/// Checks that two sets of records agree in all that is not measured, and says where they do not.
///
/// # Panics
///
/// When they do not agree.
pub fn assert_same(what: &str, found: Vec<Value>, expected: Vec<Value>) {
    let (found, expected) = (unmeasured(found), unmeasured(expected));
    for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "{what}: record {place} differs");
    }
    assert_eq!(found.len(), expected.len(), "{what}: the number of records differs");
}
