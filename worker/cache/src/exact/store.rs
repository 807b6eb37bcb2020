//! The answers of a tenant in Redis: every operation is one script.

use std::{
    collections::HashMap,
    sync::{
        LazyLock, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sheaf_common::{
    keys::{CACHE_BUCKETS, CacheBucketKeys, CacheKeys},
    redis::{Connector, Link, Patience, RedisError, RedisUrl, Script, fullness},
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::{
    ExactSettings,
    fleet::Claims,
    frame::{MOST_PACKED, Mark},
    gate::Gate,
};
use crate::unit::UnitKey;

macro_rules! scripts {
    ($($name:ident: $doing:literal, $file:literal;)*) => {
        $(pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new($doing, include_str!(concat!("scripts/", $file))));)*
    };
}

scripts! {
    LOOK: "looking an answer up", "look.lua";
    PUT: "storing an answer", "put.lua";
    REMOVE: "removing an answer", "remove.lua";
    EXTEND: "keeping claims", "extend.lua";
    RELEASE: "giving claims up", "release.lua";
    SURVEY: "looking at what is kept", "survey.lua";
    PURGE: "removing what is kept", "purge.lua";
}

/// How long a connection may take, and its first answer.
const REACH: Duration = Duration::from_secs(3);
/// How long a claim lives when nobody extends it: so long others wait for an owner that died.
pub(super) const CLAIM: Duration = Duration::from_secs(10);
/// What has longer to live is nobody's claim. Some room for programs whose claims live longer.
const NO_CLAIM: Duration = Duration::from_mins(1);

/// Share of the memory that a Redis may use from which on no answers are stored in it: what is left is for jobs.
const NEARLY_FULL: f64 = 0.9;

/// What a look at Redis has shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// An entry, and how long it is kept; `None`: for ever.
    Found(Vec<u8>, Option<Duration>),
    /// The caller is the one who asks.
    Claimed,
    /// Somebody else is.
    Held,
    /// There is nothing, and nobody claims.
    Nothing,
    /// There is something that is no entry.
    Foreign(Foreign),
}

/// What stands where an entry should, and is not even read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// A list, a hash or the like.
    NoString,
    /// More bytes than an entry has.
    TooLarge,
}

/// What came of storing an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// It is stored.
    Stored,
    /// It is not: an entry of a newer program is there, or Redis takes no writes.
    Withheld,
    /// Redis did not answer in time; it may be stored.
    Unknown,
}

/// The tenant's part of one Redis.
#[derive(Debug)]
pub(super) struct Store {
    url: RedisUrl,
    keys: CacheKeys,
    /// Answers that a bucket may hold.
    room: u64,
    /// How long a request waits.
    patience: Duration,
    link: OnceLock<Link>,
    gate: Mutex<Gate>,
    nearly_full: AtomicBool,
    claims: Mutex<Claims>,
    /// Has the keeper look around.
    pub(super) wake: Notify,
}

/// The bucket of a unit: its name is a hash, so that each gets its share.
pub(super) fn bucket(key: &UnitKey) -> u8 {
    key.content[0]
}

impl Store {
    pub(super) fn new(url: RedisUrl, settings: &ExactSettings) -> Self {
        Self {
            url,
            keys: CacheKeys::new(&settings.cache.tenant),
            room: (settings.entries / u64::from(CACHE_BUCKETS)).max(1),
            patience: settings.patience,
            link: OnceLock::new(),
            gate: Mutex::default(),
            nearly_full: AtomicBool::new(false),
            claims: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Looks an answer up, and where there is none claims the asking for `token`. `None`: Redis was not asked, or did not
    /// answer in time.
    pub(super) async fn look(&self, key: &UnitKey, token: Option<&str>) -> Option<Looked> {
        let (keys, unit) = (self.bucket_keys(key), key.to_string());
        let (entry, claim) = (keys.entry(&unit), keys.claim(&unit));
        self.within(bucket(key), async |link| look(link, &entry, &claim, token).await).await
    }

    /// Stores an entry for `life`, and ends the claim of `token` on it.
    pub(super) async fn put(&self, key: &UnitKey, frame: &[u8], life: Duration, token: Option<&str>) -> Put {
        let (keys, unit) = (self.bucket_keys(key), key.to_string());
        let (entry, index, claim) = (keys.entry(&unit), keys.index(), keys.claim(&unit));
        let code: Option<u8> = self
            .within(bucket(key), async |link| {
                PUT.run(link, &[&entry, &index, &claim], |command| {
                    command.arg(frame).arg(millis(life)).arg(&unit).arg(self.room);
                    command.arg(token.unwrap_or_default()).arg(keys.entries());
                })
                .await
            })
            .await;
        match code {
            Some(1) => Put::Stored,
            Some(_) => Put::Withheld,
            None => Put::Unknown,
        }
    }

    /// Removes what was found to be of no use, if it is still there. `None`: nobody knows.
    pub(super) async fn remove(&self, key: &UnitKey, what: &Unwanted<'_>) -> Option<()> {
        let number = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        let (begins, from, to): (&[u8], i64, i64) = match what {
            Unwanted::Entry(mark) => (&mark.begins, number(mark.length), number(mark.length)),
            Unwanted::Foreign(Foreign::NoString) => (b"", -1, -1),
            // As many as a string of Redis may have (proto-max-bulk-len), and more.
            Unwanted::Foreign(Foreign::TooLarge) => (b"", number(MOST_PACKED) + 1, 1 << 50),
        };
        let (keys, unit) = (self.bucket_keys(key), key.to_string());
        let (entry, index) = (keys.entry(&unit), keys.index());
        let removed: Option<u8> = self
            .within(bucket(key), async |link| {
                REMOVE
                    .run(link, &[&entry, &index], |command| {
                        command.arg(&unit).arg(begins).arg(from).arg(to);
                    })
                    .await
            })
            .await;
        removed.map(|_| ())
    }

    /// Runs a script over claims, a bucket at a time, all buckets at once. `life`: how long they live from now.
    pub(super) async fn over_claims(
        &self,
        script: &Script,
        claims: Vec<(String, UnitKey)>,
        life: Option<Duration>,
    ) {
        let mut buckets: HashMap<u8, Vec<(String, UnitKey)>> = HashMap::new();
        for (token, key) in claims {
            buckets.entry(bucket(&key)).or_default().push((token, key));
        }
        let each = buckets.into_iter().map(async |(bucket, claims)| {
            let keys = self.keys.bucket(bucket);
            let names: Vec<String> = claims.iter().map(|(_, key)| keys.claim(&key.to_string())).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let _still: Option<u64> = self
                .within(bucket, async |link| {
                    script
                        .run(link, &names, |command| {
                            if let Some(life) = life {
                                command.arg(millis(life));
                            }
                            for (token, _) in &claims {
                                command.arg(token);
                            }
                        })
                        .await
                })
                .await;
        });
        futures::future::join_all(each).await;
    }

    /// Whether answers are stored now: not while Redis is nearly full, where the jobs of a run have precedence.
    pub(super) fn has_room(&self) -> bool {
        !self.nearly_full.load(Ordering::Relaxed)
    }

    /// Asks Redis how full it is. What does not answer changes nothing.
    pub(super) async fn measure(&self) {
        let Some(link) = self.link.get().filter(|_| self.is_open()) else { return };
        match timeout(self.patience, fullness(link)).await {
            Ok(Ok(used)) => {
                let full = used >= NEARLY_FULL;
                if full && !self.nearly_full.swap(full, Ordering::Relaxed) {
                    tracing::warn!(
                        url = %self.url, used, "Redis is nearly full: no answers are stored in it until it has room"
                    );
                }
                self.nearly_full.store(full, Ordering::Relaxed);
            }
            Ok(Err(error)) => tracing::debug!(%error, "Redis does not say how full it is"),
            Err(_) => tracing::debug!(url = %self.url, "Redis does not say in time how full it is"),
        }
    }

    /// Looks whether Redis can be used, when it is time to.
    pub(super) async fn probe(&self) {
        let Some(bucket) = self.gate().due(Instant::now()) else { return };
        if let Err(why) = self.reach(bucket).await {
            self.failed(bucket, why);
        } else if let Some(away) = self.gate().opened(Instant::now()) {
            let seconds = away.as_secs_f64();
            tracing::warn!(url = %self.url, seconds, "answers are shared through Redis again");
        }
    }

    /// Connects, so that the first request finds a connection; a Redis that is away is said.
    pub(super) async fn connect(&self) {
        if let Err(why) = self.reach(0).await {
            self.failed(0, why);
        }
    }

    /// When the next probe is due; `None` while Redis is asked.
    pub(super) fn next_probe(&self) -> Option<Instant> {
        self.gate().probe()
    }

    pub(super) fn is_open(&self) -> bool {
        self.gate().is_open()
    }

    /// Every change under the lock is complete before anything that could panic.
    pub(super) fn claims(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bucket_keys(&self, key: &UnitKey) -> CacheBucketKeys {
        self.keys.bucket(bucket(key))
    }

    /// Does what a look-up does, with nothing to be found.
    async fn reach(&self, bucket: u8) -> Result<(), String> {
        let keys = self.keys.bucket(bucket);
        let reached = async {
            let link = if let Some(link) = self.link.get() {
                link
            } else {
                let found = Connector::find_quietly(self.url.clone(), Patience::For(Duration::ZERO)).await;
                let link = Link::new(found?.answering_within(REACH), Patience::For(self.patience)).quiet();
                self.link.get_or_init(|| link)
            };
            look(
                &link.patient(Patience::For(Duration::ZERO)),
                &keys.entry("probe"),
                &keys.claim("probe"),
                None,
            )
            .await
        };
        // The connection's own time is up first, so that one which answers nothing any more is made anew.
        let most = 3 * REACH;
        match timeout(most, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.reason),
            Err(_) => Err(format!("no answer within {} s", most.as_secs())),
        }
    }

    /// Asks Redis, if it is asked at all, for a short time. A failure is everybody's: for a moment nobody asks.
    async fn within<T>(
        &self,
        bucket: u8,
        work: impl AsyncFnOnce(&Link) -> Result<T, RedisError>,
    ) -> Option<T> {
        let link = self.link.get().filter(|_| self.is_open())?;
        match timeout(self.patience, work(link)).await {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(error)) => self.failed(bucket, error.reason),
            Err(_) => self.failed(bucket, format!("no answer within {} ms", self.patience.as_millis())),
        }
        None
    }

    fn failed(&self, bucket: u8, why: String) {
        if let Some(why) = self.gate().failed(bucket, why, Instant::now(), fastrand::f64()) {
            tracing::warn!(
                url = %self.url, why, "answers cannot be shared through Redis, and are kept in memory until they can"
            );
        }
        self.wake.notify_one();
    }
}

/// What is to be removed.
#[derive(Debug)]
pub(super) enum Unwanted<'m> {
    Entry(&'m Mark),
    Foreign(Foreign),
}

async fn look(link: &Link, entry: &str, claim: &str, token: Option<&str>) -> Result<Looked, RedisError> {
    let (code, frame, left): (u8, Vec<u8>, i64) = LOOK
        .run(link, &[entry, claim], |command| {
            command.arg(MOST_PACKED).arg(token.unwrap_or_default()).arg(millis(CLAIM)).arg(millis(NO_CLAIM));
        })
        .await?;
    Ok(match code {
        1 => Looked::Found(frame, u64::try_from(left).ok().map(Duration::from_millis)),
        2 => Looked::Claimed,
        3 => Looked::Held,
        5 => Looked::Foreign(Foreign::NoString),
        6 => Looked::Foreign(Foreign::TooLarge),
        _ => Looked::Nothing,
    })
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().max(1) as u64
}
