//! What an operator asks.

use sheaf_cache::exact::{Holdings, purge, survey};

use super::*;

#[tokio::test]
async fn holdings_are_told_and_removed_tenant_by_tenant() {
    let stand = RedisStand::start(&[]);
    let link = link(&stand).await;
    assert_eq!(survey(&link, TENANT).await.unwrap(), Holdings::default());
    let cache = worker(&stand).await;
    for number in 0..1_000_u64 {
        fill(&cache, &number.to_string(), Answer { at: 1_700_000_000 + number, ..right() }).await;
    }
    let mut other = settings(CacheMode::On);
    other.cache.tenant = "other".to_owned();
    let other_cache = worker_with(&stand, &other).await;
    let other_key = UnitKey::new(Scope::new("other", "overview", b"1", ["m"]), None, "0");
    ask(other_cache.begin(&other_key, late()).await).fill(right()).await;

    let held = survey(&link, TENANT).await.unwrap();
    assert_eq!((held.entries, held.oldest, held.semantic), (1_000, Some(1_700_000_000), None));
    assert!((100_000..2_000_000).contains(&held.bytes), "{held:?}");
    assert_eq!(survey(&link, "other").await.unwrap().entries, 1);

    assert_eq!(purge(&link, TENANT).await.unwrap(), 1_000);
    assert_eq!(survey(&link, TENANT).await.unwrap(), Holdings::default());
    assert_eq!(survey(&link, "other").await.unwrap().entries, 1);
    let fresh = worker(&stand).await;
    ask(fresh.begin(&key("0"), late()).await);
}

#[tokio::test]
async fn rubbish_is_neither_counted_nor_in_the_way() {
    let stand = RedisStand::start(&[]);
    let (link, hand) = (link(&stand).await, Hand::of(&stand).await);
    fill(&worker(&stand).await, "a", right()).await;
    hand.number(&["RPUSH", &CacheKeys::new(TENANT).bucket(key("a").content[0] ^ 1).index(), "x"]).await;
    hand.number(&["ZADD", &bucket(&key("a")).index(), "1", "long gone"]).await;
    hand.set(&entry("a"), b"garbage").await;
    let held = survey(&link, TENANT).await.unwrap();
    assert_eq!((held.entries, held.oldest), (1, None));
    assert_eq!(purge(&link, TENANT).await.unwrap(), 1);
    assert_eq!(hand.number(&["DBSIZE"]).await, 0);
}
