//! What a look-up ends with: an answer, or the task of asking for one.

use std::sync::Arc;

use super::{
    ExactCache,
    fleet::FleetClaim,
    flight::{Seat, Turn},
    frame::Mark,
};
use crate::{answer::Answer, unit::UnitKey};

/// What a look-up ends with.
#[derive(Debug)]
pub enum Begun {
    /// There is an answer.
    Hit(Hit),
    /// The caller asks for one, and says what it was with [`Claim::fill`].
    Ask(Claim),
}

/// An answer that was given before.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The answer.
    pub answer: Arc<Answer>,
    /// Where it was.
    pub level: Level,
    pub(super) key: UnitKey,
    pub(super) mark: Arc<Mark>,
    /// It came after another that was rejected.
    pub(super) again: bool,
}

/// Where an answer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// In this process, or asked for there at the same time.
    Memory,
    /// In Redis.
    Redis,
}

/// The task of asking for an answer. While it is held, others who need the same answer wait for it, for as long as they may;
/// dropped without one, after a failure or a refusal, it passes to the next.
#[derive(Debug)]
pub struct Claim {
    pub(super) cache: ExactCache,
    pub(super) key: UnitKey,
    /// That no other process asks.
    pub(super) fleet: Option<FleetClaim>,
    /// Where others wait; `None` when nothing is shared.
    pub(super) seat: Option<Seat>,
    pub(super) turn: Option<Turn>,
    pub(super) storing: Storing,
}

/// Where the answer goes beside those who wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Storing {
    /// Nowhere.
    Nowhere,
    /// Into memory alone: in Redis stands what is to be left alone.
    Memory,
    /// Into both levels.
    Both,
}

impl Claim {
    /// The unit that is asked for.
    pub fn key(&self) -> &UnitKey {
        &self.key
    }

    /// Keeps the answer, and gives it to everybody who waits for it. It must satisfy the stage's schema: failures, refusals
    /// and cut answers are never filled in. Returns when it is stored; where Redis does not take it in a short time, it is
    /// kept in memory alone.
    pub async fn fill(self, answer: Answer) -> Arc<Answer> {
        let cache = self.cache.clone();
        cache.fill(self, answer).await
    }
}
