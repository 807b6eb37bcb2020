//! Backends that break, die and come back.

use std::{
    io,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sheaf_llm::{Client, ModelErrorKind};
use sheaf_tests::provider::{Deed, Provider, Script, When};
use tokio::time::sleep;

use crate::models::{Backend, all_answered, client, request, requests, settings};

/// How long anything may take before a test gives it up.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a breaker stays open at first.
const OPEN: Duration = Duration::from_secs(2);
const LATENCY: Duration = Duration::from_millis(50);

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < patience, "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// A provider that fails while it is ill.
fn ailing() -> (Provider, Arc<AtomicBool>) {
    let ill = Arc::new(AtomicBool::new(false));
    let is_ill = When::test({
        let ill = ill.clone();
        move |_, _| ill.load(Ordering::SeqCst)
    });
    (Provider::start(Script::latency(LATENCY).rule(is_ill, Deed::error(500))), ill)
}

/// The first request after a pause that only an open breaker makes: its number.
fn after_the_pause(arrivals: &[Instant]) -> usize {
    let pause = arrivals.windows(2).position(|two| two[1] - two[0] >= OPEN / 2);
    pause.expect("a pause") + 1
}

fn connects(client: &Client) -> u64 {
    client.statistics().statuses.get("connect").copied().unwrap_or_default()
}

#[tokio::test]
async fn a_few_failures_open_nothing() {
    let (provider, ill) = ailing();
    ill.store(true, Ordering::SeqCst);
    let client = client(settings(4), [Backend::at("one", &provider, 10)]);
    assert_eq!(client.ask(request(1)).await.unwrap_err().kind, ModelErrorKind::Server);
    ill.store(false, Ordering::SeqCst);
    // An open breaker of a backend that never answered would say that nobody is there.
    assert_eq!(client.ask(request(2)).await.unwrap().attempts, 1);
    assert_eq!(provider.seen().requests, 5);
}

#[tokio::test]
async fn the_breaker_opens_on_a_ratio_and_one_probe_brings_the_backend_back() {
    let (provider, ill) = ailing();
    let client = client(settings(20), [Backend::at("one", &provider, 10)]);
    assert!(client.ask(request(0)).await.is_ok());
    ill.store(true, Ordering::SeqCst);
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.ask_all(requests(40)).await }
    });
    until("four failures", || provider.seen().status(500) >= 4).await;
    sleep(OPEN / 2).await;
    ill.store(false, Ordering::SeqCst);
    assert!(all_answered(&asking.await.unwrap()));
    let seen = provider.seen();
    let probe = after_the_pause(&seen.arrivals);
    // The first answer, ten slots, and the three failures that opened nothing yet and freed theirs.
    assert!(probe <= 1 + 10 + 3, "{probe} before it opened");
    let [first_failure, probe, next] = [1, probe, probe + 1].map(|number| seen.arrivals[number]);
    assert!(probe - first_failure >= OPEN, "{:?}", probe - first_failure);
    assert!(next - probe >= LATENCY, "the probe goes alone: {:?}", next - probe);
    assert_eq!(seen.status(200), 41);
}

#[tokio::test]
async fn a_failed_probe_opens_the_breaker_for_longer() {
    let (provider, ill) = ailing();
    let client = client(settings(20), [Backend::at("one", &provider, 10)]);
    assert!(client.ask(request(0)).await.is_ok());
    ill.store(true, Ordering::SeqCst);
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.ask_all(requests(10)).await }
    });
    until("four failures", || provider.seen().status(500) >= 4).await;
    sleep(OPEN / 2).await;
    let burst = provider.seen().status(500);
    until("a failed probe", || provider.seen().status(500) > burst).await;
    ill.store(false, Ordering::SeqCst);
    assert!(all_answered(&asking.await.unwrap()));
    let arrivals = provider.seen().arrivals;
    let probe = after_the_pause(&arrivals);
    assert!(arrivals[probe + 1] - arrivals[probe] >= OPEN * 2, "twice as long");
}

#[tokio::test]
async fn a_backend_killed_in_the_middle_loses_nothing_and_is_used_again_when_it_is_back() {
    let mut mortal = Provider::start(Script::latency(LATENCY));
    let steady = Provider::start(Script::latency(LATENCY));
    let backends = [Backend::at("mortal", &mortal, 5), Backend::at("steady", &steady, 5)];
    let client = client(settings(5), backends);
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.ask_all(requests(600)).await }
    });
    until("some answers", || mortal.seen().status(200) >= 15).await;
    mortal.stop();
    let (dead, steady_then) = (mortal.seen().requests, steady.seen().status(200));
    until("work elsewhere", || steady.seen().status(200) >= steady_then + 30).await;
    mortal.start_again();
    until("it is used again", || mortal.seen().status(200) >= dead + 10 || asking.is_finished()).await;
    let answers = asking.await.unwrap();
    assert!(all_answered(&answers));
    let (mortal, steady) = (mortal.seen(), steady.seen());
    assert!(mortal.status(200) >= dead + 10, "{} then, {} now", dead, mortal.status(200));
    // Every request was answered once, by whichever: nothing is lost and nothing is paid for twice.
    assert_eq!(mortal.status(200) + steady.status(200), 600);
    assert!(mortal.most_in_flight <= 5 && steady.most_in_flight <= 5);
}

/// What is logged in this process.
///
/// One subscriber for all tests: those of single threads are not seen by messages that another thread met first.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn of_all_tests() -> &'static Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self::default();
            let writer = log.clone();
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
            log
        })
    }

    /// Lines that have all of these in them.
    fn lines(&self, parts: &[&str]) -> usize {
        let text = String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned();
        text.lines().filter(|line| parts.iter().all(|part| line.contains(part))).count()
    }
}

#[tokio::test]
async fn with_every_backend_down_it_waits_says_so_and_does_not_spin() {
    let log = Log::of_all_tests();
    let mut one = Provider::start(Script::latency(LATENCY));
    let mut two = Provider::start(Script::latency(LATENCY));
    let client = client(settings(20), [Backend::at("down-one", &one, 5), Backend::at("down-two", &two, 5)]);
    assert!(all_answered(&client.ask_all(requests(10)).await));
    one.stop();
    two.stop();
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.ask_all(requests(50)).await }
    });
    let said = || log.lines(&["every model backend is out of order", "down-one, down-two"]);
    until("it says so", || said() > 0).await;
    sleep(Duration::from_secs(3)).await;
    // Of each: five slots, four failures that opened nothing yet beside five answers, and at most two probes.
    let attempts = connects(&client);
    assert!((10..=22).contains(&attempts), "{attempts} attempts");
    assert_eq!(said(), 1, "once");
    two.start_again();
    assert!(all_answered(&asking.await.unwrap()), "what waited is answered when one is back");
    assert!(one.seen().requests <= 10);
}

#[tokio::test]
async fn patience_with_a_pool_that_is_out_of_order_ends() {
    let mut provider = Provider::start(Script::default());
    let mut settings = settings(20);
    settings.retry.patience = Duration::from_secs(1);
    let client = client(settings, [Backend::at("one", &provider, 10)]);
    assert!(client.ask(request(0)).await.is_ok());
    provider.stop();
    let began = Instant::now();
    let answers = client.ask_all(requests(20)).await;
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(answers.iter().all(|answer| {
        let error = answer.as_ref().unwrap_err();
        error.kind == ModelErrorKind::Unavailable && error.message.contains("out of order")
    }));
    assert!(connects(&client) <= 14, "{}", connects(&client));
}

#[tokio::test]
async fn nobody_there_from_the_beginning_is_told_soon() {
    let mut provider = Provider::start(Script::default());
    provider.stop();
    let client = client(settings(4), [Backend::at("one", &provider, 10)]);
    for answer in client.ask_all(requests(50)).await {
        let error = answer.unwrap_err();
        let told = matches!(error.kind, ModelErrorKind::Connect | ModelErrorKind::Unavailable);
        assert!(told && !error.hint.is_empty(), "{error}");
    }
    assert!(connects(&client) <= 14, "{}", connects(&client));
}
