//! A run's configuration as a message.

use std::time::Duration;

use sheaf_proto::v1;

use super::field;
use crate::{
    fleet::{Assignment, Budget, CacheMode, CacheSettings, LlmPolicy, ModelSettings, RedisAccess},
    mode::Mode,
    wire::{WireError, options_message, options_of},
};

pub(super) fn message(assignment: Assignment) -> v1::Assignment {
    let Assignment {
        run,
        redis,
        shards,
        options,
        mode,
        parse_timeout,
        parse_memory_bytes,
        llm,
        models,
        budget,
        cache,
    } = assignment;
    v1::Assignment {
        run_id: run.to_string(),
        redis_url: redis.url,
        redis_host_is_coordinator: redis.host_is_coordinator,
        shards: shards.into(),
        options: Some(options_message(options)),
        mode: mode_message(mode).into(),
        parse_timeout_ms: field::milliseconds(parse_timeout),
        parse_memory_bytes,
        llm: llm_message(llm).into(),
        models: Some(v1::ModelSettings {
            no_parallel: models.no_parallel,
            max_parallel: models.max_parallel,
            requests_per_minute: models.requests_per_minute,
            tokens_per_minute: models.tokens_per_minute,
            batch_size: models.batch_size,
            batch_api: models.batch_api,
        }),
        budget: Some(v1::Budget {
            usd: budget.usd,
            tokens: budget.tokens,
            spent_nano_usd: budget.spent_nano_usd,
            spent_input_tokens: budget.spent_input_tokens,
            spent_output_tokens: budget.spent_output_tokens,
        }),
        cache: Some(v1::CacheSettings {
            mode: cache_message(cache.mode).into(),
            ttl_seconds: cache.ttl.as_secs(),
            tenant: cache.tenant,
            semantic: cache.semantic,
        }),
    }
}

pub(super) fn of(assignment: v1::Assignment) -> Result<Assignment, WireError> {
    let mode = mode_of(assignment.mode())?;
    let llm = llm_of(assignment.llm())?;
    let shards = u16::try_from(assignment.shards)
        .ok()
        .filter(|shards| *shards > 0)
        .ok_or_else(|| field::invalid("shards", assignment.shards.to_string()))?;
    let models = assignment.models.ok_or(WireError::Missing("models"))?;
    let budget = assignment.budget.ok_or(WireError::Missing("budget"))?;
    let cache = assignment.cache.ok_or(WireError::Missing("cache"))?;
    Ok(Assignment {
        run: field::run(assignment.run_id)?,
        redis: RedisAccess {
            // An address of Redis is in no error, as it may hold a password.
            url: field::text("redis_url", assignment.redis_url, field::URL_BYTES)
                .map_err(|_| field::invalid("redis_url", "(not shown)"))?,
            host_is_coordinator: assignment.redis_host_is_coordinator,
        },
        shards,
        options: options_of(assignment.options.ok_or(WireError::Missing("options"))?)?,
        mode,
        parse_timeout: field::period("parse_timeout_ms", assignment.parse_timeout_ms)?,
        parse_memory_bytes: assignment.parse_memory_bytes,
        llm,
        models: ModelSettings {
            no_parallel: models.no_parallel,
            max_parallel: models.max_parallel,
            requests_per_minute: models.requests_per_minute,
            tokens_per_minute: models.tokens_per_minute,
            batch_size: models.batch_size,
            batch_api: models.batch_api,
        },
        budget: Budget {
            usd: budget.usd.map(|usd| field::amount("usd", usd)).transpose()?,
            tokens: budget.tokens,
            spent_nano_usd: budget.spent_nano_usd,
            spent_input_tokens: budget.spent_input_tokens,
            spent_output_tokens: budget.spent_output_tokens,
        },
        cache: CacheSettings {
            mode: cache_of(cache.mode())?,
            ttl: Duration::from_secs(cache.ttl_seconds),
            tenant: field::name("tenant", cache.tenant)?,
            semantic: cache.semantic,
        },
    })
}

pub(super) fn mode_message(mode: Mode) -> v1::Mode {
    match mode {
        Mode::Sync => v1::Mode::Sync,
        Mode::Async => v1::Mode::Async,
        Mode::Process => v1::Mode::Process,
        Mode::Hybrid => v1::Mode::Hybrid,
    }
}

pub(super) fn mode_of(mode: v1::Mode) -> Result<Mode, WireError> {
    match mode {
        v1::Mode::Sync => Ok(Mode::Sync),
        v1::Mode::Async => Ok(Mode::Async),
        v1::Mode::Process => Ok(Mode::Process),
        v1::Mode::Hybrid => Ok(Mode::Hybrid),
        v1::Mode::Unspecified => Err(WireError::Missing("mode")),
    }
}

fn llm_message(llm: LlmPolicy) -> v1::LlmPolicy {
    match llm {
        LlmPolicy::Never => v1::LlmPolicy::Never,
        LlmPolicy::Unsure => v1::LlmPolicy::Unsure,
        LlmPolicy::Every => v1::LlmPolicy::Every,
    }
}

fn llm_of(llm: v1::LlmPolicy) -> Result<LlmPolicy, WireError> {
    match llm {
        v1::LlmPolicy::Never => Ok(LlmPolicy::Never),
        v1::LlmPolicy::Unsure => Ok(LlmPolicy::Unsure),
        v1::LlmPolicy::Every => Ok(LlmPolicy::Every),
        v1::LlmPolicy::Unspecified => Err(WireError::Missing("llm")),
    }
}

fn cache_message(mode: CacheMode) -> v1::CacheMode {
    match mode {
        CacheMode::Off => v1::CacheMode::Off,
        CacheMode::Read => v1::CacheMode::Read,
        CacheMode::On => v1::CacheMode::On,
    }
}

fn cache_of(mode: v1::CacheMode) -> Result<CacheMode, WireError> {
    match mode {
        v1::CacheMode::Off => Ok(CacheMode::Off),
        v1::CacheMode::Read => Ok(CacheMode::Read),
        v1::CacheMode::On => Ok(CacheMode::On),
        v1::CacheMode::Unspecified => Err(WireError::Missing("cache.mode")),
    }
}
