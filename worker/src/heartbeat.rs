//! Extends leases from a thread of its own, which the work on documents cannot starve.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use sheaf_common::{
    id::AttemptToken,
    queue::{JobQueue, QueueError},
};
use tokio_util::sync::CancellationToken;

/// The leases that a worker holds, and the thread that extends them.
#[derive(Debug, Clone, Default)]
pub struct Heartbeat {
    held: Arc<Mutex<HashMap<AttemptToken, CancellationToken>>>,
}

impl Heartbeat {
    /// Starts the thread; it extends every held lease each `period` (at most a third of the lease) until `stopped`.
    pub fn start<Q: JobQueue>(
        queue: Arc<Q>,
        period: Duration,
        stopped: CancellationToken,
    ) -> std::io::Result<Self> {
        let heartbeat = Self::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let beating = heartbeat.clone();
        thread::Builder::new().name("heartbeat".to_owned()).spawn(move || {
            runtime.block_on(async {
                let mut said = false;
                while stopped.run_until_cancelled(tokio::time::sleep(period)).await.is_some() {
                    match beating.beat(&*queue).await {
                        Ok(()) => said = false,
                        // The leases run on for two more periods; the next beat tries again.
                        Err(error) if said => tracing::debug!(%error, "leases could still not be extended"),
                        Err(error) => {
                            tracing::warn!(%error, "leases could not be extended, trying again");
                            said = true;
                        }
                    }
                }
            });
        })?;
        Ok(heartbeat)
    }

    /// How many leases are held.
    pub fn leases(&self) -> usize {
        self.held().len()
    }

    /// Keeps the lease extended until the guard is dropped. The token is cancelled when the lease is lost.
    pub fn hold(&self, lease: AttemptToken) -> HeldLease {
        let lost = CancellationToken::new();
        self.held().insert(lease, lost.clone());
        HeldLease { heartbeat: self.clone(), lease, lost }
    }

    async fn beat<Q: JobQueue>(&self, queue: &Q) -> Result<(), QueueError> {
        let leases: Vec<_> = self.held().keys().copied().collect();
        if leases.is_empty() {
            return Ok(());
        }
        let lost = queue.extend(&leases).await?;
        let held = self.held();
        for token in lost.iter().filter_map(|lease| held.get(lease)) {
            token.cancel();
        }
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, HashMap<AttemptToken, CancellationToken>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lease that is being extended.
#[derive(Debug)]
pub struct HeldLease {
    heartbeat: Heartbeat,
    lease: AttemptToken,
    lost: CancellationToken,
}

impl HeldLease {
    /// Completes when the lease is no longer ours.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        self.heartbeat.held().remove(&self.lease);
    }
}

#[cfg(test)]
mod tests {
    use sheaf_common::{
        id::WorkerId,
        queue::{MemoryQueue, QueueLimits, conformance},
    };

    use super::*;

    /// Invariant heartbeat-off-the-work-path: the runtime's only thread is blocked for four lease periods.
    #[tokio::test]
    async fn heartbeat_off_the_work_path() {
        let lease = Duration::from_millis(300);
        let queue = Arc::new(MemoryQueue::new(QueueLimits { lease, ..QueueLimits::default() }));
        let stopped = CancellationToken::new();
        let heartbeat = Heartbeat::start(queue.clone(), lease / 3, stopped.clone()).unwrap();
        queue.push(conformance::job(0)).await.unwrap();
        let leased = queue.lease(&WorkerId::new("w"), 1, lease).await.unwrap().remove(0);
        let held = heartbeat.hold(leased.token);
        thread::sleep(4 * lease);
        assert_eq!(queue.reclaim().await.unwrap(), 0, "the lease was extended while the runtime was starved");
        drop(held);
        tokio::time::sleep(2 * lease).await;
        assert_eq!(queue.reclaim().await.unwrap(), 1, "nobody extends a dropped lease");
        stopped.cancel();
    }
}
