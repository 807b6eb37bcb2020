//! A Redis or a coordinator that was away: what that means for the silence of workers.

use std::time::Duration;

use sheaf_common::{
    queue::{JobQueue, RedisLimits, RedisQueue, conformance::job},
    redis::stand::RedisStand,
};

use super::{SOON, opened, worker};

/// Far longer than Redis or a coordinator needs to be there again.
const SILENT: Duration = Duration::from_secs(2);

async fn run(stand: &RedisStand, workers: &[&str]) -> RedisQueue {
    let queue = opened(stand, "r", 1, RedisLimits::default()).await;
    for (number, name) in (0..).zip(workers) {
        queue.push(job(number)).await.unwrap();
        assert_eq!(queue.lease(&worker(name), 1, SOON).await.unwrap().len(), 1);
    }
    queue
}

#[tokio::test]
async fn a_silence_goes_on_when_redis_and_the_coordinator_are_back() {
    let mut stand = RedisStand::start(&["--appendfsync", "always"]);
    let queue = run(&stand, &["gone", "gone too"]).await;
    tokio::time::sleep(2 * SILENT).await;
    assert_eq!(queue.reclaim().await.unwrap(), 0, "their leases are longer than that");
    stand.kill();
    stand.begin();
    assert_eq!(queue.reclaim_from(&worker("gone"), SILENT).await.unwrap(), 1);
    drop(queue);
    let next = opened(&stand, "r", 1, RedisLimits::default()).await;
    assert_eq!(next.reclaim_from(&worker("gone too"), SILENT).await.unwrap(), 1);
}

#[tokio::test]
async fn nobody_is_silent_while_redis_is_away() {
    let mut stand = RedisStand::start(&["--appendfsync", "always"]);
    let queue = run(&stand, &["here"]).await;
    assert_eq!(queue.reclaim().await.unwrap(), 0);
    stand.kill();
    tokio::time::sleep(SILENT).await;
    stand.begin();
    assert_eq!(queue.reclaim_from(&worker("here"), SILENT).await.unwrap(), 0);
    tokio::time::sleep(SILENT).await;
    assert_eq!(queue.reclaim_from(&worker("here"), SILENT).await.unwrap(), 1, "it had its time");
}

#[tokio::test]
async fn nobody_is_silent_while_no_coordinator_looks() {
    let stand = RedisStand::start(&[]);
    drop(run(&stand, &["here"]).await);
    tokio::time::sleep(SILENT).await;
    let next = opened(&stand, "r", 1, RedisLimits::default()).await;
    assert_eq!(next.reclaim_from(&worker("here"), SILENT).await.unwrap(), 0, "Redis may have been away");
}

#[tokio::test]
async fn looking_does_not_make_a_run_that_is_gone() {
    let stand = RedisStand::start(&[]);
    let queue = run(&stand, &[]).await;
    queue.purge().await.unwrap();
    queue.reclaim().await.unwrap_err();
    assert!(super::ask::<Vec<String>>(&stand, &["KEYS", "*"]).await.is_empty());
}
