//! The server, before anything is trusted to it.

use std::time::Duration;

use sheaf_common::redis::{Connector, Link, Patience, RedisUrl, command, inspect, stand::RedisStand};

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

#[tokio::test]
async fn a_server_with_all_its_connections_taken_is_waited_for() {
    for password in [None, Some("right")] {
        let mut arguments = vec!["--maxclients", "1"];
        arguments.extend(password.iter().flat_map(|password| ["--requirepass", password]));
        let stand = RedisStand::start(&arguments);
        let user = password.map(|password| format!(":{password}@")).unwrap_or_default();
        let url = RedisUrl::parse(&format!("redis://{user}127.0.0.1:{}", stand.port())).unwrap();
        let patience = Patience::For(Duration::from_secs(30));
        let first = Link::new(Connector::find(url.clone(), patience).await.unwrap(), patience);
        let _pong: String = first.query("asking", &command("PING")).await.unwrap();
        let second = tokio::spawn(Connector::find(url, patience));
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!second.is_finished(), "a connection may end: {:?}", second.await);
        drop(first);
        second.await.unwrap().unwrap();
    }
}
