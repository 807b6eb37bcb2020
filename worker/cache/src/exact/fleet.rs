//! Claims over the fleet: while one process asks, no other does.

use std::{collections::HashMap, sync::Arc};

use super::store::Store;
use crate::unit::UnitKey;

/// The claims of a process, by their tokens. At most one for each answer that it asks for.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Those to be extended.
    pub(super) held: HashMap<String, UnitKey>,
    /// Those to be given up.
    pub(super) given_up: Vec<(String, UnitKey)>,
}

/// A claim of this process that its keeper extends. Dropped, it is given up; where Redis cannot be told, it lapses.
#[derive(Debug)]
pub(super) struct FleetClaim {
    store: Arc<Store>,
    token: String,
    key: UnitKey,
    /// Whether there is something to give up.
    sent: bool,
}

impl FleetClaim {
    /// Nothing is claimed yet.
    pub(super) fn new(store: &Arc<Store>, key: &UnitKey) -> Self {
        let token = format!("{:032x}", fastrand::u128(..));
        Self { store: store.clone(), token, key: *key, sent: false }
    }

    /// The token, which is about to be sent.
    pub(super) fn send(&mut self) -> &str {
        self.sent = true;
        &self.token
    }

    /// It is somebody else's, or nobody's.
    pub(super) fn not_made(&mut self) {
        self.sent = false;
    }

    /// It was made: from now on it is extended.
    pub(super) fn made(&self) {
        self.store.claims().held.insert(self.token.clone(), self.key);
    }

    /// The token of a claim that was made.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// It ended with the storing of its answer.
    pub(super) fn ended(&mut self) {
        self.store.claims().held.remove(&self.token);
        self.sent = false;
    }
}

impl Drop for FleetClaim {
    fn drop(&mut self) {
        if self.sent {
            let mut claims = self.store.claims();
            claims.held.remove(&self.token);
            claims.given_up.push((std::mem::take(&mut self.token), self.key));
            drop(claims);
            self.store.wake.notify_one();
        }
    }
}
