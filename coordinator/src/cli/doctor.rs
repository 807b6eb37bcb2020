//! `coordinator doctor`.

use sheaf_common::redis::{Connector, Link, Patience, RedisUrl, Severity, inspect};
use sheaf_llm::config::PoolConfig;
use sheaf_worker::models;

use super::{
    arguments::DoctorArguments,
    exit::{Exit, complain, complain_of_usage, say},
    fleet::{FIRST_ANSWER, LEASE},
};

pub(super) fn main(arguments: &DoctorArguments) -> Exit {
    let config = match models::configured(&arguments.models.options()) {
        Ok(config) => config,
        Err(message) => return complain_of_usage(&message),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("the runtime could not be started: {error}")),
    };
    let mut problems = 0;
    if let Some(config) = &config {
        problems += runtime.block_on(models(config));
    } else {
        say("no model is configured: rules decide every document. The variables that name one:");
        say(&sheaf_llm::config::help());
    }
    if let Some(url) = &arguments.redis_url {
        match runtime.block_on(redis(url)) {
            Ok(found) => problems += found,
            Err(message) => return complain(&message),
        }
    }
    if problems == 0 { Exit::Ok } else { Exit::Failed }
}

/// Says what each model can do; returns how much is to be mended.
async fn models(config: &PoolConfig) -> usize {
    say(&config.sentence());
    for note in &config.notes {
        say(note);
    }
    let mut problems = 0;
    for detection in &models::look(config).await {
        say(&detection.to_string());
        for problem in &detection.problems {
            say(&format!("  mend: {problem}"));
            problems += 1;
        }
    }
    problems
}

/// Says whether a Redis may be trusted with jobs; returns how much is to be mended.
async fn redis(url: &str) -> Result<usize, String> {
    let url = RedisUrl::parse(url).map_err(|error| error.to_string())?;
    let shown = url.to_string();
    let connector =
        Connector::find(url, Patience::For(FIRST_ANSWER)).await.map_err(|error| error.to_string())?;
    let link = Link::new(connector, Patience::For(FIRST_ANSWER));
    let found = inspect(&link, LEASE).await.map_err(|error| error.to_string())?;
    let kind = if found.cluster { "a cluster" } else { "one server" };
    say(&format!("Redis at {shown}: {}, {kind}", found.version));
    for finding in &found.findings {
        let what = if finding.severity == Severity::Refused { "refused" } else { "warning" };
        say(&format!("  {what}: {}", finding.message));
        say(&format!("  mend: {}", finding.mend));
    }
    if found.findings.is_empty() {
        say("  it keeps what it is given: append-only file on, no eviction");
    }
    Ok(found.findings.len())
}
