//! The server, before anything is trusted to it.

use std::time::Duration;

use sheaf_common::redis::{Connector, Link, Patience, RedisUrl, inspect, stand::RedisStand};

#[tokio::test]
async fn a_wrong_password_is_one_clear_line() {
    let stand = RedisStand::start(&["--requirepass", "right"]);
    let url = format!("redis://:wrong@127.0.0.1:{}", stand.port());
    let url = RedisUrl::parse(&url).unwrap();
    let error = Connector::find(url, Patience::Endless).await.unwrap_err().to_string();
    assert!(error.contains("***@127.0.0.1") && error.contains("password"), "{error}");
    assert!(!error.contains("wrong@"), "{error}");
}

#[tokio::test]
async fn a_server_that_would_lose_jobs_is_told_apart() {
    let stand = RedisStand::start(&["--maxmemory-policy", "allkeys-lru", "--appendonly", "no"]);
    let link = Link::new(stand.connector().await, Patience::Endless);
    let found = inspect(&link, Duration::from_secs(30)).await.unwrap();
    assert!(found.refusal().unwrap().contains("allkeys-lru"));
    assert_eq!(found.warnings().count(), 1);
}
