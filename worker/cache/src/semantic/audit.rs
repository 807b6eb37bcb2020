//! How often hits were wrong, as far as was checked, and whether the cache still trusts itself.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Quantile of the normal distribution for a two-sided bound of 95%.
const Z: f64 = 1.96;
/// Checks from which on the bound decides. Of fewer, one wrong answer says little.
const CHECKS: u64 = 10;
/// Wrong ones that are enough before that.
const EARLY: u64 = 3;

/// Checks and what came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Checks {
    /// Hits that were asked afresh.
    pub made: u64,
    /// Those whose fresh answer was another.
    pub wrong: u64,
}

impl Checks {
    /// Share of wrong ones.
    pub fn rate(self) -> Option<f64> {
        (self.made > 0).then(|| self.wrong as f64 / self.made as f64)
    }

    /// The interval that holds the true share with 95% confidence (Wilson 1927).
    pub fn interval(self) -> (f64, f64) {
        if self.made == 0 {
            return (0.0, 1.0);
        }
        let n = self.made as f64;
        let p = self.wrong.min(self.made) as f64 / n;
        let middle = p + Z * Z / (2.0 * n);
        let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        (((middle - spread) / scale).max(0.0), ((middle + spread) / scale).min(1.0))
    }

    /// Whether so many are wrong that hits can no longer be trusted, `allowed` being the share that may be.
    pub fn are_too_many(self, allowed: f64) -> bool {
        self.wrong >= EARLY && self.made < CHECKS || self.made >= CHECKS && self.interval().0 > allowed
    }
}

/// The cache's trust in itself.
#[derive(Debug)]
pub(super) struct Audit {
    allowed: f64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    own: Checks,
    /// Of the whole fleet, as last heard of.
    fleet: Checks,
    off: Option<String>,
}

impl Audit {
    pub(super) fn new(allowed: f64) -> Self {
        Self { allowed, state: Mutex::default() }
    }

    /// Counts a check of this worker; whatever is heard of the fleet includes it in time.
    pub(super) fn count(&self, wrong: bool) {
        let mut state = self.lock();
        state.own = add(state.own, wrong);
        state.fleet = add(state.fleet, wrong);
        self.decide(&mut state);
    }

    /// Takes over the fleet's counts. Counts never shrink but when Redis has lost them; then the own ones stand.
    pub(super) fn hear(&self, fleet: Checks) {
        let mut state = self.lock();
        let known = |a: u64, b: u64, c: u64| a.max(b).max(c);
        state.fleet = Checks {
            made: known(state.fleet.made, fleet.made, state.own.made),
            wrong: known(state.fleet.wrong, fleet.wrong, state.own.wrong),
        };
        self.decide(&mut state);
    }

    /// The fleet's checks, and why the cache is off.
    pub(super) fn state(&self) -> (Checks, Option<String>) {
        let state = self.lock();
        (state.fleet, state.off.clone())
    }

    pub(super) fn is_off(&self) -> bool {
        self.lock().off.is_some()
    }

    fn decide(&self, state: &mut State) {
        if state.off.is_some() || !state.fleet.are_too_many(self.allowed) {
            return;
        }
        let Checks { made, wrong } = state.fleet;
        let why = format!(
            "{wrong} of {made} hits that were checked were wrong, more than the {:.1}% allowed",
            100.0 * self.allowed
        );
        tracing::warn!(
            made,
            wrong,
            "the semantic cache has turned itself off for this run: too many of its hits were wrong; every \
             document is asked about from here on"
        );
        state.off = Some(why);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(checks: Checks, wrong: bool) -> Checks {
    Checks { made: checks.made + 1, wrong: checks.wrong + u64::from(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(made: u64, wrong: u64) -> Checks {
        Checks { made, wrong }
    }

    #[test]
    fn the_interval_is_wilsons() {
        let (low, high) = checks(50, 5).interval();
        assert!((low - 0.0435).abs() < 5e-4 && (high - 0.2136).abs() < 5e-4, "{low} {high}");
        assert_eq!(checks(0, 0).interval(), (0.0, 1.0));
        assert!(checks(100, 0).interval().0.abs() < 1e-9);
    }

    #[test]
    fn it_turns_off_when_the_bound_is_passed_and_stays_off() {
        for (made, wrong, off) in [
            (2, 2, false),
            (3, 3, true),
            (9, 1, false),
            (10, 1, false),
            (10, 2, true),
            (500, 10, false),
            (500, 30, true),
        ] {
            assert_eq!(checks(made, wrong).are_too_many(0.02), off, "{wrong} of {made}");
        }
        let audit = Audit::new(0.02);
        audit.hear(checks(3, 3));
        assert!(audit.is_off());
        audit.hear(checks(1_000, 3));
        assert!(audit.is_off() && audit.state().1.unwrap().contains("3 of 3"));
    }

    #[test]
    fn own_and_fleet_counts_meet() {
        let audit = Audit::new(0.02);
        audit.count(false);
        audit.hear(checks(0, 0));
        assert_eq!(audit.state().0, checks(1, 0));
        audit.hear(checks(7, 1));
        audit.count(true);
        assert_eq!(audit.state().0, checks(8, 2));
    }
}
