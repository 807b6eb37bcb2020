//! Carries outcomes from the queue to the recorder.

use std::{sync::Arc, time::Duration};

use sheaf_common::queue::{Collected, JobQueue, Receipt};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    progress::Tally,
    recorder::{Arrival, InFlight},
};

/// Outcomes collected at once.
const COLLECTED: usize = 64;
/// Collected batches whose recording is still under way.
const UNCONFIRMED: usize = 16;
/// How long one call waits for outcomes.
const COLLECT_WAIT: Duration = Duration::from_millis(500);
/// Between two calls to a queue in Redis: outcomes that trickle in are fetched and confirmed together, which spares both sides
/// most of the round trips. Nobody waits for one outcome for so short a time.
pub(super) const PACE: Duration = Duration::from_millis(5);

/// Carries outcomes from the queue to the recorder, and confirms them to the queue when they are recorded. Between two calls
/// that do not find all that one call may, it waits for `pace`.
pub(super) async fn collect<Q: JobQueue>(
    queue: Arc<Q>,
    pace: Duration,
    arrivals: mpsc::Sender<Arrival>,
    in_flight: Arc<InFlight>,
    tally: Arc<Tally>,
    ended: CancellationToken,
) {
    let (safe, mut confirming) = mpsc::channel::<(Receipt, oneshot::Receiver<()>)>(UNCONFIRMED);
    let confirmed = tokio::spawn({
        let queue = queue.clone();
        async move {
            while let Some((receipt, recorded)) = confirming.recv().await {
                // A recorder that is gone has failed: what it did not record is collected again.
                if recorded.await.is_ok()
                    && let Err(error) = queue.confirm(receipt).await
                {
                    tracing::warn!(%error, "recorded outcomes could not be confirmed; the next ones confirm them too");
                }
            }
        }
    });
    while let Some(collected) = ended.run_until_cancelled(queue.collect(COLLECTED, COLLECT_WAIT)).await {
        match collected {
            Err(error) => {
                tracing::warn!(%error, "no outcomes could be collected, trying again");
                tokio::time::sleep(COLLECT_WAIT).await;
            }
            Ok(Collected { outcomes, .. }) if outcomes.is_empty() => {}
            Ok(Collected { outcomes, receipt }) => {
                let few = outcomes.len() < COLLECTED;
                for outcome in outcomes {
                    // One that was recorded before its confirmation was lost comes again.
                    if !in_flight.has(outcome.sequence) {
                        continue;
                    }
                    tally.analysed();
                    let content = in_flight.content(outcome.sequence);
                    if arrivals.send(Arrival::Ended(Box::new(outcome), content)).await.is_err() {
                        return;
                    }
                }
                let (recorded, waiting) = oneshot::channel();
                if arrivals.send(Arrival::Recorded(recorded)).await.is_err()
                    || safe.send((receipt, waiting)).await.is_err()
                {
                    return;
                }
                if few && !pace.is_zero() {
                    tokio::time::sleep(pace).await;
                }
            }
        }
    }
    drop(safe);
    drop(arrivals);
    if confirmed.await.is_err() {
        tracing::warn!("confirming outcomes ended by a defect");
    }
}
