//! `coordinator cache`: what is kept of models' answers in a Redis that runs share.

#![allow(clippy::doc_markdown, reason = "help is plain text")]

use clap::{Args, Subcommand};
use jiff::Timestamp;
use sheaf_cache::exact::{self, Holdings};
use sheaf_common::{
    fleet::CacheSettings,
    redis::{Connector, Link, Patience, RedisUrl},
};

use super::{
    arguments::tenant,
    exit::{Exit, complain_of_usage, say},
    fleet::FIRST_ANSWER,
    operator::on_a_runtime,
};

#[derive(Debug, Subcommand)]
pub(super) enum CacheCommand {
    /// Say how many answers Redis keeps for a tenant, how large they are and how old
    Stats {
        #[command(flatten)]
        place: PlaceArguments,

        /// Whose answers
        #[arg(long, value_name = "NAME", default_value = CacheSettings::TENANT, value_parser = tenant)]
        tenant: String,
    },
    /// Remove the answers that Redis keeps for a tenant. Workers that run keep what they have in memory until they end
    Purge {
        #[command(flatten)]
        place: PlaceArguments,

        /// Whose answers
        #[arg(long, value_name = "NAME", value_parser = tenant)]
        tenant: String,
    },
}

/// Where answers are kept.
#[derive(Debug, Args)]
pub(super) struct PlaceArguments {
    /// The Redis that runs were given: redis://:PASSWORD@HOST:PORT, rediss:// with TLS
    #[arg(long, value_name = "URL")]
    redis_url: Option<String>,
}

pub(super) fn main(command: &CacheCommand) -> Exit {
    match command {
        CacheCommand::Stats { place, tenant } => with_redis(place, async |link| {
            let held = exact::survey(link, tenant).await.map_err(|error| error.to_string())?;
            say(&told(&held, tenant));
            Ok(())
        }),
        CacheCommand::Purge { place, tenant } => with_redis(place, async |link| {
            let removed = exact::purge(link, tenant).await.map_err(|error| error.to_string())?;
            say(&match removed {
                0 => format!("there were no answers of tenant {tenant}"),
                1 => format!("1 answer of tenant {tenant} was removed"),
                count => format!("{count} answers of tenant {tenant} were removed"),
            });
            Ok(())
        }),
    }
}

fn with_redis(place: &PlaceArguments, work: impl AsyncFnOnce(&Link) -> Result<(), String>) -> Exit {
    let url = match place.redis_url.as_deref().map(RedisUrl::parse) {
        Some(Ok(url)) => url,
        Some(Err(error)) => return complain_of_usage(&error.to_string()),
        None => {
            return complain_of_usage(
                "answers are kept in the Redis that runs were given, and none is named; give --redis-url the same one",
            );
        }
    };
    on_a_runtime(async {
        let patience = Patience::For(FIRST_ANSWER);
        let connector = Connector::find(url, patience).await.map_err(|error| error.to_string())?;
        work(&Link::new(connector, patience)).await
    })
}

/// What is kept, in a few lines.
fn told(held: &Holdings, tenant: &str) -> String {
    let mut lines = vec![format!("tenant:   {tenant}"), format!("answers:  {}", held.entries)];
    if held.entries > 0 {
        lines.push(format!("size:     about {}", size(held.bytes)));
    }
    // A time that no calendar has was written by hand.
    let oldest = held.oldest.and_then(|at| Timestamp::from_second(i64::try_from(at).ok()?).ok());
    lines.extend(oldest.map(|at| format!("oldest:   {at}")));
    lines.extend(held.semantic.map(|units| format!("semantic: {units} units")));
    lines.join("\n")
}

fn size(bytes: u64) -> String {
    let kibibytes = bytes as f64 / 1024.0;
    if kibibytes < 1024.0 { format!("{kibibytes:.0} KiB") } else { format!("{:.1} MiB", kibibytes / 1024.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holdings_are_a_few_lines() {
        let held =
            Holdings { entries: 1_000, bytes: 3 << 19, oldest: Some(1_700_000_000), semantic: Some(12) };
        insta::assert_snapshot!(told(&held, "acme"), @"
        tenant:   acme
        answers:  1000
        size:     about 1.5 MiB
        oldest:   2023-11-14T22:13:20Z
        semantic: 12 units
        ");
        let nonsense = Holdings { oldest: Some(u64::MAX), ..Holdings::default() };
        assert_eq!(told(&nonsense, "acme"), "tenant:   acme\nanswers:  0");
    }
}
