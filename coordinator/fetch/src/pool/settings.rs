//! How the pool shares its slots.

use std::time::Duration;

use sheaf_common::backoff::Backoff;

/// How the pool shares its slots among hosts, and how often it tries. The defaults suit the open web.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// Downloads at once, and the most bodies that are finished and not yet taken; default 5, at least 1.
    pub max_workers: usize,
    /// Documents read ahead of their download so that a busy host does not hide the others behind it; default 8,192.
    /// A set whose next 8,192 documents are all on one slow host is held up by it.
    pub look_ahead: usize,
    /// Attempts for each document; default 3. Only what may pass is tried again: no connection, a time limit, a
    /// server's error, a body that broke off.
    pub attempts: u32,
    /// How often a document may be told to come back later (429) besides its attempts; default 10.
    pub waits: u32,
    /// Waits between attempts; default from 1 s, doubling, to 30 s, with jitter.
    pub backoff: Backoff,
    /// Longest wait that a `Retry-After` can ask for; default 120 s.
    pub max_retry_after: Duration,
    /// Longest `Crawl-delay` that is heeded; default 30 s.
    pub max_crawl_delay: Duration,
    /// Longest time between the starts of two downloads that a host's refusals lead to; default 30 s.
    pub max_pace: Duration,
    /// Times in a row that a host cannot be reached before it is given up; default 3. What fails at the same time
    /// counts once.
    pub host_failures: u32,
    /// How long a host stays given up; default 5 min. Then one failure more gives it up again.
    pub given_up_for: Duration,
    /// A host whose downloads take longer than this on average never holds more than half of the slots; nor does one
    /// that has not answered yet. Default 5 s.
    pub slow: Duration,
    /// Hosts remembered while nothing of theirs is wanted; default 4,096. The ones used least recently are forgotten.
    pub remembered_hosts: usize,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_workers: 5,
            look_ahead: 8_192,
            attempts: 3,
            waits: 10,
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(30)),
            max_retry_after: Duration::from_mins(2),
            max_crawl_delay: Duration::from_secs(30),
            max_pace: Duration::from_secs(30),
            host_failures: 3,
            given_up_for: Duration::from_mins(5),
            slow: Duration::from_secs(5),
            remembered_hosts: 4_096,
        }
    }
}
