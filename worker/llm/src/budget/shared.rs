//! The budget of a run over all the workers of a fleet: a ledger in Redis.
//!
//! Asking is on the way of a request, settling is not: a task of its own tells the ledger what was spent, and keeps alive
//! what is held. While Redis is away nothing can be set aside and requests wait, as long as their deadline lets them.

mod bookkeeper;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sheaf_common::{
    id::{RunId, WorkerId},
    quota::{Amount, Entry, Held, Ledger, Totals},
    redis::{Link, Patience},
};
use tokio::{sync::Notify, task::JoinHandle};

use super::{Ceilings, Cost, NanoDollars, NoRoom};
use crate::answer::TokenUsage;

/// How long a hold lives without being extended: whoever holds longer without a sign is taken to have spent it.
const LIFE: Duration = Duration::from_mins(1);
/// Between looks for room that another worker makes.
const LOOK: Duration = Duration::from_millis(250);

/// The budget of a run, shared by its workers. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct SharedBudget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ceilings: Ceilings,
    /// Asks for room, for as long as it takes.
    ledger: Ledger,
    books: Arc<Books>,
    /// Fair: whoever of this worker holds this is next.
    turn: tokio::sync::Mutex<()>,
    /// Runs on the runtime of whoever reserved first.
    bookkeeper: Mutex<Option<JoinHandle<()>>>,
}

/// What this worker holds, and what the ledger has yet to hear.
#[derive(Debug)]
struct Books {
    /// Tells, and tries again by itself.
    ledger: Ledger,
    /// The worker, and a part that is this budget's own: one that the same worker opens later counts anew.
    name: WorkerId,
    pages: Mutex<Pages>,
    /// There is something to tell.
    written: Notify,
    /// The ledger has heard something.
    told: Notify,
}

/// As long as there are requests in flight, but for what was spent while Redis is away.
#[derive(Debug, Default)]
struct Pages {
    holds: u64,
    held: BTreeMap<u64, Amount>,
    ended: Vec<Entry>,
    /// What the ledger is being told, as the batch of this number.
    telling: Vec<Entry>,
    batch: u64,
    totals: Totals,
    /// The ledger was begun anew since the holds were last extended: it does not know them.
    unknown: bool,
    closed: bool,
}

impl SharedBudget {
    /// The budget of `run` in the Redis behind `link`. `before` is what earlier sessions of the run spent; it counts where
    /// the run has no ledger yet. The ceilings must be the same for every worker.
    pub fn open(link: &Link, run: &RunId, worker: &WorkerId, ceilings: Ceilings, before: Cost) -> Self {
        let amount = before.amount();
        let own_link = |patience| link.separate(link.connector().clone(), patience);
        let ledger = Ledger::new(own_link(Patience::Endless), run, amount);
        let books = Books {
            ledger: ledger.over(own_link(Patience::For(Duration::ZERO))),
            name: WorkerId::new(format!("{worker}:{:016x}", fastrand::u64(..))),
            pages: Mutex::new(Pages {
                totals: Totals { spent: amount, ..Totals::default() },
                ..Pages::default()
            }),
            written: Notify::new(),
            told: Notify::new(),
        };
        let shared = Shared {
            ceilings,
            ledger,
            books: Arc::new(books),
            turn: tokio::sync::Mutex::new(()),
            bookkeeper: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// What the whole fleet has spent, as of the last answer of the ledger.
    pub fn spent(&self) -> Cost {
        Cost::of(self.shared.books.pages().totals.spent)
    }

    /// Waits until the ledger has heard of everything that was spent: what a worker does before it leaves. While Redis is
    /// away that may take for ever, so put a time limit around it; what is not told counts as spent in full.
    pub async fn flush(&self) {
        loop {
            let told = self.shared.books.told.notified();
            if self.shared.books.pages().is_told() {
                return;
            }
            self.shared.call_bookkeeper();
            told.await;
        }
    }

    pub(super) fn counts_money(&self) -> bool {
        self.shared.ceilings.usd.is_some()
    }

    /// Whether nothing has to be asked.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.shared.ceilings.are_none()
    }

    pub(super) async fn reserve(&self, most: Cost) -> Result<SharedHold, NoRoom> {
        let Shared { ceilings, ledger, books, .. } = &*self.shared;
        self.shared.call_bookkeeper();
        let _turn = self.shared.turn.lock().await;
        let mut asking = Asking::begin(books, most);
        loop {
            let told = books.told.notified();
            asking.is_open = true;
            let answer = ledger.hold(&asking.entry, ceilings.money(), ceilings.tokens, LIFE).await;
            asking.is_open = false;
            let (held, totals) = answer.map_err(|error| NoRoom::Unknown(error.to_string()))?;
            books.learn(totals);
            match held {
                Held::Yes => return Ok(asking.granted()),
                Held::No => return Err(self.no_room(most, totals)),
                Held::NotNow => {}
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = told => {}
            }
        }
    }

    fn no_room(&self, most: Cost, totals: Totals) -> NoRoom {
        let spent = Cost::of(totals.spent);
        match (self.shared.ceilings.money(), self.shared.ceilings.tokens) {
            (Some(ceiling), _) if spent.money.0.saturating_add(most.money.0) > ceiling => {
                NoRoom::Money { needed: most.money, spent: spent.money, ceiling: NanoDollars(ceiling) }
            }
            (_, tokens) => NoRoom::Tokens {
                needed: most.all_tokens(),
                spent: spent.all_tokens(),
                ceiling: tokens.unwrap_or(u64::MAX),
            },
        }
    }
}

impl Shared {
    /// Begins the bookkeeper, or another one where the runtime of the last has ended.
    fn call_bookkeeper(&self) {
        let mut bookkeeper = self.bookkeeper.lock().unwrap_or_else(PoisonError::into_inner);
        if bookkeeper.as_ref().is_none_or(JoinHandle::is_finished) {
            *bookkeeper = Some(tokio::spawn(bookkeeper::run(Arc::clone(&self.books))));
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.books.pages().closed = true;
        self.books.written.notify_one();
    }
}

impl Books {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self, number: u64) -> String {
        format!("{}:{number}", self.name)
    }

    /// What the ledger has answered. One that was begun anew, as Redis has lost the last, is told at once what is held.
    fn learn(&self, totals: Totals) {
        let mut pages = self.pages();
        let before = std::mem::replace(&mut pages.totals, totals).begun;
        if before != 0 && before != totals.begun {
            pages.unknown = true;
            drop(pages);
            self.written.notify_one();
        }
    }

    /// A hold ends with this much spent.
    fn end(&self, number: u64, amount: Amount) {
        let name = self.name(number);
        let mut pages = self.pages();
        pages.held.remove(&number);
        pages.ended.push(Entry { name, amount });
        drop(pages);
        self.written.notify_one();
    }
}

impl Pages {
    fn is_told(&self) -> bool {
        self.ended.is_empty() && self.telling.is_empty()
    }
}

/// A hold that is being asked for. Given up while the question is on its way, it is ended, whether or not it came to be.
struct Asking<'a> {
    books: &'a Arc<Books>,
    number: u64,
    entry: Entry,
    is_open: bool,
}

impl<'a> Asking<'a> {
    fn begin(books: &'a Arc<Books>, most: Cost) -> Self {
        let mut pages = books.pages();
        pages.holds += 1;
        let number = pages.holds;
        drop(pages);
        let entry = Entry { name: books.name(number), amount: most.amount() };
        Self { books, number, entry, is_open: false }
    }

    fn granted(&mut self) -> SharedHold {
        let mut pages = self.books.pages();
        pages.held.insert(self.number, self.entry.amount);
        SharedHold { books: Arc::clone(self.books), number: self.number }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.books.end(self.number, Amount::default());
        }
    }
}

/// A hold of the fleet's ledger.
#[derive(Debug)]
pub(super) struct SharedHold {
    books: Arc<Books>,
    number: u64,
}

impl SharedHold {
    pub(super) fn end(self, spent: Cost) {
        self.books.end(self.number, spent.amount());
    }
}

impl Cost {
    fn amount(self) -> Amount {
        Amount { money: self.money.0, input: self.tokens.input, output: self.tokens.output }
    }

    fn of(amount: Amount) -> Self {
        let tokens = TokenUsage { input: amount.input, output: amount.output };
        Self { money: NanoDollars(amount.money), tokens }
    }
}
