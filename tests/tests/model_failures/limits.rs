//! Limits that change, and neighbours that must not disturb each other.

use std::{sync::Arc, time::Duration};

use sheaf_llm::{Client, HttpBackend, MemoryLimiter, ToldLimits};
use sheaf_tests::provider::{Deed, Limit, Provider, Script, Waits, When};

use crate::models::{Backend, all_answered, client, request, requests, settings};

fn rate(per_minute: f64, bucket: f64) -> Limit {
    Limit::Requests { per_minute, bucket }
}

#[tokio::test]
async fn headers_that_drift_are_followed() {
    // Nobody told a limit. Headers say 6,000 a minute, and from the thirtieth request on 600.
    let script = Script {
        limit: rate(6_000.0, 100.0),
        later: vec![(30, rate(600.0, 10.0))],
        announces: true,
        waits: Waits::Milliseconds,
        ..Script::latency(Duration::from_millis(20))
    };
    for whose in [sheaf_llm::config::Provider::Custom, sheaf_llm::config::Provider::Anthropic] {
        let provider = Provider::start(script.clone());
        let client = client(settings(5), [Backend::in_dialect(whose, "one", &provider, 5).adaptive()]);
        let answers = client.ask_all(requests(60)).await;
        assert!(all_answered(&answers), "{whose}");
        let seen = provider.seen();
        assert_eq!(seen.status(200), 60);
        // Those that were on their way when the limit fell, and as many for what they teach.
        assert!(seen.status(429) <= 10, "{whose}: {:?}", seen.statuses);
        let told = client.statistics();
        assert_eq!(told.rate_limited, seen.status(429) as u64);
    }
}

#[tokio::test]
async fn two_providers_at_once_do_not_disturb_each_other() {
    // One refuses everything, the other has no limit: one pool, and two clients.
    let refusal = Deed::error(429).header("retry-after", "3600");
    let refusing = Provider::start(Script::default().rule(When::Always, refusal));
    let free = Provider::start(Script::latency(Duration::from_millis(10)));
    let both = [Backend::at("refusing", &refusing, 4).adaptive(), Backend::at("free", &free, 4)];
    let pool = client(settings(5), both.clone());
    assert!(all_answered(&pool.ask_all(requests(100)).await));
    assert_eq!(free.seen().status(200), 100);
    assert!(refusing.seen().requests <= 10, "{}", refusing.seen().requests);

    let [refused, free_one] = both.map(|backend| client(settings(5), [backend]));
    let waiting = tokio::spawn(async move { refused.ask(request(1)).await.map(drop) });
    let answers = free_one.ask_all(requests(100)).await;
    assert!(all_answered(&answers));
    assert!(answers.iter().flatten().all(|answered| answered.attempts == 1));
    assert_eq!(free_one.statistics().retries, 0);
    assert!(!waiting.is_finished(), "it waits for its own provider");
    waiting.abort();
}

#[tokio::test]
async fn the_limit_of_one_backend_does_not_slow_another() {
    // 60 a minute, told, beside no limit: the second takes nearly all. A bucket of three forgives a busy machine.
    let slow = Provider::start(Script { limit: rate(60.0, 3.0), ..Script::default() });
    let free = Provider::start(Script::latency(Duration::from_millis(10)));
    let backends = [Backend::at("slow", &slow, 4).told(60), Backend::at("free", &free, 4)];
    let client = client(settings(5), backends);
    assert!(all_answered(&client.ask_all(requests(200)).await));
    assert_eq!(slow.seen().status(429), 0);
    assert!(slow.seen().status(200) >= 1 && free.seen().status(200) >= 100, "{}", free.seen().status(200));
}

#[tokio::test]
async fn two_runs_in_one_process_that_share_a_key_share_its_limit() {
    let limit = rate(6_000.0, 100.0);
    let provider = Provider::start(Script { limit, ..Script::latency(Duration::from_millis(10)) });
    let told = ToldLimits { requests_per_minute: Some(6_000), tokens_per_minute: None };
    let shared = Arc::new(MemoryLimiter::new(told));
    let run = |name: &str| {
        let Backend { config, mut spec } = Backend::at(name, &provider, 20);
        spec.key = "shared".to_owned();
        let builder = Client::builder(settings(5)).limiter("shared", shared.clone());
        builder.backend(spec, HttpBackend::new(&config).unwrap()).build().unwrap()
    };
    let (one, two) = (run("one"), run("two"));
    let (first, second) = tokio::join!(one.ask_all(requests(120)), two.ask_all(requests(120)));
    assert!(all_answered(&first) && all_answered(&second));
    let seen = provider.seen();
    assert_eq!(seen.status(200), 240);
    // Each for itself would have sent two bursts and twice the rate: about a hundred too many. A busy machine may
    // push a few together.
    assert!(seen.status(429) <= 24, "{:?}", seen.statuses);
    assert_eq!(one.statistics().answered + two.statistics().answered, 240);
}
