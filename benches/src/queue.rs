//! The queue in Redis: jobs of 2 KB without work, pushed in bulk and one by one, drained with results kept and leases
//! fenced, beside what the same Redis does for a bare client.

mod bare;
mod meter;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use sheaf_common::{
    fault::{Fault, FaultKind},
    id::{ContentHash, DocumentId, RunId, WorkerId},
    job::{AttemptCounters, Job, Priority},
    queue::{Commit, JobQueue, Leased, RedisLimits, RedisQueue},
    record::Outcome,
    redis::{Patience, stand::RedisStand},
};
use tokio::{runtime::Runtime, task::JoinSet};

use self::meter::{Cost, Meter};
use crate::{AnyError, figures::Figures};

/// Bytes of a job's body.
const BODY: usize = 2_000;
/// Tasks that push at once in bulk.
const PUSHERS: usize = 512;
/// Workers, each a queue of its own as a process would have.
const WORKERS: usize = 2;
/// Jobs that a worker leases and works on at once.
const SLOTS: usize = 256;
/// How long a lease call waits; also how long the last one of a drain does.
const WAIT: Duration = Duration::from_millis(200);

/// What the fastest peers did that keep their jobs, on two cores, with the versions of November 2026.
const PEERS: &str = "\
for comparison, jobs/s in bulk, drained; Redis µs and commands a job, measured apart from this run:
  BullMQ 6.7                   16,300; 17,400; 48 and 24
  apalis-redis 1.0, with lock  39,600; 12,800; 71 and 10
  streaq                       12,900;  2,100; 107 and 20
  Celery 5.7                    1,700;  1,300; 191 and 14";

/// What one round measured.
struct Round {
    pushed: f64,
    push_cost: Cost,
    drained: f64,
    drain_cost: Cost,
}

/// Measures `rounds` rounds of `jobs` jobs, and one of a backlog of `backlog` jobs.
pub(crate) fn measure(rounds: usize, jobs: usize, backlog: usize) -> Result<(), AnyError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let stand = RedisStand::start(&[]);
    println!(
        "jobs of {BODY} bytes without work; append-only file on (everysec); {WORKERS} workers of {SLOTS} slots"
    );
    let (mut push, mut drain) = (Figures::default(), Figures::default());
    let (mut bare_push, mut bare_drain, mut single) =
        (Figures::default(), Figures::default(), Figures::default());
    let mut benchmark = Figures::default();
    let (mut push_cost, mut drain_cost) = (Cost::default(), Cost::default());
    for round in 0..rounds {
        if let Some(rate) = bare::benchmark(&stand, jobs) {
            benchmark.push(rate);
        }
        bare_push.push(bare::push(&runtime, &stand, jobs)?);
        bare_drain.push(bare::drain(&runtime, &stand, jobs)?);
        single.push(one_by_one(&runtime, &stand, jobs / 10)?);
        let measured = round_of(&runtime, &stand, &format!("round-{round}"), jobs)?;
        push.push(measured.pushed);
        drain.push(measured.drained);
        (push_cost, drain_cost) = (measured.push_cost, measured.drain_cost);
    }
    println!(
        "enqueue, bulk        {push} jobs/s; bare pipelined XADD {bare_push}; ratio {}",
        push.per(&bare_push)
    );
    println!("redis-benchmark -P 100 XADD: {benchmark} (NaN: it is not installed; package redis-tools)");
    println!("enqueue, one by one  {single} jobs/s");
    println!(
        "drain                {drain} jobs/s; bare read 100, keep, acknowledge, delete {bare_drain}; ratio {}",
        drain.per(&bare_drain)
    );
    println!("enqueue: {push_cost}");
    println!("drain:   {drain_cost}");
    println!("{PEERS}");
    if backlog > 0 {
        let large = round_of(&runtime, &stand, "backlog", backlog)?;
        println!(
            "a backlog of {backlog}: enqueue {:.0} jobs/s, drain {:.0} jobs/s; drain: {}",
            large.pushed, large.drained, large.drain_cost
        );
    }
    Ok(())
}

fn round_of(runtime: &Runtime, stand: &RedisStand, run: &str, jobs: usize) -> Result<Round, AnyError> {
    runtime.block_on(async {
        let coordinator = open(stand, run, jobs, true).await?;
        let meter = Meter::new(stand).await?;

        let begun = meter.read(jobs).await?;
        let at = Instant::now();
        let next = Arc::new(AtomicUsize::new(0));
        let mut pushers = JoinSet::new();
        for _ in 0..PUSHERS {
            let (queue, next) = (coordinator.clone(), next.clone());
            pushers.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= jobs {
                        return Ok(());
                    }
                    queue.push(job(queue.run(), number as u64)).await?;
                }
            });
        }
        while let Some(ended) = pushers.join_next().await {
            ended?.map_err(|error: sheaf_common::queue::QueueError| error)?;
        }
        let pushed = jobs as f64 / at.elapsed().as_secs_f64();
        let push_cost = meter.read(jobs).await?.since(&begun);

        let begun = meter.read(jobs).await?;
        let at = Instant::now();
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            let queue = open(stand, run, jobs, false).await?;
            workers.spawn(work(queue, WorkerId::new(format!("worker-{worker}"))));
        }
        let mut seen = vec![false; jobs];
        let mut collected = 0;
        let mut last = at;
        while collected < jobs {
            let batch = coordinator.collect(512, WAIT).await?;
            for outcome in &batch.outcomes {
                if std::mem::replace(&mut seen[outcome.sequence as usize], true) {
                    return Err(format!("document {} has two outcomes", outcome.sequence).into());
                }
            }
            collected += batch.outcomes.len();
            last = Instant::now();
            coordinator.confirm(batch.receipt).await?;
            if at.elapsed() > Duration::from_mins(10) {
                return Err(
                    format!("{collected} of {jobs} outcomes after ten minutes: jobs were lost").into()
                );
            }
        }
        let drained = jobs as f64 / (last - at).as_secs_f64();
        let drain_cost = meter.read(jobs).await?.since(&begun);
        while let Some(ended) = workers.join_next().await {
            ended??;
        }
        coordinator.purge().await?;
        Ok(Round { pushed, push_cost, drained, drain_cost })
    })
}

/// Each push waits for the one before.
fn one_by_one(runtime: &Runtime, stand: &RedisStand, jobs: usize) -> Result<f64, AnyError> {
    runtime.block_on(async {
        let queue = open(stand, "one-by-one", jobs, true).await?;
        let at = Instant::now();
        for number in 0..jobs {
            queue.push(job(queue.run(), number as u64)).await?;
        }
        let rate = jobs as f64 / at.elapsed().as_secs_f64();
        queue.purge().await?;
        Ok(rate)
    })
}

async fn open(stand: &RedisStand, run: &str, jobs: usize, make: bool) -> Result<RedisQueue, AnyError> {
    let limits =
        RedisLimits { ready_jobs: jobs + 1, ready_bytes: usize::MAX >> 12, ..RedisLimits::default() };
    let connector = stand.connector().await;
    Ok(RedisQueue::open(connector, RunId::new(run), 1, limits, make, Patience::Endless).await?)
}

/// Leases, does nothing, commits, until nothing has come for a while.
async fn work(queue: RedisQueue, id: WorkerId) -> Result<(), AnyError> {
    let mut commits = JoinSet::new();
    loop {
        let leased = queue.lease(&id, SLOTS, WAIT).await?;
        if leased.is_empty() {
            break;
        }
        while commits.len() > SLOTS {
            commits.join_next().await.transpose()?.transpose()?;
        }
        for leased in leased {
            let (queue, id) = (queue.clone(), id.clone());
            commits.spawn(async move {
                match queue.commit(leased.token, outcome(&leased, &id)).await? {
                    Commit::Committed => Ok::<_, AnyError>(()),
                    other => Err(format!("a commit was answered with {other:?}").into()),
                }
            });
        }
    }
    while let Some(ended) = commits.join_next().await {
        ended??;
    }
    Ok(())
}

fn job(run: &RunId, number: u64) -> Job {
    let mut body = format!("{number:016x}").repeat(BODY / 16);
    body.truncate(BODY);
    Job {
        run: run.clone(),
        id: DocumentId::of_source(&number.to_be_bytes()),
        sequence: number,
        source: format!("https://example.org/documents/{number}"),
        final_url: Some(format!("https://example.org/documents/{number}")),
        declared_content_type: Some("text/html; charset=utf-8".to_owned()),
        file_name: None,
        hash: ContentHash([0; 32]),
        body: Bytes::from(body),
        fetch_us: 1_000,
        fetch_attempts: 1,
        counters: AttemptCounters::default(),
        priority: Priority::Normal,
    }
}

fn outcome(leased: &Leased, id: &WorkerId) -> Outcome {
    let fault = Fault::new(FaultKind::Empty, "a job without work", "");
    Outcome::of(&leased.job, id, 0.0, Err(fault))
}
