//! A scenario in a process of its own, below which everything is ended that it started, however it ends.
//!
//! The process that a person started measures nothing: it starts itself again for the scenario, adopts what that leaves
//! behind, and ends all of it when the scenario has ended, when its time is up, and at Ctrl-C or SIGTERM. Should it be
//! killed itself, the scenario sees its standard input end, and ends with everything below it.

use std::{
    ffi::OsString,
    fs,
    io::Read,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::signal::unix::{SignalKind, signal};

use crate::{AnyError, descendants, sheet::Sheet};

/// Between two looks at the scenario.
const LOOK: Duration = Duration::from_millis(20);

/// Set once a person or the system wants this program to end.
#[derive(Debug, Clone)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens for SIGINT and SIGTERM from now on.
    pub(crate) fn listen() -> Result<Self, AnyError> {
        let stop = Self(Arc::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (mut interrupt, mut terminate) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let told = stop.clone();
        thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            told.0.store(true, Ordering::Relaxed);
        });
        Ok(stop)
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Measures one scenario: `arguments` are those of this program. `None` when it was stopped.
pub(crate) fn measure(
    scenario: &str,
    arguments: &[OsString],
    patience: Duration,
    stop: &Stop,
) -> Result<Option<Sheet>, AnyError> {
    let scratch = tempfile::Builder::new().prefix("bench-").tempdir()?;
    let answer = scratch.path().join("sheet.json");
    let begun = Instant::now();
    let mut process = Command::new(std::env::current_exe()?)
        .args(arguments)
        .arg("--inner")
        .arg(&answer)
        // Whatever it forgets is below this folder.
        .env("TMPDIR", scratch.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        // Ctrl-C in a terminal is for this program alone, which then ends the others.
        .process_group(0)
        .spawn()?;
    let ended = wait(&mut process, begun + patience, stop);
    let _gone = process.kill();
    let status = process.wait();
    descendants::end_all();
    let mut sheet = match ended? {
        End::Stopped => return Ok(None),
        End::Late => {
            Sheet::failed(scenario, format!("it had not ended after {:.0} s", patience.as_secs_f64()))
        }
        End::Itself => read(&answer).unwrap_or_else(|error| {
            let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            Sheet::failed(scenario, format!("it ended with {status} and left no figures: {error}"))
        }),
    };
    scenario.clone_into(&mut sheet.scenario);
    sheet.seconds = begun.elapsed().as_secs_f64();
    if !sheet.breaches.is_empty() {
        let kept = scratch.keep();
        sheet.note(format!("what it left is in {}", kept.display()));
    }
    Ok(Some(sheet))
}

enum End {
    Itself,
    Late,
    Stopped,
}

fn wait(process: &mut Child, deadline: Instant, stop: &Stop) -> Result<End, AnyError> {
    loop {
        if process.try_wait()?.is_some() {
            return Ok(End::Itself);
        }
        if stop.is_set() {
            return Ok(End::Stopped);
        }
        if Instant::now() > deadline {
            return Ok(End::Late);
        }
        thread::sleep(LOOK);
    }
}

fn read(answer: &Path) -> Result<Sheet, AnyError> {
    Ok(serde_json::from_str(&fs::read_to_string(answer)?)?)
}

/// In the scenario's process: ends it with everything below it when the process that started it is gone.
pub(crate) fn end_with_parent() {
    descendants::adopt();
    thread::spawn(|| {
        // Nothing is ever written there.
        let _ = std::io::stdin().read(&mut [0; 1]);
        descendants::end_all();
        std::process::exit(1);
    });
}
