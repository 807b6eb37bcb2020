//! How the worker is, for its reports and its health checks.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use sheaf_common::{
    fleet::{Health, Intake, Load, Report},
    id::RunId,
};

use crate::{heartbeat::Heartbeat, load::Gauge};

/// What every part of the worker says of itself.
#[derive(Debug, Default)]
pub struct Status {
    slots: u32,
    /// Documents committed since the start.
    pub(super) done: Arc<AtomicU64>,
    gauge: Gauge,
    parts: Mutex<BTreeMap<RunId, Working>>,
    intake: Mutex<Intake>,
    joined: AtomicBool,
}

/// One run's part.
#[derive(Debug, Default)]
struct Working {
    heartbeat: Option<Heartbeat>,
    trouble: Option<String>,
}

impl Status {
    /// A worker of so many slots.
    pub fn new(slots: usize) -> Self {
        Self { slots: u32::try_from(slots).unwrap_or(u32::MAX), ..Self::default() }
    }

    /// The report of this moment.
    pub fn report(&self) -> Report {
        let usage = self.gauge.read();
        let parts = self.parts();
        let leases = |part: &Working| part.heartbeat.as_ref().map_or(0, Heartbeat::leases) as u32;
        let troubles: Vec<&str> = parts.values().filter_map(|part| part.trouble.as_deref()).collect();
        Report {
            load: Load {
                in_flight: parts.values().map(leases).sum(),
                slots: self.slots,
                children: usage.children,
                cpu_share: usage.cpu_share,
                resident_bytes: usage.resident_bytes,
            },
            leases: parts.iter().map(|(run, part)| (run.clone(), leases(part))).collect(),
            done: self.done.load(Ordering::Relaxed),
            rates: Vec::new(),
            health: if troubles.is_empty() { Health::Well } else { Health::Unwell(troubles.join("; ")) },
            intake: *self.intake.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// The worker is in the fleet.
    pub fn joined(&self) {
        self.joined.store(true, Ordering::Relaxed);
    }

    /// Why the worker cannot work now; `None` when it can.
    pub fn unready(&self) -> Option<String> {
        if !self.joined.load(Ordering::Relaxed) {
            return Some("not in the fleet yet".to_owned());
        }
        match *self.intake.lock().unwrap_or_else(PoisonError::into_inner) {
            Intake::Open => self.parts().values().find_map(|part| part.trouble.clone()),
            Intake::Paused => Some("paused".to_owned()),
            Intake::Draining => Some("draining".to_owned()),
        }
    }

    /// Whether it takes new work.
    pub fn set_intake(&self, intake: Intake) {
        *self.intake.lock().unwrap_or_else(PoisonError::into_inner) = intake;
    }

    pub(super) fn begin(&self, run: &RunId, heartbeat: Heartbeat) {
        let working = Working { heartbeat: Some(heartbeat), trouble: None };
        self.parts().insert(run.clone(), working);
    }

    pub(super) fn set_trouble(&self, run: &RunId, trouble: Option<String>) {
        self.parts().entry(run.clone()).or_default().trouble = trouble;
    }

    pub(super) fn end(&self, run: &RunId) {
        self.parts().remove(run);
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<RunId, Working>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
