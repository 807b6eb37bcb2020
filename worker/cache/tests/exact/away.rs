//! Redis away, hanging, full: memory alone, and said once.

use std::{
    io::{self, Write},
    process::Command,
    sync::{Arc, Mutex},
};

use sheaf_common::redis::RedisUrl;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tracing::subscriber::DefaultGuard;

use super::*;

/// What was said at warn on this thread.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn listen() -> (Self, DefaultGuard) {
        let said = Self::default();
        let writer = said.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (said, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.0.lock().unwrap()).lines().map(str::to_owned).collect()
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn impatient_worker(stand: &RedisStand) -> ExactCache {
    worker_with(stand, &impatient(CacheMode::On)).await
}

async fn is_shared(from: &ExactCache, to: &ExactCache, text: &str) -> bool {
    if let Begun::Ask(claim) = from.begin(&key(text), late()).await {
        claim.fill(right()).await;
    }
    to.find(&key(text)).await.is_some()
}

#[tokio::test]
async fn a_redis_that_is_killed_and_comes_back_is_said_once_each() {
    let (said, _guard) = Said::listen();
    let mut stand = RedisStand::start(&[]);
    let (here, elsewhere) =
        (impatient_worker(&stand).await, worker_with(&stand, &impatient(CacheMode::Read)).await);
    fill(&here, "before", right()).await;
    let claim = ask(here.begin(&key("claimed"), late()).await);
    stand.kill();
    let begun = Instant::now();
    for number in 0..200 {
        fill(&here, &number.to_string(), right()).await;
        hit(here.begin(&key(&number.to_string()), late()).await, Level::Memory);
    }
    // Nobody pays for a Redis that is away again and again: a quarter of a second each would be more than half a minute.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    claim.fill(right()).await;
    hit(here.begin(&key("before"), late()).await, Level::Memory);
    let away = said.lines();
    assert_eq!(away.len(), 1, "{away:#?}");
    assert!(away[0].contains("kept in memory"), "{away:?}");
    assert!(here.counts().withheld >= 200);

    stand.begin();
    until("both share again", async || {
        is_shared(&here, &elsewhere, &format!("after {}", fastrand::u64(..))).await
    })
    .await;
    let lines = said.lines();
    let (away, back): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.contains("kept in memory"));
    // The one that only reads may not have looked meanwhile.
    assert!((1..=2).contains(&away.len()) && back.len() == away.len(), "{lines:#?}");
    assert!(back.iter().all(|line| line.contains("shared through Redis again")), "{back:?}");
}

#[tokio::test]
async fn a_redis_that_was_away_from_the_start_is_used_when_it_comes() {
    let (said, _guard) = Said::listen();
    let mut stand = RedisStand::start(&[]);
    stand.kill();
    let here = impatient_worker(&stand).await;
    let elsewhere = impatient_worker(&stand).await;
    fill(&here, "a", right()).await;
    hit(here.begin(&key("a"), late()).await, Level::Memory);
    assert_eq!(said.lines().len(), 2, "each says it once: {:#?}", said.lines());
    stand.begin();
    until("they share", async || is_shared(&here, &elsewhere, &format!("{}", fastrand::u64(..))).await).await;
}

fn signal(stand: &RedisStand, name: &str) {
    let id = stand.id().unwrap().to_string();
    assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
}

#[tokio::test]
async fn a_redis_that_hangs_costs_one_short_wait() {
    let (said, _guard) = Said::listen();
    let stand = RedisStand::start(&[]);
    let here = impatient_worker(&stand).await;
    signal(&stand, "-STOP");
    let mut waits = Vec::new();
    for number in 0..50 {
        let begun = Instant::now();
        fill(&here, &number.to_string(), right()).await;
        waits.push(begun.elapsed());
    }
    let waited = waits.iter().filter(|wait| **wait > Duration::from_millis(200)).count();
    signal(&stand, "-CONT");
    assert!(waits[0] >= Duration::from_millis(250), "{:?}", waits[0]);
    // One, and whatever a busy machine adds.
    assert!(waited < 10, "{waits:?}");
    let elsewhere = impatient_worker(&stand).await;
    until("they share", async || is_shared(&here, &elsewhere, &format!("x{}", fastrand::u64(..))).await)
        .await;
    let lines = said.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
}

/// A way to a Redis that falls silent: what was connected stays so and is heard of no more; new connections work.
async fn way_to(stand: &RedisStand) -> (RedisUrl, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let (silent, port) = (watch::Sender::new(false), stand.port());
    let silence = silent.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut silence = silence.subscribe();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    _ = silence.changed() => std::future::pending::<()>().await,
                }
            });
        }
    });
    (RedisUrl::parse(&url).unwrap(), silent)
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_made_anew() {
    let (said, _guard) = Said::listen();
    let stand = RedisStand::start(&[]);
    let (url, silent) = way_to(&stand).await;
    let here = ExactCache::open(&impatient(CacheMode::On), MemoryCache::default(), Some(url)).await;
    let elsewhere = worker(&stand).await;
    fill(&here, "before", right()).await;
    assert_eq!(here.counts().stored, 1);
    silent.send_replace(true);
    fill(&here, "a", right()).await;
    assert_eq!((here.counts().stored, said.lines().len()), (1, 1));
    until("they share", async || is_shared(&here, &elsewhere, &format!("x{}", fastrand::u64(..))).await)
        .await;
    assert_eq!(said.lines().len(), 2, "{:#?}", said.lines());
}

#[tokio::test]
async fn nothing_is_stored_in_a_redis_that_is_full() {
    let (said, _guard) = Said::listen();
    let stand = RedisStand::start(&[]);
    let hand = Hand::of(&stand).await;
    let (here, elsewhere) = (worker(&stand).await, worker(&stand).await);
    fill(&here, "before", right()).await;
    hand.run(&["CONFIG", "SET", "maxmemory", "1mb"]).await;
    fill(&here, "a", right()).await;
    hit(here.begin(&key("a"), late()).await, Level::Memory);
    assert_eq!((here.counts().stored, here.counts().withheld), (1, 1));
    hit(elsewhere.begin(&key("before"), late()).await, Level::Redis);
    assert!(hand.get(&claim_key("a")).await.is_none());
    let trouble: Vec<_> = said.lines().into_iter().filter(|line| !line.contains("nearly full")).collect();
    assert!(trouble.is_empty(), "an answer that is not stored is no trouble: {trouble:#?}");
    // Nearly full is enough: nobody has to be refused.
    let info: String = hand.0.query("test", command("INFO").arg("memory")).await.unwrap();
    let used: u64 =
        info.lines().find_map(|line| line.trim().strip_prefix("used_memory:")).unwrap().parse().unwrap();
    hand.run(&["CONFIG", "SET", "maxmemory", &(used * 100 / 95).to_string()]).await;
    until("it is noticed", async || said.lines().iter().any(|line| line.contains("nearly full"))).await;
}
