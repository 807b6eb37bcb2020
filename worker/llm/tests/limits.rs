//! Limits that were told and limits that were not, against providers in virtual time.

mod provider;

use std::{sync::Arc, time::Duration};

use provider::{Limit, Provider, Seen, provider, requests, spec};
use sheaf_llm::{Client, ClientSettings, Parallelism, ToldLimits};
use tokio::time::Instant;

const TEN_A_SECOND: Limit = Limit::Rate { per_second: 10.0, bucket: 10.0 };

fn client(provider: Provider, start: usize, limits: ToldLimits) -> (Client, Arc<Seen>) {
    let (service, seen) = provider.service("provider");
    let mut spec = spec("provider", Parallelism::Adaptive { start, most: start });
    spec.limits = limits;
    (Client::builder(ClientSettings::default()).backend(spec, service).build().unwrap(), seen)
}

/// Answered, refused, seconds.
async fn outcome(client: &Client, seen: &Seen, count: u64) -> (usize, usize, f64) {
    let began = Instant::now();
    let answers = client.ask_all(requests(count)).await;
    let seconds = began.elapsed().as_secs_f64();
    let answered = answers.iter().filter(|answer| answer.is_ok()).count();
    (answered, seen.refused(), seconds)
}

async fn untold(provider: Provider, start: usize, count: u64) -> (usize, usize, f64) {
    let (client, seen) = client(provider, start, ToldLimits::default());
    let outcome = outcome(&client, &seen, count).await;
    println!("{:?} {start} at once, not told: {outcome:?}", provider.limit);
    outcome
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_was_told_provokes_no_refusal() {
    for start in [10, 100] {
        let told = ToldLimits { requests_per_minute: Some(600), tokens_per_minute: None };
        let (client, seen) = client(provider(TEN_A_SECOND), start, told);
        let (answered, refused, seconds) = outcome(&client, &seen, 200).await;
        println!("told, {start} at once: {answered} / {refused} / {seconds:.2}");
        assert_eq!((answered, refused), (200, 0));
        assert!(seconds <= 20.1, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_tokens_that_was_told_provokes_no_refusal() {
    for start in [10, 100] {
        let tokens = Limit::Rate { per_second: 300.0, bucket: 300.0 };
        let told = ToldLimits { requests_per_minute: None, tokens_per_minute: Some(18_000) };
        let (client, seen) = client(Provider { units: 30.0, ..provider(tokens) }, start, told);
        let (answered, refused, seconds) = outcome(&client, &seen, 200).await;
        println!("told tokens, {start} at once: {answered} / {refused} / {seconds:.2}");
        assert_eq!((answered, refused), (200, 0));
        assert!(seconds <= 22.5, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_was_not_told_is_learned_at_10_at_once() {
    let (answered, refused, seconds) = untold(provider(TEN_A_SECOND), 10, 200).await;
    assert_eq!(answered, 200);
    assert!(refused <= 10 && seconds <= 21.0, "{refused} refusals, {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_was_not_told_is_learned_at_100_at_once() {
    let (answered, refused, seconds) = untold(provider(TEN_A_SECOND), 100, 200).await;
    assert_eq!(answered, 200);
    assert!(refused <= 110 && seconds <= 21.0, "{refused} refusals, {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn slots_that_were_not_told_are_learned() {
    let (answered, refused, seconds) = untold(provider(Limit::InFlight(10)), 50, 200).await;
    assert_eq!(answered, 200);
    assert!(refused <= 60 && seconds <= 11.0, "{refused} refusals, {seconds} s");
}

/// The figures must not hang on one latency, one spread or one way of saying 429.
#[tokio::test(start_paused = true)]
async fn learning_holds_for_other_providers_too() {
    let mut worst = (0.0f64, 0.0f64);
    for (latency, spread, refusal, retry_after) in [
        (500, 0.2, 2, true),
        (500, 0.5, 20, true),
        (300, 0.1, 5, false),
        (599, 0.0, 2, true),
        (1_500, 0.3, 50, true),
    ] {
        for start in [10, 50, 100] {
            for per_second in [5.0, 10.0, 40.0] {
                for limit in [
                    Limit::Rate { per_second, bucket: per_second },
                    Limit::Rate { per_second, bucket: 10.0 },
                    Limit::InFlight(10),
                ] {
                    let one = Provider {
                        latency: Duration::from_millis(latency),
                        spread,
                        refusal_latency: Duration::from_millis(refusal),
                        retry_after,
                        ..provider(limit)
                    };
                    let (answered, refused, seconds) = untold(one, start, 200).await;
                    assert_eq!(answered, 200);
                    let own = latency as f64 / 1e3;
                    let by_slots = (200.0 / start as f64).ceil() * own;
                    let (ideal, burst) = match limit {
                        Limit::Rate { per_second, bucket } => {
                            (((200.0 - bucket) / per_second + own).max(by_slots), start as f64 + 10.0)
                        }
                        _ => ((20.0 * own).max(by_slots), start as f64 + 10.0),
                    };
                    println!(
                        "   latency {latency} ± {spread}, refusals after {refusal} ms: {:.3} of the ideal, {refused} refusals",
                        seconds / ideal
                    );
                    worst = (worst.0.max(seconds / ideal), worst.1.max(refused as f64 / burst));
                }
            }
        }
    }
    println!("worst: {worst:?}");
    assert!(worst.0 <= 1.3 && worst.1 <= 1.5, "{worst:?}");
}
