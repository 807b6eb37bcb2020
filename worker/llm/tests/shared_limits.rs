//! Limits that a fleet keeps together, against a real Redis and providers that refuse; in real time, for Redis has its own.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and shows its figures")]

mod provider;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::join_all;
use provider::{Limit, Provider, provider, requests, spec};
use sheaf_common::{
    id::WorkerId,
    redis::{Link, Patience, stand::RedisStand},
};
use sheaf_llm::{
    BackendSpec, Cause, Client, ClientSettings, Limiter, MemoryLimiter, Parallelism, RateHeaders, RateWindow,
    Refusal, SharedLimits, ToldLimits,
};
use tokio::time::{Instant, sleep, timeout};

const WORKERS: u32 = 4;
const TEN_A_SECOND: Limit = Limit::Rate { per_second: 10.0, bucket: 10.0 };

fn told(requests: u64) -> ToldLimits {
    ToldLimits { requests_per_minute: Some(requests), tokens_per_minute: None }
}

async fn limits(stand: &RedisStand, worker: &str) -> SharedLimits {
    let link = Link::new(stand.connector().await, Patience::Endless);
    SharedLimits::connect(&link, WorkerId::new(worker))
}

/// What any limiter does. `make` gives one of a new key at each call.
async fn conforms(make: impl Fn(ToldLimits) -> Arc<dyn Limiter>) {
    it_bursts_then_paces(&make).await;
    it_serves_in_order(&make).await;
    a_wait_that_is_given_up_takes_nothing(&make).await;
    tokens_not_used_come_back(&make).await;
    headers_teach(&make).await;
    a_refusal_holds_everybody_back(&make).await;
    no_limit_is_no_wait(&make).await;
}

async fn it_bursts_then_paces(make: &impl Fn(ToldLimits) -> Arc<dyn Limiter>) {
    // A burst of 16, then 19.75 a second.
    let limiter = make(told(1_200));
    let began = Instant::now();
    join_all((0..26).map(|_| limiter.reserve(1))).await;
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(500), "{took:?}");
    assert_eq!(limiter.requests_per_minute(), Some(1_200.0));
    assert!(limiter.ready_in(1) > Duration::ZERO);
}

async fn it_serves_in_order(make: &impl Fn(ToldLimits) -> Arc<dyn Limiter>) {
    let limiter = make(told(1_200));
    let order = Mutex::new(Vec::new());
    join_all((0..30).map(|number| {
        let (limiter, order) = (&limiter, &order);
        async move {
            let reservation = limiter.reserve(1).await;
            order.lock().unwrap().push((number, reservation.sequence));
        }
    }))
    .await;
    let order = order.into_inner().unwrap();
    assert_eq!(order, (0..30).map(|number| (number, number + 1)).collect::<Vec<_>>());
}

async fn a_wait_that_is_given_up_takes_nothing(make: &impl Fn(ToldLimits) -> Arc<dyn Limiter>) {
    // One a second.
    let limiter = make(told(60));
    limiter.reserve(1).await;
    let began = Instant::now();
    for _ in 0..5 {
        assert!(timeout(Duration::from_millis(20), limiter.reserve(1)).await.is_err());
    }
    limiter.reserve(1).await;
    let took = began.elapsed().as_secs_f64();
    // Had each of the five taken its turn, it would have been six seconds.
    assert!((0.9..5.0).contains(&took), "{took}");
}

async fn tokens_not_used_come_back(make: &impl Fn(ToldLimits) -> Arc<dyn Limiter>) {
    // A burst of 80, then 98.7 a second.
    let limiter = make(ToldLimits { requests_per_minute: None, tokens_per_minute: Some(6_000) });
    let large = limiter.reserve(5_000).await;
    assert!(timeout(Duration::from_millis(50), limiter.reserve(80)).await.is_err(), "49 s are owed");
    limiter.reconcile(&large, Some(10));
    timeout(Duration::from_secs(20), limiter.reserve(80)).await.unwrap();
}

async fn headers_teach(make: &impl Fn(ToldLimits) -> Arc<dyn Limiter>) {
    let limiter = make(ToldLimits::default());
    limiter.reserve(1).await;
    let window = RateWindow { limit: Some(60), remaining: Some(0), reset: Some(Duration::from_mins(1)) };
    limiter.observe(RateHeaders { requests: window, ..RateHeaders::default() });
    eventually(|| limiter.requests_per_minute() == Some(60.0)).await;
    let began = Instant::now();
    limiter.reserve(1).await;
    limiter.reserve(1).await;
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
}

async fn a_refusal_holds_everybody_back(make: &impl Fn(ToldLimits) -> Arc<dyn Limiter>) {
    let limiter = make(ToldLimits::default());
    let reservation = limiter.reserve(1).await;
    let refusal = Refusal { retry_after: Some(Duration::from_secs(2)), cause: Cause::Rate, idle: true };
    let began = Instant::now();
    limiter.refused(&reservation, refusal);
    eventually(|| limiter.ready_in(1) > Duration::from_millis(500)).await;
    limiter.reserve(1).await;
    assert!(began.elapsed() >= Duration::from_millis(1_900), "{:?}", began.elapsed());
}

async fn no_limit_is_no_wait(make: &impl Fn(ToldLimits) -> Arc<dyn Limiter>) {
    let limiter = make(ToldLimits::default());
    join_all((0..1_000).map(|_| limiter.reserve(1_000_000))).await;
    assert_eq!(limiter.requests_per_minute(), None);
    assert_eq!(limiter.ready_in(1_000_000), Duration::ZERO);
}

/// What was told reaches whoever keeps the limits after a while.
async fn eventually(holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never came true");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_limiter_in_memory_conforms() {
    conforms(|told| Arc::new(MemoryLimiter::new(told))).await;
}

#[tokio::test]
async fn the_shared_limiter_conforms() {
    let stand = RedisStand::start(&[]);
    let limits = limits(&stand, "w").await;
    let number = std::sync::atomic::AtomicU32::new(0);
    conforms(|told| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        limits.limiter(&format!("key {number}"), told)
    })
    .await;
}

#[tokio::test]
async fn the_local_share_conforms_where_redis_is_away() {
    let mut stand = RedisStand::start(&[]);
    let limits = limits(&stand, "w").await;
    stand.kill();
    let number = std::sync::atomic::AtomicU32::new(0);
    let make = |told| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        limits.limiter(&format!("key {number}"), told)
    };
    it_bursts_then_paces(&make).await;
    it_serves_in_order(&make).await;
    a_wait_that_is_given_up_takes_nothing(&make).await;
    tokens_not_used_come_back(&make).await;
    a_refusal_holds_everybody_back(&make).await;
    no_limit_is_no_wait(&make).await;
}

/// Four workers, each with its own connections, and one provider.
async fn fleet(
    stand: &RedisStand,
    provider: Provider,
    told: ToldLimits,
    at_once: usize,
) -> (Vec<(Client, SharedLimits)>, Arc<provider::Seen>) {
    let (service, seen) = provider.service("provider");
    let mut clients = Vec::new();
    for worker in 0..WORKERS {
        let limits = limits(stand, &format!("w{worker}")).await;
        limits.set_share(WORKERS);
        let backend = BackendSpec {
            limits: told,
            ..spec("provider", Parallelism::Adaptive { start: at_once, most: at_once })
        };
        let client = Client::builder(ClientSettings::default())
            .shared(limits.clone())
            .backend(backend, service.clone())
            .build()
            .unwrap();
        clients.push((client, limits));
    }
    (clients, seen)
}

/// Answered, seconds.
async fn ask(clients: &[(Client, SharedLimits)], each: u64) -> (usize, f64) {
    let began = Instant::now();
    let answers = join_all(clients.iter().map(|(client, _)| client.ask_all(requests(each)))).await;
    (answers.iter().flatten().filter(|answer| answer.is_ok()).count(), began.elapsed().as_secs_f64())
}

#[tokio::test]
async fn four_workers_that_share_a_told_limit_provoke_no_refusal() {
    let stand = RedisStand::start(&[]);
    let (clients, seen) = fleet(&stand, provider(TEN_A_SECOND), told(600), 25).await;
    let (answered, seconds) = ask(&clients, 50).await;
    println!("told: {answered} / {} / {seconds:.2}", seen.refused());
    assert_eq!((answered, seen.refused()), (200, 0));
    assert!(seconds <= 19.5 * 1.10, "{seconds}");
}

#[tokio::test]
async fn what_one_worker_leaves_another_uses() {
    let stand = RedisStand::start(&[]);
    let (clients, seen) = fleet(&stand, provider(TEN_A_SECOND), told(600), 25).await;
    let began = Instant::now();
    let (first, rest) = (clients[0].0.ask_all(requests(100)), ask(&clients[1..], 1));
    let (answers, _) = tokio::join!(first, rest);
    let seconds = began.elapsed().as_secs_f64();
    println!("one of four: {} / {} / {seconds:.2}", answers.len(), seen.refused());
    assert_eq!(seen.refused(), 0);
    // By its quarter alone it would be 37 s.
    assert!(seconds <= 9.8 * 1.10, "{seconds}");
}

#[tokio::test]
async fn a_rate_that_nobody_told_is_learned_together() {
    let stand = RedisStand::start(&[]);
    let (clients, seen) = fleet(&stand, provider(TEN_A_SECOND), ToldLimits::default(), 25).await;
    let (answered, seconds) = ask(&clients, 50).await;
    println!("not told: {answered} / {} / {seconds:.2}", seen.refused());
    assert_eq!(answered, 200);
    assert!(seen.refused() <= 160 && seconds <= 19.5 * 1.5, "{} refusals, {seconds} s", seen.refused());
    // A worker that comes later has nothing to learn.
    let late = limits(&stand, "late").await.limiter("provider", ToldLimits::default());
    late.reserve(1).await;
    let learned = late.requests_per_minute().unwrap();
    assert!((300.0..1_200.0).contains(&learned), "{learned}");
}

#[tokio::test]
async fn a_refusal_seen_by_one_holds_all_back() {
    let stand = RedisStand::start(&[]);
    let (one, other) = (limits(&stand, "one").await, limits(&stand, "other").await);
    let one = one.limiter("key", ToldLimits::default());
    let other = other.limiter("key", ToldLimits::default());
    let (reservation, _) = tokio::join!(one.reserve(1), other.reserve(1));
    let refusal = Refusal { retry_after: Some(Duration::from_secs(3)), cause: Cause::Rate, idle: true };
    let began = Instant::now();
    one.refused(&reservation, refusal);
    eventually(|| one.ready_in(1) > Duration::from_secs(1)).await;
    // Free until it hears of it, which a request of its own brings about.
    other.reserve(1).await;
    eventually(|| other.ready_in(1) > Duration::from_secs(1)).await;
    other.reserve(1).await;
    assert!(began.elapsed() >= Duration::from_millis(2_900), "{:?}", began.elapsed());
}

#[tokio::test]
async fn redis_is_killed_and_comes_back_and_nobody_is_refused() {
    let mut stand = RedisStand::start(&[]);
    let (clients, seen) = fleet(&stand, provider(TEN_A_SECOND), told(600), 25).await;
    let asking = tokio::spawn(async move { ask(&clients, 50).await });
    sleep(Duration::from_secs(4)).await;
    stand.kill();
    sleep(Duration::from_secs(5)).await;
    let before = seen.asked();
    stand.begin();
    let (answered, seconds) = asking.await.unwrap();
    println!("killed: {answered} / {} / {seconds:.2}, {before} before it was back", seen.refused());
    assert_eq!((answered, seen.refused()), (200, 0));
    assert!(before > 60, "requests go on without Redis: {before}");
}

#[tokio::test]
async fn redis_hangs_for_a_while_and_nobody_is_refused() {
    let stand = RedisStand::start(&[]);
    let (clients, seen) = fleet(&stand, provider(TEN_A_SECOND), told(600), 25).await;
    let asking = tokio::spawn(async move { ask(&clients, 50).await });
    let signal = |name: &str| {
        let id = stand.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
    };
    sleep(Duration::from_secs(4)).await;
    signal("-STOP");
    sleep(Duration::from_secs(5)).await;
    let before = seen.asked();
    signal("-CONT");
    let (answered, seconds) = asking.await.unwrap();
    println!("hung: {answered} / {} / {seconds:.2}, {before} before it answered again", seen.refused());
    assert_eq!((answered, seen.refused()), (200, 0));
    assert!(before > 60, "requests go on without Redis: {before}");
}
