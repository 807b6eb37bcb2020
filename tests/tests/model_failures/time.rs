//! Time limits and deadlines.

use std::time::{Duration, Instant};

use sheaf_llm::{ClientSettings, ModelErrorKind, ModelRequest};
use sheaf_tests::provider::{Deed, Delivery, Provider, Script, When};

use crate::models::{Backend, all_answered, client, request, requests, settings};

const LIMIT: Duration = Duration::from_millis(300);

/// Settings with a short time limit of a request.
fn hurried() -> ClientSettings {
    ClientSettings { time_limit: LIMIT, ..settings(5) }
}

#[tokio::test]
async fn a_request_that_hangs_ends_at_its_time_limit() {
    // Before its head, or in the middle of a body that never ends.
    for delivery in [Delivery::Never, Delivery::Slow(1_000, Duration::from_millis(50))] {
        let provider = Provider::start(Script::default().rule(When::Always, Deed::sent(delivery)));
        let client = client(hurried(), [Backend::at("one", &provider, 1)]);
        let began = Instant::now();
        let error = client.ask(request(1)).await.unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Timeout, "{error}");
        assert!(began.elapsed() >= LIMIT * 2, "two attempts, each with the whole limit");
        assert_eq!(provider.seen().requests, 2);
        assert!(error.message.contains("after 2 attempts") && !error.hint.is_empty(), "{error}");
    }
}

#[tokio::test]
async fn the_time_limit_of_one_backend_holds_for_it_alone() {
    let hang = Provider::start(Script::default().rule(When::Always, Deed::sent(Delivery::Never)));
    let free = Provider::start(Script::default());
    let mut hanging = Backend::at("hang", &hang, 1);
    hanging.config.request_timeout = LIMIT;
    let client = client(settings(5), [hanging, Backend::at("free", &free, 1)]);
    assert!(all_answered(&client.ask_all(requests(6)).await), "what hangs is answered by the other");
    assert!(hang.seen().requests >= 1);
    assert_eq!(free.seen().requests, 6);
}

#[tokio::test]
async fn a_slow_body_within_the_limit_is_waited_for() {
    let slow = Deed::sent(Delivery::Slow(20, Duration::from_millis(10)));
    let provider = Provider::start(Script::default().rule(When::Always, slow));
    let client = client(settings(5), [Backend::at("one", &provider, 4)]);
    let answers = client.ask_all(requests(8)).await;
    assert!(all_answered(&answers));
    assert!(answers.iter().flatten().all(|answered| answered.answer.latency >= Duration::from_millis(200)));
    assert_eq!(provider.seen().requests, 8);
}

#[tokio::test]
async fn the_deadline_of_the_document_ends_waiting_of_any_kind() {
    let scripts = [
        // For an answer, for a limit, for a backend that is out of order.
        Script::default().rule(When::Always, Deed::sent(Delivery::Never)),
        Script::default().rule(When::Always, Deed::error(429).header("retry-after", "3600")),
        Script::default().rule(When::Always, Deed::error(503).header("retry-after", "3600")),
        Script::default().rule(When::Always, Deed::error(500)),
    ];
    for script in scripts {
        let provider = Provider::start(script);
        let mut settings = settings(100);
        settings.retry.longest_wait = Duration::from_mins(1);
        let client = client(settings, [Backend::at("one", &provider, 1)]);
        let began = Instant::now();
        let deadline = began + Duration::from_millis(400);
        let error = client.ask(ModelRequest { deadline: Some(deadline), ..request(1) }).await.unwrap_err();
        assert!(Instant::now() >= deadline);
        let told = matches!(error.kind, ModelErrorKind::Unavailable | ModelErrorKind::Timeout);
        assert!(told, "{:?}: {error}", error.kind);
        let requests = provider.seen().requests;
        assert!((1..=2).contains(&requests), "{requests}");
        // Nobody goes on in the background.
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(provider.seen().requests, requests);
    }
}

#[tokio::test]
async fn a_deadline_that_has_passed_sends_nothing() {
    let provider = Provider::start(Script::default());
    let client = client(settings(5), [Backend::at("one", &provider, 1)]);
    let deadline = Instant::now().checked_sub(Duration::from_millis(1));
    let error = client.ask(ModelRequest { deadline, ..request(1) }).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unavailable);
    assert_eq!(provider.seen().requests, 0);
}

#[tokio::test]
async fn a_request_that_is_given_up_ends_at_the_provider_too() {
    let provider = Provider::start(Script::default().rule(When::Numbers(0..1), Deed::sent(Delivery::Never)));
    let client = client(settings(5), [Backend::at("one", &provider, 1)]);
    let waiting = tokio::time::timeout(Duration::from_millis(200), client.ask(request(0))).await;
    assert!(waiting.is_err());
    assert!(client.ask(request(1)).await.is_ok(), "its slot is free again");
    // Two would be in flight if the first were still held there; a server notices when its connection ends.
    let patience = Instant::now() + Duration::from_secs(20);
    while provider.in_flight() > 0 {
        assert!(Instant::now() < patience, "the provider still works on what nobody wants");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
