//! `worker start`.

use std::{env, fs, process::ExitCode, sync::Arc, time::Duration};

use sheaf_cache::MemoryCache;
use sheaf_common::{
    fault::said,
    fleet::{PROTOCOL, Registration, start_id},
    mode::Mode,
    shutdown::Shutdown,
    telemetry,
    wire::fleet::serve_health,
};
use sheaf_llm::config::ModelOptions;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};

use super::{FAILED, LEFT, USAGE, arguments::StartArguments, complain, health, note, own_program};
use crate::{
    child::ChildCommand,
    host::{Host, HostSettings, Status},
    load, models,
    session::{JoinError, Session, SessionSettings},
};

/// How long giving back and telling what was spent may take after a stop.
const LAST_WORDS: Duration = Duration::from_secs(5);
pub(super) fn main(arguments: &StartArguments) -> ExitCode {
    telemetry::start_on_stderr(arguments.log_format.into(), arguments.verbose);
    let settings = match settings(arguments) {
        Ok(settings) => settings,
        Err(message) => return complain(&message, USAGE),
    };
    // Parsers may panic on hostile input; that is caught and becomes the document's error.
    std::panic::set_hook(Box::new(|panic| tracing::debug!(%panic, "a panic was caught")));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let message =
                format!("the runtime could not be started: {}; check ulimit -u and -n", said(&error));
            return complain(&message, FAILED);
        }
    };
    let ended = runtime.block_on(start(arguments, settings));
    // What hangs on a thread of the blocking pool must not keep the program.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::from(LEFT),
        Err(message) => complain(&message, FAILED),
    }
}

/// Where the coordinator is and who this worker is, checked as far as it can be before anything is begun.
fn settings(arguments: &StartArguments) -> Result<SessionSettings, String> {
    let reach = arguments.credentials.reach(&arguments.coordinator)?;
    let host = fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned());
    let host = host.ok().or_else(|| env::var("HOSTNAME").ok()).unwrap_or_default();
    let models = models::configured(&ModelOptions::default())?
        .map(|config| config.chat().filter_map(|backend| backend.model.clone()).collect())
        .unwrap_or_default();
    let registration = Registration {
        worker: start_id(&host),
        name: arguments.name.clone().unwrap_or_else(|| host.clone()),
        host,
        cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
        memory_bytes: load::memory_bytes(),
        modes: Mode::ALL.to_vec(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL,
        models,
    };
    Ok(SessionSettings { reach, registration })
}

async fn start(arguments: &StartArguments, settings: SessionSettings) -> Result<(), String> {
    let shutdown = Shutdown::new();
    watch_signals(shutdown.clone(), arguments.grace)
        .map_err(|error| format!("signals cannot be watched: {}", said(&error)))?;
    let status = Arc::new(Status::new(arguments.analysis_workers as usize));
    if let Some(address) = arguments.listen {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            format!("cannot listen on {address}: {}; give --listen another", said(&error))
        })?;
        let router = health::router(status.clone());
        tokio::spawn(serve_health(listener, router, shutdown.draining().clone()));
    }
    let reporting = status.clone();
    let own_host = settings.registration.host.clone();
    let joined = Session::join(settings, move || reporting.report(), shutdown.draining()).await;
    let mut session = match joined {
        Ok(session) => session,
        Err(JoinError::Stopped) => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    status.joined();
    let welcome = session.welcome();
    note(&format!("joined as {}; {} runs to work on", welcome.worker, welcome.runs.len()));
    let host = HostSettings {
        worker: welcome.worker.clone(),
        slots: arguments.analysis_workers as usize,
        child: ChildCommand { program: own_program()?, arguments: vec!["parse-child".into()] },
        host: own_host,
        coordinator_host: session.coordinator_host().to_owned(),
        lease: welcome.lease,
        heartbeat: welcome.heartbeat,
        answers: MemoryCache::new(MemoryCache::BYTES),
        embedding_model: arguments.embedding_model.clone(),
        prices: arguments.prices.clone(),
    };
    let runs = welcome.runs.clone();
    let mut host = Host::new(host, status.clone(), shutdown.clone());
    for run in runs {
        host.obey(sheaf_common::fleet::Order::Assign(Box::new(run)));
    }
    while let Some(Some(order)) = shutdown.draining().run_until_cancelled(session.next_order()).await {
        host.obey(order);
    }
    shutdown.draining().cancelled().await;
    let overdue = async {
        shutdown.stopping().cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        () = host.finish() => {}
        () = overdue => {
            note(&untold(status.report().load.in_flight));
            // Without a goodbye it is lost to the coordinator, which then takes back what it holds.
            return Ok(());
        }
    }
    if !session.leave().await {
        note("the coordinator did not hear the goodbye; nothing is held any more");
    }
    note("left: nothing is held any more");
    Ok(())
}

/// What a worker says that leaves although Redis does not hear of it.
fn untold(held: u32) -> String {
    let seconds = LAST_WORDS.as_secs();
    format!(
        "left without an answer from Redis for {seconds} s: documents not given back, {held}, are delivered again when \
         their leases have run out; what models cost at last may count in full"
    )
}

/// The first signal drains, within the grace period; the second, or its end, hands back what is in flight.
fn watch_signals(shutdown: Shutdown, grace: Duration) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        let told = async |interrupt: &mut Signal, terminate: &mut Signal| {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        tokio::select! {
            () = told(&mut interrupt, &mut terminate) => {}
            () = shutdown.draining().cancelled() => {}
        }
        note(&format!(
            "finishing what is in flight, for {} s at most; once more hands it back at once",
            grace.as_secs_f64()
        ));
        shutdown.drain();
        let again = tokio::time::timeout(grace, told(&mut interrupt, &mut terminate)).await;
        note(if again.is_ok() {
            "handing back what is in flight"
        } else {
            "the grace period is over: handing back the rest"
        });
        shutdown.stop();
    });
    Ok(())
}
