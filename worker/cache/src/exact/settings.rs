//! How an exact cache works.

use std::time::Duration;

use sheaf_common::fleet::CacheSettings;

/// What a coordinator may ask for, and some.
const LONGEST: Duration = Duration::from_hours(100 * 366 * 24);

/// How an exact cache works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactSettings {
    /// Mode, expiry and tenant.
    pub cache: CacheSettings,
    /// Answers that Redis holds for the tenant; those that would expire first make room. At least one in each of 256 parts.
    pub entries: u64,
    /// How long a look-up waits for Redis at most.
    pub patience: Duration,
}

impl ExactSettings {
    /// How many answers Redis holds for a tenant unless said otherwise.
    pub const ENTRIES: u64 = 1_000_000;
    /// How long a look-up waits for Redis unless said otherwise: little beside an answer of a model, much beside a network.
    pub const PATIENCE: Duration = Duration::from_millis(250);

    /// How long an answer is kept: at least a moment, and not beyond what Redis and memory can count.
    pub(super) fn life(&self) -> Duration {
        self.cache.ttl.clamp(Duration::from_millis(1), LONGEST)
    }
}

impl From<&CacheSettings> for ExactSettings {
    fn from(cache: &CacheSettings) -> Self {
        Self { cache: cache.clone(), entries: Self::ENTRIES, patience: Self::PATIENCE }
    }
}
