//! Where answers come from, where they go, and for how long.

use std::process::Command;

use sheaf_common::redis::stand::free_port;

use super::*;

#[tokio::test]
async fn an_answer_comes_from_memory_here_and_from_redis_elsewhere() {
    let stand = RedisStand::start(&[]);
    let (here, elsewhere) = (worker(&stand).await, worker(&stand).await);
    for number in 0..300 {
        fill(&here, &number.to_string(), answer(json!({ "number": number }))).await;
    }
    for number in 0..300 {
        let key = key(&number.to_string());
        let there = hit(elsewhere.begin(&key, late()).await, Level::Redis);
        assert_eq!(*there.answer, answer(json!({ "number": number })));
        hit(elsewhere.begin(&key, late()).await, Level::Memory);
        hit(here.begin(&key, late()).await, Level::Memory);
    }
    let (here, elsewhere) = (here.counts(), elsewhere.counts());
    assert_eq!((here.misses, here.memory_hits, here.stored, here.waits), (300, 300, 300, 0));
    assert_eq!((elsewhere.misses, elsewhere.redis_hits, elsewhere.memory_hits), (0, 300, 300));
    assert_eq!((here.refused(), here.withheld, elsewhere.memory_entries), (0, 0, 300));
}

#[tokio::test]
async fn a_large_answer_travels_too_and_one_that_is_too_large_stays_nowhere() {
    let stand = RedisStand::start(&[]);
    let (here, elsewhere) = (worker(&stand).await, worker(&stand).await);
    let large = answer(json!("the lamp ".repeat(50_000)));
    fill(&here, "large", large.clone()).await;
    assert_eq!(*hit(elsewhere.begin(&key("large"), late()).await, Level::Redis).answer, large);
    fill(&here, "huge", answer(json!("x".repeat(2 << 20)))).await;
    ask(here.begin(&key("huge"), late()).await);
    assert_eq!((here.counts().too_large, here.counts().stored), (1, 1));
}

#[tokio::test]
async fn without_redis_memory_serves() {
    let cache = ExactCache::open(&settings(CacheMode::On), MemoryCache::default(), None).await;
    fill(&cache, "a", right()).await;
    hit(cache.begin(&key("a"), late()).await, Level::Memory);
    assert!(cache.find(&key("b")).await.is_none());
    assert_eq!(cache.find(&key("a")).await.unwrap().answer.value, right().value);
    assert_eq!((cache.counts().stored, cache.counts().withheld), (0, 0));
}

#[tokio::test]
async fn the_runs_of_a_process_share_its_memory() {
    let memory = MemoryCache::default();
    let first = ExactCache::open(&settings(CacheMode::On), memory.clone(), None).await;
    fill(&first, "a", right()).await;
    drop(first);
    let second = ExactCache::open(&settings(CacheMode::On), memory, None).await;
    hit(second.begin(&key("a"), late()).await, Level::Memory);
}

#[tokio::test]
async fn off_neither_serves_nor_keeps() {
    let stand = RedisStand::start(&[]);
    let on = worker(&stand).await;
    fill(&on, "a", right()).await;
    let off = worker_with(&stand, &settings(CacheMode::Off)).await;
    // Nobody waits for anybody either.
    let (first, second) = (ask(off.begin(&key("a"), late()).await), ask(off.begin(&key("a"), late()).await));
    first.fill(right()).await;
    second.fill(right()).await;
    ask(off.begin(&key("a"), late()).await);
    assert!(off.find(&key("a")).await.is_none());
    fill(&off, "b", right()).await;
    assert!(on.find(&key("b")).await.is_none());
}

#[tokio::test]
async fn read_serves_and_keeps_nothing() {
    let stand = RedisStand::start(&[]);
    let on = worker(&stand).await;
    fill(&on, "a", right()).await;
    let read = worker_with(&stand, &settings(CacheMode::Read)).await;
    hit(read.begin(&key("a"), late()).await, Level::Redis);
    let hand = Hand::of(&stand).await;
    let before = hand.number(&["DBSIZE"]).await;
    let claim = ask(read.begin(&key("b"), late()).await);
    assert_eq!(hand.number(&["DBSIZE"]).await, before, "not even a claim");
    // Whoever needs it at the same time still waits for the one who asks.
    let waiting = tokio::spawn({
        let read = read.clone();
        async move { read.begin(&key("b"), late()).await }
    });
    until("the other waits", async || read.counts().waits == 1).await;
    claim.fill(right()).await;
    hit(waiting.await.unwrap(), Level::Memory);
    ask(read.begin(&key("b"), late()).await);
    assert_eq!(hand.number(&["DBSIZE"]).await, before);
}

#[tokio::test]
async fn an_answer_lives_as_long_as_it_was_given_and_no_longer_in_another_memory() {
    let stand = RedisStand::start(&[]);
    let mut short = settings(CacheMode::On);
    short.cache.ttl = Duration::from_millis(1_500);
    let (here, elsewhere) = (worker_with(&stand, &short).await, worker(&stand).await);
    fill(&here, "a", right()).await;
    let hand = Hand::of(&stand).await;
    assert!((1..=1_500).contains(&hand.number(&["PTTL", &entry("a")]).await));
    let there = elsewhere.begin(&key("a"), late()).await;
    // A machine that is slow may have lost it already; then nothing is shown here.
    if let Begun::Hit(_) = there {
        until("gone from Redis", async || hand.get(&entry("a")).await.is_none()).await;
        until("gone from the memory", async || elsewhere.find(&key("a")).await.is_none()).await;
    }
}

#[tokio::test]
async fn a_tenant_has_no_more_than_its_number() {
    let stand = RedisStand::start(&[]);
    // Four in each of 256 parts.
    let few = ExactSettings { entries: 1_024, ..settings(CacheMode::On) };
    let cache = worker_with(&stand, &few).await;
    let hand = Hand::of(&stand).await;
    let same: Vec<String> = (0..)
        .map(|number: u32| number.to_string())
        .filter(|text| key(text).content[0] == 7)
        .take(10)
        .collect();
    for (number, text) in (0_i64..).zip(&same) {
        fill(&cache, text, right()).await;
        let index = bucket(&key(text)).index();
        assert_eq!(hand.number(&["ZCARD", &index]).await, (number + 1).min(4));
        assert_eq!(hand.number(&["DBSIZE"]).await, (number + 1).min(4) + 1);
        // Redis tells moments of less than a millisecond apart by nothing.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for (number, text) in same.iter().enumerate() {
        assert_eq!(hand.get(&entry(text)).await.is_some(), number >= 6, "the oldest make room");
    }
    assert!(
        hand.number(&["PTTL", &bucket(&key(&same[0])).index()]).await > 0,
        "an index ends with its entries"
    );
}

#[tokio::test]
async fn one_slot_holds_all_of_an_entry() {
    // One node with all slots refuses, as any other, what touches several.
    let bus = free_port().to_string();
    let stand = RedisStand::start(&["--cluster-enabled", "yes", "--cluster-port", &bus]);
    let port = stand.port().to_string();
    let slots =
        Command::new("redis-cli").args(["-p", &port, "cluster", "addslotsrange", "0", "16383"]).output();
    assert!(slots.unwrap().status.success());
    let hand = link(&stand).await;
    until("the cluster is one", async || {
        let info: Result<String, _> = hand.query("test", command("CLUSTER").arg("INFO")).await;
        info.is_ok_and(|info| info.contains("cluster_state:ok"))
    })
    .await;
    let (here, elsewhere) = (worker(&stand).await, worker(&stand).await);
    for number in 0..40 {
        let text = number.to_string();
        let claim = ask(here.begin(&key(&text), late()).await);
        if number % 2 == 0 {
            claim.fill(right()).await;
            hit(elsewhere.begin(&key(&text), late()).await, Level::Redis);
        }
    }
    ask(elsewhere.begin(&key("1"), late()).await);
    assert_eq!(sheaf_cache::exact::survey(&hand, TENANT).await.unwrap().entries, 20);
    assert_eq!(sheaf_cache::exact::purge(&hand, TENANT).await.unwrap(), 20);
    assert_eq!((here.counts().stored, here.counts().withheld), (20, 0));
}
