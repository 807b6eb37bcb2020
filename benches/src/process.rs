//! A program that this one started, and what it said last.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
};

/// Lines of a program that are kept.
const KEPT: usize = 20;
/// How a worker says its name.
const JOINED: &str = "joined as ";

/// A running program; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    said: Arc<Mutex<VecDeque<String>>>,
    joined: watch::Receiver<Option<String>>,
}

impl Process {
    /// Starts `program` in `folder`, with `variables` and nothing else of this program's environment, in a process group of
    /// its own: Ctrl-C in a terminal is for this program alone, which then ends the others.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: &[A],
        folder: &Path,
        variables: &[(&str, &str)],
    ) -> Result<Self, io::Error> {
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(variables.iter().copied())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let said = Arc::new(Mutex::new(VecDeque::with_capacity(KEPT)));
        let (join, joined) = watch::channel(None);
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(listen(stderr, said.clone(), join));
        }
        Ok(Self { child, said, joined })
    }

    /// The name under which the worker has joined the fleet; `None` before.
    pub(crate) fn joined(&self) -> Option<String> {
        self.joined.borrow().clone()
    }

    /// Sends a signal; a program that is gone does not care.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(id) = id {
            let _gone = kill_process(id, signal);
        }
    }

    /// kill -9; returns when it is dead.
    pub(crate) async fn kill(&mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Its process id; `None` once its end was seen.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits for its end.
    pub(crate) async fn end(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Its last lines.
    pub(crate) fn last_words(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.iter().map(|line| format!("\n  {line}")).collect()
    }
}

async fn listen(
    stderr: impl AsyncRead + Unpin,
    said: Arc<Mutex<VecDeque<String>>>,
    join: watch::Sender<Option<String>>,
) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(name) = line.strip_prefix(JOINED).and_then(|rest| rest.split(';').next()) {
            join.send_replace(Some(name.to_owned()));
        }
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() == KEPT {
            said.pop_front();
        }
        said.push_back(line);
    }
}
