//! The task that tells the ledger what was spent, and keeps alive what is held.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use sheaf_common::{quota::Entry, redis::RedisError};
use tokio::time::Instant;

use super::{Books, LIFE, Pages};

/// Holds ended in one call.
const MOST_ENDED: usize = 256;
/// Between attempts while Redis is away.
const AGAIN: Duration = Duration::from_millis(250);
/// How long what was told is remembered: a Redis that is started again may have lost its last second.
const REMEMBERED: Duration = Duration::from_secs(3);

/// What was told, when, and to which ledger.
struct Told {
    begun: u64,
    batch: u64,
    entries: Vec<Entry>,
    at: Instant,
}

/// Works until the budget is closed and everything is told.
pub(super) async fn run(books: Arc<Books>) {
    let mut told: VecDeque<Told> = VecDeque::new();
    let mut extend = Instant::now() + LIFE / 3;
    let mut is_lost = false;
    loop {
        match round(&books, &mut told, &mut extend, is_lost).await {
            Ok(more) => {
                is_lost = false;
                if more {
                    continue;
                }
                if books.pages().closed {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep_until(extend) => {}
                    () = books.written.notified() => {}
                }
            }
            Err(error) => {
                tracing::debug!(%error, "what was spent is told later");
                // Nobody waits for it any more: what is held comes to count as spent by itself.
                if books.pages().closed {
                    return;
                }
                is_lost = true;
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Tells what there is to tell; returns whether there may be more.
async fn round(
    books: &Books,
    told: &mut VecDeque<Told>,
    extend: &mut Instant,
    was_lost: bool,
) -> Result<bool, RedisError> {
    if was_lost {
        // What a lost ledger was told is in what the next one begins with.
        let begun = books.ledger.settle(&books.name, 0, &[]).await?.begun;
        for Told { batch, entries, .. } in told.iter().filter(|told| told.begun == begun) {
            books.ledger.settle(&books.name, *batch, entries).await?;
        }
    }
    let unknown = std::mem::take(&mut books.pages().unknown);
    if was_lost || unknown || *extend <= Instant::now() {
        let held: Vec<Entry> = {
            let pages = books.pages();
            pages
                .held
                .iter()
                .map(|(number, amount)| Entry { name: books.name(*number), amount: *amount })
                .collect()
        };
        for some in held.chunks(MOST_ENDED) {
            books.ledger.extend(some, LIFE).await?;
        }
        *extend = Instant::now() + LIFE / 3;
    }
    let (batch, entries) = books.pages().batch();
    if entries.is_empty() {
        return Ok(false);
    }
    let totals = books.ledger.settle(&books.name, batch, &entries).await?;
    books.pages().telling.clear();
    books.learn(totals);
    books.told.notify_waiters();
    while told.front().is_some_and(|old| old.at.elapsed() > REMEMBERED) {
        told.pop_front();
    }
    told.push_back(Told { begun: totals.begun, batch, entries, at: Instant::now() });
    Ok(true)
}

impl Pages {
    /// What is to be told now. A batch of which no answer came is told again as it is, under its number: it may have been
    /// heard.
    fn batch(&mut self) -> (u64, Vec<Entry>) {
        if self.telling.is_empty() && !self.ended.is_empty() {
            let most = self.ended.len().min(MOST_ENDED);
            self.telling = self.ended.drain(..most).collect();
            self.batch += 1;
        }
        (self.batch, self.telling.clone())
    }
}
