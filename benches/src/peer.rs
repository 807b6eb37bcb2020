//! Other programs, measured by scripts of their own in the same run: `measure PEER SCENARIO key=value...` prints a line of
//! JSON for each figure of one round.

use std::{
    collections::BTreeMap,
    io::Read,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;

use crate::{
    AnyError,
    figures::Figures,
    row::{Empty, PeerFigure},
};

/// What a script says when its peer is not installed.
const NOT_INSTALLED: i32 = 77;
const NOT_INSTALLED_WHY: &str = "not installed";
/// Most that is read of what a script prints.
const OUTPUT: u64 = 1 << 20;
/// Between two looks whether a script has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Where the scripts are.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    folder: PathBuf,
}

impl Peers {
    /// The scripts in `folder`; without one, those of this repository.
    pub(crate) fn find(folder: Option<&Path>) -> Result<Self, AnyError> {
        let usual = Path::new("benches/peers");
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let folder = match folder {
            Some(folder) => folder.to_owned(),
            None if usual.join("measure").is_file() => usual.to_owned(),
            None => built,
        };
        if !folder.join("measure").is_file() {
            return Err(format!(
                "{} holds no script named measure: give the folder of the peers' scripts with --peers-folder DIR",
                folder.display()
            )
            .into());
        }
        Ok(Self { folder: std::path::absolute(folder)? })
    }
}

/// A figure of one round.
#[derive(Debug, Clone, Deserialize)]
struct Line {
    #[serde(default)]
    version: String,
    #[serde(default)]
    settings: String,
    metric: String,
    value: f64,
}

/// What a peer did: figures by metric, or why there are none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peer {
    name: String,
    version: String,
    metrics: BTreeMap<String, (String, Figures)>,
    empty: Option<Empty>,
    /// What fills the column.
    command: String,
}

impl Peer {
    /// Measures so many rounds. `keys` gives those of a round; an error of its is the round's. `verify` looks at what a round
    /// left: the figures of one that does not hold are not used. Each round may take `patience`.
    pub(crate) fn measure(
        peers: Option<&Peers>,
        name: &str,
        scenario: &str,
        rounds: usize,
        patience: Duration,
        mut keys: impl FnMut() -> Result<Vec<(&'static str, String)>, AnyError>,
        mut verify: impl FnMut() -> Result<(), AnyError>,
    ) -> Self {
        let command = format!("benches/peers/install {name} && bench {scenario} --peers");
        let mut peer = Self { name: name.to_owned(), command, ..Self::default() };
        let Some(peers) = peers else {
            peer.leave_empty("not asked for".to_owned());
            return peer;
        };
        for _ in 0..rounds {
            let measured = keys()
                .and_then(|keys| peers.round(name, scenario, &keys, patience))
                .and_then(|lines| verify().map(|()| lines));
            match measured {
                Ok(lines) => lines.into_iter().for_each(|line| peer.take(line)),
                // A peer that fails once has no figure: the rounds it won would flatter it.
                Err(error) => {
                    peer.metrics.clear();
                    let why = error.to_string();
                    if why != NOT_INSTALLED_WHY {
                        peer.command = String::new();
                    }
                    // One line says enough in a column.
                    peer.leave_empty(why.lines().next().unwrap_or_default().to_owned());
                    return peer;
                }
            }
        }
        peer
    }

    fn take(&mut self, line: Line) {
        self.version = line.version;
        let (settings, figures) = self.metrics.entry(line.metric).or_default();
        *settings = line.settings;
        figures.push(line.value);
    }

    fn leave_empty(&mut self, why: String) {
        self.empty = Some(Empty { why, command: self.command.clone() });
    }

    /// The rounds of one metric.
    pub(crate) fn figures(&self, metric: &str) -> Figures {
        self.metrics.get(metric).map(|(_, figures)| figures.clone()).unwrap_or_default()
    }

    /// One metric as a column of a row, its values turned by `value`.
    pub(crate) fn figure(&self, metric: &str, value: impl Fn(f64) -> f64) -> PeerFigure {
        let (settings, figures) = self.metrics.get(metric).cloned().unwrap_or_default();
        let without = || Empty { why: "it has none of these".to_owned(), command: String::new() };
        let figures = figures.map(value);
        let empty = (figures.rounds() == 0).then(|| self.empty.clone().unwrap_or_else(without));
        PeerFigure { peer: self.name.clone(), version: self.version.clone(), settings, figures, empty }
    }
}

impl Peers {
    fn round(
        &self,
        name: &str,
        scenario: &str,
        keys: &[(&str, String)],
        patience: Duration,
    ) -> Result<Vec<Line>, AnyError> {
        let mut command = Command::new(self.folder.join("measure"));
        command.arg(name).arg(scenario).args(keys.iter().map(|(key, value)| format!("{key}={value}")));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut process = command.spawn()?;
        let output = gather(process.stdout.take().map(Stream::Out));
        let complaint = gather(process.stderr.take().map(Stream::Err));
        let ended = wait(&mut process, patience);
        // Whatever it left behind holds its group, and perhaps its output.
        if let Some(group) = Pid::from_raw(process.id().cast_signed()) {
            let _gone = kill_process_group(group, Signal::KILL);
        }
        let _gone = process.wait();
        let (output, complaint) = (joined(output), joined(complaint));
        let last = complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        let Some(status) = ended? else {
            return Err(format!("not done after {:.0} s", patience.as_secs_f64()).into());
        };
        match status.code() {
            Some(0) => {}
            Some(NOT_INSTALLED) => return Err(NOT_INSTALLED_WHY.into()),
            _ => return Err(format!("it ended with {status}: {last}").into()),
        }
        let lines = output.lines().filter(|line| !line.trim().is_empty());
        let read =
            |line| serde_json::from_str(line).map_err(|error| format!("`{line}` is no figure: {error}"));
        let lines = lines.map(read).collect::<Result<Vec<Line>, _>>()?;
        if lines.is_empty() { Err("it printed no figures".into()) } else { Ok(lines) }
    }
}

/// How it ended; `None` when its time was up.
fn wait(process: &mut Child, patience: Duration) -> Result<Option<ExitStatus>, AnyError> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

enum Stream {
    Out(ChildStdout),
    Err(ChildStderr),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Out(stream) => stream.read(buffer),
            Self::Err(stream) => stream.read(buffer),
        }
    }
}

/// Reads beside the wait, so that a script that prints much does not stand still.
fn gather(stream: Option<Stream>) -> JoinHandle<String> {
    thread::spawn(move || {
        let Some(mut stream) = stream else { return String::new() };
        let mut bytes = Vec::new();
        let _cut_short = stream.by_ref().take(OUTPUT).read_to_end(&mut bytes);
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn joined(gathering: JoinHandle<String>) -> String {
    gathering.join().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer whose script is this.
    fn peer(script: &str, rounds: usize) -> Peer {
        let folder = tempfile::tempdir().unwrap();
        // Written by a process of its own: what has just been written here, a process that another test starts in that
        // moment may hold open, and no such file can be run.
        let written = Command::new("sh")
            .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$0\" > measure && chmod 755 measure", script])
            .current_dir(folder.path())
            .status();
        assert!(written.unwrap().success());
        let peers = Peers::find(Some(folder.path())).unwrap();
        let keys = || Ok(vec![("jobs", "7".to_owned())]);
        Peer::measure(Some(&peers), "rq", "queue", rounds, Duration::from_secs(20), keys, || Ok(()))
    }

    fn why(peer: &Peer) -> String {
        peer.figure("drain", |value| value).empty.unwrap().why
    }

    #[test]
    fn its_lines_become_figures() {
        let line = r#"{"peer":"rq","version":"2.12","settings":"all on","metric":"drain","unit":"jobs/s","value":70}"#;
        let peer = peer(&format!("test \"$1 $2 $3\" = 'rq queue jobs=7' && echo '{line}'"), 3);
        let figure = peer.figure("drain", |value| value * 2.0);
        assert_eq!((figure.version.as_str(), figure.settings.as_str()), ("2.12", "all on"));
        assert_eq!((figure.figures.median(), figure.figures.rounds()), (Some(140.0), 3));
        assert_eq!(peer.figure("bulk", |value| value).empty.unwrap().why, "it has none of these");
    }

    #[test]
    fn a_column_that_stays_empty_says_why_and_what_fills_it() {
        let missing = peer("exit 77", 1);
        assert_eq!(why(&missing), "not installed");
        let command = missing.figure("drain", |value| value).empty.unwrap().command;
        assert_eq!(command, "benches/peers/install rq && bench queue --peers");
        assert!(why(&peer("echo ouch >&2; exit 1", 1)).contains("ouch"));
        assert!(why(&peer("echo nonsense", 1)).contains("`nonsense` is no figure"));
        assert_eq!(why(&peer("true", 1)), "it printed no figures");
    }

    #[test]
    fn one_that_leaves_processes_behind_does_not_hold_the_harness_up() {
        let line = r#"{"peer":"rq","metric":"drain","value":70}"#;
        let begun = Instant::now();
        let peer = peer(&format!("sleep 300 & echo '{line}'"), 1);
        assert_eq!(peer.figures("drain").median(), Some(70.0));
        assert!(begun.elapsed() < Duration::from_mins(4), "the sleeper was ended");
    }
}
