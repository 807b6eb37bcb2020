//! The one task behind a cache: extends the claims of its process, gives up those that were dropped, and looks whether a
//! Redis that was away is back and how full it is.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::store::{CLAIM, EXTEND, RELEASE, Store};

/// Between extensions: two may fail before a claim lapses.
const EXTENSIONS: Duration = Duration::from_secs(3);
/// Between looks at how full Redis is.
const MEASURES: Duration = Duration::from_secs(5);

/// Works until `closed`; then gives up what is left to be given up.
pub(super) async fn keep(store: Arc<Store>, closed: CancellationToken) {
    let (mut extension, mut measure) = (Instant::now() + EXTENSIONS, Instant::now());
    loop {
        give_up(&store).await;
        let now = Instant::now();
        if extension <= now {
            extend(&store).await;
            extension = now + EXTENSIONS;
        }
        if measure <= now {
            store.measure().await;
            measure = now + MEASURES;
        }
        store.probe().await;
        let probe = store.next_probe();
        let next = probe.map_or(extension.min(measure), |probe| probe.min(extension).min(measure));
        tokio::select! {
            () = closed.cancelled() => break,
            () = store.wake.notified() => {}
            () = tokio::time::sleep_until(next) => {}
        }
    }
    give_up(&store).await;
}

async fn extend(store: &Store) {
    let held: Vec<_> = store.claims().held.iter().map(|(token, key)| (token.clone(), *key)).collect();
    store.over_claims(&EXTEND, held, Some(CLAIM)).await;
}

/// What cannot be given up, for Redis is away, lapses.
async fn give_up(store: &Store) {
    let given_up = std::mem::take(&mut store.claims().given_up);
    store.over_claims(&RELEASE, given_up, None).await;
}
