//! apalis-redis, as the driver of the queue scenario runs it: one producer, or one worker.
//!
//!     apalis produce one|bulk FIRST COUNT      prints the seconds that pushing took, connecting not counted
//!     apalis work plain|default|tuned          runs one worker until it is killed
//!
//! The environment says the rest: PEER_REDIS (URL), PEER_BYTES (of a job), PEER_WORK_MS (that a job sleeps),
//! PEER_LOG (a file that each job's number is appended to when its work begins and when it has ended).
//!
//! Settings, from the documentation of `apalis_redis::Config` and apalis's README:
//! - batch_size 100 in place of 10: "larger batches can improve throughput".
//! - lock_tasks off where nothing is killed: "can be turned off for tasks that last shorter than a worker heartbeat".
//!   Jobs of a dead worker come back without it too: fetching alone puts them into the worker's set in flight.
//! - emit_events off: nobody listens to the messages that each job would publish.
//! - persist_results is on, as by default: results are kept.
//! - concurrency and `parallelize(tokio::spawn)`, as the README has it.
//! - Every pushed task passes through the set of scheduled tasks, which a worker moves with one Lua `unpack`: over a
//!   backlog of about 8,000 that call fails and the worker ends. So the driver never lets the backlog grow so far.
//!
//! `default` is `Config::default()`: a worker is dead after ten missed heartbeats of 30 s. `tuned`: after three of 1 s.

use std::{
    env,
    error::Error,
    fs::{File, OpenOptions},
    io::Write,
    sync::OnceLock,
    time::{Duration, Instant},
};

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};
use serde::{Deserialize, Serialize};

/// Tasks in one push.
const BULK: usize = 500;
/// Tasks that a worker works on at once.
const AT_ONCE: usize = 100;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Job {
    number: usize,
    body: String,
}

/// What the environment says of a job's work.
struct Work {
    pause: Duration,
    log: Option<File>,
}

static WORK: OnceLock<Work> = OnceLock::new();

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["produce", how, first, count] => produce(how == "bulk", first.parse()?, count.parse()?).await,
        ["work", settings] => work(settings).await,
        _ => Err("usage: apalis produce one|bulk FIRST COUNT, or: apalis work plain|default|tuned".into()),
    }
}

async fn storage(config: Config) -> Result<RedisStorage<Job>, Box<dyn Error>> {
    let connection = apalis_redis::connect(env::var("PEER_REDIS")?).await?;
    Ok(RedisStorage::new(connection).with_config(config.queue("peer")))
}

async fn produce(bulk: bool, first: usize, count: usize) -> Result<(), Box<dyn Error>> {
    let mut storage = storage(Config::default().emit_events(false)).await?;
    let body = "x".repeat(env::var("PEER_BYTES")?.parse()?);
    let mut jobs = (first..first + count).map(|number| Job { number, body: body.clone() });
    let began = Instant::now();
    if bulk {
        loop {
            let some: Vec<Job> = jobs.by_ref().take(BULK).collect();
            if some.is_empty() {
                break;
            }
            storage.push_bulk(some).await?;
        }
    } else {
        for job in jobs {
            storage.push(job).await?;
        }
    }
    println!("{}", began.elapsed().as_secs_f64());
    Ok(())
}

async fn work(settings: &str) -> Result<(), Box<dyn Error>> {
    let log = env::var_os("PEER_LOG").map(|path| OpenOptions::new().append(true).create(true).open(path));
    let pause = Duration::from_millis(env::var("PEER_WORK_MS").map_or(Ok(0), |text| text.parse())?);
    WORK.get_or_init(|| Work { pause, log: log.and_then(Result::ok) });
    let config = match settings {
        "default" => Config::default(),
        "tuned" => Config::default()
            .batch_size(100)
            .emit_events(false)
            .heartbeat_interval(Duration::from_secs(1))
            .missed_heartbeats(3),
        _ => Config::default().batch_size(100).emit_events(false).lock_tasks(false),
    };
    WorkerBuilder::new(format!("worker-{}", std::process::id()))
        .backend(storage(config).await?)
        .concurrency(AT_ONCE)
        .parallelize(tokio::spawn)
        .build(run)
        .run()
        .await?;
    Ok(())
}

async fn run(job: Job) -> Result<usize, BoxDynError> {
    let Some(work) = WORK.get() else { return Ok(job.number) };
    note(work, 'b', job.number)?;
    if !work.pause.is_zero() {
        tokio::time::sleep(work.pause).await;
    }
    note(work, 'e', job.number)?;
    Ok(job.number)
}

/// One short write to a file opened for appending: lines of several processes do not mix.
fn note(work: &Work, what: char, number: usize) -> Result<(), BoxDynError> {
    if let Some(mut log) = work.log.as_ref() {
        log.write_all(format!("{what} {number} {}\n", std::process::id()).as_bytes())?;
    }
    Ok(())
}
