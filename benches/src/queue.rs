//! The queue in Redis: jobs of 2 KB, pushed in bulk and one by one, drained with results kept and leases fenced, beside what
//! the same Redis does for a bare client. The work of a job is a digest of its body, so that each result can be held to it.
//!
//! | module | noun |
//! | --- | --- |
//! | `job` | a job, its work and its outcome |
//! | `flow` | pushing and draining any queue |
//! | `meter` | what Redis spends |
//! | `bare` | the ceiling |
//! | `beside` | the peers |

mod bare;
mod beside;
mod flow;
mod job;
mod meter;

use std::sync::Arc;

use clap::Args;
use sheaf_common::{
    id::RunId,
    queue::{RedisLimits, RedisQueue},
    redis::{Patience, stand::RedisStand},
};
use tokio::runtime::Runtime;

pub(crate) use self::meter::{Cost, Meter};
use self::{beside::Beside, flow::drain, job::BODY};
use crate::{
    AnyError,
    bench::Bench,
    chaos,
    figures::Figures,
    machine,
    row::{Better, Of, Row},
    sheet::Sheet,
};

/// Workers, each a queue of its own as a process would have.
const WORKERS: usize = 2;

/// What is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Rounds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Jobs in each round
    #[arg(long, default_value_t = 100_000)]
    jobs: usize,
    /// Jobs of one more round with a large backlog; 0 leaves it out
    #[arg(long, default_value_t = 1_000_000)]
    backlog: usize,
    /// Workers that are killed with kill -9 to measure how soon their jobs are back; 0 leaves it out
    #[arg(long, default_value_t = 5)]
    kills: usize,
}

/// What all rounds measured.
#[derive(Default)]
struct Measured {
    push: Figures,
    single: Figures,
    drain: Figures,
    bare_push: Figures,
    bare_drain: Figures,
    /// Microseconds of Redis's CPU a job, pushed and drained by the bare client.
    bare_redis: Figures,
    benchmark: Figures,
    push_costs: Vec<Cost>,
    drain_costs: Vec<Cost>,
}

/// A Redis of this scenario's own.
///
/// # Errors
///
/// It is not installed.
pub(crate) fn stand(arguments: &[&str]) -> Result<RedisStand, AnyError> {
    if !machine::installed("redis-server") {
        return Err("redis-server is not on the PATH: apt-get install redis-server".into());
    }
    Ok(RedisStand::start(arguments))
}

/// Measures, and holds each round's results to its jobs.
pub(crate) fn measure(bench: &Bench, settings: &Settings) -> Result<Sheet, AnyError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let stand = stand(&[])?;
    let mut sheet = Sheet::new(format!(
        "Jobs of {BODY} bytes whose work is a digest of the body; {WORKERS} workers of {} slots; results kept, leases fenced; \
         Redis with its append-only file on (everysec), on the same cores as all clients.",
        flow::SLOTS
    ));
    let mut all = Measured::default();
    for round in bench.rounds(settings.rounds as usize, 0.45) {
        all.round(&runtime, &stand, round, settings.jobs, &mut sheet)?;
    }
    let backlog = (settings.backlog > 0)
        .then(|| round_of(&runtime, &stand, "backlog", settings.backlog, &mut sheet))
        .transpose()?;
    let recovery = (settings.kills > 0)
        .then(|| chaos::recovery(&runtime, bench, settings.kills, &mut sheet))
        .transpose()?
        .unwrap_or_default();
    let beside = Beside::measure(bench, settings.rounds as usize);
    all.rows(&mut sheet, &beside);
    if let Some(backlog) = backlog {
        let (pushed, drained) = (Figures::of(backlog.pushed), Figures::of(backlog.drained));
        sheet.rows.extend([
            Row::new("enqueue, a backlog", "jobs/s", Better::Higher, pushed).ceiling("our bulk", all.push),
            Row::new("drain a backlog", "jobs/s", Better::Higher, drained)
                .ceiling("our drain of a round", all.drain)
                .target(Of::Ceiling, 0.8),
        ]);
        sheet
            .note(format!("the backlog is {} jobs, pushed before the first worker begins", settings.backlog));
    }
    let after = |what: &str, unit: &str, metric: &str, ours: Figures| {
        Row::new(what, unit, Better::Lower, ours).peers(beside.column(metric, |value| value))
    };
    let none = if recovery.rounds() > 0 && sheet.is_sound() { Figures::of(0.0) } else { Figures::default() };
    sheet.rows.extend([
        after("kill -9 of a worker, until its jobs are back", "s", "recovery", recovery)
            .target(Of::Figure, 5.0),
        after("the same, peers at their best settings", "s", "recovery_tuned", Figures::default()),
        after("lost after it", "jobs", "lost", none.clone()).target(Of::Figure, 0.0),
        after("results doubled after it", "jobs", "doubled", none).target(Of::Figure, 0.0),
    ]);
    Ok(sheet)
}

impl Measured {
    fn round(
        &mut self,
        runtime: &Runtime,
        stand: &RedisStand,
        round: usize,
        jobs: usize,
        sheet: &mut Sheet,
    ) -> Result<(), AnyError> {
        if let Some(rate) = bare::benchmark(stand, jobs) {
            self.benchmark.push(rate);
        }
        let pushed = bare::push(runtime, stand, jobs)?;
        let drained = bare::drain(runtime, stand, jobs)?;
        self.bare_push.push(pushed.rate);
        self.bare_drain.push(drained.rate);
        self.bare_redis.push(pushed.redis_us + drained.redis_us);
        let some = (jobs / 10).max(1);
        let single = runtime.block_on(async {
            let queue = open(stand, "one-by-one", some, true).await?;
            let rate = flow::push_one_by_one(&queue, queue.run(), some).await?;
            queue.purge().await?;
            Ok::<_, AnyError>(rate)
        })?;
        self.single.push(single);
        let measured = round_of(runtime, stand, &format!("round-{round}"), jobs, sheet)?;
        self.push.push(measured.pushed);
        self.drain.push(measured.drained);
        self.push_costs.push(measured.push_cost);
        self.drain_costs.push(measured.drain_cost);
        Ok(())
    }

    fn rows(&self, sheet: &mut Sheet, beside: &Beside) {
        let same = |value| value;
        let costs = |of: fn(&Cost) -> f64| {
            let both = self.push_costs.iter().zip(&self.drain_costs);
            both.map(|(push, drain)| of(push) + of(drain)).collect::<Figures>()
        };
        let row = Row::new;
        sheet.rows.extend([
            row("enqueue, bulk", "jobs/s", Better::Higher, self.push.clone())
                .ceiling("bare pipelined XADD", self.bare_push.clone())
                .target(Of::Figure, 60_000.0)
                .peers(beside.column("enqueue_bulk", same)),
            row("enqueue, one by one", "jobs/s", Better::Higher, self.single.clone())
                .peers(beside.column("enqueue_one", same)),
            row("drain", "jobs/s", Better::Higher, self.drain.clone())
                .ceiling("bare read 100, keep, acknowledge, delete", self.bare_drain.clone())
                .target(Of::Figure, 50_000.0)
                .peers(beside.column("drain", same)),
            row("Redis CPU, pushed and drained", "µs a job", Better::Lower, costs(Cost::cpu_us))
                .ceiling("bare push and drain", self.bare_redis.clone())
                .target(Of::Figure, 15.0)
                .peers(beside.column("redis_us", same)),
            row("Redis commands, pushed and drained", "a job", Better::Lower, costs(Cost::commands))
                .target(Of::Figure, 4.0)
                .peers(beside.column("redis_commands", same)),
            row("bytes to Redis", "a job", Better::Lower, costs(Cost::bytes_in)).ideal(BODY as f64),
            row("bytes from Redis", "a job", Better::Lower, costs(Cost::bytes_out)).ideal(BODY as f64),
        ]);
        if self.benchmark.rounds() == 0 {
            sheet.note("redis-benchmark is not installed (package redis-tools)");
        } else {
            let shown = crate::number::spread(&self.benchmark);
            sheet.note(format!("redis-benchmark -P 100 XADD of the same bytes: {shown} a second"));
        }
    }
}

/// What one round measured.
struct Round {
    pushed: f64,
    push_cost: Cost,
    drained: f64,
    drain_cost: Cost,
}

fn round_of(
    runtime: &Runtime,
    stand: &RedisStand,
    run: &str,
    jobs: usize,
    sheet: &mut Sheet,
) -> Result<Round, AnyError> {
    runtime.block_on(async {
        let coordinator = Arc::new(open(stand, run, jobs, true).await?);
        let meter = Meter::new(stand).await?;
        let begun = meter.read(jobs).await?;
        let pushed = flow::push_all(&coordinator, coordinator.run(), jobs).await?;
        let push_cost = meter.read(jobs).await?.since(&begun);

        let begun = meter.read(jobs).await?;
        let mut workers = Vec::with_capacity(WORKERS);
        for _ in 0..WORKERS {
            workers.push(Arc::new(open(stand, run, jobs, false).await?));
        }
        let drained = drain(&coordinator, &workers, jobs, job::outcome, flow::QUIET).await?;
        let drain_cost = meter.read(jobs).await?.since(&begun);
        coordinator.purge().await?;
        sheet.check(
            "every job has one result, and it carries the digest of the job's body",
            &drained.ledger.breaches(job::right),
        );
        Ok(Round { pushed, push_cost, drained: drained.rate, drain_cost })
    })
}

async fn open(stand: &RedisStand, run: &str, jobs: usize, make: bool) -> Result<RedisQueue, AnyError> {
    let limits =
        RedisLimits { ready_jobs: jobs + 1, ready_bytes: usize::MAX >> 12, ..RedisLimits::default() };
    let connector = stand.connector().await;
    Ok(RedisQueue::open(connector, RunId::new(run), 1, limits, make, Patience::Endless).await?)
}
