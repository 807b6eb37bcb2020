//! The pool: a scripted fetcher under paused time, and the real one over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod server;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use server::{Piece, Server, answer, not_found, page};
use sheaf_common::{backoff::Backoff, fault::FaultKind, shutdown::Shutdown};
use sheaf_fetch::{
    Advice, Fetch, FetchFailure, FetchLimits, FetchRequest, Fetched, HttpFetcher, Order, Outcome, Pool,
    PoolInput, PoolOutput, PoolSettings,
};
use tokio::time::Instant;
use url::Url;

/// A fetcher that takes the time its hosts' names say: `dead…` 10 s and no connection, `slow…` 60 s, `crash…` none at
/// all, others 100 ms.
#[derive(Clone, Default)]
struct Scripted {
    going: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

/// Counts a download that ends, whichever way.
struct Going(Scripted);

impl Drop for Going {
    fn drop(&mut self) {
        self.0.going.fetch_sub(1, Ordering::SeqCst);
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Fetch for Scripted {
    async fn fetch(&self, request: FetchRequest) -> Result<Fetched, FetchFailure> {
        let now = self.going.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let _going = Going(self.clone());
        let host = request.url.host_str().unwrap_or_default();
        if host.starts_with("dead") {
            tokio::time::sleep(Duration::from_secs(10)).await;
            return Err(FetchFailure::new(FaultKind::Connect, "no connection", "", Advice::HostDown));
        }
        assert!(!host.starts_with("crash"), "as the test wants it");
        let time = if host.starts_with("slow") { Duration::from_mins(1) } else { Duration::from_millis(100) };
        tokio::time::sleep(time).await;
        Ok(Fetched {
            body: vec![0; 10].into(),
            final_url: request.url,
            content_type: None,
            last_modified: None,
            etag: None,
            status: 200,
            wire_bytes: 10,
            redirects: 0,
            attempts: 1,
            elapsed: time,
        })
    }
}

fn order(url: &str, payload: usize) -> Order<usize> {
    Order { request: FetchRequest::document(Url::parse(url).unwrap()), payload }
}

fn settings(max_workers: usize) -> PoolSettings {
    PoolSettings { max_workers, ..PoolSettings::default() }
}

/// Sends orders from a task of its own, and drops the input.
fn feed(input: PoolInput<usize>, orders: Vec<Order<usize>>) {
    tokio::spawn(async move {
        for order in orders {
            if input.send(order).await.is_err() {
                return;
            }
        }
    });
}

async fn rest(output: &mut PoolOutput<usize>) -> Vec<Outcome<usize>> {
    let mut outcomes = Vec::new();
    while let Some(outcome) = output.next().await {
        outcomes.push(outcome);
    }
    outcomes
}

fn payload(outcome: &Outcome<usize>) -> usize {
    match outcome {
        Outcome::Fetched(payload, _) | Outcome::Failed(payload, _) | Outcome::HandedBack(payload) => *payload,
    }
}

#[tokio::test(start_paused = true)]
async fn dead_and_slow_hosts_do_not_hold_up_the_others() {
    let fetch = Scripted::default();
    let (input, mut output) = Pool::start(fetch.clone(), settings(4), Shutdown::new());
    let mut orders = Vec::new();
    for n in 0..100 {
        orders.push(order(&format!("http://dead.test/{n}"), orders.len()));
        orders.push(order(&format!("http://slow.test/{n}"), orders.len()));
    }
    let first_quick = orders.len();
    for n in 0..100 {
        orders.push(order(&format!("http://quick{}.test/{n}", n % 5), orders.len()));
    }
    let all = orders.len();
    feed(input, orders);
    let (start, mut quick) = (Instant::now(), 0);
    let mut seen = HashSet::new();
    while let Some(outcome) = output.next().await {
        assert!(seen.insert(payload(&outcome)), "each comes out once");
        match outcome {
            Outcome::Fetched(n, _) if n >= first_quick => {
                quick += 1;
                if quick == 100 {
                    // Alone, the 100 would take 2.5 s; the dead and the slow host may take a slot or two from them.
                    assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
                }
            }
            Outcome::Failed(_, failure) => {
                assert!(failure.to_string().contains("no connection"), "{failure}");
                assert_eq!(failure.kind, FaultKind::Connect);
            }
            _ => {}
        }
    }
    assert_eq!((seen.len(), quick), (all, 100));
    assert_eq!(fetch.most.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn downloads_and_bodies_not_taken_are_never_more_than_the_workers() {
    let fetch = Scripted::default();
    let (input, mut output) = Pool::start(fetch.clone(), settings(6), Shutdown::new());
    let orders: Vec<_> = (0..100).map(|n| order(&format!("http://h{}.test/{n}", n % 10), n)).collect();
    feed(input, orders);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(fetch.dropped.load(Ordering::SeqCst), 6, "six are finished, and nobody takes them");
    for taken in 1..=10 {
        output.next().await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(fetch.dropped.load(Ordering::SeqCst), 6 + taken);
    }
    assert_eq!(rest(&mut output).await.len(), 90);
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_what_is_under_way_and_hands_the_rest_back() {
    let (fetch, shutdown) = (Scripted::default(), Shutdown::new());
    let (input, mut output) = Pool::start(fetch.clone(), settings(4), shutdown.clone());
    let orders: Vec<_> = (0..500).map(|n| order(&format!("http://slow{}.test/{n}", n % 10), n)).collect();
    let (refused, sender) = (Arc::new(Mutex::new(Vec::new())), input.clone());
    drop(input);
    let unsent = Arc::clone(&refused);
    let feeding = tokio::spawn(async move {
        for order in orders {
            if let Err(order) = sender.send(order).await {
                unsent.lock().unwrap().push(order.payload);
            }
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    shutdown.drain();
    let start = Instant::now();
    let outcomes = rest(&mut output).await;
    assert_eq!(start.elapsed(), Duration::from_secs(59));
    feeding.await.unwrap();
    let fetched = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Fetched(..))).count();
    assert_eq!(fetched, 4);
    let mut all: Vec<_> =
        outcomes.iter().map(payload).chain(refused.lock().unwrap().iter().copied()).collect();
    all.sort_unstable();
    assert_eq!(all, (0..500).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_stop_hands_everything_back_at_once() {
    let (fetch, shutdown) = (Scripted::default(), Shutdown::new());
    let (input, mut output) = Pool::start(fetch.clone(), settings(4), shutdown.clone());
    feed(input, (0..50).map(|n| order(&format!("http://slow{}.test/", n % 10), n)).collect());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fetch.going.load(Ordering::SeqCst), 4);
    shutdown.drain();
    tokio::time::sleep(Duration::from_secs(1)).await;
    shutdown.stop();
    let start = Instant::now();
    let outcomes = rest(&mut output).await;
    assert_eq!((outcomes.len(), start.elapsed()), (50, Duration::ZERO));
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::HandedBack(_))));
    assert_eq!(fetch.going.load(Ordering::SeqCst), 0, "the downloads themselves are gone");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_output_stops_the_downloads() {
    let fetch = Scripted::default();
    let (input, output) = Pool::start(fetch.clone(), settings(4), Shutdown::new());
    feed(input, (0..50).map(|n| order(&format!("http://slow{}.test/", n % 10), n)).collect());
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(output);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((fetch.going.load(Ordering::SeqCst), fetch.dropped.load(Ordering::SeqCst)), (0, 4));
}

#[tokio::test(start_paused = true)]
async fn a_crash_costs_one_document() {
    let (input, mut output) = Pool::start(Scripted::default(), settings(2), Shutdown::new());
    feed(input, vec![order("http://crash.test/", 0), order("http://fine.test/", 1)]);
    let mut outcomes = rest(&mut output).await;
    outcomes.sort_by_key(payload);
    assert!(matches!(&outcomes[0], Outcome::Failed(0, failure) if failure.kind == FaultKind::Internal));
    assert!(matches!(&outcomes[1], Outcome::Fetched(1, _)));
}

#[tokio::test(start_paused = true)]
async fn an_empty_input_ends_at_once() {
    let (input, mut output) = Pool::start(Scripted::default(), settings(2), Shutdown::new());
    drop(input);
    assert!(rest(&mut output).await.is_empty());
}

fn real(mut limits: FetchLimits) -> HttpFetcher {
    limits.allow_private_addresses = true;
    HttpFetcher::new(limits).unwrap()
}

fn hasty(max_workers: usize) -> PoolSettings {
    PoolSettings {
        backoff: Backoff::new(Duration::from_millis(1), Duration::from_millis(2)),
        ..settings(max_workers)
    }
}

#[tokio::test]
async fn over_http_refusals_are_waited_out_and_failures_retried() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => not_found(),
        // Refuses the first five requests of all, whichever they are.
        _ if asked.before <= 5 => answer("429 Too Many Requests", "Retry-After: 0\r\n", b""),
        "/broken" => answer("500 Oops", "", b""),
        _ => page(b"ok"),
    })
    .await;
    let (input, mut output) = Pool::start(real(FetchLimits::default()), hasty(8), Shutdown::new());
    let mut orders: Vec<_> = (0..20).map(|n| order(server.url(&format!("/{n}")).as_str(), n)).collect();
    orders.push(order(server.url("/broken").as_str(), 20));
    feed(input, orders);
    let outcomes = rest(&mut output).await;
    assert_eq!(outcomes.len(), 21);
    let mut attempts = 0;
    for outcome in outcomes {
        match outcome {
            Outcome::Fetched(_, fetched) => attempts += fetched.attempts,
            Outcome::Failed(20, failure) => {
                let fault = failure.fault();
                assert!(
                    fault.message.contains("answered 500") && fault.message.contains("times in"),
                    "{fault}"
                );
                attempts += failure.attempts;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(attempts, 20 + 5 + 3, "each page once, five refusals, and the broken one three times");
    assert_eq!(server.paths().len(), 29, "and robots.txt");
}

#[tokio::test]
async fn over_http_a_host_that_hangs_leaves_the_others_their_slots() {
    let hung = Server::start(|_| vec![Piece::Hang]).await;
    let live = Server::start(|_| page(b"ok")).await;
    let limits = FetchLimits { first_byte: Duration::from_millis(300), ..FetchLimits::default() };
    let (input, mut output) = Pool::start(real(limits), hasty(4), Shutdown::new());
    let mut orders: Vec<_> = (0..50).map(|n| order(hung.url(&format!("/{n}")).as_str(), n)).collect();
    orders.extend((50..150).map(|n| order(live.url(&format!("/{n}")).as_str(), n)));
    feed(input, orders);
    let outcomes = rest(&mut output).await;
    let (fetched, failed): (Vec<_>, Vec<_>) =
        outcomes.iter().partition(|outcome| matches!(outcome, Outcome::Fetched(..)));
    assert_eq!((fetched.len(), failed.len()), (100, 50));
    assert_eq!(hung.paths().len(), 3, "robots.txt three times, and no page");
    for outcome in failed {
        let Outcome::Failed(_, failure) = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.kind, FaultKind::FetchTimeout);
        assert!(failure.to_string().contains("was given up"), "{failure}");
    }
}
