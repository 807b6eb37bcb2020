//! One asks, the others wait: in a process and over a fleet.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use sheaf_cache::ExactCounts;

use super::*;

/// Begins in the background.
fn begin(cache: &ExactCache, text: &str, deadline: Instant) -> tokio::task::JoinHandle<Begun> {
    let (cache, key) = (cache.clone(), key(text));
    tokio::spawn(async move { cache.begin(&key, deadline).await })
}

#[tokio::test]
async fn one_worker_asks_and_the_other_gets_its_answer() {
    let stand = RedisStand::start(&[]);
    let (here, elsewhere) = (worker(&stand).await, worker(&stand).await);
    let claim = ask(here.begin(&key("a"), late()).await);
    let waiting = begin(&elsewhere, "a", late());
    until("the other waits", async || elsewhere.counts().waits == 1).await;
    claim.fill(right()).await;
    assert_eq!(*hit(waiting.await.unwrap(), Level::Redis).answer, right());
    let hand = Hand::of(&stand).await;
    assert!(hand.get(&claim_key("a")).await.is_none(), "a claim ends with its answer");
}

#[tokio::test]
async fn when_one_fails_the_next_asks() {
    let stand = RedisStand::start(&[]);
    let (here, elsewhere) = (worker(&stand).await, worker(&stand).await);
    let claim = ask(here.begin(&key("a"), late()).await);
    let (neighbour, other) = (begin(&here, "a", late()), begin(&elsewhere, "a", late()));
    until("both wait", async || here.counts().waits == 1 && elsewhere.counts().waits == 1).await;
    drop(claim);
    // Whichever is first; the other waits on.
    let (first, second) = tokio::select! {
        first = neighbour => (first.unwrap(), None),
        second = other => (second.unwrap(), Some(())),
    };
    let claim = ask(first);
    let counts = (here.counts().misses, elsewhere.counts().misses);
    assert_eq!(counts, if second.is_some() { (1, 1) } else { (2, 0) });
    claim.fill(right()).await;
    until("both have it", async || {
        here.find(&key("a")).await.is_some() && elsewhere.find(&key("a")).await.is_some()
    })
    .await;
    assert_eq!(here.counts().misses + elsewhere.counts().misses, 2, "the second got the answer of the first");
}

#[tokio::test]
async fn nobody_waits_beyond_its_deadline() {
    let stand = RedisStand::start(&[]);
    let (here, elsewhere) = (worker(&stand).await, worker(&stand).await);
    let claim = ask(here.begin(&key("a"), late()).await);
    let soon = || Instant::now() + Duration::from_millis(300);
    let (neighbour, other) = (begin(&here, "a", soon()), begin(&elsewhere, "a", soon()));
    let neighbour = ask(neighbour.await.unwrap());
    ask(other.await.unwrap());
    assert_eq!((here.counts().late, elsewhere.counts().late), (1, 1));
    // An answer serves all, whoever has it first.
    let patient = begin(&here, "a", late());
    until("it waits", async || here.counts().waits == 2).await;
    neighbour.fill(right()).await;
    hit(patient.await.unwrap(), Level::Memory);
    claim.fill(right()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_askers_over_four_workers_one_asks() {
    let stand = RedisStand::start(&[]);
    let mut workers = Vec::new();
    for _ in 0..4 {
        workers.push(worker(&stand).await);
    }
    let asked = Arc::new(AtomicU32::new(0));
    let askers: Vec<_> = (0..100)
        .map(|number| {
            let (cache, asked) = (workers[number % 4].clone(), asked.clone());
            tokio::spawn(async move {
                match cache.begin(&key("a"), late()).await {
                    Begun::Hit(hit) => hit.answer,
                    Begun::Ask(claim) => {
                        asked.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(400)).await;
                        claim.fill(right()).await
                    }
                }
            })
        })
        .collect();
    for asker in askers {
        assert_eq!(*asker.await.unwrap(), right());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let counts = workers.iter().map(ExactCache::counts).reduce(ExactCounts::and).unwrap();
    assert_eq!((counts.misses, counts.memory_hits + counts.redis_hits, counts.stored), (1, 99, 1));
    assert_eq!(counts.redis_hits, 3, "one of each other worker has looked into Redis");
}

/// A claim lives for ten seconds when nobody extends it.
const CLAIM: Duration = Duration::from_secs(10);

#[test]
fn a_claim_lives_as_long_as_its_owner_and_lapses_when_that_dies() {
    let stand = RedisStand::start(&[]);
    let (dying, living) = (tokio::runtime::Runtime::new().unwrap(), tokio::runtime::Runtime::new().unwrap());
    dying.block_on(async {
        let cache = worker(&stand).await;
        // What a dead process holds is never dropped.
        std::mem::forget(ask(cache.begin(&key("orphan"), late()).await));
        std::mem::forget(cache);
    });
    living.block_on(async {
        let (owner, other) = (worker(&stand).await, worker(&stand).await);
        let held = ask(owner.begin(&key("held"), late()).await);
        dying.shutdown_background();
        let died = Instant::now();
        let orphan = begin(&other, "orphan", late());
        until("it waits", async || other.counts().waits == 1).await;
        ask(orphan.await.unwrap());
        let waited = died.elapsed();
        // Somewhat more: the last extension may be under way when the owner dies, and looks are apart.
        assert!(waited < CLAIM + Duration::from_secs(5), "{waited:?}");
        tokio::time::sleep(CLAIM.saturating_sub(waited) + Duration::from_secs(1)).await;
        let still = begin(&other, "held", late());
        until("the other waits", async || other.counts().waits == 2).await;
        assert!(!still.is_finished(), "it was extended");
        held.fill(right()).await;
        hit(still.await.unwrap(), Level::Redis);
    });
}
