//! The exact cache: answers about the very same content, in memory and for the fleet in Redis.
//!
//! ```text
//!                     ┌ memory ────────► Hit                       ┌ found ──► Hit
//!  begin(key) ──► look┤                                            │
//!                     └ nothing ► flight ┬ mine ─► look, in Redis ─┼ claimed ─► Ask ── fill ─► memory, flight, Redis
//!                                        │                         └ held ─┐     └─── drop ─► the next one's turn
//!                                        └ another's: wait for it          └ wait: look again now and then
//! ```
//!
//! | module | noun |
//! | --- | --- |
//! | `claim` | what a look-up ends with: a hit, or the task of asking |
//! | `memory` | answers in memory, by bytes |
//! | `flight` | one asks, the others of the process wait |
//! | `fleet` | one process asks, the others of the fleet wait |
//! | `store` | the answers of a tenant in Redis; one script an operation |
//! | `frame` | an answer as bytes, and what is refused |
//! | `gate` | whether Redis is asked, after it has failed |
//! | `keeper` | the one task behind a cache |
//! | `holdings` | what an operator asks: how much is kept, and removing it |
//! | `settings`, `tally` | how a cache works, and what it did |
//!
//! Nobody waits for ever: for another's answer up to the caller's deadline, for Redis a quarter of a second. Whoever waits for
//! another process looks again and again, a quarter of a second apart at most. Reading a stream or a list that blocks would
//! save these looks, but take a connection for each who waits; one look costs a script, and what is waited for takes a model
//! seconds.

mod claim;
mod fleet;
mod flight;
mod frame;
mod gate;
mod holdings;
mod keeper;
mod memory;
mod settings;
mod store;
mod tally;

use std::{sync::Arc, time::Duration};

use sheaf_common::{backoff::Backoff, fleet::CacheMode, redis::RedisUrl};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use claim::{Begun, Claim, Hit, Level};
pub use frame::Refusal;
pub use holdings::{Holdings, purge, survey};
pub use memory::MemoryCache;
pub use settings::ExactSettings;
pub use tally::ExactCounts;

use crate::{answer::Answer, unit::UnitKey};
use claim::Storing;
use fleet::FleetClaim;
use flight::{Seat, Turn, Wait};
use frame::Mark;
use memory::Kept;
use store::{Foreign, Looked, Put, Store, Unwanted};
use tally::Tally;

/// Between looks at whether another process has its answer.
const LOOKS: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(250));
/// How often a look-up removes an entry that is none, before it asks in spite of it.
const REMOVALS: u32 = 2;

/// Answers that were given before, and one asker for each that was not. Clones are the same cache.
#[derive(Debug, Clone)]
pub struct ExactCache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    mode: CacheMode,
    life: Duration,
    memory: MemoryCache,
    store: Option<Arc<Store>>,
    tally: Tally,
    /// Ends the keeper with the last clone.
    _keeper: Option<DropGuard>,
}

/// What the fleet knows of a unit that this process asks for.
enum Fleet {
    Found(Kept),
    Ask(Option<FleetClaim>, Storing),
}

impl ExactCache {
    /// A cache over the memory of the process, and over a Redis when there is one. A Redis that is away, now or later, is
    /// said once; the cache goes on in memory. Waits a few seconds at most.
    pub async fn open(settings: &ExactSettings, memory: MemoryCache, redis: Option<RedisUrl>) -> Self {
        let used = redis.filter(|_| settings.cache.mode != CacheMode::Off);
        let store = used.map(|url| Arc::new(Store::new(url, settings)));
        let mut keeper = None;
        if let Some(store) = &store {
            store.connect().await;
            let closed = CancellationToken::new();
            tokio::spawn(keeper::keep(store.clone(), closed.clone()));
            keeper = Some(closed.drop_guard());
        }
        let (mode, life) = (settings.cache.mode, settings.life());
        let inner = Inner { mode, life, memory, store, tally: Tally::default(), _keeper: keeper };
        Self { inner: Arc::new(inner) }
    }

    /// Looks an answer up. Where there is none, the caller asks, unless somebody already does: then it waits for the answer,
    /// or for its turn, but no longer than until `deadline`.
    pub async fn begin(&self, key: &UnitKey, deadline: Instant) -> Begun {
        self.begin_in(key, deadline, true).await
    }

    /// The answer of a unit, if there is one now. Nobody is waited for, and nothing is claimed.
    pub async fn find(&self, key: &UnitKey) -> Option<Hit> {
        if self.inner.mode == CacheMode::Off {
            return None;
        }
        let (kept, level) = if let Some(kept) = self.inner.memory.get(key).await {
            (kept, Level::Memory)
        } else {
            let Looked::Found(frame, left) = self.inner.store.as_ref()?.look(key, None).await? else {
                return None;
            };
            let kept =
                self.read(key, frame, left).await.inspect_err(|(why, _)| self.inner.tally.refused(*why, key));
            let kept = kept.ok()?;
            self.inner.memory.insert(*key, kept.clone()).await;
            (kept, Level::Redis)
        };
        Some(self.hit(key, kept, level))
    }

    /// The caller cannot use an answer: it does not satisfy the stage's schema. It is removed from both levels and counted,
    /// and what comes next is as with [`begin`](Self::begin); after a second one in a row it is always the task of asking.
    pub async fn reject(&self, hit: Hit, deadline: Instant) -> Begun {
        let inner = &self.inner;
        inner.tally.refused(Refusal::Invalid, &hit.key);
        inner.memory.remove(&hit.key, &hit.answer).await;
        let mut removed = false;
        if let Some(store) = inner.store.as_ref().filter(|_| inner.mode == CacheMode::On) {
            removed = store.remove(&hit.key, &Unwanted::Entry(&hit.mark)).await.is_some();
        }
        if hit.again {
            inner.tally.miss();
            let seat = inner.memory.flights.join(&hit.key);
            let turn = seat.turn_now();
            return Begun::Ask(self.claim(&hit.key, Some(seat), turn, None, self.storing()));
        }
        match self.begin_in(&hit.key, deadline, removed).await {
            Begun::Hit(hit) => Begun::Hit(Hit { again: true, ..hit }),
            ask @ Begun::Ask(_) => ask,
        }
    }

    /// What was done so far.
    pub fn counts(&self) -> ExactCounts {
        let (memory_entries, memory_bytes) = self.inner.memory.size();
        ExactCounts { memory_entries, memory_bytes, ..self.inner.tally.counts() }
    }
}

/// The way of a look-up.
impl ExactCache {
    async fn begin_in(&self, key: &UnitKey, deadline: Instant, redis: bool) -> Begun {
        let inner = &self.inner;
        if inner.mode == CacheMode::Off {
            inner.tally.miss();
            return Begun::Ask(self.claim(key, None, None, None, Storing::Nowhere));
        }
        if let Some(kept) = inner.memory.get(key).await {
            return Begun::Hit(self.hit(key, kept, Level::Memory));
        }
        let seat = inner.memory.flights.join(key);
        let waited = if let Some(turn) = seat.turn_now() {
            Wait::Turn(turn)
        } else {
            inner.tally.wait();
            seat.wait(deadline).await
        };
        let turn = match waited {
            Wait::Turn(turn) => turn,
            Wait::Landed(kept) => return Begun::Hit(self.hit(key, kept, Level::Memory)),
            Wait::Late => {
                inner.tally.late();
                inner.tally.miss();
                return Begun::Ask(self.claim(key, Some(seat), None, None, self.storing()));
            }
        };
        // The flight before this one may have landed since the first look.
        if let Some(kept) = inner.memory.get(key).await {
            seat.land(kept.clone());
            return Begun::Hit(self.hit(key, kept, Level::Memory));
        }
        let fleet = match inner.store.as_ref().filter(|_| redis) {
            Some(store) => self.ask_fleet(store, key, deadline).await,
            None => Fleet::Ask(None, self.storing()),
        };
        match fleet {
            Fleet::Found(kept) => {
                inner.memory.insert(*key, kept.clone()).await;
                seat.land(kept.clone());
                Begun::Hit(self.hit(key, kept, Level::Redis))
            }
            Fleet::Ask(fleet, storing) => {
                inner.tally.miss();
                Begun::Ask(self.claim(key, Some(seat), Some(turn), fleet, storing))
            }
        }
    }

    /// Looks an answer up in Redis, and claims the asking for it or waits for another process that does.
    async fn ask_fleet(&self, store: &Arc<Store>, key: &UnitKey, deadline: Instant) -> Fleet {
        let tally = &self.inner.tally;
        let (mut looks, mut removals) = (0, 0);
        loop {
            // Where nothing would be stored nobody is to wait for it.
            let shared = self.storing() == Storing::Both && store.has_room() && store.is_open();
            let mut claim = shared.then(|| FleetClaim::new(store, key));
            let looked = store.look(key, claim.as_mut().map(FleetClaim::send)).await;
            if let (Some(claim), Some(looked)) = (&mut claim, &looked)
                && *looked != Looked::Claimed
            {
                claim.not_made();
            }
            let (why, unwanted) = match looked {
                Some(Looked::Claimed) => {
                    claim.iter().for_each(FleetClaim::made);
                    return Fleet::Ask(claim, self.storing());
                }
                // It may have been claimed in vain: dropping gives that up.
                None | Some(Looked::Nothing) => return Fleet::Ask(None, self.storing()),
                Some(Looked::Held) => {
                    if looks == 0 {
                        tally.wait();
                    }
                    looks += 1;
                    let delay = LOOKS.delay(looks, fastrand::f64());
                    if Instant::now() + delay >= deadline {
                        tally.late();
                        return Fleet::Ask(None, self.storing());
                    }
                    tokio::time::sleep(delay).await;
                    continue;
                }
                Some(Looked::Found(frame, left)) => match self.read(key, frame, left).await {
                    Ok(kept) => return Fleet::Found(kept),
                    Err((Refusal::Newer, _)) => {
                        tally.refused(Refusal::Newer, key);
                        return Fleet::Ask(None, self.storing().min(Storing::Memory));
                    }
                    Err((why, mark)) => (why, Some(mark)),
                },
                Some(Looked::Foreign(Foreign::NoString)) => (Refusal::Corrupt, None),
                Some(Looked::Foreign(Foreign::TooLarge)) => (Refusal::TooLarge, None),
            };
            tally.refused(why, key);
            removals += 1;
            if self.storing() != Storing::Both || removals > REMOVALS {
                return Fleet::Ask(None, self.storing());
            }
            let unwanted = match &unwanted {
                Some(mark) => Unwanted::Entry(mark),
                None if why == Refusal::TooLarge => Unwanted::Foreign(Foreign::TooLarge),
                None => Unwanted::Foreign(Foreign::NoString),
            };
            if store.remove(key, &unwanted).await.is_none() {
                return Fleet::Ask(None, self.storing());
            }
        }
    }

    /// Keeps an answer, and gives it to everybody who waits.
    async fn fill(&self, mut claim: Claim, answer: Answer) -> Arc<Answer> {
        let inner = &self.inner;
        let answer = Arc::new(answer);
        let packed = match claim.storing {
            Storing::Nowhere => None,
            Storing::Memory | Storing::Both => Some(pack(&claim.key, &answer).await),
        };
        let frame = match packed {
            Some(Ok(frame)) => Some(frame),
            Some(Err(why)) => {
                inner.tally.refused(why, &claim.key);
                None
            }
            None => None,
        };
        let mark = Arc::new(Mark::of(frame.as_deref().unwrap_or_default()));
        let kept = Kept { answer: answer.clone(), mark, life: inner.life };
        if frame.is_some() {
            inner.memory.insert(claim.key, kept.clone()).await;
        }
        if let Some(seat) = claim.seat.take() {
            seat.land(kept);
        }
        drop(claim.turn.take());
        if let (Some(frame), Some(store)) = (frame, &inner.store) {
            let token = claim.fleet.as_ref().map(FleetClaim::token);
            let put = match claim.storing {
                Storing::Both if store.has_room() => store.put(&claim.key, &frame, inner.life, token).await,
                _ => Put::Unknown,
            };
            match put {
                Put::Stored => inner.tally.stored(frame.len()),
                Put::Withheld | Put::Unknown => inner.tally.withheld(),
            }
            if let Some(fleet) = claim.fleet.as_mut().filter(|_| put != Put::Unknown) {
                fleet.ended();
            }
        }
        answer
    }

    /// Reads an entry. What is refused comes back with what tells it from another.
    async fn read(
        &self,
        key: &UnitKey,
        frame: Vec<u8>,
        left: Option<Duration>,
    ) -> Result<Kept, (Refusal, Mark)> {
        let mark = Mark::of(&frame);
        let read = if frame::is_heavy(&frame) {
            let key = *key;
            let unpacking = tokio::task::spawn_blocking(move || frame::unpack(&key, &frame));
            unpacking.await.unwrap_or(Err(Refusal::Corrupt))
        } else {
            frame::unpack(key, &frame)
        };
        match read {
            Ok(answer) => {
                // Somebody else's may be longer, and one without an end was written by hand.
                let life = left.map_or(self.inner.life, |left| left.min(self.inner.life));
                Ok(Kept { answer: Arc::new(answer), mark: Arc::new(mark), life })
            }
            Err(why) => Err((why, mark)),
        }
    }

    fn hit(&self, key: &UnitKey, kept: Kept, level: Level) -> Hit {
        self.inner.tally.hit(level);
        Hit { answer: kept.answer, level, key: *key, mark: kept.mark, again: false }
    }

    fn claim(
        &self,
        key: &UnitKey,
        seat: Option<Seat>,
        turn: Option<Turn>,
        fleet: Option<FleetClaim>,
        storing: Storing,
    ) -> Claim {
        Claim { cache: self.clone(), key: *key, fleet, seat, turn, storing }
    }

    /// Where answers go.
    fn storing(&self) -> Storing {
        if self.inner.mode == CacheMode::On { Storing::Both } else { Storing::Nowhere }
    }
}

async fn pack(key: &UnitKey, answer: &Arc<Answer>) -> Result<Vec<u8>, Refusal> {
    if !frame::is_heavy_to_pack(memory::bytes(answer)) {
        return frame::pack(key, answer);
    }
    let (key, answer) = (*key, answer.clone());
    tokio::task::spawn_blocking(move || frame::pack(&key, &answer)).await.unwrap_or(Err(Refusal::TooLarge))
}
