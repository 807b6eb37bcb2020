//! Limits that were told and limits that were not, against providers in virtual time.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and shows its figures")]

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

/// A number that a person said is no leave to hammer: it holds as far as the provider lets it.
#[tokio::test(start_paused = true)]
async fn what_a_person_said_gives_way_to_refusals() {
    for (limit, said, most, longest) in
        [(TEN_A_SECOND, 10, 10, 21.0), (TEN_A_SECOND, 100, 110, 21.0), (Limit::InFlight(10), 50, 60, 11.0)]
    {
        let (service, seen) = provider(limit).service("provider");
        let spec = spec("provider", Parallelism::Fixed(said));
        let client = Client::builder(ClientSettings::default()).backend(spec, service).build().unwrap();
        let (answered, refused, seconds) = outcome(&client, &seen, 200).await;
        println!("{limit:?}, {said} said: {answered} / {refused} / {seconds:.2}");
        assert_eq!(answered, 200);
        assert!(refused <= most && seconds <= longest, "{refused} refusals, {seconds} s");
    }
}

/// The figures must not hang on one latency, one spread or one way of saying 429. What is least well learned is a
/// bucket much smaller than what the rate lets be in flight (40/s with a bucket of 10 and answers after 1.5 s): bursts
/// in step look just like slots to it.
#[tokio::test(start_paused = true)]
async fn learning_holds_for_other_providers_too() {
    for (latency, spread, refusal, retry_after) in [
        (500, 0.2, 2, true),
        (500, 0.5, 20, true),
        (300, 0.1, 5, false),
        (599, 0.0, 2, true),
        (1_500, 0.3, 50, true),
    ] {
        for start in [10, 50, 100] {
            for (limit, bound) in [
                (Limit::Rate { per_second: 5.0, bucket: 5.0 }, 1.15),
                (Limit::Rate { per_second: 5.0, bucket: 10.0 }, 1.15),
                (Limit::Rate { per_second: 10.0, bucket: 10.0 }, 1.2),
                (Limit::Rate { per_second: 40.0, bucket: 40.0 }, 2.0),
                (Limit::Rate { per_second: 40.0, bucket: 10.0 }, 2.5),
                (Limit::InFlight(10), 1.05),
            ] {
                let one = Provider {
                    latency: Duration::from_millis(latency),
                    spread,
                    refusal_latency: Duration::from_millis(refusal),
                    retry_after,
                    ..provider(limit)
                };
                let (answered, refused, seconds) = untold(one, start, 200).await;
                let own = latency as f64 / 1e3;
                let by_slots = (200.0 / start as f64).ceil() * own;
                let by_limit = match limit {
                    Limit::Rate { per_second, bucket } => (200.0 - bucket) / per_second + own,
                    _ => 20.0 * own,
                };
                let ratio = seconds / by_limit.max(by_slots);
                let case =
                    format!("latency {latency} ms ± {spread}: {ratio:.3} of the ideal, {refused} refusals");
                assert_eq!(answered, 200, "{case}");
                assert!(ratio <= bound && refused <= start + 25, "{limit:?}, {start} at once, {case}");
            }
        }
    }
}

/// On a real network requests overtake each other, and which of a burst are refused is chance. What is measured from two
/// bursts is then off by a few requests, most of all where bursts follow each other closely: too fast a pace must mend
/// at once, too slow a one grows.
#[tokio::test(start_paused = true)]
async fn learning_holds_where_requests_overtake_each_other() {
    let mut worst = (0.0f64, 0);
    for (per_second, latency) in [(10.0, 500), (20.0, 200), (50.0, 100), (100.0, 50)] {
        for (start, jitter) in [(10, 2), (10, 8), (30, 5), (100, 8)] {
            for seed in 0..8 {
                let one = Provider {
                    latency: Duration::from_millis(latency),
                    jitter: Duration::from_millis(jitter),
                    seed,
                    ..provider(Limit::Rate { per_second, bucket: per_second })
                };
                let (answered, refused, seconds) = untold(one, start, 400).await;
                let ideal = (400.0 - per_second) / per_second + latency as f64 / 1e3;
                worst = (worst.0.max(seconds / ideal), worst.1.max(refused.saturating_sub(start)));
                assert_eq!(answered, 400);
            }
        }
    }
    println!("at worst {:.3} of the ideal and {} refusals beyond one burst", worst.0, worst.1);
    assert!(worst.0 <= 1.8 && worst.1 <= 20, "{worst:?}");
}

/// Six hundred in each minute of the clock, all of which may come at once: nothing but waiting helps.
#[tokio::test(start_paused = true)]
async fn a_window_that_is_used_up_is_waited_out_without_hammering() {
    let (answered, refused, seconds) =
        untold(provider(Limit::Window { most: 600.0, seconds: 60.0 }), 50, 1_000).await;
    assert_eq!(answered, 1_000);
    assert!(refused <= 120 && seconds <= 90.0, "{refused} refusals, {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn two_keys_do_not_disturb_each_other_and_one_key_is_shared() {
    let ten = ToldLimits { requests_per_minute: Some(600), tokens_per_minute: None };
    let (limited, limited_seen) = provider(TEN_A_SECOND).service("limited");
    let (free, free_seen) = provider(Limit::None).service("free");
    let fixed = Parallelism::Fixed(10);
    let one = sheaf_llm::BackendSpec { limits: ten, ..spec("limited", fixed) };
    let client = Client::builder(ClientSettings::default())
        .backend(one.clone(), limited)
        .backend(spec("free", fixed), free)
        .build()
        .unwrap();
    let began = Instant::now();
    assert!(client.ask_all(requests(400)).await.iter().all(Result::is_ok));
    let seconds = began.elapsed().as_secs_f64();
    // 20/s of the free one beside 10/s of the other.
    assert!(seconds <= 14.5, "{seconds}");
    assert_eq!(limited_seen.refused() + free_seen.refused(), 0);

    let (service, seen) = provider(TEN_A_SECOND).service("shared");
    let client = Client::builder(ClientSettings::default())
        .backend(sheaf_llm::BackendSpec { key: "k".to_owned(), ..one.clone() }, service.clone())
        .backend(sheaf_llm::BackendSpec { key: "k".to_owned(), name: Arc::from("second"), ..one }, service)
        .build()
        .unwrap();
    assert!(client.ask_all(requests(100)).await.iter().all(Result::is_ok));
    assert_eq!(seen.refused(), 0);
}
