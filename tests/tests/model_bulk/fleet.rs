//! Several workers over one Redis.

use std::{sync::Arc, time::Duration};

use sheaf_common::{
    id::RunId,
    redis::{Link, Patience, stand::RedisStand},
};
use sheaf_llm::bulk::{Bulk, BulkSettings, RedisStore};
use sheaf_tests::provider::bulk::BatchScript;

use crate::{
    bench::{Bench, ask_all, ask_in_background, in_both, until},
    models::all_answered,
};

async fn worker(bench: &Bench, stand: &RedisStand) -> Bulk {
    let link = Link::new(stand.connector().await, Patience::For(Duration::from_secs(10)));
    let settings = BulkSettings { lease: Duration::from_millis(300), ..bench.settings() };
    bench.start_over(settings, Arc::new(RedisStore::new(link, &RunId::new("run")))).await
}

#[tokio::test]
async fn workers_that_ask_the_same_hand_it_in_once() {
    in_both(|whose| async move {
        let stand = RedisStand::start(&[]);
        let bench = Bench::with(whose, BatchScript { looks: 5, ..BatchScript::default() });
        let (one, other) = (worker(&bench, &stand).await, worker(&bench, &stand).await);
        let (first, second) = tokio::join!(ask_all(&one, 0..30), ask_all(&other, 10..40));
        assert!(all_answered(&first), "{whose:?}");
        assert!(second.iter().all(Result::is_ok), "{whose:?}");
        bench.assert_paid_once(40);
    })
    .await;
}

#[tokio::test]
async fn what_a_dead_worker_handed_in_another_one_collects() {
    in_both(|whose| async move {
        let stand = RedisStand::start(&[]);
        let bench = Bench::with(whose, BatchScript { looks: usize::MAX, ..BatchScript::default() });
        let (one, other) = (worker(&bench, &stand).await, worker(&bench, &stand).await);
        let asking = ask_in_background(&one, 0..20);
        until(|| bench.seen().looks > 0).await;
        asking.abort();
        let _gone = asking.await;
        drop(one);
        bench.change(BatchScript::default());
        // Its documents come to the other one, whose requests are the same.
        assert!(all_answered(&ask_all(&other, 0..20).await), "{whose:?}");
        bench.assert_paid_once(20);
        assert_eq!(bench.seen().batches.len(), 1);
    })
    .await;
}
