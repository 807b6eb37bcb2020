//! What a download may cost.

use std::time::Duration;

/// Limits of a single download. The defaults suit the open web.
#[derive(Debug, Clone)]
pub struct FetchLimits {
    /// Time for look-up, TCP and TLS together; default 10 s.
    pub connect: Duration,
    /// Time from asking to the head of the answer, connecting included; default 30 s.
    pub first_byte: Duration,
    /// Time for the whole body after its head; default 120 s.
    pub body: Duration,
    /// Fewest bytes of body in each [`pace_window`](Self::pace_window); default 1,024. The last, unfinished window is
    /// not held against a server.
    pub pace_bytes: u64,
    /// Length of the window in which a body's pace is measured; default 10 s.
    pub pace_window: Duration,
    /// Most bytes of a body as sent; default 32 MiB.
    pub wire_bytes: u64,
    /// Most bytes of a body once unpacked; default 32 MiB.
    pub body_bytes: u64,
    /// Most redirects followed for one document; default 10.
    pub redirects: u32,
    /// Heed robots.txt; default `true`.
    pub respect_robots: bool,
    /// Connect to private, loopback, link-local and other special addresses for every request; default `false`.
    pub allow_private_addresses: bool,
    /// How long a robots.txt is relied on; default 24 h, the longest that RFC 9309 (2.4) allows.
    pub robots_ttl: Duration,
    /// How long a robots.txt that could not be read is not asked for again by downloads that a redirect leads to its
    /// host; default 30 s. (The pool's own question, [`Fetch::terms`](crate::Fetch::terms), always asks.)
    pub robots_failure_ttl: Duration,
    /// Bytes of parsed robots.txt kept; default 16 MiB. The ones used least recently make room.
    pub robots_cache_bytes: usize,
    /// Idle connections kept for each host; default 64. They are closed after [`idle`](Self::idle).
    pub idle_per_host: usize,
    /// How long an idle connection is kept; default 10 s, so that a run over many hosts does not collect them.
    pub idle: Duration,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            body: Duration::from_mins(2),
            pace_bytes: 1024,
            pace_window: Duration::from_secs(10),
            wire_bytes: 32 << 20,
            body_bytes: 32 << 20,
            redirects: 10,
            respect_robots: true,
            allow_private_addresses: false,
            robots_ttl: Duration::from_hours(24),
            robots_failure_ttl: Duration::from_secs(30),
            robots_cache_bytes: 16 << 20,
            idle_per_host: 64,
            idle: Duration::from_secs(10),
        }
    }
}
