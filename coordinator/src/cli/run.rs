//! `coordinator run`.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sheaf_cache::ResultCache;
use sheaf_common::{fault::said, job::AnalysisOptions, shutdown::Shutdown, telemetry};
use sheaf_fetch::{FetchLimits, Lookup};
use sheaf_llm::{StatisticsSnapshot, bulk::Bulk, detect::Detection};
use sheaf_report::{RunFacts, Setting, Shown, Summary};
use sheaf_worker::{EngineLimits, Reviewer, caches, cli::own_program, models};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    arguments::{ProgressArgument, RunArguments},
    asked::Asked,
    exit::{Exit, complain, complain_of_usage, note, say},
    fleet::{Fleet, Port},
    interrupt,
};
use crate::{
    dispatch::Dispatch,
    finish::finish,
    folder::{Configuration, RunFolder},
    progress::{self, Snapshot, Tally, View},
    run::{Ended, Plan, RunError, run},
    source::{Filter, Given, Sources},
    status,
};

pub(super) fn main(arguments: &RunArguments, lookup: Arc<dyn Lookup>) -> Exit {
    telemetry::start_on_stderr(arguments.log_format.into(), arguments.verbose);
    let sources = match sources(arguments) {
        Ok(sources) => sources,
        Err(message) => return complain_of_usage(&message),
    };
    let models = match Asked::of(arguments) {
        Ok(models) => models,
        Err(message) => return complain_of_usage(&message),
    };
    // Parsers may panic on hostile input; that is caught and becomes the document's error.
    std::panic::set_hook(Box::new(|panic| tracing::debug!(%panic, "a panic was caught")));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return complain(&format!("the runtime could not be started: {error}; check ulimit -u and -n"));
        }
    };
    let exit = runtime.block_on(start(arguments, sources, models, lookup));
    // What hangs on a thread of the blocking pool must not keep the program.
    runtime.shutdown_background();
    exit
}

/// The sources, checked as far as they can be before anything is begun.
fn sources(arguments: &RunArguments) -> Result<Sources, String> {
    let filter = Filter::new(&arguments.include, &arguments.exclude).map_err(|error| error.to_string())?;
    let mut given = Vec::new();
    for source in &arguments.sources {
        let source = Given::parse(source).map_err(|error| error.to_string())?;
        if let Given::Path(path) | Given::List(path) = &source {
            check(path, &source)?;
        }
        given.push(source);
    }
    Ok(Sources { given, filter })
}

fn check(path: &Path, source: &Given) -> Result<(), String> {
    let what = if matches!(source, Given::List(_)) { "the list" } else { "the source" };
    match path.metadata() {
        Ok(metadata) if matches!(source, Given::List(_)) && metadata.is_dir() => Err(format!(
            "{what} {} is a folder; name it without the @ to analyse what is in it",
            path.display()
        )),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(format!("{what} {} does not exist; check the name, relative to this folder", path.display()))
        }
        Err(error) => Err(format!("{what} {} cannot be read: {}", path.display(), said(&error))),
    }
}

async fn start(
    arguments: &RunArguments,
    sources: Sources,
    models: Option<Asked>,
    lookup: Arc<dyn Lookup>,
) -> Exit {
    let tally = Arc::new(Tally::default());
    let (listener, port) = match open_ports(arguments, &tally).await {
        Ok(ports) => ports,
        Err(message) => return complain(&message),
    };
    // A wrong key or a server that is not there is said before anything is begun; a fleet's models are its workers'.
    let found = match &models {
        Some(models) if port.is_none() => models.look(view(arguments) != View::None).await,
        _ => Vec::new(),
    };
    let mut folder =
        match RunFolder::open(&arguments.out, configuration(arguments, models.as_ref()), arguments.fresh) {
            Ok(folder) => folder,
            Err(error) => return complain(&error.to_string()),
        };
    let redacted = models.as_ref().map(Asked::redacted);
    let program = match own_program() {
        Ok(program) => program,
        Err(message) => return complain(&message),
    };
    let mut fleet = match begin_fleet(arguments, port, &mut folder, &program, models.as_ref()).await {
        Ok(fleet) => fleet,
        Err(message) => {
            abandon(folder);
            return complain(&message);
        }
    };
    let models = models.filter(|_| fleet.is_none());
    let reviewer = match reviewer(models, arguments, &found, &folder).await {
        Ok(reviewer) => reviewer,
        Err(message) => {
            abandon(folder);
            return complain(&message);
        }
    };
    let shutdown = Shutdown::new();
    if let Err(error) = interrupt::watch(shutdown.clone(), tally.clone()) {
        return complain(&format!("signals cannot be watched: {error}"));
    }
    fleet.iter().for_each(Fleet::invite);
    if let Some(listener) = listener {
        tokio::spawn(status::serve(listener, tally.clone()));
    }
    let dispatch = fleet.as_mut().and_then(|fleet| fleet.dispatch.take());
    let plan = plan(arguments, sources, reviewer.clone(), lookup, program, dispatch);
    let begun = Instant::now();
    let ended = CancellationToken::new();
    let showing = tokio::spawn(progress::show(view(arguments), tally.clone(), ended.clone()));
    let result = run(plan, &folder, tally.clone(), &shutdown).await;
    ended.cancel();
    // The last line of the progress comes before the first of the summary.
    let _shown = showing.await;

    if let Some(fleet) = fleet {
        let given_up = tally.snapshot().fleet.is_some_and(|fleet| fleet.given_up > 0);
        fleet.end(&mut folder, matches!(result, Ok(Ended::Complete { .. })) && !given_up).await;
    }
    folder.state.seconds += begun.elapsed().as_secs_f64();
    if let Some(reviewer) = &reviewer {
        folder.state.spent = models::usage(reviewer.spent());
    }
    if let Err(error) = folder.save_state() {
        return complain(&error.to_string());
    }
    match result {
        Err(error) => complain(&error.to_string()),
        Ok(Ended::Interrupted) => interrupted(tally.snapshot(), reviewer.as_deref(), &arguments.out),
        Ok(Ended::Complete { accepted, .. }) if accepted.is_empty() => {
            if let Err(error) = folder.discard() {
                tracing::warn!(%error, "the empty run could not be cleared away");
            }
            complain(
                "the sources name no document: the list or folder is empty, or --include and --exclude left nothing; \
                 check the sources and run again",
            )
        }
        Ok(Ended::Complete { accepted, results }) => {
            let statistics = reviewer.as_ref().map(|reviewer| reviewer.statistics());
            forget_batches(reviewer.as_deref()).await;
            tell_of_caches(reviewer.as_deref());
            let facts = facts(arguments, &folder, redacted, statistics.as_ref());
            let finished = tokio::task::spawn_blocking(move || {
                finish(&folder, &accepted, results, facts).map(|summary| (folder, summary))
            });
            let finished = tokio::select! {
                finished = finished => finished,
                // Each file is put in its place whole: what is not there yet is made by the next run.
                () = shutdown.stopping().cancelled() => return interrupted(tally.snapshot(), None, &arguments.out),
            };
            match finished {
                Ok(Ok((folder, summary))) => {
                    conclude(&folder, &summary, tally.snapshot().earlier, statistics.as_ref())
                }
                Ok(Err(error)) => complain(&error.to_string()),
                Err(defect) => complain(&RunError::from(defect).to_string()),
            }
        }
    }
}

/// The fleet that workers join at `port`; `None` without one.
async fn begin_fleet(
    arguments: &RunArguments,
    port: Option<Port>,
    folder: &mut RunFolder,
    program: &Path,
    models: Option<&Asked>,
) -> Result<Option<Fleet>, String> {
    let Some(port) = port else {
        say_of_the_queue(folder);
        return Ok(None);
    };
    Fleet::begin(arguments, port, folder, program, models).await.map(Some)
}

/// Clears a run away that could not begin. What an earlier part of it has done stays.
fn abandon(folder: RunFolder) {
    if !folder.resumed
        && let Err(error) = folder.discard()
    {
        tracing::warn!(%error, "the run that could not begin could not be cleared away");
    }
}

/// Says that a run is carried on without the queue that it had.
fn say_of_the_queue(folder: &RunFolder) {
    if let Some(before) = folder.state.redis.as_ref().filter(|_| folder.resumed) {
        note(&format!(
            "this run had a queue ({before}): what is under way there is done again here; the same command with \
             --enable-queue takes it up"
        ));
    }
}

/// What asks models, where they are asked by this process.
async fn reviewer(
    models: Option<Asked>,
    arguments: &RunArguments,
    found: &[Detection],
    folder: &RunFolder,
) -> Result<Option<Arc<Reviewer>>, String> {
    let Some(models) = models else { return Ok(None) };
    Ok(Some(Arc::new(models.reviewer(arguments, found, folder).await?)))
}

/// Says what the caches have done, aloud only where something was wrong.
fn tell_of_caches(reviewer: Option<&Reviewer>) {
    let Some(counts) = reviewer.and_then(Reviewer::cache).map(ResultCache::counts) else { return };
    if caches::is_worth_telling(&counts) {
        note(&caches::told(&counts));
    } else {
        tracing::info!("{}", caches::told(&counts));
    }
}

/// Empties the journal of batches of a run that is complete.
async fn forget_batches(reviewer: Option<&Reviewer>) {
    let Some(bulk) = reviewer.and_then(Reviewer::bulk) else { return };
    if let Err(error) = bulk.forget().await {
        tracing::warn!(%error, "the journal of batches stays");
    }
}

/// Says what an interrupted run leaves at the provider.
fn say_of_batches(reviewer: Option<&Reviewer>) {
    let (requests, batches) = reviewer.and_then(Reviewer::bulk).map_or((0, 0), Bulk::at_provider);
    if requests > 0 {
        note(&format!(
            "{requests} requests wait in {batches} batches at the provider: the same command collects them, and they are not \
             paid again"
        ));
    }
}

/// Says what an interrupted run leaves.
fn interrupted(snapshot: Snapshot, reviewer: Option<&Reviewer>, out: &Path) -> Exit {
    say_of_batches(reviewer);
    note(&format!(
        "interrupted: {} of {}{} documents are done and kept in {}; the same command carries on",
        snapshot.recorded(),
        if snapshot.enumerated { "" } else { "at least " },
        snapshot.accepted,
        out.display()
    ));
    Exit::Interrupted
}

/// A port for whoever watches, or for workers.
async fn open_ports(
    arguments: &RunArguments,
    tally: &Arc<Tally>,
) -> Result<(Option<TcpListener>, Option<Port>), String> {
    if arguments.fleet.enable_queue {
        return Ok((None, Some(Port::open(&arguments.fleet, tally.clone()).await?)));
    }
    let Some(address) = arguments.fleet.listen else { return Ok((None, None)) };
    let listener = status::listen(address).await.map_err(|error| {
        format!(
            "cannot listen on {address}: {}; end the program that uses the port, or give --listen another",
            said(&error)
        )
    })?;
    Ok((Some(listener), None))
}

/// How documents are analysed.
pub(super) fn analysis_options(arguments: &RunArguments) -> AnalysisOptions {
    AnalysisOptions {
        extraction: arguments.extraction.into(),
        include_text: arguments.include_text,
        include_links: arguments.crawl_depth > 0,
    }
}

fn plan(
    arguments: &RunArguments,
    sources: Sources,
    reviewer: Option<Arc<Reviewer>>,
    lookup: Arc<dyn Lookup>,
    program: PathBuf,
    dispatch: Option<Dispatch>,
) -> Plan {
    let max_bytes = arguments.max_document << 20;
    Plan {
        sources,
        mode: arguments.parallelism_mode.into(),
        max_workers: arguments.max_workers as usize,
        engine: EngineLimits {
            slots: arguments.analysis_workers as usize,
            parse_timeout: arguments.parse_timeout,
            parse_memory_bytes: arguments.parse_memory << 20,
        },
        reviewer,
        fetch: FetchLimits {
            allow_private_addresses: arguments.allow_private_addresses,
            wire_bytes: max_bytes,
            body_bytes: max_bytes,
            ..FetchLimits::default()
        },
        lookup,
        options: analysis_options(arguments),
        crawl_depth: arguments.crawl_depth,
        program,
        dispatch,
    }
}

fn view(arguments: &RunArguments) -> View {
    match arguments.progress {
        ProgressArgument::Auto => View::automatic(),
        ProgressArgument::Bar => View::Bar,
        ProgressArgument::Plain => View::Plain,
        ProgressArgument::Json => View::Json,
        ProgressArgument::None => View::None,
    }
}

/// What results depend on: a folder never mixes two of these. Modes, numbers of workers and caps may change from one
/// part of a run to the next.
fn configuration(arguments: &RunArguments, models: Option<&Asked>) -> Configuration {
    let shown = |values: &[String]| values.join(" ");
    let sources: Vec<_> = arguments.sources.iter().map(|source| redacted(source)).collect();
    Configuration::new([
        ("sources", sources.join(" ")),
        ("include", shown(&arguments.include)),
        ("exclude", shown(&arguments.exclude)),
        ("crawl-depth", arguments.crawl_depth.to_string()),
        ("extraction", format!("{:?}", arguments.extraction).to_lowercase()),
        ("include-text", arguments.include_text.to_string()),
        ("llm", models.map_or_else(|| "never".to_owned(), Asked::name)),
    ])
}

/// A source without the password that an address may carry.
fn redacted(source: &OsStr) -> String {
    Given::parse(source).map_or_else(|_| source.to_string_lossy().into_owned(), |given| given.to_string())
}

fn facts(
    arguments: &RunArguments,
    folder: &RunFolder,
    models: Option<String>,
    statistics: Option<&StatisticsSnapshot>,
) -> RunFacts {
    let sources: Vec<_> = arguments.sources.iter().map(|source| redacted(source)).collect();
    let mut facts = RunFacts::new(folder.state.run.clone());
    facts.started = Some(folder.state.started);
    facts.ended = Some(Timestamp::now());
    facts.wall_seconds = folder.state.seconds;
    facts.command = Shown::new(&format!("coordinator run {}", sources.join(" ")), sheaf_report::caps::VALUE);
    facts.cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    facts.versions = vec![Setting::new("sheaf", env!("CARGO_PKG_VERSION"))];
    let seconds = |duration: Duration| format!("{} s", duration.as_secs_f64());
    facts.options = [
        ("parallelism-mode", format!("{:?}", arguments.parallelism_mode).to_lowercase()),
        ("max-workers", arguments.max_workers.to_string()),
        ("analysis-workers", arguments.analysis_workers.to_string()),
        ("extraction", format!("{:?}", arguments.extraction).to_lowercase()),
        ("crawl-depth", arguments.crawl_depth.to_string()),
        ("include", arguments.include.join(" ")),
        ("exclude", arguments.exclude.join(" ")),
        ("include-text", arguments.include_text.to_string()),
        ("allow-private-addresses", arguments.allow_private_addresses.to_string()),
        ("max-document", format!("{} MiB", arguments.max_document)),
        ("parse-timeout", seconds(arguments.parse_timeout)),
        ("parse-memory", format!("{} MiB", arguments.parse_memory)),
    ]
    .iter()
    .map(|(name, value)| Setting::new(name, value))
    .collect();
    if let Some(models) = models {
        facts.options.push(Setting::new("models", &models));
    }
    if let Some(statistics) = statistics {
        facts.model_requests.clone_from(&statistics.statuses);
    }
    facts
}

/// Says how the run ended, on standard output.
fn conclude(
    folder: &RunFolder,
    summary: &Summary,
    earlier: u64,
    statistics: Option<&StatisticsSnapshot>,
) -> Exit {
    let counts = summary.counts;
    let noun = if counts.total == 1 { "document" } else { "documents" };
    let mut line = format!("{} {noun}: {} ok", counts.total, counts.ok);
    for (count, name) in
        [(counts.failed, "failed"), (counts.skipped, "skipped"), (counts.incomplete, "incomplete")]
    {
        if count > 0 {
            line += &format!(", {count} {name}");
        }
    }
    if earlier == counts.total {
        line += "; all of them were done before";
    } else if earlier > 0 {
        line += &format!("; {earlier} of them were done before");
    }
    say(&line);
    for group in &summary.faults {
        let example = group
            .examples
            .first()
            .map_or(String::new(), |(document, _)| format!(", such as {}", document.source.shown()));
        say(&format!("  {} {}: {}{example}", group.documents, group.status.name(), group.kind.name()));
    }
    if let Some(statistics) = statistics {
        say(&format!("decided by rules: {}, by a model: {}", counts.decided_by_rules, counts.decided_by_llm));
        if summary.cached.documents > 0 {
            say(&format!(
                "answered before: {} about the same text, {} about one that says the same; {:.1} requests and ${:.4} saved",
                counts.cache_exact, counts.cache_semantic, summary.cached.requests, summary.cached.cost_usd
            ));
        }
        say(&models::told(statistics));
    }
    say(&format!("report: {}", folder.file("report.html").display()));
    say(&format!("results: {}", folder.file("results.jsonl").display()));
    if counts.failed + counts.incomplete > 0 { Exit::Documents } else { Exit::Ok }
}
