//! The operator's verbs: over gRPC to a coordinator that runs, or over Redis to a run that has ended.

use std::path::Path;

use sheaf_common::{
    fleet::{Command as Asked, RosterEntry, WorkerState},
    id::WorkerId,
    queue::{DeadLetter, RedisLimits, RedisQueue},
    redis::{Connector, Patience, RedisUrl},
    wire::fleet::FleetClient,
};
use sheaf_worker::cli::own_program;

use super::{
    arguments::{ReachArguments, RunOfArguments},
    exit::{Exit, complain, complain_of_usage, note, say},
    fleet::FIRST_ANSWER,
};
use crate::{folder::RunFolder, private_redis::PrivateRedis};

/// Documents that were given up which are told one by one.
const TOLD: usize = 20;

/// `coordinator workers`.
pub(super) fn workers(arguments: &ReachArguments) -> Exit {
    with_fleet(arguments, async |client| {
        let workers = client.workers().await.map_err(|error| error.to_string())?;
        say(&table(&workers));
        Ok(())
    })
}

/// `coordinator drain`, `pause` and `resume`.
pub(super) fn command(arguments: &ReachArguments, worker: &str, asked: Asked) -> Exit {
    with_fleet(arguments, async |client| {
        let told = client.command(&WorkerId::new(worker), asked).await;
        told.map_err(|error| format!("{error}; coordinator workers lists them"))
    })
}

/// `coordinator replay`.
pub(super) fn replay(arguments: &RunOfArguments) -> Exit {
    with_queue(arguments, async |queue| {
        let letters = queue.dead_letters(usize::MAX).await.map_err(|error| error.to_string())?;
        let back = queue.replay().await.map_err(|error| error.to_string())?;
        for letter in letters.iter().take(TOLD) {
            say(&told(letter));
        }
        if letters.len() > TOLD {
            say(&format!("and {} more", letters.len() - TOLD));
        }
        say(&match back.len() {
            0 => "no document of the run was given up: there is nothing to replay".to_owned(),
            1 => "1 document was put back; the same coordinator run does it again".to_owned(),
            count => format!("{count} documents were put back; the same coordinator run does them again"),
        });
        Ok(())
    })
}

/// `coordinator purge`.
pub(super) fn purge(arguments: &RunOfArguments) -> Exit {
    with_queue(arguments, async |queue| {
        queue.purge().await.map_err(|error| error.to_string())?;
        say(
            "the run was removed from Redis; what it recorded stays in its folder, and the same coordinator run does the rest",
        );
        Ok(())
    })
}

fn with_fleet(
    arguments: &ReachArguments,
    work: impl AsyncFnOnce(&mut FleetClient) -> Result<(), String>,
) -> Exit {
    let settings = match arguments.settings() {
        Ok(settings) => settings,
        Err(message) => return complain_of_usage(&message),
    };
    on_a_runtime(async {
        let mut client = FleetClient::connect(&settings).await.map_err(|error| error.to_string())?;
        work(&mut client).await
    })
}

/// Opens the queue of the run in an output folder, whose lock is held meanwhile.
fn with_queue(arguments: &RunOfArguments, work: impl AsyncFnOnce(&RedisQueue) -> Result<(), String>) -> Exit {
    let folder = match RunFolder::reopen(&arguments.run) {
        Ok(folder) => folder,
        Err(error) => return complain(&error.to_string()),
    };
    if folder.state.shards == 0 {
        return complain(&format!(
            "the run in {} never had a queue: it was not run with --enable-queue",
            arguments.run.display()
        ));
    }
    on_a_runtime(async {
        let (connector, private) = match &arguments.redis_url {
            Some(url) => {
                let url = RedisUrl::parse(url).map_err(|error| error.to_string())?;
                let found = Connector::find(url, Patience::For(FIRST_ANSWER)).await;
                (found.map_err(|error| error.to_string())?, None)
            }
            None if !folder.redis_folder().exists() => {
                return Err(format!(
                    "the run in {} has no Redis of its own; give --redis-url the one that it was run with",
                    arguments.run.display()
                ));
            }
            None => {
                let program = own_program()?;
                let private = private(&folder.redis_folder(), &program).await?;
                (private.connector().clone(), Some(private))
            }
        };
        let (run, shards) = (folder.state.run.clone(), folder.state.shards);
        let limits = RedisLimits::default();
        let queue =
            RedisQueue::open(connector, run, shards, limits, false, Patience::For(FIRST_ANSWER)).await;
        let done = match queue {
            Ok(queue) => work(&queue).await,
            Err(error) => Err(error.to_string()),
        };
        if let Some(private) = private {
            private.stop();
        }
        done
    })
}

async fn private(folder: &Path, program: &Path) -> Result<PrivateRedis, String> {
    let started = PrivateRedis::start(folder, program, [127, 0, 0, 1].into()).await;
    started.map_err(|error| error.to_string())
}

pub(super) fn on_a_runtime(work: impl Future<Output = Result<(), String>>) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("the runtime could not be started: {error}")),
    };
    match runtime.block_on(work) {
        Ok(()) => Exit::Ok,
        Err(message) => complain(&message),
    }
}

fn table(workers: &[RosterEntry]) -> String {
    if workers.is_empty() {
        note("no worker has registered");
    }
    let mut rows = vec![["WORKER", "NAME", "STATE", "IN FLIGHT", "DONE", "HEARD", "NOTE"].map(str::to_owned)];
    rows.extend(workers.iter().map(|entry| {
        [
            entry.worker.to_string(),
            entry.name.clone(),
            state(entry.state).to_owned(),
            format!("{}/{}", entry.load.in_flight, entry.load.slots),
            entry.done.to_string(),
            format!("{} s ago", entry.silent_for.as_secs()),
            entry.unwell.clone().unwrap_or_default(),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 7] = std::array::from_fn(width);
    let line = |row: &[String; 7]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn state(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Joining => "joining",
        WorkerState::Working => "working",
        WorkerState::Paused => "paused",
        WorkerState::Draining => "draining",
        WorkerState::Lost => "lost",
    }
}

/// A document that was given up, in one line.
fn told(letter: &DeadLetter) -> String {
    let source = if letter.source.is_empty() {
        format!("document {}", letter.sequence)
    } else {
        letter.source.clone()
    };
    format!("{source}: {}", letter.reason)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sheaf_common::fleet::Load;

    use super::*;

    #[test]
    fn workers_stand_in_columns() {
        let entry = RosterEntry {
            worker: WorkerId::new("host-a-17-0badcafe"),
            name: "blue".to_owned(),
            host: "host-a".to_owned(),
            version: "0.1.0".to_owned(),
            state: WorkerState::Working,
            load: Load { in_flight: 2, slots: 3, ..Load::default() },
            done: 40,
            silent_for: Duration::from_millis(700),
            unwell: Some("its key is wrong".to_owned()),
        };
        let lost = RosterEntry { state: WorkerState::Lost, unwell: None, ..entry.clone() };
        insta::assert_snapshot!(table(&[entry, lost]), @"
        WORKER              NAME  STATE    IN FLIGHT  DONE  HEARD    NOTE
        host-a-17-0badcafe  blue  working  2/3        40    0 s ago  its key is wrong
        host-a-17-0badcafe  blue  lost     2/3        40    0 s ago
        ");
    }
}
