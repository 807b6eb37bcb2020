//! What the same Redis does for a client that keeps no promises: the ceiling.

use std::{process::Command, time::Instant};

use redis::{Value, pipe};
use sheaf_common::redis::{Connector, Patience, stand::RedisStand};
use tokio::{runtime::Runtime, task::JoinSet};

use super::{job::BODY, meter::Meter};
use crate::AnyError;

/// Commands in one pipeline.
const PIPELINE: usize = 100;
/// Connections at once.
const CONNECTIONS: usize = 2;

/// An entry of a stream: its id, and what is in it.
type Entry = (String, Value);

/// What the client without promises did.
pub(super) struct Bare {
    /// Jobs a second.
    pub(super) rate: f64,
    /// Microseconds of Redis's CPU a job.
    pub(super) redis_us: f64,
}

/// Pipelined `XADD`.
pub(super) fn push(runtime: &Runtime, stand: &RedisStand, jobs: usize) -> Result<Bare, AnyError> {
    runtime.block_on(async {
        let connector = connector(stand).await?;
        reset(&connector).await?;
        let meter = Meter::new(stand).await?;
        let before = meter.read(jobs).await?;
        let at = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let connector = connector.clone();
            tasks.spawn(async move {
                let mut connection = connector.connect().await?;
                let body = vec![b'x'; BODY];
                for _ in 0..jobs / CONNECTIONS / PIPELINE {
                    let mut pipeline = pipe();
                    for _ in 0..PIPELINE {
                        pipeline.cmd("XADD").arg("bare").arg("*").arg("b").arg(&body).ignore();
                    }
                    pipeline.query_async::<()>(&mut connection).await?;
                }
                Ok::<_, AnyError>(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        let rate = jobs as f64 / at.elapsed().as_secs_f64();
        Ok(Bare { rate, redis_us: meter.read(jobs).await?.since(&before).cpu_us() })
    })
}

/// Jobs a second of `redis-benchmark`, pipelined, as its makers measure; `None` where it is not installed.
pub(super) fn benchmark(stand: &RedisStand, jobs: usize) -> Option<f64> {
    let body = "x".repeat(BODY);
    let output = Command::new("redis-benchmark")
        .args(["-p", &stand.port().to_string(), "-n", &jobs.to_string(), "-P", &PIPELINE.to_string()])
        .args(["-c", "8", "--csv", "XADD", "bare", "*", "b", &body])
        .output()
        .ok()?;
    // A line of names, and one of figures: the command, then requests a second.
    let text = String::from_utf8_lossy(&output.stdout);
    let figures =
        text.lines().last()?.rsplit_once(&format!("{body}\",")).map(|(_, figures)| figures.to_owned())?;
    figures.split(',').next()?.trim_matches('"').parse().ok()
}

/// Reading 100 at a time and pipelining what follows: keep a result, acknowledge, delete.
pub(super) fn drain(runtime: &Runtime, stand: &RedisStand, jobs: usize) -> Result<Bare, AnyError> {
    runtime.block_on(async {
        let connector = connector(stand).await?;
        let meter = Meter::new(stand).await?;
        let before = meter.read(jobs).await?;
        let at = Instant::now();
        let mut tasks = JoinSet::new();
        for reader in 0..CONNECTIONS {
            let connector = connector.clone();
            tasks.spawn(async move {
                let mut connection = connector.connect().await?;
                let result = vec![b'r'; 600];
                loop {
                    let mut read = redis::cmd("XREADGROUP");
                    read.arg("GROUP")
                        .arg("g")
                        .arg(reader)
                        .arg("COUNT")
                        .arg(PIPELINE)
                        .arg("STREAMS")
                        .arg("bare")
                        .arg(">");
                    let read: Option<Vec<(String, Vec<Entry>)>> = read.query_async(&mut connection).await?;
                    let Some(entries) =
                        read.and_then(|mut streams| streams.pop()).map(|(_, entries)| entries)
                    else {
                        return Ok::<_, AnyError>(());
                    };
                    let mut pipeline = pipe();
                    for (id, _) in &entries {
                        pipeline.cmd("XADD").arg("results").arg("*").arg("r").arg(&result).ignore();
                        pipeline.cmd("XACK").arg("bare").arg("g").arg(id).ignore();
                        pipeline.cmd("XDEL").arg("bare").arg(id).ignore();
                    }
                    pipeline.query_async::<()>(&mut connection).await?;
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        let rate = jobs as f64 / at.elapsed().as_secs_f64();
        let redis_us = meter.read(jobs).await?.since(&before).cpu_us();
        reset(&connector).await?;
        Ok(Bare { rate, redis_us })
    })
}

async fn connector(stand: &RedisStand) -> Result<Connector, AnyError> {
    Ok(Connector::find(stand.url(), Patience::Endless).await?)
}

async fn reset(connector: &Connector) -> Result<(), AnyError> {
    let mut connection = connector.connect().await?;
    let mut pipeline = pipe();
    pipeline.cmd("DEL").arg("bare").arg("results").ignore();
    pipeline.cmd("XGROUP").arg("CREATE").arg("bare").arg("g").arg("0").arg("MKSTREAM").ignore();
    Ok(pipeline.query_async(&mut connection).await?)
}
