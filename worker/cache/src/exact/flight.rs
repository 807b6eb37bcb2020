//! One asks, the others wait: the flights of a process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{OwnedMutexGuard, watch},
    time::Instant,
};

use super::memory::Kept;
use crate::unit::UnitKey;

/// The units that somebody asks for just now. At most as many as there are askers.
#[derive(Debug, Default)]
pub(super) struct Flights {
    flying: Mutex<HashMap<UnitKey, Arc<Flight>>>,
}

#[derive(Debug)]
struct Flight {
    /// Whoever holds this asks. It is fair; who leaves takes nothing with it.
    turn: Arc<tokio::sync::Mutex<()>>,
    landed: watch::Sender<Option<Kept>>,
}

/// A place in a flight.
#[derive(Debug)]
pub(super) struct Seat {
    flights: Arc<Flights>,
    key: UnitKey,
    flight: Arc<Flight>,
}

/// The right to ask: nobody else of the flight does while it is held.
pub(super) type Turn = OwnedMutexGuard<()>;

/// What came of waiting.
pub(super) enum Wait {
    /// Nobody asks: the waiter is to.
    Turn(Turn),
    /// The answer of somebody who asked.
    Landed(Kept),
    /// The deadline has passed.
    Late,
}

impl Flights {
    /// A place in the flight of a unit, which begins with its first.
    pub(super) fn join(self: &Arc<Self>, key: &UnitKey) -> Seat {
        let flight = self.flying().entry(*key).or_default().clone();
        Seat { flights: self.clone(), key: *key, flight }
    }

    /// Nothing under the lock can panic half-way.
    fn flying(&self) -> MutexGuard<'_, HashMap<UnitKey, Arc<Flight>>> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Flight {
    fn default() -> Self {
        Self { turn: Arc::default(), landed: watch::Sender::new(None) }
    }
}

impl Seat {
    /// The turn, when nobody has it.
    pub(super) fn turn_now(&self) -> Option<Turn> {
        self.flight.turn.clone().try_lock_owned().ok()
    }

    /// Waits until there is an answer, or nobody is left who asks for it.
    pub(super) async fn wait(&self, deadline: Instant) -> Wait {
        let mut landed = self.flight.landed.subscribe();
        tokio::select! {
            biased;
            // The sender is this seat's own flight: it cannot be gone.
            Ok(kept) = landed.wait_for(Option::is_some) => match &*kept {
                Some(kept) => Wait::Landed(kept.clone()),
                None => Wait::Late,
            },
            turn = self.flight.turn.clone().lock_owned() => Wait::Turn(turn),
            () = tokio::time::sleep_until(deadline) => Wait::Late,
        }
    }

    /// Gives everybody who waits the answer. Whoever comes now begins another flight.
    pub(super) fn land(&self, kept: Kept) {
        self.flight.landed.send_replace(Some(kept));
        self.leave(true);
    }

    fn leave(&self, landed: bool) {
        let mut flying = self.flights.flying();
        // The table and this seat: nobody else is in it.
        let last = Arc::strong_count(&self.flight) <= 2;
        if (landed || last) && flying.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            flying.remove(&self.key);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave(false);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{exact::memory::tests::kept, unit::Scope};

    fn key() -> UnitKey {
        UnitKey::new(Scope::new("t", "s", b"1", []), None, "text")
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_get_the_answer_and_the_flight_is_over() {
        let flights = Arc::new(Flights::default());
        let first = flights.join(&key());
        let turn = first.turn_now().unwrap();
        let others: Vec<_> = (0..100)
            .map(|_| {
                let seat = flights.join(&key());
                tokio::spawn(async move { matches!(seat.wait(soon()).await, Wait::Landed(_)) })
            })
            .collect();
        tokio::task::yield_now().await;
        first.land(kept("a"));
        assert!(flights.flying().is_empty(), "whoever comes now begins another");
        for other in others {
            assert!(other.await.unwrap());
        }
        drop((turn, first));
    }

    #[tokio::test(start_paused = true)]
    async fn when_one_fails_exactly_one_other_is_next() {
        let flights = Arc::new(Flights::default());
        let seats: Vec<_> = (0..3).map(|_| flights.join(&key())).collect();
        let turn = seats[0].turn_now().unwrap();
        assert!(matches!(seats[1].wait(soon()).await, Wait::Late), "it waits no longer than it may");
        drop(turn);
        let Wait::Turn(_turn) = seats[1].wait(soon()).await else { panic!("it is next") };
        assert!(seats[2].turn_now().is_none());
        drop(seats);
        assert!(flights.flying().is_empty(), "nothing is left of a flight without anybody");
    }
}
