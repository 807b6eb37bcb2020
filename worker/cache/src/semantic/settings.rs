//! How much the semantic cache keeps, and when it stops trusting itself.

/// Settings of a semantic cache.
#[derive(Debug, Clone, PartialEq)]
pub struct SemanticSettings {
    /// Entries kept in memory, over all scopes. The oldest leave, some at a time.
    pub entries: usize,
    /// Bytes that they may take in memory.
    pub bytes: usize,
    /// Entries that the fleet's stream keeps for workers that start later.
    pub stream: usize,
    /// Share of the hits that are asked afresh, 0 to 1. The first few of a run always are, unless it is 0.
    pub checked: f64,
    /// Share of wrong hits above which the cache turns itself off, 0 to 1.
    pub allowed: f64,
}

impl Default for SemanticSettings {
    /// One million entries or 1 GiB; 50,000 entries in the stream, which are some 50 MB in Redis; one hit in twenty is
    /// checked, and one in fifty may be wrong.
    fn default() -> Self {
        Self { entries: 1_000_000, bytes: 1 << 30, stream: 50_000, checked: 0.05, allowed: 0.02 }
    }
}
