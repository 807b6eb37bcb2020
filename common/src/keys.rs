//! Every key that Sheaf has in Redis. No other file builds one; a test in `tests/` holds the house to that.
//!
//! What one script touches shares the hash tag `{RUN:SHARD}`, so that all of it lives on one node of a cluster. What
//! belongs to a key of a model's provider, or to the cache, has a tag of its own.

use sha2::{Digest, Sha256};

use crate::id::{RunId, hex};

/// The streams of ready jobs, in the order in which they are read.
pub const LANES: usize = 4;
/// Where a job goes that comes back: before everything else, so that a redelivery never waits behind a backlog.
pub const AGAIN: usize = 0;

/// The consumer group of every ready stream.
pub const GROUP: &str = "workers";

/// Keys of one shard of a run.
#[derive(Debug, Clone)]
pub struct ShardKeys {
    /// Streams of ready jobs: back again, high, normal, low.
    pub lanes: [String; LANES],
    /// Sorted set: sequence of a delayed job by the moment it is due, in milliseconds.
    pub due: String,
    /// Hash: what a delayed job is, by sequence.
    pub delayed: String,
    /// Stream of outcomes that the coordinator has not recorded yet.
    pub results: String,
    /// Stream of documents that were given up, with their history.
    pub dead: String,
    /// Bitmap: whether the document was ever pushed.
    pub pushed: String,
    /// Bitmap: whether the document is terminal.
    pub done: String,
    /// Hash: what happened so far, bytes of unfinished jobs, and when Redis was away.
    pub counters: String,
    /// Set: sequences whose body has a key of its own.
    pub bodies: String,
    tag: String,
}

impl ShardKeys {
    /// Keys of shard `shard` of `run`.
    pub fn new(run: &RunId, shard: u16) -> Self {
        let tag = format!("sheaf:{{{run}:{shard}}}");
        let key = |name: &str| format!("{tag}:{name}");
        Self {
            lanes: ["ready:again", "ready:high", "ready:normal", "ready:low"].map(key),
            due: key("due"),
            delayed: key("delayed"),
            results: key("results"),
            dead: key("dead"),
            pushed: key("pushed"),
            done: key("done"),
            counters: key("counters"),
            bodies: key("bodies"),
            tag,
        }
    }

    /// The body of a document that is too large for its entry in a stream.
    pub fn blob(&self, sequence: u64) -> String {
        format!("{}:blob:{sequence}", self.tag)
    }

    /// Every key with a fixed name.
    pub fn all(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.lanes.iter().map(String::as_str).collect();
        all.extend([
            self.due.as_str(),
            &self.delayed,
            &self.results,
            &self.dead,
            &self.pushed,
            &self.done,
            &self.counters,
            &self.bodies,
        ]);
        all
    }
}

/// The state of the limits of a provider's key. `name` says which key it is: the same for all that spend from it.
pub fn limit(name: &str) -> String {
    // A name may be an address, or be long: only its hash goes into the key.
    let fingerprint = hex(&Sha256::digest(name.as_bytes())[..8]);
    format!("sheaf:{{limit:{fingerprint}}}:state")
}

/// Keys of what a run has handed in to a provider's endpoint for batches.
#[derive(Debug, Clone)]
pub struct BatchKeys {
    /// Hash: what each open submission is and how far it has come.
    pub open: String,
    /// Hash: the open submission that holds a request, by the request's id.
    pub held: String,
    /// Hash: what became of a request, by its id.
    pub outcomes: String,
    /// Hash: how often a request was handed in for nothing, by its id.
    pub tries: String,
    /// Hash: who looks after an open submission, and until when.
    pub leases: String,
}

impl BatchKeys {
    /// Keys of `run`.
    pub fn new(run: &RunId) -> Self {
        let key = |name: &str| format!("sheaf:{{{run}:batches}}:{name}");
        Self {
            open: key("open"),
            held: key("held"),
            outcomes: key("outcomes"),
            tries: key("tries"),
            leases: key("leases"),
        }
    }

    /// Every key, in the order in which scripts take them.
    pub fn all(&self) -> [&str; 5] {
        [&self.open, &self.held, &self.outcomes, &self.tries, &self.leases]
    }
}

/// Keys of the ledger of a run's budget.
#[derive(Debug, Clone)]
pub struct BudgetKeys {
    /// Hash: what was spent and what is set aside.
    pub totals: String,
    /// Sorted set: holds by the moment, in milliseconds, at which they count as spent.
    pub due: String,
    /// Hash: what each hold has set aside.
    pub holds: String,
    /// Hash: what was set aside by holds that have come to count as spent.
    pub lapsed: String,
}

impl BudgetKeys {
    /// Keys of the budget of `run`.
    pub fn new(run: &RunId) -> Self {
        let key = |name: &str| format!("sheaf:{{{run}:budget}}:{name}");
        Self { totals: key("totals"), due: key("due"), holds: key("holds"), lapsed: key("lapsed") }
    }

    /// Every key.
    pub fn all(&self) -> [&str; 4] {
        [&self.totals, &self.due, &self.holds, &self.lapsed]
    }
}

/// Parts into which the answers of a tenant are split: each is bounded, counted and removed by itself, wherever it is in a
/// cluster.
pub const CACHE_BUCKETS: u16 = 256;

/// Keys of the answers that are kept for a tenant.
#[derive(Debug, Clone)]
pub struct CacheKeys {
    tenant: String,
}

impl CacheKeys {
    /// Keys of `tenant`. Only a hash of the name goes into them: a name may be long, or nobody's business.
    pub fn new(tenant: &str) -> Self {
        Self { tenant: hex(&Sha256::digest(tenant.as_bytes())[..8]) }
    }

    /// Keys of one of the [`CACHE_BUCKETS`].
    pub fn bucket(&self, bucket: u8) -> CacheBucketKeys {
        CacheBucketKeys { tag: format!("sheaf:{{cache:{}:{bucket:02x}}}", self.tenant) }
    }

    /// Stream of the units that the semantic caches of a fleet tell each other of: the same for every run.
    pub fn units(&self) -> String {
        format!("sheaf:{{cache:{}:semantic}}:units", self.tenant)
    }

    /// Keys by which the semantic caches of a fleet work on `run`.
    pub fn semantic(&self, run: &RunId) -> SemanticKeys {
        let checks = format!("sheaf:{{cache:{}:semantic}}:checks:{run}", self.tenant);
        SemanticKeys { units: self.units(), checks }
    }
}

/// Keys by which a fleet shares its semantic cache.
#[derive(Debug, Clone)]
pub struct SemanticKeys {
    /// Stream of units, of every scope and embedder of the tenant.
    pub units: String,
    /// Hash: hits that the run has checked, and how many were wrong.
    pub checks: String,
}

/// Keys of one bucket of a tenant's answers; all have one hash tag.
#[derive(Debug, Clone)]
pub struct CacheBucketKeys {
    tag: String,
}

impl CacheBucketKeys {
    /// An answer, by the name of its unit.
    pub fn entry(&self, unit: &str) -> String {
        format!("{}{unit}", self.entries())
    }

    /// What the keys of all answers begin with.
    pub fn entries(&self) -> String {
        format!("{}:entry:", self.tag)
    }

    /// Who asks for an answer just now: a token.
    pub fn claim(&self, unit: &str) -> String {
        format!("{}:claim:{unit}", self.tag)
    }

    /// Sorted set: names of the units by the moment at which their answers expire, in milliseconds.
    pub fn index(&self) -> String {
        format!("{}:index", self.tag)
    }
}
