//! What Redis spends.

use sheaf_common::redis::{Link, Patience, stand::RedisStand};

use crate::AnyError;

/// Reads Redis's own counters.
pub(crate) struct Meter {
    link: Link,
}

/// What a number of jobs cost Redis.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    jobs: f64,
    cpu_seconds: f64,
    commands: f64,
    bytes_in: f64,
    bytes_out: f64,
}

impl Meter {
    pub(crate) async fn new(stand: &RedisStand) -> Result<Self, AnyError> {
        Ok(Self { link: Link::new(stand.connector().await, Patience::Endless) })
    }

    /// The counters now, to be set against those of before.
    pub(crate) async fn read(&self, jobs: usize) -> Result<Cost, AnyError> {
        let info: String =
            self.link.query("asking for counters", redis::cmd("INFO").arg("everything")).await?;
        let field = |name: &str| -> f64 {
            let value = info.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
            value.and_then(|value| value.parse().ok()).unwrap_or(0.0)
        };
        // Every command, those that scripts call included.
        let calls = info.lines().filter_map(|line| {
            let calls = line.strip_prefix("cmdstat_")?.split_once(":calls=")?.1;
            calls.split(',').next()?.parse::<f64>().ok()
        });
        Ok(Cost {
            jobs: jobs as f64,
            cpu_seconds: field("used_cpu_user") + field("used_cpu_sys"),
            commands: calls.sum(),
            bytes_in: field("total_net_input_bytes"),
            bytes_out: field("total_net_output_bytes"),
        })
    }
}

impl Cost {
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            jobs: self.jobs,
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
            commands: self.commands - before.commands,
            bytes_in: self.bytes_in - before.bytes_in,
            bytes_out: self.bytes_out - before.bytes_out,
        }
    }

    /// Microseconds of CPU a job.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.jobs
    }

    /// Commands a job.
    pub(crate) fn commands(&self) -> f64 {
        self.commands / self.jobs
    }

    /// Bytes to Redis a job.
    pub(crate) fn bytes_in(&self) -> f64 {
        self.bytes_in / self.jobs
    }

    /// Bytes from Redis a job.
    pub(crate) fn bytes_out(&self) -> f64 {
        self.bytes_out / self.jobs
    }
}
