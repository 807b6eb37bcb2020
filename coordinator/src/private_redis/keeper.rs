//! The process that starts the server and ends it.

use std::{
    io::{self, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use super::{END, LOOK, lock::Lock};

/// Most times that a server is started again.
const RESTARTS: u32 = 100;

/// The keeper: runs `server` with the configuration until standard input ends.
///
/// # Errors
///
/// When the server cannot be started, dies again and again, or another one writes in its folder.
pub fn keep(server: &Path, configuration: &Path) -> io::Result<()> {
    let coordinator_gone = Arc::new(AtomicBool::new(false));
    let gone = coordinator_gone.clone();
    thread::spawn(move || {
        let mut nothing = [0; 64];
        while matches!(io::stdin().read(&mut nothing), Ok(read) if read > 0) {}
        gone.store(true, Ordering::Relaxed);
    });
    let folder = configuration.parent().unwrap_or(Path::new("."));
    let lock = Lock::take(folder)?
        .ok_or_else(|| io::Error::other(format!("a server writes in {} already", folder.display())))?;
    let start = || {
        let started = Command::new(server)
            .arg(configuration)
            .stdin(lock.handed_on()?)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        lock.name(started.id())?;
        Ok::<_, io::Error>(started)
    };
    let mut running = start()?;
    let mut restarts = 0;
    while !coordinator_gone.load(Ordering::Relaxed) {
        if let Some(status) = running.try_wait()? {
            restarts += 1;
            if restarts > RESTARTS {
                return Err(io::Error::other(format!(
                    "the server ended {restarts} times, at last with {status}"
                )));
            }
            thread::sleep(LOOK * restarts.min(20));
            running = start()?;
        }
        thread::sleep(LOOK);
    }
    end(running)
}

/// SIGTERM, on which Redis writes what it has and leaves; SIGKILL when it does not.
fn end(mut running: Child) -> io::Result<()> {
    if let Some(id) = rustix::process::Pid::from_raw(running.id().cast_signed()) {
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
    }
    let begun = Instant::now();
    while running.try_wait()?.is_none() {
        if begun.elapsed() > END {
            return running.kill();
        }
        thread::sleep(LOOK);
    }
    Ok(())
}
