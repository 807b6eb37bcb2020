//! What a run has spent and set aside, over all its workers.

use std::{
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::Cmd;

use crate::{
    id::{RunId, WorkerId},
    keys::BudgetKeys,
    redis::{Link, RedisError, Script},
};

/// A script of the ledger: each begins with the same lines.
macro_rules! script {
    ($name:literal, $file:literal) => {
        LazyLock::new(|| Script::new($name, concat!(include_str!("scripts/begin.lua"), include_str!($file))))
    };
}

static HOLD: LazyLock<Script> = script!("setting aside from the budget", "scripts/hold.lua");
static EXTEND: LazyLock<Script> = script!("keeping what is set aside", "scripts/extend.lua");
static SETTLE: LazyLock<Script> = script!("settling with the budget", "scripts/settle.lua");

/// How long a ledger lives when nobody uses it: a run may be taken up again after a holiday.
const LIFE: Duration = Duration::from_hours(30 * 24);

/// Largest number that a script counts exactly, and some room for sums of it.
const MOST: u64 = (1 << 53) >> 3;

/// Money and tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Billionths of a US dollar.
    pub money: u64,
    /// Input tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
}

impl Amount {
    fn bounded(self) -> [u64; 3] {
        [self.money, self.input, self.output].map(|number| number.min(MOST))
    }

    /// The larger of both, number by number.
    fn max(self, other: Self) -> Self {
        Self {
            money: self.money.max(other.money),
            input: self.input.max(other.input),
            output: self.output.max(other.output),
        }
    }
}

/// The sums of a ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// When the ledger was begun, in microseconds of Redis's clock: another ledger has another moment. 0: there is none.
    pub begun: u64,
    /// Spent so far.
    pub spent: Amount,
    /// Set aside, in billionths of a US dollar.
    pub held_money: u64,
    /// Set aside, in tokens.
    pub held_tokens: u64,
}

/// Whether an amount could be set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is.
    Yes,
    /// There is no room while others hold; some of that may come back.
    NotNow,
    /// There is no room, whatever comes back.
    No,
}

/// A hold, by a name that no other hold of the run has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it has set aside, or what was spent of it.
    pub amount: Amount,
}

/// The ledger of a run. Every operation may be repeated when its answer was lost.
///
/// It remembers the most that it has seen spent: where Redis has lost the ledger, the next one begins with that, or with
/// more when somebody else has seen more.
#[derive(Debug, Clone)]
pub struct Ledger {
    link: Link,
    keys: BudgetKeys,
    seen: Arc<Mutex<Seen>>,
}

/// The most that was seen spent, and in which ledger; before any was seen, what is known without one.
#[derive(Debug, Clone, Copy)]
struct Seen {
    begun: u64,
    spent: Amount,
}

impl Ledger {
    /// The ledger of `run`; it begins with what was spent `before`, unless it is there already.
    pub fn new(link: Link, run: &RunId, before: Amount) -> Self {
        let seen = Arc::new(Mutex::new(Seen { begun: 0, spent: before }));
        Self { link, keys: BudgetKeys::new(run), seen }
    }

    /// The same ledger over another connection: what one has seen the other knows.
    #[must_use]
    pub fn over(&self, link: Link) -> Self {
        Self { link, ..self.clone() }
    }

    /// What connects to Redis.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Sets `entry` aside if spent, held and it together stay within the ceilings (billionths of a US dollar, tokens). It
    /// counts as spent after `life`, unless it is extended or settled.
    pub async fn hold(
        &self,
        entry: &Entry,
        money: Option<u64>,
        tokens: Option<u64>,
        life: Duration,
    ) -> Result<(Held, Totals), RedisError> {
        let ceiling = |ceiling: Option<u64>| ceiling.map_or(-1, |ceiling| ceiling.min(MOST).cast_signed());
        let seen = *self.seen();
        let arguments = |command: &mut Cmd| {
            seen.add_to(command);
            command.arg(life.as_millis() as u64).arg(&entry.name);
            command.arg(&entry.amount.bounded()).arg(ceiling(money)).arg(ceiling(tokens));
        };
        let [code, totals @ ..]: [u64; 7] = HOLD.run(&self.link, &self.keys.all(), arguments).await?;
        let held = match code {
            1 => Held::Yes,
            2 => Held::NotNow,
            _ => Held::No,
        };
        Ok((held, self.note(totals)))
    }

    /// Keeps holds from counting as spent for another `life`.
    pub async fn extend(&self, entries: &[Entry], life: Duration) -> Result<(), RedisError> {
        let seen = *self.seen();
        let arguments = |command: &mut Cmd| {
            seen.add_to(command);
            command.arg(life.as_millis() as u64);
            add(command, entries);
        };
        let _count: u64 = EXTEND.run(&self.link, &self.keys.all(), arguments).await?;
        Ok(())
    }

    /// What was spent and what is set aside.
    pub async fn totals(&self) -> Result<Totals, RedisError> {
        // Batches begin at 1: this one was taken in already.
        self.settle(&WorkerId::new("coordinator"), 0, &[]).await
    }

    /// Removes the ledger, after the end of its run.
    pub async fn remove(&self) -> Result<(), RedisError> {
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(&self.keys.all());
        let _removed: u64 = self.link.query("removing the ledger", &unlink).await?;
        Ok(())
    }

    /// Ends holds with what was spent of each. `batch` numbers the calls of a worker, from 1; 0 only looks.
    pub async fn settle(
        &self,
        worker: &WorkerId,
        batch: u64,
        entries: &[Entry],
    ) -> Result<Totals, RedisError> {
        let seen = *self.seen();
        let arguments = |command: &mut Cmd| {
            seen.add_to(command);
            command.arg(worker.as_str()).arg(batch);
            add(command, entries);
        };
        Ok(self.note(SETTLE.run(&self.link, &self.keys.all(), arguments).await?))
    }

    /// Every change under the lock is complete before anything that could panic.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the ledger has answered.
    fn note(&self, [begun, money, input, output, held_money, held_tokens]: [u64; 6]) -> Totals {
        let spent = Amount { money, input, output };
        if begun != 0 {
            let mut seen = self.seen();
            let most = if seen.begun == begun { seen.spent.max(spent) } else { spent };
            *seen = Seen { begun, spent: most };
        }
        Totals { begun, spent, held_money, held_tokens }
    }
}

impl Seen {
    /// What every script begins with.
    fn add_to(self, command: &mut Cmd) {
        command.arg(LIFE.as_secs()).arg(self.begun).arg(&self.spent.bounded());
    }
}

fn add(command: &mut Cmd, entries: &[Entry]) {
    for entry in entries {
        command.arg(&entry.name).arg(&entry.amount.bounded());
    }
}
